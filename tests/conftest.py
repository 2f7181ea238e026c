"""Shapes are checked while the tests run, and random examples are the same in every run."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import checking
from tests.modules import forget_modules

# Before torch or numpy is imported: their threads would take the processors that other tests have, and idle ones spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Checkpoints are made by the tests: no hub is asked, whatever is tried, and nobody's cache is looked into.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = str(Path(tempfile.gettempdir()) / "mdmtheory-tests-hub")

PACKAGE = Path(__file__).parent.parent / "mdmtheory"

# The hook wraps every function, which numba cannot compile, so `kernels` is left out. So is `cli`: it has no arrays,
# and typer hands its verbs a context of another class than the one that it has them declare.
CHECKED = sorted(
    f"{PACKAGE.name}.{path.stem}"
    for path in PACKAGE.iterdir()
    if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem not in ("__init__", "kernels", "cli")
)

# Before any test module imports the package: what is imported already is not checked.
checking.install(CHECKED)


@pytest.fixture(scope="session", autouse=True)
def _one_thread_unless_told() -> Iterator[None]:
    """To start threads takes many times as long as to fill the small arrays of a test; who tests threads says how many.

    A new thread, and so a worker of a sweep, does not inherit it.
    """
    from mdmtheory.core.threads import within

    with within(1):
        yield


@pytest.fixture(autouse=True)
def _modules_of_a_test_are_forgotten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    known = set(sys.modules)
    yield
    forget_modules(tmp_path_factory.getbasetemp(), known)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What a test refutes goes into its report, where tests/refutations.py reads it."""
    for mark in item.iter_markers("refutes"):
        item.user_properties.append(("refutes", mark.args[0]))


settings.register_profile(
    "ci", derandomize=True, max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", parent=settings.get_profile("ci"), derandomize=False, max_examples=1000)
# Other examples each time, so many that all statements together take about six minutes of two processors.
settings.register_profile("checks", parent=settings.get_profile("thorough"), max_examples=800)
settings.load_profile("ci")
