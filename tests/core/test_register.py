"""Registers find what says of itself that it is of their kind, and say which names they know."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

from mdmtheory.citations.cited import REGISTERS
from mdmtheory.core.register import About, Register, about, registered

ROOM = "a_room_of_widgets"


class Base:
    """A widget."""


@registered("widget", "round", version=2, place=2, aliases=("circle",))
class Round(Base):
    """Round."""

    def __init__(self, *, size: int = 1, spec: Spec | None = None) -> None:  # a name is no option
        self.size = size


@registered("widget", place=1, family="angular")
def square(*, side: float) -> str:
    """Square."""
    return f"square of {side}"


@registered("widget")
def any_shape(given: str, *, times: int = 1) -> str:
    return given * times


def told_in_types(given: str, *, times=1, loud=False) -> str:
    """As in a module that does not put annotations off."""
    return given * times


told_in_types.__annotations__ = {"times": int, "loud": bool | None}


@registered("gadget")
def lever() -> None: ...


class Rounder(Round):
    """Inherits from what is registered, and says nothing of itself."""


class Own:
    """A plug-in's class, which registers nothing."""

    version, family, needs = 3, "angular", ("denoiser",)


class Odd:
    """A plug-in's class whose attributes are its own affair."""

    version, family = "1.2", property(str)


def room(monkeypatch: pytest.MonkeyPatch, *things: object) -> Register:
    module = types.ModuleType(ROOM)
    vars(module).update({f"thing_{number}": thing for number, thing in enumerate(things)})
    monkeypatch.setitem(sys.modules, ROOM, module)
    return Register("widget", ROOM)


@pytest.fixture
def widgets(monkeypatch):
    return room(monkeypatch, any_shape, Round, square, square, Rounder, lever, "text", 3)


def test_what_is_of_the_kind_is_found_once_by_its_place_then_by_its_name(widgets):
    assert list(widgets) == list(widgets.built_in) == ["square", "round", "any_shape"]
    assert "lever" not in widgets
    assert widgets.builder("round") is Round
    assert widgets.about("round") == about(Round) == About("widget", "round", 2, None, 2, aliases=("circle",))
    assert widgets.about("square").family == "angular"


def test_a_class_does_not_say_what_the_one_it_inherits_from_says():
    assert about(Rounder) is None


def test_an_alias_is_asked_for_and_not_listed(widgets):
    assert "circle" in widgets
    assert "circle" not in list(widgets)
    assert widgets.is_plain("circle")
    assert widgets.about("circle").name == "round"
    assert widgets.build("circle:size=3").size == 3


def test_options_are_keyword_only_parameters_and_no_names(widgets):
    assert list(widgets.options("round")) == ["size"]
    assert list(widgets.options("any_shape")) == ["times"]
    assert widgets.build("any_shape:times=2", "ab") == "abab"


@pytest.mark.parametrize("option", ["times=often", "times=true", "times=1.5"])
def test_options_of_a_plug_in_whose_annotations_are_types_are_checked_too(widgets, option):
    name = f"{__name__}:told_in_types"
    assert widgets.build(f"{name}:times=2,loud=true", "ab") == "abab"
    with pytest.raises(ValueError, match=f"times of widget '{name}' is .*; pass a whole number"):
        widgets.build(f"{name}:{option}", "ab")


def test_two_things_of_one_name_are_told(monkeypatch):
    twice = room(
        monkeypatch, registered("widget", "one")(type("A", (), {})), registered("widget", "one")(type("B", (), {}))
    )
    with pytest.raises(ValueError, match="there are two widgets 'one' in a_room_of_widgets; give one another name"):
        list(twice)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sqare:side=1", "unknown widget 'sqare' (did you mean 'square'?); known: any_shape, round, square"),
        ("round:sides=1", "widget 'round' has no option 'sides'; known: size"),
        ("square", "widget 'square' needs side=...; write square:side=value"),
        ("round:size=big", "size of widget 'round' is big; pass a whole number"),
        ("round:fast", "'fast' in 'round:fast' is not key=value; write round:key=value,key=value"),
        ("no_such_module:Mine", "no_such_module:Mine: module 'no_such_module' does not import"),
    ],
)
def test_what_is_refused_is_told_in_a_line(widgets, text, message):
    with pytest.raises(ValueError, match=".") as error:
        widgets.build(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_reads_a_file_or_comes_from_outside_is_not_plain(widgets):
    assert widgets.is_plain("round:size=2")
    assert not widgets.is_plain("round:path=x")
    assert not widgets.is_plain("tests.core.test_register:Own")
    assert not widgets.is_plain("round:size=tests.core.test_register:Own")


def test_what_a_name_in_results_says_is_known_of_what_is_built_in_alone(widgets):
    assert widgets.known("square:side=2") == about(square)
    assert widgets.known("circle").name == "round"
    for text in ("no_such_module:Mine", "round and square", "", "oval"):
        assert widgets.known(text) is None


def test_a_plug_in_says_by_attributes_what_it_says(widgets, monkeypatch):
    module = types.ModuleType("theirs")
    module.Own, module.Odd, module.Said = Own, Odd, Round  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "theirs", module)
    assert widgets.about("theirs:Own") == About("widget", "theirs:Own", 3, "angular", needs=("denoiser",))
    assert widgets.about("theirs:Odd") == About("widget", "theirs:Odd")
    assert widgets.about("theirs:Said").version == 2


ALL = """
import sys
from mdmtheory.cli.listing import KINDS, list_names
for kind in KINDS:
    if kind != "statements":  # those are checked by tables of results
        list_names(kind)
print([name for name in ("numba", "torch", "pandas", "matplotlib") if name in sys.modules])
"""


def test_finding_everything_loads_nothing_heavy():
    out = subprocess.run([sys.executable, "-c", ALL], capture_output=True, text=True, check=True).stdout
    assert "ancestral" in out
    assert out.splitlines()[-1] == "[]"


@pytest.mark.parametrize("kind", REGISTERS)
def test_no_two_of_what_is_built_in_stand_at_one_place(kind):
    """Else names decide which is first, and one that comes later may take the look of another in every figure."""
    said = [about for about, _ in REGISTERS[kind]._said if about.name in REGISTERS[kind].built_in]
    assert [each.place for each in said] == [*range(1, len(said) + 1)]
