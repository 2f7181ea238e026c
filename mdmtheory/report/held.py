"""Steps that are drawn together, beside what else keeps right sequences alone: their laws are told apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from mdmtheory.core.spec import Spec
from mdmtheory.metrics.cross_entropy import LEAST_RIGHT
from mdmtheory.report.budgets import ABSENT, TITLES, calls_text, records, value_text
from mdmtheory.report.naming import language_groups
from mdmtheory.report.text import code, folded, number, plain, table

_WORDS = """\
With `constrained=true` the tokens of a step are drawn together, given that a sequence of the language can still come of
them ([constrained.md](constrained.md)). The language says that, besides the denoiser. SER is 0 whatever the
law, so these cells are not ranked by it above; by KL they are. *If right*: whole sequences of the plain sampler, drawn
anew until one is right: KL less −log(1 − SER), at 1/(1 − SER) times the calls; empty where fewer than 20 were right.
`redraw` asks an oracle that trusts what stands a little less, and has no log p."""

_REDRAW = "redraw"


def held_section(whole: pd.DataFrame, names: Mapping[str, str]) -> str:
    """KL and excess of samplers that complete their steps, beside the plain ones at as many steps; empty without any.

    `whole` has entries; what is kept of the plain ones if right comes of their SER and KL (docs/theory.md, 5.2; ours).
    """
    held = whole[whole["held"]]
    if held.empty:
        return ""
    parts = ["## Steps that are drawn together", _WORDS]
    for length, own in held.groupby("length", sort=True):
        here = whole[whole["length"] == length]
        found = {(row["entrant"], row["steps"], row["language"]): row for row in records(here.dropna(subset="steps"))}
        for measure in ("kl", "excess"):
            rows = [
                line
                for entrant, steps in dict.fromkeys(zip(own["entrant"], own["steps"], strict=True))
                for line in _lines(found, str(entrant), steps, _ordered(own), measure)
            ]
            heads = ["sampler", "steps", *(names[each] for each in _ordered(own))]
            if rows:
                parts.append(folded(f"{length} tokens: {TITLES[measure]}", table(heads, rows, left=2)))
    return "\n\n".join(parts)


def _lines(found: Mapping[Any, Any], entrant: str, steps: int, languages: list[str], measure: str) -> list[list[str]]:
    """What is held, below the plain sampler, what is right of that, and redraw, at these steps."""
    plain_name = _plain(entrant)
    others = [each for each, at, _ in found if each.startswith(_REDRAW) and at == steps]
    lines: list[tuple[str, list[str]]] = [
        (code(plain_name), [_text(found.get((plain_name, steps, each)), measure) for each in languages])
    ]
    if measure == "kl":
        rejected = [_if_right(found.get((plain_name, steps, each))) for each in languages]
        lines.append((f"{code(plain_name)} if right", rejected))
    else:
        lines += [
            (code(other), [_text(found.get((other, steps, each)), measure) for each in languages])
            for other in dict.fromkeys(others)
        ]
    lines.append((code(entrant), [_text(found.get((entrant, steps, each)), measure) for each in languages]))
    return [[name, str(steps), *texts] for name, texts in lines if set(texts) != {ABSENT}]


def _plain(entrant: str) -> str:
    """The name of the same sampler whose steps are not completed."""
    before, sign, rest = entrant.partition(", ")
    spec = Spec.parse(before)
    return f"{Spec(spec.name, tuple(each for each in spec.options if each[0] != 'constrained'))}{sign}{rest}"


def _text(row: Mapping[str, Any] | None, measure: str) -> str:
    shown = "" if row is None else value_text(row, measure)
    return f"{shown} ({calls_text(row)})" if row is not None and shown else ABSENT


def _if_right(row: Mapping[str, Any] | None) -> str:
    """KL of what is right, and the calls that a right sequence takes."""
    if row is None or math.isnan(row["kl"]) or not row["count"] * (1 - row["ser"]) > LEAST_RIGHT - 0.5:
        return ABSENT
    right, most, least = (math.log1p(-row[f"ser{end}"]) for end in ("", "_low", "_high"))
    value = row["kl"] + right
    # The two errors add in squares, each side by itself.
    low = value - math.hypot(row["kl"] - row["kl_low"], right - least)
    high = value + math.hypot(row["kl_high"] - row["kl"], most - right)
    calls = row["calls"] / (1 - row["ser"])
    return f"{number(value, low, high, str(row['kl_kind']))} ({plain(calls)})"


def _ordered(own: pd.DataFrame) -> list[str]:
    return [language for group in language_groups(own["language"]) for language in group]
