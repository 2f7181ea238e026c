from __future__ import annotations

import threading
from typing import Any

import pytest

from mdmtheory.sweeps import Cell, cells, collect, forecast
from mdmtheory.sweeps.executors import DeviceExecutor, Executor, ThreadExecutor
from mdmtheory.sweeps.lanes import lanes_of
from mdmtheory.sweeps.passes import Pass
from mdmtheory.sweeps.schema import Contents
from mdmtheory.sweeps.store import load
from mdmtheory.sweeps.work import Work
from tests.sweeps import slow
from tests.sweeps.small import LANGUAGE, rows_of

SLOW, ELSEWHERE = "tests.sweeps.slow:Slow", "tests.sweeps.slow:Elsewhere"


def mixed_cells(denoiser: str = f"oracle,{SLOW}", **changed: Any) -> list[Cell]:
    given = {"steps": "2,4", "sampler": "confidence", "length": 16, "samples": 10, "metrics": "ser", **changed}
    return cells(LANGUAGE, denoiser=denoiser, **given)


@pytest.fixture
def canvases(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The thread and the number of sequences of each canvas of the slow denoiser."""
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(slow, "opened", found)
    return found


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, threading.Thread]]:
    """The device and the thread of each chunk."""
    found: list[tuple[str | None, threading.Thread]] = []
    genuine = Pass.compute

    def noting(self: Pass, index: int, wanted: Any) -> Any:
        found.append((self.device, threading.current_thread()))
        return genuine(self, index, wanted)

    monkeypatch.setattr(Pass, "compute", noting)
    return found


def test_each_device_has_one_worker_and_what_may_be_split_has_the_threads(tmp_path, computed):
    collect(mixed_cells(f"oracle,{SLOW},{ELSEWHERE}"), out=tmp_path / "store.sqlite", workers=3)
    by_device = {
        device: {thread for other, thread in computed if other == device} for device in (None, "other:0", "other:1")
    }
    assert len(computed) == 2 + 2 * 3 + 2 * 3
    assert [len(by_device[device]) for device in ("other:0", "other:1")] == [1, 1]
    assert by_device[None]
    assert not by_device["other:0"] & by_device["other:1"]
    assert not by_device[None] & (by_device["other:0"] | by_device["other:1"])


def test_a_batch_is_what_was_asked_for_and_never_one(tmp_path, canvases):
    collect(mixed_cells(SLOW, metrics="ser,ter"), out=tmp_path / "store.sqlite", workers=2)
    assert {count for _, count in canvases} == {slow.BATCH}
    chunks = [chunk for stored in load(tmp_path / "store.sqlite").tasks.values() for chunk in stored.chunks]
    assert len(chunks) == 4 * 3
    assert {chunk.sums["sequences"] for chunk in chunks} == {slow.BATCH}


@pytest.mark.parametrize("workers", [2, 3])
def test_a_mixed_sweep_gives_the_same_bits_with_any_number_of_workers(workers, tmp_path):
    for name, count in (("one", 1), ("more", workers)):
        collect(mixed_cells(metrics="ser,ter"), out=tmp_path / name, workers=count)
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "more")


def test_an_executor_of_ones_own_gets_all_passes(tmp_path, computed):
    collect(mixed_cells(), out=tmp_path / "store.sqlite", executor=ThreadExecutor(1))
    assert {device for device, _ in computed} == {None, "other:0"}
    assert len({thread for _, thread in computed}) == 1


def test_passes_are_placed_by_device_and_batch():
    work = Work.of(mixed_cells(f"oracle,{SLOW},{ELSEWHERE}"))
    work.resume(Contents())
    lanes = lanes_of(work.passes, 5)
    assert [repr(lane.executor) for lane in lanes[1:]] == ["DeviceExecutor('other:0')", "DeviceExecutor('other:1')"]
    assert [lane.executor.workers for lane in lanes] == [5, 1, 1]
    assert [len(lane.passes) for lane in lanes] == [2, 2, 2]
    assert isinstance(DeviceExecutor("cpu"), Executor)


def test_a_device_takes_its_time_however_many_threads_there_are(tmp_path):
    expected = forecast(mixed_cells(), tmp_path / "store.sqlite")
    threads, devices = (
        sum(each.seconds for each in expected.cells if (each.device is None) == split) for split in (True, False)
    )
    assert [each.device for each in expected.cells] == [None, None, "other:0", "other:0"]
    assert expected.seconds(1) == max(threads, devices)
    assert expected.seconds(10**6) == devices
