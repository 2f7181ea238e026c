"""`mdmtheory list`: the names that the options know, with what may stand after the colon."""

from __future__ import annotations

import inspect
from typing import Annotated, Literal, get_args

import typer

from mdmtheory.cli.terminal import print_table
from mdmtheory.core.register import Register

Kind = Literal["languages", "samplers", "models", "schedules", "denoisers", "prompts", "metrics"]


def list_names(kind: Annotated[Kind | None, typer.Argument(help="One kind; all of them by default.")] = None) -> None:
    """Print the known names, their options with defaults, and what they are."""
    for number, each in enumerate([kind] if kind else get_args(Kind)):
        if number:
            print()
        register = Register(each.removesuffix("s"))
        rows = [[name, _options(register, name), _description(register, name)] for name in sorted(register)]
        typed = {"languages": "lang", "metrics": "metrics"}.get(each, register.kind)
        print_table([f"{each} (--{typed})", "options", "what it is"], rows)


def _options(register: Register, name: str) -> str:
    if not getattr(register.builder(name), "asked", True):
        return "only with --check"
    known = register.options(name)
    shown = [f"{key}=..." if p.default is inspect.Parameter.empty else f"{key}={p.default}" for key, p in known.items()]
    return ", ".join(shown) or "none"


def _description(register: Register, name: str) -> str:
    first, _, _ = (inspect.getdoc(register.builder(name)) or "").partition("\n")
    return first
