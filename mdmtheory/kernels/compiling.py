"""How kernels are compiled, where their machine code is kept, and who is told that compiling takes time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import caching, config, event
from platformdirs import user_cache_path

Function = TypeVar("Function", bound=Callable[..., Any])


@cache
def kernel_sources_digest() -> str:
    """SHA-256 over every kernel source and what else decides the machine code."""
    sha = hashlib.sha256(f"{numba.__version__} {config.BOUNDSCHECK} {config.OPT}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        sha.update(source.name.encode() + b"\0" + source.read_bytes())
    return sha.hexdigest()


@cache
def cache_folder() -> Path:
    """The folder of compiled kernels: under MDMTHEORY_CACHE or the user's cache folder, else a temporary one."""
    chosen = os.environ.get("MDMTHEORY_CACHE")
    root = Path(chosen) if chosen else user_cache_path("mdmtheory")
    folder = root / "kernels" / kernel_sources_digest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="mdmtheory-kernels-"))
    return folder


class _Locator(caching._CacheLocator):  # type: ignore[misc]  # numba is untyped
    """Keeps a kernel's code in our folder, stale as soon as any kernel source changes.

    numba's own stamp is the function's file alone, so a kernel that calls one from another file would go stale.
    """

    def __init__(self, py_func: Callable[..., Any]) -> None:
        self._line = py_func.__code__.co_firstlineno

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator:
        return cls(py_func)

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        return kernel_sources_digest()

    def get_disambiguator(self) -> str:
        return str(self._line)


class _CacheFiles(caching.CompileResultCacheImpl):  # type: ignore[misc]  # numba is untyped
    _locator_classes = (_Locator,)


class _KernelCache(caching.FunctionCache):  # type: ignore[misc]  # numba is untyped
    _impl_class = _CacheFiles


def kernel(function: Function) -> Function:
    """Compile a function of arrays with numba: no interpreter lock, no fastmath, cached across processes."""
    compiled = numba.njit(nogil=True, fastmath=False, error_model="numpy")(function)
    compiled._cache = _KernelCache(function)
    return compiled  # type: ignore[no-any-return]  # numba is untyped


def part(function: Function) -> Function:
    """A piece of a kernel: works on arrays that it is given and makes none.

    Compiled without numba's reference counting, whose atomic updates at every view would cost more than the arithmetic.
    So a kernel allocates its scratch once and leaves the loops to parts.
    """
    return numba.njit(nogil=True, fastmath=False, error_model="numpy", _nrt=False, forceinline=True)(function)  # type: ignore[no-any-return]


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
