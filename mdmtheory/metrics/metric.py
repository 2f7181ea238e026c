"""What a metric is: a number that the sums of one measure give, with its interval, and how it is called and drawn."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from mdmtheory.core.estimate import Ends, Estimate, Kind, WithheldError
from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.means import LEAST_TERMS, Moments, mean_interval, price
from mdmtheory.metrics.sums import Sums

PROBABILITY = "probability"
"""The unit of what lies from 0 to 1, is 0 for an exact sampler, and is read in decades where it spans some."""


@dataclass(frozen=True)
class Measured:
    """What was measured of one model on one language: sums over sequences, and what else a metric may have to know.

    `kind` is what the mean of -log p(x) is to TER; with `max_errors` drawing stopped at so many wrong sequences.
    `facts` is what the measure said of the model (`Measure.facts_of`), by name, `kind` among it where it did. What
    other measures made of the same model stands in `besides`, by measure.
    """

    sums: Sums
    length: WholeNumber
    kind: Kind = "estimate"
    max_errors: WholeNumber | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    besides: Mapping[str, Measured] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        sums: Sums,
        length: int,
        facts: Mapping[str, Any],
        max_errors: int | None = None,
        besides: Mapping[str, Measured] | None = None,
    ) -> Measured:
        """With the kind that stands among the facts, an estimate where none does."""
        return cls(sums, length, facts.get("kind", "estimate"), max_errors, facts, besides or {})

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", whole_number(self.length, "length", 1))
        if self.max_errors is not None:
            object.__setattr__(self, "max_errors", whole_number(self.max_errors, "max_errors", 1))

    def mean(self, name: str, level: float, count: int | None = None, least: int = LEAST_TERMS) -> Ends:
        """The mean of a sum and its interval (core/means.py), over all sequences or `count` of them.

        Corrected for skewness where the sums of cubes, `NAME_cubed`, are there. Of equal terms in nats one that was not
        seen is taken to be as far away as a sequence costs, -log p(x) in the mean where that was summed, and 1 at
        least. WithheldError where the terms are too few, below `least` at all, for an interval that holds.
        """
        count = self.sums.whole("sequences") if count is None else count
        sums = self.sums
        moments = Moments.from_sums(count, sums[name], sums[f"{name}_squared"], sums.get(f"{name}_cubed"))
        unseen = price(sums.get("nats", 0.0) / max(count, 1))
        return mean_interval(moments, level, unseen=unseen, least=least)


class Metric(ABC):
    """A number of a model and a language. Subclass it, or give an object these attributes and `estimate`.

    Needed are `name` (one word that no other metric has), `needs`, the name of a measure (draw, score, score_plans),
    and `sums`, the names of those that `estimate` reads. The others have defaults.
    """

    name: str
    needs: str
    sums: tuple[str, ...]
    optional: tuple[str, ...] = ()
    """Sums that it reads besides where they were made: what is `later` in a measure was not always summed."""
    besides: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Sums that it reads of other measures of the same cell, by the name of the measure."""
    unit: str = ""
    since: int = 1
    """The least version of its measure that has its sums."""
    fewest: int = 1
    """Sequences below which nothing is said of it at all."""
    asked: bool = True
    """Whether it may be asked for; the others come with `check`."""
    brings: tuple[str, ...] = ()
    """Metrics of the same sums that are shown wherever it is."""
    brings_of_learned: tuple[str, ...] = ()
    """Metrics that are measured besides wherever it is of a trained network."""
    relative: bool = False
    """Whether the width of its interval is read in parts of its value."""
    form: int = 1
    """Raise it where equal sums come to another number or interval than before: rows that are published say theirs."""
    column: float = math.inf
    """Where it stands among the columns of a table and in lists of what can be drawn."""

    @property
    def short(self) -> str:
        """What it is called in a sentence."""
        return self.name

    @property
    def heading(self) -> str:
        """What stands over its column in a table."""
        return self.short

    @property
    def label(self) -> str:
        """What stands on its axis; empty for what is not drawn."""
        return self.short

    @abstractmethod
    def estimate(self, measured: Measured, level: float) -> Estimate:
        """The number and its interval at a level; WithheldError with reason and count where it cannot be trusted."""


def estimated(metric: Metric, measured: Measured, level: float) -> Estimate:
    """What a metric makes of the sums that it names, and of no others; WithheldError where one was not yet summed."""
    missing = [name for name in metric.sums if name not in measured.sums]
    for measure, names in metric.besides.items():
        other = measured.besides.get(measure)
        missing += [f"{name} of {measure}" for name in names if other is None or name not in other.sums]
    if missing:
        raise WithheldError(f"{', '.join(missing)} not summed, measure anew", measured.sums.whole("sequences"))
    return metric.estimate(read_by(metric, measured), level)


def read_by(metric: Metric, measured: Measured) -> Measured:
    """With the sums that a metric names, and those that it may read besides where they are there, alone."""
    others = {
        measure: replace(measured.besides[measure], sums=measured.besides[measure].sums.only(names))
        for measure, names in metric.besides.items()
    }
    optional = [name for name in metric.optional if name in measured.sums]
    return replace(measured, sums=measured.sums.only([*metric.sums, *optional]), besides=others)
