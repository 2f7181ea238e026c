"""Blocks, with twins that forget the past, end a token late, or take SER for KL."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st

from mdmtheory import NGram
from mdmtheory.plans import Blocks
from mdmtheory.theory.blocks import (
    BLOCKS,
    REFINING,
    REFINING_SER,
    SINGLE,
    edges,
    finer_edges,
    worse_when_finer,
)
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import any_language, assert_stands, enumerable, refuted, stands, twins_refuted


@st.composite
def partitions(draw, statement):
    """Any language with blocks of any sizes, and where the statement refines them, a cut."""
    small = draw(enumerable(statement, languages=any_language(), most_sequences=130, stepped=False))
    length, sizes = small.length, []
    while sum(sizes) < length:
        sizes.append(draw(st.integers(1, length - sum(sizes))))
    options = {"sizes": "-".join(map(str, sizes))}
    if "cut" in statement.options:
        options["cut"] = draw(st.integers(1, max(length - 1, 1)))
    return statement.setting(small.language, length, None, **options)


@st.composite
def three_bits(draw):
    """One block of any law of small integers over three bits, cut after its first token."""
    weights = np.array(draw(st.lists(st.integers(0, 5), min_size=8, max_size=8))).reshape(2, 2, 2)
    assume((weights.sum(axis=2) > 0).all())
    pairs = weights.sum(axis=2)
    language = NGram(pairs / pairs.sum(), weights / pairs[..., None])
    return REFINING_SER.setting(language, 3, sizes="3", cut=1)


def test_the_divergence_is_what_blocks_leave_out():
    stands(BLOCKS, partitions(BLOCKS))


def test_equal_blocks_are_those_of_the_sampler():
    stands(BLOCKS, enumerable(BLOCKS, most_sequences=130))
    for length, steps in ((5, 2), (5, 3), (6, 4), (3, 5)):
        setting = BLOCKS.setting(bigram3(), length, steps)
        assert len(edges(setting)) - 1 == len(set(Blocks().plan(length, steps).tolist()))
        assert set(edges(setting)) <= set(finer_edges(REFINING.setting(bigram3(), length, steps)))


def test_blocks_of_one_are_exact():
    stands(SINGLE, enumerable(SINGLE, languages=any_language(), stepped=False))


def test_refining_never_raises_the_divergence():
    stands(REFINING, partitions(REFINING))
    stands(REFINING, enumerable(REFINING, languages=any_language()))


def test_refining_can_raise_the_error_rate():
    """The conjecture fails on its instance, and the search finds others by itself."""
    check = REFINING_SER.check(worse_when_finer(), 3, sizes="3", cut=1)
    assert check.verdict == "no"
    assert check.measured.value == pytest.approx(1 / 9, rel=1e-12)
    assert check.bound.value == pytest.approx(0.07201646090534979, rel=1e-12)
    assert REFINING_SER.conjecture
    assert_stands(REFINING.check(worse_when_finer(), 3, sizes="3", cut=1))
    refuted(REFINING_SER, three_bits())


@pytest.mark.parametrize(("sizes", "cut", "message"), [("2-2", 1, "do not make a length"), ("3-2", 0, "cut is 0")])
def test_what_is_no_partition_is_excluded(sizes, cut, message):
    with pytest.raises(HypothesisError, match=message):
        REFINING.check(bigram3(), 5, sizes=sizes, cut=cut)


def test_each_twin_is_refuted():
    twins_refuted(BLOCKS, partitions(BLOCKS))
    twins_refuted(SINGLE, enumerable(SINGLE, stepped=False))
    # Where SER rises, the blocks are rarely those of a random partition.
    twins_refuted(REFINING, st.one_of(partitions(REFINING), three_bits()))
