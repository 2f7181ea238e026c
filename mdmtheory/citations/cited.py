"""What can be cited: everything in the registers that says its sources, by the names that users type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from mdmtheory.citations.bibtex import as_given, references
from mdmtheory.core.plugins import load_object
from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.register import About, Register, about
from mdmtheory.core.sources import Ours, Sources
from mdmtheory.core.spec import Spec
from mdmtheory.metrics.likelihood_kinds import ALIASES, KINDS
from mdmtheory.samplers.planned import CONSTRAINED_SOURCES
from mdmtheory.theory.registry import statements

REGISTERS = {
    "sampler": Register("sampler"),
    "language": Register("language"),
    "denoiser": Register("denoiser"),
    "model": Register("model"),
    "schedule": Register("schedule"),
    "metric": Register("metric"),
    "objective": Register("objective", "mdmtheory.training.objectives"),
}
"""The registers whose things say where they are from; of others, as of prompts, nothing is to be said."""


@dataclass(frozen=True)
class Cited:
    """A thing and where it is from; `kind` is what a reader calls it, such as task."""

    kind: str
    name: str
    sources: Sources

    @property
    def works(self) -> tuple[str, ...]:
        """The keys of the works that it is from."""
        return tuple(self._entry(each)[0] for each in self.sources if isinstance(each, str))

    @property
    def given(self) -> list[tuple[str, str]]:
        """Key and text of the entries that it gives itself, as a plug-in may; ValueError for what is neither."""
        found = [self._entry(each) for each in self.sources if isinstance(each, str)]
        return [(key, entry) for key, entry in found if entry]

    def _entry(self, source: str) -> tuple[str, str]:
        if source in references():
            return source, ""
        try:
            return as_given(source)
        except ValueError as error:
            raise ValueError(f"sources of {self.kind} {self.name}: {error}") from error

    @property
    def ours(self) -> Ours | None:
        """The search that found nothing of it, or of a part of it; None where all of it is published."""
        return next((each for each in self.sources if isinstance(each, Ours)), None)


@cache
def everything() -> tuple[Cited, ...]:
    """All that is built in, register by register."""
    return tuple(each for each, _ in _all())


def cited(text: str) -> list[Cited]:
    """What has this name, one from each register, and what is cited of a spec's options; ValueError for nothing."""
    try:
        name = Spec.parse(text).name
    except ValueError:
        name = text
    found = [each for each, names in _all() if name in names] + options_in(text)
    found += [_outside(kind, name, register) for kind, register in REGISTERS.items() if name in _plug_ins(register)]
    found += [_own(name)] if ":" in name else []
    if not found:
        known = {each for _, names in _all() for each in names}
        raise ValueError(
            f"nothing is called {name!r}{did_you_mean(name, known)}; mdmtheory list says what there is, and mdmtheory "
            "cite alone cites all of it"
        )
    return found


def names() -> list[str]:
    """Every name that may be cited, of installed packages too."""
    built_in = {each for _, several in _all() for each in several}
    return sorted(built_in.union(*map(_plug_ins, REGISTERS.values())))


def _outside(kind: str, name: str, register: Register) -> Cited:
    return Cited(kind, name, _checked(f"{kind} {name}", register.about(name).sources))


def _own(text: str) -> Cited:
    """What `module:name` says of itself, of whatever kind it is."""
    found = load_object(text)
    said = about(found)
    given = said.sources if said is not None else getattr(found, "sources", ())
    sources = _checked(text, given if type(given) is tuple else ())
    return Cited("plug-in" if said is None else said.kind, text, sources)


def _checked(what: str, sources: tuple[Any, ...]) -> Sources:
    if not all(isinstance(each, str | Ours) for each in sources):
        raise ValueError(f"sources of {what} are {sources!r}; give entries of BibTeX, as texts")
    return sources


def _plug_ins(register: Register) -> set[str]:
    return {each for each in register if register.from_outside(each)}


@cache
def _all() -> tuple[tuple[Cited, tuple[str, ...]], ...]:
    """Each thing with all names that it may be asked for by."""
    return (*_registered(), *((each, (each.name,)) for each in _options()), *_stated(), *_likelihoods())


def _registered() -> Iterator[tuple[Cited, tuple[str, ...]]]:
    for kind, register in REGISTERS.items():
        for name in register.built_in:
            said = register.about(name)
            yield _of(kind, said), (name, *said.aliases)


def _options() -> Iterator[Cited]:
    """Options that are from somewhere, whatever they are options of."""
    yield Cited("option", "constrained", CONSTRAINED_SOURCES)


def options_in(spec: str) -> list[Cited]:
    """Those that stand in a spec from results, as `constrained=true`; nothing is looked up."""
    try:
        options = dict(Spec.parse(spec).options)
    except ValueError:
        return []
    return [each for each in _options() if options.get(each.name) is True]


def known(kind: str, spec: str) -> Cited | None:
    """The built-in thing that a spec from results names; None for others, which are not looked up."""
    said = REGISTERS[kind].known(spec)
    return None if said is None else _of(kind, said)


def _of(kind: str, said: About) -> Cited:
    # Tasks are languages with a prompt, and readers call them tasks.
    return Cited("task" if said.family == "task" else kind, said.name, said.sources)


def _stated() -> Iterator[tuple[Cited, tuple[str, ...]]]:
    for each in statements().values():
        yield Cited("statement", each.id, each.sources), (each.id, *each.aliases)


def _likelihoods() -> Iterator[tuple[Cited, tuple[str, ...]]]:
    for name, numbers in KINDS.items():
        aliases = (alias for alias, meant in ALIASES.items() if meant == name)
        yield Cited("likelihood", name, numbers.sources), (name, *aliases)
