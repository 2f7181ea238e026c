"""Files that a verb will write: found out before the work, not after it, that they cannot be."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def check_figure(path: Path) -> None:
    """ValueError unless the figure's ending is known and its folder takes files."""
    from mdmtheory.plots.style import figure_format

    figure_format(path)
    check_file(path, "figure", "--figure")


def check_file(path: Path, what: str, option: str) -> None:
    """ValueError unless `path` names a file, there already or not, in a folder that takes files or can be made."""
    if path.is_dir():
        raise ValueError(f"{what} {path} is a folder; name a file in it")
    folder = next(each for each in path.absolute().parents if each.exists())
    try:
        # By trying: root may write where the mode says no, and in /proc nobody can where it says yes.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        reason = f"{folder} takes no files; choose another {option}"
        raise ValueError(f"{what} {path} cannot be written: {reason}") from error
    if path.exists() and not os.access(path, os.W_OK):
        raise ValueError(f"{what} {path} cannot be written: it is read-only; choose another {option}")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all, in a folder that is made if need be."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
