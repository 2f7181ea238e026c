"""Measures and metrics by name: those that stand in this room, and metrics of a user's own."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Protocol, runtime_checkable

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.guards import Contract, guarded
from mdmtheory.core.integers import whole_number
from mdmtheory.core.origin import is_built_in
from mdmtheory.core.plugins import built_by_plug_in, conforming, load_object
from mdmtheory.core.register import Register
from mdmtheory.metrics.measure import Measure
from mdmtheory.metrics.metric import Measured, Metric

MEASURES = Register("measure", "mdmtheory.metrics")
METRICS = Register("metric")


@cache
def measures() -> dict[str, Measure]:
    """Every measure, by name."""
    return {name: MEASURES.build(name) for name in MEASURES.built_in}


@cache
def built_in_metrics() -> tuple[Metric, ...]:
    """Every metric that comes with the package, in the order of its rows."""
    return tuple(METRICS.build(name) for name in METRICS.built_in)


def place_of(metric: Metric) -> tuple[int, str]:
    """Where its rows stand among those of a cell: what is not built in comes last, by name."""
    known = METRICS.built_in
    return (known.index(metric.name) if metric.name in known else len(known)), metric.name


def as_metric(metric: Any) -> Metric:
    """A metric itself, or the one that a text names: built in, of an installed package, or `module:name` of one's own.

    What is not built in stands behind a guard, and is loaded only here, where somebody names it. ValueError for what is
    unknown or no metric.
    """
    if not isinstance(metric, str):
        return _guarded(metric, "the metric")
    for known in built_in_metrics():
        if known.name == metric:
            return known
    if ":" in metric and "=" not in metric:
        return _guarded(load_object(metric), f"metric {metric}")
    return _guarded(METRICS.build(metric), f"metric {metric}")


def as_metrics(chosen: Iterable[Any]) -> tuple[Metric, ...]:
    """The metrics of a list, each once and in order; ValueError where two go by one name, were it of one class."""
    found: dict[str, Metric] = {}
    for metric in map(as_metric, {each if isinstance(each, str) else id(each): each for each in chosen}.values()):
        known = found.setdefault(metric.name, metric)
        if known != metric and not (is_built_in(metric) and type(known) is type(metric)):
            raise ValueError(f"two metrics go by the name {metric.name}; give one of them another")
    return tuple(sorted(found.values(), key=place_of))


@runtime_checkable
class MetricLike(Protocol):
    """What an object must have to be a metric; what else there is has defaults (`Metric`)."""

    name: str
    needs: str
    sums: tuple[str, ...]

    def estimate(self, measured: Measured, level: float) -> Estimate:
        """The number and its interval at a level."""


def _guarded(metric: Any, what: str) -> Metric:
    if inspect.isclass(metric):
        metric = built_by_plug_in(what, metric)
    found: Metric = guarded(conforming(metric, what, MetricLike), METRIC, what)
    return found


def _name(metric: Any, found: Any) -> str:
    if not isinstance(found, str) or not found.isidentifier():
        raise ValueError(f"is {found!r}; give one word, such as my_metric")
    if found in METRICS.built_in:
        raise ValueError(f"is {found!r}, which is taken; give a name of its own")
    return found


def _needs(metric: Any, found: Any) -> str:
    if found not in measures():
        raise ValueError(f"is {found!r}; give the name of a measure: {', '.join(measures())}")
    return str(found)


def _sums(metric: Any, found: Any) -> tuple[str, ...]:
    return _sums_of(metric.needs, found)


def _sums_of(name: str, found: Any) -> tuple[str, ...]:
    measure = measures()[name]
    made = (*measure.whole, *measure.real)
    if not isinstance(found, tuple | list) or not found or not set(found) <= set(made):
        raise ValueError(f"is {found!r}; name some of those that measure {measure.name} makes: {', '.join(made)}")
    return tuple(found)


def _optional(metric: Any, found: Any) -> tuple[str, ...]:
    return _sums(metric, found) if found else ()


def _besides(metric: Any, found: Any) -> dict[str, tuple[str, ...]]:
    others = [name for name in measures() if name != metric.needs]
    if not isinstance(found, Mapping) or not set(found) <= set(others):
        raise ValueError(f"is {found!r}; name sums by the measure that makes them, one of {', '.join(others)}")
    return {measure: _sums_of(measure, names) for measure, names in found.items()}


def _estimate(metric: Any, found: Any, measured: Measured, level: float) -> Estimate:
    if not isinstance(found, Estimate):
        raise ValueError(f"returned a {type(found).__name__}; return a mdmtheory.Estimate, or raise WithheldError")
    if found.kind != "exact" and found.level != level:
        raise ValueError(f"returned an interval of level {found.level}; make it of level {level}")
    ends = (found.value, found.low, found.high)
    if any(map(_infinite, ends)) and not any(map(_infinite, measured.sums.values())):
        raise ValueError(
            f"returned {found.value} [{found.low}, {found.high}] of finite sums; raise WithheldError instead"
        )
    return found


def _infinite(value: float) -> bool:
    return abs(value) == float("inf")


def _text(metric: Any, found: Any) -> str:
    if not isinstance(found, str):
        raise ValueError(f"is {found!r}; give a text")
    return found


def _truth(metric: Any, found: Any) -> bool:
    if not isinstance(found, bool):
        raise ValueError(f"is {found!r}; give True or False")
    return found


def _brings(metric: Any, found: Any) -> tuple[str, ...]:
    if not isinstance(found, tuple | list) or not set(found) <= set(METRICS.built_in):
        raise ValueError(f"is {found!r}; name some of {', '.join(METRICS.built_in)} in a tuple")
    return tuple(found)


def _column(metric: Any, found: Any) -> float:
    if not isinstance(found, int | float) or math.isnan(found):
        raise ValueError(f"is {found!r}; give a number")
    return found


def _since(metric: Any, found: Any) -> int:
    measure = measures()[metric.needs]
    since = whole_number(found, "it", 1)
    if since > measure.version:
        raise ValueError(f"is {since}, and measure {measure.name} has version {measure.version}; give that or less")
    return since


METRIC = Contract(
    "metric",
    {"estimate": _estimate},
    {
        "name": _name,
        "needs": _needs,
        "sums": _sums,
        **dict.fromkeys(("short", "heading", "label", "unit"), _text),
        "optional": _optional,
        "besides": _besides,
        **dict.fromkeys(("brings", "brings_of_learned"), _brings),
        "column": _column,
        **dict.fromkeys(("asked", "relative"), _truth),
        "since": _since,
        **dict.fromkeys(("fewest", "form"), lambda metric, found: whole_number(found, "it", 1)),
    },
    defaults=Metric,
)
