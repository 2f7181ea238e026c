"""A module in the current folder that leaves a mark when it is imported or when anything of it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

_MODULE = """
from pathlib import Path

Path({mark!r}).touch()


class Trap:
    def __init__(self, *arguments, **options):
        Path({mark!r}).touch()

    from_parameters = classmethod(lambda cls, *arguments: cls())
"""
_GROUPS = ("kind of languages", "languages", "models", "denoisers", "samplers", "schedules")


def trap(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set `trap:Trap` and entry points `sprung` in a folder, which becomes the current one; gives the mark's path."""
    mark = folder / "mark"
    (folder / "trap.py").write_text(_MODULE.format(mark=str(mark)))
    info = folder / "trap-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trap\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("".join(f"[mdmtheory.{each}]\nsprung = trap:Trap\n" for each in _GROUPS))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    return mark
