"""The main job as a user runs it, timed from outside: wall seconds and peak memory of the whole process."""

from __future__ import annotations

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
    command = Path(sys.executable).with_name("mdmtheory")
    start = time.perf_counter()
    process = subprocess.Popen([command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"mdmtheory {' '.join(arguments)} failed with status {os.waitstatus_to_exitcode(status)}")
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(seconds, peak_bytes / 1e6)
