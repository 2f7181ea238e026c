"""From the counts in a store to rows: one for each cell and metric, every number with its interval and its kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdmtheory.core.notices import notice
from mdmtheory.core.printable import first_few, printable
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import canonical_json
from mdmtheory.sweeps.cell import sort_key
from mdmtheory.sweeps.chunks import total, until_stopped
from mdmtheory.sweeps.schema import Contents, StoredLanguage, StoredTask
from mdmtheory.sweeps.store import load

if TYPE_CHECKING:
    import pandas as pd

    from mdmtheory.core.estimate import Estimate
    from mdmtheory.metrics.counts import Counts
    from mdmtheory.sweeps.tasks import Task

CELL_COLUMNS = ("language", "length", "model", "denoiser", "sampler", "schedule", "steps", "seed")
COLUMNS = (*CELL_COLUMNS, "metric", "value", "low", "high", "level", "kind", "count", "calls", "rounds", "seconds")
METRIC_ORDER = ("ser", "ter", "ter_ratio", "cross_entropy", "ser_scored", "effective_size")
_WHOLE = ("length", "steps", "seed", "count")
_REAL = ("value", "low", "high", "level", "calls", "rounds", "seconds")


def read(store: str | Path, level: float = 0.95) -> pd.DataFrame:
    """The results in a store: one row for each cell and metric that its counts give, in the order of the cells.

    Columns: what the cell is (`language` to `seed`), `metric`, `value`, the interval `low`, `high` at `level`, `kind`,
    `count` of sequences, the mean `calls` and `rounds` of sequences drawn to their end (not given up at an impossible
    context), and `seconds` of one worker for these counts. What does not apply is empty. Where an estimate cannot be
    trusted `value` is empty and `kind` begins with "withheld" and says why; where noise took value or interval beyond
    what the quantity can be, they are cut there, and `kind` goes on ", cut from" with what was measured. The effective
    sample size of `ser_scored` has a row of its own, `effective_size`, of kind exact: it is a property of the very
    sample.

    `calls` and `rounds` are those of the sequences that the row itself counts; of a row of scores, those of the cell's
    drawn ones where the same versions drew them and no number of errors stopped it, else empty.

    What the store has of rows that are damaged, or that only a newer mdmtheory knows, is left out; a warning says so,
    and `frame.attrs["left_out"]` lists them with the reasons. `frame.attrs["digests"]` has the languages' digests, and
    `frame.attrs["families"]` what plug-ins say of how they are drawn.
    """
    return frame_of(load(store), level)


def frame_of(contents: Contents, level: float, metrics: Mapping[str, Iterable[str]] | None = None) -> pd.DataFrame:
    """The rows of a store's contents; `metrics`, by task, chooses among them (all by default)."""
    import pandas as pd

    check_level(level)
    chosen = (
        [contents.tasks[sha] for sha in metrics if sha in contents.tasks] if metrics is not None else newest(contents)
    )
    names = _language_names(contents)
    costs = _costs(contents)
    left_out = _left_out(contents, metrics)
    rows = []
    families: dict[str, str] = {}
    for stored in chosen:
        wanted = None if metrics is None else set(metrics[stored.task.sha])
        about = stored.task.description
        if about["language"] not in names:
            continue
        cell = {"language": names[about["language"]], **{name: about[name] for name in ("length", "steps", "seed")}}
        cell |= stored.task.names
        families |= {Spec.parse(cell[kind]).name: family for kind, family in stored.task.families.items() if cell[kind]}
        calls, rounds = _cost(stored) if stored.task.measure == "draw" else costs.get(_drawn_as(stored), (None, None))
        counts = total(until_stopped(stored.chunks, stored.task.max_errors))
        cell |= {"calls": calls, "rounds": rounds, "seconds": sum(chunk.seconds for chunk in stored.chunks)}
        try:
            found = list(estimates(stored.task, counts, level))
        except (ValueError, ArithmeticError) as error:
            left_out.append(f"{stored.task} (its sums cannot be: {error})")
            continue
        rows += [{**cell, **row} for row in found if wanted is None or row["metric"] in wanted]
    rows.sort(
        key=lambda row: (sort_key(row[name] for name in CELL_COLUMNS), METRIC_ORDER.index(row["metric"]), row["count"])
    )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    digests = {name: digest for digest, name in names.items()}
    frame.attrs = {"left_out": left_out, "digests": digests, "families": families}
    if left_out:
        notice(f"left out of the results: {first_few(left_out)}; the sweep that made them puts them in anew")
    return frame.astype({**dict.fromkeys(_WHOLE, "Int64"), **dict.fromkeys(_REAL, "float64")})


def estimates(task: Task, counts: Counts, level: float) -> Iterator[dict[str, Any]]:
    """The metrics that the counts of a task give: metric, value, low, high, level, kind and count."""
    from mdmtheory.metrics.estimates import (
        LEAST_EFFECTIVE_SIZE,
        LEAST_RIGHT,
        cross_entropy_estimate,
        scored_ser_estimate,
        ser_estimate,
        ter_estimate,
        ter_ratio_estimate,
    )

    length = task.description["length"]
    if counts.sequences == 0:
        return
    if task.measure == "draw":
        yield _row("ser", ser_estimate(counts, level, task.max_errors))
        right = counts.sequences - counts.errors
        if not task.scores_draws:
            return
        if right >= LEAST_RIGHT:
            yield _row("cross_entropy", cross_entropy_estimate(counts, length, level))
        else:
            yield _withheld("cross_entropy", f"{right} right of {counts.sequences} < {LEAST_RIGHT}", right)
        return
    if counts.sequences < 2:
        metrics = ("ter", "ter_ratio") if task.measure == "score" else ("ser_scored",)
        yield from (_withheld(metric, "1 sequence has no interval, draw 2", 1) for metric in metrics)
    elif task.measure == "score":
        kind = task.description["kind"]
        yield _row("ter", ter_estimate(counts, length, level, kind))
        yield _row("ter_ratio", ter_ratio_estimate(counts, length, level, kind))
    else:
        estimate, effective = scored_ser_estimate(counts, level)
        reason = f"effective size {effective:.1f} < {LEAST_EFFECTIVE_SIZE:.0f}"
        yield _withheld("ser_scored", reason, counts.sequences) if estimate is None else _row("ser_scored", estimate)
        yield _numbers("effective_size", effective, None, None, None, "exact", counts.sequences)


def check_level(level: float) -> None:
    """ValueError unless the level is a probability strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; give a probability above 0 and below 1, as 0.95")


def newest(contents: Contents) -> list[StoredTask]:
    """The tasks to show: where a component's version was raised since, only what its newest version measured."""
    found: dict[Any, StoredTask] = {}
    for stored in contents.tasks.values():
        key = (_cell_of(stored), stored.task.measure, stored.task.max_errors)
        known = found.get(key)
        if stored.chunks and (known is None or stored.task.versions > known.task.versions):
            found[key] = stored
    return list(found.values())


_OF_THE_MEASUREMENT = ("measure", "kind", "stop", "versions")
"""What of a task's description is not about its cell."""


def _cell_of(stored: StoredTask) -> str:
    """What makes two tasks measurements of one cell, by whatever versions."""
    about = stored.task.description
    return canonical_json({key: value for key, value in about.items() if key not in _OF_THE_MEASUREMENT})


def _drawn_as(stored: StoredTask) -> tuple[str, str]:
    """The cell and the versions of all that drawing and scoring share."""
    versions = stored.task.description["versions"]
    shared = {component: version for component, version in versions.items() if not component.startswith("measure ")}
    return _cell_of(stored), canonical_json(shared)


def _costs(contents: Contents) -> dict[tuple[str, str], tuple[float | None, float | None]]:
    """Calls and rounds of what was drawn without a stop, the newest last, by what scores must share with it."""
    drawn = [each for each in contents.tasks.values() if each.task.scores_draws and each.chunks]
    drawn.sort(key=lambda stored: stored.task.versions)
    return {_drawn_as(each): _cost(each) for each in drawn if each.task.max_errors is None}


def _cost(stored: StoredTask) -> tuple[float | None, float | None]:
    """Mean calls and rounds of the sequences drawn to their end; None where none was, or none was so counted."""
    if not stored.task.scores_draws:
        return None, None
    counts = total(until_stopped(stored.chunks, stored.task.max_errors))
    finished = counts.sequences - counts.impossible
    return (counts.calls / finished, counts.rounds / finished) if finished else (None, None)


def _left_out(contents: Contents, metrics: Mapping[str, Iterable[str]] | None) -> list[str]:
    """What cannot be shown of a store, or of the tasks that are asked for."""
    found = {**contents.left_out, **contents.without_language}
    return [reason for key, reason in found.items() if metrics is None or key in metrics]


def _language_names(contents: Contents) -> dict[str, str]:
    """Names to show, by digest; where a name does not tell which language it is, the digest stands behind it.

    So it is for two languages of one name, and for those whose parameters the store does not have.
    """
    of_a_name: dict[str, dict[str, StoredLanguage]] = {}
    for digest, language in contents.languages.items():
        of_a_name.setdefault(printable(language.name), {})[digest] = language
    names = {}
    for name, those in of_a_name.items():
        by_name_alone = any(language.by_name_alone for language in those.values())
        if len(those) == 1 and not by_name_alone:
            names[next(iter(those))] = name
            continue
        places = 12 if by_name_alone else 8
        while len({digest[:places] for digest in those}) < len(those):
            places += 1
        names.update({digest: f"{name}@{printable(digest[:places])}" for digest in those})
    return names


def _row(metric: str, estimate: Estimate) -> dict[str, Any]:
    return _numbers(
        metric, estimate.value, estimate.low, estimate.high, estimate.level, estimate.said_kind, estimate.count
    )


def _withheld(metric: str, reason: str, count: int) -> dict[str, Any]:
    return _numbers(metric, None, None, None, None, f"withheld ({reason})", count)


def _numbers(
    metric: str, value: float | None, low: float | None, high: float | None, level: float | None, kind: str, count: int
) -> dict[str, Any]:
    return {"metric": metric, "value": value, "low": low, "high": high, "level": level, "kind": kind, "count": count}
