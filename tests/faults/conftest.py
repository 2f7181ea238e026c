"""One host for all fault tests of a worker, and the sweep that they disturb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.host import Host
from tests.faults.judging import Whole
from tests.faults.shim import built_shim


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def host(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with Host(shim, tmp_path_factory.mktemp("host")) as host:
        yield host


@pytest.fixture(scope="session")
def whole(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole.measured(host, tmp_path_factory.mktemp("whole") / "store.sqlite")
