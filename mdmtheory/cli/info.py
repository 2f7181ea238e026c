"""`mdmtheory info`: what is installed and where compiled kernels are kept, for a bug report."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from mdmtheory import __version__

_PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "matplotlib", "seaborn", "pandas", "typer", "torch", "distributed")


def version_of(package: str) -> str:
    """The installed version, or `not installed`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def info() -> None:
    """Versions, processors and the folder of compiled kernels."""
    from mdmtheory.core.threads import allowed_threads
    from mdmtheory.kernels.compiling import cache_folder

    folder = cache_folder()
    kept = "not kept" if folder is None else f"{folder} ({sum(1 for _ in folder.glob('*.nbc'))} compiled)"
    facts = {
        "mdmtheory": __version__,
        "python": platform.python_version(),
        **{package: version_of(package) for package in _PACKAGES},
        "system": platform.platform(),
        "processor": _processor(),
        "processors": f"{allowed_threads()} for this process, {os.cpu_count()} in the machine",
        "kernels": kept,
    }
    width = max(len(name) for name in facts)
    for name, fact in facts.items():
        print(f"{name:{width}}  {fact}")


def _processor() -> str:
    import llvmlite.binding

    name = llvmlite.binding.get_host_cpu_name()
    return f"{platform.machine()}, {os.environ.get('NUMBA_CPU_NAME') or name}"
