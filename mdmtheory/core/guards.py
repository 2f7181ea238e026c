"""Plug-ins behind a guard: they cannot change what they are given, what they return is checked, and faults have a name.

Everything of somebody else's is called through a guard, put up once where it comes in. What is built in needs none.
"""

from __future__ import annotations

import inspect
import sys
from abc import ABCMeta
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache, partial
from typing import Any, NoReturn

import numpy as np

from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.origin import is_built_in
from mdmtheory.core.plugins import ProtocolError, reason_of

_NOTHING = object()

Check = Callable[..., Any]
"""Takes the guard, what a method returned and the method's arguments; gives it back in our own types, or ValueError."""


@dataclass(frozen=True)
class Contract:
    """What a kind of plug-in has to keep to: checks of what its methods return and of its attributes, by name.

    A ValueError from the methods in `refuse` says that an argument does not suit the plug-in; from others it is a
    fault. `streams` names the methods that move random streams on, the only arrays that a plug-in may change. What a
    plug-in does not have is as in `defaults`, the class from which what is built in inherits it; a guard is an instance
    of that too. `guard` is the class of the guards where they have special methods, and `whose` follows the name of a
    member where what is wrong with it is said.
    """

    kind: str
    methods: Mapping[str, Check]
    attributes: Mapping[str, Callable[[Any, Any], Any]] = field(default_factory=dict)
    refuse: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()
    defaults: type = object
    guard: type[Guard] | None = None
    whose: str = ""


def guarded(plug_in: Any, contract: Contract, name: str | None = None, **facts: Any) -> Any:
    """The plug-in behind a guard; what is built in, and what has a guard, as it is.

    `name` is what the user called it, its spec or class where that is None. `facts` are for the contract's checks.
    """
    if is_built_in(plug_in) or issubclass(type(plug_in), Guard):
        return plug_in
    return always_guarded(plug_in, contract, name, **facts)


def always_guarded(plug_in: Any, contract: Contract, name: str | None = None, **facts: Any) -> Any:
    """`guarded`, also for an object of a built-in class that a plug-in made and may be calling back from."""
    names = tuple(each for each in dir(plug_in) if not each.startswith("__"))
    behind: Any = type(plug_in)
    base = Guard if contract.guard is None else contract.guard
    guard = _guard_class(behind, names, contract.defaults, base)(_Behind(plug_in, contract, name, facts))
    for attribute in contract.attributes:
        getattr(guard, attribute)
    return guard


def unguarded(thing: Any) -> Any:
    """The object itself, whether or not it stands behind a guard."""
    return thing.guarded_.plug_in if issubclass(type(thing), Guard) else thing


@dataclass(frozen=True)
class _Behind:
    """What stands behind a guard."""

    plug_in: Any
    contract: Contract
    given_name: str | None
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        """The kind and the name of the plug-in, whatever its own attributes do."""
        if self.given_name is not None:
            return self.given_name
        try:
            own = str(self.plug_in.spec)
        except (Exception, SystemExit):  # noqa: BLE001  # a name is needed most where everything is wrong
            own = type(self.plug_in).__name__
        return f"{self.contract.kind} {own}"

    def blame(self, error: BaseException, member: str, refusal: bool) -> NoReturn:
        """Raise what a plug-in raised as ValueError if it refuses, else as ProtocolError, with its name."""
        if isinstance(error, KeyboardInterrupt | MemoryError | ProtocolError | WithheldError):
            raise error
        where = f"`{member}`{self.contract.whose}"
        if isinstance(error, SystemExit):
            said = f"called sys.exit({error.code!r}) in {where}; raise an error instead"
        elif isinstance(error, ValueError) and "read-only" in str(error):
            said = f"wrote into an array that it was given in {where}; write into a copy"
        elif isinstance(error, ValueError) and refusal:
            raise ValueError(f"{self.name}: {' '.join(str(error).split())}") from error
        else:
            said = f"raised {reason_of(error)} in {where}; mend it"
        raise ProtocolError(f"{self.name} {said}") from error


class Guard:
    """Stands for a plug-in wherever the package calls it; equal to it, and an instance of whatever that is."""

    guarded_: _Behind

    def __init__(self, behind: _Behind) -> None:
        object.__setattr__(self, "guarded_", behind)

    @property  # type: ignore[misc]  # object's can be assigned to
    def __class__(self) -> type:
        return type(self.guarded_.plug_in)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"a {type(self.guarded_.plug_in).__name__} has no {name}")
        return self._read(name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.guarded_.plug_in, name, value)

    def __dir__(self) -> list[str]:
        return dir(self.guarded_.plug_in)

    def __repr__(self) -> str:
        return repr(self.guarded_.plug_in)

    def __eq__(self, other: object) -> bool:
        return bool(self.guarded_.plug_in == unguarded(other))

    def __hash__(self) -> int:
        return hash(self.guarded_.plug_in)

    def __copy__(self) -> Any:
        import copy

        behind = self.guarded_
        return always_guarded(copy.copy(behind.plug_in), behind.contract, behind.given_name, **behind.facts)

    def __reduce__(self) -> Any:
        behind = self.guarded_
        return partial(always_guarded, **behind.facts), (behind.plug_in, behind.contract, behind.given_name)

    def _read(self, name: str) -> Any:
        behind = self.guarded_
        try:
            value = getattr(behind.plug_in, name)
            if name in behind.contract.attributes:
                return _checked(behind, name, partial(behind.contract.attributes[name], self, value))
        except AttributeError:
            default = _on_class(behind.contract.defaults, name)
            kind: Any = type(behind.plug_in)
            if default is _NOTHING or _on_class(kind, name) is not _NOTHING:
                raise
            return default.__get__(self, type(self)) if hasattr(default, "__get__") else default
        except BaseException as error:  # noqa: BLE001  # sys.exit too
            behind.blame(error, name, refusal=True)
        if value is not None and (name in behind.contract.methods or inspect.isroutine(value)):
            return partial(self._call, name, value)
        return value

    def _call(self, name: str, method: Any, *arguments: Any, **options: Any) -> Any:
        behind = self.guarded_
        streams = name in behind.contract.streams
        arguments = tuple(_shown(each, streams) for each in arguments)
        options = {key: _shown(each, streams) for key, each in options.items()}
        try:
            returned = method(*arguments, **options)
        except BaseException as error:  # noqa: BLE001  # sys.exit too
            behind.blame(error, name, refusal=name in behind.contract.refuse)
        if name not in behind.contract.methods:
            return returned
        return _checked(behind, name, partial(behind.contract.methods[name], self, returned, *arguments, **options))


@cache
def _on_class(kind: type, name: str) -> Any:
    return inspect.getattr_static(kind, name, _NOTHING)


def _checked(behind: _Behind, name: str, check: Callable[[], Any]) -> Any:
    try:
        return check()
    except (KeyboardInterrupt, MemoryError, ProtocolError):
        raise
    except ValueError as wrong:
        raise ProtocolError(f"{behind.name}: `{name}`{behind.contract.whose} {wrong}") from None
    except BaseException as error:  # noqa: BLE001  # converting what came back is the plug-in's code too
        behind.blame(error, name, refusal=False)


def _shown(value: Any, streams: bool) -> Any:
    """Arrays as a plug-in may see them: read only, but for the streams of methods that move them on."""
    if is_dataclass(value) and hasattr(value, "log_likelihood"):
        arrays = {each.name: getattr(value, each.name) for each in fields(value)}
        return replace(value, **{name: _shown(each, streams) for name, each in arrays.items()})  # type: ignore[type-var]
    if not isinstance(value, np.ndarray) or (streams and value.dtype == np.uint64):
        return value
    view = value.view()
    view.flags.writeable = False
    return view


class _Member:
    """A name of the plug-in on the guard's class, so that protocols find it there too."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, guard: Any, owner: type) -> Any:
        return self if guard is None else guard._read(self._name)


@cache
def _guard_class(behind: type, names: tuple[str, ...], defaults: type, base: type[Guard]) -> type[Guard]:
    members: dict[str, Any] = {name: _Member(name) for name in names if not hasattr(base, name)}
    if hasattr(behind, "__dataclass_fields__"):
        members["__dataclass_fields__"] = behind.__dataclass_fields__
    named = {"__module__": behind.__module__, "__qualname__": behind.__qualname__}
    made = type(behind.__name__, (base,), {**members, **named})
    if isinstance(defaults, ABCMeta):
        defaults.register(made)  # with these it has all that an instance has
    return made


# What is returned is copied: the plug-in may keep it, and what it is used for may write to it.


def is_tensor(found: Any) -> bool:
    """Whether it is one of torch's tensors, which are checked where they are; torch is not loaded to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(found, torch.Tensor)


def off_device(found: Any) -> Any:
    """A tensor as an array of integers or float64, without its gradient; what is none, as it is."""
    if not is_tensor(found):
        return found
    tensor = found.detach().cpu()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()


def returned(found: Any, kinds: str, shape: tuple[int, ...]) -> np.ndarray:
    """What a method returned as an array; ValueError unless its dtype is of these kinds and its shape this one."""
    array = np.asarray(found)
    if array.shape != shape or array.dtype.kind not in kinds:
        wanted = {"b": "truth values", "iu": "integers", "fiu": "numbers", "f": "floats"}[kinds]
        raise ValueError(f"returned {array.dtype} of shape {array.shape}; return {wanted} of shape {shape}")
    return array


def integers(found: Any, shape: tuple[int, ...], least: int, most: int, dtype: Any) -> np.ndarray:
    """Integers of a shape, within their limits, in a dtype that holds those."""
    array = returned(found, "iu", shape)
    if array.size and (array.min() < least or array.max() > most):
        wrong = array[(array < least) | (array > most)][0]
        raise ValueError(f"returned {wrong}; return integers from {least} to {most}")
    return np.array(array, dtype=dtype, order="C")


def floats(found: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of a shape as float64, none of them NaN."""
    array = np.array(returned(found, "fiu", shape), dtype=np.float64, order="C")
    if np.isnan(array).any():
        raise ValueError("returned NaN")
    return array


MOST_OFF = 1e-4
"""How far the sum of a law may be from 1: more than float32 leaves of a softmax, less than any mistake."""


def laws(found: Any, shape: tuple[int, ...], *, zeros: bool = False, tolerance: float = MOST_OFF) -> np.ndarray:
    """Laws over the last axis, as float64 that sum to 1 to a tolerance; with `zeros` some may be zeros throughout."""
    array = floats(found, shape)
    totals = array.sum(axis=-1)
    if array.size and not (array.min() >= 0 and totals.max() < np.inf):
        raise ValueError("returned a law that is negative or not finite; return probabilities")
    off = (np.abs(totals - 1) > tolerance) & ~(zeros & (totals == 0))
    if off.any():
        raise ValueError(f"returned a law that sums to {totals[off][0]:.6g}; return probabilities that sum to 1")
    return array
