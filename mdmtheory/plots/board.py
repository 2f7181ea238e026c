"""From the rows of a leaderboard to series, one for each way of generating, and to sheets with a panel a language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mdmtheory.core.spec import Spec
from mdmtheory.languages.presets import LANGUAGES
from mdmtheory.metrics.metric import PROBABILITY, Metric
from mdmtheory.plots.channels import MOST_SERIES
from mdmtheory.plots.drawn import least_of
from mdmtheory.plots.picture import Picture, bar_handle, handle, say_once
from mdmtheory.plots.series import Scale, Series, draw_all, scale_x, strip_note
from mdmtheory.plots.style import SIZES, Look, family_looks, figure_style, looks
from mdmtheory.plots.words import said_of
from mdmtheory.sweeps.cell import DEFAULTS
from mdmtheory.sweeps.choices import LESS_TRUST, is_exact, is_held, most_calls, registries
from mdmtheory.sweeps.results import check_whole_sequences

CALLS = "denoiser calls per sequence"
CELL = ["language", "length", "method", "options", "delta", "steps"]
ENTROPY_NOTE = (
    "Cross-entropy E[−log q(x)]/L of the sequences that are in the language. Dashed, with its interval: H(q)/L, of the "
    "language itself; what lies below has lost entropy."
)


def leaderboard(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a sweep with the columns that its figures need besides.

    `method`: the sampler's name, or the model's where it is not masked diffusion; `options`: those of either; `delta`:
    1 - trust of the oracle (0 for one that takes tokens as given); `place`: calls, or where no sequence was drawn to
    its end those that one would have taken, min(steps, length) or so many in each block, and empty where rules decide
    how many. ValueError for rows of imperfect denoisers, of several schedules or seeds, or of answers to a prompt.

    Without samplers whose steps are completed to the language: an SER of 0 that no call buys would be every curve's
    end, and their laws stand on the page (report/held.py).
    """
    frame = frame[[not is_held(each) for each in frame["sampler"]]]
    if frame.empty:
        raise ValueError("nothing to draw: there are no rows; run mdmtheory sweep experiments/samplers.toml")
    check_whole_sequences(frame, "the figures of methods")
    for column in ("schedule", "seed"):
        several = sorted(map(str, frame[column].dropna().unique()))
        if len(several) > 1:
            raise ValueError(f"rows of several {column}s ({', '.join(several)}); choose those of one")
    rows = frame.copy()
    named = [_named(model, sampler) for model, sampler in zip(rows["model"], rows["sampler"], strict=True)]
    rows["method"], rows["options"] = [name for name, _ in named], [options for _, options in named]
    rows["delta"] = [_delta(each) for each in rows["denoiser"]]
    columns = (rows[name] for name in ("model", "sampler", "steps", "length"))
    most = [most_calls(*cell) for cell in zip(*columns, strict=True)]
    rows["place"] = rows["calls"].where(rows["calls"].notna(), most)
    return rows


def usual(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that are compared: of oracles that trust less, those at the usual 1 - trust."""
    return rows[(rows["delta"] == 0) | np.isclose(rows["delta"], 1 - LESS_TRUST)]


def chosen_languages(rows: pd.DataFrame, languages: Sequence[str] | None, most: int) -> list[str]:
    """The languages asked for, or the first that tell samplers apart; ValueError for one that is not there."""
    there = languages_of(rows)
    for name in languages or ():
        if name not in there:
            raise ValueError(f"no rows of language {name!r}; the languages here: {', '.join(there)}")
    return list(languages) if languages is not None else (various(rows) or there)[:most]


def at_length(rows: pd.DataFrame, length: int | None) -> pd.DataFrame:
    """The rows of one length: by default that of the most cells. ValueError with the lengths that are there."""
    known = rows.drop_duplicates(CELL)["length"].astype(int).value_counts()
    chosen = int(known.index[0]) if length is None else length
    if chosen not in known.index:
        raise ValueError(f"no rows of length {length}; the lengths here: {', '.join(map(str, sorted(known.index)))}")
    return rows[rows["length"] == chosen]


def languages_of(rows: pd.DataFrame) -> list[str]:
    """The languages, those with short memory first."""
    there = list(dict.fromkeys(rows["language"]))
    known = {name: place for place, name in enumerate(LANGUAGES.built_in)}
    return sorted(there, key=lambda name: (known.get(name.partition(":")[0], len(known)), there.index(name)))


def various(rows: pd.DataFrame) -> list[str]:
    """The languages that tell samplers apart, in which SER is not always 0: the first of each kind, then the others."""
    wrong = rows[(rows["metric"] == "ser") & (rows["value"] > 0)]
    names = languages_of(wrong)
    kinds = {name.partition(":")[0]: name for name in reversed(names)}
    first = [name for name in names if kinds[name.partition(":")[0]] == name]
    return first + [name for name in names if name not in first]


def methods_of(rows: pd.DataFrame) -> dict[str, Look]:
    """A look for each method: those of a family first, then the others."""
    there = list(dict.fromkeys(rows["method"]))
    families = rows.attrs.get("families")
    members = family_looks(families)
    every = looks("sampler", [*members, *there], families)
    return {name: look for name, look in members.items() if name in there} | {
        name: every[name] for name in there if name not in members
    }


def readable(palette: Mapping[str, Look]) -> dict[str, Look]:
    """The methods that one panel can show: all, or plug-ins and the first of each family.

    The language's own law, which has no error, gives way.
    """
    if len(palette) <= MOST_SERIES:
        return dict(palette)
    built_in = family_looks()
    own = {name: look for name, look in palette.items() if name not in built_in}
    leads = {name: look for name, look in palette.items() if name in built_in and look.lead and not is_exact(name)}
    return dict([*own.items(), *leads.items()][:MOST_SERIES])


def left_out_note(every: Mapping[str, Look], shown: Mapping[str, Look]) -> str:
    """Which methods are not drawn, in words."""
    rest = [method_words(name) for name in every if name not in shown]
    return f"One of each family is drawn; not drawn: {', '.join(rest)}." if rest else ""


def curves(
    rows: pd.DataFrame, metric: Metric, palette: Mapping[str, Look], x: str = "place", along: str | None = None
) -> list[Series]:
    """The curves of one panel, in the order of the palette, their points in the order of `along` (x by default).

    Points without a place on that axis come first: their sequences were all given up, after a few calls.
    A sampler without a budget has one curve over its options; one with a budget has a curve for each set of options.
    """
    result: list[Series] = []
    for method, look in palette.items():
        cells = rows[rows["method"] == method]
        budgets = cells.groupby("options")["steps"].nunique()
        parts: Iterable[Any] = cells.groupby("options", sort=False) if (budgets > 1).any() else [("", cells)]
        for _, part in parts:
            if not part.empty:
                ordered = part.sort_values([along or x, "steps", "options"], na_position="first")
                result.append(Series.of(method_words(method), look, ordered, x, least_of(metric)))
    return result


def scale_for(metric: Metric, every: Sequence[Series], *, log: bool | None = None) -> Scale:
    """The axis of a metric for all panels of a figure: in decades where exact samplers have 0, unless told."""
    probability, zero = metric.unit == PROBABILITY, least_of(metric) is not None
    decades = zero if log is None else log
    return Scale.of(every, from_zero=zero, log=decades, probability=probability, levels=() if zero else (0.0,))


class Panel(NamedTuple):
    """One of a sheet: its series of a metric against `x`, and what is drawn `beside` them in the end."""

    title: str
    metric: Metric
    series: list[Series]
    x: str
    beside: Callable[[Axes], object] | None = None


def sheet(
    panels: Sequence[Panel],
    rows: pd.DataFrame,
    notes: Sequence[str],
    *,
    columns: int = 3,
    height: float = 1.9,
    log: bool | None = None,
    more: Sequence[Line2D] = (),
) -> Picture:
    """A picture of these panels with the methods above them, `more` in the legend, `notes` and counts in the caption.

    What is 0 for an exact sampler has one axis in all panels, in decades unless `log` is False; others have their own.
    """
    columns = min(columns, len(panels))
    every = [each for panel in panels for each in panel.series]
    order, places = list(dict.fromkeys(each.label for each in every)), [at for each in every for at in each.x]
    whole = all(float(at).is_integer() for at in places) or max(places) <= 1
    levels = [level for level in rows["level"].dropna() if level < 1]
    with figure_style():
        picture = Picture({1: 4.2, 2: 6.2}.get(columns, SIZES["page"]), height * -(-len(panels) // columns) + 0.9)
        cells = picture.grid(-(-len(panels) // columns), columns, len(panels))
        for axes, panel in zip(cells, panels, strict=True):
            zero = least_of(panel.metric) is not None
            together = [each for other in panels if other.metric is panel.metric for each in other.series]
            scale = scale_for(panel.metric, together if zero else panel.series, log=log)
            scale.on(axes)
            scale_x(axes, places, log=True, means=not whole, inches=picture.get_figwidth() / columns - 0.8)
            draw_all(axes, panel.series, scale, order)
            axes.set(title=panel.title, xlabel=panel.x, ylabel=panel.metric.label)
            if panel.beside is not None:
                panel.beside(axes)
        say_once(cells, columns)
        shown = {each.label: each.look for each in every}
        handles = [*(handle(look, label) for label, look in shown.items()), *more, bar_handle(levels)]
        zero_series = [each for panel in panels if least_of(panel.metric) is not None for each in panel.series]
        picture.explain(handles, [*notes, count_note(rows), "" if log is False else strip_note(zero_series)])
    return picture


def count_note(rows: pd.DataFrame) -> str:
    """The number of sequences, in words."""
    counts = rows["count"].dropna()
    if counts.empty:
        return ""
    least, most = int(counts.min()), int(counts.max())
    return f"{least:,} sequences a mark." if least == most else f"{least:,} to {most:,} sequences a mark."


def length_note(rows: pd.DataFrame) -> str:
    """The length of all rows, in words."""
    return f"Length {int(rows['length'].iloc[0])}."


def given_up_notes(rows: pd.DataFrame) -> list[str]:
    """Where points without calls were put, and which of them have no place, in words; nothing where all have calls."""
    lacking = rows[rows["calls"].isna()]
    placed, lost = lacking[lacking["place"].notna()], lacking[lacking["place"].isna()]
    notes = (
        ["Where no sequence was drawn to its end, a point stands at the calls that it would have taken."]
        if len(placed)
        else []
    )
    if len(lost):
        pairs = zip(lost["method"], lost["options"], strict=True)
        names = dict.fromkeys(f"{method_words(str(method))} {options}".strip() for method, options in pairs)
        notes.append(f"Without a place in some panels, for no sequence was drawn to its end: {', '.join(names)}.")
    return notes


def method_words(method: str) -> str:
    """A method's name as a reader meets it."""
    model, _, inner = method.rpartition(" ")
    kind = "model" if not model and method in family_looks() and method in _models() else "sampler"
    words = said_of(kind, inner) if not model else f"{said_of('model', model)}, {said_of('sampler', inner)}"
    return f"{words} (exact)" if is_exact(method) else words


def require(rows: pd.DataFrame, methods: Sequence[str], what: str) -> pd.DataFrame:
    """The rows of these methods; ValueError when there are none."""
    found = rows[rows["method"].isin(methods)]
    if found.empty:
        raise ValueError(f"{what}: there are no rows of {', '.join(methods)}")
    return found


def _models() -> tuple[str, ...]:
    from mdmtheory.models import MODELS

    return MODELS.built_in


def _named(model: Any, sampler: Any) -> tuple[str, str]:
    """The method's name and its options; the ancestral sampler goes unsaid inside other models."""
    outer = Spec.parse(str(model))
    inner = None if pd.isna(sampler) else Spec.parse(str(sampler))
    if inner is None:
        return outer.name, _options(outer)
    if outer.name == DEFAULTS["model"]:
        return inner.name, _options(inner)
    name = outer.name if inner.name == DEFAULTS["sampler"] else f"{outer.name} {inner.name}"
    return name, ",".join(filter(None, (_options(outer), _options(inner))))


def _options(spec: Spec) -> str:
    return str(spec).partition(":")[2]


def _delta(denoiser: Any) -> float:
    """1 - trust of an oracle."""
    if pd.isna(denoiser):
        return 0.0
    spec = registries()["denoiser"].read(str(denoiser))
    if spec.name != DEFAULTS["denoiser"]:
        raise ValueError(
            f"rows of denoiser {denoiser}; these figures compare samplers under the oracle, leave them out"
        )
    return round(1 - float(dict(spec.options).get("trust", 1)), 12)
