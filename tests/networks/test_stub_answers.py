"""Answers on a device: the laws, draws and scores of numpy's, in bounded memory, whatever the vocabulary."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.networks.answers import TensorAnswers
from mdmtheory.oracles.answers import LawAnswers
from mdmtheory.samplers.registry import as_sampler
from tests.networks.stub import Peak

OPTIONS = [
    "confidence",
    "confidence:temperature=0.5",
    "confidence:temperature=0",
    "confidence:temperature=0,ties=lowest",
    "confidence:nucleus=0.7",
    "confidence:temperature=2,nucleus=0.4",
    "confidence:nucleus=0.5,ties=lowest",
    "confidence:temperature=0,nucleus=0.5",
    "confidence:min_p=0.2",
    "confidence:min_p=1",
    "confidence:temperature=2,nucleus=0.6,min_p=0.5",
]


def some_laws():
    """Random laws, ties, certainty, and one that is nearly certain."""
    random = np.random.default_rng(0).dirichlet(np.full(7, 0.4), size=200)
    odd = np.array([[0.25] * 4 + [0.0] * 3, [1 / 7] * 7, [1.0] + [0.0] * 6, [1 - 1e-9, 1e-9] + [0.0] * 5])
    return np.concatenate([random, odd, [[0.0, 0.3, 0.3, 0.4, 0.0, 0.0, 0.0]]])


def both(laws):
    """The same laws as an array and as a tensor, the latter a few rows at a time."""
    tensor = TensorAnswers.of_probabilities(torch.from_numpy(laws), np.zeros(len(laws), dtype=np.bool_))
    return LawAnswers.of(laws), replace(tensor, floats_at_once=50)


@pytest.mark.parametrize("options", OPTIONS)
def test_a_tensor_answers_as_an_array_does(options):
    array, tensor = (each.under(as_sampler(options)) for each in both(some_laws()))
    np.testing.assert_allclose(tensor.numpy(), array.numpy(), rtol=1e-12, atol=1e-15)
    for score in ("confidence", "margin", "entropy"):
        np.testing.assert_allclose(getattr(tensor, score)(), getattr(array, score)(), rtol=1e-11, atol=1e-14)
    uniforms = np.random.default_rng(1).random(len(array))
    drawn = array.draw(uniforms)
    assert (tensor.draw(uniforms) == drawn).all()
    np.testing.assert_allclose(tensor.log_prob_of(drawn), array.log_prob_of(drawn), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(tensor.chance_of(drawn), array.chance_of(drawn), rtol=1e-12)
    assert (np.asarray(tensor.take(np.array([3, 1]))) == tensor.numpy()[[3, 1]]).all()
    assert (np.asarray(tensor.take(np.arange(len(array)) < 2)) == tensor.numpy()[:2]).all()


def test_logits_are_the_laws_of_their_softmax_also_where_a_probability_is_too_small_for_float64():
    logits = torch.tensor([[0.0, -2000.0, -torch.inf], [3.0, 3.0, 3.0]], dtype=torch.float32, requires_grad=True)
    answers = TensorAnswers.of_logits(logits)
    assert answers.log_prob_of(np.array([1, 2])).tolist() == [-2000.0, pytest.approx(-np.log(3))]
    assert answers.log_prob_of(np.array([2, 0]))[0] == -np.inf
    assert answers.confidence().tolist() == [1.0, pytest.approx(1 / 3)]


def test_a_replay_under_a_sampler_keeps_what_float64_would_lose():
    logits = np.array([[0.0, -800.0, -5.0]])
    answers = TensorAnswers.of_logits(torch.from_numpy(logits))
    assert answers.under(as_sampler("confidence")).log_prob_of(np.array([1]))[0] == pytest.approx(-800.0067, abs=1e-4)
    hot = answers.under(as_sampler("confidence:temperature=100")).numpy()[0]
    expected = np.exp(logits[0] / 100)
    np.testing.assert_allclose(hot, expected / expected.sum(), rtol=1e-12)
    assert hot[1] > 1e-4


def test_sums_that_a_device_makes_out_of_order_never_draw_what_cannot_be(monkeypatch):
    law = torch.tensor([[0.0, 0.5, 0.0, 0.5, 0.0]], dtype=torch.float64)
    # A running sum that rises where nothing is added, as a parallel sum may in its last digit.
    sums = torch.tensor([[1e-9, 0.5, 0.5 + 1e-9, 1.0, 1.0]], dtype=torch.float64)
    monkeypatch.setattr(torch.Tensor, "cumsum", lambda self, dim: sums.repeat(len(self), 1))
    answers = TensorAnswers(law.expand(4, -1), are_weights=True)
    assert answers.draw(np.array([0.0, 0.25, 0.5, 0.9999999999])).tolist() == [1, 1, 3, 3]


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_logits_that_are_none_are_refused(wrong):
    logits = torch.zeros(3, 4)
    logits[1, 2] = wrong
    with pytest.raises(ValueError, match="NaN or \\+inf"):
        TensorAnswers.of_logits(logits)
    with pytest.raises(ValueError, match="none above -inf"):
        TensorAnswers.of_logits(torch.full((1, 4), -torch.inf))


def test_weights_are_laws_within_the_tolerance_and_zeros_only_where_a_context_is_impossible():
    laws = torch.full((2, 4), 0.25, dtype=torch.bfloat16)
    laws[1] = 0
    with pytest.raises(ValueError, match="all zeros in a sequence not marked impossible"):
        TensorAnswers.of_probabilities(laws, np.array([False, False]))
    TensorAnswers.of_probabilities(laws, np.array([False, True]))
    with pytest.raises(ValueError, match="negative or not finite"):
        TensorAnswers.of_probabilities(-laws, np.array([False, True]))
    with pytest.raises(ValueError, match=r"sums to 1\.0\d"):
        TensorAnswers.of_probabilities(laws * 1.02, np.array([False, True]))
    TensorAnswers.of_probabilities(laws * 1.02, np.array([False, True]), tolerance=0.03)


@pytest.mark.parametrize("of", ["tensor", "array"])
def test_tokens_of_probability_one_in_ten_million_keep_their_frequency_in_131072(of):
    vocab_size, rare = 131_072, 1e-7
    law = np.full(vocab_size, rare)
    law[:1000] = (1 - rare * (vocab_size - 1000)) / 1000
    edges = np.cumsum(law.astype(np.longdouble))
    tokens = np.linspace(1000, vocab_size - 1, 120).astype(np.int64)
    # A token's frequency is the length of the interval of uniforms that lead to it: both its ends, to a thousandth.
    low, high = edges[tokens - 1] + 1e-3 * rare, edges[tokens] - 1e-3 * rare
    laws = np.broadcast_to(law, (len(tokens), vocab_size))
    answers = LawAnswers.of(np.ascontiguousarray(laws))
    if of == "tensor":
        answers = TensorAnswers(torch.from_numpy(law)[None].expand(len(tokens), -1), are_weights=True)
    for uniforms in (low, (low + high) / 2, high):
        assert (answers.draw(uniforms.astype(np.float64)) == tokens).all()
    for uniforms, neighbour in ((low - 2e-3 * rare, -1), (high + 2e-3 * rare, 1)):
        some = tokens[1:-1]
        found = answers.draw(uniforms.astype(np.float64))[1:-1]
        assert (found == some + neighbour).all()


@pytest.mark.parametrize("vocab_size", [50_257, 131_072])
@pytest.mark.parametrize("what", ["draw", "entropy", "confidence", "margin", "log_prob_of", "nucleus"])
def test_float64_is_made_for_a_stated_number_of_rows_at_a_time(vocab_size, what):
    """Whatever is asked, and of however many positions, float64 takes a few times `floats_at_once`."""
    at_once = 2 * vocab_size
    peaks = []
    for count in (8, 40):
        logits = torch.zeros((count, vocab_size), dtype=torch.bfloat16, requires_grad=True)
        answers = replace(TensorAnswers.of_logits(logits), floats_at_once=at_once)
        asked = {
            "draw": lambda answers=answers, count=count: answers.draw(np.full(count, 0.3)),
            "nucleus": lambda answers=answers: answers.under(as_sampler("confidence:nucleus=0.9")).confidence(),
            "log_prob_of": lambda answers=answers, count=count: answers.log_prob_of(np.zeros(count, dtype=np.int64)),
        }
        with Peak() as peak:
            asked.get(what, lambda answers=answers: getattr(answers, what)())()
        peaks.append(peak.most)
    few, many = peaks
    print(f"V={vocab_size}, {what}: {many / 2**20:.1f} MiB of float64 for 40 positions, {few / 2**20:.1f} for 8")
    assert at_once * 8 <= many <= 9 * at_once * 8
    assert many <= few + 40 * 8 * 8


def test_numpy_comes_home_whole():
    answers = TensorAnswers.of_logits(torch.zeros((3, 5)))
    assert isinstance(answers.numpy(), np.ndarray)
    assert np.asarray(answers).dtype == np.float64
    assert isinstance(answers, mt.core.protocols.Answers)
