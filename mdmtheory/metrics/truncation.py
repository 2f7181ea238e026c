"""What cutting tokens off buys and costs: SER, the nats of what is kept, and what is cut, always together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import HEADINGS, Estimate, WithheldError
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import bounded_mean, clopper_pearson
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.means import Moments, mean_interval, price
from mdmtheory.core.threads import within_its_threads
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.ser import ser
from mdmtheory.models.asking import home
from mdmtheory.models.fitting import held_to
from mdmtheory.prompts.registry import OWN, given_positions
from mdmtheory.samplers.planned import token_laws


@dataclass(frozen=True)
class Truncation:
    """What options of draws that exclude tokens do to a model, in four numbers that say nothing apart.

    `ser` is its SER; `kept` the probability that a sequence x ~ q can be drawn at all, along its plan; `nats` the mean
    of -log p a token of those that can, None where fewer than 50 of those scored are; `cut` the mean mass that the
    denoiser has, where a token of x is set, on tokens that cannot be drawn there. TER is infinite below `kept` 1.
    """

    ser: Estimate
    kept: Estimate
    nats: Estimate | None
    cut: Estimate

    def _repr_html_(self) -> str:
        found = {"SER": self.ser, "kept": self.kept, "nats a kept token": self.nats, "mass cut": self.cut}
        return html_table(["", *HEADINGS], [[name, *each.cells] for name, each in found.items() if each is not None])


@whole_numbers(length=1, count=2, seed=0, threads=1)
@shows_progress
@within_its_threads
def truncation(
    model: Any,
    language: LanguageLike,
    length: int,
    *,
    count: int = 1000,
    seed: int = 0,
    method: str = "walk",
    level: float = 0.95,
    threads: int | None = None,
    prompt: Any = OWN,
    progress: bool | None = None,
) -> Truncation:
    """SER, nats of what is kept and the mass that is cut by a model's temperature 0, nucleus or min_p (ours).

    SER is measured by `method` (`ser`), the rest on `count` sequences of the language, each scored under one plan of
    the model or one shuffle of what ties (docs/theory.md, section 9). ValueError for a model without a sampler, or
    whose sampler has no log p. Where something is given (`prompt`, as for `ser`), all this is of answers.
    """
    model, language = held_to(model, language)
    of = Sequences(language, length, seed, 0, count, given_positions(prompt, language, length))
    if model.sampler is None:
        raise ValueError(f"{model.spec} has no sampler whose options could cut anything; use masked or block diffusion")
    tokens = of.tokens(threads)
    cut = np.zeros((count, of.answer_length))

    def witness(sequences: Any, shown: Any, at: Any, positions: Any, answers: Any) -> None:
        laws = home(answers)
        drawn = model.sampler.law(laws) if model.plan_law is None else token_laws(model.plan_law, laws)
        cut[sequences[at], positions] = np.where(drawn == 0, laws, 0.0).sum(axis=1)

    scored = model.scored(tokens, seed, witness=witness, threads=threads, **of.to_score(tokens))
    nats = -scored.log_probs.sum(axis=1) / of.answer_length
    kept = np.isfinite(nats)
    drawn: dict[str, Any] = {"count": count, "seed": seed, "method": method, "prompt": of.given}
    return Truncation(
        ser(model, language, length, level=level, threads=threads, **drawn),
        Estimate(kept.mean(), *clopper_pearson(int(kept.sum()), count, level), level, "estimate", count),
        _nats(nats[kept], level),
        _share(cut.mean(axis=1), level),
    )


def _nats(values: Float[np.ndarray, "kept"], level: float) -> Estimate | None:
    moments = Moments.of(values)
    try:
        ends = mean_interval(moments, level, unseen=price(moments.mean))
    except WithheldError:
        return None
    return Estimate(*ends, level, "estimate", moments.count)


def _share(values: Float[np.ndarray, "count"], level: float) -> Estimate:
    """The mean of numbers between 0 and 1, each of a sequence."""
    try:
        ends = mean_interval(Moments.of(values), level)
    except WithheldError:
        ends = bounded_mean(len(values), float(values.sum()), float((values**2).sum()), level)
    return Estimate(*ends, level, "estimate", len(values)).within(0.0, 1.0)
