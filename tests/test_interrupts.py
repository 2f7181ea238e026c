"""Ctrl-C at any moment of a process is one line and exit 130. It comes from inside the imports, not by the clock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = """
import atexit, importlib, importlib.util, os, signal, sys

moment = sys.argv.pop(1)

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            sys.meta_path.remove(self)
            interrupt()

if moment == "the exit":
    atexit.register(interrupt)
sys.meta_path.insert(0, Interrupting())
entry = "mdmtheory.__main__" if importlib.util.find_spec("mdmtheory.__main__") else "mdmtheory.cli.main"
sys.exit(importlib.import_module(entry).main())
"""


def interrupted_at(moment: str, *words: str) -> tuple[int, str]:
    """The exit code and stderr of a run that is interrupted where it first imports a module, or at its exit."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, moment, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.refutes("5.1")
@pytest.mark.parametrize("moment", ["mdmtheory.cli.main", "typer", "mdmtheory.cli.sweep", "the exit"])
def test_an_interrupt_while_the_program_loads_or_ends_is_a_line(moment):
    assert interrupted_at(moment, "list", "schedules") == (130, "mdmtheory: interrupted\n")


@pytest.mark.parametrize("moment", ["numpy", "numba.core.types"])
def test_an_interrupt_while_a_verb_loads_what_it_needs_is_a_line(moment):
    assert interrupted_at(moment, "language", "sample", "hmm") == (130, "mdmtheory: interrupted\n")
