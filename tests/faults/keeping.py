"""Sweeps that keep their sequences, killed, failing and cut off: the store has no chunk whose sequences are missing."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from mdmtheory.sweeps import samples_file
from tests.faults.failing import counted, faults
from tests.faults.host import EVERY_CALL, KILL_BEFORE, KILL_INSIDE, Fault, Host
from tests.faults.judging import Tally, Whole, judge_resumed, judge_rows, stored_rows, sweep
from tests.faults.power import Disk, lay, states

KEEP = "--keep-samples"

Kept = dict[tuple[str, int], bytes]
"""The tokens of every chunk, by task and number."""


def kept_sequences(
    host: Host, folder: Path, whole: Whole, *, moments: int, stride: int, cuts: int, resumed: int
) -> Tally:
    """Kills between two calls and inside one, every call that fails, and what a power cut leaves."""
    tally = Tally("a sweep that keeps its sequences is killed, fails or loses its power, and is resumed")
    (folder / "first").mkdir()
    first, tape = folder / "first" / "store.sqlite", folder / "tape"
    ended = host.run(sweep(first, KEEP), under=first.parent, fault=Fault(0, tape=str(tape)))
    genuine = _kept(first)
    assert ended.lines[0].code == 0, ended
    assert genuine
    disk = Disk(str(first.parent))
    for case, files in states(disk, tape, cuts):
        place = folder / "cut"
        lay(place, files)
        tally.tried += 1
        _judge(tally, case, place / "store.sqlite", folder / "copy", whole, genuine, disk.durable)
        if tally.tried % resumed == 0:
            _mend(tally, host, case, place / "store.sqlite", whole, genuine)
        shutil.rmtree(place)
    (folder / "counted").mkdir()
    counts = counted(host, sweep(folder / "counted" / "store.sqlite", KEEP), folder / "counted")
    chance, calls = random.Random(0), sum(counts.values())
    kills = [
        (f"killed at call {at}", Fault(EVERY_CALL, at, (KILL_BEFORE, KILL_INSIDE)[number % 2]))
        for number, at in enumerate(chance.sample(range(1, calls), moments))
    ]
    for number, (case, fault) in enumerate([*kills, *faults(counts, stride)]):
        under = folder / str(number)
        under.mkdir()
        store = under / "store.sqlite"
        ended = host.run(sweep(store, KEEP), under=under, fault=fault)
        tally.tried += 1
        if not ended.killed:
            tally.judge_end(case, ended, 1)
        _judge(tally, case, store, folder / "copy", whole, genuine, ended.acknowledged)
        _mend(tally, host, case, store, whole, genuine)
        shutil.rmtree(under)
    return tally


def _kept(store: Path) -> Kept:
    """What the program believes of the sequences beside a store."""
    path = samples_file.beside(store)
    return {
        (task, chunk): samples.tokens.tobytes() + samples.calls.tobytes()
        for task in samples_file.tasks(path)
        for chunk, samples in samples_file.kept(path, task)[0].items()
    }


def _judge(
    tally: Tally, case: str, store: Path, copy: Path, whole: Whole, genuine: Kept, acknowledged: dict[str, int]
) -> None:
    """The store's rows are as ever, and each that counts drawn sequences has the genuine ones."""
    rows = stored_rows(store, copy)
    judge_rows(tally, case, rows, whole, acknowledged)
    try:
        found = _kept(store)
    except (ValueError, OSError) as error:
        tally.lost.append(f"{case}: the sequences cannot be read: {error}")
        return
    if not found.items() <= genuine.items():
        tally.wrong.append(f"{case}: sequences that no undisturbed sweep keeps")
    missing = [row[:2] for row in rows or [] if row[:2] in genuine.keys() - found.keys()]
    if missing:
        tally.lost.append(f"{case}: the store has chunks {missing} without their sequences")


def _mend(tally: Tally, host: Host, case: str, store: Path, whole: Whole, genuine: Kept) -> None:
    """Without the fault the same sweep ends with the same store and the same sequences."""
    beside = samples_file.beside(store).name
    if judge_resumed(tally, host, case, store, whole, KEEP, beside=[beside]) and _kept(store) != genuine:
        tally.wrong.append(f"{case}: resumed, the sequences are not those of an undisturbed sweep")
