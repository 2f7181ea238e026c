"""Chunks: the counts of a run of whole sequences, with a checksum, so that every row of a store vouches for itself."""

from __future__ import annotations

import math
import operator
import struct
import zlib
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mdmtheory.metrics.counts import Counts


@dataclass(frozen=True)
class Chunk:
    """What was counted of the sequences of one chunk of a task; the fields up to `rounds` are those of `Counts`.

    `seconds` is what one worker took, `code` the version of mdmtheory and `host` the machine: they vouch, and are no
    result.
    """

    index: int
    sequences: int
    errors: int
    impossible: int
    tokens: int
    nats: float
    nats_squared: float
    gap: float
    gap_squared: float
    ratio: float
    ratio_squared: float
    calls: int
    rounds: int
    seconds: float
    code: str
    host: str

    def __post_init__(self) -> None:
        for name in FLOATS:
            value = getattr(self, name)
            if math.isnan(value):
                raise ValueError(
                    f"{name} of chunk {self.index} is not a number; the model scored a sequence as NaN, mend it"
                )
            # SQLite keeps no negative zero, and the checksum must survive the file.
            object.__setattr__(self, name, float(value) + 0.0)

    @classmethod
    def of(cls, index: int, counts: Counts, seconds: float, code: str, host: str) -> Chunk:
        """The chunk that holds these counts."""
        return cls(index, *astuple(counts), seconds, code, host)  # type: ignore[call-arg]  # the fields of Counts, in order

    @property
    def counts(self) -> Counts:
        """The counts alone."""
        from mdmtheory.metrics.counts import Counts

        return Counts(*(getattr(self, field.name) for field in fields(Counts)))

    def crc(self, task: str) -> int:
        """CRC-32 over the task's name and all that the row says."""
        text = "\0".join([task, self.code, self.host]).encode()
        return zlib.crc32(struct.pack(_LAYOUT, *_numbers_of(self)), zlib.crc32(text))

    def conflict(self, other: Chunk) -> str | None:
        """Why two measurements of one chunk cannot both be right: the field that differs, with both values; else None.

        Integers must be equal, nats within 1e-12 relative: processors differ in the last bits of a logarithm. A gap is
        a difference of nats, so its slack is that of the nats, and a ratio is the exponential of a gap.
        """
        nats = max(abs(self.nats), abs(self.gap))
        slack = {
            "nats": nats,
            "nats_squared": self.nats_squared,
            "gap": nats,
            "gap_squared": self.gap_squared + self.nats_squared,
            "ratio": self.ratio * (1 + nats),
            "ratio_squared": self.ratio_squared * (1 + 2 * nats),
        }
        for name in COUNTED:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs and not abs(mine - theirs) <= 1e-12 * slack.get(name, 0):
                return f"{name} {mine!r} against {theirs!r}"
        return None


COLUMNS = tuple(field.name for field in fields(Chunk))
COUNTED = COLUMNS[1:13]
TYPES = tuple({"int": int, "float": float, "str": str}[str(field.type)] for field in fields(Chunk))
FLOATS = tuple(name for name, kind in zip(COLUMNS, TYPES, strict=True) if kind is float)
_numbers_of = operator.attrgetter(*(name for name, kind in zip(COLUMNS, TYPES, strict=True) if kind is not str))
_LAYOUT = "<" + "".join("d" if kind is float else "q" for kind in TYPES if kind is not str)


def total(chunks: Sequence[Chunk]) -> Counts:
    """The counts of all chunks together; sums are rounded once, at the end, so their order does not matter."""
    from mdmtheory.metrics.counts import Counts

    def added(name: str) -> float:
        values = [getattr(chunk, name) for chunk in chunks]
        return _rounded_once(values) if name in FLOATS else sum(values)

    return Counts(**{name: added(name) for name in COUNTED})  # type: ignore[arg-type]  # integers where they must be


def _rounded_once(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        return sum(values)  # beyond float64: infinite, which is what is reported


def until_stopped(chunks: Iterable[Chunk], max_errors: int | None) -> list[Chunk]:
    """The first prefix of chunks that reaches `max_errors` wrong sequences, or all of them."""
    kept: list[Chunk] = []
    errors = 0
    for chunk in chunks:
        kept.append(chunk)
        errors += chunk.errors
        if max_errors is not None and errors >= max_errors:
            break
    return kept
