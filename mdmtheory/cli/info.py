"""`mdmtheory info`: what is installed and where compiled kernels are kept, for a bug report."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from mdmtheory import __version__
from mdmtheory.cli.terminal import Terminal

_PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "matplotlib", "seaborn", "pandas", "typer", "torch", "distributed")


def version_of(package: str) -> str:
    """The installed version, or `not installed`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def info(
    context: typer.Context,
    *,
    warm: Annotated[
        bool, typer.Option("--warm", help="First compile all kernels, as for an image or a shared folder.")
    ] = False,
) -> None:
    """Versions, processors and the folder of compiled kernels."""
    from mdmtheory.core.threads import allowed_threads
    from mdmtheory.kernels.compiling import cache_folder

    folder = cache_folder()
    if warm:
        _warm(folder, Terminal.of(context))
    kept = "not kept" if folder is None else f"{folder} ({_compiled(folder)} compiled)"
    facts = {
        "mdmtheory": __version__,
        "python": platform.python_version(),
        **{package: version_of(package) for package in _PACKAGES},
        "system": platform.platform(),
        "processor": _processor(),
        "processors": f"{allowed_threads()} for this process, {os.cpu_count()} in the machine",
        "kernels": kept,
        "exact posteriors": _posteriors(),
    }
    width = max(len(name) for name in facts)
    for name, fact in facts.items():
        print(f"{name:{width}}  {fact}")


def _posteriors() -> str:
    """What computes them where nobody says, and where torch can."""
    from mdmtheory.oracles.on_device import MANY_STATES, installed

    if not installed():
        return "kernels; torch is not installed"
    from mdmtheory.oracles.tensors.devices import as_device

    found = as_device("auto")
    return (
        f"kernels; from {MANY_STATES:,} hidden states on torch on the processor; torch on {found} where "
        f"oracle:device={found} asks for it"
    )


def _warm(folder: Path | None, terminal: Terminal) -> None:
    """Run whatever compiles something, and say what that was."""
    from mdmtheory.cli.rehearsal import rehearsals
    from mdmtheory.core.kernel_cache import CHOSEN_ROOT
    from mdmtheory.kernels.compiling import announcing_compilation

    if folder is None:
        raise ValueError(f"compiled kernels would be lost at the end; name a private folder in {CHOSEN_ROOT}")
    begin, before = time.perf_counter(), _compiled(folder)
    with announcing_compilation(lambda _: terminal.say("compiling all kernels, once for this version: about a minute")):
        for name, rehearse in rehearsals():
            start, there = time.perf_counter(), _compiled(folder)
            rehearse()
            if _compiled(folder) > there:
                seconds = time.perf_counter() - start
                terminal.say(f"compiled for {name}: {_compiled(folder) - there} in {seconds:.1f} s")
    new, seconds = _compiled(folder) - before, time.perf_counter() - begin
    terminal.say(f"compiled {new} in {seconds:.0f} s" if new else "all kernels were compiled already")


def _compiled(folder: Path) -> int:
    return sum(1 for _ in folder.glob("*.nbc"))


def _processor() -> str:
    import llvmlite.binding

    name = llvmlite.binding.get_host_cpu_name()
    return f"{platform.machine()}, {os.environ.get('NUMBA_CPU_NAME') or name}"
