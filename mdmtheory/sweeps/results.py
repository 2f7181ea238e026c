"""From the counts in a store to rows: one for each cell and metric, every number with its interval and its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.notices import notice
from mdmtheory.core.printable import first_few, printable
from mdmtheory.core.streams import canonical_json
from mdmtheory.core.streams import digest as digest_of
from mdmtheory.metrics.metric import Measured, estimated
from mdmtheory.metrics.registry import as_metrics, built_in_metrics, measures, place_of
from mdmtheory.sweeps.cell import sort_key
from mdmtheory.sweeps.choices import registries, typed_today
from mdmtheory.sweeps.chunks import total, until_stopped
from mdmtheory.sweeps.columns import with_options
from mdmtheory.sweeps.filters import Filter
from mdmtheory.sweeps.ranges import texts
from mdmtheory.sweeps.schema import Contents, StoredLanguage, StoredTask
from mdmtheory.sweeps.store import load

if TYPE_CHECKING:
    import pandas as pd

    from mdmtheory.core.estimate import Estimate
    from mdmtheory.metrics.metric import Metric
    from mdmtheory.metrics.sums import Sums
    from mdmtheory.sweeps.tasks import Task

CELL_COLUMNS = ("language", "length", "prompt", "model", "denoiser", "sampler", "schedule", "steps", "seed")
_NUMBERS = ("metric", "value", "low", "high", "level", "kind", "count", "calls", "rounds", "seconds")
_ABOUT = ("rule", "tag", "date", "code", "host")
COLUMNS = (*(name for name in CELL_COLUMNS if name != "prompt"), *_NUMBERS, "form", "task", "prompt", *_ABOUT)
"""Those of a frame; what came later stands last, so that scripts find the others where they were. The options that
occur stand behind them, as `sampler.gamma` (sweeps/columns.py)."""
_WHOLE = ("length", "steps", "seed", "count", "form")
_REAL = ("value", "low", "high", "level", "calls", "rounds", "seconds")


@dataclass(frozen=True)
class Published:
    """The rows of one task as an earlier run published them, each the numbers of a metric by their columns."""

    task: Task
    rows: tuple[dict[str, Any], ...]


def short_name(sha: str) -> str:
    """What a row says of its task's SHA-256: 64 bits of it."""
    return sha[:16]


def read(
    store: str | Path, level: float = 0.95, *, metrics: str | Iterable[Any] | None = None, where: str | None = None
) -> pd.DataFrame:
    """The results in a store: one row for each cell and metric that its counts give, in the order of the cells.

    Columns: what the cell is (`language` to `seed`; `prompt` is empty where nothing is given), `metric`, `value`, the
    interval `low`, `high` at `level`, `kind`, `count` of sequences, the mean `calls` and `rounds` of sequences drawn
    to their end (not given up at an impossible context), `seconds` of one worker for these counts, the `form` of
    number and interval (`Metric.form`), and the first digits of the name of the `task` that was measured. What does
    not apply is empty. Where an estimate cannot be trusted `value` is empty and `kind` begins with "withheld" and
    says why; where noise took value or interval beyond what the quantity can be, they are cut there, and `kind` goes
    on ", cut from" with what was measured. The effective sample size of `ser_scored` has a row of its own,
    `effective_size`, of kind exact: it is a property of the very sample.

    Behind these stand the `rule` that made the steps, as it was typed (`L/4`, `2L`, `64`), each `tag` of the sweeps
    that asked for the cell, and where the counts come from: the `date` of the newest (UTC, ISO 8601), the `code`
    (versions of mdmtheory) and `host` that measured. All are texts, several with commas between, and empty where a
    store of an earlier version did not write them down. Last comes a column for every option that stands in a name of
    some row, `sampler.gamma`, `language.order`, `denoiser.epsilon`, `prompt.size`: numbers where all of a column are,
    else texts, by default where what is built in has one, and empty where a name has no such option.

    `where` chooses rows: `lang == "hmm" and steps >= 64 and length in (64, 512)` (sweeps/filters.py). ValueError where
    it leaves none.

    `metrics` are those to be shown: a list of names, of `module:name` of one's own and of objects (metrics/metric.py),
    or the command line's text; by default those that the sweeps were asked for, of what comes with the package, and all
    of these where a store of an earlier version did not write that down. `frame.attrs["not_shown"]` has those asked for
    that have to be named, since they do not come with it: a store runs nobody's code.

    `calls` and `rounds` are those of the sequences that the row itself counts; of a row of scores, those of the cell's
    drawn ones where the same versions drew them and no number of errors stopped it, else empty.

    What the store has of rows that are damaged, or that only a newer mdmtheory knows, is left out; a warning says so,
    and `frame.attrs["left_out"]` lists them with the reasons. `frame.attrs["digests"]` has the languages' digests, and
    `frame.attrs["families"]` what plug-ins say of how they are drawn.
    """
    chosen = texts(metrics, "metrics") if isinstance(metrics, str) else metrics
    asked = None if where is None else Filter.parse(where)
    frame = frame_of(load(store), level, None if chosen is None else as_metrics(chosen))
    return frame if asked is None else asked.of(frame)


def frame_of(
    contents: Contents,
    level: float,
    metrics: Iterable[Metric] | None = None,
    of: Mapping[str, Mapping[str, Metric]] | None = None,
    published: Iterable[Published] = (),
) -> pd.DataFrame:
    """The rows of a store's contents: of all tasks these metrics (by default those asked for), or `of` tasks their own.

    `published` rows are added as they are; of their tasks the contents have the language, and no chunks.
    """
    import pandas as pd

    check_level(level)
    every = built_in_metrics() if metrics is None else metrics
    chosen = newest(contents) if of is None else [contents.tasks[sha] for sha in of if sha in contents.tasks]
    names, prompts = _language_names(contents), _prompt_names(contents)
    published = list(published)
    costs = {**_published_costs(published), **_costs(contents)}
    left_out = _left_out(contents, of)
    cells = _by_cell(contents)
    rows: list[tuple[Any, dict[str, Any], dict[str, Any]]] = []
    families: dict[str, str] = {}
    not_shown: dict[str, None] = {}
    for stored in chosen:
        about = stored.task.description
        if about["language"] not in names:
            continue
        cell = {**_cell(stored.task, names), "prompt": prompts.get(stored.task.sha)}
        said = stored.task.families.items()
        families |= {registries()[kind].read(cell[kind]).name: family for kind, family in said if cell[kind]}
        calls, rounds = _cost(stored) if stored.task.has_costs else costs.get(_drawn_as(stored), (None, None))
        sums = _sums(stored)
        cell |= {"calls": calls, "rounds": rounds, "seconds": sum(chunk.seconds for chunk in stored.chunks)}
        cell |= {"task": short_name(stored.task.sha), **_origins(stored)}
        if of is not None:
            own: Iterable[Metric] = of[stored.task.sha].values()
        elif metrics is None and "metrics" in stored.task.asked:
            own = [metric for metric in every if metric.name in stored.task.asked["metrics"]]
            not_shown |= dict.fromkeys(set(stored.task.asked["metrics"]) - {metric.name for metric in every})
        else:
            own = every
        try:
            found = list(estimates(stored.task, sums, level, own, _besides(stored, cells, own)))
        except (ValueError, ArithmeticError) as error:
            left_out.append(f"{stored.task} (its sums cannot be: {error})")
            continue
        place = sort_key(cell[name] for name in CELL_COLUMNS)
        specs = _specs(stored.task, contents)
        rows += [((place, place_of(metric), row["count"]), {**cell, **row}, specs) for metric, row in found]
    metric_places = {metric.name: place_of(metric) for metric in built_in_metrics()}
    for each in published:
        cell = {**_cell(each.task, names), "task": short_name(each.task.sha), **_origins(StoredTask(each.task))}
        place = sort_key(cell[name] for name in CELL_COLUMNS)
        specs = _specs(each.task, contents)
        rows += [((place, metric_places[row["metric"]], row["count"]), {**cell, **row}, specs) for row in each.rows]
    rows.sort(key=lambda keyed: keyed[0])
    frame = pd.DataFrame([row for _, row, _ in rows], columns=list(COLUMNS))
    digests = {name: digest for digest, name in names.items()}
    frame.attrs = {"left_out": left_out, "digests": digests, "families": families, "not_shown": sorted(not_shown)}
    if left_out:
        notice(f"left out of the results: {first_few(left_out)}; the sweep that made them puts them in anew")
    frame = frame.astype({**dict.fromkeys(_WHOLE, "Int64"), **dict.fromkeys(_REAL, "float64")})
    return with_options(frame, [specs for _, _, specs in rows])


def other_cells(contents: Contents, of: Collection[str]) -> dict[str, int]:
    """How many cells a store has besides those of some tasks, by the name of their language."""
    names = _language_names(contents)
    own = {contents.tasks[sha].task.cell for sha in of if sha in contents.tasks}
    others = {each.task.cell: each.task for each in contents.tasks.values() if each.chunks}
    digests = [task.description["language"] for cell, task in others.items() if cell not in own]
    return dict(Counter(names.get(digest, "a language that is missing") for digest in digests))


def described(stores: Sequence[Contents]) -> tuple[pd.DataFrame, list[tuple[int, str]]]:
    """One row for each task of each of several stores, with what it says of itself, and its store's number and SHA."""
    import pandas as pd

    names = _language_names(Contents({digest: each for of in stores for digest, each in of.languages.items()}))
    found = [(number, stored, of) for number, of in enumerate(stores) for stored in of.tasks.values()]
    rows = [
        {**_cell(stored.task, names), "prompt": stored.task.names.get("prompt"), **_origins(stored)}
        for _, stored, _ in found
    ]
    frame = pd.DataFrame(rows, columns=[*CELL_COLUMNS, *_ABOUT]).astype(
        dict.fromkeys(("length", "steps", "seed"), "Int64")
    )
    keys = [(number, stored.task.sha) for number, stored, _ in found]
    return with_options(frame, [_specs(stored.task, of) for _, stored, of in found]), keys


def _origins(stored: StoredTask) -> dict[str, str | None]:
    """What was asked for when a task was measured, when that was, by which versions of mdmtheory, and where."""
    asked, chunks = stored.task.asked, stored.chunks
    found = {"rule": asked.get("rules", ()), "tag": asked.get("tags", ())}
    found["date"] = [max((each.date for each in chunks), default="")]
    found |= {name: dict.fromkeys(getattr(each, name) for each in chunks) for name in ("code", "host")}
    return {name: printable(",".join(texts)) or None for name, texts in found.items()}


def _specs(task: Task, contents: Contents) -> dict[str, str | None]:
    """The names with options that a row shows, without what tells two of one name apart."""
    return {**_shown_names(task), "language": printable(contents.languages[task.description["language"]].name)}


def _cell(task: Task, names: Mapping[str, str]) -> dict[str, Any]:
    """What the columns of the cell say, given the languages' names by digest."""
    about = task.description
    cell = {"language": names[about["language"]], **{name: about[name] for name in ("length", "steps", "seed")}}
    return cell | _shown_names(task) | {"prompt": None}


def estimates(
    task: Task,
    sums: Sums,
    level: float,
    metrics: Iterable[Metric],
    besides: Mapping[str, Measured] | None = None,
) -> Iterator[tuple[Metric, dict[str, Any]]]:
    """Those of the metrics that the sums of a task give: metric, value, low, high, level, kind and count.

    `besides` is what other measures made of the same cell.
    """
    count = sums.get("sequences", 0)
    measured = replace(_measured_by(task, sums), besides=besides or {})
    for metric in metrics:
        if metric.needs == task.measure and metric.since <= task.measure_version and count >= metric.fewest:
            try:
                yield metric, _row(metric, estimated(metric, measured, level))
            except WithheldError as withheld:
                yield metric, _numbers(metric, (None, None, None), None, withheld.kind, withheld.count)


def check_level(level: float) -> None:
    """ValueError unless the level is a probability strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; give a probability above 0 and below 1, as 0.95")


def check_whole_sequences(frame: pd.DataFrame, what: str) -> None:
    """ValueError where a row of results is of answers to a prompt, for what speaks of whole sequences alone."""
    # Frames from before there was such a column are of whole sequences.
    prompts = frame["prompt"].dropna() if "prompt" in frame else ()
    if len(prompts):
        raise ValueError(
            f"{what} are of whole sequences, and {len(prompts)} of {len(frame)} rows here are of answers to a prompt "
            f"({next(iter(prompts))}); leave those out, or sweep with prompt=none"
        )


def newest(contents: Contents) -> list[StoredTask]:
    """The tasks to show: where a component's version was raised since, only what its newest version measured."""
    found: dict[Any, StoredTask] = {}
    for stored in contents.tasks.values():
        key = (stored.task.cell_but(), stored.task.measure, stored.task.max_errors)
        known = found.get(key)
        if stored.chunks and (known is None or stored.task.versions > known.task.versions):
            found[key] = stored
    return list(found.values())


def _drawn_as(stored: StoredTask) -> tuple[str, str]:
    """The cell and the versions of all that drawing and scoring share."""
    versions = stored.task.description["versions"]
    shared = {component: version for component, version in versions.items() if not component.startswith("measure ")}
    return stored.task.cell, canonical_json(shared)


_Cells = Mapping[tuple[str, str], Mapping[str, StoredTask]]


def _sums(stored: StoredTask) -> Sums:
    return total(until_stopped(stored.chunks, stored.task.max_errors))


def _measured_by(task: Task, sums: Sums) -> Measured:
    facts = {name: task.description[name] for name in measures()[task.measure].facts}
    # Per token is per token of the answer.
    return Measured.of(sums, task.answer_length, facts, task.max_errors)


def _by_cell(contents: Contents) -> dict[tuple[str, str], dict[str, StoredTask]]:
    """What each measure made of each cell and its versions: what no number of errors stopped, and the most of that."""
    found: dict[tuple[str, str], dict[str, StoredTask]] = {}
    tasks = [each for each in contents.tasks.values() if each.chunks]
    for stored in sorted(tasks, key=lambda each: (each.task.max_errors is None, len(each.chunks))):
        found.setdefault(_drawn_as(stored), {})[stored.task.measure] = stored
    return found


def _besides(stored: StoredTask, cells: _Cells, metrics: Iterable[Metric]) -> dict[str, Measured]:
    """What metrics of a task read of other tasks of its cell, as far as it is there."""
    named = {name for metric in metrics if metric.needs == stored.task.measure for name in metric.besides}
    known = cells.get(_drawn_as(stored), {}) if named else {}
    return {name: _measured_by(known[name].task, _sums(known[name])) for name in named & known.keys()}


def _costs(contents: Contents) -> dict[tuple[str, str], tuple[float | None, float | None]]:
    """Calls and rounds of what was drawn without a stop, the newest last, by what scores must share with it."""
    drawn = [each for each in contents.tasks.values() if each.task.counts_costs and each.chunks]
    drawn.sort(key=lambda stored: stored.task.versions)
    return {_drawn_as(each): _cost(each) for each in drawn if each.task.max_errors is None}


def _published_costs(published: Iterable[Published]) -> dict[tuple[str, str], tuple[float | None, float | None]]:
    """What `_costs` says, of published tasks; none of them was stopped."""
    drawn = [each for each in published if each.task.counts_costs]
    return {_drawn_as(StoredTask(each.task)): (each.rows[0]["calls"], each.rows[0]["rounds"]) for each in drawn}


def _cost(stored: StoredTask) -> tuple[float | None, float | None]:
    """Mean calls and rounds of the sequences drawn to their end; None where none was, or none was so counted."""
    if not (stored.task.counts_costs and stored.chunks):
        return None, None
    sums = _sums(stored)
    finished = sums["sequences"] - sums["impossible"]
    return (sums["calls"] / finished, sums["rounds"] / finished) if finished else (None, None)


def _left_out(contents: Contents, of: Mapping[str, Any] | None) -> list[str]:
    """What cannot be shown of a store, or of the tasks that are asked for."""
    found = {**contents.left_out, **contents.without_language}
    return [reason for key, reason in found.items() if of is None or key in of]


def _shown_names(task: Task) -> dict[str, Any]:
    """The names as they were typed, samplers and denoisers as they would be typed today."""
    names, recorded, denoisers = task.names, task.description["sampler"], registries()["denoiser"]
    if names.get("sampler") and recorded:
        names["sampler"] = typed_today(names["sampler"], recorded)
    if names.get("denoiser"):
        names["denoiser"] = denoisers.written(denoisers.read(names["denoiser"]))
    return names


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


def _prompt_names(contents: Contents) -> dict[str, str]:
    """What is given, as it was typed, by task; with a digest behind it where that does not tell which positions.

    So it is where what a language, or a kind of one's own, says of itself came to be another.
    """
    positions: dict[Any, set[str]] = {}
    tasks = [each.task for each in contents.tasks.values() if each.task.given is not None]
    keys = [(each.description["language"], each.description["length"], each.names["prompt"]) for each in tasks]
    for key, task in zip(keys, tasks, strict=True):
        positions.setdefault(key, set()).add(task.description["prompt"]["given"])
    return {
        task.sha: key[2] if len(positions[key]) == 1 else f"{key[2]}@{digest_of(task.description['prompt'])[:8]}"
        for key, task in zip(keys, tasks, strict=True)
    }


def _row(metric: Metric, estimate: Estimate) -> dict[str, Any]:
    ends = (estimate.value, estimate.low, estimate.high)
    if estimate.kind == "exact":  # what is exact of the very sample has no interval
        return _numbers(metric, (estimate.value, None, None), None, estimate.kind, estimate.count)
    return _numbers(metric, ends, estimate.level, estimate.said_kind, estimate.count)


def _numbers(
    metric: Metric, ends: tuple[float | None, float | None, float | None], level: float | None, kind: str, count: int
) -> dict[str, Any]:
    value, low, high = ends
    row = {"metric": metric.name, "value": value, "low": low, "high": high}
    return {**row, "level": level, "kind": kind, "count": count, "form": metric.form}
