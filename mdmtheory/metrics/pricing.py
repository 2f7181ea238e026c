"""What the information curve prices: the plan average of -log p(x), from reveals in random order, one at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Kind
from mdmtheory.core.given import Given
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.prompts import Prompt, answer_length, answers_in
from mdmtheory.core.streams import stream_states
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.models.contexts import score_contexts
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.models.noise import uniforms_of
from mdmtheory.plans import Ancestral, FirstHitting, FixedSizes
from mdmtheory.samplers.by_block import block_lengths, by_block
from mdmtheory.samplers.planned import plans_alone
from mdmtheory.schedules import ancestral_weights, fixed_weights


def curve_priced(model: Any, language: Any = None) -> bool:
    """Whether the plan average of -log p_plan(x) is taken from reveals in random order, one at a time.

    That holds in expectation wherever a step reveals a uniformly random set of positions, of a block in block
    diffusion. Where the language has independent tokens every plan of the exact denoiser has p_plan(x) = q(x), and one
    drawn plan says so without noise, while the weights of single reveals do not cancel. Fixed sizes are scored plan by
    plan all the same: their few weights fall on single reveals, so on the preset HMM (L = 512, N = 64) the curve's
    standard deviation is 45 nats a sequence against 2.6.
    """
    return is_ancestral(model) and not (language is not None and language.independent_tokens)


def is_ancestral(model: Any) -> bool:
    """Whether it is masked or block diffusion over ancestral plans whose tokens are drawn from the marginals."""
    return type(model) in (MaskedDiffusion, BlockDiffusion) and type(model.plan_law) is Ancestral


@whole_numbers(seed=0, first=0, threads=1, block=1)
def reveal_costs(
    denoiser: Any,
    tokens: Any,
    seed: int,
    first: int,
    threads: int | None = 1,
    *,
    block: int | None = None,
    given: Given | None = None,
) -> Float[np.ndarray, "count answer"]:
    """-log p(x_i | revealed) in nats when x is revealed one position at a time in random order, by number revealed.

    With `block`, in random order inside blocks of so many positions, which come from left to right. With `given`, of
    the answer's positions, the prompt being revealed from the start.

    A denoiser with `reveals` M is asked at M of the n numbers revealed, drawn evenly spaced for each sequence, so at
    each with probability M/n: what it says there counts n/M times and the others are 0, in expectation the same.
    """
    length = tokens.shape[1]
    key = ["curve", denoiser.identity, length, seed]
    if block is not None:
        key = [*key, block]
    model = random_walk(denoiser, block)
    if given is not None:
        key = [*key, "given", given.text]
    states = stream_states(key, first, len(tokens))
    prompt = None if given is None else Prompt(given.prompts_of(tokens, denoiser.vocab_size), denoiser.vocab_size)
    plan, answers = model.draw_plans(states, answer_length(prompt, length)), answers_in(prompt, tokens)
    asked = model.denoiser.reveals
    if asked is None or asked >= plan.shape[1]:
        costs = -model.run(plan, tokens=answers, prompt=prompt, threads=threads).log_probs
    else:
        only = _some_reveals(plan, asked, [*key, "reveals", asked], first)
        run = score_contexts(model.denoiser, plan, answers, prompt=prompt, only=only, threads=threads)
        costs = np.where(only, -run.log_probs, 0.0) * (plan.shape[1] / asked)
    return np.take_along_axis(costs, np.argsort(plan, axis=1, kind="stable"), axis=1)


def random_walk(denoiser: Any, block: int | None) -> MaskedDiffusion:
    """The model that reveals one position at a time in random order, in blocks of so many positions from the left."""
    if block is None:
        return MaskedDiffusion(denoiser, sampler=FirstHitting())
    inside = by_block(FirstHitting(), block)
    return MaskedDiffusion.in_blocks(denoiser, block, sampler=inside, steps=None, schedule="linear")


def _some_reveals(
    plan: Int[np.ndarray, "count answer"], reveals: int, key: Any, first: int
) -> Bool[np.ndarray, "count answer"]:
    """The positions revealed at so many evenly spaced numbers revealed, from a random first one on (systematic)."""
    count, length = plan.shape
    offset = uniforms_of(stream_states(key, first, count), np.arange(count), 1)
    chosen = np.floor((offset + np.arange(reveals)) * length / reveals).astype(np.int64)
    order = np.argsort(plan, axis=1, kind="stable")
    asked = np.zeros(plan.shape, dtype=np.bool_)
    np.put_along_axis(asked, np.take_along_axis(order, chosen, axis=1), True, axis=1)
    return asked


@whole_numbers(length=1)
def curve_weights(model: MaskedDiffusion | BlockDiffusion, length: int) -> Float[np.ndarray, "length"]:
    """How many tokens the model's plans reveal, in expectation, with m others revealed before, m = 0..length-1.

    docs/theory.md, 2.1 (ours): s_k at M_k for fixed sizes, L * sum_k w_k * Binomial(L-1, a_{k-1}) for ancestral plans,
    1 for one position at a time. In block diffusion the same of each block, m counting those of the blocks before too.
    """
    law = None if model.plan_law is None else plans_alone(model.plan_law)
    if isinstance(law, FirstHitting):
        return np.ones(length)
    if not isinstance(law, Ancestral | FixedSizes):
        raise ValueError(f"sampler {model.sampler.spec} is neither ancestral nor fixed; their curve weights are known")
    fixed = isinstance(law, FixedSizes)
    sizes = block_lengths(length, model.block) if isinstance(model, BlockDiffusion) else [length]
    weights = []
    for size in sizes:
        reveals = model.schedule.sizes(size, model.steps) if fixed else model.schedule.revealed_fractions(model.steps)
        weights.append(_curve_weights(fixed, reveals.tobytes(), size))
    return weights[0] if len(weights) == 1 else np.concatenate(weights)


@lru_cache(maxsize=256)
def _curve_weights(fixed: bool, reveals: bytes, length: int) -> Float[np.ndarray, "length"]:
    """`curve_weights` of fixed sizes or revealed fractions, kept: every chunk of a sweep asks for the same ones."""
    if fixed:
        weights = fixed_weights(np.frombuffer(reveals, dtype=np.int64))
    else:
        weights = ancestral_weights(np.frombuffer(reveals), length)
    weights.setflags(write=False)
    return weights


def scored(model: Any, tokens: Any, seed: int = 0, **options: Any) -> Float[np.ndarray, "count"]:
    """log p(x) in nats, of the kind that the model has announced; ProtocolError where it is of another kind."""
    found = model.log_prob(tokens, seed, **options)
    announced = model.log_prob_kind
    if found.kind != announced:
        raise ProtocolError(
            f"log_prob of model {model.spec} is of kind {found.kind!r}, and its log_prob_kind {announced!r} (exact "
            "where there is none); let both say the same"
        )
    values: Float[np.ndarray, "count"] = found.values
    return values


def ter_kind(model: Any) -> Kind:
    """What the mean of -log p(x) is to TER: an estimate where log p is exact, else (Jensen) of an upper bound.

    ValueError with the reason where the model has no log p.
    """
    return "estimate" if model.log_prob_kind == "exact" else "upper bound"
