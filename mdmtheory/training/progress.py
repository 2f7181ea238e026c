"""How far a training is, and the lines that it leaves of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Progress:
    """A training after `step` of `steps`. Losses are nats a token that was asked for.

    `loss` and `floor` are means over the newest batches, the floor that of the exact posterior on the same ones;
    `learning_error` is what the averaged weights lose above the floor on validation sequences. None: not known (yet).
    """

    step: int
    steps: int
    tokens: int
    loss: float
    floor: float | None
    learning_error: float | None
    tokens_per_second: float
    seconds_left: float | None


@dataclass(frozen=True)
class Line:
    """A line of history.csv: what held after `step`, `seconds` being those of training, before and after a stop."""

    step: int
    tokens: int
    loss: float
    floor: float | None
    learning_error: float | None
    learning_rate: float
    seconds: float

    def to_json(self) -> list[Any]:
        """Its fields in order."""
        return list(astuple(self))


def history_text(lines: Sequence[Line]) -> str:
    """The text of history.csv; what is not known is empty."""
    rows = [["" if each is None else repr(each) for each in line.to_json()] for line in lines]
    return "".join(",".join(row) + "\n" for row in [[each.name for each in fields(Line)], *rows])
