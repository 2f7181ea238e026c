"""kill -9 at moments of a sweep that are counted in its own calls to the store's files, not by the clock."""

from __future__ import annotations

import random
from pathlib import Path

from tests.faults.host import EVERY_CALL, FAIL_ONCE, KILL_BEFORE, KILL_INSIDE, Fault, Host
from tests.faults.judging import Tally, Whole, judge_mended, judge_rows, stored_rows, sweep

IN_A_ROW = 5
"""So often one store is killed, each time further on, before it is left to finish."""


def killed(host: Host, folder: Path, whole: Whole, moments: int) -> Tally:
    """Kill between two calls and in the midst of one, with one worker and with two."""
    tally = Tally("kill -9 in the midst of a sweep, and resumed")
    (folder / "first").mkdir()
    unharmed = Fault(at=1 << 40, action=FAIL_ONCE)
    calls = host.run(sweep(folder / "first" / "store.sqlite"), under=folder / "first", fault=unharmed).seen
    chance = random.Random(0)
    for chain in range(-(-moments // IN_A_ROW)):
        under = folder / str(chain)
        under.mkdir()
        store = under / "store.sqlite"
        acknowledged: dict[str, int] = {}
        for turn in range(min(IN_A_ROW, moments - tally.tried)):
            # A resumed sweep makes fewer calls: those of what is left.
            at = 1 + chance.randrange(max(1, calls // IN_A_ROW)) if turn else 1 + chance.randrange(calls // 2)
            workers, action = 1 + turn % 2, (KILL_BEFORE, KILL_INSIDE)[chain % 2]
            case = f"chain {chain}, killed at call {at} of run {turn + 1}"
            ended = host.run(sweep(store, workers=workers), under=under, fault=Fault(EVERY_CALL, at, action))
            tally.tried += 1
            if not ended.killed:
                tally.judge_end(case, ended, 1)
            acknowledged.update(ended.acknowledged)
            judge_rows(tally, case, stored_rows(store, folder / "copy"), whole, acknowledged)
        judge_mended(tally, host, f"chain {chain}", store, whole)
    return tally
