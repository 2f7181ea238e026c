"""SER of a denoiser that errs, as an expectation along walks that do not.

Setting. Any language, any denoiser (the exact one among them), any law over plans, and samplers that look at the
context only, with ties=lowest.
Measured. 1 - SER, from the law of the model by enumeration.
Guarantee. Equal to E prod (1 - z) along the conditioned walk: tokens are drawn one after the other from the denoiser's
law given what earlier steps revealed, cut to what is possible under q given those and what the same step has drawn to
the left; z is the mass that was cut off. With single reveals z is the mass on tokens that q excludes in the context.
Constants. None.
Source. Ours, docs/theory.md 5.1.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.protocols import Denoiser
from mdmtheory.core.tokens import Tokens
from mdmtheory.denoisers import DENOISERS
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.exact.law import context_marginals, context_numbers, law
from mdmtheory.exact.reveals import all_plans
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.metrics.ser_walk import WALK_SEARCH
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, hmm2x3, small_languages
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, probability

Shares = Float[np.ndarray, "sequences length"]


def walk_of_each(
    setting: Setting, model: MaskedDiffusion, sequences: Tokens, plans: Int[np.ndarray, "sequences length"]
) -> tuple[Shares, Shares]:
    """Of sequences of the support, each with its plan: z, and the walk's chance of the token, at every position."""
    vocab_size = setting.language.vocab_size
    exact = context_marginals(setting.language.oracle(), setting.length)
    said = context_marginals(model.denoiser, setting.length)
    z, chances = np.zeros(sequences.shape), np.zeros(sequences.shape)
    for i in range(setting.length):
        before = plans < plans[:, i : i + 1]
        to_the_left = (plans == plans[:, i : i + 1]) & (np.arange(setting.length) < i)
        laws = said[context_numbers(sequences, before, vocab_size), i]
        possible = exact[context_numbers(sequences, before | to_the_left, vocab_size), i] > 0
        kept = np.where(possible, laws, 0.0)
        # Where the denoiser gives up, or has nothing on what is possible, all is cut off.
        z[:, i] = np.where(kept.any(axis=1), np.where(possible, 0.0, laws).sum(axis=1), 1.0)
        mass = kept.sum(axis=1)
        drawn = np.take_along_axis(kept, sequences[:, i : i + 1].astype(np.int64), axis=1)[:, 0]
        chances[:, i] = np.divide(drawn, mass, out=np.zeros_like(mass), where=mass > 0)
    return z, chances


def walks(setting: Setting) -> tuple[Float[np.ndarray, "plans sequences"], Float[np.ndarray, "plans sequences length"]]:
    """The probability of every walk, plan by plan, and z on its way."""
    model, length = _model(setting), setting.length
    q = joint(setting.language, length).reshape(-1)
    sequences = all_sequences(setting.language.vocab_size, length)[q > 0]
    if model.plan_law is None:
        plans, weights = model.replay(sequences).plan[None], np.ones(1)
    else:
        listed, weights = all_plans(model, length)
        plans = np.broadcast_to(listed[:, None], (len(listed), *sequences.shape))
    found = [walk_of_each(setting, model, sequences, plan) for plan in plans]
    chances = np.array([each.prod(axis=1) for _, each in found]) * weights[:, None]
    return chances, np.array([z for z, _ in found])


def _model(setting: Setting) -> MaskedDiffusion:
    denoiser: Denoiser = DENOISERS.build(setting.options["denoiser"], setting.language)
    return MaskedDiffusion(denoiser, sampler=setting.options["sampler"], steps=setting.steps, schedule=setting.schedule)


def _requires_context_only(setting: Setting) -> None:
    sampler = as_sampler(setting.options["sampler"])
    if not sampler.oblivious and (sampler.scored_as is not sampler or sampler.sees_order):
        raise HypothesisError(
            f"{sampler.spec} looks at what it draws, changes tokens, or breaks ties at random; pass a law over plans, "
            "or a sampler that looks at the context only with ties=lowest"
        )


def _sides(setting: Setting) -> Sides:
    chances, z = walks(setting)
    right = float((chances * (1 - z).prod(axis=2)).sum())
    p = law(_model(setting), setting.language, setting.length)
    measured = float(p[joint(setting.language, setting.length) > 0].sum())
    note = f"SER {1 - right:.6g}, E sum z {float((chances * z.sum(axis=2)).sum()):.6g}"
    return Sides(Estimate.exact(measured), Estimate.exact(right), note)


def _settings() -> list[Setting]:
    learners = ("perturbed:epsilon=0.1", "window:width=1", "oracle")
    rows = [
        STATEMENT.setting(language, 4, steps, denoiser=denoiser, sampler=sampler)
        for language in (*small_languages(), EqualPairs(vocab_size=2))
        for denoiser, sampler, steps in zip(learners, ("first_hitting", "ancestral", "stride"), (4, 2, 2), strict=True)
    ]
    samplers = ("left_to_right", "confidence:ties=lowest", "entropy_bound:gamma=0.3,ties=lowest")
    rows += [STATEMENT.setting(bigram3(), 5, 5, denoiser=learners[0], sampler=each) for each in samplers]
    rows += [STATEMENT.setting(hmm2x3(), 4, 2, "cosine", denoiser=each, sampler="blocks") for each in learners]
    return rows


def _z_first(setting: Setting, bound: float) -> float:
    chances, z = walks(setting)
    mean = np.tensordot(chances, z, axes=([0, 1], [0, 1])) / chances.sum()
    return float((1 - mean).prod())


def _walks_of_language(setting: Setting, bound: float) -> float:
    chances, z = walks(setting)
    q = joint(setting.language, setting.length).reshape(-1)
    return float((chances.sum(axis=1) @ (1 - z).prod(axis=2)) @ q[q > 0])


STATEMENT = Statement(
    id="ser_of_walks",
    number=24,
    says="1 - SER = E prod (1 - z) along walks that stay possible",
    source="ours; docs/theory.md 5.1",
    sources=(WALK_SEARCH,),
    direction="=",
    sides=_sides,
    settings=_settings,
    hypotheses="any language and denoiser, laws over plans, and samplers that look at the context only with "
    "ties=lowest; small enough to enumerate",
    requires=_requires_context_only,
    options={"denoiser": "perturbed:epsilon=0.1", "sampler": "first_hitting"},
    known=probability,
    twins=(
        twins.bounded(
            "z averaged before it is multiplied",
            _z_first,
            lambda it: it.setting(bigram3(), 4, 4),
            "what dies on the way is not independent from step to step",
        ),
        twins.bounded(
            "walks drawn from the language",
            _walks_of_language,
            lambda it: it.setting(bigram3(), 4, 4),
            "the walk is the denoiser's, cut to what is possible, and goes elsewhere than q",
        ),
    ),
)
