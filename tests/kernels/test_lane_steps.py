"""Messages side by side, to the last bit those of plain loops in the order that is promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mdmtheory.kernels import vectors
from mdmtheory.kernels.compiling import kernel
from mdmtheory.kernels.lane_steps import combine_lanes, take_in
from mdmtheory.kernels.vectors import lesser_positive, load, store, turned


@kernel
def step(prior, likelihood, seen, message, totals, scales, least, matrix, out):
    take_in(prior, likelihood, seen, message, totals, scales, least)
    combine_lanes(message, matrix, out)


@kernel
def turn_and_compare(rows, columns, least):
    found = turned(
        load(rows[0], 0), load(rows[1], 0), load(rows[2], 0), load(rows[3], 0),
        load(rows[4], 0), load(rows[5], 0), load(rows[6], 0), load(rows[7], 0),
    )  # fmt: skip
    for k in range(8):
        store(columns[k], 0, found[k])
        store(least, 0, lesser_positive(load(least, 0), found[k]))


def with_zeros(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.random(shape) * (generator.random(shape) > 0.2)


@pytest.mark.parametrize(("size", "width", "lanes"), [(3, 5, 8), (13, 10, 16), (16, 4, 24)])
def test_a_step_is_that_of_plain_loops(size: int, width: int, lanes: int) -> None:
    generator = np.random.default_rng(size)
    prior, likelihood = with_zeros(generator, size, lanes), with_zeros(generator, 5, size)
    likelihood[4] = 0.0
    matrix, seen = with_zeros(generator, size, width), generator.integers(0, 5, lanes).astype(np.uint64)
    message, out = np.empty((size, lanes)), np.empty((width, lanes))
    totals, scales, least = np.empty(lanes), np.empty(lanes), np.ones(lanes)
    step(prior, likelihood, seen, message, totals, scales, least, matrix, out)
    for lane in range(lanes):
        weighed = [prior[s, lane] * likelihood[seen[lane], s] for s in range(size)]
        total = 0.0
        for each in weighed:
            total += each
        assert totals[lane] == total
        scaled = [each * (1.0 / total if total > 0 else 0.0) for each in weighed]
        assert message[:, lane].tolist() == scaled
        assert least[lane] == min([each for each in scaled if each > 0], default=1.0)
        for j in range(width):
            assert out[j, lane] == summed(scaled, matrix[:, j], by_fours=j < width - width % 4)


def summed(scaled: list[Any], column: np.ndarray, *, by_fours: bool) -> float:
    """Products four at a time and then one by one; all one by one in the last columns."""
    products = [weight * each for weight, each in zip(column, scaled, strict=True)]
    whole = len(products) - len(products) % 4 if by_fours else 0
    total = 0.0
    for s in range(0, whole, 4):
        total += (products[s] + products[s + 1]) + (products[s + 2] + products[s + 3])
    for each in products[whole:]:
        total += each
    return total


def test_compiled_vectors_are_those_of_python() -> None:
    rows = with_zeros(np.random.default_rng(0), 8, 8)
    columns, least = np.empty((8, 8)), np.ones(8)
    turn_and_compare(rows, columns, least)
    plain = vectors.turned(*rows)
    assert columns.tolist() == [each.tolist() for each in plain] == rows.T.tolist()
    expected = np.ones(8)
    for each in plain:
        expected = vectors.lesser_positive(expected, each)
    assert least.tolist() == expected.tolist() == np.where(rows > 0, rows, 1.0).min(axis=1).tolist()
