"""What readers call columns and what stands in them: "2-gram" for ngram:order=2, $N$ = $L$/4 for steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mdmtheory.core.register import option_words
from mdmtheory.core.spec import Spec
from mdmtheory.sweeps.choices import reference_rows, registries
from mdmtheory.sweeps.columns import pieces_of

X_LABELS = {
    "steps": "sampling steps $N$",
    "length": "sequence length $L$",
    "calls": "denoiser calls per sequence (NFE)",
    "rounds": "rounds per sequence (sequential depth)",
}
# What makes two cells different, in the order in which a colour is given to whatever varies.
IDENTITY = ("sampler", "language", "prompt", "model", "denoiser", "schedule", "length", "steps", "seed")
NO_PROMPT = "no prompt"
"""What a row of whole sequences is called beside rows of answers."""
RULE = "rule of steps"
_NUMBERS = {"length": "$L$ = ", "steps": "$N$ = ", "seed": "seed "}


def said_of(kind: str, value: Any) -> str:
    """What a reader calls one value of a column; empty where it does not apply."""
    if pd.isna(value):
        return ""
    if kind in _NUMBERS:
        return f"{_NUMBERS[kind]}{int(value)}"
    option = kind.partition(".")[2]
    if option:
        return option_words(option, value)
    register = registries().get({"language": "lang"}.get(kind, kind))
    return register.reader_name(str(value)) if register else str(value)


def axis_label(column: str) -> str:
    """What stands on the axis of a column: of an option whose it is."""
    kind, _, option = column.partition(".")
    return X_LABELS.get(column) or (f"{option_words(option)} of the {kind}" if option else column.replace("_", " "))


def words_of(frame: pd.DataFrame, more: Sequence[str] = ()) -> pd.DataFrame:
    """What each row is, in words for a legend, by the columns of IDENTITY and `more`; empty where one does not apply.

    Beside rows with a prompt those of whole sequences say so.
    """
    texts, frame = pd.DataFrame(index=frame.index), with_prompts(frame)
    for column in dict.fromkeys((*IDENTITY, *more)):
        said = {value: said_of(column, value) for value in frame[column].dropna().unique()}
        texts[column] = frame[column].map(said).astype(object).where(frame[column].notna(), "")
    if RULE in frame:
        texts["steps"] = frame[RULE]
    if frame["prompt"].notna().any():
        texts["prompt"] = texts["prompt"].where(frame["prompt"].notna(), NO_PROMPT)
    return texts


def by_rule(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with RULE, what made their number of steps in words: $N$ = $L$/4, or $N$ = 64.

    A row that two rules gave, each at several lengths, is there twice. Rules are those of the column `rule`, or what
    two lengths or more have in common.
    """
    lengths, steps = frame["length"].astype(float), frame["steps"].astype("Float64").astype(float)
    rules = frame["rule"].tolist() if "rule" in frame else []
    if any(isinstance(rule, str) and rule for rule in rules):
        pieces = [pieces_of(rule) for rule in rules]
    else:
        parts = lengths / steps
        constant = lengths.groupby(steps).nunique() > 1
        in_part = lengths.groupby(parts[parts % 1 == 0]).nunique() > 1
        fixed = steps.map(constant).eq(True)
        # A grid of both is read as numbers: parts count only where some row has no other rule.
        needed = set(parts[~fixed & parts.map(in_part).eq(True)])
        pieces = [
            ([f"{n:.0f}"] if known else []) + ([f"L/{part:.0f}"] if part in needed else [])
            for n, part, known in zip(steps, parts, fixed, strict=True)
        ]
    told = pd.Series(pieces, index=frame.index).explode().dropna()
    several = lengths.reindex(told.index).groupby(told).nunique() > 1
    words = [
        [_rule_words(each) for each in [each for each in own if several[each]] or own[:1] or [f"{n:.0f}"]]
        for own, n in zip(pieces, steps, strict=True)
    ]
    rows = frame.assign(**{RULE: pd.Series(words, index=frame.index)}).explode(RULE)
    rows.attrs = frame.attrs
    return rows.reset_index(drop=True)


def _rule_words(rule: str) -> str:
    return "" if rule == "nan" else f"$N$ = {rule.removesuffix('/1').replace('L', '$L$')}"


def with_prompts(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, with the column `prompt` where it was made before there was one: nothing is given there."""
    return frame if "prompt" in frame else frame.assign(prompt=None)


def without_reference(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that are not those of the autoregressive reference (all of them, when there is nothing else)."""
    others = frame[~reference_rows(frame)]
    return frame if others.empty else others


def without_options(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The frame with options that have an axis or a channel of their own, as `sampler.gamma`, left out of the specs."""
    found = frame.copy()
    for column in columns:
        kind, _, option = column.partition(".")
        if option and kind in found:
            specs = {text: _without(str(text), option) for text in found[kind].dropna().unique()}
            found[kind] = found[kind].map(specs).where(found[kind].notna(), None)
    return found


def _without(text: str, option: str) -> str:
    try:
        spec = Spec.parse(text)
    except ValueError:
        return text
    return str(Spec(spec.name, tuple((key, value) for key, value in spec.options if key != option)))
