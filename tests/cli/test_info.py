"""`mdmtheory info`: what is installed, and all kernels compiled beforehand."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import mdmtheory.kernels
from mdmtheory.cli.rehearsal import rehearsals
from mdmtheory.core.kernel_cache import KernelCache
from mdmtheory.kernels import compiling

ROOT = Path(__file__).parents[2]
SHORTER = {"4096": "64", "2048": "64", "1024": "64", "1000": "60", "512": "64", "256": "16", "64": "16"}
"""Numbers in the README's Python, and what is enough to run the same kernels."""


def readme_in_python():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\b\d+\b", lambda number: SHORTER.get(number[0], number[0]), "".join(blocks))


def all_kernels():
    for path in Path(mdmtheory.kernels.__file__).parent.glob("*.py"):
        module = importlib.import_module(f"mdmtheory.kernels.{path.stem}")
        for name, found in vars(module).items():
            if isinstance(getattr(found, "_cache", None), KernelCache) and found.__module__ == module.__name__:
                yield f"{path.stem}.{name}", found


@pytest.fixture(scope="module")
def _rehearsed():
    """All rehearsals, run once for the tests that look at what they compiled."""
    for _, rehearse in rehearsals():
        rehearse()


@pytest.mark.usefixtures("_rehearsed")
def test_the_rehearsals_together_run_every_kernel_with_arrays_of_one_layout():
    for name, found in all_kernels():
        assert found.signatures, name
        for types in found.signatures:
            arrays = [each for each in types if hasattr(each, "layout")]
            assert all(each.mutable and each.layout == "C" for each in arrays), (name, types)


@pytest.mark.usefixtures("_rehearsed")
def test_the_python_of_the_readme_compiles_nothing_that_is_not_rehearsed():
    rehearsed = {name: set(found.signatures) for name, found in all_kernels()}
    exec(readme_in_python(), {})
    for name, found in all_kernels():
        assert set(found.signatures) == rehearsed[name], name


def test_warm_says_what_was_compiled_and_for_what(run, monkeypatch, tmp_path):
    def compiled(name):
        (tmp_path / f"{name}.nbc").touch()

    monkeypatch.setattr(compiling, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(
        "mdmtheory.cli.rehearsal.rehearsals", lambda: iter([("this", lambda: compiled("a")), ("that", lambda: None)])
    )
    first, again = run("info", "--warm"), run("info", "--warm")
    assert first.code == again.code == 0
    assert "compiled for this: 1 in" in first.err
    assert "that" not in first.err
    assert "1 compiled" in first.out
    assert "all kernels were compiled already" in again.err


def test_without_a_folder_nothing_is_compiled_beforehand(run, monkeypatch):
    monkeypatch.setattr(compiling, "cache_folder", lambda: None)
    refused = run("info", "--warm")
    assert refused.code == 2
    assert "MDMTHEORY_CACHE" in refused.err
