"""Work is split over threads where the system gives them, and done all the same where it does not."""

from __future__ import annotations

import threading

import pandas as pd
import pytest

import mdmtheory as mt
from mdmtheory.core.threads import over_rows

refutes = pytest.mark.refutes("5.2")


@pytest.fixture(params=[0, 1])
def few_threads(request, monkeypatch):
    """The system gives none, or one."""
    left = [request.param]
    start = threading.Thread.start

    def start_if_any(self: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(self)

    monkeypatch.setattr(threading.Thread, "start", start_if_any)


@refutes
def test_every_row_is_done_once_with_however_few_threads(few_threads):
    done: list[int] = []
    over_rows(lambda a, b: done.extend(range(a, b)), 11, threads=4)
    assert sorted(done) == list(range(11))


@pytest.mark.parametrize("bad", [0, 3, 10])
def test_what_any_piece_raises_is_raised(bad):
    def work(a: int, b: int) -> None:
        if a <= bad < b:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        over_rows(work, 11, threads=4)


@refutes
def test_a_sweep_goes_on_with_however_few_threads_and_gives_the_same(few_threads, tmp_path, monkeypatch):
    chosen = mt.cells("parity", length=8, steps="2,4", samples=400, metrics="ser,ter")

    def rows(name: str, workers: int) -> pd.DataFrame:
        return mt.collect(chosen, out=tmp_path / name, workers=workers).drop(columns=["seconds", "date"])

    with pytest.warns(UserWarning, match="no more threads"):
        found = rows("few.sqlite", 3)
    monkeypatch.undo()
    assert found.equals(rows("one.sqlite", 1))
