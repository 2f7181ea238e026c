"""Filters: `lang == "hmm" and steps >= 64 and length in (64, 512)` as a choice of rows; read, never run."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from mdmtheory.core.printable import did_you_mean, first_few, shortened
from mdmtheory.sweeps.columns import SEVERAL, column_named, pieces_of

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLE = 'lang == "hmm" and steps >= 64 and length in (64, 512)'
_ORDERS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.Eq,
    ast.NotEq: ast.NotEq,
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
_MOST_CHARACTERS, _DEEPEST, _MOST_VALUES = 10_000, 50, 10


@dataclass(frozen=True)
class Filter:
    """A choice of rows, as it is typed.

    Comparisons (`== != < <= > >=`, chained, `in`, `not in`, `is None`) of columns with numbers, texts in quotes and
    lists of them, joined by `and`, `or`, `not` and parentheses. Columns go by `columns.column_named`. What is empty is
    no match, also of `!=`; `not` turns that round, so that `not steps == 64` has rows without steps. `"a" in sampler`
    is true of a text that has a in it; in columns that hold several texts (`rule`, `tag`, `code`, `host`) `==` and `in`
    look for one of them.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"language": ["hmm", "hmm", "parity"], "steps": [16, 64, 64]})
    >>> Filter.parse('lang == "hmm" and N >= 64').rows(frame).tolist()
    [False, True, False]
    """

    text: str
    _tree: ast.expr = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Filter:
        """ValueError, one line, for what is no filter."""
        said = f"filter {shortened(text)!r}"
        if len(text) > _MOST_CHARACTERS:
            raise ValueError(f"{said} has {len(text):,} characters; write at most {_MOST_CHARACTERS:,}")
        text = text.strip()
        try:
            with warnings.catch_warnings():  # of backslashes, which texts may have
                warnings.simplefilter("ignore")
                tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            signs = any(sign in text for sign in ("==", "!=", "<", ">"))
            meant = "; == compares, = does not" if "=" in text and not signs else ""
            raise ValueError(f"{said} cannot be read{meant}; write it as {_EXAMPLE}, texts in quotes") from None
        _check(tree, text, said)
        return cls(text, tree)

    def rows(self, frame: pd.DataFrame) -> Bool[np.ndarray, "rows"]:
        """Which rows match, at least one.

        ValueError for a column that is not there, for a text that no row has, for a text compared with a number, and
        where no row is left, by the part that left none.
        """
        if frame.empty:
            raise ValueError(f"there are no rows of results that {shortened(self.text)!r} could choose from")
        both = isinstance(self._tree, ast.BoolOp) and isinstance(self._tree.op, ast.And)
        parts = self._tree.values if both and isinstance(self._tree, ast.BoolOp) else [self._tree]
        matching = [(_source(part, self.text), part, self._matching(part, frame)) for part in parts]
        for said, part, found in matching:
            if not found.any():
                raise ValueError(f"no row has {said}{_what_there_is(part, frame)}")
        kept = np.ones(len(frame), dtype=bool)
        for said, part, found in matching:
            if not (kept & found).any():
                there = _what_there_is(part, frame[kept])
                raise ValueError(f"no row has {said} and what stands before it, which leaves {kept.sum()}{there}")
            kept &= found
        return kept

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows that match, numbered anew; ValueError as of `rows`."""
        return frame[self.rows(frame)].reset_index(drop=True)

    def _matching(self, node: ast.expr, frame: pd.DataFrame) -> Bool[np.ndarray, "rows"]:
        if isinstance(node, ast.BoolOp):
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return join.reduce([self._matching(each, frame) for each in node.values])
        if isinstance(node, ast.UnaryOp):
            return ~self._matching(node.operand, frame)
        assert isinstance(node, ast.Compare)
        sides = [node.left, *node.comparators]
        found = np.ones(len(frame), dtype=bool)
        for left, sign, right in zip(sides, node.ops, sides[1:], strict=False):
            found &= np.array(_compared(left, sign, right, frame), dtype=bool)
        return found


@dataclass(frozen=True)
class _Column:
    """A column of a frame, None where it is empty; `kind` is text or number, and empty where all of it is."""

    name: str
    values: list[Any]
    kind: str

    @classmethod
    def of(cls, name: str, frame: pd.DataFrame) -> _Column:
        column = frame[name].astype(object)
        values = column.where(column.notna(), None).tolist()
        there = [each for each in values if each is not None]
        if any(isinstance(each, str) for each in there):
            return cls(name, [each if each is None else str(each) for each in values], "text")
        return cls(name, values, "number" if there or frame[name].dtype.kind in "if" else "")

    def pieces(self, value: Any) -> list[Any]:
        """What one value holds: several texts in some columns, nothing where it is empty."""
        return pieces_of(value) if self.name in SEVERAL else [] if value is None else [value]

    def there(self) -> list[Any]:
        """Every value that some row has, once, in order."""
        return sorted({piece for each in self.values for piece in self.pieces(each)})

    def said(self) -> str:
        """What there is, in words."""
        words = [
            f'"{each}"' if isinstance(each, str) else f"{each:.6g}" if isinstance(each, float) else str(each)
            for each in self.there()
        ]
        more = f" and {len(words) - _MOST_VALUES} more" if len(words) > _MOST_VALUES else ""
        return ", ".join(shortened(each, 60) for each in words[:_MOST_VALUES]) + more or "nothing"

    def check(self, constant: Any, *, whole: bool) -> None:
        """ValueError for a number beside a text; and unless a row has the text, where `whole` texts are compared."""
        if not self.kind:
            return
        if (self.kind == "text") != isinstance(constant, str):
            beside = (
                f'a text; write it in quotes, as "{constant}"'
                if self.kind == "text"
                else "a number; write it without quotes"
            )
            raise ValueError(
                f"{self.name} is compared with {constant!r}, and is {beside}; {self.name} here: {self.said()}"
            )
        if whole and self.kind == "text" and constant not in (there := self.there()):
            raise ValueError(
                f"no {self.name} is {shortened(constant)!r}{did_you_mean(constant, there)}; there is {self.said()}"
            )


def _compared(left: ast.expr, sign: ast.cmpop, right: ast.expr, frame: pd.DataFrame) -> Iterator[bool] | list[bool]:
    """Row by row, whether a comparison holds."""
    one, other = _side(left, frame), _side(right, frame, beside=left)
    if isinstance(one, _Column) and other is None:
        return [(each is None) == isinstance(sign, ast.Is) for each in one.values]
    if isinstance(sign, ast.In | ast.NotIn):
        wanted = isinstance(sign, ast.In)
        if isinstance(one, _Column):
            return _among(one, other, wanted)
        other.check(one, whole=False)
        if not any(one in each for each in other.values if each is not None):
            other.check(one, whole=True)
        return [each is not None and (one in each) == wanted for each in other.values]
    order = _ORDERS[type(sign)]
    if isinstance(one, _Column) and isinstance(other, _Column):
        if one.kind and other.kind and one.kind != other.kind:
            raise ValueError(f"{one.name} is a {one.kind} and {other.name} a {other.kind}; compare like with like")
        pairs = zip(one.values, other.values, strict=True)
        return [None not in (a, b) and order(a, b) for a, b in pairs]
    if not isinstance(one, _Column):
        return _compared(right, _MIRRORED[type(sign)](), left, frame)
    if isinstance(sign, ast.Eq | ast.NotEq):
        return _among(one, (other,), isinstance(sign, ast.Eq))
    one.check(other, whole=False)
    return [each is not None and order(each, other) for each in one.values]


def _among(column: _Column, constants: Collection[Any], wanted: bool) -> list[bool]:
    """Row by row, whether what it holds is, or is not, among some constants."""
    for each in constants:
        column.check(each, whole=True)
    held = [column.pieces(each) for each in column.values]
    return [bool(each) and any(piece in constants for piece in each) == wanted for each in held]


def _side(node: ast.expr, frame: pd.DataFrame, beside: ast.expr | None = None) -> Any:
    """A column, a constant, a tuple of constants, or None."""
    name = _name_of(node)
    if name is None:
        return _constant(node)
    try:
        return _Column.of(column_named(name, frame), frame)
    except ValueError as error:
        if beside is not None and _name_of(beside) is not None:
            raise ValueError(f'{name} is no column; write it in quotes if it is a text: "{name}" ({error})') from None
        raise


def _constant(node: ast.expr) -> Any:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return tuple(_constant(each) for each in node.elts)
    return ast.literal_eval(node)


def _name_of(node: ast.AST) -> str | None:
    """The column that a node names: a word, or an option as `sampler.gamma`."""
    if isinstance(node, ast.Name):
        return node.id
    return (
        f"{node.value.id}.{node.attr}" if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else None
    )


def _source(node: ast.AST, text: str) -> str:
    return shortened(ast.get_source_segment(text, node) or text)


def _what_there_is(part: ast.expr, frame: pd.DataFrame) -> str:
    """The values that the columns of a part of a filter have."""
    compared = [each for each in ast.walk(part) if isinstance(each, ast.Compare)]
    names = [_name_of(side) for each in compared for side in (each.left, *each.comparators)]
    columns = dict.fromkeys(column_named(name, frame) for name in names if name is not None)
    return f"; {first_few([f'{name} here: {_Column.of(name, frame).said()}' for name in columns], 2)}"


def _check(node: ast.expr, text: str, said: str, depth: int = 0) -> None:
    """ValueError unless a tree has nothing but what filters are made of."""
    if depth > _DEEPEST:
        raise ValueError(f"{said} is nested more than {_DEEPEST} deep; write it with fewer parentheses")
    if isinstance(node, ast.BoolOp):
        for each in node.values:
            _check(each, text, said, depth + 1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand, text, said, depth + 1)
    elif isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        for left, sign, right in zip(sides, node.ops, sides[1:], strict=False):
            reason = _fault(left, sign, right, text)
            if reason is not None:
                raise ValueError(f"{said}: {reason}")
    elif isinstance(node, ast.Name | ast.Attribute | ast.Constant):
        raise ValueError(f"{said}: {_source(node, text)} is compared with nothing; write it as {_EXAMPLE}")
    else:
        raise ValueError(f"{said}: {_source(node, text)} is no comparison; write it as {_EXAMPLE}")


def _fault(left: ast.expr, sign: ast.cmpop, right: ast.expr, text: str) -> str | None:
    """What is wrong with one comparison, in words."""
    both = f"{_source(left, text)} and {_source(right, text)}"
    if isinstance(sign, ast.Is | ast.IsNot):
        none = isinstance(right, ast.Constant) and right.value is None
        return None if none and _name_of(left) else "is goes with None alone, as in prompt is None; == compares"
    if isinstance(sign, ast.In | ast.NotIn):
        if _name_of(left) is not None and isinstance(right, ast.Tuple | ast.List | ast.Set):
            faults = (None if _is_constant(each) else _no_constant(each, text) for each in right.elts)
            return next((each for each in faults if each), None if right.elts else "a list is empty; name its values")
        if isinstance(left, ast.Constant) and isinstance(left.value, str) and _name_of(right) is not None:
            return None
        return f"in goes with a column and a list, as length in (64, 512), and not with {both}"
    for side in (left, right):
        if _name_of(side) is None and not _is_constant(side):
            return _no_constant(side, text)
    return None if _name_of(left) or _name_of(right) else f"{both} are compared, and neither is a column"


def _is_constant(node: ast.expr) -> bool:
    """Whether a node is a number, with a sign or not, or a text."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return isinstance(node.operand, ast.Constant) and type(node.operand.value) in (int, float)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float, str)


def _no_constant(node: ast.expr, text: str) -> str:
    said, name = _source(node, text), _name_of(node)
    if name is not None:
        return f'{said} stands in a list without quotes; write "{said}"'
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return f'options that are true or false are texts; write "{str(node.value).lower()}"'
    if isinstance(node, ast.Constant) and node.value is None:
        return "what is empty is asked for by is None, as in prompt is None"
    if isinstance(node, ast.BinOp | ast.Call):
        return f'{said} is to be computed, which no filter does; write a number, or ask for the rule: rule == "L/4"'
    return f"{said} is no column, number or text in quotes"
