"""What a thing says of itself, and the registers that find it by that: no table knows what there is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from math import inf
from typing import Any, TypeVar, cast

from mdmtheory.core.plugins import built_by_plug_in, callable_plug_in, load_entry_point, load_object
from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.sources import Sources
from mdmtheory.core.spec import Spec, check_type, format_value

Thing = TypeVar("Thing")

PLACES = frozenset({"file", "path", "run"})
"""Options that name a file or a folder. Where it lies says nothing: what it holds stands in an identity."""
_OF_A_PLUG_IN = {"version": int, "family": str, "needs": tuple, "of": tuple, "sources": tuple}
"""What a class from outside, which registers nothing, may say by attributes; others are its own affair."""


@dataclass(frozen=True)
class About:
    """What a class, or a function that builds, says of itself.

    `version`: raised when its numbers change; results are kept by it. `family`: among which it is drawn
    (plots/style.py) or listed. `place`: where it stands among its kind, last and by name if it says none. `examples`:
    the options with which it is certified, or finished objects. `said`: what a reader calls it, with options in braces,
    as "{order}-gram" (empty: its name). `needs`: what of a kind's arguments has a say in it
    (None: all). `aliases`: other names that it may be asked for by. `sources`: where it is from, as in
    `core.sources`; of a plug-in also whole entries of BibTeX. Of a language, `completable`: it says how its steps are
    completed (`Language.support`). Of a model, `exact`: it is the language's own law; `blocks`: the option with the
    length of the blocks that it draws one after the other; `of_learned`: it is drawn from the denoiser where that is
    `learned`, and else from the language; `laws`: its denoiser says laws of tokens. Of a denoiser, `learned`: it was
    trained; `of`: the kinds of languages that it is for (None: any).
    """

    kind: str
    name: str
    version: int = 0
    family: str | None = None
    place: float = inf
    examples: tuple[Any, ...] = ("",)
    said: str = ""
    needs: tuple[str, ...] | None = None
    aliases: tuple[str, ...] = ()
    sources: Sources = ()
    completable: bool = False
    exact: bool = False
    blocks: str | None = None
    of_learned: bool = False
    laws: bool = True
    learned: bool = False
    of: tuple[str, ...] | None = None


def registered(kind: str, name: str | None = None, **said: Any) -> Callable[[Thing], Thing]:
    """What follows is of a kind, as a register of it will find; `said` is what it says besides, as in `About`.

    Its name is that of the class (`name`) or of the function where none is given.
    """

    def says(thing: Any) -> Any:
        thing.about = About(kind, name or getattr(thing, "name", thing.__name__), **said)
        return thing

    return says


_SIGNS = {"gamma": "γ", "epsilon": "ε", "tau": "τ", "eta": "η", "mu": "μ", "alpha": "α", "beta": "β", "delta": "δ"}


def option_words(option: str, value: Any = "") -> str:
    """An option with its value as a reader meets it: `γ = 0.5`, `vocab size 4`, `no ties`; alone without a value."""
    sign = _SIGNS.get(option, option.replace("_", " "))
    if isinstance(value, bool):
        return sign if value else f"no {sign}"
    return f"{sign}{' = ' if len(sign) == 1 else ' '}{format_value(value)}" if value != "" else sign


def about(thing: Any) -> About | None:
    """What the very thing says of itself: a class does not say what the one it inherits from does."""
    said = getattr(thing, "__dict__", {}).get("about")
    return said if isinstance(said, About) else None


def annotation_of(parameter: inspect.Parameter) -> str:
    """What is said of a parameter's type, as it is written: modules that put it off have a text, others the type."""
    said = parameter.annotation
    return said if isinstance(said, str) else inspect.formatannotation(said)


def options_of(builder: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The keyword-only parameters of a builder: what may stand after the colon. A name (a Spec) is no option."""
    parameters = inspect.signature(builder).parameters
    options = {key: each for key, each in parameters.items() if each.kind is inspect.Parameter.KEYWORD_ONLY}
    return {key: each for key, each in options.items() if "Spec" not in annotation_of(each)}


def check_options(kind: str, spec: Spec, builder: Callable[..., Any]) -> None:
    """ValueError for an option of a spec that its builder does not know, or takes another type for, or misses."""
    options, known = dict(spec.options), options_of(builder)
    missing = [key for key, each in known.items() if each.default is inspect.Parameter.empty and key not in options]
    for key, value in options.items():
        if key not in known:
            offered = f"known: {', '.join(known)}" if known else "it takes none"
            meant = f"; write {Spec.of(spec.name, **{missing[0]: value})}" if len(missing) == 1 else ""
            raise ValueError(f"{kind} {spec.name!r} has no option {key!r}; {offered}{meant}")
        check_type(f"{key} of {kind} {spec.name!r}", value, annotation_of(known[key]))
    if missing:
        raise ValueError(f"{kind} {spec.name!r} needs {missing[0]}=...; write {spec.name}:{missing[0]}=value")


def things_in(room: str) -> list[Any]:
    """Whatever stands in the modules of a package, also in tuples, each once, by module and line; imports them all."""
    package = importlib.import_module(room)
    names = sorted(each.name for each in pkgutil.iter_modules(getattr(package, "__path__", ())))
    modules = [package, *(importlib.import_module(f"{room}.{name}") for name in names)]
    values = [value for module in modules for value in vars(module).values()]
    return list({id(each): each for value in values for each in (value if type(value) is tuple else (value,))}.values())


def rooms_of(kind: str) -> tuple[str, ...]:
    """Where things of a kind are, `mdmtheory.<kind>s`; languages with a prompt have a room of their own besides."""
    return (f"mdmtheory.{kind}s", *(("mdmtheory.tasks",) if kind == "language" else ()))


def _named(value: str) -> str:
    """The name in an option's value that may be a spec, as `embedding` of a model; empty where it is none."""
    try:
        return Spec.parse(value).name
    except ValueError:
        return ""


class Register:
    """All that is registered of a kind: names that users type, each with what builds the thing it stands for.

    Found in the modules of its rooms (`rooms_of`, or the one that is said) when first asked for, so that a new thing is
    a new file there.
    Installed packages add theirs under the entry-point group of the same name; `module:name` is one's own.
    """

    def __init__(self, kind: str, room: str | None = None) -> None:
        self.kind = kind
        self._rooms = rooms_of(kind) if room is None else (room,)

    def __contains__(self, name: str) -> bool:
        return self._resolve(name) in self._things or name in self._installed()

    def __iter__(self) -> Iterator[str]:
        return iter([*self._things, *self._installed()])

    def typed(self, text: str) -> Spec:
        """The spec of what somebody typed; ValueError for what is none."""
        return self.read(text)

    def read(self, text: str) -> Spec:
        """The spec that a text in results stands for; it is data, and nothing is looked up."""
        return Spec.parse(text)

    def written(self, spec: Spec) -> str:
        """A spec as results show it, which `read` takes."""
        return str(spec)

    @property
    def built_in(self) -> tuple[str, ...]:
        """The names that do not come from installed packages, by their place."""
        return tuple(self._things)

    def is_plain(self, text: str) -> bool:
        """Whether a spec from a file of results can be built as it is: built in, without a file or code of its own."""
        spec = self.read(text)
        known = self._resolve(spec.name) in self._things
        return known and not PLACES & dict(spec.options).keys() and not self.own_code(text)

    def from_outside(self, name: str) -> bool:
        """Whether a name stands for a plug-in, if for anything."""
        return self._resolve(name) not in self._things

    def own_code(self, text: str) -> list[str]:
        """Each `module:name` in a spec, which may be imported and called to build it: its name, or an option's."""
        spec = self.read(text)
        named = [_named(value) for key, value in spec.options if isinstance(value, str) and key not in PLACES]
        return [name for name in (*([] if spec.name in self else [spec.name]), *named) if ":" in name]

    def about(self, name: str) -> About:
        """What the thing behind a name says of itself, a plug-in by attributes of its own; ValueError as `builder`."""
        builder = self.builder(name)
        own = about(builder)
        if own is not None and own.kind == self.kind:
            return own
        said = {key: getattr(builder, key, None) for key in _OF_A_PLUG_IN}
        understood: dict[str, Any] = {key: each for key, each in said.items() if type(each) is _OF_A_PLUG_IN[key]}
        return About(self.kind, name, **understood)

    def known(self, text: str) -> About | None:
        """What the built-in thing that a spec names says of itself; None for others, which are not looked up."""
        try:
            name = self._resolve(self.read(text).name)
        except ValueError:
            return None
        return about(self._things[name]) if name in self._things else None

    def reader_name(self, text: str) -> str:
        """What a reader calls the thing that a spec names: "2-gram" for ngram:order=2, "entropy bound (γ = 0.5)".

        What it says of itself (`About.said`) with the options that this names, and in brackets those that are not by
        default. Of what is not built in, its own name: names in results are data, and are not looked up.
        """
        before, sign, digest = text.partition("@")
        try:
            spec = Spec.parse(before)
        except ValueError:
            return text
        said, options, name = self.known(before), dict(spec.options), spec.name.rpartition(":")[2]
        if said is not None:
            defaults = {key: each.default for key, each in self.options(spec.name).items()}
            values = {**defaults, **options}
            named = {field for _, field, _, _ in string.Formatter().parse(said.said) if field}
            whole = all(isinstance(values.get(each), int | float | str) for each in named)
            name = said.said.format(**values) if said.said and whole else said.name
            left_out = named if whole else set()
            options = {
                key: value for key, value in options.items() if key not in left_out and value != defaults.get(key)
            }
        more = ", ".join(option_words(key, value) for key, value in options.items())
        return f"{name.replace('_', ' ')}{f' ({more})' if more else ''}{sign}{digest}"

    def builder(self, name: str) -> Callable[..., Any]:
        """What makes the thing behind a name; ValueError lists the known names."""
        name = self._resolve(name)
        if name in self._things:
            return cast("Callable[..., Any]", self._things[name])
        if name in self._installed():
            what = f"{self.kind} {name!r}"
            return cast("Callable[..., Any]", callable_plug_in(load_entry_point(self._installed()[name], what), what))
        if ":" in name:
            return self._own(name)
        known = sorted(self)
        raise ValueError(f"unknown {self.kind} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")

    def build(self, spec: Spec | str, *arguments: Any) -> Any:
        """Call the builder with the spec's options; ValueError names an unknown or missing option."""
        if isinstance(spec, str):
            spec = self.read(spec)
        builder = self.builder(spec.name)
        options = dict(spec.options)
        check_options(self.kind, spec, builder)
        if self.from_outside(spec.name):
            return built_by_plug_in(f"{self.kind} {str(spec)!r}", builder, *arguments, **options)
        try:
            return builder(*arguments, **options)
        except TypeError as error:
            raise ValueError(f"{self.kind} {spec}: {error}") from error

    def options(self, name: str) -> dict[str, inspect.Parameter]:
        """What may stand after the colon of a name."""
        return options_of(self.builder(name))

    @cached_property
    def _things(self) -> dict[str, Any]:
        """What the room has, by name."""
        found: dict[str, Any] = {}
        for said, thing in self._said:
            if said.name in found:
                raise ValueError(
                    f"there are two {self.kind}s {said.name!r} in {' or '.join(self._rooms)}; give one another name"
                )
            found[said.name] = thing
        return found

    @cached_property
    def _aliases(self) -> dict[str, str]:
        return {alias: said.name for said, _ in self._said for alias in said.aliases}

    @cached_property
    def _said(self) -> list[tuple[About, Any]]:
        """What the room has of this kind and what each says of itself, by place; the rooms are gone through once."""
        things = [thing for room in self._rooms for thing in things_in(room)]
        each_said = [(said, thing) for thing in things if (said := about(thing)) is not None]
        return sorted(
            (each for each in each_said if each[0].kind == self.kind), key=lambda each: (each[0].place, each[0].name)
        )

    def _own(self, name: str) -> Callable[..., Any]:
        """What `module:name` stands for; ValueError where it does not import or cannot be called."""
        first, _, rest = name.partition(":")
        if first in self:
            raise ValueError(f"{rest!r} in {name!r} is not key=value; write {first}:key=value,key=value")
        found = load_object(name)
        if not callable(found):
            kind = type(found).__name__
            raise ValueError(f"{self.kind} {name!r} is a {kind}; name a class or a function that makes one")
        return cast("Callable[..., Any]", found)

    def _resolve(self, name: str) -> str:
        return name if name in self._things else self._aliases.get(name, name)

    def _installed(self) -> dict[str, Any]:
        return {point.name: point for point in entry_points(group=f"mdmtheory.{self.kind}s")}
