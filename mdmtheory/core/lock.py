"""One writer at a time: an advisory lock on a hidden file of our own beside what is written."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import stat
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

_TRIES = 20
"""How often the lock may be let go of between two looks at it; in /proc it is as if it were every time."""


@contextlib.contextmanager
def locked(held: Path, by: str) -> Iterator[None]:
    """Hold the lock of a store or a run, `.NAME.mdmtheory-lock` beside it; `held` is no link, `by` says what writes it.

    ValueError in one line when another process holds it or something else is in its place, which is left as it is;
    OSError when it cannot be made. The lock is the operating system's: it is gone when the process is, however that
    ended. The file is removed in the end.
    """
    path = held.with_name(f".{held.name}.mdmtheory-lock")

    def sign(descriptor: int) -> None:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or not _is_ours(os.pread(descriptor, 200, 0)):
            raise _in_the_way(path, held)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode(), 0)

    # Not thread-local: what is held may be let go by another thread than the one that took it.
    lock = FileLock(path, blocking=False, thread_local=False, fallback_to_soft=False, on_acquired=sign)
    _acquire(lock, path, held, by)
    try:
        yield
    finally:
        # Removed while held: whoever opened the file meanwhile sees that it has no name any more.
        path.unlink(missing_ok=True)
        lock.release()


def _is_ours(content: bytes) -> bool:
    """Whether it may be one that was left by a kill or, with zeros in it, by a power cut."""
    return not content.strip(b"\0") or content.startswith(b"process ")


def _acquire(lock: FileLock, path: Path, held: Path, by: str) -> None:
    for _ in range(_TRIES):
        try:
            lock.acquire()
            return
        except Timeout:
            try:
                holder = path.read_bytes()[:200].decode(errors="replace").strip() or "another process"
            except FileNotFoundError:
                continue
            raise ValueError(
                f"{held} is being written by another {by} ({holder}); wait for it or choose another --out"
            ) from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EISDIR):
                raise _in_the_way(path, held) from error
            raise _no_lock(held, error.strerror) from error
    raise _no_lock(held, "no file can be made beside it")


def _in_the_way(path: Path, held: Path) -> ValueError:
    return ValueError(f"{path} stands where the lock of {held} should and is not one; move it away")


def _no_lock(held: Path, reason: str | None) -> OSError:
    return OSError(f"cannot write {held} ({reason}); choose a folder that can be written with --out")
