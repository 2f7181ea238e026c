"""What can be cited: everything in the registers that says its sources, by the names that users type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.register import About, Register
from mdmtheory.core.sources import Ours, Sources
from mdmtheory.core.spec import Spec
from mdmtheory.metrics.likelihood_kinds import ALIASES, KINDS
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
        return tuple(each for each in self.sources if isinstance(each, str))

    @property
    def ours(self) -> Ours | None:
        """The search that found nothing of it, or of a part of it; None where all of it is published."""
        return next((each for each in self.sources if isinstance(each, Ours)), None)


@cache
def everything() -> tuple[Cited, ...]:
    """All that is built in, register by register."""
    return tuple(each for each, _ in _all())


def cited(text: str) -> list[Cited]:
    """What has this name (a spec's options do not matter), one from each register; ValueError where nothing has it."""
    try:
        name = Spec.parse(text).name
    except ValueError:
        name = text
    found = [each for each, names in _all() if name in names]
    found += [Cited(kind, name, ()) for kind, register in REGISTERS.items() if name in _plug_ins(register)]
    if not found:
        known = {each for _, names in _all() for each in names}
        raise ValueError(
            f"nothing is called {name!r}{did_you_mean(name, known)}; mdmtheory list says what there is, and mdmtheory "
            "cite alone cites all of it"
        )
    return found


def _plug_ins(register: Register) -> set[str]:
    return {each for each in register if register.from_outside(each)}


@cache
def _all() -> tuple[tuple[Cited, tuple[str, ...]], ...]:
    """Each thing with all names that it may be asked for by."""
    return (*_registered(), *_stated(), *_likelihoods())


def _registered() -> Iterator[tuple[Cited, tuple[str, ...]]]:
    for kind, register in REGISTERS.items():
        for name in register.built_in:
            about = register.about(name)
            yield _of(kind, about), (name, *about.aliases)


def known(kind: str, spec: str) -> Cited | None:
    """The built-in thing that a spec from results names; None for others, which are not looked up."""
    about = REGISTERS[kind].known(spec)
    return None if about is None else _of(kind, about)


def _of(kind: str, about: About) -> Cited:
    # Tasks are languages with a prompt, and readers call them tasks.
    return Cited("task" if about.family == "task" else kind, about.name, about.sources)


def _stated() -> Iterator[tuple[Cited, tuple[str, ...]]]:
    for each in statements().values():
        yield Cited("statement", each.id, each.sources), (each.id, *each.aliases)


def _likelihoods() -> Iterator[tuple[Cited, tuple[str, ...]]]:
    for name, numbers in KINDS.items():
        aliases = (alias for alias, meant in ALIASES.items() if meant == name)
        yield Cited("likelihood", name, numbers.sources), (name, *aliases)
