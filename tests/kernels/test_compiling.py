"""Compiled kernels: kept between processes, stale when any source changes, and announced when made."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from mdmtheory.kernels.compile_times import FIRST, SECONDS, TOGETHER, expected_seconds
from tests.once import made_once

ROOT = Path(__file__).parents[2]

PROGRAM = """
import numpy as np
from mdmtheory.kernels.compiling import announcing_compilation, cache_folder
from mdmtheory.kernels.random import fill_uniforms
said = []
with announcing_compilation(said.append):
    fill_uniforms(np.ones((1, 4), dtype=np.uint64), np.empty((1, 1)))
print(len(said), cache_folder())
"""


def run(cache, program=PROGRAM, **environment):
    settings = {**os.environ, **environment, "MDMTHEORY_CACHE": str(cache)}
    out = subprocess.run(
        [sys.executable, "-c", program], env=settings, capture_output=True, text=True, check=True
    ).stdout
    said, folder = out.split()
    return int(said), folder


def test_a_kernel_is_compiled_once_and_announced_then(tmp_path):
    first, folder = run(tmp_path)
    again, same = run(tmp_path)
    assert (first, again) == (1, 0)
    assert folder == same
    assert folder.startswith(str(tmp_path))


def test_code_with_checked_indices_is_kept_apart(tmp_path):
    _, plain = run(tmp_path, NUMBA_BOUNDSCHECK="0")
    said, checked = run(tmp_path, NUMBA_BOUNDSCHECK="1")
    assert plain != checked
    assert said == 1


def test_every_source_of_the_kernels_counts(monkeypatch, tmp_path):
    from mdmtheory.kernels import compiling

    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("x = 1")
    monkeypatch.setattr(compiling, "__file__", str(tmp_path / "a.py"))
    before = compiling.kernel_sources_digest.__wrapped__()
    (tmp_path / "b.py").write_text("x = 2")
    assert compiling.kernel_sources_digest.__wrapped__() != before


CELL = """
import sys
import mdmtheory as mt
for each in sys.argv[1:]:
    print(len(mt.collect(mt.cells(each, length=8, steps=2, samples=2), out=f"{each[0]}.sqlite", workers=1)))
"""


def measure(cache, *languages):
    """Measure cells from Python with the compiled kernels of a folder; what the program says, and those kernels."""
    command = [sys.executable, "-c", CELL, *languages]
    environment = {**os.environ, "MDMTHEORY_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=cache, env=environment, capture_output=True, text=True, check=True)
    return done.stderr, compiled_in(cache)


def compiled_in(cache):
    files = [path.name.split(".") for path in cache.glob("kernels/*/*.nbc")]
    return sorted(f"{each[2]}.{each[3]}" for each in files)


def fill(folder, languages):
    said, _ = measure(folder, *languages)
    (folder / "said").write_text(said)


@dataclass(frozen=True)
class Cold:
    """What a first run with an empty folder said and compiled."""

    languages: tuple[str, ...]
    folder: Path
    said: str
    compiled: list[str]


@pytest.fixture(scope="session", params=[("ngram:order=2",), ("parity", "repetition")], ids=" and ".join)
def cold(request, tmp_path_factory):
    folder = made_once(tmp_path_factory, f"cold-{request.param[0][:6]}", partial(fill, languages=request.param))
    return Cold(request.param, folder, (folder / "said").read_text(), compiled_in(folder))


def test_a_cell_compiles_what_it_runs_and_each_of_it_once(cold):
    assert cold.compiled == sorted({name for each in cold.languages for name in TOGETHER[each]})


def test_compiling_is_told_in_python_too_once_and_with_an_expected_time(cold):
    line, *since = cold.said.splitlines()
    assert all(each.startswith("mdmtheory: mt.collect: ") for each in since), "a busy machine says how far it is"
    assert re.fullmatch(
        r"mdmtheory: compiling kernels, once for this version: about \d+( to \d+)? s of a processor", line
    )


def test_a_filled_folder_that_cannot_be_written_is_used(cold):
    """Also for the runners of plans, which close over their parts."""
    assert any("run_" in name for name in cold.compiled)
    tree = [cold.folder / "kernels", *cold.folder.glob("kernels/*"), *cold.folder.glob("kernels/*/*")]
    folders, before = [path for path in tree if path.is_dir()], {path: path.stat().st_mtime_ns for path in tree}
    for path in before:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert measure(cold.folder, *cold.languages) == ("", cold.compiled)
        assert {path: path.stat().st_mtime_ns for path in before} == before
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_what_is_expected_counts_what_is_there_already():
    everything = set(TOGETHER["ngram:order=6"])
    least, most = expected_seconds("random.fill_uniforms", set())
    assert expected_seconds("shift_plans.run_shift_plans", set()) == (most, most)
    assert least < most
    assert expected_seconds("shift_plans.run_shift_plans", everything) == (FIRST, FIRST)


def test_every_kernel_that_takes_long_is_there():
    for name in {*SECONDS, *(each for names in TOGETHER.values() for each in names)}:
        module, _, function = name.partition(".")
        assert hasattr(importlib.import_module(f"mdmtheory.kernels.{module}"), function), name
