"""Text files that a user names: read to their end, which not everything that has a name comes to."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

from mdmtheory.core.limits import MOST_TEXT_BYTES


def read_text(path: str | os.PathLike[str], instead: str) -> str:
    """The text of a file, with or without a byte-order mark.

    ValueError in one line, ending with what to pass `instead`, for what cannot be read, is not a text, is no regular
    file, or is longer than MOST_TEXT_BYTES.
    """
    try:
        return _text(path)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = "it is not a text file" if isinstance(error, UnicodeDecodeError) else error
        reason = getattr(error, "strerror", None) or reason
        raise ValueError(f"cannot read {path}: {reason}; {instead}") from error


def toml_in(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a TOML file holds; ValueError in one line where it cannot be read or is none."""
    import tomllib

    text = read_text(path, "give the path of a TOML file")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is not a TOML file: {error}; write lines such as lang = "hmm"') from error


def _text(path: str | os.PathLike[str]) -> str:
    # Before it is opened, since to open a device or a pipe may already wait or do something.
    _check_regular(Path(path).stat())
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, encoding="utf-8-sig") as file:
        about = os.fstat(descriptor)
        _check_regular(about)
        text = file.read(MOST_TEXT_BYTES + 1)  # in /proc there are files without an end that say they have 0 bytes
    if max(about.st_size, len(text)) > MOST_TEXT_BYTES:
        raise ValueError(f"it has more than {MOST_TEXT_BYTES} bytes (MOST_TEXT_BYTES)")
    return text


def _check_regular(about: os.stat_result) -> None:
    if stat.S_ISDIR(about.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is a device or a pipe, which may have no end")
