"""Modules that tests write and import: the next test, which may have another of the same name, finds none of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Set as AbstractSet
from pathlib import Path


def forget_modules(folder: Path, known: AbstractSet[str] = frozenset()) -> None:
    """Forget what was imported from a folder or below, as a new process has; those `known` are not looked at."""
    for name in sys.modules.keys() - known:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(f"{folder}{os.sep}"):
            del sys.modules[name]
