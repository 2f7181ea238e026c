"""The one way to write a file: it appears whole or not at all, and what it replaces is kept until it is safe."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path


def write_whole(path: str | os.PathLike[str], content: bytes | memoryview) -> None:
    """Write a file so that, whatever happens, there is the old one or the new one; makes its folder if need be.

    A file that is replaced keeps its owner, where that may be set, and its permissions. A symbolic link is written
    through: it stays, and the file that it points to is replaced. Other hard links keep the old content. What is no
    regular file, such as a pipe or /dev/stdout, is written to as it is. OSError in one line that names the file.
    """
    path = Path(path)
    kept = "choose another file"
    try:
        if path.exists():
            kept = "the file that was there is unchanged"
            if not path.is_file():
                path.write_bytes(content)
                return
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        with folder_beside(target) as folder:
            new = folder / "new"
            new.write_bytes(content)
            put_in_place(new, target)
    except OSError as error:
        raise OSError(f"cannot write {path} ({error.strerror or error}); {kept}") from error
    confirm(target)


@contextlib.contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """A new folder beside a file, private and of a random name, for what is not finished; it is gone in the end."""
    with passing_folder(path.parent) as folder:
        yield folder


@contextlib.contextmanager
def passing_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new private folder in `parent`, or where temporary files are; in the end it is removed, if it can be.

    Not tempfile's: that recurses without end where a folder of ours may suddenly not be opened.
    """
    folder = Path(tempfile.mkdtemp(prefix=".mdmtheory-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(new: Path, path: Path) -> None:
    """Rename a finished file of the same disk to `path`, with the owner and the permissions of what it replaces.

    PermissionError where that is read-only: only its folder need be writable for a rename. `confirm` ought to follow.
    """
    with contextlib.suppress(FileNotFoundError):
        replaced = path.stat()
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "it is read-only")
        with contextlib.suppress(OSError):
            os.chown(new, replaced.st_uid, replaced.st_gid)
        new.chmod(stat.S_IMODE(replaced.st_mode))
    _wait_for_the_disk(new)
    new.replace(path)


def confirm(path: Path) -> None:
    """Wait until the disk has a file's name; OSError in one line where it may be lost with the power."""
    try:
        _wait_for_the_disk(path.parent)
    except OSError as error:
        # Some file systems cannot do it for a folder, and a folder that may not be read can still be written.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
            reason = error.strerror or error
            raise OSError(f"{path} is written, but not yet safe from a power cut ({reason}); write it again") from error


def _wait_for_the_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
