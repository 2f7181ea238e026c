"""The law of a model over whole sequences, by enumeration: the test of everything else."""

from __future__ import annotations

import math
from copy import copy
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.contracts import as_denoiser, as_model
from mdmtheory.core.given import Given
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import counted, shows_progress
from mdmtheory.core.protocols import Language, SequenceModel
from mdmtheory.core.threads import over_rows, within_its_threads
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.exact.conditioned import ShownPrompt
from mdmtheory.exact.constrained import constrained_cost, constrained_law
from mdmtheory.exact.draws import draws_cost, law_by_draws, require_closed_law
from mdmtheory.exact.enumeration import Law, all_sequences, asked, check_feasible, joint, power
from mdmtheory.exact.noised import uniform_cost, uniform_law
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.models.fitting import check_takes_prompts, held_to
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.models.uniform import UniformDiffusion
from mdmtheory.prompts.registry import OWN
from mdmtheory.samplers.by_block import PlansByBlock, block_lengths
from mdmtheory.samplers.planned import plans_alone, token_laws
from mdmtheory.samplers.ties import all_orders, shuffle_count

_REPLAYED_TOGETHER = 1 << 16
"""Sequences, about, that are replayed at once."""

Marginals = Float[np.ndarray, "contexts length vocab_size"]


@whole_numbers(length=1, threads=1)
@shows_progress
@within_its_threads
def law(
    model: SequenceModel,
    language: LanguageLike,
    length: int,
    *,
    prompt: Any = OWN,
    threads: int | None = None,
    progress: bool | None = None,
) -> Law:
    """p(x) of every sequence, shape (V,)*length; what it lacks to 1 went to impossible contexts.

    Masked diffusion over any law over plans: a fixed plan by its product of marginals, random subsets (ancestral,
    fixed, first_hitting) by recursion over subsets in O(N (3V)^L). With a sampler that looks at its draws: by all of
    them (`law_by_draws`). With one that looks at the context only: by replay, and where it breaks ties at random by the
    mean over the L! shuffles. Block diffusion as masked diffusion block by block. Steps that are constrained by the
    same recursion. Uniform diffusion by its transitions, O(N V^2L). Other models, classes that extend these among them,
    by their log_prob where that is exact.
    ValueError with the cost where it is not feasible.

    `prompt` is either which positions are given (`given_positions`; by default as the language says, and most say
    none): then q(prompt) p(answer | prompt), prompts being drawn from q. Or it is one prompt, tokens (length,) with the
    mask where nothing is given: then p(answer | prompt), 0 where a sequence has another prompt. ValueError for a model
    that takes no prompt.
    """
    model, language = held_to(model, language)
    language.validate_length(length)
    row, given = asked(prompt, language, length)
    if given is not None:
        check_takes_prompts(model)
        return _law_given(model, row, given, threads) if len(row) else _joint_law(model, language, given, threads)
    return law_alone(model, language.vocab_size, length, threads)


def law_alone(model: Any, vocab_size: int, length: int, threads: int | None) -> Law:
    """`law` where nothing is given."""
    if type(model) is BlockDiffusion:
        model = model.masked
    shape = (vocab_size,) * length
    if type(model) is MaskedDiffusion and model.constraint is not None:
        return constrained_law(model, length, threads)
    if type(model) is MaskedDiffusion and model.plan_law is not None:
        return _masked_law(model, length, threads).reshape(shape)
    if type(model) is MaskedDiffusion and not model.replayable:
        if _given_a_shuffle(model):
            return _law_over_shuffles(model, length, threads).reshape(shape)
        return law_by_draws(model, length, threads=threads)
    if type(model) is UniformDiffusion:
        return uniform_law(model, length, threads=threads)
    scored = model.log_prob(all_sequences(vocab_size, length), 0, threads=threads)
    _check_exact(model, scored.kind)
    return np.exp(scored.values).reshape(shape)


def _law_given(model: Any, prompt: Tokens, given: Given, threads: int | None) -> Law:
    """`law` given one prompt: that of the answers, by a denoiser that was shown the prompt, in its place."""
    vocab_size, answered = model.vocab_size, given.answer_length
    if type(model) in (MaskedDiffusion, BlockDiffusion):
        model = copy(model.masked if type(model) is BlockDiffusion else model)
        if model.constraint is not None:
            answers = constrained_law(model, answered, threads, shown=prompt)
        else:
            model.denoiser = ShownPrompt(model.denoiser, prompt)
            answers = law_alone(model, vocab_size, answered, threads)
    else:
        sequences = all_sequences(vocab_size, answered)
        whole = np.repeat(prompt, len(sequences), axis=0)
        whole[:, ~given.positions] = sequences
        scored = model.log_prob(whole, 0, prompt=given.prompts_of(whole, vocab_size), threads=threads)
        _check_exact(model, scored.kind)
        answers = np.exp(scored.values).reshape((vocab_size,) * answered)
    out = np.zeros((vocab_size,) * given.length)
    shown = prompt[0].tolist()
    out[tuple(slice(None) if mask else token for mask, token in zip(~given.positions, shown, strict=True))] = answers
    return out


def _check_exact(model: Any, kind: str) -> None:
    if kind != "exact":
        raise ValueError(f"log_prob of the model {model.spec} is a {kind}; its law cannot be enumerated")


def _joint_law(model: Any, language: Language, given: Given, threads: int | None) -> Law:
    """`law` of prompts drawn from q and the model's answers to them."""
    vocab_size = language.vocab_size
    if type(model) not in (MaskedDiffusion, BlockDiffusion):
        _check_exact(model, as_model(model).log_prob_kind)
    check_feasible(law_cost(model, given.length, given), 0, f"the answers to every prompt at {given.text}")
    of_prompts = joint(language, given.length).sum(axis=tuple(np.flatnonzero(~given.positions)))
    out = np.zeros((vocab_size,) * given.length)
    for tokens in np.argwhere(of_prompts > 0):
        prompt = np.full((1, given.length), vocab_size, dtype=token_dtype(vocab_size))
        prompt[0, given.positions] = tokens
        out += of_prompts[tuple(tokens)] * _law_given(model, prompt, given, threads)
    return out


@whole_numbers(length=1)
def law_cost(model: SequenceModel, length: int, given: Given | None = None) -> float:
    """Operations that `law` takes, about, to decide whether to call it; infinite where it refuses whatever the size.

    With positions `given`, those for every prompt.
    """
    vocab_size = model.vocab_size
    if given is not None:
        prompts = power(vocab_size, length - given.answer_length)
        return prompts * law_cost(model, given.answer_length) + length * power(vocab_size, length)
    every = power(vocab_size, length)
    if type(model) is UniformDiffusion:
        return uniform_cost(model, length)
    if type(model) is BlockDiffusion:
        model = model.masked
    if type(model) is not MaskedDiffusion:
        return length * every if as_model(model).log_prob_kind == "exact" else math.inf
    if model.constraint is not None:
        return constrained_cost(model, length)
    if not model.sampler.has_closed_law:
        return math.inf
    contexts = length * vocab_size * power(vocab_size + 1, length)
    if model.plan_law is None:
        if _given_a_shuffle(model):
            return _shuffles_cost(model, length)
        return length * contexts if model.replayable else draws_cost(model, length)
    plan_law = plans_alone(model.plan_law)
    if plan_law.fixed:
        return contexts
    if isinstance(plan_law, PlansByBlock):
        return contexts + _cost_by_block(model, plan_law, length)
    steps = plan_law.steps_taken(length, model.steps)
    return contexts + steps * power(3 * vocab_size, length) if plan_law.subset_law else math.inf


@whole_numbers(length=1, threads=1)
def context_marginals(denoiser: Any, length: int, *, threads: int | None = None) -> Marginals:
    """The denoiser's conditionals in each of the (V+1)^L partly masked contexts, numbered as by `context_numbers`."""
    denoiser = as_denoiser(denoiser)
    vocab_size = denoiser.vocab_size
    entries = power(vocab_size + 1, length) * length * vocab_size
    # Conditionals come with a few copies of themselves.
    check_feasible(entries * length, 4 * 8 * entries, f"{vocab_size + 1}^{length} contexts")
    return denoiser.conditionals(all_sequences(vocab_size + 1, length), threads=threads)


def context_numbers(
    sequences: Tokens, revealed: Bool[np.ndarray, "*rows length"], vocab_size: int
) -> Int[np.ndarray, "count"]:
    """The number of each sequence's context when only the positions where `revealed` holds are shown."""
    base = vocab_size + 1
    places = base ** np.arange(sequences.shape[1])[::-1]
    return np.where(revealed, sequences, vocab_size).astype(np.int64) @ places


def _given_a_shuffle(model: MaskedDiffusion) -> bool:
    """Whether p(x) given a shuffle of the positions is what replaying the sampler gives."""
    sampler = model.sampler
    return not sampler.oblivious and sampler.sees_order and sampler.has_closed_law and sampler.scored_as is sampler


def _law_over_shuffles(model: MaskedDiffusion, length: int, threads: int | None) -> Float[np.ndarray, "count"]:
    """The mean of p(x) over shuffles, each from a replay of every sequence."""
    vocab_size = model.vocab_size
    what = f"{vocab_size}^{length} sequences in {length}! shuffles (ties=lowest has one)"
    check_feasible(_shuffles_cost(model, length), 8 * 4 * length * power(vocab_size, length), what)
    sequences, orders = all_sequences(vocab_size, length), all_orders(length)
    out = np.zeros(len(sequences))
    together = max(1, _REPLAYED_TOGETHER // len(sequences))
    for begin in counted(range(0, len(orders), together), "batches of orders"):
        some = orders[begin : begin + together]
        tokens = np.tile(sequences, (len(some), 1))
        run = model.replay(tokens, order=np.repeat(some, len(sequences), axis=0), threads=threads)
        out += np.exp(run.log_probs.sum(axis=1)).reshape(len(some), -1).sum(axis=0)
    return out / len(orders)


def _shuffles_cost(model: MaskedDiffusion, length: int) -> float:
    """Operations of `_law_over_shuffles`, about: marginals of every position in every step of a replay."""
    vocab_size = model.vocab_size
    return shuffle_count(length) * length**2 * vocab_size * power(vocab_size, length)


def _masked_law(model: MaskedDiffusion, length: int, threads: int | None) -> Float[np.ndarray, "count"]:
    assert model.plan_law is not None
    require_closed_law(model.plan_law)
    plan_law = plans_alone(model.plan_law)
    vocab_size = model.vocab_size
    if isinstance(plan_law, PlansByBlock) and not plan_law.fixed:
        return _law_by_block(model, plan_law, length, threads)
    subset_law = plan_law.subset_law
    if not plan_law.fixed and subset_law is None:
        raise ValueError(
            f"the law over plans {plan_law.spec} is neither fixed nor has a `subset_law`; its law cannot be enumerated"
        )
    steps = plan_law.steps_taken(length, model.steps)
    if not plan_law.fixed:
        what = f"{vocab_size}^{length} sequences in {steps} steps"
        check_feasible(steps * power(3 * vocab_size, length), 8 * steps * power(2, length), what)
    sequences = all_sequences(vocab_size, length)
    marginals = token_laws(model.plan_law, context_marginals(model.denoiser, length, threads=threads))
    if plan_law.fixed or subset_law is None:
        plan = plan_law.draw(np.zeros((1, 4), dtype=np.uint64), length, model.steps, model.schedule)[0]
        return law_of_plan(marginals, plan, sequences)
    return _law_of_subsets(marginals, subset_law(length, model.steps, model.schedule), sequences, threads)


def _law_by_block(
    model: MaskedDiffusion, plans: PlansByBlock, length: int, threads: int | None
) -> Float[np.ndarray, "count"]:
    """The product over blocks of their laws given what stands before them, all later positions masked."""
    vocab_size, law = model.vocab_size, plans.law
    whole = model.plan_law
    assert whole is not None
    if law.subset_law is None:
        raise ValueError(f"the law over plans {law.spec} has no `subset_law`; its law cannot be enumerated")
    size = 4 * 8 * length * vocab_size * power(vocab_size + 1, min(plans.block, length))
    check_feasible(_cost_by_block(model, plans, length), size, f"{vocab_size}^{length} sequences block by block")
    out, begin = np.ones(1), 0
    for size in block_lengths(length, plans.block):
        sequences, contexts = all_sequences(vocab_size, size), all_sequences(vocab_size + 1, size)
        subsets = law.subset_law(size, model.steps, model.schedule)
        shown = np.full((len(contexts), length), vocab_size, dtype=contexts.dtype)
        shown[:, begin : begin + size] = contexts
        given = np.zeros((len(out), len(sequences)))
        for number in np.flatnonzero(out):
            if begin:
                shown[:, :begin] = np.unravel_index(number, (vocab_size,) * begin)
            marginals = token_laws(whole, model.denoiser.conditionals(shown, threads=threads)[:, begin : begin + size])
            given[number] = _law_of_subsets(np.ascontiguousarray(marginals), subsets, sequences, threads)
        out = (out[:, None] * given).reshape(-1)
        begin += size
    return out


def _cost_by_block(model: MaskedDiffusion, plans: PlansByBlock, length: int) -> float:
    """Operations of `_law_by_block`, about; infinite where the law inside cannot be enumerated."""
    if plans.law.subset_law is None:
        return math.inf
    cost, begin = 0.0, 0
    for size in block_lengths(length, plans.block):
        each = plans.law.steps_taken(size, model.steps) * power(3 * model.vocab_size, size)
        each += length * model.vocab_size * power(model.vocab_size + 1, size)
        cost += power(model.vocab_size, begin) * each
        begin += size
    return cost


def _law_of_subsets(
    marginals: Marginals, subset_law: Float[np.ndarray, "steps revealed size"], sequences: Tokens, threads: int | None
) -> Float[np.ndarray, "count"]:
    """p of sequences whose positions are revealed in random subsets."""
    from mdmtheory.kernels.enumeration import exchangeable_law

    subsets = np.ascontiguousarray(subset_law.transpose(1, 2, 0))
    out = np.empty(len(sequences))
    wide = sequences.astype(np.int64)
    over_rows(lambda a, b: exchangeable_law(marginals, subsets, wide[a:b], out[a:b]), len(sequences), threads)
    return out


def law_of_plan(marginals: Marginals, plan: Int[np.ndarray, "length"], sequences: Tokens) -> Float[np.ndarray, "count"]:
    """p_plan(x) of some sequences: the product over steps of the marginals of what they reveal, given what was before.

    `marginals` as by `context_marginals`.
    """
    vocab_size = marginals.shape[2]
    out = np.ones(len(sequences))
    for step in np.unique(plan):
        context = context_numbers(sequences, plan < step, vocab_size)
        for position in np.flatnonzero(plan == step):
            out *= marginals[context, position, sequences[:, position]]
    return out
