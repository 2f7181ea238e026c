"""Runs many command lines, each in a process of its own that has imported everything already.

`python -m tests.cli.fork_server FOLDER < cases > outcomes`: a case is a line of JSON with the words and the files that
stand beside them, an outcome one with the exit code and what was printed. FOLDER is copied for
each. A process that takes too much time is ended by the system for its processor time, never by the clock.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

CPU_SECONDS = 40
BYTES = 6 << 30
FILE_BYTES = 1 << 28

WARM = (
    [
        "sweep",
        "--lang",
        "hmm:states=2,ngram,parity",
        "--length",
        "4",
        "--steps",
        "2",
        "--samples",
        "5",
        "--out",
        "warm",
    ],
    ["schedule", "--lang", "parity", "--length", "4", "--steps", "2", "--count", "5", "--figure", "warm.png"],
)


def main() -> None:
    """Run every case of stdin, as many at once as there are processors, and print the outcomes in their order."""
    template = Path(sys.argv[1])
    cases = [json.loads(line) for line in sys.stdin]
    warm_up()
    running: dict[int, tuple[int, Path]] = {}
    outcomes: dict[int, dict[str, Any]] = {}
    while len(outcomes) < len(cases):
        begun = len(outcomes) + len(running)
        if begun < len(cases) and len(running) < len(os.sched_getaffinity(0)):
            folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
            running[begin(cases[begun], template, folder)] = (begun, folder)
            continue
        child, status = os.wait()
        number, folder = running.pop(child)
        outcomes[number] = {
            "code": os.waitstatus_to_exitcode(status),
            "out": (folder / "stdout").read_text(encoding="utf-8", errors="replace"),
            "err": (folder / "stderr").read_text(encoding="utf-8", errors="replace"),
        }
        shutil.rmtree(folder)
    for number in range(len(cases)):
        print(json.dumps(outcomes[number]))


def warm_up() -> None:
    """Load what most lines need, so that no process loads it again.

    Nothing is trained: the threads in which torch finds gradients are not there after a fork.
    """
    from mdmtheory.cli.main import main as run

    for module in ("mdmtheory.plots.training", "mdmtheory.training.running"):
        importlib.import_module(module)
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        before = Path.cwd(), sys.stdout, sys.stderr
        os.chdir(folder)
        sys.stdout = sys.stderr = nowhere
        try:
            for words in WARM:
                run(words)
        finally:
            sys.stdout, sys.stderr = before[1:]
            os.chdir(before[0])


def begin(case: dict[str, Any], template: Path, folder: Path) -> int:
    """Start a case in its folder; the number of its process."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        shutil.copytree(template, folder / "here")
        os.chdir(folder / "here")
        for name, text in case["files"].items():
            Path(name).write_text(text, encoding="utf-8", errors="surrogatepass")
        for number, name in ((0, os.devnull), (1, folder / "stdout"), (2, folder / "stderr")):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
        from mdmtheory.cli.main import main as run

        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        code = run(case["words"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001  # it is an outcome too
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
