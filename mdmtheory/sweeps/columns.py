"""Columns of results: the names that they are asked for by, and those that options of specs have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mdmtheory.core.notices import notice
from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.register import Register, options_of
from mdmtheory.core.spec import format_value
from mdmtheory.sweeps.choices import registries

if TYPE_CHECKING:
    import pandas as pd

SPECS = ("language", "prompt", "model", "denoiser", "sampler", "schedule")
"""Columns of names with options; an option has a column of its own, as `sampler.gamma`."""
SEVERAL = ("rule", "tag", "code", "host")
"""Columns that may hold several texts, with commas between: filters look for one of them."""

_SHORT = {"lang": "language", "N": "steps", "L": "length"}
_MOST_OPTIONS = 200


def column_named(name: str, frame: pd.DataFrame) -> str:
    """The column of a frame of results that a name stands for; ValueError with the known ones, or the candidates.

    `lang`, `N` and `L` are `language`, `steps` and `length`; an option's name alone (`gamma`) is the one column that
    has it (`sampler.gamma`).
    """
    columns = [str(each) for each in frame.columns]
    full = _SHORT.get(name, name)
    if full in columns:
        return full
    candidates = [each for each in columns if name and each.partition(".")[2] == name]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise ValueError(f"{name!r} is an option in several columns; write one of {', '.join(candidates)}")
    bare = [each.partition(".")[2] or each for each in columns]
    hint = did_you_mean(name, [*columns, *bare, *_SHORT])
    raise ValueError(f"there is no column {name!r}{hint}; known: {', '.join(columns)}")


def pieces_of(value: Any) -> list[str]:
    """The texts of a value in a column of SEVERAL; none where it is empty."""
    return value.split(",") if isinstance(value, str) and value else []


def with_options(frame: pd.DataFrame, specs: Sequence[Mapping[str, str | None]]) -> pd.DataFrame:
    """The frame with a column for every option that stands in the specs of its rows, by column of SPECS.

    Numbers are numbers where all of a column are, else texts. A row whose spec leaves out an option that it has, of
    what is built in, has its default; one without it is empty.
    """
    import pandas as pd

    parsed = {
        (kind, text): _options(kind, text) for row in specs for kind, text in row.items() if text and kind in SPECS
    }
    names = sorted({(SPECS.index(kind), option) for (kind, _), options in parsed.items() for option in options})
    if len(names) > _MOST_OPTIONS:
        notice(f"{len(names)} options stand in the names of these results; the first {_MOST_OPTIONS} are columns")
    columns = {}
    for place, option in names[:_MOST_OPTIONS]:
        kind = SPECS[place]
        found = {key: _value(*key, option, given) for key, given in parsed.items() if key[0] == kind}
        columns[f"{kind}.{option}"] = _series([found.get((kind, row.get(kind) or "")) for row in specs])
    more = pd.DataFrame(columns, index=frame.index)
    joined = pd.concat([frame, more], axis=1) if columns else frame
    joined.attrs = frame.attrs
    return joined


def _register(kind: str) -> Register:
    return registries()["lang" if kind == "language" else kind]


def _options(kind: str, text: str) -> dict[str, Any]:
    """The options in a name; none in one that is no spec, such as that of a file."""
    try:
        return dict(_register(kind).read(text).options)
    except ValueError:
        return {}


def _value(kind: str, text: str, option: str, given: Mapping[str, Any]) -> Any:
    """An option as it is typed, or by default; names are data, so that only what is built in is looked up."""
    if option in given:
        return given[option]
    register = _register(kind)
    if register.known(text) is None:
        return None
    known = options_of(register.builder(register.read(text).name)).get(option)
    return known.default if known is not None and isinstance(known.default, int | float | str) else None


def _series(values: Sequence[Any]) -> Any:
    """Whole numbers, numbers, or else texts."""
    import pandas as pd

    kinds = {type(each) for each in values if each is not None}
    if kinds <= {int, float}:
        try:
            return pd.array(values, dtype="Int64") if kinds == {int} else pd.array(values, dtype="float64")
        except OverflowError:
            pass
    return [each if each is None or isinstance(each, str) else format_value(each) for each in values]
