"""The main job as a user runs it, timed from outside: wall seconds and peak memory of the whole process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

COMMAND = ["sweep", "--lang", "hmm", "--steps", "64..2048"]
REQUIRED_SECONDS, REQUIRED_MEGABYTES = 60, 1000


@dataclass(frozen=True)
class Run:
    """One process: wall seconds, and the most memory that it held at once."""

    seconds: float
    megabytes: float


def measure() -> Run:
    """`mdmtheory sweep --lang hmm --steps 64..2048` into a new store, with everything compiled by a run before it."""
    with tempfile.TemporaryDirectory() as folder:
        _run([*COMMAND, "--samples", "1", "--out", str(Path(folder) / "compiled.sqlite")])
        return _run([*COMMAND, "--out", str(Path(folder) / "measured.sqlite")])


def _run(arguments: list[str]) -> Run:
    """Run mdmtheory under a process that holds nothing itself.

    The system counts the memory of the process that starts another as the other's own, so a benchmark that has loaded
    jax must not start it.
    """
    command = [str(Path(sys.executable).with_name("mdmtheory")), *arguments]
    done = subprocess.run([sys.executable, "-S", __file__, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"mdmtheory {' '.join(arguments)} failed:\n{done.stderr}")
    return Run(**json.loads(done.stdout))


def _measure_child(command: list[str]) -> dict[str, float]:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(os.waitstatus_to_exitcode(status))
    return {"seconds": seconds, "megabytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6}


if __name__ == "__main__":
    print(json.dumps(_measure_child(sys.argv[1:])))
