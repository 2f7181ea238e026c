"""This package against another commit's: the same public calls, turn by turn, in two processes side by side.

Seconds are the processor's, of all threads and of processes that are started: other work on the machine counts little.
Where its memory comes to lie stays with a process: the same two versions have differed by 9 % from one start to the
next, all rounds alike. What looks off is to be started again.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Self

from benchmarks.page import number

ROOT = Path(__file__).parent.parent
LENGTH, THREADS = 512, 2
MEASURED_SECONDS = 0.15
"""About what one measurement takes, in as many calls as that needs."""


def jobs(folder: Path) -> dict[str, Callable[[], object]]:
    """What is measured, by name; each call does the same work in every version. Stores are made in `folder`."""
    import numpy as np

    import mdmtheory as mt

    hmm = mt.HMM.random(states=32, vocab_size=8, seed=0)
    ngrams = {order: mt.NGram.random(order=order, vocab_size=8, seed=0) for order in (2, 3, 4, 5)}
    tokens = hmm.sample(256, LENGTH, seed=2)
    hidden = tokens.copy()
    hidden[np.random.default_rng(0).random(tokens.shape) < 0.5] = 8

    def drawn(model: Any, count: int, length: int = LENGTH) -> Callable[[], object]:
        return lambda: model.sample(count, length, seed=0, threads=THREADS)

    def scored(model: Any, language: Any, count: int) -> Callable[[], object]:
        given = language.sample(count, LENGTH, seed=3)
        return lambda: model.log_prob(given, 0, threads=THREADS)

    def masked(language: Any, sampler: str, steps: int, trust: float = 1.0) -> Any:
        return mt.MaskedDiffusion(mt.Oracle(language, trust=trust), sampler=sampler, steps=steps)

    found: dict[str, Callable[[], object]] = {
        "HMM: draw": lambda: hmm.sample(2048, LENGTH, seed=0, threads=THREADS),
        "HMM: log q(x)": lambda: hmm.log_prob(tokens, threads=THREADS),
        "HMM: conditionals, half masked": lambda: mt.Oracle(hmm).conditionals(hidden[:64], threads=THREADS),
    }
    plans = {"HMM": (hmm, 32), **{f"{order}-gram": (q, {4: 8, 5: 2}.get(order, 64)) for order, q in ngrams.items()}}
    plans |= {"equal_pairs": (mt.EqualPairs(vocab_size=16), 256), "parity": (mt.Parity(), 256)}
    for name, (language, count) in plans.items():
        for steps in (64, 2048) if name == "HMM" else (64,):
            model = masked(language, "ancestral", steps)
            found[f"{name}: ancestral, N={steps}, draw"] = drawn(model, count)
            found[f"{name}: ancestral, N={steps}, score"] = scored(model, language, count)
    arcs = masked(mt.as_language("book:order=4"), "ancestral", 16)
    found["arcs of a book: ancestral, L=64, N=16, draw"] = drawn(arcs, 8, 64)
    found |= {
        f"HMM: {sampler}, N=64, draw": drawn(masked(hmm, sampler, 64, trust), 32)
        for sampler, trust in (
            ("confidence", 1.0),
            ("entropy_bound:gamma=0.5", 1.0),
            ("verify:k=8", 1.0),
            ("ancestral:temperature=0.7", 1.0),
            ("remdm-cap", 0.999),
            ("redraw", 0.999),
        )
    }
    found["HMM: confidence, N=64, replay"] = scored(masked(hmm, "confidence", 64), hmm, 32)
    block = mt.BlockDiffusion(mt.Oracle(hmm), block=64, steps=8, sampler="entropy")
    found["HMM: block of 64, entropy, N=8, draw"] = drawn(block, 32)
    found["HMM: uniform noise, N=16, draw"] = drawn(mt.UniformDiffusion(mt.Oracle(hmm), steps=16), 8)
    store = folder / "store.sqlite"
    mt.collect(mt.cells("parity", length=8, steps="1..8", samples=600_000), out=store, workers=1)
    found["read a store of 1,176 chunks"] = lambda: mt.read(store)
    for words in ("list", "sweep --help", f"show {store}"):
        command = [sys.executable, "-m", "mdmtheory", *words.split()]
        found[f"mdmtheory {words}".replace(str(store), "STORE")] = partial(
            subprocess.run, command, check=True, capture_output=True
        )
    return found


class Version:
    """One version of the package in a process of its own."""

    def __init__(self, package: Path, folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}", "OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.before", str(folder)],
            cwd=package,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        said = self._answer()
        if not Path(said["package"]).is_relative_to(package):
            raise SystemExit(f"the package of {package} is not the one that was loaded, {said['package']}")
        self.jobs: list[str] = said["jobs"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def seconds(self, job: str, calls: int) -> float:
        """Processor seconds of one call, the mean of so many."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([job, calls]) + "\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the process that measures has ended with status {self._process.wait()}")
        return json.loads(line)


def lines(base: str, rounds: int, only: str = "") -> Iterator[list[str]]:
    """For each job whose name has `only` in it: the base's seconds over ours, and ours."""
    with tempfile.TemporaryDirectory() as text, ExitStack() as held:
        scratch = Path(text)
        unpack(base, scratch / "base")
        versions = []
        for name, package in (("ours", ROOT), ("theirs", scratch / "base")):
            (scratch / name).mkdir()
            versions.append(held.enter_context(Version(package, scratch / name)))
        ours, theirs = versions
        for job in ours.jobs:
            if only not in job:
                continue
            for version in versions:
                version.seconds(job, 1)  # compiled, and its tables made
            calls = max(1, round(MEASURED_SECONDS / ours.seconds(job, 1)))
            pairs = [(ours.seconds(job, calls), theirs.seconds(job, calls)) for _ in range(rounds)]
            ratios = sorted(base_seconds / own for own, base_seconds in pairs)
            typical = median(own for own, _ in pairs)
            yield [
                job,
                f"{number(median(ratios))}× ({number(ratios[0])}, {number(ratios[-1])})",
                f"{number(1000 * typical)} ms",
            ]


def unpack(commit: str, folder: Path) -> None:
    """Put that commit's package into a new folder."""
    archive = subprocess.run(["git", "archive", commit, "mdmtheory"], cwd=ROOT, check=False, capture_output=True)
    if archive.returncode:
        raise SystemExit(f"there is no package at {commit}: {archive.stderr.decode().strip()}; name a commit")
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")


HEADS = ["job", "base's time over ours (least, greatest)", "ours"]


def serve(folder: Path) -> None:
    """Answer requests to measure, a line of JSON each."""
    import mdmtheory

    answers = sys.stdout
    sys.stdout = sys.stderr
    known = jobs(folder)
    print(json.dumps({"package": mdmtheory.__file__, "jobs": list(known)}), file=answers, flush=True)
    for text in sys.stdin:
        job, calls = json.loads(text)
        start = processor_seconds()
        for _ in range(calls):
            known[job]()
        print(json.dumps({"seconds": (processor_seconds() - start) / calls}), file=answers, flush=True)


def processor_seconds() -> float:
    """What this process and those that it has waited for have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
