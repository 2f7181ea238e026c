"""Long calls say how far they are, to whoever waits; what they compute does not know of it."""

from __future__ import annotations

import io
import re
import threading
from itertools import repeat

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core import long_calls
from mdmtheory.core.long_calls import LongCall, counted, counting, shows_progress, watched


class Clock:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that may be a terminal, and sets an event once a loop was told of."""

    def __init__(self, *, rewritable: bool) -> None:
        super().__init__()
        self.rewritable, self.told = rewritable, threading.Event()

    def isatty(self) -> bool:
        return self.rewritable

    def write(self, text: str) -> int:
        written = super().write(text)
        if "halves" in text:
            self.told.set()
        return written


def wait_until(told: threading.Event) -> bool:
    """In the end also where nothing is ever told."""
    return told.wait(60)


@pytest.fixture
def at_once(monkeypatch):
    """Nothing waits for the clock."""
    for name in ("LINE_EVERY", "FIRST_AFTER", "REWRITTEN_EVERY"):
        monkeypatch.setattr(long_calls, name, 1e-3)


def test_loops_say_how_much_is_done_and_how_long_the_rest_takes():
    now = Clock()
    call = LongCall(now)
    with watched(call, lambda _: None, repeat(1e6)):
        now.now = 10.0
        assert str(call) == "0:10"
        for outer in counted(range(4), "lengths"):
            now.now = 10.0 + 20.0 * outer
            if outer == 0:
                assert str(call) == "0:10, 0 of 4 lengths"
            if outer == 1:
                assert str(call) == "0:30, 1 of 4 lengths, about 1:00 left"
                with counting("steps", 8) as count:
                    count(4)
                    now.now = 40.0
                    assert str(call) == "0:40, 1 of 4 lengths, about 0:50 left"
                assert call.how_far == "1 of 4 lengths, about 1:30 left"
    assert call.how_far == ""


def test_a_loop_of_one_turn_and_a_loop_that_is_left_early_tell_nothing():
    call = LongCall()
    with watched(call, lambda _: None, repeat(1e6)):
        assert [call.how_far for _ in counted([1], "turns")] == [""]
        for _ in counted(range(3), "turns"):
            break
        with pytest.raises(ZeroDivisionError), counting("turns", 9):
            raise ZeroDivisionError
        assert call.how_far == ""


@shows_progress
def long(*, told, progress=None):
    for _ in counted(range(2), "halves"):
        assert wait_until(told)


def test_a_line_stands_on_stderr_where_that_is_no_terminal(at_once, monkeypatch):
    stream = Terminal(rewritable=False)
    monkeypatch.setattr("sys.stderr", stream)
    long(told=stream.told)
    lines = [line for line in stream.getvalue().splitlines() if "halves" in line]
    assert re.fullmatch(r"mdmtheory: mt\.long: \d+:\d\d, 0 of 2 halves", lines[0])


@pytest.mark.parametrize("wanted", [None, True])
def test_a_line_is_rewritten_on_a_terminal_and_erased_in_the_end(at_once, monkeypatch, wanted):
    stream = Terminal(rewritable=True)
    monkeypatch.setattr("sys.stderr", stream)
    long(told=stream.told, progress=wanted)
    written = stream.getvalue()
    assert re.search(r"\rmt\.long: \d+:\d\d, 0 of 2 halves *\r", written)
    assert "\n" not in written
    assert written.split("\r")[-2].strip() == ""


def test_progress_that_is_not_wanted_is_not_shown_and_a_call_inside_another_says_nothing(monkeypatch):
    begun = []
    monkeypatch.setattr(long_calls, "_is_rewritable", lambda: begun.append(1) or False)
    done = threading.Event()
    done.set()
    long(told=done, progress=False)
    assert begun == []

    @shows_progress
    def longer(*, progress=None):
        long(told=done, progress=True)

    longer()
    assert begun == [1]
    with pytest.raises(ValueError, match="progress is 'yes'; pass True, False"):
        long(told=done, progress="yes")


def test_no_thread_is_left_behind_also_by_a_call_that_fails(monkeypatch):
    before = threading.active_count()

    @shows_progress
    def failing(*, progress=None):
        assert threading.active_count() == before + 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert threading.active_count() == before


def test_where_no_thread_can_be_had_the_call_is_made_in_silence(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done = threading.Event()
    done.set()
    long(told=done)


def test_what_is_computed_does_not_depend_on_who_watches():
    q = mt.HMM.random(states=3, vocab_size=4, seed=0)
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler="confidence", steps=4)
    found = [mt.ser(p, q, 16, count=70, seed=1, progress=wanted, threads=2) for wanted in (None, True, False)]
    assert found[0] == found[1] == found[2]
    laws = [mt.exact.law(p, q, 3, progress=wanted) for wanted in (True, False)]
    assert np.array_equal(*laws)


def test_the_steps_of_a_sampler_are_counted_also_in_threads(monkeypatch):
    """By the first of the pieces, which is as long as the others."""
    seen = []

    def noting(items, what):
        for each in counted(items, what):
            seen.append(long_calls._RUNNING.get() is not None)
            yield each

    monkeypatch.setattr("mdmtheory.models.uniform.counted", noting)
    q = mt.NGram.random(order=2, vocab_size=3, seed=0)
    mt.ser(mt.UniformDiffusion(mt.Oracle(q), steps=3), q, 4, count=64, threads=2)
    assert set(seen) >= {True}


LONG = (
    "ser",
    "ter",
    "ter_ratio",
    "cross_entropy",
    "distances",
    "learning_error",
    "budget",
    "likelihood",
    "compare_schedules",
    "collect",
    "train",
)
EXACT = ("ser", "ser_curve", "law", "log_prob", "prompt_log_prob", "elbo", "joint", "first_order", "information_curve")
EXACT += ("kappa", "optimal_kappa", "growth_rate", "limit_curve", "first_order_density", "answer_curve")
EXACT += ("serial_depth", "adaptive_rounds")


def test_every_long_call_has_a_say_in_its_progress():
    from inspect import signature

    for name in LONG:
        assert "progress" in signature(getattr(mt, name)).parameters, name
    for name in EXACT:
        assert "progress" in signature(getattr(mt.exact, name)).parameters, name
    others = set(mt.exact.__all__) - set(EXACT)
    quick = {"all_sequences", "entropy_nats", "error_rate", "expected_nll", "enumerated_information_curve", "Curve"}
    quick |= {"KLParts", "kl_parts", "MeanRounds"}
    assert others == quick | {"dual_total_correlation", "s_information", "total_correlation"}


def test_a_sweep_counts_its_chunks(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(long_calls.LongCall, "enter", lambda self, what, total: told.append((what, total)) or _Deaf())
    monkeypatch.setattr(long_calls.LongCall, "leave", lambda self, loop: told.append(loop.done))
    cells = mt.cells("parity", length=64, steps=4, samples=2000, metrics="ser")
    mt.collect(cells, out=tmp_path / "a.sqlite", workers=2)
    assert told == [("chunks", 4), 4]
    told.clear()
    heard = []
    mt.collect(cells, out=tmp_path / "b.sqlite", workers=2, progress=heard.append)
    assert heard[-1].chunks_done == 4
    assert told == []


class _Deaf:
    done = 0.0
