"""Files that a verb will write: found out before the work, not after it, that they cannot or must not be written.

`-o`, in full `--out`, is one file: what the verb makes for other verbs, or for people, to take. That is a store of
sweep, leaderboard and merge, a figure of plot, a language of `language new`, reveal sizes of schedule. What comes
besides has an option of its own name: --figure, --figures (a folder), --page. A file's ending may not be that of
another kind.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import typer

WHERE = "Rows to take: 'lang == \"hmm\" and steps >= 64 and length in (64, 512)'."
"""The help of an option of several verbs."""

FIGURE = b"Software\0mdmtheory"
"""What marks a PNG as drawn by this program."""
PAGE = b"\nMade by `mdmtheory leaderboard"
SIZES = b"# reveal sizes for "


_KINDS = {
    ".png": "figure",
    ".svg": "figure",
    ".pdf": "figure",
    ".npz": "language",
    ".md": "page",
    ".csv": "table",
    ".sqlite": "store",
    ".db": "store",
}
"""What a file with an ending holds; others may hold anything."""


def check_ending(path: Path, kind: str, *, also: tuple[str, ...] = (), other: str = "") -> None:
    """ValueError for a file that ends as files of another kind do; `other` names the option that those have."""
    ending = path.suffix.lower()
    held = _KINDS.get(ending, kind)
    if held not in (kind, *also):
        elsewhere = f", or {other} for a {held}" if other and held == "figure" else ""
        raise ValueError(f"--out {path} ends as a {held} does, and takes a {kind}; name another file{elsewhere}")


def check_figure(path: Path) -> None:
    """ValueError unless the figure's ending is known and its folder takes files."""
    from mdmtheory.plots.picture import figure_format

    figure_format(path)
    check_file(path, "figure", "--figure")


def check_file(path: Path, what: str, option: str) -> None:
    """ValueError unless `path` names a file, there already or not, in a folder that takes files or can be made."""
    if path.is_dir():
        raise ValueError(f"{what} {path} is a folder; name a file in it")
    if path.exists() and not path.is_file():
        return  # a device or a pipe, which takes what it is given
    folder = next(each for each in Path(os.path.realpath(path)).parents if each.exists())
    try:
        # By trying: root may write where the mode says no, and in /proc nobody can where it says yes.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        reason = f"{folder} takes no files; choose another {option}"
        raise ValueError(f"{what} {path} cannot be written: {reason}") from error
    if path.exists() and not os.access(path, os.W_OK):
        raise ValueError(f"{what} {path} cannot be written: it is read-only; choose another {option}")


def check_distinct(paths: Mapping[str, Path]) -> None:
    """ValueError where two of what a verb reads and writes are the same file."""
    known: dict[str, str] = {}
    for what, path in paths.items():
        real = os.path.realpath(path)
        if real in known:
            raise ValueError(f"{known[real]} and {what} are the same file, {path}; name two")
        known[real] = what


def was_typed(context: typer.Context, parameter: str) -> bool:
    """Whether an option stood on the command line."""
    return getattr(context.get_parameter_source(parameter), "name", "") == "COMMANDLINE"


def not_ours(path: Path, mark: bytes) -> str | None:
    """Why a file that nobody named is not to be replaced: it is there, and has not the mark of this program.

    Names that are typed are replaced; those that the program makes up, such as that of a figure beside a store, may
    have been a user's before.
    """
    if not os.path.lexists(path):
        return None
    try:
        with path.open("rb") as file:
            if path.is_file() and mark in file.read(4096):
                return None
    except OSError:
        pass
    return f"{path} is there and was not made by mdmtheory"
