"""What is done with many laws at a time, against numpy and against one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from mdmtheory.kernels.compiling import kernel
from mdmtheory.kernels.marginals import FEW, MOST_SUMMED, draw, draw_rows
from mdmtheory.kernels.noised import weigh_uniform
from mdmtheory.oracles.answers import LawAnswers
from mdmtheory.oracles.evidence import UniformEvidence


@kernel
def draw_each(laws, uniforms, out):
    for row in range(len(laws)):
        total = 0.0
        for v in range(laws.shape[1]):
            total += laws[row, v]
        out[row] = draw(laws[row], total, uniforms[row])


def some_laws(vocab_size: int) -> np.ndarray:
    generator = np.random.default_rng(vocab_size)
    laws = generator.random((64, vocab_size)) ** 3 * (generator.random((64, vocab_size)) > 0.3)
    laws[:, 0] += 1e-3
    laws[:4] = 0.0
    laws[0, -1] = laws[1, 0] = 1.0
    laws[2:4] = 1.0
    return laws / laws.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("vocab_size", [1, 2, 7, 8, 11, FEW, FEW + 1, MOST_SUMMED, MOST_SUMMED + 2])
def test_scores_are_those_of_numpy(vocab_size: int) -> None:
    laws = some_laws(vocab_size)
    answers = LawAnswers.of(laws)
    entropy = -(laws * np.log(np.where(laws > 0, laws, 1.0))).sum(axis=1)
    assert answers.entropy().tolist() == entropy.tolist()
    assert answers.confidence().tolist() == laws.max(axis=1).tolist()
    ranked = np.sort(np.hstack([laws, np.zeros((len(laws), 1))]), axis=1)
    assert answers.margin().tolist() == (ranked[:, -1] - ranked[:, -2]).tolist()


@pytest.mark.parametrize("vocab_size", [1, 3, FEW, FEW + 1])
def test_tokens_are_those_that_are_drawn_one_at_a_time(vocab_size: int) -> None:
    laws, uniforms = some_laws(vocab_size), np.random.default_rng(0).random(64)
    uniforms[:3] = uniforms[8:11] = 1 - 2**-53
    uniforms[3:6] = 0.0
    found, expected = np.empty((2, 64), dtype=np.int64)
    draw_rows(laws, uniforms, found)
    draw_each(laws, uniforms, expected)
    assert found.tolist() == expected.tolist()
    assert (laws[np.arange(64), found] > 0).all()


@pytest.mark.parametrize("leave_out", [False, True])
@pytest.mark.parametrize("vocab_size", [3, 8, 19])
def test_posteriors_under_uniform_noise_are_those_of_numpy(vocab_size: int, leave_out: bool) -> None:
    laws = some_laws(vocab_size).reshape(4, 16, vocab_size)
    tokens = np.random.default_rng(1).integers(0, vocab_size, (4, 16)).astype(np.uint8)
    likelihood = UniformEvidence(tokens, 0.3, vocab_size).likelihood()
    weights = laws * likelihood
    expected = laws if leave_out else weights
    found, unsure, least = laws.copy(), np.empty(4, dtype=np.bool_), 0.05
    weigh_uniform(tokens, found, 0.3, leave_out, least, unsure)
    assert found.tolist() == (expected / expected.sum(axis=2, keepdims=True)).tolist()
    assert unsure.tolist() == (weights.sum(axis=2) < least).any(axis=1).tolist()
