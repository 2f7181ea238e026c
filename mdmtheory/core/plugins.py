"""What somebody else wrote: loading it by name, and saying in a line why it cannot be used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mdmtheory.core.printable import did_you_mean


class ProtocolError(RuntimeError):
    """Something, likely somebody else's, broke its protocol while it was used; one line says how.

    No ValueError: that is how a sampler refuses a length or a schedule.
    """


def load_object(text: str) -> Any:
    """What `module:name` stands for, the name possibly dotted; the module may lie in the current folder.

    ValueError in one line where the module does not import or has no such name.
    """
    module_name, _, path = text.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a module of somebody else's may raise anything
        absent = isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}.")
        mend = "check the name, or go to the folder that has it, or install it" if absent else "mend it first"
        raise ValueError(f"{text}: module {module_name!r} does not import ({reason_of(error)}); {mend}") from error
    finally:
        sys.path.remove(here)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except (Exception, SystemExit) as error:
            raise ValueError(
                f"{text}: {module_name!r} has no {path!r}{did_you_mean(part, dir(found))}; "
                "name an object, a class or a function of it"
            ) from error
    return found


def load_entry_point(point: Any, what: str) -> Any:
    """What an installed package registered; ValueError in one line where it does not import."""
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"{what} is {point.value} of an installed package, which does not import ({reason_of(error)}); "
            "mend the package or uninstall it"
        ) from error


def callable_plug_in(value: Any, what: str) -> Any:
    """What an installed package registered, if it can be called; ValueError in one line otherwise."""
    if not callable(value):
        raise ValueError(f"{what} of an installed package is a {type(value).__name__}; register a class or a function")
    return value


def built_by_plug_in(what: str, builder: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What somebody else's builder makes; ValueError in one line for whatever it raises."""
    try:
        return builder(*arguments, **options)
    except ValueError:
        raise
    except (Exception, SystemExit) as error:
        raise ValueError(f"{what}, which is a plug-in, raised {reason_of(error)}; mend it") from error


def conforming(value: Any, what: str, *protocols: type) -> Any:
    """The value, if it has the members of one of the protocols; ValueError names what it lacks of the nearest."""
    if not any(conforms(value, each) for each in protocols):
        raise nonconforming(value, what, *protocols)
    return value


def conforms(value: Any, protocol: type) -> bool:
    """Whether an object has the members of a protocol; `isinstance` would raise what one of them may raise."""
    return not isinstance(value, type) and not _lacking(value, protocol)


def nonconforming(value: Any, what: str, *protocols: type) -> ValueError:
    """The error that says which members of the nearest protocol a value lacks."""
    if isinstance(value, type):
        return ValueError(f"{what} is a class, {value.__name__}; pass an object of it")
    nearest = min(protocols, key=lambda each: len(_lacking(value, each)) / len(_members(each)))
    return ValueError(
        f"{what} is no {' or '.join(each.__name__ for each in protocols)}: {type(value).__name__} has no "
        f"{', '.join(_lacking(value, nearest))}; add what {nearest.__module__}.{nearest.__name__} describes"
    )


def _lacking(value: Any, protocol: type) -> list[str]:
    return [name for name in _members(protocol) if not _has(value, name)]


def _has(value: Any, name: str) -> bool:
    try:
        return hasattr(value, name)
    except (Exception, SystemExit):  # noqa: BLE001  # it is there, and whoever asks for it will be told
        return True


def _members(protocol: type) -> list[str]:
    return sorted(name for name in {*vars(protocol), *protocol.__annotations__} if not name.startswith("_"))


def reason_of(error: BaseException) -> str:
    """An error as one line: its class and what it says."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
