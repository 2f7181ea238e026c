"""Samplers under a learned denoiser, beside the perfect one: the same cells, ranked under each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from mdmtheory.report.budgets import ABSENT, TITLES, calls_text, records, value_text
from mdmtheory.report.entries import MEASURES, entries, entropies_of
from mdmtheory.report.naming import language_groups
from mdmtheory.report.ranking import RANDOM_ORDER, ranks
from mdmtheory.report.text import code, folded, table
from mdmtheory.sweeps.cell import DEFAULTS
from mdmtheory.sweeps.choices import is_learned

ERROR, MASS = "learning_error", "impossible_mass"
"""Metrics of rows that are of a network alone: KL(exact || network), and z, each a token that is asked for."""
_PERFECT = DEFAULTS["denoiser"]
_PLACE = ["language", "length", "setting"]

_WORDS = """\
Above, nothing is learned. Here trained networks, from their run folders, stand in the oracle's place, and the same
samplers are ranked under each: *rank, SER, better or worse than random order* (of equal steps, by disjoint intervals).
A network never gives a sequence up. The learning error is KL(exact ‖ network) in nats a masked token, *z* the mass that
the network puts on what is impossible, both in the mean over masked sets of any size. Rows of runs that are not at hand
are as they were published."""


def apart(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a frame that are of no trained network, and those that are; both with its attributes."""
    learned = frame["denoiser"].map(is_learned).astype(bool)
    parts = frame[~learned].reset_index(drop=True), frame[learned].reset_index(drop=True)
    for each in parts:
        each.attrs = dict(frame.attrs)
    return parts


def learned_section(learned: pd.DataFrame, whole: pd.DataFrame, names: Mapping[str, str]) -> str:
    """What becomes of the cells of `whole`, entries with the perfect denoiser, under networks; empty without any.

    `learned` has rows of networks alone, as of `apart`, and of metrics ERROR and MASS their distance.
    """
    about = learned["metric"].isin([ERROR, MASS])
    cells, entropies = learned[~about], entropies_of(learned)
    parts = []
    for denoiser, rows in cells.groupby("denoiser", sort=False):
        # Named as with the oracle, so that a sampler has one name under all denoisers.
        parts.append(entries(rows.assign(denoiser=_PERFECT), entropies).assign(under=str(denoiser)))
    if not parts:
        return ""
    found = pd.concat(parts, ignore_index=True)
    there = found[[*_PLACE, "entrant"]].drop_duplicates()
    both = pd.concat([whole.merge(there, on=[*_PLACE, "entrant"]).assign(under=_PERFECT), found], ignore_index=True)
    both["rank"] = pd.concat([ranks(own, "ser") for _, own in both.groupby(["under", "setting"], sort=False)])
    errors = _errors(learned[about])
    shown = ["## Under a learned denoiser", _WORDS, _runs(found, errors, names)]
    for length, own in both.groupby("length", sort=True):
        for language in [each for group in language_groups(own["language"]) for each in group]:
            here = own[own["language"] == language]
            for setting in dict.fromkeys(here["setting"]):
                title = f"{names.get(language, language)}, {length} tokens, {setting or 'a rule without a budget'}"
                shown += [f"**{title}**", *_tables(here[here["setting"] == setting], errors)]
    return "\n\n".join(shown)


Errors = Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]]


def _errors(rows: pd.DataFrame) -> Errors:
    """The distances of every language and network, by metric."""
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in records(rows):
        found.setdefault((row["language"], row["denoiser"]), {})[row["metric"]] = row
    return found


def _far(errors: Errors, language: str, denoiser: str) -> float:
    """By which networks are ordered: the perfect one first, those that nobody measured last."""
    if denoiser == _PERFECT:
        return -1.0
    row = errors.get((language, denoiser), {}).get(ERROR)
    return float("inf") if row is None else float(row["value"])


def _runs(found: pd.DataFrame, errors: Errors, names: Mapping[str, str]) -> str:
    """Every network, and how far it is from the exact posterior."""
    pairs = dict.fromkeys(zip(found["language"], found["under"], strict=True))
    rows = [
        [names.get(pair[0], pair[0]), code(pair[1]), *(_distance(errors, pair, each) for each in (ERROR, MASS))]
        for pair in sorted(pairs, key=lambda pair: (pair[0], _far(errors, *pair)))
    ]
    return table(["language", "network", "learning error, nats a token", "z"], rows, left=2)


def _distance(errors: Errors, pair: tuple[str, str], metric: str) -> str:
    row = errors.get(pair, {}).get(metric)
    if row is None:
        return ABSENT
    return f"{row['value']:.2g} [{row['low']:.2g}, {row['high']:.2g}]".replace("inf", "∞")


def _tables(cells: pd.DataFrame, errors: Errors) -> Iterator[str]:
    """Of one language, length and setting: samplers by denoisers, SER open, the other measures folded."""
    language = str(cells["language"].iloc[0])
    unders = sorted(dict.fromkeys(cells["under"]), key=lambda each: (_far(errors, language, each), each))
    said = {(row["entrant"], row["under"]): row for row in records(cells)}
    order = cells[cells["ser"].notna()].groupby("entrant")["rank"].mean().sort_values(kind="stable").index
    entrants = sorted(order, key=lambda each: (_rank(said, each, unders[0]), list(order).index(each)))
    heads = ["sampler", *(_head(each, errors, language) for each in unders)]
    measured = cells[cells["under"] != _PERFECT]
    for measure in (each for each in MEASURES if measured[each].notna().any()):
        rows = [[code(each), *(_text(said, each, under, measure) for under in unders)] for each in entrants]
        rows = [each for each in rows if set(each[1:]) != {ABSENT}]
        if rows:
            content = table(heads, rows)
            yield content if measure == "ser" else folded(TITLES[measure], content)


def _head(under: str, errors: Errors, language: str) -> str:
    far = _far(errors, language, under)
    return "oracle, 0 nats" if far < 0 else code(under) if far == float("inf") else f"{far:.2g} nats"


def _rank(said: Mapping[Any, Mapping[str, Any]], entrant: str, under: str) -> float:
    row = said.get((entrant, under))
    return float("inf") if row is None or pd.isna(row["rank"]) else float(row["rank"])


def _text(said: Mapping[Any, Mapping[str, Any]], entrant: str, under: str, measure: str) -> str:
    row = said.get((entrant, under))
    text = "" if row is None else value_text(row, measure)
    if row is None or not text:
        return ABSENT
    if measure != "ser":
        return f"**{text}**" if measure == "excess" and row["lost"] else text
    words = [f"{row['rank']:.0f}", f"{text} ({calls_text(row)})"]
    return ", ".join([*words, *_against(said, row, entrant, under)])


def _against(said: Mapping[Any, Mapping[str, Any]], row: Mapping[str, Any], entrant: str, under: str) -> Iterator[str]:
    """Better or worse than a random order of equal steps, where intervals of SER are disjoint."""
    if entrant in RANDOM_ORDER:
        return
    for random in (each for name in RANDOM_ORDER if (each := said.get((name, under))) is not None):
        if row["ser_high"] < random["ser_low"]:
            yield "better"
            return
        if row["ser_low"] > random["ser_high"]:
            yield "worse"
            return
