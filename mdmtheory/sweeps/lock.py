"""One writer at a time: an advisory lock on a file beside the store."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(store: Path) -> Iterator[None]:
    """Hold STORE.lock; ValueError in one line when another process holds it, OSError when it cannot be made.

    The lock is the operating system's: it is gone when the process is, however that ended. The file is removed in the
    end.
    """
    path = store.with_name(store.name + ".lock")
    descriptor = _hold(path, store)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode())
        yield
    finally:
        # Removed while held: whoever opened the file meanwhile sees that it is no longer the one at this path.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _hold(path: Path, store: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OSError(
                f"cannot write {store} ({error.strerror}); choose a folder that can be written with --out"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise ValueError(
                f"{store} is being written by another sweep ({holder}); wait for it or choose another --out"
            ) from error
        try:
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)
