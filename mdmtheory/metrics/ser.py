"""SER: the probability that a sequence of the model is wrong."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import anytime_binomial, clopper_pearson
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.register import registered
from mdmtheory.core.threads import within_its_threads
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.metrics.draw import Draw
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import PROBABILITY, Measured, Metric
from mdmtheory.metrics.ser_shared import SerShared, SharedWalks
from mdmtheory.metrics.ser_sharp import SerSharp, StepWalks
from mdmtheory.metrics.ser_tilted import SerTilted, TiltedWalks
from mdmtheory.metrics.ser_walk import SerWalk, WalkMeasure, Walks, check_method
from mdmtheory.metrics.sums import Sums
from mdmtheory.models.fitting import held_to
from mdmtheory.prompts.registry import OWN, given_positions


@registered("metric", place=1, sources=("feng2025",))
class Ser(Metric):
    """SER by drawing: the share of drawn sequences that are outside the language."""

    name, short, unit = "ser", "SER", PROBABILITY
    label = "SER (probability that\na sequence is wrong)"
    needs, sums = "draw", ("sequences", "errors")
    brings_of_learned = ("z",)
    column = 1.0

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """Clopper-Pearson at a fixed count, anytime-valid when errors stopped the drawing."""
        errors, count = measured.sums.whole("errors"), measured.sums.whole("sequences")
        interval = clopper_pearson if measured.max_errors is None else anytime_binomial
        low, high = interval(errors, count, level)
        return Estimate(errors / count, low, high, level, "estimate", count)


_BY_WALKS: dict[str, tuple[WalkMeasure, Metric]] = {
    "walk": (Walks(), SerWalk()),
    "sharp": (StepWalks(), SerSharp()),
    "shared": (SharedWalks(), SerShared()),
    "tilted": (TiltedWalks(), SerTilted()),
}


@whole_numbers(length=1, count=1, seed=0, max_errors=1, threads=1)
@shows_progress
@within_its_threads
def ser(
    model: Any,
    language: LanguageLike,
    length: int,
    *,
    count: int = 1000,
    seed: int = 0,
    method: str = "draws",
    max_errors: int | None = None,
    level: float = 0.95,
    threads: int | None = None,
    prompt: Any = OWN,
    progress: bool | None = None,
) -> Estimate:
    """SER(p) = 1 - p(support of q) (2502.09622), from `count` drawn sequences.

    With `max_errors`, drawing stops at the first batch that reaches so many errors, and the interval is the
    anytime-valid one; without, it is Clopper-Pearson.

    `method` "walk" counts no errors: sequences are drawn that never leave the language, and the chance to leave it on
    the way is averaged, which is SER with less variance, far less where SER is small (docs/theory.md, 5.1; ours). For
    masked and block diffusion with laws over plans or samplers that look at the context only, and for autoregression.
    Its interval is that of a mean (core/means.py): it knows nothing of sequences unlike all that were seen.
    "sharp" draws whole steps on condition that they can be completed, and sums the mass that cannot: a small SER keeps
    its digits, and the upper end holds for every law (docs/theory.md, 5.2; ours). For laws over plans, and languages
    that say what can be completed (`Language.support`); core.estimate.WithheldError where too few walks carry it.
    "shared" is for random order (`ancestral`) with the exact denoiser, which errs only where two positions share a
    step: plans are drawn so, near positions first, and weighed. With many steps it needs far fewer walks, and its
    interval, which holds for every law, is as short (docs/theory.md, 5.2; ours).
    "tilted" is for fixed plans with the exact denoiser of a chain of hidden states, where "sharp" sees too little mass
    die: half of the walks go through contexts in which tokens of a step are likely to exclude one another, weighed by
    how much likelier these were made; the upper end is that of half as many (docs/theory.md, 5.2; ours).

    `prompt` says what is given (`prompts.registry.given_positions`), by default what the language says itself: each
    sequence is then an answer to a prompt of its own, drawn from q, and is wrong where the two together are.
    """
    check_method(method)
    model, language = held_to(model, language)
    given = given_positions(prompt, language, length)
    if method != "draws":
        if max_errors is not None:
            raise ValueError(f"max_errors stops a count of errors, and method={method!r} counts none; leave it out")
        measure, metric = _BY_WALKS[method]
        [walked] = measure.count([model], Sequences(language, length, seed, 0, count, given), threads)
        return metric.estimate(Measured(walked, length), level)
    batch = count if max_errors is None else max(1, (1 << 15) // length)
    sums = Sums(sequences=0, errors=0)
    while (done := sums.whole("sequences")) < count and (max_errors is None or sums.whole("errors") < max_errors):
        of = Sequences(language, length, seed, done, min(batch, count - done), given)
        [more] = Draw().count([model], of, threads)
        sums = Sums.over([sums, more])
    return Ser().estimate(Measured(sums, length, max_errors=max_errors), level)
