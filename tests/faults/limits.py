"""Limits of the system: the size of a file, open files, memory, and a folder that cannot be written."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.faults.host import FAIL_FROM_THEN_ON, OPEN_TO_WRITE, UNLINK, WRITE, Fault, Host
from tests.faults.judging import Tally, Whole, judge_mended, judge_rows, judge_shown, show, stored_rows, sweep

_KB, _MB = 1 << 10, 1 << 20


def limits(stride: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Every `stride`-th of them. Memory and files come on top of what a child has in use when it begins."""
    every = [(f"files of {size} bytes", {"RLIMIT_FSIZE": size}) for size in range(4 * _KB, 40 * _KB, _KB)]
    every += [(f"{number} more descriptors", {"RLIMIT_NOFILE": number}) for number in range(24)]
    every += [(f"{size // _KB} KB more memory", {"RLIMIT_AS": size}) for size in range(512 * _KB, 32 * _MB, 512 * _KB)]
    yield from every[::stride]


def limited(host: Host, folder: Path, whole: Whole, stride: int) -> Tally:
    """A sweep and a reader under each limit; the sweep goes on when the limit is gone."""
    tally = Tally("a full, read-only or tiny disk, few descriptors, little memory")
    for number, (case, each) in enumerate(limits(stride)):
        under = folder / str(number)
        under.mkdir()
        store = under / "store.sqlite"
        ended = host.run(sweep(store), limits=each)
        tally.tried += 1
        tally.judge_end(case, ended, 1)
        judge_rows(tally, case, stored_rows(store, folder / "copy"), whole, ended.acknowledged)
        judge_mended(tally, host, case, store, whole)
        reading = host.run(show(store), limits=each)
        if tally.judge_end(f"{case}, show", reading, 1):
            judge_shown(tally, case, reading.lines[0], whole.shown)
        shutil.rmtree(under)
    return tally


def read_only(host: Host, folder: Path, whole: Whole) -> Tally:
    """A folder on a read-only file system: shown as ever, and refused by a sweep before it measures."""
    tally = Tally("a read-only folder")
    under = folder / "read-only"
    under.mkdir()
    store = Path(shutil.copy(whole.path, under / "store.sqlite"))
    frozen = Fault(OPEN_TO_WRITE | UNLINK | WRITE, 1, FAIL_FROM_THEN_ON, errno.EROFS)
    ended = host.run(show(store), sweep(store, "--seed", "1"), under=under, fault=frozen)
    tally.tried += 1
    if tally.judge_end("read-only", ended, 2):
        judge_shown(tally, "read-only", ended.lines[0], whole.shown)
        if ended.lines[0].code != 0:
            tally.lost.append(f"a store on a read-only disk is not shown: {ended.lines[0].err}")
        if ended.lines[1].code != 2:
            tally.wrong.append("a sweep into a read-only folder does not say so")
    return tally
