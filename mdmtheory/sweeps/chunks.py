"""Chunks: the sums over a run of whole sequences, with a checksum, so that every row of a store vouches for itself."""

from __future__ import annotations

import math
import operator
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mdmtheory.metrics.sums import Sums

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Samples


@dataclass(frozen=True)
class Chunk:
    """What was summed over the sequences of one chunk of a task.

    `seconds` is what one worker took, `code` the version of mdmtheory, `host` the machine and `date` when it was done
    (UTC, ISO 8601; empty where nobody wrote it down): they vouch, and are no result.
    """

    index: int
    sums: Sums
    seconds: float
    code: str
    host: str
    date: str = ""
    samples: Samples | None = field(default=None, repr=False, compare=False)
    """The sequences themselves, on their way to the file that keeps them."""

    def __post_init__(self) -> None:
        if all(map(operator.eq, self.sums.values(), self.sums.values())):
            return
        for name, value in self.sums.items():
            if value != value:
                raise ValueError(
                    f"{name} of chunk {self.index} is not a number; the model scored a sequence as NaN, mend it"
                )

    def row(self, task: str) -> tuple[str, int, str, float, str, str, str, int]:
        """The row of a store that holds it."""
        said = (task, self.index, self.sums.written, self.seconds, self.code, self.host, self.date)
        return (*said, checksum(*said))

    def conflict(self, other: Chunk) -> str | None:
        """Why two measurements of one chunk cannot both be right: the sum that differs, with both values; else None.

        Integers must be equal, nats within 1e-12 relative: processors differ in the last bits of a logarithm. A gap is
        a difference of nats, so its slack is that of the nats, and a ratio is the exponential of a gap. A sum that only
        one of them has contradicts nothing.
        """
        mine = {name: self.sums.get(name, 0.0) for name in ("nats", "nats_squared", "gap", "gap_squared", "ratio")}
        nats, squares = max(abs(mine["nats"]), abs(mine["gap"])), mine["nats_squared"] + mine["gap_squared"]
        slack = {
            "nats": nats,
            "nats_squared": mine["nats_squared"],
            "nats_cubed": _cubes(mine["nats_squared"]),
            "gap": nats,
            "gap_squared": squares,
            "gap_cubed": _cubes(squares),
            "ratio": mine["ratio"] * (1 + nats),
            "ratio_squared": self.sums.get("ratio_squared", 0.0) * (1 + 2 * nats),
        }
        for name in self.sums.keys() & other.sums.keys():
            one, two = self.sums[name], other.sums[name]
            if one != two and not abs(one - two) <= min(1e-12 * slack.get(name, 0.0), sys.float_info.max):
                return f"{name} {one!r} against {two!r}"
        return None


def _cubes(squares: float) -> float:
    """The power 3/2, infinite beyond float64."""
    return squares * math.sqrt(max(squares, 0.0))


def checksum(task: str, index: int, sums: str, seconds: float, code: str, host: str, date: str) -> int:
    """CRC-32 over the task's name and all that a row says."""
    return zlib.crc32(f"{task}\0{index}\0{sums}\0{seconds!r}\0{code}\0{host}\0{date}".encode())


def total(chunks: Sequence[Chunk]) -> Sums:
    """The sums of all chunks together."""
    return Sums.over([chunk.sums for chunk in chunks])


def until_stopped(chunks: Sequence[Chunk], max_errors: int | None) -> list[Chunk]:
    """The first prefix of chunks that reaches `max_errors` wrong sequences, or all of them."""
    if max_errors is None:
        return list(chunks)
    errors = 0
    for place, chunk in enumerate(chunks, 1):
        errors += chunk.sums.whole("errors")
        if errors >= max_errors:
            return list(chunks[:place])
    return list(chunks)
