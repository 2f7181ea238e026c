"""Versions as they would be after a change of code."""

from __future__ import annotations

import pytest

from mdmtheory.sweeps import tasks


def raise_version(monkeypatch: pytest.MonkeyPatch, component: str, version: int) -> None:
    """A component, as `sampler stride`, says another version of itself until the test ends."""
    of_others = tasks.component_version

    def changed(kind: str, name: str, typed: str) -> int:
        return version if f"{kind} {name}" == component else of_others(kind, name, typed)

    monkeypatch.setattr(tasks, "component_version", changed)
