"""Where a thing comes from: written here, so that its class says what it does, or brought by a plug-in."""

from __future__ import annotations

from typing import Any


def is_built_in(thing: Any) -> bool:
    """Whether the very class of a thing stands in this package; a subclass of one's own may do anything."""
    return type(thing).__module__.partition(".")[0] == __name__.partition(".")[0]


def plug_ins_in(*things: Any) -> list[str]:
    """The classes from outside, as `module:name`, among things and all that they are made of and that has a spec."""
    found: set[str] = set()
    left, seen = list(things), set()
    while left:
        thing = left.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if is_built_in(thing):
            left += [each for each in getattr(thing, "__dict__", {}).values() if hasattr(each, "spec")]
        else:
            found.add(f"{type(thing).__module__}:{type(thing).__qualname__}")
    return sorted(found)
