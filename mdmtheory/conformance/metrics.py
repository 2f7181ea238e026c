"""What a metric promises: a number of the sums that it names, however they came together, with an honest interval."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from mdmtheory.conformance.report import DoesNotApplyError, RefutedError, Report, Trial, make
from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.languages.ngram import NGram
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured, Metric, read_by
from mdmtheory.metrics.registry import as_metric, measures
from mdmtheory.metrics.sums import Sums
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.oracles.oracle import Oracle

_LANGUAGE = NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]])
_SAMPLERS = ("ancestral", "blocks")
_COUNT, _LENGTH = 1000, 6
_LEVELS = (0.5, 0.9, 0.99)
_ROUNDING = 1e-9


def check_metric(metric: Any) -> Report:
    """Try everything that a metric promises; ValueError for what is none. It is an object, or named as in a sweep.

    >>> check_metric("ser").passed
    True
    """
    found = as_metric(metric)
    return make("metric", found.name, TRIALS, MetricCase(found))


@dataclass(frozen=True)
class MetricCase:
    """A metric, and what its measure sums over sequences of a small language."""

    metric: Metric

    @cached_property
    def model(self) -> MaskedDiffusion:
        """One that is wrong sometimes, and that its measure takes: in random order, or else by a fixed plan."""
        in_random_order, fixed = (MaskedDiffusion(Oracle(_LANGUAGE), sampler=each, steps=2) for each in _SAMPLERS)
        try:
            measures()[self.metric.needs].facts_of(in_random_order)
        except ValueError:
            return fixed
        return in_random_order

    def measured(self, size: int, count: int = _COUNT) -> Measured:
        """The sums of `count` sequences, taken together from runs of so many."""
        besides = {name: self._by(name, size, count) for name in self.metric.besides}
        return replace(self._by(self.metric.needs, size, count), besides=besides)

    def _by(self, name: str, size: int, count: int) -> Measured:
        measure = measures()[name]
        runs = [Sequences(_LANGUAGE, _LENGTH, 0, at, min(size, count - at)) for at in range(0, count, size)]
        sums = Sums.over([measure.count([self.model], run)[0] for run in runs])
        return Measured.of(sums, _LENGTH, measure.facts_of(self.model))

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """What it makes of the sums that it names; DoesNotApplyError where that is withheld."""
        try:
            return self.metric.estimate(read_by(self.metric, measured), level)
        except WithheldError as withheld:
            raise DoesNotApplyError(f"withheld of {_COUNT} sequences: {withheld.reason}") from None


def _alike(one: Estimate, other: Estimate, where: str) -> None:
    pairs = zip((one.value, one.low, one.high), (other.value, other.low, other.high), strict=True)
    if any(abs(a - b) > _ROUNDING * max(1.0, abs(a)) for a, b in pairs) or one.kind != other.kind:
        raise RefutedError(f"{one} {where}, else {other}")


def _with_others(measured: Measured, read: Measured) -> Measured:
    """With other sums than were measured, but for those that are read."""
    others = {name: 3 * value + 1 for name, value in measured.sums.items() if name not in read.sums}
    return replace(measured, sums=Sums(measured.sums, **others))


def _reads(case: MetricCase) -> str:
    measured = case.measured(_COUNT)
    found = case.estimate(measured)
    read = read_by(case.metric, measured)
    besides = {name: _with_others(of, read.besides[name]) for name, of in measured.besides.items()}
    _alike(case.metric.estimate(replace(_with_others(measured, read), besides=besides), 0.95), found, "of other sums")
    return f"{found} of {', '.join(case.metric.sums)}"


def _cut(case: MetricCase) -> str:
    found = case.estimate(case.measured(_COUNT))
    for size in (64, 333):
        _alike(case.estimate(case.measured(size)), found, f"in runs of {size}")
    return f"{found} in runs of 64, of 333 and in one"


def _level(case: MetricCase) -> str:
    measured = case.measured(_COUNT)
    found = [case.estimate(measured, level) for level in _LEVELS]
    if found[0].kind == "exact" or found[0].level == 1:
        return "it is a fact of its sample"
    for narrow, wide in pairwise(found):
        if narrow.low < wide.low or narrow.high > wide.high:
            raise RefutedError(f"[{narrow.low:.6g}, {narrow.high:.6g}] at {narrow.level} reaches out of {wide}")
    if found[0].high - found[0].low >= found[-1].high - found[-1].low:
        raise RefutedError(f"the interval is as wide at level {_LEVELS[0]} as at {_LEVELS[-1]}: {found[-1]}")
    return f"{found[0]} and {found[-1]}"


def _few(case: MetricCase) -> str:
    if case.metric.fewest > 1:
        return f"nothing is said of fewer than {case.metric.fewest} sequences"
    try:
        found = case.metric.estimate(case.measured(1, 1), 0.95)
    except WithheldError as withheld:
        return f"withheld: {withheld.reason}"
    if found.low == found.high and found.kind != "exact" and found.level < 1:
        raise RefutedError(f"one sequence gives {found}, without doubt")
    return f"{found} of one sequence"


TRIALS: tuple[Trial[MetricCase], ...] = (
    Trial("sums", "an estimate from the sums that it names, whatever the others are", "name them in `sums`", _reads),
    Trial("runs", "the same number however the sequences were counted", "let it be a function of the sums", _cut),
    Trial("level", "an interval that widens with its level", "make the interval at `level`", _level),
    Trial("one sequence", "no certainty from one sequence", "raise WithheldError(reason, count) there", _few),
)
