"""What the tests check of every call, and where they leave the package as it is written."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

import pytest

from tests import checking

SOURCE = """
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from nowhere import Unknown

Rows = Float[np.ndarray, "count length"]


def doubled(number: int) -> float:
    return 2 * number


def lying(number: int) -> str:
    return number


def dotted(left: Rows, right: list[Float[np.ndarray, "count length"]]) -> Float[np.ndarray, "count"]:
    return (left * right[0]).sum(axis=1)


def turned(left: Rows) -> Rows:
    return left.T


def of_mypy_alone(number: Unknown) -> int:
    return number


def outer(text: str) -> object:
    def inner(rows: Rows, more: Float[np.ndarray, "length"]) -> Rows:
        return rows

    def plain(number: int) -> int:
        return number

    return inner, plain


@dataclass(frozen=True)
class Point:
    x: float
    rows: Rows | None = None

    @property
    def name(self) -> str:
        return self.x

    @classmethod
    def made(cls, x: float) -> Self:
        return cls(x)

    @classmethod
    def many(cls, count: int) -> Self:
        return cls(count)

    @staticmethod
    def far(x: float) -> bool:
        return x > 1
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The source, imported under the hook."""
    (tmp_path / "of_several_kinds.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    checking.install(["of_several_kinds"])
    return importlib.import_module("of_several_kinds")


def refused(call):
    with pytest.raises(Exception, match="violates|Type-check error") as caught:
        call()
    return type(caught.value).__module__.partition(".")[0]


def test_arguments_and_answers_of_every_kind_are_checked(module):
    import numpy as np

    rows, other = np.ones((2, 3)), np.ones((3, 2))
    outer, plain = module.outer("")
    assert module.doubled(2) == 4
    assert module.dotted(rows, [rows]).tolist() == [3, 3]
    assert outer(rows, np.ones(3)) is rows
    assert module.of_mypy_alone(3) == 3
    assert module.Point.made(2).x == 2
    assert module.Point.far(2.0)
    for call in (
        lambda: module.doubled("2"),
        lambda: module.lying(2),
        lambda: module.Point(1.0).name,
        lambda: module.Point.far("1"),
        lambda: module.Point.many("1"),
    ):
        assert refused(call) == "beartype"
    for call in (
        lambda: module.dotted(rows, [other]),
        lambda: module.dotted(rows.astype(int), [rows]),
        lambda: module.turned(rows),
        lambda: module.Point("1"),
        lambda: module.Point(1.0, np.ones(3)),
        lambda: outer(rows, np.ones(2)),
    ):
        assert refused(call) == "jaxtyping"
    # What is made anew in every call and has no arrays is mypy's to read.
    assert plain("1") == "1"


def test_annotations_stay_as_they_are_written(module):
    for function in (module.doubled, module.dotted, module.Point.far):
        assert all(isinstance(each, str) for each in inspect.get_annotations(function).values())
    assert str(inspect.signature(module.Point)).startswith("(x: 'float', rows: 'Rows | None' = None)")


def test_bytecode_of_checked_modules_is_kept_apart(module):
    [made] = Path(module.__file__).parent.glob("__pycache__/*")
    assert checking.BYTECODE in made.name
