"""Compiled kernels: kept between processes, stale when any source changes, and announced when made."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from mdmtheory.kernels.compiling import announcing_compilation, cache_folder
from mdmtheory.kernels.random import fill_uniforms
said = []
with announcing_compilation(lambda: said.append(1)):
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


PLANS = """
import numpy as np
import mdmtheory as mt
from mdmtheory.kernels.compiling import announcing_compilation
plan, tokens = np.ones((1, 4), dtype=np.int32), np.zeros((1, 4), dtype=np.uint8)
said = []
with announcing_compilation(lambda: said.append(1)):
    for lang in ("ngram:order=2", "parity"):
        mt.as_language(lang).oracle().run_plan(plan, tokens=tokens)
print(len(said), "done")
"""


def test_the_runners_of_plans_are_found_again_though_they_close_over_their_parts(tmp_path):
    first, _ = run(tmp_path, PLANS)
    again, _ = run(tmp_path, PLANS)
    assert (first, again) == (1, 0)
