"""Streams and alias tables: the published generator, and outcomes without bias."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory.core.streams import stream_states
from mdmtheory.kernels.alias import alias_table
from mdmtheory.kernels.random import fill_normals, fill_uniforms

WORD = (1 << 64) - 1


def xoshiro256plusplus(state):
    """The generator as its authors publish it, in whole numbers of any size."""

    def rotl(x, k):
        return ((x << k) | (x >> (64 - k))) & WORD

    s = state
    result = (rotl((s[0] + s[3]) & WORD, 23) + s[0]) & WORD
    t = (s[1] << 17) & WORD
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotl(s[3], 45)
    return result


def test_uniforms_are_those_of_the_published_generator():
    states = stream_states("published", 5, 2)
    plain = [[int(word) for word in row] for row in states]
    out = np.empty((2, 50))
    fill_uniforms(states, out)
    for row, state in zip(out, plain, strict=True):
        assert row.tolist() == [(xoshiro256plusplus(state) >> 11) * 2.0**-53 for _ in range(50)]
    assert [[int(word) for word in row] for row in states] == plain


def test_normals_are_box_and_mullers_of_the_uniforms():
    for count in (4, 5):
        uniforms, out = np.empty((3, 6)), np.empty((3, count))
        fill_uniforms(stream_states("normals", 0, 3), uniforms)
        fill_normals(stream_states("normals", 0, 3), out)
        radius, angle = np.sqrt(-2 * np.log1p(-uniforms[:, ::2])), 2 * np.pi * uniforms[:, 1::2]
        expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2).reshape(3, 6)
        np.testing.assert_allclose(out, expected[:, :count], rtol=1e-12)


def test_normals_follow_their_law_and_pairs_are_independent():
    from scipy import stats

    out = np.empty((2_000, 51))
    fill_normals(stream_states("normal law", 0, 2_000), out)
    assert stats.kstest(out.ravel(), "norm").pvalue > 1e-3
    # The tails by their counts: 2.7 in a thousand lie beyond 3.
    beyond = (np.abs(out) > 3).sum()
    assert stats.binomtest(int(beyond), out.size, 2 * stats.norm.sf(3)).pvalue > 1e-3
    quadrant = (out[:, :50:2] > 0) * 2 + (out[:, 1:51:2] > 0)
    assert stats.chisquare(np.bincount(quadrant.ravel())).pvalue > 1e-3
    size = np.abs(out)
    assert abs(np.corrcoef(size[:, :50:2].ravel(), size[:, 1:51:2].ravel())[0, 1]) < 4 / np.sqrt(50_000)
    # The check refutes a law whose variance is 6 % off.
    assert stats.kstest(1.03 * out.ravel(), "norm").pvalue < 1e-3


def test_streams_are_keyed_by_everything_and_by_nothing_else():
    assert (stream_states(["a", 1], 3, 4) == stream_states(["a", 1], 0, 7)[3:]).all()
    assert (stream_states(["a", 1], 0, 4) != stream_states(["a", 2], 0, 4)).all()
    assert (stream_states({"x": 1, "y": 2}, 0, 1) == stream_states({"y": 2, "x": 1}, 0, 1)).all()
    assert len(np.unique(stream_states("many", 0, 100_000), axis=0)) == 100_000


@given(st.lists(st.one_of(st.just(0.0), st.floats(1e-12, 1)), min_size=1, max_size=20).filter(lambda w: sum(w) > 0))
def test_alias_tables_hold_each_outcome_with_its_probability(weights):
    law = np.array(weights) / sum(weights)
    support = np.flatnonzero(law)
    bits = max(len(support) - 1, 0).bit_length()
    table = np.empty((1 << bits, 2), dtype=np.uint64)
    alias_table(law[support], support, table)
    held = np.zeros(len(law))
    for threshold, pair in table:
        below = int(threshold) / 2.0**64
        held[int(pair) & 0xFFFFFFFF] += below
        held[int(pair) >> 32] += 1 - below
    np.testing.assert_allclose(held / (1 << bits), law, atol=2.0**-50, rtol=0)
    # Nothing that has probability 0 can be drawn.
    assert (held[law == 0] == 0).all()
