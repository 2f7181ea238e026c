from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mdmtheory.metrics.sums import Sums
from mdmtheory.sweeps import Progress, cells, collect, read
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.chunks import Chunk, total
from mdmtheory.sweeps.executors import worker_count
from mdmtheory.sweeps.passes import Pass
from mdmtheory.sweeps.store import load
from tests.sweeps.small import LANGUAGE, one_line, rows_of, small_cells


class NewestFirst:
    """An executor that computes what was asked for last, so that chunks arrive out of order."""

    workers = 3

    def open(self, passes: Any) -> None:
        self._passes = passes
        self._asked: list[tuple[Future[list[Chunk]], tuple[Any, ...]]] = []
        self._waiting = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        self.order: list[int] = []

    def submit(self, number: int, index: int, wanted: tuple[int, ...]) -> Future[list[Chunk]]:
        future: Future[list[Chunk]] = Future()
        with self._waiting:
            self._asked.append((future, (number, index, wanted)))
            self._waiting.notify()
        return future

    def stop(self) -> None:
        for future, _ in self._asked:
            future.cancel()

    def close(self, *, wait: bool = True) -> None:
        with self._waiting:
            self._open = False
            self._waiting.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._waiting:
                self._waiting.wait_for(lambda: self._asked or not self._open)
                if not self._asked:
                    return
                future, (number, index, wanted) = self._asked.pop()
            if future.set_running_or_notify_cancel():
                self.order.append(index)
                future.set_result(self._passes[number].compute(index, wanted))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """What is computed: the first wanted task of a pass, the chunk, and how many tasks it is for."""
    found: list[tuple[str, int, int]] = []
    genuine = Pass.compute

    def noting(self: Pass, index: int, wanted: Any) -> list[Chunk]:
        result = genuine(self, index, wanted)
        found.append((self.tasks[wanted[0]].measure, index, len(wanted)))
        return result

    monkeypatch.setattr(Pass, "compute", noting)
    return found


def without_seconds(frame: Any) -> Any:
    return frame.drop(columns=["seconds", "date"])


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_gives_the_same_bits(workers, collected, tmp_path):
    frame = collect(small_cells(), out=tmp_path / "store.sqlite", workers=workers)
    assert rows_of(tmp_path / "store.sqlite") == rows_of(collected)
    assert without_seconds(frame).equals(without_seconds(read(collected)))


def test_chunks_that_arrive_out_of_order_are_written_in_order(collected, tmp_path):
    executor = NewestFirst()
    collect(small_cells(), out=tmp_path / "store.sqlite", executor=executor)
    assert executor.order != sorted(executor.order)
    assert rows_of(tmp_path / "store.sqlite") == rows_of(collected)


def test_counts_are_those_of_the_metrics_on_the_same_sequences(collected):
    from mdmtheory.metrics.measure import Sequences
    from mdmtheory.metrics.registry import measures

    built = {(cell.sampler, cell.steps): Builder().build(cell) for cell in small_cells()}
    for stored in load(collected).tasks.values():
        language, model = built[stored.task.names["sampler"], stored.task.description["steps"]]
        [sums] = measures()[stored.task.measure].count([model], Sequences(language, 512, 0, 0, 256))
        assert dict(total(stored.chunks)) == pytest.approx(dict(sums), rel=1e-12, abs=1e-9)


def test_150_sequences_and_then_300_are_300(tmp_path):
    given = {"steps": 16, "sampler": "ancestral"}
    collect(small_cells(**given, samples=150), out=tmp_path / "twice.sqlite")
    first = rows_of(tmp_path / "twice.sqlite")
    collect(small_cells(**given, samples=300), out=tmp_path / "twice.sqlite")
    collect(small_cells(**given, samples=300), out=tmp_path / "once.sqlite")
    once = rows_of(tmp_path / "once.sqlite")
    assert len(first) == 2 * 3
    assert len(once) == 2 * 5
    assert set(first) < set(once)
    assert rows_of(tmp_path / "twice.sqlite") == once
    frame = read(tmp_path / "twice.sqlite").set_index("metric")
    assert set(frame.loc[["ser", "ter", "ter_ratio"], "count"]) == {5 * 64}
    assert 0 < frame.loc["cross_entropy", "count"] < 5 * 64


def test_a_second_run_computes_nothing_and_a_smaller_one_shows_all_there_is(store, computed):
    before = store.read_bytes()
    frame = collect(small_cells(), out=store)
    assert computed == []
    assert store.read_bytes() == before
    assert frame.equals(read(store))
    smaller = collect(small_cells(samples=10), out=store)
    assert set(smaller["count"][smaller["metric"] != "cross_entropy"]) == {256}


def test_only_what_is_missing_is_computed(store, computed):
    # Two more chunks of three of the four cells, one more of the other, and a cell that is new.
    collect([*small_cells(samples=330), *small_cells(steps=16, sampler="ancestral", samples=100)], out=store)
    scores = [each for each in computed if each[0] == "score"]
    # Chunks 0 and 1 are missing of the new cell alone; 4 and 5 of the two old ones on the same information curve.
    assert sorted(scores) == [
        *[("score", 0, 1), ("score", 1, 1)],
        *[("score", 4, 1), ("score", 4, 1), ("score", 4, 2)],
        *[("score", 5, 1), ("score", 5, 1), ("score", 5, 2)],
    ]
    assert sorted(each for each in computed if each[0] == "draw") == [
        *[("draw", 0, 1), ("draw", 1, 1)],
        *[("draw", 4, 1)] * 4,
        *[("draw", 5, 1)] * 4,
    ]


def test_one_pass_prices_every_cell_of_an_information_curve(tmp_path, computed):
    given = {"lang": LANGUAGE, "steps": "4,16,64", "schedule": "linear,cosine", "samples": 60, "metrics": "ter"}
    collect(cells(**given), out=tmp_path / "together.sqlite")
    assert computed == [("score", 0, 6)]
    for cell in cells(**given):
        collect([cell], out=tmp_path / "alone.sqlite")
    assert len(computed) == 7
    assert rows_of(tmp_path / "together.sqlite") == rows_of(tmp_path / "alone.sqlite")


def test_cells_that_differ_in_seed_length_denoiser_or_language_share_no_pass(tmp_path, computed):
    given = {"lang": LANGUAGE, "steps": 4, "samples": 10, "metrics": "ter", "length": 64}
    several = [
        *cells(**given, seed="0,1"),
        *cells(**{**given, "length": 128}),
        *cells(**given, denoiser="perturbed:epsilon=0.1"),
        *cells(**{**given, "lang": "hmm:states=4"}),
    ]
    collect(several, out=tmp_path / "store.sqlite")
    assert [each[2] for each in computed] == [1] * 5


@pytest.fixture(scope="module")
def unstopped(tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """The errors in each chunk of a cell that nothing stops."""
    path = tmp_path_factory.mktemp("unstopped") / "store.sqlite"
    collect(small_cells(steps=64, samples=1000, metrics="ser", sampler="ancestral"), out=path)
    [stored] = load(path).tasks.values()
    return [chunk.sums["errors"] for chunk in stored.chunks]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_errors_stop_a_cell_at_the_first_prefix_that_reaches_them(workers, tmp_path, computed, unstopped):
    stopping = small_cells(steps=64, samples=3000, metrics="ser", sampler="ancestral", max_errors=40)
    frame = collect(stopping, out=tmp_path / "store.sqlite", workers=workers)
    [stored] = load(tmp_path / "store.sqlite").tasks.values()
    expected = next(n for n in range(1, len(unstopped) + 1) if sum(unstopped[:n]) >= 40)
    assert [chunk.sums["errors"] for chunk in stored.chunks] == unstopped[:expected]
    assert 2 < expected < len(unstopped)
    # What was computed beyond the stop is what was in hand when it was reached.
    assert len(computed) <= expected + 2 * workers
    [row] = frame.to_dict("records")
    assert row["count"] == 64 * expected
    assert row["value"] == sum(unstopped[:expected]) / row["count"]
    assert row["low"] < sum(unstopped) / (64 * len(unstopped)) < row["high"]
    again = len(computed)
    assert collect(stopping, out=tmp_path / "store.sqlite").equals(frame)
    assert len(computed) == again


def test_a_chunk_that_is_late_does_not_let_the_others_run_on(tmp_path, unstopped):
    executor = NewestFirst()
    stopping = small_cells(steps=64, samples=3000, metrics="ser", sampler="ancestral", max_errors=40)
    collect(stopping, out=tmp_path / "store.sqlite", executor=executor)
    [stored] = load(tmp_path / "store.sqlite").tasks.values()
    assert [chunk.sums["errors"] for chunk in stored.chunks] == unstopped[: len(stored.chunks)]
    assert len(executor.order) <= len(stored.chunks) + 2 * executor.workers


def test_the_cap_holds_where_errors_do_not_come(tmp_path):
    frame = collect(
        small_cells(steps=64, samples=200, sampler="stride", metrics="ser", max_errors=5), out=tmp_path / "s"
    )
    assert list(frame["count"]) == [256]
    # The interval is the anytime-valid one, whatever stopped the drawing.
    fixed = collect(small_cells(steps=64, samples=200, sampler="stride", metrics="ser"), out=tmp_path / "s")
    assert fixed["high"].item() < frame["high"].item()


class Stop(Exception):
    pass


def raising(error: BaseException, after: int) -> Iterator[None]:
    for _ in range(after):
        yield
    raise error


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stop()])
def test_an_interrupted_sweep_keeps_what_is_finished_and_goes_on(
    error, after, tmp_path, computed, collected, monkeypatch
):
    monkeypatch.setattr("mdmtheory.sweeps.progress.Reporter.SECONDS", 0.0)
    calls = raising(error, after)
    with pytest.raises(type(error)):
        collect(small_cells(), out=tmp_path / "store.sqlite", workers=2, progress=lambda _: next(calls))
    assert len(rows_of(tmp_path / "store.sqlite")) == sum(count for _, _, count in computed)
    assert set(rows_of(tmp_path / "store.sqlite")) < set(rows_of(collected))
    collect(small_cells(), out=tmp_path / "store.sqlite", workers=2)
    assert rows_of(tmp_path / "store.sqlite") == rows_of(collected)
    assert [each.name for each in tmp_path.iterdir()] == ["store.sqlite"]


@pytest.mark.parametrize("signals", [1, 2, 20])
def test_ctrl_c_while_workers_compute(signals, tmp_path, collected, monkeypatch):
    genuine = Pass.compute
    count = 0

    def interrupting(self: Pass, index: int, wanted: Any) -> list[Chunk]:
        nonlocal count
        count += 1
        if 4 <= count < 4 + signals:
            signal.raise_signal(signal.SIGINT)
        return genuine(self, index, wanted)

    monkeypatch.setattr(Pass, "compute", interrupting)
    with pytest.raises(KeyboardInterrupt):
        collect(small_cells(), out=tmp_path / "store.sqlite", workers=1)
    found = rows_of(tmp_path / "store.sqlite")
    assert set(found) < set(rows_of(collected))
    assert len(found) >= 3
    assert count <= 4 + 2, "nothing is begun after Ctrl-C but what was in hand"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.undo()
    collect(small_cells(), out=tmp_path / "store.sqlite")
    assert rows_of(tmp_path / "store.sqlite") == rows_of(collected)


def test_ctrl_c_in_the_last_chunk_is_not_lost(tmp_path, monkeypatch):
    genuine = Pass.compute

    def interrupting(self: Pass, index: int, wanted: Any) -> list[Chunk]:
        signal.raise_signal(signal.SIGINT)
        return genuine(self, index, wanted)

    monkeypatch.setattr(Pass, "compute", interrupting)
    with pytest.raises(KeyboardInterrupt):
        collect(small_cells(steps=4, sampler="stride", metrics="ser", samples=1), out=tmp_path / "store.sqlite")
    assert len(rows_of(tmp_path / "store.sqlite")) == 1


def test_a_model_that_fails_is_not_hidden_and_what_else_is_finished_is_kept(tmp_path, monkeypatch, computed):
    genuine = Pass.compute

    def failing(self: Pass, index: int, wanted: Any) -> list[Chunk]:
        if index == 2:
            raise Stop("chunk 2 cannot be computed")
        return genuine(self, index, wanted)

    monkeypatch.setattr(Pass, "compute", failing)
    with pytest.raises(Stop, match="chunk 2"):
        collect(small_cells(), out=tmp_path / "store.sqlite", workers=2)
    # What came after the chunk that failed is not kept: chunks of a task are a prefix. Others may have been begun.
    kept: dict[str, list[int]] = {}
    for task, index, *_ in rows_of(tmp_path / "store.sqlite"):
        kept.setdefault(task, []).append(index)
    assert [0, 1] in kept.values()
    assert all(found == list(range(len(found))) and len(found) <= 2 for found in kept.values())
    assert len(computed) >= 2


def test_a_score_that_is_not_a_number_is_refused(collected):
    chunk = next(iter(load(collected).tasks.values())).chunks[0]
    with pytest.raises(ValueError, match="gap of chunk 0 is not a number") as caught:
        replace(chunk, sums=Sums(chunk.sums, gap=float("nan")))
    one_line(caught.value)


def test_progress_ends_with_everything_done(tmp_path, monkeypatch):
    monkeypatch.setattr("mdmtheory.sweeps.progress.Reporter.SECONDS", 0.0)
    seen: list[Progress] = []
    collect(small_cells(), out=tmp_path / "store.sqlite", workers=2, progress=seen.append)
    last = seen[-1]
    assert (last.cells_done, last.cells_total, last.chunks_done, last.chunks_total) == (4, 4, 32, 32)
    assert last.seconds_left == 0
    assert last.sequences == 64 * 28, "the two cells on one information curve are scored once"
    assert last.sequences_per_second > 0
    assert last.widest_interval is not None
    assert 0.05 < last.widest_interval < 0.2
    measuring = [each for each in seen if not each.compiling]
    assert all(a.chunks_done <= b.chunks_done and a.sequences <= b.sequences for a, b in pairwise(measuring))
    assert any(each.seconds_left for each in measuring)


def test_progress_counts_what_was_stored(store):
    seen: list[Progress] = []
    collect(small_cells(), out=store, progress=seen.append)
    assert [(each.chunks_done, each.sequences, each.seconds_left) for each in seen] == [(32, 0, 0.0)]


def test_compiling_is_told_once_and_before_anything_is_measured(tmp_path, monkeypatch):
    from mdmtheory.kernels.compiling import about_to_compile
    from mdmtheory.sweeps import progress

    seen: list[Progress] = []
    genuine = Pass.count

    def compiling(self: Pass, first: int, count: int, wanted: Any) -> Any:
        if count == 1:
            about_to_compile("chain_plans.run_chain_plans")
        return genuine(self, first, count, wanted)

    monkeypatch.setattr(progress.Reporter, "SECONDS", 0.0)
    monkeypatch.setattr(Pass, "count", compiling)
    collect(small_cells(), out=tmp_path / "store.sqlite", progress=seen.append)
    assert sum(bool(each.compiling) for each in seen) == 1
    assert "compiling kernels" in seen[0].compiling
    assert seen[0].sequences == 0


def test_a_file_names_a_language_as_its_spec_does(tmp_path, collected, store, computed):
    from mdmtheory.languages.presets import as_language

    path = tmp_path / "mine.npz"
    as_language(LANGUAGE).save(path)
    collect(small_cells(lang=str(path)), out=store)
    assert computed == [], "the digest decides, not the name"
    assert rows_of(store) == rows_of(collected)


@pytest.mark.parametrize("workers", [0, -1, "0", "many", "1.5", True, 10**6])
def test_bad_numbers_of_workers(workers, tmp_path):
    with pytest.raises(ValueError, match="workers") as caught:
        collect(small_cells(), out=tmp_path / "store.sqlite", workers=workers)
    one_line(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_numbers_of_workers():
    assert worker_count("auto") >= 1
    assert worker_count("2") == worker_count(2) == 2


def test_no_cells_and_a_level_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="no cells"):
        collect([], out=tmp_path / "store.sqlite")
    with pytest.raises(ValueError, match="level is 1"):
        collect(small_cells(), out=tmp_path / "store.sqlite", level=1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_in_a_folder_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    collect(small_cells(steps=4, samples=10), out="new/folder/store.sqlite")
    assert len(read(Path("new/folder/store.sqlite"))) == 8
