"""Running the program with what is somebody else's: in this process, or in a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mdmtheory.cli.main import main

PACKAGE = Path(__file__).parents[2] / "mdmtheory"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the program inside this process, and gives what it prints."""

    def run(*words: str) -> str:
        capsys.readouterr()
        code = main(list(words))
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return captured.out

    return run


@pytest.fixture
def run_in_a_copy(tmp_path: Path) -> Callable[[Mapping[str, str], str], str]:
    """Puts files, by their paths in the package, into a copy of it, runs code there, and gives what it prints."""

    def run_in_a_copy(files: Mapping[str, str], code: str) -> str:
        copy = shutil.copytree(PACKAGE, tmp_path / "mdmtheory", ignore=shutil.ignore_patterns("__pycache__"))
        for path, text in files.items():
            assert not (copy / path).exists(), path
            (copy / path).write_text(text)
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_in_a_copy
