"""Each call to the store's files in turn fails, comes short, or fails from then on, with what a system can answer."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.faults.host import (
    FAIL_FROM_THEN_ON,
    FAIL_ONCE,
    LOCK,
    OPEN,
    READ,
    SHORT_ONCE,
    SHORT_THEN_FAIL,
    SYNC,
    UNLINK,
    WRITE,
    Fault,
    Host,
)
from tests.faults.judging import (
    Tally,
    Whole,
    contents_of,
    judge_mended,
    judge_rows,
    judge_shown,
    show,
    stored_rows,
    sweep,
    visible,
)

NAMES = {WRITE: "write", SYNC: "fsync", UNLINK: "unlink or rename", READ: "read", OPEN: "open", LOCK: "lock"}
FATES = {
    WRITE: (
        (FAIL_FROM_THEN_ON, errno.ENOSPC),
        (FAIL_ONCE, errno.EIO),
        (SHORT_THEN_FAIL, errno.ENOSPC),
        (SHORT_ONCE, 0),
        (FAIL_FROM_THEN_ON, errno.EDQUOT),
    ),
    SYNC: ((FAIL_ONCE, errno.EIO), (FAIL_FROM_THEN_ON, errno.EIO)),
    UNLINK: ((FAIL_ONCE, errno.EIO), (FAIL_FROM_THEN_ON, errno.EACCES)),
    READ: ((FAIL_ONCE, errno.EIO), (FAIL_FROM_THEN_ON, errno.EIO), (SHORT_ONCE, 0)),
    OPEN: ((FAIL_ONCE, errno.EMFILE), (FAIL_FROM_THEN_ON, errno.EACCES), (FAIL_FROM_THEN_ON, errno.EROFS)),
    LOCK: ((FAIL_ONCE, errno.ENOLCK), (FAIL_FROM_THEN_ON, errno.ENOLCK)),
}


def faults(counts: dict[int, int], stride: int) -> Iterator[tuple[str, Fault]]:
    """Every `stride`-th call of every kind with every fate; the fates begin at different calls."""
    number = 0
    for kind, fates in FATES.items():
        for action, error in fates:
            for at in range(1 + number % stride, counts[kind] + 1, stride):
                said = errno.errorcode.get(error, "half of it")
                yield f"{NAMES[kind]} {at} of {counts[kind]}, {said} (action {action})", Fault(kind, at, action, error)
            number += 1


def counted(host: Host, line: list[str], under: Path) -> dict[int, int]:
    """How many calls of each kind a line makes; the folder is as before each time."""
    kept = shutil.copytree(under, under.with_name("kept"))
    found = {}
    for kind in FATES:
        found[kind] = host.run(line, under=under, fault=Fault(kind, 1 << 40, FAIL_ONCE)).seen
        shutil.rmtree(under)
        shutil.copytree(kept, under)
    shutil.rmtree(kept)
    return found


def failed_sweeps(host: Host, folder: Path, whole: Whole, stride: int) -> Tally:
    """A sweep from nothing."""
    tally = Tally("a write, fsync, unlink, read, open or lock of a sweep fails")
    under = folder / "first"
    under.mkdir()
    counts = counted(host, sweep(under / "store.sqlite"), under)
    for number, (case, fault) in enumerate(faults(counts, stride)):
        under = folder / str(number)
        under.mkdir()
        store = under / "store.sqlite"
        ended = host.run(sweep(store), under=under, fault=fault)
        tally.tried += 1
        tally.judge_end(case, ended, 1)
        rows = stored_rows(store, folder / "copy")
        judge_rows(tally, case, rows, whole, ended.acknowledged)
        if ended.lines and ended.lines[0].code == 0 and frozenset(rows or []) != whole.rows:
            tally.wrong.append(f"{case}: status 0 and rows are missing")
        judge_mended(tally, host, case, store, whole)
        shutil.rmtree(under)
    return tally


def failed_readers(host: Host, folder: Path, whole: Whole, stride: int) -> Tally:
    """`show` of a store, and of one with a journal that is to be rolled back: right rows or one line."""
    tally = Tally("a call of `show` fails, with and without a journal")
    for journal in (False, True):
        under = folder / f"journal-{journal}"
        under.mkdir()
        store = hot(host, under, whole) if journal else Path(shutil.copy(whole.path, under / "store.sqlite"))
        before = visible(contents_of(under))
        counts = counted(host, show(store), under)
        for case, fault in faults(counts, stride):
            ended = host.run(show(store), under=under, fault=fault)
            tally.tried += 1
            if tally.judge_end(case, ended, 1):
                judge_shown(tally, case, ended.lines[0], whole.shown if not journal else shown_of(host, store, under))
            if visible(contents_of(under)) != before:
                tally.wrong.append(f"{case}: show changed a file")
                shutil.rmtree(under)
                under.mkdir()
                for name, data in before.items():
                    (under / name).write_bytes(data)
    return tally


def written_files(host: Host, folder: Path, whole: Whole, stride: int) -> Tally:
    """Files that verbs write over an older one: afterwards there is the old one or the new one, whole, and no other."""
    tally = Tally("a call of a verb that writes a file fails")
    for name, line in written_lines(whole).items():
        under = folder / name.split(".")[0]
        under.mkdir()
        target = under / name
        target.write_bytes(b"the older file")
        counts = counted(host, [*line, str(target)], under)
        host.run([*line, str(target)])
        new = target.read_bytes()
        for case, fault in faults(counts, stride):
            target.write_bytes(b"the older file")
            ended = host.run([*line, str(target)], under=under, fault=fault)
            tally.tried += 1
            tally.judge_end(f"{name}, {case}", ended, 1)
            left = visible(contents_of(under)).get(name, b"")
            if left not in (b"the older file", new):
                tally.lost.append(f"{name}, {case}: the file has {len(left)} bytes, neither the older nor the newer")
            elif left != new and ended.lines and ended.lines[0].code == 0:
                tally.wrong.append(f"{name}, {case}: status 0 and the older file")
            shutil.rmtree(under)
            under.mkdir()
    return tally


def written_lines(whole: Whole) -> dict[str, list[str]]:
    """By the name of the file that they write, which comes last on the line."""
    return {
        "language.npz": ["language", "new", "hmm:states=3", "-o"],
        "sizes.txt": ["schedule", "--lang", "hmm:states=3", "--length", "16", "--steps", "4", "--sizes-out"],
        "figure.png": ["plot", str(whole.path), "--y", "ter", "--x", "length", "-o"],
    }


def hot(host: Host, under: Path, whole: Whole) -> Path:
    """A store whose sweep was killed inside a commit: there is a journal, and the file holds half a transaction."""
    from tests.faults.host import KILL_BEFORE

    store = under / "store.sqlite"
    host.run(sweep(store), under=under, fault=Fault(UNLINK, 6, KILL_BEFORE))
    assert (under / "store.sqlite-journal").stat().st_size
    return store


def shown_of(host: Host, store: Path, under: Path) -> tuple[dict[str, str], ...]:
    """What is right of a store with a journal: what SQLite itself rolls a copy back to."""
    from tests.faults.judging import copied, shown_rows

    scratch = under.with_name("rolled-back")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    copy = copied(store, scratch)
    stored_rows(copy, under.with_name("rolled-back-again"))
    return shown_rows(host.run(show(copy)).lines[0])
