"""A sweep that is killed with kill -9 and started again ends with the bits of one that was left alone."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from mdmtheory.sweeps import collect
from mdmtheory.sweeps.store import load
from tests.sweeps.small import rows_of, small_cells

CHILD = """
import json, os, signal, sys
from mdmtheory.sweeps import collect, opening, progress
from tests.sweeps.small import small_cells

out, workers, cells, transaction, operations = sys.argv[1], *map(json.loads, sys.argv[2:])
sys.modules["mdmtheory.sweeps.collect"]._COMMIT_SECONDS = 0  # a transaction for every chunk: more moments to die at
progress.Reporter.SECONDS = 0
connect = opening.connect

def dying(path, mode):
    connection = connect(path, mode)

    def statement(text):
        global transaction
        transaction -= text == "BEGIN IMMEDIATE"
        if text == "COMMIT":
            print("commit", flush=True)

    def operation():
        global operations
        # From the first change on: what it takes to find that there is something to change may change.
        operations -= transaction <= 0 and os.path.exists(out + "-journal")
        if operations == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connection.set_trace_callback(statement)
    connection.set_progress_handler(operation, 1)
    return connection

opening.connect = dying
collect(small_cells(**cells), out=out, workers=workers, progress=lambda _: print("moved", flush=True))
"""


def killed(
    out: Path,
    workers: int,
    cells: dict[str, Any],
    *,
    transaction: int = 1_000_000,
    operations: int = 1,
    lines: int = -1,
    line: str = "moved",
) -> bool:
    """Sweep in another process and kill it; whether it died.

    It dies inside an operation of SQLite in a transaction that has changed something, or when it has said `line` so
    many times: that it moved (while workers compute), or that it commits (while the file is written).
    """
    words = [json.dumps(each) for each in (workers, cells, transaction, operations)]
    with subprocess.Popen([sys.executable, "-c", CHILD, str(out), *words], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for said in child.stdout:
            lines -= said == line + "\n"
            if lines == 0:
                child.kill()
    return child.returncode == -signal.SIGKILL


def test_killed_while_it_computes_and_while_it_writes(tmp_path, collected):
    out = tmp_path / "store.sqlite"
    journal = tmp_path / "store.sqlite-journal"
    chance = random.Random(0)
    whole = set(rows_of(collected))
    # Before anything is written, when the tables are made and when the tasks are.
    for transaction in (1, 2):
        assert killed(out, 1, {}, transaction=transaction, operations=chance.randint(2, 20))
        assert journal.exists(), "this kill should fall between the first change and the commit"
        with pytest.raises(ValueError, match="empty") if transaction == 1 else nullcontext():
            assert load(out).tasks == {}
    for workers in (1, 2):
        assert killed(out, workers, {}, transaction=chance.randint(2, 4), operations=chance.randint(2, 10))
        assert killed(out, workers, {}, lines=chance.randint(1, 4))
        killed(out, workers, {}, lines=chance.randint(1, 4), line="commit")
        load(out)
        assert set(rows_of(out)) < whole, "no chunk was left to do; kill earlier"
    assert len(rows_of(out)) > 5
    collect(small_cells(), out=out, workers=2)
    assert rows_of(out) == rows_of(collected)
    assert [each.name for each in tmp_path.iterdir()] == [out.name]


def test_killed_on_the_way_to_a_number_of_errors(tmp_path):
    cells = {"steps": 64, "samples": 2000, "sampler": "ancestral", "metrics": "ser", "max_errors": 60}
    out = tmp_path / "killed.sqlite"
    assert killed(out, 2, cells, lines=2, line="commit")
    collect(small_cells(**cells), out=out, workers=2)
    collect(small_cells(**cells), out=tmp_path / "whole.sqlite", workers=1)
    assert rows_of(out) == rows_of(tmp_path / "whole.sqlite")
