"""SER as an expectation along walks that draw whole steps on condition that they can be completed.

Setting. A language whose support an automaton reads, any denoiser (the exact one among them), any law over plans; and
permutations with the exact denoiser.
Measured. 1 - SER, from the law of the model by enumeration.
Guarantee. Equal to E prod Z: Z is the mass that a step's product of laws has on tokens with which what stands can be
completed, and the walk draws each step from the product given that. With the exact denoiser a step of one token has
Z = 1. The walks are weighed by the enumerated Z, the product is of the one that the language's automaton gives, or its
closed form.
Constants. None.
Source. Ours, docs/theory.md 5.2.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.tokens import Tokens
from mdmtheory.denoisers import DENOISERS
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.exact.law import context_marginals, context_numbers, law
from mdmtheory.exact.reveals import all_plans
from mdmtheory.languages.permutation import Permutation
from mdmtheory.metrics.ser_sharp import SHARP_SEARCH
from mdmtheory.models.completable import check_completes, completable_rows
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, hmm2x3, small_languages
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, probability

Products = Float[np.ndarray, "plans sequences"]


def walks(setting: Setting) -> tuple[Products, Products]:
    """The probability of every walk, plan by plan and sequence by sequence of the support, and prod Z on its way."""
    model, length = _model(setting), setting.length
    q = joint(setting.language, length).reshape(-1)
    inside = all_sequences(setting.language.vocab_size, length)[q > 0]
    plans, weights = all_plans(model, length)
    said = context_marginals(model.denoiser, length)
    found = [_walks_of(setting, said, inside, plan) for plan in plans]
    return np.array([each[0] for each in found]) * weights[:, None], np.array([each[1] for each in found])


def _walks_of(
    setting: Setting, said: Any, inside: Tokens, plan: Int[np.ndarray, "length"]
) -> tuple[Float[np.ndarray, "sequences"], Float[np.ndarray, "sequences"]]:
    vocab_size, count = setting.language.vocab_size, len(inside)
    chances, products = np.ones(count), np.ones(count)
    rows = completable_rows(setting.language, np.full_like(inside, vocab_size))
    for step in np.unique(plan):
        positions = np.flatnonzero(plan == step)
        known = np.broadcast_to(plan < step, inside.shape)
        laws = said[context_numbers(inside, known, vocab_size)][:, positions]
        masses = _completable(inside, plan < step, positions, laws)
        own = np.take_along_axis(laws, inside[:, positions, None].astype(np.int64), axis=2)[:, :, 0].prod(axis=1)
        chances *= np.divide(own, masses, out=np.zeros(count), where=masses > 0)
        # A step that writes nothing possible is the end of its walks, which the chances know.
        where = np.repeat(np.arange(count), len(positions)), np.tile(positions, count)
        tokens = inside[:, positions].reshape(-1).astype(np.int64)
        kept = rows.score(*where, laws.reshape(-1, vocab_size), tokens)
        products *= np.exp(kept.reshape(count, -1).sum(axis=1))
    return chances, products


def _completable(
    inside: Tokens, known: Any, positions: Int[np.ndarray, "some"], laws: Float[np.ndarray, "sequences some vocab"]
) -> Float[np.ndarray, "sequences"]:
    """Z of one step in every sequence, over all tokens that it may write."""
    contexts: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    for row in inside:
        contexts.setdefault(tuple(row[known].tolist()), set()).add(tuple(row[positions].tolist()))
    found = np.zeros(len(inside))
    for i, row in enumerate(inside):
        for tokens in contexts[tuple(row[known].tolist())]:
            found[i] += np.prod([laws[i, j, token] for j, token in enumerate(tokens)])
    return found


def _model(setting: Setting) -> MaskedDiffusion:
    denoiser: Any = DENOISERS.build(setting.options["denoiser"], setting.language)
    return MaskedDiffusion(denoiser, sampler=setting.options["sampler"], steps=setting.steps, schedule=setting.schedule)


def _requires_plans_and_completion(setting: Setting) -> None:
    sampler = as_sampler(setting.options["sampler"])
    if not sampler.oblivious:
        raise HypothesisError(f"{sampler.spec} looks at the sequence; pass a law over plans")
    try:
        check_completes(setting.language, setting.length, _model(setting).denoiser)
    except MisfitError as misfit:
        raise HypothesisError(str(misfit)) from None


def _sides(setting: Setting) -> Sides:
    chances, products = walks(setting)
    right = float((chances * products).sum())
    p = law(_model(setting), setting.language, setting.length)
    measured = float(p[joint(setting.language, setting.length) > 0].sum())
    return Sides(Estimate.exact(measured), Estimate.exact(right), f"SER {1 - right:.6g}")


def _settings() -> list[Setting]:
    learners = ("perturbed:epsilon=0.1", "window:width=1", "oracle")
    languages = small_languages()
    rows = [
        STATEMENT.setting(language, 4, steps, denoiser=denoiser, sampler=sampler)
        for language, (denoiser, sampler, steps) in itertools.product(
            languages, zip(learners, ("fixed", "ancestral", "stride"), (2, 2, 2), strict=True)
        )
    ]
    rows += [STATEMENT.setting(hmm2x3(), 4, 2, "cosine", denoiser=each, sampler="blocks") for each in learners]
    rows += [
        STATEMENT.setting(Permutation(items=4), length, steps, denoiser="oracle", sampler=sampler)
        for length, steps, sampler in ((4, 2, "ancestral"), (3, 1, "stride"), (4, 2, "blocks"))
    ]
    return [*rows, STATEMENT.setting(bigram3(), 5, 1, denoiser="oracle", sampler="ancestral")]


def _logarithms_first(setting: Setting, bound: float) -> float:
    chances, products = walks(setting)
    with np.errstate(divide="ignore"):
        return float(np.exp((chances * np.log(products)).sum()))


def _walks_of_language(setting: Setting, bound: float) -> float:
    chances, products = walks(setting)
    q = joint(setting.language, setting.length).reshape(-1)
    return float(chances.sum(axis=1) @ products @ q[q > 0])


STATEMENT = Statement(
    id="ser_of_steps",
    number=34,
    says="1 - SER = E prod Z along walks of whole steps",
    source="ours; docs/theory.md 5.2",
    sources=(SHARP_SEARCH,),
    direction="=",
    sides=_sides,
    settings=_settings,
    hypotheses="a language whose support an automaton reads and any denoiser, or permutations and the exact one; laws "
    "over plans; small enough to enumerate",
    requires=_requires_plans_and_completion,
    options={"denoiser": "perturbed:epsilon=0.1", "sampler": "ancestral"},
    known=probability,
    twins=(
        twins.bounded(
            "the mean of log Z in place of Z",
            _logarithms_first,
            lambda it: it.setting(bigram3(), 4, 2, denoiser="oracle"),
            "walks that hardly die and walks that nearly do must be averaged as they are",
        ),
        twins.bounded(
            "walks drawn from the language",
            _walks_of_language,
            lambda it: it.setting(bigram3(), 4, 2, denoiser="oracle"),
            "a step drawn from its product given the support is not drawn from q",
        ),
    ),
)
