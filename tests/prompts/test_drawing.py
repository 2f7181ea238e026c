"""Prompts: the given parts of sequences of the language, from a stream of their own."""

from __future__ import annotations

import numpy as np

import mdmtheory as mt
from mdmtheory.conformance.goodness import LEAST_P, g_test
from mdmtheory.prompts.drawing import drawn_prompts, prompt_seed
from mdmtheory.prompts.registry import given_positions

Q = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.55, 0, 0.45]])


def test_prompts_follow_the_law_of_what_is_given():
    given = given_positions([True, False, True, False], Q, 4)
    drawn = drawn_prompts(Q, given, 20_000, 0)
    assert (drawn[:, ~given.positions] == 3).all()
    law = mt.exact.joint(Q, 4).sum(axis=(1, 3))
    counts = np.bincount(drawn[:, 0].astype(int) * 3 + drawn[:, 2], minlength=9)
    assert g_test(counts, law.reshape(-1)) > LEAST_P
    assert g_test(counts, law.T.reshape(-1)) < LEAST_P  # a twin: as if the positions were swapped


def test_a_prompt_depends_on_its_number_alone():
    given = given_positions("prefix:size=3", Q, 8)
    together = drawn_prompts(Q, given, 9, 5)
    alone = [drawn_prompts(Q, given, 1, 5, first=number, threads=1) for number in range(9)]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_prompts_that_give_more_agree_with_those_that_give_less():
    less, more = (drawn_prompts(Q, given_positions(f"prefix:size={size}", Q, 8), 20, 0) for size in (2, 5))
    np.testing.assert_array_equal(less[:, :2], more[:, :2])


def test_the_stream_of_prompts_is_that_of_no_cell():
    assert len({prompt_seed(Q, length, seed) for length in (4, 5) for seed in range(50)}) == 100
    assert prompt_seed(Q, 4, 0) != prompt_seed(mt.Parity(), 4, 0)
    assert 0 <= prompt_seed(Q, 4, 0) < 1 << 63
    given = given_positions("prefix:size=3", Q, 4)
    assert (drawn_prompts(Q, given, 50, 0)[:, :3] != Q.sample(50, 4, 0)[:, :3]).any()
