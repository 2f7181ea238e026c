"""From the rows of a store to one line a cell: who enters, at what price in calls, with which error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd

from mdmtheory.core.estimate import Ends, Estimate, Kind, as_measured, said_kind
from mdmtheory.core.protocols import Language
from mdmtheory.metrics.kl_parts import unfaithful, wrong_nats
from mdmtheory.report.naming import entrants
from mdmtheory.sweeps.choices import is_held, most_calls, reference_rows
from mdmtheory.sweeps.results import CELL_COLUMNS, check_whole_sequences

MEASURES = ("ser", "kl", "unfaithful", "excess")
"""SER; KL(q||p) in nats a sequence, and what of it is not for errors (`wrong`); cross-entropy of the right drawn
sequences above H(q)/L, in nats a token."""

_DIGITS = 9
"""Decimals of KL(q||p) that mean something: below them two exact zeros differ by what float64 left of their sums."""

_SHARP = {"ser_sharp": "sharp_size", "ser_tilted": "tilted_size"}
"""Rates by walks that make no error, and what their walks are worth."""

Entropies = Mapping[tuple[str, int], Estimate]


def entries(frame: pd.DataFrame, entropies: Entropies | None = None) -> pd.DataFrame:
    """One row a cell of `frame` (columns as `mdmtheory.read` gives them), in its order.

    Columns: the cell's own, `entrant` and `setting` (see `naming.entrants`), `calls`, `rounds`, `given_up`, `count`,
    and for each of MEASURES and `wrong` its value and `_low`, `_high`, `_kind`; empty where there is no such number
    (`_kind` says "withheld ..." where the store does). KL(q||p) = L log(TER(p)/TER(q)); the excess needs
    `entropies`, H(q) in nats a sequence. `held` says whether the sampler's steps are completed to the language: its
    SER is 0 whatever its law, and is not ranked. `lost` says whether the excess proves a loss of entropy: whether it is
    below 0 when all n of them are to be right together, each at 1 - (1 - level)/n (Bonferroni).

    Where every sequence of a cell was given up at a context that cannot occur its mean calls are unknown; then `calls`
    is the number of its steps, or the length if that is less, which bounds them, and `given_up` is True. ValueError for
    rows of answers to a prompt.
    """
    check_whole_sequences(frame, "leaderboards")
    grouped = frame.groupby(list(CELL_COLUMNS), dropna=False, sort=False)
    found = pd.DataFrame([_entry(rows, entropies or {}) for _, rows in grouped])
    if found.empty:
        return pd.DataFrame(columns=_columns())
    found[["entrant", "setting"]] = entrants(found)
    found["held"] = [is_held(each) for each in found["sampler"]]
    found["lost"] = _proven_losses(found, frame["level"])
    return found[_columns()]


def _columns() -> list[str]:
    numbers = [f"{name}{end}" for name in (*MEASURES, "wrong") for end in ("", "_low", "_high", "_kind")]
    return [*CELL_COLUMNS, "entrant", "setting", "calls", "rounds", "given_up", "count", *numbers, "held", "lost"]


def _entry(rows: pd.DataFrame, entropies: Entropies) -> dict[str, Any]:
    first = rows.iloc[0]
    cell = {name: first[name] for name in CELL_COLUMNS}
    calls, rounds = (_known(rows[name]) for name in ("calls", "rounds"))
    drawn = bool((rows["metric"] == "ser").any())
    given_up = drawn and math.isnan(calls) and not math.isnan(_most_calls(cell))
    if given_up:
        calls = rounds = _most_calls(cell)
    entry = {**cell, "calls": calls, "rounds": rounds, "given_up": given_up, "count": int(rows["count"].max())}
    metrics = {str(row["metric"]): row for _, row in rows.iterrows()}
    length = int(first["length"])
    entropy = entropies.get((str(first["language"]), length))
    for name, metric in (("ser", "ser"), ("kl", "ter_ratio"), ("excess", "cross_entropy")):
        row = _sharper(metrics) if name == "ser" else metrics.get(metric)
        ends: tuple[float, ...] = (math.nan,) * 3
        kind = ""
        if row is not None:
            value, low, high = (float(row[end]) for end in ("value", "low", "high"))
            ends, kind = (value, low, high), str(row["kind"])
            if name == "kl":
                bare, measured = as_measured(kind, ends)
                kind = bare if measured == ends else said_kind(bare, _in_nats(measured, length))
                ends = _in_nats(ends, length)
            elif name == "excess":
                ends, kind = _above(ends, kind, float(row["level"]), entropy, length)
        entry |= _columns_of(name, ends, kind)
    return entry | _parts(_sharper(metrics), metrics.get("ter_ratio"), length)


def _columns_of(name: str, ends: tuple[float, ...], kind: str) -> dict[str, Any]:
    return dict(zip((name, f"{name}_low", f"{name}_high", f"{name}_kind"), (*ends, kind), strict=True))


def _parts(ser: pd.Series | None, ratio: pd.Series | None, length: int) -> dict[str, Any]:
    """The two parts of KL (metrics/kl_parts.py): what is wrong, from SER alone, and what is unfaithful.

    Drawn and scored sequences are independent. Withheld where no drawn sequence was right.
    """
    unknown, none = (math.nan,) * 3, "withheld (no right sequence)"
    if ser is None or math.isnan(ser["value"]):
        return _columns_of("wrong", unknown, "") | _columns_of("unfaithful", unknown, "")
    if ser["value"] >= 1:
        scored = ratio is not None and not math.isnan(ratio["value"])
        return _columns_of("wrong", unknown, none) | _columns_of("unfaithful", unknown, none if scored else "")
    wrong = wrong_nats((float(ser["value"]), float(ser["low"]), float(ser["high"])))
    shown = _columns_of("wrong", tuple(round(each, _DIGITS) for each in wrong), str(ser["kind"]))
    if ratio is None or math.isnan(ratio["value"]):
        return shown | _columns_of("unfaithful", unknown, "")
    kind, measured = as_measured(str(ratio["kind"]), (float(ratio["value"]), float(ratio["low"]), float(ratio["high"])))
    kind = "estimate" if kind == "exact" else kind
    rest = unfaithful(_in_nats(measured, length), wrong, cast(Kind, kind), float(ser["level"]), int(ratio["count"]))
    ends = tuple(round(each, _DIGITS) for each in (rest.value, rest.low, rest.high))
    return shown | _columns_of("unfaithful", ends, rest.said_kind)


def _sharper(metrics: Mapping[str, pd.Series]) -> pd.Series | None:
    """SER as drawn; where no drawn sequence was wrong and a sharp rate is known, that, at most what drawing says.

    Of two the one whose walks are worth more, of which those that saw nothing die are worth nothing. All upper ends
    hold for every law. That of drawing is taken, whichever is less, so that the level stays.
    """
    drawn = metrics.get("ser")
    if drawn is None or drawn["value"] != 0 or drawn["kind"] == "exact":
        return drawn
    known = [
        (metrics[size]["value"] if metrics[name]["value"] > 0 else 0.0, metrics[name])
        for name, size in _SHARP.items()
        if name in metrics and not math.isnan(metrics[name]["value"])
    ]
    if not known:
        return drawn
    _, sharp = max(known, key=lambda worth_and_row: worth_and_row[0])
    high = max(float(drawn["high"]), float(sharp["value"]))
    return pd.Series({**drawn, "value": sharp["value"], "low": sharp["low"], "high": high, "kind": sharp["kind"]})


def _in_nats(ratios: Ends, length: int) -> Ends:
    """KL(q||p) in nats a sequence from the ratio of TERs."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value, low, high = (round(length * float(np.log(each)), _DIGITS) for each in ratios)
    return value, low, high


def _above(
    ends: tuple[float, ...], kind: str, level: float, entropy: Estimate | None, length: int
) -> tuple[tuple[float, ...], str]:
    """A cross-entropy a token less H(q)/L; independent errors add in squares, each side by itself."""
    if entropy is None or math.isnan(ends[0]):
        return (math.nan,) * 3, kind if kind.startswith("withheld") else ""
    entropy = at_level(entropy, level)
    value = ends[0] - entropy.value / length
    below = math.hypot(ends[0] - ends[1], (entropy.high - entropy.value) / length)
    above = math.hypot(ends[2] - ends[0], (entropy.value - entropy.low) / length)
    # Where every right sequence has one probability, what float64 leaves of the difference is no loss.
    return tuple(round(end, _DIGITS) for end in (value, value - below, value + above)), kind


def _proven_losses(found: pd.DataFrame, levels: pd.Series) -> pd.Series:
    from scipy.special import ndtri

    known, sampled = int(found["excess"].notna().sum()), levels[levels < 1]  # exact numbers have level 1
    if not known or sampled.empty:
        return found["excess_high"] < 0
    level = float(sampled.max())
    wider = float(ndtri(1 - (1 - level) / (2 * known)) / ndtri((1 + level) / 2))
    return found["excess"] + wider * (found["excess_high"] - found["excess"]) < 0


def at_level(estimate: Estimate, level: float) -> Estimate:
    """An estimate with its interval stretched to another level as a normal one would be; exact numbers have none."""
    from scipy.special import ndtri

    if estimate.kind == "exact" or estimate.level == level:
        return estimate
    # By the tail, which is small where a level is 1 but for so little.
    wider = float(ndtri((1 - level) / 2) / ndtri((1 - estimate.level) / 2))
    value = estimate.value
    low, high = value - wider * (value - estimate.low), value + wider * (estimate.high - value)
    return replace(estimate, low=low, high=high, level=level)


def entropies_of(frame: pd.DataFrame) -> dict[tuple[str, int], Estimate]:
    """H(q) in nats a sequence of every language and length that has a cross-entropy.

    From the language itself where its name is that of a built-in one, and its digest, where the frame knows it; of
    others, from the autoregressive model's cross-entropy in the frame; else none.
    """
    from mdmtheory.languages.presets import language_named

    digests = frame.attrs.get("digests", {})
    rows = frame[(frame["metric"] == "cross_entropy") & frame["value"].notna()]
    found: dict[tuple[str, int], Estimate] = {}
    for language, length in dict.fromkeys(zip(rows["language"], rows["length"], strict=True)):
        own = _own_entropy(language_named(str(language), digests.get(str(language))), int(length))
        if own is None:
            of_it = rows[(rows["language"] == language) & (rows["length"] == length) & reference_rows(rows)]
            for _, row in of_it.head(1).iterrows():
                value, low, high = (float(row[end]) * int(length) for end in ("value", "low", "high"))
                own = Estimate(value, low, high, float(row["level"]), "estimate", int(row["count"]))
        if own is not None:
            found[str(language), int(length)] = own
    return found


def _own_entropy(language: Language | None, length: int) -> Estimate | None:
    try:
        return None if language is None else language.entropy(length)
    except ValueError:  # a length that the language does not have
        return None


def _most_calls(cell: Mapping[str, Any]) -> float:
    """Calls that a cell cannot exceed; empty of rules without a number of steps, or that return to revealed tokens."""
    if "trust" in str(cell["denoiser"]):
        return math.nan
    return most_calls(cell["model"], cell["sampler"], cell["steps"], cell["length"])


def _known(column: pd.Series) -> float:
    known = column.dropna()
    return float(known.iloc[0]) if len(known) else math.nan
