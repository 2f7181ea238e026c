from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mdmtheory.cli.main import main

ROOT = Path(__file__).parents[2]
CPU_SECONDS = 300
"""Of its own processor, whatever the clock says."""


@dataclass(frozen=True)
class Outcome:
    """What a run of the program came to."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MDMTHEORY_DEBUG", raising=False)
    # However slow the machine, no test sees a line that only the clock brings.
    monkeypatch.setattr("mdmtheory.cli.terminal.FIRST_WORD_AFTER", 1e6, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs the program inside this process."""

    def run(*words: str) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def spawn() -> Callable[..., Outcome]:
    """Runs Python code in a process of its own, in the folder of the test; what does not end, the system ends."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_CPU, ({CPU_SECONDS}, {CPU_SECONDS}))"

    def spawn(code: str, **environment: str) -> Outcome:
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, "-c", f"{limit}\n{code}"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return spawn


def is_one_line(outcome: Outcome) -> bool:
    """Whether a run was refused as it should be: one line that begins with the program's name, and exit 2."""
    lines = outcome.err.splitlines()
    return outcome.code == 2 and len(lines) == 1 and lines[0].startswith("mdmtheory: error: ") and not outcome.out


@pytest.fixture
def refused(run: Callable[..., Outcome]) -> Callable[..., str]:
    """Runs the program on bad input and returns the reason that it gave, after checking its form."""

    def refused(*words: str) -> str:
        outcome = run(*words)
        assert is_one_line(outcome), outcome
        return outcome.err.strip().removeprefix("mdmtheory: error: ")

    return refused
