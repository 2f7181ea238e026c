"""What a power cut leaves of the files of a sweep, as SQLite tests it: built from a record of all that was written.

What was synced is there. Of what was written since, any part may be there: none, all, single sectors, or a file that
has its new size and zeros in place of what was written. Entries of a folder (made, renamed, removed) reach the disk in
their order, and may lag behind until the folder itself is synced.
"""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.failing import written_lines
from tests.faults.host import Fault, Host
from tests.faults.judging import Tally, Whole, judge_mended, judge_rows, show, stored_rows, sweep

_HEAD = struct.Struct("=iiqq")

Survives = Callable[[random.Random], Callable[[], bool]]
"""For one file at one cut: a coin that says of each sector in turn whether it reached the disk."""

STYLES: dict[str, tuple[int, Survives]] = {
    "none of the writes": (1 << 40, lambda chance: lambda: False),
    "all of the writes": (1 << 40, lambda chance: lambda: True),
    "some of the writes": (1 << 40, lambda chance: lambda: chance.random() < 0.5),
    "sectors of 512": (512, lambda chance: lambda: chance.random() < 0.5),
    "nearly all sectors of 512": (512, lambda chance: lambda: chance.random() < 0.9),
    "sectors of 4096": (4096, lambda chance: lambda: chance.random() < 0.5),
}


@dataclass
class File:
    """What the disk has for certain, and the writes since, in order; a write of None is a new size."""

    synced: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        self.synced, self.pending = self.left(1 << 40, lambda: True, whole_sizes=False), []

    def left(self, sector: int, survives: Callable[[], bool], *, whole_sizes: bool) -> bytes:
        """What is there after the cut; with `whole_sizes` as long as it had grown, zeros where nothing came."""
        data = bytearray(self.synced)
        for offset, written in self.pending:
            if written is None:
                if survives():
                    resize(data, offset)
                continue
            if whole_sizes:
                resize(data, max(len(data), offset + len(written)))
            for start in range(offset, offset + len(written), sector):
                end = min(offset + len(written), (start // sector + 1) * sector)
                if survives():
                    resize(data, max(len(data), end))
                    data[start:end] = written[start - offset : end - offset]
        return bytes(data)


def resize(data: bytearray, size: int) -> None:
    if size < len(data):
        del data[size:]
    data.extend(bytes(size - len(data)))


@dataclass
class Disk:
    """A folder on a disk that has a cache: entries as programs see them, those for certain, and what was done since."""

    folder: str
    entries: dict[str, File] = field(default_factory=dict)
    certain: dict[str, File] = field(default_factory=dict)
    pending: list[dict[str, File]] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    durable: dict[str, int] = field(default_factory=dict)

    def play(self, what: str, name: str, offset: int, data: bytes) -> bool:
        """Do what the record says; whether it changed what a power cut may leave."""
        if what == "N":
            self.acknowledged.update(json.loads(data))
        elif what == "S" and name == self.folder:
            # A commit is known to be on the disk once the removal of its journal is.
            self.certain, self.pending, self.durable = dict(self.entries), [], dict(self.acknowledged)
        elif what in "CURL":
            self._enter(what, name, data.decode())
        elif name in self.entries:
            file = self.entries[name]
            if what == "S":
                file.sync()
            elif what == "W":
                file.pending.append((offset, data))
            elif what == "T":
                file.pending.append((offset, None))
        return what not in "NO"

    def _enter(self, what: str, name: str, other: str) -> None:
        changed = dict(self.entries)
        if what == "C":
            changed[name] = File()
        elif what == "U":
            changed.pop(name, None)
        elif name in changed:
            changed[other] = changed[name] if what == "L" else changed.pop(name)
        self.entries = changed
        self.pending.append(changed)

    def cut(self, style: str, chance: random.Random) -> dict[str, bytes]:
        """The files that there are when the power is back."""
        sector, survives = STYLES[style]
        done = [self.certain, *self.pending]
        entries = done[{"none of the writes": 0, "all of the writes": -1}.get(style, chance.randrange(len(done)))]
        grown = chance.random() < 0.5
        # What a verb has not finished yet lies in folders of its own, and may be left there.
        return {
            name.rpartition("/")[2]: file.left(sector, survives(chance), whole_sizes=grown)
            for name, file in entries.items()
            if name.rpartition("/")[0] == self.folder
        }


def record_of(tape: Path) -> Iterator[tuple[str, str, int, bytes]]:
    """What was done, the name of the file, the offset, and the bytes or the other name."""
    data, at = tape.read_bytes(), 0
    while at < len(data):
        what, name_length, offset, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        name = data[at : at + name_length].decode()
        yield chr(what), name, offset, data[at + name_length : at + name_length + size]
        at += name_length + size


def states(disk: Disk, tape: Path, stride: int) -> Iterator[tuple[str, dict[str, bytes]]]:
    """What power cuts after every `stride`-th step may leave, once in each style."""
    number = 0
    for step, each in enumerate(record_of(tape)):
        if not disk.play(*each):
            continue
        number += 1
        if number % stride == 0:
            for style in STYLES:
                yield f"cut after step {step} ({each[0]}), {style}", disk.cut(style, random.Random(f"{step} {style}"))


AT_ONCE = 20
"""States that one child looks at."""


def cut_sweeps(host: Host, folder: Path, whole: Whole, stride: int, resumed: int) -> Tally:
    """Each state is shown; every `resumed`-th is also swept to its end."""
    tally = Tally("the power fails in a sweep: unsynced writes lost, torn or out of order")
    under = folder / "swept"
    under.mkdir()
    tape = folder / "tape"
    ended = host.run(sweep(under / "store.sqlite"), under=under, fault=Fault(0, tape=str(tape)))
    assert ended.acknowledged, ended
    disk = Disk(str(under))
    batch: list[tuple[str, Path]] = []
    for case, files in states(disk, tape, stride):
        place = folder / str(tally.tried)
        lay(place, files)
        store = place / "store.sqlite"
        tally.tried += 1
        judge_rows(tally, case, stored_rows(store, folder / "copy"), whole, disk.durable)
        if store.exists():
            batch.append((case, store))
        if tally.tried % resumed == 0:
            copy = folder / f"{tally.tried}-resumed"
            lay(copy, files)
            judge_mended(tally, host, case, copy / "store.sqlite", whole)
            shutil.rmtree(copy)
        if len(batch) == AT_ONCE:
            _show(tally, host, batch)
    _show(tally, host, batch)
    return tally


def _show(tally: Tally, host: Host, batch: list[tuple[str, Path]]) -> None:
    ended = host.run(*(show(store) for _, store in batch))
    for (case, _), line in zip(batch, ended.lines, strict=False):
        tally.judge_line(case, line)
    if len(ended.lines) < len(batch):
        tally.judge_end(batch[len(ended.lines)][0], ended, len(batch))
    for _, store in batch:
        shutil.rmtree(store.parent)
    batch.clear()


def cut_files(host: Host, folder: Path, whole: Whole) -> Tally:
    """Verbs that replace a file: the older or the newer one is there, whole; and a merged store, or none."""
    tally = Tally("the power fails while a verb replaces a file, or merges")
    lines = {**written_lines(whole), "merged.sqlite": ["merge", str(whole.path), "-o"]}
    for name, line in lines.items():
        under = folder / name.split(".")[0]
        under.mkdir()
        target, tape = under / name, folder / "tape"
        older = None if name == "merged.sqlite" else b"the older file"
        disk = Disk(str(under))
        if older is not None:
            target.write_bytes(older)
            disk.entries[str(target)] = File(older)
            disk.certain = dict(disk.entries)
        ended = host.run([*line, str(target)], under=under, fault=Fault(0, tape=str(tape)))
        assert ended.lines[0].code == 0, ended
        newer = target.read_bytes()
        for case, files in states(disk, tape, 1):
            tally.tried += 1
            left = files.get(name)
            if left not in (older, newer):
                size = "no file" if left is None else f"{len(left)} bytes"
                tally.lost.append(f"{name}, {case}: {size}, neither the older nor the newer")
    return tally


def lay(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
