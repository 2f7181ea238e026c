"""Blocks of laws by eights: to the last bit the plain loops, and those the sums that they should be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from mdmtheory.kernels.compiling import kernel
from mdmtheory.kernels.shift_blocks import _pull_rows, _push_rows, pull_blocks, push_blocks, scale_run


class Tables(NamedTuple):
    laws: Any
    size: int
    blocks: Any
    turned: Any


def with_zeros(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.random(shape) * (generator.random(shape) > 0.3)


@kernel
def by_eights(shift, source, start, stop, first, last, moved, before, spare):
    pull_blocks(shift, source, start, stop, first, last, before, spare)
    return push_blocks(shift, source, start, stop, first, last, moved)


@kernel
def one_by_one(shift, source, start, stop, first, last, moved, before, spare):
    _pull_rows(shift, source, start, stop, first, last, before, spare)
    _push_rows(shift, source, start, stop, first, last, moved)


@kernel
def scaled(new, start, stop, factor, old, out, faint):
    return scale_run(new, start, stop, factor, old, out, faint)


@pytest.mark.parametrize(("vocab_size", "order", "oldest"), [(8, 4, None), (8, 4, 3), (16, 3, None), (16, 3, 9)])
def test_blocks_by_eights_are_the_plain_loops_and_those_the_sums(vocab_size: int, order: int, oldest: Any) -> None:
    generator = np.random.default_rng(order)
    keep, size = vocab_size ** (order - 2), vocab_size ** (order - 1)
    blocks, source = with_zeros(generator, keep, vocab_size, vocab_size), with_zeros(generator, size)
    tables = Tables(np.zeros((1, vocab_size)), size, blocks, np.ascontiguousarray(blocks.swapaxes(1, 2)))
    first, last = (0, vocab_size) if oldest is None else (oldest, oldest + 1)
    start, stop = keep - vocab_size, keep
    moved, before, spare = np.zeros((2, size)), np.zeros((2, size)), np.empty(vocab_size)
    total = by_eights(tables, source, start, stop, first, last, moved[0], before[0], spare)
    one_by_one(tables, source, start, stop, first, last, moved[1], before[1], spare)
    assert moved[0].tolist() == moved[1].tolist()
    assert before[0].tolist() == before[1].tolist()
    ahead = source.reshape(vocab_size, keep)[first:last, start:stop]
    laws = blocks[start:stop, first:last]
    np.testing.assert_allclose(moved[0].reshape(keep, -1)[start:stop], np.einsum("on,nov->nv", ahead, laws), rtol=1e-14)
    behind = source.reshape(keep, vocab_size)[start:stop]
    found = before[0].reshape(vocab_size, keep)[first:last, start:stop]
    np.testing.assert_allclose(found, np.einsum("nv,nov->on", behind, laws), rtol=1e-14)
    np.testing.assert_allclose(total, moved[0].sum(), rtol=1e-14)


@pytest.mark.parametrize("place", [0, 7, 16, 18])
def test_a_message_is_scaled_and_what_changed_or_is_faint_is_seen_wherever_it_is(place: int) -> None:
    new = np.random.default_rng(0).random(20) + 0.5
    for entry, shift, changed, faint in [(1.0, 1.0, False, False), (1.0, 1 + 1e-14, True, False),
                                         (1e-12, 1.0, False, True), (0.0, 1.0, False, False)]:  # fmt: skip
        new[place] = entry
        old, out = 2.0 * new, np.zeros(20)
        old[place] *= shift
        assert scaled(new, 0, 19, 2.0, old, out, 1e-10) == (changed, faint)
        assert out.tolist() == [*(2.0 * new[:19]), 0.0]
        assert scaled(new, 0, 19, 2.0, old, old, 1e-10) == (changed, faint)
