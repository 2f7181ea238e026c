from __future__ import annotations

import importlib
import sys

import pytest

from tests.modules import forget_modules


@pytest.mark.parametrize("value", [1, 2])
def test_a_module_of_another_test_is_not_taken_for_ones_own(value, tmp_path, monkeypatch):
    (tmp_path / "of_one_test.py").write_text(f"value = {value}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.import_module("of_one_test").value == value


def test_what_lies_elsewhere_or_was_known_is_not_forgotten(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("of_this_test", "known_to_this_test"):
        (tmp_path / f"{name}.py").touch()
        importlib.import_module(name)
    before = set(sys.modules)
    forget_modules(tmp_path.with_name("elsewhere"))
    assert set(sys.modules) == before
    forget_modules(tmp_path, known={"known_to_this_test"})
    assert before - set(sys.modules) == {"of_this_test"}
