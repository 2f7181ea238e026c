"""`mdmtheory list`: the names that the options know, with what may stand after the colon."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Annotated, Literal

import typer

from mdmtheory.cli.terminal import print_table
from mdmtheory.core.spec import Registry

Kind = Literal["languages", "samplers", "models", "schedules", "denoisers"]

_REGISTRIES: dict[str, tuple[str, str]] = {
    "languages": ("mdmtheory.languages.presets", "LANGUAGES"),
    "samplers": ("mdmtheory.samplers.registry", "SAMPLERS"),
    "models": ("mdmtheory.models.registry", "MODELS"),
    "schedules": ("mdmtheory.schedules", "SCHEDULES"),
    "denoisers": ("mdmtheory.denoisers.registry", "DENOISERS"),
}
_OPTIONS = {"languages": "--lang", "samplers": "--sampler", "models": "--model", "schedules": "--schedule"}


def list_names(kind: Annotated[Kind | None, typer.Argument(help="One kind; all of them by default.")] = None) -> None:
    """Print the known names, their options with defaults, and what they are."""
    for number, each in enumerate([kind] if kind else _REGISTRIES):
        if number:
            print()
        module, attribute = _REGISTRIES[each]
        registry: Registry = getattr(import_module(module), attribute)
        header = f"{each} ({_OPTIONS.get(each, '--denoiser')})"
        rows = [[name, _options(registry, name), _description(registry, name)] for name in sorted(registry)]
        print_table([header, "options", "what it is"], rows)


def _options(registry: Registry, name: str) -> str:
    known = registry.options(name)
    shown = [f"{key}=..." if p.default is inspect.Parameter.empty else f"{key}={p.default}" for key, p in known.items()]
    return ", ".join(shown) or "none"


def _description(registry: Registry, name: str) -> str:
    first, _, _ = (inspect.getdoc(registry.builder(name)) or "").partition("\n")
    return first
