"""Loading what somebody else wrote, and why it cannot be used, in a line."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from typing import Protocol, runtime_checkable

import numpy as np
import pytest

from mdmtheory.core import plugins
from mdmtheory.core.plugins import (
    built_by_plug_in,
    callable_plug_in,
    conforming,
    conforms,
    load_entry_point,
    load_object,
    reason_of,
)

MODULE = """
import sys

class Outer:
    class Inner:
        pass

def __getattr__(name):
    if name == "late":
        sys.exit(3)
    raise AttributeError(name)
"""


@pytest.fixture(autouse=True)
def _modules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of_a_test.py").write_text(MODULE)
    (tmp_path / "torn_of_a_test.py").write_text("raise RuntimeError('two\\nlines')\n")


def test_a_name_is_looked_for_in_the_current_folder_and_may_be_dotted():
    before = list(plugins.sys.path)
    assert load_object("of_a_test:Outer.Inner").__qualname__ == "Outer.Inner"
    assert plugins.sys.path == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "nowhere_of_a_test:x",
            "module 'nowhere_of_a_test' does not import (ModuleNotFoundError: No module named 'nowhere_of_a_test'); "
            "check the name, or go to the folder that has it, or install it",
        ),
        ("torn_of_a_test:x", "module 'torn_of_a_test' does not import (RuntimeError: two lines); mend it first"),
        ("of_a_test:Outer.Gone", "'of_a_test' has no 'Outer.Gone'; name an object, a class or a function of it"),
        ("of_a_test:Oter", "'of_a_test' has no 'Oter' (did you mean 'Outer'?); name an object"),
        ("of_a_test:late", "'of_a_test' has no 'late'"),
    ],
)
def test_what_cannot_be_loaded_is_one_line_and_leaves_the_path(text, said):
    before = list(plugins.sys.path)
    with pytest.raises(ValueError, match="^" + re.escape(f"{text}: {said}")) as caught:
        load_object(text)
    assert "\n" not in str(caught.value)
    assert plugins.sys.path == before


def test_what_an_installed_package_registers(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    assert (
        load_entry_point(EntryPoint("inner", "of_a_test:Outer.Inner", "group"), "sampler 'inner'").__name__ == "Inner"
    )
    with pytest.raises(ValueError, match=r"sampler 'x' is torn_of_a_test:x of an installed package, which does not im"):
        load_entry_point(EntryPoint("x", "torn_of_a_test:x", "group"), "sampler 'x'")
    assert callable_plug_in(len, "it") is len
    with pytest.raises(ValueError, match="it of an installed package is a module; register a class or a function"):
        callable_plug_in(np, "it")


def raises(error):
    def builder(*arguments, **options):
        raise error

    return builder


def test_a_builder_is_refused_by_what_it_raises_and_a_refusal_of_its_own_is_kept():
    assert built_by_plug_in("it", dict, a=1) == {"a": 1}
    with pytest.raises(ValueError, match="^tau is 2$"):
        built_by_plug_in("it", raises(ValueError("tau is 2")))
    for error, said in ((KeyError("x"), "KeyError: 'x'"), (SystemExit(1), "SystemExit: 1"), (OSError(), "OSError")):
        with pytest.raises(ValueError, match=f"^it, which is a plug-in, raised {said}; mend it$"):
            built_by_plug_in("it", raises(error))


@runtime_checkable
class Small(Protocol):
    size: int

    def grow(self): ...


@runtime_checkable
class Large(Protocol):
    a: int
    b: int

    def c(self): ...


class Sly:
    """Has what it must have, and raises where it is asked for it."""

    grow = None

    @property
    def size(self):
        raise RuntimeError("later")


class Half:
    size = 1


def test_members_are_what_counts():
    assert conforms(Sly(), Small)
    sly = Sly()
    assert conforming(sly, "it", Large, Small) is sly
    assert not conforms(Half(), Small)
    assert not conforms(Sly, Small)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Half, "it is a class, Half; pass an object of it"),
        (Half(), f"it is no Large or Small: Half has no grow; add what {__name__}.Small describes"),
        (object(), f"it is no Large or Small: object has no a, b, c; add what {__name__}.Large describes"),
    ],
)
def test_what_does_not_conform_is_told_what_the_nearest_protocol_lacks(value, said):
    with pytest.raises(ValueError, match=rf"^{re.escape(said)}\Z"):
        conforming(value, "it", Large, Small)


def test_a_reason_is_one_line():
    assert reason_of(OSError("two\n  lines")) == "OSError: two lines"
    assert reason_of(KeyError()) == "KeyError"
