"""Two sweeps that want one store: through one name or two, at once, and after the first was killed."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from tests.faults.host import Child, Host
from tests.faults.judging import Tally, Whole, contents_of, judge_mended, judge_rows, show, stored_rows, sweep, visible


def two_drivers(host: Host, folder: Path, whole: Whole, commits: int) -> Tally:
    """The first stops itself after each number of commits; others are refused meanwhile, and readers are not."""
    tally = Tally("two sweeps of one store: the second under the same name, a link, or after a kill")
    for after in range(1, commits + 1):
        for name in ("same", "symlink", "other folder", "hard link"):
            under = folder / f"{after}-{name.replace(' ', '-')}"
            under.mkdir()
            store = under / "store.sqlite"
            first = host.start(sweep(store), stop_after=after)
            assert first.wait().stopped, f"the sweep made fewer than {after} commits; ask for fewer"
            _second(tally, host, f"{name}, after {after} commits", store, _named(name, store), whole)
            _end(tally, host, f"{name}, after {after} commits", first, store, whole, kill=after % 2 == 0)
            shutil.rmtree(under)
    return tally


def _named(name: str, store: Path) -> Path:
    """Another name of the store."""
    if name == "symlink":
        (store.parent / "linked.sqlite").symlink_to(store)
        return store.parent / "linked.sqlite"
    if name == "other folder":
        (store.parent / "folder").symlink_to(store.parent)
        return store.parent / "folder" / store.name
    if name == "hard link":
        (store.parent / "hard.sqlite").hardlink_to(store)
        return store.parent / "hard.sqlite"
    return store


def _second(tally: Tally, host: Host, case: str, store: Path, other: Path, whole: Whole) -> None:
    tally.tried += 1
    before = store.read_bytes()
    ended = host.run(sweep(other), show(store))
    if not tally.judge_end(case, ended, 2):
        return
    if ended.lines[0].code != 2 or store.read_bytes() != before:
        tally.wrong.append(f"{case}: a second sweep was let in")
    if store.name not in ended.lines[0].err and other.name not in ended.lines[0].err:
        tally.unclear.append(f"{case}: refused without a name: {ended.lines[0].err}")
    if ended.lines[1].code != 0:
        tally.unclear.append(f"{case}: not shown meanwhile: {ended.lines[1].err}")


def _end(tally: Tally, host: Host, case: str, first: Child, store: Path, whole: Whole, *, kill: bool) -> None:
    """The first goes on, or is killed where it stands; then the store is completed under its first name."""
    first.send(signal.SIGKILL if kill else signal.SIGCONT)
    ended = first.wait()
    if not kill:
        tally.judge_end(f"{case}, the first", ended, 1)
    judge_rows(tally, case, stored_rows(store, store.parent / "copy"), whole, ended.acknowledged)
    for each in store.parent.iterdir():
        if each.is_symlink() or each.name == "hard.sqlite":
            each.unlink()
    shutil.rmtree(store.parent / "copy", ignore_errors=True)
    judge_mended(tally, host, case, store, whole)


def racing(host: Host, folder: Path, whole: Whole, rounds: int, drivers: int = 4) -> Tally:
    """Several begin at once on a store that is not there: each is done or is refused, and it is whole in the end."""
    tally = Tally("several sweeps begin at once on one store")
    for number in range(rounds):
        under = folder / str(number)
        under.mkdir()
        store = under / "store.sqlite"
        children = [host.start(sweep(store)) for _ in range(drivers)]
        done = 0
        for child in children:
            ended = child.wait()
            tally.tried += 1
            if tally.judge_end(f"round {number}", ended, 1):
                done += ended.lines[0].code == 0
        judge_rows(tally, f"round {number}", stored_rows(store, folder / "copy"), whole, dict.fromkeys([]))
        if not done:
            tally.wrong.append(f"round {number}: every sweep was refused")
        elif frozenset(stored_rows(store, folder / "copy") or []) != whole.rows:
            tally.lost.append(f"round {number}: rows are missing though a sweep ended well")
        if set(visible(contents_of(under))) != {store.name}:
            tally.unclear.append(f"round {number}: beside the store there is {os.listdir(under)}")  # noqa: PTH208
    return tally
