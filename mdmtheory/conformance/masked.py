"""What is tried of every sampler inside masked diffusion, whether or not it looks at the sequence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np

from mdmtheory.conformance.drawing import Replaced, check_alone_or_together, check_refusals, check_seeds
from mdmtheory.conformance.prompts import kinds_at, of_model
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError, Trial, refuses
from mdmtheory.conformance.settings import LENGTH, oracle_for, small_languages, untied
from mdmtheory.conformance.watching import some_marginals
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.protocols import Denoiser, Language
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import canonical_json
from mdmtheory.exact.law import law
from mdmtheory.models.constraint import needed
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import PlanLawBase
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.planned import is_constrained

DRAWS = 6_000
"""Sequences that are held against an enumerated law."""

WATCHED = 64
"""Sequences of which each step is looked at."""

Kind = TypeVar("Kind", PlanLawBase, SamplerBase)


@dataclass(frozen=True)
class MaskedCase(ABC, Generic[Kind]):
    """A sampler to be tried, and the models that it makes."""

    sampler: Kind

    def model(
        self, language: Language, steps: int = 2, schedule: str = "cosine", denoiser: Denoiser | None = None
    ) -> MaskedDiffusion:
        """Masked diffusion with this sampler and the exact denoiser of a language, or another."""
        asked, own = denoiser or oracle_for(language, self.sampler), needed(language, self.sampler)
        return MaskedDiffusion(asked, sampler=self.sampler, steps=steps, schedule=schedule, **own)

    @property
    def languages(self) -> tuple[Language, ...]:
        """Small ones that it takes; of these none where equally probable steps differ, if it has but one outcome."""
        found = []
        for language in untied() if is_greedy(self.sampler) else small_languages():
            with suppress(MisfitError):
                self.model(language).validate_whole(LENGTH)
                found.append(language)
        return tuple(found)

    @property
    @abstractmethod
    def length(self) -> int:
        """A length that is not too short, if the sampler takes it."""

    @property
    @abstractmethod
    def random_places(self) -> bool:
        """Whether which positions come next is random, whatever was drawn."""


def is_greedy(sampler: Any) -> bool:
    """Whether each step takes the most probable tokens that can be completed."""
    return is_constrained(sampler) and sampler.temperature == 0


def check_names(sampler: Any) -> None:
    """RefutedError unless the spec can be typed, the identity is JSON, and what it says of itself True or False."""
    if not isinstance(sampler.spec, Spec) or Spec.parse(str(sampler.spec)).name != sampler.spec.name:
        raise RefutedError(f"spec is {sampler.spec!r}, which cannot be typed")
    try:
        canonical_json(sampler.identity)
    except (TypeError, ValueError) as error:
        raise RefutedError(f"identity is {sampler.identity!r}, no JSON value: {error}") from None
    for name in sampler.facts:
        if not isinstance(getattr(sampler, name), bool | np.bool_):
            raise RefutedError(f"{name} is {getattr(sampler, name)!r}")


def check_law(sampler: Any) -> int:
    """How many laws were tried; RefutedError where `law` gives what is none, or gives something to what cannot be."""
    marginals = some_marginals()
    law = np.asarray(sampler.law(marginals.copy()))
    if law.shape != marginals.shape or not (law >= 0).all():
        raise RefutedError(
            f"law gave shape {law.shape} with least entry {law.min():.3g} for marginals {marginals.shape}"
        )
    off = np.abs(law.sum(axis=1) - 1)
    if not off.max() <= 1e-9:
        raise RefutedError(f"law gave a row that sums to {law.sum(axis=1)[off.argmax()]:.9g}")
    invented = (law > 0) & (marginals <= 0)
    if invented.any():
        row = marginals[invented.any(axis=1)][0]
        raise RefutedError(f"a token of probability 0 may be drawn where the marginal is {row.tolist()}")
    return len(law)


def require_closed_law(case: MaskedCase[Any]) -> None:
    """DoesNotApplyError where tokens are drawn with noise of too few bits."""
    if not case.sampler.has_closed_law:
        raise DoesNotApplyError(f"the law of {case.sampler.precision} noise has no closed form")


def _greedy(case: MaskedCase[Any]) -> str:
    sampler: Any = case.sampler
    if not is_dataclass(sampler) or "temperature" not in {each.name for each in fields(sampler)}:
        raise DoesNotApplyError("it is no dataclass with a temperature")
    # Steps that are drawn together have at temperature 0 no say in ties, nor anything that could be cut.
    others = {"ties": "lowest", "nucleus": 1.0, "min_p": 0.0} if is_constrained(sampler) else {}
    cold: Any = replace(sampler, temperature=0.0, **others)  # type: ignore[type-var]
    refuses("temperature -1", lambda: replace(sampler, temperature=-1.0))  # type: ignore[type-var]
    law = np.asarray(cold.law(np.array([[0.2, 0.5, 0.3], [0.0, 0.1, 0.9]])))
    if not np.array_equal(law, [[0, 1, 0], [0, 0, 1]]):
        raise RefutedError(f"at temperature 0 the marginal 0.2, 0.5, 0.3 becomes {law[0].tolist()}")
    if case.sampler.remasks or case.random_places:
        return "one-hot laws at temperature 0"
    for language in untied():
        tokens = replace(case, sampler=cold).model(language, 3).sample(WATCHED, LENGTH, 0).tokens
        if (tokens != tokens[0]).any():
            raise RefutedError(
                f"temperature 0 drew {len(np.unique(tokens, axis=0))} different sequences ({language.spec})"
            )
    return "temperature 0 takes the most probable token, and always gives one sequence"


def _noise(case: MaskedCase[Any]) -> str:
    if not case.sampler.has_closed_law:
        raise RefutedError(f"precision is {case.sampler.precision}")
    return "inverse cumulative probabilities of float64 uniforms"


def _tokens_alone(case: MaskedCase[Any]) -> str:
    return _everywhere(case, ("tokens", "impossible"))


def _calls_alone(case: MaskedCase[Any]) -> str:
    return _everywhere(case, ("calls", "rounds"))


def _everywhere(case: MaskedCase[Any], fields: tuple[str, ...]) -> str:
    length = case.length
    return [check_alone_or_together(case.model(language, 3), length, fields) for language in untied()][-1]


def _seeds(case: MaskedCase[Any]) -> str:
    model = case.model(untied()[1], 3)
    return check_seeds(lambda seed: model.sample(64, LENGTH, seed).tokens)


def _float32(case: MaskedCase[Any]) -> str:
    different, drawn = 0, 0
    for language in untied():
        double = case.model(language)
        rounded = Replaced(double.denoiser, lambda marginals: marginals.astype(np.float32))
        single = case.model(language, denoiser=rounded)
        ours, theirs = (model.sample(1_000, LENGTH, 0).tokens for model in (single, double))
        different += int((ours != theirs).any(axis=1).sum())
        drawn += len(ours)
    seen = f"{different} of {drawn:,} sequences change when marginals are rounded to float32"
    if different > drawn // 500:
        raise RefutedError(seen)
    return seen


def _bad_marginals(case: MaskedCase[Any]) -> str:
    oracle = case.model(untied()[0]).denoiser
    return check_refusals(
        lambda change: case.model(untied()[0], 3, denoiser=Replaced(oracle, change)).sample(4, LENGTH, 0)
    )


def token_laws_trial(check: Callable[[Any], str]) -> Trial[Any]:
    """That tokens are drawn from laws, seen by a suite's own check."""
    return Trial(
        "token laws",
        "`law` gives probabilities that sum to 1, none to a token whose marginal is 0",
        "normalise the rows of `law`, and add nothing to zeros",
        check,
    )


GREEDY: Trial[MaskedCase[Any]] = Trial(
    "greedy",
    "temperature 0 takes the most probable token; below 0 is refused",
    "at temperature 0 let `law` put all on the most probable token",
    _greedy,
)
"""What temperature 0 is."""

NOISE: Trial[MaskedCase[Any]] = Trial(
    "noise",
    "tokens are drawn with float64 uniforms: float32 noise loses what is rarer than 2^-24 (2409.02908)",
    "use precision=float64",
    _noise,
)
"""With what chance tokens are drawn."""

STREAMS: tuple[Trial[MaskedCase[Any]], ...] = (
    Trial(
        "tokens alone",
        "a sequence is the same drawn alone or among others, whatever the threads",
        "let no row depend on another row, on what was called before, or on the batch's size",
        _tokens_alone,
    ),
    Trial(
        "calls alone",
        "calls and rounds of a sequence are the same drawn alone or among others",
        "let no row ask because another does",
        _calls_alone,
    ),
    Trial(
        "seeds",
        "one seed gives the same tokens again, another seed others",
        "take chance from the drawn tokens, or from the streams given, and from nowhere else",
        _seeds,
    ),
)
"""What keeps results the same, whatever runs beside them."""


def _prompt(case: MaskedCase[Any]) -> str:
    """Answers to one prompt of each of some languages, against the law given it."""
    seen = []
    for language, given in zip(untied(), kinds_at(LENGTH), strict=False):
        model = case.model(language)
        prompt = given.prompts_of(language.sample(1, LENGTH, 3), language.vocab_size)[0]
        try:
            model.validate_length(given.answer_length)
        except ValueError as reason:
            raise DoesNotApplyError(f"it takes no answers of {given.answer_length} tokens: {reason}") from None
        try:
            law_given = law(model, language, LENGTH, prompt=prompt)
        except ValueError:
            law_given = None
        try:
            seen.append(of_model(model, prompt, law_given, DRAWS))
        except RefutedError as refuted:
            raise RefutedError(f"{language.spec}, {given.text} given: {refuted}") from None
    return "; ".join(dict.fromkeys(seen))


PROMPTS: tuple[Trial[MaskedCase[Any]], ...] = (
    Trial(
        "prompt",
        "answers to a prompt keep it and follow the law given it, at p > 1e-6 (G-test)",
        "look at the positions and the length that are shown: where something is given, those of the answer alone",
        _prompt,
    ),
)
"""What is tried where something is given."""

MARGINALS: tuple[Trial[MaskedCase[Any]], ...] = (
    Trial(
        "float32",
        "marginals rounded to float32 change at most one sequence in 500, where nothing ties",
        "compare and rank probabilities, never their last bits or exact values",
        _float32,
    ),
    Trial(
        "bad marginals",
        "marginals that are NaN, negative, not normalised or of the wrong shape are refused in one line",
        "ask canvases through mdmtheory.models.asking.OpenCanvas",
        _bad_marginals,
    ),
)
"""What a denoiser may and may not give."""
