"""Noised logits block by block against quadrature: of two tokens the difference of their logits is all that is seen."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from tests import brute_force

FIRST, NEXT = np.array([0.6, 0.4]), np.array([[0.9, 0.1], [0.3, 0.7]])
BIGRAM = mt.NGram(FIRST, NEXT)
PAIRS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
AXIS = np.linspace(-7, 7, 141)
WIDTH = AXIS[1] - AXIS[0]


def densities(kept):
    """Of (logit 0 - logit 1)/√2 on AXIS given each token."""
    off = AXIS[:, None] - math.sqrt(2 * kept) * np.array([1, -1])
    return np.exp(-(off**2) / (2 * (1 - kept))) / math.sqrt(2 * math.pi * (1 - kept))


def law_of_block(prior, kept, decode, nucleus=0.0):
    """The law of the tokens of a block (2,) or (2, 2), `prior` being that of the clean ones given the blocks before."""
    size, values = prior.ndim, None
    for level in range(len(kept) - 1, 0, -1):
        each = densities(kept[level])
        seen = np.einsum("uv,v->uv", each, prior) if size == 1 else np.einsum("ua,wb,ab->uwab", each, each, prior)
        seen = seen / seen.sum(axis=tuple(range(size, 2 * size)), keepdims=True)
        alone = [seen] if size == 1 else [seen.sum(axis=3), seen.sum(axis=2)]
        if level == 1 and decode == "argmax":
            alone = [np.eye(2)[law.argmax(axis=-1)] for law in alone]
        said = alone[0] if size == 1 else alone[0][..., :, None] * alone[1][..., None, :]
        if values is None:
            mass = each[:, 0] * WIDTH if size == 1 else np.outer(each[:, 0], each[:, 0]) * WIDTH**2
        else:
            mass = each @ values * WIDTH if size == 1 else each @ values @ each.T * WIDTH**2
        values = np.tensordot(mass, said, axes=size)
    return values


def law(kept, block, decode):
    if block == 2:
        return law_of_block(FIRST[:, None] * NEXT, kept, decode).reshape(-1)
    first = law_of_block(FIRST, kept, decode)
    return np.concatenate([first[v] * law_of_block(NEXT[v], kept, decode) for v in range(2)])


@pytest.mark.parametrize("decode", ["draw", "argmax"])
@pytest.mark.parametrize("block", [1, 2])
def test_drawn_blocks_follow_the_law(block, decode):
    p = mt.SimplexDiffusion(mt.Oracle(BIGRAM), block=block, steps=3, decode=decode)
    expected = law(p.kept, block, decode)
    assert expected.sum() == pytest.approx(1, abs=1e-9)
    drawn = p.sample(20_000, 2, seed=0)
    counts = np.bincount(drawn.tokens.astype(int) @ [2, 1], minlength=4)
    assert brute_force.g_test(counts, expected) > 1e-4
    assert (drawn.calls == 3 * (2 // block)).all()
    assert brute_force.g_test(counts, law(p.kept, 3 - block, decode)) < 1e-4


def test_steps_that_take_the_mean_are_another_law():
    p = mt.GaussianDiffusion(mt.Oracle(BIGRAM), embedding="simplex", steps=3)
    counts = np.bincount(p.sample(20_000, 2, seed=0).tokens.astype(int) @ [2, 1], minlength=4)
    assert brute_force.g_test(counts, law(p.kept, 2, "draw")) < 1e-4


def test_what_is_projected_on_is_of_the_nucleus():
    language = mt.NGram(np.array([0.5, 0.3, 0.2]), np.tile([0.5, 0.3, 0.2], (3, 1)))
    canvas = mt.Oracle(language).open(4, 2, noise="gaussian")
    values, states = np.zeros((4, 2, 3)), np.arange(16, dtype=np.uint64).reshape(4, 4) + 1
    for projection, nucleus, allowed in (("argmax", 1.0, {0}), ("draw", 0.6, {0, 1})):
        p = mt.SimplexDiffusion(mt.Oracle(language), block=2, steps=2, projection=projection, nucleus=nucleus)
        projected = p._projected(canvas, values, 2, states)
        assert set(projected.argmax(axis=2).ravel().tolist()) <= allowed
        assert ((projected == 1).sum(axis=2) == 1).all()
    p = mt.SimplexDiffusion(mt.Oracle(language), block=2, steps=2, projection="multihot", nucleus=0.6)
    assert (p._projected(canvas, values, 2, states) == [1, 1, -1]).all()


def test_prompts_stand_before_the_blocks_of_their_answer_and_there_is_no_bound():
    p = mt.SimplexDiffusion(mt.Oracle(BIGRAM), block=2, steps=2)
    whole = p.sample(7, 6, 3, prompt=[1, 2, 0, 2, 2, 2])
    assert (whole.tokens[:, [0, 2]] == [1, 0]).all()
    assert (whole.calls == 4).all()
    alone = p.sample(2, 6, 3, first=3, prompt=[1, 2, 0, 2, 2, 2], threads=1)
    np.testing.assert_array_equal(alone.tokens, whole.tokens[3:5])
    with pytest.raises(ValueError, match="no likelihood bound"):
        p.log_prob([[0, 1]])
    for wrong in ({"projection": "mean"}, {"nucleus": 0.0}, {"block": 0}):
        with pytest.raises(ValueError, match="projection|nucleus|block"):
            mt.SimplexDiffusion(mt.Oracle(BIGRAM), **{"block": 2, **wrong})
