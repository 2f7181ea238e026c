"""How kernels are compiled, where their machine code is kept, and who is told that compiling takes time."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config, event

from mdmtheory.core.kernel_cache import KernelCache, private_folder
from mdmtheory.kernels.linking import PartDispatcher

Function = TypeVar("Function", bound=Callable[..., Any])


@cache
def kernel_sources_digest() -> str:
    """SHA-256 over every kernel source and what else decides the machine code.

    Kept code names the modules of its named tuples: where one moves and no kernel changes, it is compiled again.
    """
    sha = hashlib.sha256(f"{numba.__version__} {config.BOUNDSCHECK} {config.OPT}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        sha.update(source.name.encode() + b"\0" + source.read_bytes())
    return sha.hexdigest()


@cache
def cache_folder() -> Path | None:
    """The folder of compiled kernels, under MDMTHEORY_CACHE or the user's cache folder; None where none is private."""
    return private_folder(kernel_sources_digest())


_OPTIONS = {"nopython": True, "nogil": True, "fastmath": False, "error_model": "numpy"}


def kernel(function: Function) -> Function:
    """Compile a function of arrays with numba: no interpreter lock, no fastmath, cached across processes."""
    compiled = numba.jit(**_OPTIONS, no_cfunc_wrapper=True)(function)
    compiled._cache = KernelCache(function, kernel_sources_digest(), cache_folder)
    return compiled  # type: ignore[no-any-return]  # numba is untyped


def part(function: Function) -> Function:
    """A piece of a kernel: works on arrays that it is given and makes none; copied to where it is called.

    Compiled without numba's reference counting, whose atomic updates at every view would cost more than the arithmetic.
    So a kernel allocates its scratch once and leaves the loops to parts.
    """
    return _part(function, _nrt=False, forceinline=True)


def subroutine(function: Function) -> Function:
    """A part that is called where it stands: for work beside which a call is nothing, and many places that call it.

    Copied to all of them, it would be optimised as often.
    """
    return _part(function, _nrt=False)


def scratch_maker(function: Function) -> Function:
    """A piece of a kernel that makes arrays for it."""
    return _part(function, forceinline=True)


def _part(function: Function, **options: bool) -> Function:
    if config.DISABLE_JIT:
        return function
    return PartDispatcher(function, {**_OPTIONS, **options})  # type: ignore[return-value]  # it can be called so


class _Announcer(event.Listener):  # type: ignore[misc]  # numba is untyped
    def __init__(self, announce: Callable[[], None]) -> None:
        self._announce = announce
        self._said = False

    def on_start(self, event: Any) -> None:
        if not self._said:
            self._said = True
            self._announce()

    def on_end(self, event: Any) -> None:
        pass


@contextlib.contextmanager
def announcing_compilation(announce: Callable[[], None]) -> Iterator[None]:
    """Call `announce` once if any kernel is compiled inside the block (loading a cached one does not count)."""
    with event.install_listener("numba:compile", _Announcer(announce)):
        yield
