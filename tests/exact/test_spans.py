"""SER by recursion over spans, against enumeration and against values that other programs computed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.exact import spans
from mdmtheory.exact.bigrams import initial_and_transition
from mdmtheory.exact.spans import open_values, span_tables
from mdmtheory.schedules import Schedule
from tests.exact.bigrams import CHAINS, GOLDEN_CHAIN, GROWTH, GROWTH_CHAIN, fractions, recursion_languages

REFERENCE = json.loads((Path(__file__).parent / "reference.json").read_text())


def enumerated(language, length, schedule, steps=None):
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=steps, schedule=schedule)
    return mt.exact.error_rate(mt.exact.law(model, language, length, threads=1), mt.exact.joint(language, length))


@given(language=recursion_languages(), length=st.integers(1, 5), edges=fractions())
def test_every_length_is_its_enumeration(language, length, edges):
    curve = mt.exact.ser_curve(language, length, schedule=edges)
    expected = [enumerated(language, each, edges) for each in range(1, length + 1)]
    np.testing.assert_allclose(curve, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize(
    ("schedule", "steps"), [("linear", 4), ("cosine", 3), ("polynomial:power=2", 5), ("geometric", 6)]
)
def test_every_family_of_schedules(name, schedule, steps):
    value = mt.exact.ser(CHAINS[name], 6, steps=steps, schedule=schedule)
    assert value.kind == "exact"
    assert float(value) == pytest.approx(enumerated(CHAINS[name], 6, schedule, steps), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", [each for each in REFERENCE if each.startswith("bigram3")])
def test_the_reference_values(name):
    entry = REFERENCE[name]
    language = mt.NGram(entry["language"]["initial"], entry["language"]["conditional"])
    value = mt.exact.ser(language, entry["length"], schedule=entry["revealed_fractions"])
    assert float(value) == pytest.approx(entry["sequence_error_rate"], rel=1e-12)


@pytest.mark.parametrize("case", GROWTH["cases"], ids=lambda case: str(case["steps"]))
def test_the_growth_chain(case):
    curve = mt.exact.ser_curve(GROWTH_CHAIN, 512, steps=case["steps"])
    assert curve.shape == (512,)
    for length in (8, 48, 512):
        assert curve[length - 1] == pytest.approx(case[f"ser_length_{length}"], abs=1e-11)


@pytest.mark.parametrize("case", GROWTH["golden_chain"]["cases"], ids=lambda case: str(case["steps"]))
def test_the_golden_chain(case):
    curve = mt.exact.ser_curve(GOLDEN_CHAIN, 12, steps=case["steps"])
    assert [curve[4], curve[11]] == pytest.approx([case["ser_length_5"], case["ser_length_12"]], abs=2e-12)


def test_sizes_count_by_their_fractions():
    sizes = Schedule.from_sizes([1, 2, 5])
    expected = mt.exact.ser(GOLDEN_CHAIN, 7, schedule=[0, 1 / 8, 3 / 8, 1])
    assert float(mt.exact.ser(GOLDEN_CHAIN, 7, schedule=sizes)) == pytest.approx(float(expected), rel=1e-14)


def open_curve(language, length, edges, errors, **changes):
    widths = np.full(len(edges) - 1, length)
    tables, doubtful = span_tables(*initial_and_transition(language)[:2], length, widths, errors=errors)
    assert not doubtful.any()
    return open_values(tables._replace(**changes), np.array(edges, dtype=float), widths)


@pytest.mark.parametrize("name", ["growth", "unstationary", "periodic", "leaky"])
def test_ends_out_of_sight_change_nothing(name):
    length, edges = 180, np.linspace(0, 1, 4)
    language = CHAINS[name]
    tables, _ = span_tables(*initial_and_transition(language)[:2], length, np.full(3, length), errors=True)
    assert tables.narrow.min() < length
    full = np.full_like(tables.narrow, length)
    for errors in (True, False):
        fast = open_curve(language, length, edges, errors)
        np.testing.assert_allclose(fast, open_curve(language, length, edges, errors, narrow=full), rtol=1e-11)
    # The twin that must fail: ends that are taken to be out of sight too soon.
    near = {"narrow": np.minimum(tables.narrow, 6), "tails": np.minimum(tables.tails, 3)}
    assert np.abs(open_curve(language, length, edges, True, **near) - fast).max() > 1e-6


@pytest.mark.parametrize("name", CHAINS)
def test_wrong_and_right_make_one(name):
    edges = [0, 0.2, 0.5, 0.55, 1]
    wrong, right = (open_curve(CHAINS[name], 40, edges, errors) for errors in (True, False))
    np.testing.assert_allclose(wrong + right, 1, rtol=1e-13)


@pytest.mark.parametrize("name", ["growth", "adrift", "parted", "leaky"])
@pytest.mark.parametrize("block", [None, 60])
def test_wide_spans_that_late_steps_hardly_find_change_nothing(name, block, monkeypatch):
    language, options = CHAINS[name], {"steps": 9, "block": block, "threads": 1}
    fast = mt.exact.ser_curve(language, 120, **options)
    widths = spans.found_widths(np.linspace(0, 1, 10), 120, block or 120)
    assert widths.min() < 40 < widths.max()
    monkeypatch.setattr(spans, "LEFT_OUT", 0.0)
    full = mt.exact.ser_curve(language, 120, **options)
    np.testing.assert_allclose(fast, full, rtol=1e-15)
    # The twin that must fail: spans are left out that are found.
    monkeypatch.setattr(spans, "LEFT_OUT", 1e-3)
    monkeypatch.setattr(spans, "UNFELT", 1.0)
    assert np.abs(mt.exact.ser_curve(language, 120, **options) - full).max() > 1e-9


def test_what_was_left_out_is_computed_where_an_error_rate_is_so_small_that_it_would_tell():
    # One pair in 10^20 is wrong: narrow spans alone would do, but nothing says so beforehand.
    rare = mt.NGram([1 - 1e-13, 1e-13], [[1 - 1e-13, 1e-13], [1.0, 0.0]])
    asked = []
    kept = spans._rates
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "_rates", lambda *given: asked.append(given[2].tolist()) or kept(*given))
        curve = mt.exact.ser_curve(rare, 200, schedule=[0, 0.01, 0.5, 1], threads=1)
    assert 0 < curve[-1] < 1e-20
    assert [min(each) for each in asked] == [min(asked[0]), 200]
    assert min(asked[0]) < 200


def test_small_error_rates_keep_their_digits():
    # First order: N SER -> 1.0191554711, checked by enumeration; docs/theory.md, 5.
    language = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]])
    steps = 4096
    rates = np.array(
        [float(mt.exact.ser(language, 5, schedule=np.linspace(0, 1, n + 1))) * n for n in (steps, 2 * steps)]
    )
    assert 2 * rates[1] - rates[0] == pytest.approx(1.0191554711, abs=2e-6)
    # A tiny error rate itself: it takes an unlikely token first, and an impossible one with it.
    rare = mt.NGram([1 - 1e-13, 1e-13], [[0.5, 0.5], [1.0, 0.0]])
    curve = mt.exact.ser_curve(rare, 2, schedule=[0, 0.01, 1])
    model = mt.MaskedDiffusion(mt.Oracle(rare), sampler="ancestral", schedule=[0, 0.01, 1])
    law = mt.exact.law(model, rare, 2)
    assert curve[1] == pytest.approx(law[1, 1], rel=1e-12)
    assert 0 < curve[1] < 1e-13


def test_independent_tokens_are_never_wrong():
    assert mt.exact.ser_curve(mt.NGram(1.0, [0.2, 0.0, 0.8]), 6, steps=2).tolist() == [0.0] * 6


@pytest.mark.parametrize(
    "language", [mt.Parity(), mt.EqualPairs(vocab_size=2), mt.as_language("hmm")], ids=lambda each: each.kind
)
def test_other_languages_are_enumerated_while_that_is_feasible(language):
    if language.kind == "hmm":
        language = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])
    curve = mt.exact.ser_curve(language, 5, steps=3, schedule="cosine")
    assert curve[-1] == float(mt.exact.ser(language, 5, steps=3, schedule="cosine"))
    np.testing.assert_allclose(curve, [enumerated(language, each, "cosine", 3) for each in range(1, 6)], rtol=1e-14)
    with pytest.raises(ValueError, match="is no bigram, so that its law is enumerated: enumerating .* takes"):
        mt.exact.ser_curve(language, 64, steps=3)


def test_the_number_of_threads_changes_nothing():
    curves = [mt.exact.ser_curve(GROWTH_CHAIN, 120, steps=3, threads=threads) for threads in (1, 2, 3)]
    np.testing.assert_array_equal(curves[0], curves[1])
    np.testing.assert_array_equal(curves[0], curves[2])


def test_stretches_too_improbable_for_float64_are_counted_or_refused():
    # Transient tokens die out: 0.01^200 is far below float64, and matters to nobody.
    fading = mt.NGram([1.0, 0.0, 0.0], [[0.01, 0.99, 0.0], [0.0, 0.5, 0.5], [0.0, 1.0, 0.0]])
    curve = mt.exact.ser_curve(fading, 200, steps=2)
    assert curve[:5] == pytest.approx([enumerated(fading, each, "linear", 2) for each in range(1, 6)], rel=1e-12)
    # 0 . 2 is possible by two steps of 1e-150, and both ends are drawn together half the time.
    hopeless = mt.NGram([0.5, 0.0, 0.5], [[1.0, 1e-150, 0.0], [0.0, 1.0, 1e-150], [0.0, 0.0, 1.0]])
    with pytest.raises(FloatingPointError, match="less probable than float64 can tell from 0, are worth"):
        mt.exact.ser_curve(hopeless, 3, steps=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mt.exact.ser(GROWTH_CHAIN, 0, steps=2), "length is 0"),
        (lambda: mt.exact.ser_curve(GROWTH_CHAIN, 4), "serves any number of steps; pass steps"),
        (
            lambda: mt.exact.ser_curve(mt.NGram.random(vocab_size=50), 4096, steps=10**6),
            r"for 50 tokens, length 4096 and 1000000 steps takes 1.1e\+18 operations, and at most 4e\+12 are allowed",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
