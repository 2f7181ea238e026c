"""One small sweep, measured once for all tests that look at a store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mdmtheory.sweeps import collect
from tests.once import made_once
from tests.sweeps.small import small_cells


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of `small_cells()`, to be copied and not to be changed."""

    def make(folder: Path) -> None:
        collect(small_cells(), out=folder / "store.sqlite", workers=1)

    return made_once(tmp_path_factory, "collected", make) / "store.sqlite"


@pytest.fixture
def store(collected: Path, tmp_path: Path) -> Path:
    """A copy of the collected store."""
    return Path(shutil.copy(collected, tmp_path / "store.sqlite"))
