"""Estimates, specs, tokens and threads: what they refuse and what they print."""

from __future__ import annotations

import operator
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.spec import Spec
from mdmtheory.core.threads import allowed_threads, over_rows
from mdmtheory.core.tokens import as_tokens, token_dtype


def test_estimates_print_their_kind_and_evaluate():
    estimate = Estimate(0.5, 0.4, 0.6, level=0.95, kind="upper bound", count=10)
    assert eval(repr(estimate)) == estimate
    assert "upper bound" in str(estimate)
    assert "exact" in str(Estimate.exact(1.0))
    assert float(estimate) == 0.5


def test_the_numbers_of_an_estimate_are_pythons_own():
    estimate = Estimate(np.float64(0.5), 0, np.float64(1), level=np.float64(0.5), kind="estimate", count=np.int8(3))
    assert (
        repr(estimate) == "Estimate(value=0.5, low=0.0, high=1.0, level=0.5, kind='estimate', count=3, cut_from=None)"
    )
    assert float(Estimate(1, 1, 1, 1, "exact", 0)) == 1.0


@pytest.mark.parametrize(
    ("kind", "spec", "text"),
    [
        ("estimate", ".3f", "≈ 0.500 [0.400, 0.625]"),
        ("upper bound", ".2g", "≤ 0.5 [0.4, 0.62]"),
        ("lower bound", ".1%", "≥ 50.0% [40.0%, 62.5%]"),
        ("upper bound", "", "0.5 [0.4, 0.625] (upper bound, 0.95 interval)"),
    ],
)
def test_a_format_is_that_of_a_float_with_interval_and_kind(kind, spec, text):
    estimate = Estimate(0.5, 0.4, 0.625, level=0.95, kind=kind, count=10)
    assert format(estimate, spec) == text


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (">30.3f", "        ≈ 0.500 [0.400, 0.625]"),
        ("30.3f", "        ≈ 0.500 [0.400, 0.625]"),
        ("*<+26.2f", "≈ +0.50 [+0.40, +0.62]****"),
        ("^45", " 0.5 [0.4, 0.625] (estimate, 0.95 interval)  "),
        (">5.1f", "≈ 0.5 [0.4, 0.6]"),
    ],
)
def test_a_width_pads_the_whole_and_digits_are_each_numbers(spec, text):
    assert format(Estimate(0.5, 0.4, 0.625, level=0.95, kind="estimate", count=10), spec) == text


@pytest.mark.parametrize("spec", ["s", "d", "x", "=30.3f", "030.3f", ".3ff", ">>>", "three digits"])
def test_a_format_that_is_no_floats_is_refused_with_those_that_are(spec):
    with pytest.raises(ValueError, match=r"as \.3f or \.4g, a width for the whole, as >40") as error:
        format(Estimate.exact(0.5), spec)
    assert "\n" not in str(error.value)


def test_a_number_without_an_interval_is_formatted_alone_and_what_was_cut_is_said():
    assert f"{Estimate.exact(1 / 3):.3f}" == "0.333"
    assert f"{Estimate(0.5, 0.5, 0.5, 0.9, 'upper bound', 0):.1f}" == "≤ 0.5"
    cut = Estimate(0.96, 0.92, 1.01, level=0.95, kind="estimate", count=100).within(least=1)
    assert f"{cut:.2f}" == "≈ 1.00 [1.00, 1.01] (cut from 0.96 [0.92, 1.01])"
    with pytest.raises(ValueError, match="format"):
        format(cut, "three digits")


HALF = Estimate(0.5, 0.4, 0.6, level=0.95, kind="estimate", count=10)


@pytest.mark.parametrize("other", [0.5, 1, np.float64(0.5), np.int8(1), HALF], ids=repr)
@pytest.mark.parametrize("sign", [operator.lt, operator.le, operator.gt, operator.ge])
def test_estimates_have_no_order_and_say_what_has(sign, other):
    for left, right in ((HALF, other), (other, HALF)):
        with pytest.raises(
            TypeError, match=r"compare ends, as a.high < b.low, or values alone, as float\(a\)"
        ) as error:
            sign(left, right)
        assert "\n" not in str(error.value)


def test_an_estimate_is_equal_to_its_like_and_refuses_numbers():
    twin = Estimate(0.5, 0.4, 0.6, level=0.95, kind="estimate", count=10)
    assert twin == HALF
    assert hash(twin) == hash(HALF)
    assert Estimate(0.5, 0.4, 0.6, level=0.95, kind="estimate", count=11) != HALF
    assert HALF != "0.5"
    assert HALF is not None
    for refused in (lambda: HALF == 0.5, lambda: HALF != 1, lambda: np.float64(0.5) == HALF, lambda: 0.5 in [HALF]):
        with pytest.raises(TypeError, match="== says nothing"):
            refused()
    for number in (Decimal("0.5"), 0.5 + 0j, Fraction(1, 2), np.complex128(0.5)):
        with pytest.raises(TypeError, match="== says nothing"):
            operator.eq(HALF, number)
    with pytest.raises(TypeError, match="says nothing"):
        sorted([HALF, twin])
    assert max([HALF, Estimate.exact(2.0)], key=float) == Estimate.exact(2.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"low": 0.55}, "outside its interval"),
        ({"value": float("nan")}, "outside its interval"),
        ({"level": 0.0}, "level 0.0"),
        ({"count": -1}, "count is -1"),
    ],
)
def test_estimates_check_themselves(changes, message):
    with pytest.raises(ValueError, match=".") as error:
        Estimate(**{"value": 0.5, "low": 0.4, "high": 0.6, "level": 0.95, "kind": "estimate", "count": 1, **changes})
    assert message in str(error.value)


@pytest.mark.parametrize(
    "text", ["hmm", "hmm:states=16,sticky=0.99", "plan:file=a/b.csv", "x:flag=true", "m.n:Mine", "m:Mine:pace=2"]
)
def test_specs_are_written_as_they_are_read(text):
    spec = Spec.parse(text)
    assert str(spec) == text
    assert eval(repr(spec)) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not start with a name"),
        ("hmm:", "is not key=value"),
        ("hmm:a=1,b", "'b' in 'hmm:a=1,b' is not key=value"),
        ("my_module:Mine:", "is not key=value"),
        ("hmm:a=1,a=2", "twice"),
    ],
)
def test_malformed_specs_are_named(text, message):
    with pytest.raises(ValueError, match=".") as error:
        Spec.parse(text)
    assert message in str(error.value)


def test_tokens_are_checked_and_small():
    assert token_dtype(255) is np.uint8
    assert token_dtype(256) is token_dtype(65_535) is np.uint16
    assert token_dtype(65_536) is token_dtype(131_072) is token_dtype(2**31 - 1) is np.int32
    assert as_tokens([0, 1], 2).shape == (1, 2)
    assert as_tokens([[0, 2]], 2, masks=True).dtype == np.uint8
    for bad, message in (
        ([[0, 2]], "token 2 at row 0, position 1"),
        ([[0, -1]], "token -1"),
        ([[0.5]], "pass integers"),
        (3, "shape ()"),
    ):
        with pytest.raises(ValueError, match=".") as error:
            as_tokens(bad, 2)
        assert message in str(error.value)
    with pytest.raises(ValueError, match="vocab_size 2147483648 is too large"):
        token_dtype(2**31)


def test_rows_are_split_without_gaps_and_failures_come_back():
    seen = np.zeros(17, dtype=int)

    def work(start, stop):
        seen[start:stop] += 1

    over_rows(work, 17, 3)
    assert (seen == 1).all()

    def fail(start, stop):
        raise RuntimeError(f"rows {start}..{stop}")

    with pytest.raises(RuntimeError, match="rows 0"):
        over_rows(fail, 17, 3)
    assert allowed_threads() >= 1
    with pytest.raises(ValueError, match="threads is 0"):
        allowed_threads(0)
