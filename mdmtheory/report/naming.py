"""Short names for what a row is of: languages in the heads of tables, samplers at their sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from mdmtheory.core.spec import Spec, Value, pieces
from mdmtheory.languages.presets import LANGUAGES
from mdmtheory.sweeps.cell import DEFAULTS
from mdmtheory.sweeps.choices import registries

_OF_THE_LAW = ("temperature", "nucleus", "min_p")
"""Options that change what is drawn, not how much is spent: no curve runs along them."""
_MOST_COLUMNS = 6
DELTA = ", δ="
"""What a name says before δ = 1 - trust."""


def language_names(languages: Iterable[str]) -> dict[str, str]:
    """A short name for each language's spec: its kind where one is enough to tell it, n-grams by their order.

    >>> language_names(["hmm", "hmm:sticky=0.9", "ngram:order=3", "copy:distance=16"])
    {'hmm': 'hmm', 'hmm:sticky=0.9': 'hmm sticky=0.9', 'ngram:order=3': '3-gram', 'copy:distance=16': 'copy'}
    """
    known = list(dict.fromkeys(languages))
    often = Counter(each.partition(":")[0] for each in known)
    names = {}
    for each in known:
        kind, _, options = each.partition(":")
        words = pieces(options) if options else []
        if kind == "ngram" and words and words[0].startswith("order="):
            name = " ".join([f"{words[0].removeprefix('order=')}-gram", *words[1:]])
        else:
            name = kind if often[kind] == 1 else " ".join([kind, *words])
        names[each] = name
    return names


def language_groups(languages: Iterable[str]) -> list[list[str]]:
    """The languages of one table each: random chains first, then those with a structure, six at most in a table."""
    known = list(dict.fromkeys(languages))
    chains = [each for each in known if (said := LANGUAGES.known(each)) and said.family == "random chain"]
    groups = []
    for group in (chains, [each for each in known if each not in chains]):
        tables = -(-len(group) // _MOST_COLUMNS)
        groups += [group[-(-len(group) * i // tables) : -(-len(group) * (i + 1) // tables)] for i in range(tables)]
    return groups


def entrants(cells: pd.DataFrame) -> list[tuple[str, str]]:
    """For each row of `cells` (model, denoiser, sampler, schedule, steps) who enters, and where on its own curve it is.

    The curve of a sampler with a budget runs along its steps; that of a rule without one along those of its numeric
    options that vary among the rows: `entropy_bound:gamma` at `gamma=0.5`. The masked model, the oracle and the linear
    schedule are not said; an oracle that trusts less is named, last, by δ = 1 - trust.
    """
    rows = [tuple(_text(value) for value in row) for row in cells[["model", "denoiser", "sampler", "schedule"]].values]
    stepless = [bool(pd.isna(steps)) for steps in cells["steps"]]
    parameters = _parameters([row for row, own in zip(rows, stepless, strict=True) if own])
    result = []
    for row, own, steps in zip(rows, stepless, cells["steps"], strict=True):
        model, denoiser, sampler, schedule = row
        setting = "" if own else f"{int(steps)} steps"
        if own and sampler:
            spec, along = Spec.parse(sampler), parameters.get(_kin(row), ())
            kept = _options(each for each in spec.options if each[0] not in along)
            setting = _options(each for each in spec.options if each[0] in along)
            ends = ",".join([*along, *([kept] if kept else [])])
            sampler = f"{spec.name}:{ends}" if ends else spec.name
        result.append((_entrant(model, denoiser, sampler, schedule), setting))
    return result


def trusts(names: pd.Series) -> pd.DataFrame:
    """The names of entrants without their δ, `base`, and the δ, empty where there is none; of the same index."""
    split = [str(name).partition(DELTA) for name in names]
    deltas = [float(delta) if delta else float("nan") for _, _, delta in split]
    return pd.DataFrame({"base": [base for base, _, _ in split], "delta": deltas}, index=names.index)


def _entrant(model: str, denoiser: str, sampler: str, schedule: str) -> str:
    words = (
        [sampler or model] if model == DEFAULTS["model"] else [model, "" if sampler == DEFAULTS["sampler"] else sampler]
    )
    words.append("" if schedule in ("", DEFAULTS["schedule"]) else schedule)
    spec = registries()["denoiser"].read(denoiser or DEFAULTS["denoiser"])
    unsaid = spec.name == DEFAULTS["denoiser"]
    trust = dict(spec.options).get("trust", 1) if unsaid else 1
    words.append("" if unsaid else denoiser)
    name = ", ".join(word for word in words if word)
    return name if isinstance(trust, str) or trust == 1 else f"{name}{DELTA}{1 - trust:.6g}"


def _parameters(rows: Sequence[tuple[str, ...]]) -> dict[Any, tuple[str, ...]]:
    """The numeric options of rules without a budget that vary among otherwise like rows, by those likenesses."""
    values: dict[Any, dict[str, set[Value]]] = {}
    for row in rows:
        if row[2]:
            seen = values.setdefault(_kin(row), {})
            for key, value in Spec.parse(row[2]).options:
                if _moves(key, value):
                    seen.setdefault(key, set()).add(value)
    return {kin: tuple(key for key, seen in found.items() if len(seen) > 1) for kin, found in values.items()}


def _kin(row: tuple[str, ...]) -> Any:
    """What two points of one curve have in common."""
    spec = Spec.parse(row[2])
    fixed = tuple(sorted((key, None if _moves(key, value) else str(value)) for key, value in spec.options))
    return (row[0], row[1], row[3], spec.name, tuple((key, value or "") for key, value in fixed))


def _moves(key: str, value: Value) -> bool:
    return key not in _OF_THE_LAW and isinstance(value, int | float) and not isinstance(value, bool)


def _options(options: Iterable[tuple[str, Value]]) -> str:
    return str(Spec("", tuple(options))).removeprefix(":")


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
