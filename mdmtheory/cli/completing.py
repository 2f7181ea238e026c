"""What a shell offers where a word is begun: names from the registers, and their options with what they are by default.

Only the register of the option at hand is opened, so that an answer takes less than half a second; after `cite`, whose
words may be of any register, all of them.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from functools import partial
from types import SimpleNamespace
from typing import Any

INSTRUCTION = "_MDMTHEORY_COMPLETE"
"""The environment variable by which a shell's script says what it wants."""

KINDS = {
    "lang": "language",
    "denoiser": "denoiser",
    "model": "model",
    "sampler": "sampler",
    "schedule": "schedule",
    "schedules": "schedule",
    "prompt": "prompt",
    "metrics": "metric",
    "y": "metric",
    "metric": "metric",
    "objective": "objective",
    "example": "example",
    "kind": "likelihood",
}
"""The register behind each option, by the name of its parameter."""

_AFTER_VERB = {"language": "language", "list": "kind", "help": "verb", "cite": "cited"}
"""What stands after a verb, where that is no option."""
_ROOMS = {"objective": "mdmtheory.training.objectives"}
_BREAKS = (":", "=")
"""What bash takes for words of their own."""


def answer(app: Any) -> int:
    """Print what the shell that asks may offer, or the script by which it asks; the exit code."""
    import typer

    program = typer.main.get_command(app)
    replaced = rejoin(os.environ) if os.environ[INSTRUCTION] == "complete_bash" else None
    for path, command in _commands(program, ()):
        for param in command.params:
            if param.param_type_name == "argument" and path and path[0] in _AFTER_VERB:
                kind = _AFTER_VERB[path[0]]
            else:
                kind = KINDS.get(param.name, "")
            if kind == "verb":
                param.shell_complete = partial(_items, partial(_verbs, program), replaced)
            elif kind:
                param.shell_complete = partial(_items, partial(offered, kind), replaced)
    try:
        program.main(args=[], prog_name="mdmtheory", standalone_mode=False)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from _commands(each, (*path, name))


def command_of(app: Any, words: Iterable[str]) -> Any:
    """The command that these words call, or the last that they come to."""
    import typer

    command: Any = typer.main.get_command(app)
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    return command


def names_for(parameter: str | None) -> list[str]:
    """The names that an option takes, without their options; none where it takes no names."""
    return offered(KINDS[parameter], "") if parameter in KINDS else []


def _items(offer: Callable[[str], list[str]], replaced: int | None, context: Any, begun: str) -> list[Any]:
    cut = 0 if replaced is None else max(0, len(begun) - replaced)
    return [SimpleNamespace(value=each[cut:], help=None, type="plain") for each in offer(begun)]


def _verbs(program: Any, begun: str) -> list[str]:
    return [each for each in program.commands if each.startswith(begun)]


def offered(kind: str, begun: str) -> list[str]:
    """Whole words that begin so: names, and in a list or in the options of a name what may come next."""
    before, comma, last = begun.rpartition(",")
    if kind == "kind":
        from mdmtheory.cli.listing import KINDS as listed

        found = [*listed, *(each.removesuffix("s") for each in listed)]
    elif kind == "cited":
        from mdmtheory.citations.cited import names

        found = names()
    elif kind == "example":
        from mdmtheory.sweeps.files import examples

        found = list(examples())
    elif kind == "likelihood":
        from mdmtheory.metrics.likelihood_kinds import KINDS as known

        found = [f"{before}{comma}{each}" for each in known]
    else:
        found = [f"{before}{comma}{each}" for each in _in_specs(kind, before, last)]
    return [each for each in found if each.startswith(begun)]


def _in_specs(kind: str, before: str, last: str) -> Iterator[str]:
    """What may stand in the place of the last piece of a list: a name, with its options after a colon, or an option."""
    from mdmtheory.core.register import Register

    register = Register(kind, _ROOMS.get(kind))
    name, colon, _ = last.partition(":")
    if colon:
        yield from (f"{name}:{each}" for each in _options(register, name, ()))
        return
    spec = next((each for each in reversed(before.split(",")) if ":" in each), "")
    if spec:
        pieces = before[before.rindex(spec) :].partition(":")[2].split(",")
        yield from _options(register, spec.partition(":")[0], [each.partition("=")[0] for each in pieces])
    yield from (each for each in sorted(register) if getattr(register.builder(each), "asked", True))


def _options(register: Any, name: str, typed: Any) -> Iterator[str]:
    if name in register:
        for key, each in register.options(name).items():
            if key not in typed:
                default = "" if each.default in (inspect.Parameter.empty, None) else each.default
                yield f"{key}={str(default).lower() if isinstance(default, bool) else default}"


def rejoin(environment: MutableMapping[str, str]) -> int:
    """Put together what bash took apart at colons and equals signs; how many letters of the last word it replaces.

    >>> asked = {"COMP_WORDS": "mdmtheory sweep --lang hmm : st", "COMP_CWORD": "5"}
    >>> rejoin(asked), asked["COMP_WORDS"].split(), asked["COMP_CWORD"]
    (2, ['mdmtheory', 'sweep', '--lang', 'hmm:st'], '3')
    """
    words = environment["COMP_WORDS"].split()
    at = int(environment["COMP_CWORD"])
    begun = words[at] if at < len(words) else ""
    joined: list[str] = []
    glued = False
    for word in [*words[:at], begun]:
        if joined and (glued or word in _BREAKS) and not (glued and word.startswith("-")):
            joined[-1] += word
        else:
            joined.append(word)
        glued = word in _BREAKS
    environment["COMP_WORDS"], environment["COMP_CWORD"] = "\n".join(joined), str(len(joined) - 1)
    return 0 if begun in _BREAKS else len(begun)
