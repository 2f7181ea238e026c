"""What a user should know although nothing has to stop for it."""

from __future__ import annotations

import warnings


class Notice(UserWarning):
    """One line for the user; the program prints it on stderr, once."""


def notice(text: str) -> None:
    """Say it: as a warning in Python, as a line `mdmtheory: warning: ...` on the command line."""
    warnings.warn(text, Notice, stacklevel=2)
