"""Every group of cases, in the few that each test run tries and in full."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults import cold_caches, corruption, drivers, failing, keeping, killing, language_files, limits, power
from tests.faults.host import Host
from tests.faults.judging import Tally, Whole


@dataclass(frozen=True)
class Bench:
    """What a group works with: a host, one that has compiled nothing, an undisturbed sweep and an empty folder."""

    host: Host
    cold: Callable[[], Host]
    whole: Whole
    folder: Path


Group = Callable[[Bench], Tally]


def _cold(bench: Bench, **sizes: int) -> Tally:
    with bench.cold() as host:
        return cold_caches.filled(host, bench.folder, **sizes)


FEW: dict[str, Group] = {
    "kill -9": lambda b: killing.killed(b.host, b.folder, b.whole, moments=6),
    "failing sweeps": lambda b: failing.failed_sweeps(b.host, b.folder, b.whole, stride=331),
    "failing readers": lambda b: failing.failed_readers(b.host, b.folder, b.whole, stride=23),
    "failing files": lambda b: failing.written_files(b.host, b.folder, b.whole, stride=37),
    "power cuts of sweeps": lambda b: power.cut_sweeps(b.host, b.folder, b.whole, stride=41, resumed=40),
    "power cuts of files": lambda b: power.cut_files(b.host, b.folder, b.whole),
    "kept sequences": lambda b: keeping.kept_sequences(
        b.host, b.folder, b.whole, moments=3, stride=2999, cuts=331, resumed=12
    ),
    "limits": lambda b: limits.limited(b.host, b.folder, b.whole, stride=29),
    "a read-only folder": lambda b: limits.read_only(b.host, b.folder, b.whole),
    "two sweeps": lambda b: drivers.two_drivers(b.host, b.folder, b.whole, commits=1),
    "sweeps at once": lambda b: drivers.racing(b.host, b.folder, b.whole, rounds=1),
    "corruption": lambda b: corruption.corrupted(b.host, b.folder, b.whole, range(1)),
    "corruption of version 1": lambda b: corruption.corrupted(b.host, b.folder, b.whole, range(1), every=3, old=True),
    "language files": lambda b: language_files.damaged_files(
        b.host, b.folder, truncations=509, flips=257, bomb=1 << 24
    ),
    "no language files": lambda b: language_files.links(b.host, b.folder),
    "cold caches": lambda b: _cold(b, rounds=1, at_once=2, moments=1, damages=1, every=4),
}

ALL: dict[str, Group] = {
    "kill -9": lambda b: killing.killed(b.host, b.folder, b.whole, moments=60),
    "failing sweeps": lambda b: failing.failed_sweeps(b.host, b.folder, b.whole, stride=1),
    "failing readers": lambda b: failing.failed_readers(b.host, b.folder, b.whole, stride=1),
    "failing files": lambda b: failing.written_files(b.host, b.folder, b.whole, stride=1),
    "power cuts of sweeps": lambda b: power.cut_sweeps(b.host, b.folder, b.whole, stride=1, resumed=10),
    "power cuts of files": lambda b: power.cut_files(b.host, b.folder, b.whole),
    "kept sequences": lambda b: keeping.kept_sequences(
        b.host, b.folder, b.whole, moments=20, stride=31, cuts=2, resumed=40
    ),
    "limits": lambda b: limits.limited(b.host, b.folder, b.whole, stride=1),
    "a read-only folder": lambda b: limits.read_only(b.host, b.folder, b.whole),
    "two sweeps": lambda b: drivers.two_drivers(b.host, b.folder, b.whole, commits=5),
    "sweeps at once": lambda b: drivers.racing(b.host, b.folder, b.whole, rounds=20),
    "corruption": lambda b: corruption.corrupted(b.host, b.folder, b.whole, range(20)),
    "corruption of version 1": lambda b: corruption.corrupted(b.host, b.folder, b.whole, range(20), old=True),
    "language files": lambda b: language_files.damaged_files(b.host, b.folder, truncations=5, flips=2),
    "no language files": lambda b: language_files.links(b.host, b.folder),
    "cold caches": lambda b: _cold(b, rounds=5, at_once=4, moments=4, damages=5, every=1),
}


def tried_alone(name: str, shim: Path) -> Tally:
    """One group in full, with hosts of its own."""
    with tempfile.TemporaryDirectory(prefix="faults-") as text:
        scratch = Path(text)
        folder = scratch / "cases"
        folder.mkdir()
        with Host(shim, scratch / "host") as host:
            whole = Whole.measured(host, scratch / "whole.sqlite")
            cold = lambda: Host(shim, scratch / "cold", compiled=False)  # noqa: E731
            return ALL[name](Bench(host, cold, whole, folder))
