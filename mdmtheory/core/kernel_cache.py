"""Machine code of kernels on disk, one file for each function and signature.

To load such a file is to run what it holds. So only files are loaded that nobody but this user or root can have
written, in a folder of which the same is true, and only whole: each begins with the digest of the rest. What cannot be
loaded is compiled again; what cannot be kept stays in memory. Neither is a reason to stop.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numba.core import caching, serialize
from numba.core.compiler import CompileResult

from mdmtheory.core.notices import notice

CHOSEN_ROOT = "MDMTHEORY_CACHE"
"""The environment variable that names where to keep machine code, instead of the user's cache folder."""

_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_DIGEST = hashlib.sha256().digest_size


class _Refused(Exception):
    """Why a file or folder is not trusted."""


def private_folder(sources: str) -> Path | None:
    """The folder for the machine code of these kernel sources, made if need be; None, with a notice, if not private.

    `sources` is a digest. Links in its path are resolved, so that what is checked is what is used.
    """
    chosen = os.environ.get(CHOSEN_ROOT)
    try:
        root = (Path(chosen) if chosen else _users_own()).resolve()
        root.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        kept = root / "kernels"
        for each in [kept] if chosen else [root, kept]:
            _close(each)
        folder = kept / sources[:16]
        folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        if folder.resolve() != folder:
            raise _Refused(f"there is a link in {folder}")
        _check(folder.stat(), str(folder), stat.S_ISDIR)
        for above in folder.parents:
            _check_above(above)
    except (OSError, RuntimeError, _Refused) as error:  # RuntimeError: no home, or a circle of links
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        notice(f"compiled kernels are not kept between runs: {reason}; name a private folder in {CHOSEN_ROOT}")
        return None
    return folder


def _users_own() -> Path:
    """The user's cache folder; what knows it is asked for only where no folder is named."""
    try:
        from platformdirs import user_cache_path
    except ImportError:
        raise _Refused("platformdirs, which knows the user's cache folder, is not installed") from None
    return user_cache_path("mdmtheory")


class KernelCache(caching.FunctionCache):  # type: ignore[misc]  # numba is untyped
    """What a dispatcher asks for machine code before it compiles, and gives it to afterwards.

    Not numba's own files, an index and numbered data files: two processes that fill an empty cache at once can both
    write number 1, and then one's code is found under the other's signature.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        sources: str,
        folder: Callable[[], Path | None],
        lacking: Callable[[str], None],
    ) -> None:
        self._py_func = function  # numba's key of a signature reads it
        self._sources, self._folder, self._lacking = sources, folder, lacking

    @property
    def cache_path(self) -> str:
        """Where numba's statistics say that the code is."""
        return str(self._folder())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function of a signature; else None, and `lacking` is called with the function's name."""
        found = self._found(sig, target_context)
        if found is None:
            self._lacking(f"{self._py_func.__module__.rpartition('.')[2]}.{self._py_func.__name__}")
        return found

    def _found(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        folder = self._folder()
        if folder is None:
            return None
        try:
            reduced = pickle.loads(_read(folder / self._name(sig, target_context.codegen())))
            return CompileResult._rebuild(target_context, *reduced)
        except FileNotFoundError:
            return None
        except _Refused as reason:
            notice(f"compiled kernels in {folder} are compiled again: {reason}")
        except OSError as error:
            notice(f"compiled kernels in {folder} are compiled again: {error.strerror}")
        except Exception as error:  # noqa: BLE001  # a pickle may raise anything
            notice(f"compiled kernels in {folder} are compiled again: {type(error).__name__} in one of them")
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function, if it can be kept."""
        folder = self._folder()
        if folder is None or data.library.has_dynamic_globals:
            return
        try:
            _write(folder / self._name(sig, data.codegen), serialize.dumps(data._reduce()))
        except OSError as error:
            notice(f"compiled kernels are not kept between runs: {folder}: {error.strerror or error}")

    def flush(self) -> None:
        """Nothing is held back."""

    def _name(self, sig: Any, codegen: Any) -> str:
        function = self._py_func
        about = (self._sources, function.__module__, function.__code__.co_firstlineno, self._index_key(sig, codegen))
        key = hashlib.sha256(repr(about).encode()).hexdigest()
        return f"{function.__module__}.{function.__name__}.{sys.implementation.cache_tag}-{key[:32]}.nbc"


def _close(folder: Path) -> None:
    """Make a folder that only this user can write; one of ours that an older version left open is closed."""
    folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    about = folder.lstat()
    if stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and about.st_mode & _OTHERS:
        folder.chmod(stat.S_IRWXU)  # what others put there so far is theirs, and nothing of theirs is loaded


def _check_above(folder: Path) -> None:
    """A folder above may be open to a group, which many systems give each user alone, or be as /tmp is."""
    about = folder.stat()
    _check_owner(about, str(folder))
    if about.st_mode & stat.S_IWOTH and not about.st_mode & stat.S_ISVTX:
        raise _Refused(f"anybody can write {folder}")


def _check(about: os.stat_result, what: str, is_kind: Callable[[int], bool]) -> None:
    if not is_kind(about.st_mode):
        raise _Refused(f"{what} is no {'folder' if is_kind is stat.S_ISDIR else 'regular file'}")
    _check_owner(about, what)
    if about.st_mode & _OTHERS:
        raise _Refused(f"others than you can write {what}")


def _check_owner(about: os.stat_result, what: str) -> None:
    if about.st_uid not in (0, os.geteuid()):
        raise _Refused(f"{what} belongs to another user")


def _read(path: Path) -> bytes:
    """What was written under this name; _Refused unless it is ours and whole."""
    with _opened(path) as file:
        about = os.fstat(file.fileno())
        _check(about, "one of them", stat.S_ISREG)
        if about.st_nlink > 1:  # a file of ours from elsewhere, such as one that was sent to us
            raise _Refused("one of them has another name")
        content = file.read()
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        raise _Refused("one of them is damaged")
    return content[_DIGEST:]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    # Without following a link, and without waiting for what writes into a pipe.
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(number, "rb") as file:
        yield file


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; whoever writes the same at once writes a file of his own first."""
    number, unfinished = tempfile.mkstemp(prefix=".", suffix=".unfinished", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        Path(unfinished).replace(path)
    except OSError:
        Path(unfinished).unlink(missing_ok=True)
        raise
