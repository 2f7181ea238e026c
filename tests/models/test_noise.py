"""Tokens by float32 noise, a piece of the rows at a time: as row by row."""

from __future__ import annotations

import numpy as np
import pytest

from mdmtheory.core.streams import stream_states
from mdmtheory.kernels.random import fill_uniforms
from mdmtheory.models import noise
from mdmtheory.oracles.answers import LawAnswers
from mdmtheory.samplers.gumbel import float32_draws

ROWS = np.array([0, 0, 0, 1, 3, 3, 4, 4, 4, 6])
"""Rows that ask at three positions, at two, at one, and at none."""


@pytest.mark.parametrize("entries", [1, 20, 1 << 20])
def test_each_row_takes_as_many_of_its_uniforms_as_it_has_tokens_to_choose_from(entries, monkeypatch):
    monkeypatch.setattr(noise, "LAW_ENTRIES", entries)
    laws = np.random.default_rng(0).dirichlet(np.full(5, 0.5), len(ROWS))
    states, expected_states = stream_states("noise", 0, 8), stream_states("noise", 0, 8)
    drawn = noise.noisy_draws(LawAnswers.of(laws), states, ROWS)
    for row in range(8):
        here = row == ROWS
        uniforms = np.empty((1, 5 * here.sum()))
        fill_uniforms(expected_states[row : row + 1], uniforms)
        np.testing.assert_array_equal(drawn[here], float32_draws(laws[here], uniforms.reshape(-1, 5)))
    np.testing.assert_array_equal(states, expected_states)
