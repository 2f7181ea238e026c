"""What a user should know although nothing has to stop for it."""

from __future__ import annotations

import sys
import warnings


class Notice(UserWarning):
    """One line for the user; the program prints it on stderr, once."""


def notice(text: str) -> None:
    """Say it: as a warning in Python, as a line `mdmtheory: warning: ...` on the command line."""
    warnings.warn(text, Notice, stacklevel=2)


def announcement(text: str) -> None:
    """Say on stderr what takes its time. No warning: nothing is amiss, and nothing is to be made an error of."""
    print(f"mdmtheory: {text}", file=sys.stderr, flush=True)
