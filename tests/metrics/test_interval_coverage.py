"""The run behind docs/intervals.md, in small: the laws of terms, the intervals, the page, and what breaks a promise."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.estimate import WithheldError
from mdmtheory.theory.instances import hmm2x3

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def intervals() -> Any:
    sys.path.insert(0, str(DOCS))
    try:
        import intervals
    finally:
        sys.path.remove(str(DOCS))
    return intervals


@pytest.fixture(scope="module")
def forms(intervals: Any) -> list[Any]:
    found: list[Any] = intervals.forms(hmm2x3())
    return found


def test_laws_of_terms_are_laws_and_their_means_the_truth(forms: list[Any]) -> None:
    assert len({form.name for form in forms}) == len(forms) >= 15
    for form in forms:
        assert form.weights.min() >= 0
        assert form.weights.sum() == pytest.approx(1, rel=1e-9)
        mean = None if form.terms is None else float(form.weights @ form.terms)
        assert mean is None or mean == pytest.approx(form.truth - (form.name == "SER by scoring"), abs=1e-9)


def test_a_form_is_what_the_public_function_samples(forms: list[Any]) -> None:
    called = [form for form in forms if form.call is not None]
    assert len(called) >= 9
    for form in called:
        found = form.call(4000, 3)
        # Five standard errors or so: an interval of 95 % thrice as wide.
        reach = 3 * (found.high - found.low)
        assert abs(found.value - form.truth) < reach < 0.5
        drawn = np.random.default_rng(0).choice(len(form.weights), 4000, p=form.weights / form.weights.sum())
        _, low, high = form.interval(drawn, 0.95)
        # So many terms of the law make an interval as wide as the public call's.
        assert (high - low) == pytest.approx(found.high - found.low, rel=0.15)


def test_intervals_of_every_form_hold_and_say_when_they_are_withheld(intervals: Any, forms: list[Any]) -> None:
    for form in forms:
        row = intervals.row_of("hmm2x3", form, 1000, 60, np.random.default_rng(1))
        assert row.withheld == 0
        assert row.held[0.99] >= 55 / 60
        assert row.held[0.5] <= row.held[0.95] <= row.held[0.99]
        few = intervals.row_of("hmm2x3", form, 19, 5, np.random.default_rng(1))
        alone = ("SER", "wrong, one plan a sequence", "total variation", "Hellinger²")
        assert few.withheld == (0 if form.name in alone else 1)
        assert few.given == (few.withheld == 0)


def test_unfaithful_without_its_second_part_is_seen_to_miss(intervals: Any, forms: list[Any]) -> None:
    """KL in its place, or the nats of errors twice: the truth is neither's."""
    form = next(form for form in forms if form.name == "unfaithful, one plan a sequence")
    wrong = next(form for form in forms if form.name.startswith("wrong")).truth
    kl = next(form for form in forms if form.name == "TER ratio, one plan a sequence").truth
    assert form.truth == pytest.approx(kl - wrong, abs=1e-12)
    for truth in (kl, kl - 2 * wrong):
        broken = dataclasses.replace(form, truth=truth)
        assert intervals.row_of("hmm2x3", broken, 1000, 60, np.random.default_rng(1)).held[0.95] < 0.8


def test_a_broken_promise_is_seen_and_shown(intervals: Any, forms: list[Any]) -> None:
    form = next(form for form in forms if form.name == "TER ratio, stride")
    row = intervals.row_of("hmm2x3", form, 200, 200, np.random.default_rng(2))
    honest = dataclasses.replace(row, held={0.5: 0.5, 0.95: 0.95, 0.99: 0.99}, width=1.1)
    assert honest.kept
    assert not dataclasses.replace(honest, held={0.5: 0.5, 0.95: 0.939, 0.99: 0.99}).kept
    assert not dataclasses.replace(honest, count=1000, width=1.21).kept
    half = dataclasses.replace(
        form,
        interval=lambda drawn, level: tuple(
            (end + form.interval(drawn, level)[0]) / 2 for end in form.interval(drawn, level)
        ),
    )
    assert intervals.row_of("hmm2x3", half, 200, 200, np.random.default_rng(2)).held[0.95] < 0.8
    page = intervals.page(
        [dataclasses.replace(honest, count=each) for each in (50, 1000)],
        [dataclasses.replace(honest, width=2.0, held=dict.fromkeys(honest.held, 0.1))],
        [],
    )
    assert "| hmm2x3 |" in page
    assert "| hmm2x3, TER ratio, stride |" in page
    assert "0.939" not in page


def test_what_is_withheld_has_no_interval(forms: list[Any]) -> None:
    form = next(form for form in forms if form.name == "SER by scoring")
    with pytest.raises(WithheldError, match="effective size"):
        form.interval(np.zeros(99, dtype=int), 0.95)
    assert isinstance(
        mt.ter_ratio(mt.MaskedDiffusion(mt.Oracle(hmm2x3()), steps=2), hmm2x3(), 5, count=50), mt.Estimate
    )
