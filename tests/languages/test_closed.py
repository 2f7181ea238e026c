"""Languages in closed form against enumeration: laws, samples, support, values."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.languages.paired import Copy, EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.permutation import Permutation
from mdmtheory.languages.repetition import Repetition
from tests import brute_force
from tests.languages.closed import CASES, IDS, SMALL, index, joint_of


@pytest.mark.parametrize(("language", "length"), CASES, ids=IDS)
def test_probabilities_support_and_entropy_are_those_of_the_joint(language, length):
    joint = joint_of(language, length)
    every = brute_force.sequences(language.vocab_size, length)
    np.testing.assert_allclose(np.exp(language.log_prob(every)), joint, rtol=1e-13)
    assert (language.in_support(every) == (joint > 0)).all()
    entropy = language.entropy(length)
    assert entropy.kind == "exact"
    assert float(entropy) == pytest.approx(math.log((joint > 0).sum()), abs=1e-12)
    masked = brute_force.contexts(language.vocab_size, length)
    masked = masked[(masked == language.vocab_size).any(axis=1)]
    assert not language.in_support(masked).any()


@pytest.mark.parametrize(("language", "length"), CASES, ids=IDS)
def test_samples_follow_the_joint(language, length):
    tokens = language.sample(6000, length, seed=2)
    counts = np.bincount(index(tokens, language.vocab_size), minlength=len(joint_of(language, length)))
    assert brute_force.g_test(counts, joint_of(language, length)) > 1e-4


def test_the_check_above_refutes_an_order_shuffled_with_naive_swaps():
    generator = np.random.default_rng(0)
    orders = np.tile(np.arange(3), (6000, 1))
    rows = np.arange(6000)
    for i in range(3):
        # Swapping with any position, not only later ones, favours some orders.
        j = generator.integers(0, 3, 6000)
        orders[rows, j], orders[:, i] = orders[:, i].copy(), orders[rows, j].copy()
    counts = np.bincount(index(orders, 3), minlength=27)
    assert brute_force.g_test(counts, joint_of(Permutation(items=3), 3)) < 1e-4


def test_copy_at_distance_one_is_equal_pairs():
    every = brute_force.sequences(3, 5)
    pairs, copy = EqualPairs(vocab_size=3), Copy(distance=1, vocab_size=3)
    np.testing.assert_array_equal(pairs.log_prob(every), copy.log_prob(every))
    assert pairs != copy


def test_a_cut_off_block_leaves_positions_without_partner_free():
    copy = Copy(distance=3, vocab_size=4)
    assert copy.partners(10).tolist() == [3, 4, 5, 0, 1, 2, 9, -1, -1, 6]
    assert float(copy.entropy(10)) == pytest.approx(6 * math.log(4))
    np.testing.assert_allclose(
        copy.oracle().conditionals(np.array([[4] * 6 + [1, 2, 3, 4]]))[0, [0, 9]], [[0.25] * 4, [0, 1, 0, 0]]
    )


def test_entropy_rates():
    assert float(EqualPairs(vocab_size=4).entropy_rate()) == pytest.approx(math.log(2))
    assert float(Copy(distance=5, vocab_size=4).entropy_rate()) == pytest.approx(math.log(2))
    assert float(Parity().entropy_rate()) == pytest.approx(math.log(2))
    assert float(Repetition(vocab_size=4).entropy_rate()) == 0
    assert Permutation(items=4).entropy_rate() is None
    for language in (EqualPairs(vocab_size=4), Copy(distance=5, vocab_size=4), Parity(), Repetition(vocab_size=4)):
        assert language.entropy_rate().kind == "exact"
        assert float(language.entropy(10_000)) / 10_000 == pytest.approx(float(language.entropy_rate()), abs=2e-3)


@pytest.mark.parametrize("language", [language for language, _ in SMALL], ids=lambda language: str(language.spec))
def test_languages_are_values(language):
    assert eval(repr(language)) == language
    assert hash(eval(repr(language))) == hash(language)
    assert type(language).from_parameters(language.parameters()) == language
    assert mt.as_language(str(language.spec)) == language
    with pytest.raises(AttributeError, match="is immutable"):
        language.vocab_size = 7


def test_digests_differ():
    digests = [language.digest for language, _ in SMALL]
    assert len(set(digests)) == len(digests)


def test_a_saved_language_loads_equal(tmp_path):
    for number, (language, _) in enumerate(SMALL):
        path = tmp_path / f"{number}.npz"
        language.save(path)
        assert mt.load_language(path) == language


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EqualPairs(vocab_size=0), "vocab_size is 0; pass 1 or more"),
        (lambda: Copy(distance=0), "distance is 0"),
        (lambda: Permutation(items=-1), "items is -1"),
        (lambda: Permutation(items=4).sample(1, 5, seed=0), "length is 5, and there are 4 items; use at most 4"),
        (lambda: Permutation(items=4).in_support([[0, 1, 2, 3, 0]]), "length is 5"),
        (lambda: Permutation(items=4).oracle().conditionals([[4] * 5]), "length is 5"),
        (lambda: Parity().sample(1, 0, seed=0), "length is 0"),
        (lambda: Parity().log_prob([[0, 2]]), "token 2 at row 0, position 1 is outside the vocabulary"),
        (lambda: Repetition(vocab_size=2**31), "vocab_size 2147483648 is too large"),
        (lambda: Parity().oracle(0.0), "trust is 0.0"),
        (lambda: mt.as_language("copy:length=3"), "has no option 'length'"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
