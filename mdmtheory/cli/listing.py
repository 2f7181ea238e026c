"""`mdmtheory list`: the names that the options know, with what may stand after the colon."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

from mdmtheory.cli.terminal import print_table
from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.register import Register

_TYPED = {
    "languages": "--lang",
    "samplers": "--sampler",
    "models": "--model",
    "schedules": "--schedule",
    "denoisers": "--denoiser",
    "prompts": "--prompt",
    "metrics": "--metrics",
}
"""What is registered, and the option that takes it."""
KINDS = (*_TYPED, "statements", "examples")


def list_names(
    kind: Annotated[
        str | None, typer.Argument(help=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}; all of them by default.")
    ] = None,
) -> None:
    """Print the known names, their options with defaults, and what they are."""
    for number, each in enumerate(KINDS if kind is None else [_known(kind)]):
        if number:
            print()
        if each == "statements":
            _print_statements()
        elif each == "examples":
            _print_examples()
        else:
            _print_registered(each)


def _known(kind: str) -> str:
    """The kind that is meant, by its plural or its singular; ValueError lists all of them."""
    meant = {each.removesuffix("s"): each for each in KINDS} | {each: each for each in KINDS} | {"lang": "languages"}
    if kind.lower() in meant:
        return meant[kind.lower()]
    hint = did_you_mean(kind.lower(), meant)
    raise ValueError(f"{kind!r} is not one of what is listed{hint}; write mdmtheory list {' or '.join(KINDS)}")


def _print_registered(kind: str) -> None:
    register = Register(kind.removesuffix("s"))
    rows = [[name, _options(register, name), _description(register, name)] for name in sorted(register)]
    print_table([f"{kind} ({_TYPED[kind]})", "options", "what it is"], rows)


def _print_statements() -> None:
    from mdmtheory.theory import statements

    rows = [[each.id, "conjecture" if each.conjecture else "theorem", each.says] for each in statements().values()]
    print_table(["statements (bounds ID)", "kind", "what it says"], rows)


def _print_examples() -> None:
    from mdmtheory.sweeps.files import examples

    rows = [[name, _first_comment(path.read_text(encoding="utf-8"))] for name, path in examples().items()]
    print_table(["examples (sweep --example)", "what it measures"], rows)


def _first_comment(text: str) -> str:
    """The first sentence or so that a TOML file says of itself."""
    lines = [line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#")]
    return lines[0] if lines else ""


def _options(register: Register, name: str) -> str:
    if not getattr(register.builder(name), "asked", True):
        return "only with --check"
    known = register.options(name)
    shown = [f"{key}=..." if p.default is inspect.Parameter.empty else f"{key}={p.default}" for key, p in known.items()]
    return ", ".join(shown) or "none"


def _description(register: Register, name: str) -> str:
    first, _, _ = (inspect.getdoc(register.builder(name)) or "").partition("\n")
    return first
