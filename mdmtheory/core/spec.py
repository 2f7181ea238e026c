"""Names with options, `name:key=value,...`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from numbers import Integral, Real
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, cast

Value = int | float | bool | str
if TYPE_CHECKING:
    Options = tuple[tuple[str, Value], ...]
else:
    # Of numpy's types too on the way into a Spec, Python's own once it is made.
    Options = tuple[tuple[str, Any], ...]
_NAME = re.compile(r"[A-Za-z][\w.-]*")
_OWN = re.compile(r"([A-Za-z_][\w.]*:[A-Za-z_][\w.]*)(?::(.*))?", re.DOTALL)
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PIECE = re.compile(rf"(?:[^,=]*=)?\s*{_QUOTED}\s*(?=,|\Z)|[^,]*", re.DOTALL)


@dataclass(frozen=True)
class Spec:
    """A name and its options; `str` writes it as it is typed. The name is registered, or `module:name` of one's own.

    >>> Spec.parse("hmm:states=16,sticky=0.99")
    Spec(name='hmm', options=(('states', 16), ('sticky', 0.99)))
    >>> Spec.parse("my_module:MySampler:pace=2").name
    'my_module:MySampler'

    A text that would be read as something else, or has a comma, is written in double quotes, as in JSON.

    >>> str(Spec.of("file", path="a,b.txt"))
    'file:path="a,b.txt"'
    """

    name: str
    options: Options = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple((key, _plain(key, value, self.name)) for key, value in self.options))

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Read `name[:key=value,...]` or `module:name[:key=value,...]`; ValueError says which piece is malformed."""
        own = _OWN.fullmatch(text.strip())
        name, separator, rest = text.strip().partition(":")
        if own is not None:
            name, separator, rest = own[1], "" if own[2] is None else ":", own[2] or ""
        elif not _NAME.fullmatch(name):
            raise ValueError(f"{text!r} does not start with a name; write name or name:key=value,key=value")
        return cls(name, tuple(parse_options(rest, text, name).items()) if separator else ())

    @classmethod
    def of(cls, name: str, **options: Any) -> Spec:
        """A spec written in Python; ValueError for an option that is no number, truth value, text or path.

        >>> str(Spec.of("perturbed", epsilon=0.01))
        'perturbed:epsilon=0.01'
        """
        return cls(name, tuple(options.items()))

    def __str__(self) -> str:
        if not self.options:
            return self.name
        return self.name + ":" + ",".join(f"{key}={format_value(value)}" for key, value in self.options)


def parse_options(rest: str, text: str, name: str, *, taken: tuple[str, ...] = ()) -> dict[str, Value]:
    """The options in the rest of a text behind its name; ValueError for a malformed one, or one that it has already."""
    options: dict[str, Value] = {}
    for piece in pieces(rest):
        key, equals, value = piece.partition("=")
        key = key.strip()
        if not equals or not key or not value.strip():
            raise ValueError(f"{piece!r} in {text!r} is not key=value; write {name}:key=value,key=value")
        if key in options or key in taken:
            raise ValueError(f"{key!r} appears twice in {text!r}; keep one")
        options[key] = parse_value(value.strip())
    return options


def parse_value(text: str) -> Value:
    """An int, a float, true or false, else the text itself, which may be quoted."""
    if unquoted(text) != text:
        return unquoted(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _plain(key: str, value: Any, name: str) -> Value:
    """An option's value as a type of Python's own: numpy's numbers are numbers, a path is its text."""
    if getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, str | PathLike):
        return str(fspath(value))
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise ValueError(f"{key} of {name!r} is {value!r}; pass a number, true or false, or a text")


def check_type(what: str, value: Value, annotation: str) -> None:
    """ValueError unless the value is of the kind that a builder's annotation (such as `int`) asks for."""
    wanted = {part.strip() for part in annotation.replace("WholeNumber", "int").split("|")} - {"None"}
    kinds = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}
    allowed = wanted | ({"int"} if "float" in wanted else set())
    if wanted <= kinds.keys() and type(value).__name__ not in allowed:
        asked = " or ".join(kinds[each] for each in sorted(wanted - ({"int"} if "float" in wanted else set())))
        raise ValueError(f"{what} is {format_value(value)}; pass {asked}")


def pieces(text: str) -> list[str]:
    """What stands between the commas of a text; those of a quoted value, or a quoted piece, do not part it."""
    found, start = [], 0
    while True:
        piece = cast("re.Match[str]", _PIECE.match(text, start))
        found.append(piece[0])
        if piece.end() == len(text):
            return found
        start = piece.end() + 1


def unquoted(text: str) -> str:
    """The text inside double quotes, written as in JSON; any other text as it is."""
    if re.fullmatch(_QUOTED, text, re.DOTALL):
        try:
            return str(json.loads(text, strict=False))
        except ValueError:  # "C:\new" is no JSON, and may well be a path
            pass
    return text


def format_value(value: Value) -> str:
    """A value as it is typed; what would be read as something else is quoted."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    plain = value == value.strip() != "" and "," not in value and value[0] != '"' and parse_value(value) == value
    return value if plain else json.dumps(value, ensure_ascii=False)
