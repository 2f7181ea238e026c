"""Caches of machine code: filled by several processes at once, killed or out of space while filled, and damaged."""

from __future__ import annotations

import errno
import pickle
import random
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from tests.faults.corruption import CANARY
from tests.faults.host import (
    EVERY_CALL,
    FAIL_FROM_THEN_ON,
    FAIL_ONCE,
    KILL_BEFORE,
    KILL_INSIDE,
    OPEN,
    SHORT_THEN_FAIL,
    UNLINK,
    WRITE,
    Fault,
    Host,
)
from tests.faults.judging import Tally

LINE = ["language", "sample", "parity", "--length", "8"]
"""Needs two kernels, each compiled in less than a second."""


def filled(host: Host, folder: Path, rounds: int, at_once: int, moments: int, damages: int, every: int) -> Tally:
    """Every process must print the same tokens, whatever became of the cache.

    `host` has compiled nothing; `at_once` is how many processes fill a cache. Of the interruptions and damages each
    `every`-th is tried.
    """
    tally = Tally("caches of kernels filled at once, interrupted, and damaged")
    tokens = host.run(LINE, environment=_cache(folder / "warm")).lines[0].out
    assert tokens
    for number in range(rounds):
        cache = folder / f"round-{number}"
        children = [host.start(LINE, environment=_cache(cache)) for _ in range(at_once)]
        ended = [child.wait() for child in children]
        for each in (*ended, host.run(LINE, environment=_cache(cache))):
            _judge(tally, f"round {number}", each, tokens)
        if "compiling" in each.lines[0].err:
            tally.lost.append(f"round {number}: compiled again")
    for case, fault in islice(_interruptions(moments), 0, None, every):
        cache = folder / "interrupted"
        cache.mkdir()
        ended = host.run(LINE, environment=_cache(cache), under=cache, fault=fault)
        if not ended.killed:
            _judge(tally, case, ended, tokens)
        _judge(tally, f"{case}, afterwards", host.run(LINE, environment=_cache(cache)), tokens)
        shutil.rmtree(cache)
    for case, damage in islice(_damages(damages), 0, None, every):
        cache = Path(shutil.copytree(folder / "warm", folder / "damaged"))
        for file in [each for each in cache.rglob("*") if each.is_file()]:
            (file.parent / "canary.py").write_text(CANARY)
            damage(file)
        ended = host.run(LINE, LINE, environment=_cache(cache))
        _judge(tally, case, ended, tokens)
        if any(cache.rglob("executed")):
            tally.wrong.append(f"{case}: code was executed")
        shutil.rmtree(cache)
    return tally


def _cache(folder: Path) -> dict[str, str]:
    return {"MDMTHEORY_CACHE": str(folder)}


def _judge(tally: Tally, case: str, ended: object, tokens: str) -> None:
    tally.tried += 1
    if tally.judge_end(case, ended, 1):  # type: ignore[arg-type]
        for line in ended.lines:  # type: ignore[attr-defined]
            if line.code != 0:
                tally.unclear.append(f"{case}: a cache is a reason to stop: {line.err}")
            elif line.out != tokens:
                tally.wrong.append(f"{case}: {line.out}")


def _interruptions(moments: int) -> Iterator[tuple[str, Fault]]:
    kinds = {
        "killed": (EVERY_CALL, KILL_BEFORE, 0),
        "killed inside": (WRITE | UNLINK, KILL_INSIDE, 0),
        "a full disk": (WRITE, FAIL_FROM_THEN_ON, errno.ENOSPC),
        "half a file": (WRITE, SHORT_THEN_FAIL, errno.ENOSPC),
        "no rename": (UNLINK, FAIL_ONCE, errno.EIO),
        "no descriptors": (OPEN, FAIL_FROM_THEN_ON, errno.EMFILE),
        "read-only": (OPEN, FAIL_FROM_THEN_ON, errno.EROFS),
    }
    for moment in range(1, moments + 1):
        for name, (which, action, error) in kinds.items():
            yield f"{name} from call {moment}", Fault(which, moment, action, error)


def _damages(seeds: int) -> Iterator[tuple[str, Callable[[Path], object]]]:
    class Code:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return exec, ("import pathlib; pathlib.Path('executed').touch()",)

    yield "empty", lambda file: file.write_bytes(b"")
    yield "a pickle of code", lambda file: file.write_bytes(pickle.dumps(Code()))
    yield (
        "a pickle of code behind the digest",
        lambda file: file.write_bytes(file.read_bytes()[:32] + pickle.dumps(Code())),
    )
    yield "a folder", lambda file: (file.unlink(), file.mkdir())
    yield "a link to nowhere", lambda file: (file.unlink(), file.symlink_to("nowhere"))
    for seed in range(seeds):
        chance = random.Random(seed)

        def cut(file: Path, chance: random.Random = chance) -> object:
            data = file.read_bytes()
            return file.write_bytes(data[: chance.randrange(len(data))])

        def flip(file: Path, chance: random.Random = chance) -> object:
            data = bytearray(file.read_bytes())
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            return file.write_bytes(data)

        yield f"cut off, seed {seed}", cut
        yield f"a bit, seed {seed}", flip
