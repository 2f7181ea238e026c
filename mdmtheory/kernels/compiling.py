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
from mdmtheory.core.notices import announcement
from mdmtheory.kernels.compile_times import expected_seconds, in_words
from mdmtheory.kernels.linking import KernelDispatcher, PartDispatcher

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
    if config.DISABLE_JIT:
        return function
    compiled = KernelDispatcher(function, _OPTIONS)
    compiled._cache = KernelCache(function, kernel_sources_digest(), cache_folder, about_to_compile)
    return compiled  # type: ignore[return-value]  # it can be called so


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
    """Says once what is about to be compiled; while others do, it does not."""

    def __init__(self, announce: Callable[[str], object]) -> None:
        self._announce = announce
        self.said = False

    def on_start(self, event: Any) -> None:
        if not self.said:
            self.said = True
            self._announce(event.data)

    def on_end(self, event: Any) -> None:
        pass


_COMPILES = "mdmtheory:compiles"
"""numba's kind of event for a kernel that is not in the cache."""

_unasked = _Announcer(announcement)
event.register(_COMPILES, _unasked)


def about_to_compile(kernel: str) -> None:
    """Tell whoever listens that this kernel, `module.name`, is compiled now."""
    folder = cache_folder()
    there = set() if folder is None else {".".join(path.name.split(".")[2:4]) for path in folder.glob("*.nbc")}
    expected = in_words(*expected_seconds(kernel, there))
    event.start_event(_COMPILES, data=f"compiling kernels, once for this version: about {expected} of a processor")


@contextlib.contextmanager
def announcing_compilation(announce: Callable[[str], object]) -> Iterator[None]:
    """Call `announce` once, with a line that says how long it may take, if any kernel is compiled inside the block.

    Loading a cached one does not count. Outside of such blocks that line goes to stderr, once a process.
    """
    said, _unasked.said = _unasked.said, True
    announcer = _Announcer(announce)
    try:
        with event.install_listener(_COMPILES, announcer):
            yield
    finally:
        _unasked.said = said or announcer.said
