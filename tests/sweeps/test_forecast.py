from __future__ import annotations

import pytest

from mdmtheory.sweeps import forecast
from mdmtheory.sweeps.store import load
from tests.sweeps.small import one_line, small_cells


def test_a_forecast_counts_what_is_stored_and_missing_and_writes_nothing(store):
    before = store.read_bytes()
    expected = forecast(small_cells(samples=400), store)
    assert [(each.stored_chunks, each.missing_chunks) for each in expected.cells] == [(8, 6)] * 4
    assert [(each.stored_sequences, each.missing_sequences) for each in expected.cells] == [(512, 384)] * 4
    assert store.read_bytes() == before
    assert [each.name for each in store.parent.iterdir()] == [store.name]


def test_stored_seconds_tell_the_time(store):
    expected = forecast(small_cells(samples=400, sampler="stride", steps=64), store, probe=False)
    [only] = expected.cells
    seconds = [
        sum(chunk.seconds for chunk in stored.chunks)
        for stored in load(store).tasks.values()
        if (stored.task.names["sampler"], stored.task.description["steps"]) == ("stride", 64)
    ]
    assert only.source == "stored"
    assert only.seconds == pytest.approx(sum(seconds) * 3 / 4)
    assert expected.seconds(2) == pytest.approx(sum(seconds) * 3 / 8)


def test_a_cell_like_a_stored_one_takes_as_long(store):
    [only] = forecast(small_cells(steps=16, sampler="ancestral"), store, probe=False).cells
    assert only.source == "stored"
    assert only.seconds is not None


def test_a_finished_cell_takes_no_time(store):
    expected = forecast(small_cells(), store)
    assert {(each.missing_chunks, each.seconds, each.source) for each in expected.cells} == {(0, 0.0, "nothing to do")}
    assert expected.seconds(2) == 0


def test_without_a_store_the_time_is_unknown_or_measured(tmp_path):
    cells = small_cells(samples=100)
    expected = forecast(cells, tmp_path / "none.sqlite", probe=False)
    assert {(each.seconds, each.source) for each in expected.cells} == {(None, "unknown")}
    assert expected.seconds(1) is None
    expected = forecast(cells, tmp_path / "none.sqlite")
    assert {each.source for each in expected.cells} == {"measured"}
    assert all(each.seconds is not None and each.seconds > 0 for each in expected.cells)
    assert list(tmp_path.iterdir()) == []


def test_a_task_of_two_cells_is_paid_for_once(tmp_path):
    cells = [*small_cells(steps=64, sampler="stride"), *small_cells(steps=64, sampler="stride", samples=100)]
    first, second = forecast(cells, tmp_path / "none.sqlite").cells
    assert first.seconds
    assert second.seconds == 0


def test_errors_reached_are_nothing_to_do(tmp_path):
    from mdmtheory.sweeps import collect

    cells = small_cells(steps=4, sampler="ancestral", metrics="ser", samples=1000, max_errors=30)
    collect(cells, out=tmp_path / "store.sqlite")
    [only] = forecast(cells, tmp_path / "store.sqlite", probe=False).cells
    assert (only.stored_chunks, only.missing_chunks, only.source) == (1, 0, "nothing to do")


def test_bad_cells_and_stores_are_refused(tmp_path):
    (tmp_path / "text").write_text("no store")
    with pytest.raises(ValueError, match="not a store") as caught:
        forecast(small_cells(), tmp_path / "text")
    one_line(caught.value)
    with pytest.raises(ValueError, match="states is 0"):
        forecast(small_cells(lang="hmm:states=0"), tmp_path / "none.sqlite")
