"""From an empty folder of compiled kernels to the first number: processor seconds of processes, and of each kernel.

Another commit's package stands beside ours where one is named. Processes take turns: ours, theirs, ours, ...
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.page import number

ROOT = Path(__file__).parent.parent
LANGUAGES = {"hmm": 20.0, "ngram:order=2": 8.0, "parity": 8.0}
"""And the processor seconds to the first number that each is allowed."""

FIRST = ["--steps", "64", "--samples", "1"]
WHOLE = ["--steps", "64..2048"]


@dataclass(frozen=True)
class Job:
    """What a process does; `compiled`: after another has filled the folder; `once`: in one round alone."""

    name: str
    command: list[str]
    compiled: bool = False
    once: bool = False
    most: float | None = None


def jobs() -> list[Job]:
    """What is measured, in the order of the table."""
    found = [
        Job("`import mdmtheory as mt; mt.ser`", ["-c", "import mdmtheory as mt; mt.ser"]),
        Job("`mdmtheory list`", ["-m", "mdmtheory", "list"]),
    ]
    for language, most in LANGUAGES.items():
        sweep = ["-m", "mdmtheory", "sweep", "--lang", language, "--no-figure"]
        short = f"`sweep --lang {language}"
        found += [
            Job(f"{short} {' '.join(FIRST)}`: the first number", [*sweep, *FIRST], most=most),
            Job("the same, kernels compiled before", [*sweep, *FIRST], compiled=True, once=True),
            Job(f"{short} {' '.join(WHOLE)}`: all of it", [*sweep, *WHOLE], once=True),
        ]
    return found


HEADS = ["processor seconds", "this version", "that commit", "that over this", "required", "met"]


def lines(base: Path | None, rounds: int) -> Iterator[list[str]]:
    """One line a job, medians of so many rounds, with the least and the greatest ratio where there are several."""
    for job in jobs():
        turns = 1 if job.once else rounds
        pairs = [(seconds(ROOT, job), None if base is None else seconds(base, job)) for _ in range(turns)]
        ours = median(own for own, _ in pairs)
        ratios = sorted(other / own for own, other in pairs if other is not None)
        spread = f" ({number(ratios[0])}, {number(ratios[-1])})" if len(ratios) > 1 else ""
        yield [
            job.name,
            number(ours),
            number(median(other for _, other in pairs if other is not None)) if ratios else "",
            f"{number(median(ratios))}×{spread}" if ratios else "",
            "" if job.most is None else f"≤ {job.most:g}",
            "" if job.most is None else "yes" if ours <= job.most else "NO",
        ]


def seconds(package: Path, job: Job) -> float:
    """Processor seconds of one process that does the job, with a folder of kernels of its own."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        if job.compiled:
            _run(package, job.command, folder)
            (folder / "results" / "sweep.sqlite").unlink()
        return _run(package, job.command, folder)


def _run(package: Path, command: list[str], folder: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": str(package), "MDMTHEORY_CACHE": str(folder / "cache")}
    with (folder / "output").open("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        if status:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{output.read()}")
    return used.ru_utime + used.ru_stime


KERNEL_HEADS = ["kernel", "for", "sets of types", "seconds", "lines of LLVM", "that commit's seconds", "its lines"]

_WATCHED = """
import json, runpy, sys, time
from numba.core import event

class Watch(event.Listener):
    depth, found = 0, []
    def on_start(self, event):
        self.depth += 1
        if self.depth == 1:
            self.begin = time.process_time()
    def on_end(self, event):
        self.depth -= 1
        if self.depth == 0:
            kernel = event.data["dispatcher"]
            code = kernel.overloads[tuple(event.data["args"])].library.get_llvm_str()
            name = kernel.py_func.__module__.rpartition(".")[2] + "." + kernel.py_func.__name__
            self.found.append([name, time.process_time() - self.begin, code.count(chr(10))])

watch = Watch()
event.register("numba:compile", watch)
target, sys.argv = sys.argv[1], ["mdmtheory", *sys.argv[2:]]
try:
    runpy.run_module("mdmtheory", run_name="__main__")
except SystemExit as ended:
    if ended.code:
        raise
with open(target, "w") as file:
    json.dump(watch.found, file)
"""


def kernel_lines(base: Path | None) -> Iterator[list[str]]:
    """Each kernel that the first numbers compile, from a process a language; numba's own beginning is in the first."""
    rows: dict[str, list[str]] = {}
    for language in LANGUAGES:
        ours = kernels_of(ROOT, language)
        theirs = {} if base is None else kernels_of(base, language)
        for name, (count, taken, code) in sorted(ours.items(), key=lambda each: -each[1][1]):
            if name in rows:
                rows[name][1] += f", {language}"
                continue
            _, before, lines_before = theirs.get(name, (0, 0.0, 0))
            other = [number(before), f"{lines_before:,}"] if theirs else ["", ""]
            rows[name] = [f"`{name}`", language, str(count), number(taken), f"{code:,}", *other]
    yield from rows.values()


def kernels_of(package: Path, language: str) -> dict[str, tuple[int, float, int]]:
    """Of each kernel that the first number compiles: for how many sets of types, seconds, and lines of LLVM."""
    with tempfile.TemporaryDirectory() as text:
        target = Path(text) / "found.json"
        command = ["-c", _WATCHED, str(target), "sweep", "--lang", language, "--no-figure", *FIRST]
        _run(package, command, Path(text))
        found: dict[str, tuple[int, float, int]] = {}
        for name, taken, code in json.loads(target.read_text()):
            count, before, lines_before = found.get(name, (0, 0.0, 0))
            found[name] = (count + 1, before + taken, lines_before + code)
    return found
