"""Languages fitted to texts and read from models that others fitted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.exact.enumeration import all_sequences
from mdmtheory.languages.arpa import read_arpa
from mdmtheory.languages.baum_welch import baum_welch, drawn_laws, expected
from mdmtheory.languages.book import ALPHABET, corpus
from mdmtheory.languages.text import Alphabet, letters

SPELL = "abracadabra abba cadabra"
WAYS = (None, "add:0.1", "kneser_ney")


def test_letters_of_a_text_are_small_with_one_space_between_words():
    assert letters("We hold -- these\n'truths'") == "we hold these truths"
    assert ALPHABET.text(ALPHABET.tokens("we hold")) == "we hold"


def test_words_that_are_not_kept_are_one_token():
    alphabet = Alphabet.of_words("to be or not to be", most=2)
    assert alphabet.pieces == ("to", "be", "<unk>")
    assert alphabet.text(alphabet.tokens("to sleep")) == "to <unk>"
    with pytest.raises(ValueError, match="'c' is not among the 2 pieces"):
        Alphabet.of_characters("ab").tokens("abc")


def test_frequencies_are_counts():
    q = mt.NGram.fit(SPELL, order=2)
    after_b = [SPELL[i + 1] for i in range(len(SPELL) - 1) if SPELL[i] == "b"]
    letters_there = sorted(set(SPELL))
    wanted = [after_b.count(each) / len(after_b) for each in letters_there]
    assert q.conditional[letters_there.index("b")].tolist() == wanted
    assert q.initial[0] == SPELL.count(" ") / len(SPELL)


def test_added_counts_by_hand():
    q = mt.NGram.fit([0, 0, 1], order=2, smoothing="add:0.5")
    assert np.allclose(q.conditional, [[0.5, 0.5], [3.5 / 6 * 0 + 2.5 / 4, 1.5 / 4]])


def test_kneser_ney_by_hand():
    # 0 1, 1 0, 0 1, 1 2: counts 2, 1, 1; n_1 = 2, n_2 = 1, so the discount is 1/2. One token each comes before 0, 1, 2.
    q = mt.NGram.fit([0, 1, 0, 1, 2], order=2, smoothing="kneser_ney")
    assert np.allclose(q.conditional[0], [0.25 / 3, 0.75 + 0.25 / 3, 0.25 / 3])
    assert np.allclose(q.conditional[1], [0.25 + 0.5 / 3, 0.5 / 3, 0.25 + 0.5 / 3])
    assert np.allclose(q.conditional[2], 1 / 3)


def fit_or_reject(tokens, **options):
    """The n-gram; other tokens where Kneser and Ney have nothing to discount by."""
    try:
        return mt.NGram.fit(tokens, **options)
    except ValueError:
        reject()


@given(st.lists(st.integers(0, 4), min_size=12, max_size=60), st.sampled_from(WAYS), st.integers(1, 4))
def test_the_automaton_is_the_table(tokens, smoothing, order):
    table = fit_or_reject(tokens, order=order, smoothing=smoothing, vocab_size=5)
    automaton = mt.PDFA.fit(tokens, order=order, smoothing=smoothing, vocab_size=5)
    short = all_sequences(5, 4)
    assert np.allclose(np.exp(automaton.log_prob(short)), np.exp(table.log_prob(short)), atol=1e-14)


@given(st.lists(st.integers(0, 3), min_size=12, max_size=80))
def test_kneser_ney_keeps_the_frequency_of_each_token(tokens):
    q = fit_or_reject(tokens, order=2, smoothing="kneser_ney", vocab_size=4)
    before = np.bincount(tokens[:-1], minlength=4)
    assert np.allclose(before @ q.conditional, np.bincount(tokens[1:], minlength=4))


def test_several_sequences_are_not_read_across():
    q = mt.PDFA.fit([[0, 1, 0], [2, 0, 1]], order=2)
    assert q.in_support([[2, 0, 1, 0], [0, 2, 0, 1]]).tolist() == [True, False]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"tokens": "", "order": 1}, "the text is empty"),
        ({"tokens": [], "order": 1}, "there are no tokens"),
        ({"tokens": [0.5], "order": 1}, "whole numbers"),
        ({"tokens": [-1], "order": 1}, "whole numbers"),
        ({"tokens": [0, 3], "order": 1, "vocab_size": 2}, "pass 4 or more"),
        ({"tokens": [0, 1], "order": 3}, "no sequence has 3 tokens"),
        ({"tokens": [0, 1], "order": 2, "smoothing": "add:0"}, "unknown smoothing"),
        ({"tokens": [0, 1], "order": 2, "smoothing": "witten"}, "unknown smoothing"),
        ({"tokens": [0, 0, 0, 0], "order": 2, "smoothing": "kneser_ney"}, "more than once"),
        ({"tokens": [0, 1], "order": 7}, "take PDFA.fit"),
    ],
)
def test_what_is_not_fitted_to(arguments, reason):
    with pytest.raises(ValueError, match=reason) as raised:
        mt.NGram.fit(**arguments)
    assert "\n" not in str(raised.value)


def arpa(tmp_path, *, weight="-0.2218487", told=4):
    """After a: b listed at .5, the rest backs off. p(a), p(b), p(c), p(</s>) = .4, .2, .2, .2."""
    path = tmp_path / "model.arpa"
    path.write_text(
        f"\\data\\\nngram 1=5\nngram 2={told}\n\n\\1-grams:\n-99\t<s>\t{np.log10(0.5 / 0.6):.7f}\n"
        f"-0.39794\ta\t{np.log10(0.5 / 0.8):.7f}\n-0.69897\tb\t{weight}\n-0.69897\tc\n-0.69897\t</s>\n\n"
        "\\2-grams:\n-0.30103\t<s> a\n-0.30103\ta b\n-0.39794\tb a\n-0.39794 b </s>\n\n\\end\\\n"
    )
    return path


def test_a_back_off_model_by_hand(tmp_path):
    path = arpa(tmp_path, weight=f"{np.log10(0.2 / 0.4):.7f}")
    assert read_arpa(path).alphabet.pieces == ("a", "b", "c", "</s>")
    q = mt.PDFA.from_arpa(path)
    # <s> a b: .5 * .5. <s> b: .5/.6 * .2. After c, which no bigram begins with, single words. </s> leads back to <s>.
    wanted = {(0, 1): 0.25, (1, 0): 0.5 / 0.6 * 0.2 * 0.4, (2, 1): 0.5 / 0.6 * 0.2 * 0.2, (3, 0): 0.5 / 0.6 * 0.2 * 0.5}
    assert np.allclose(np.exp(q.log_prob([list(each) for each in wanted])), list(wanted.values()), rtol=1e-4)
    assert 0 < q.rounded < 1e-4
    table = mt.NGram.from_arpa(path)
    tokens = all_sequences(4, 4)
    assert np.allclose(np.exp(q.log_prob(tokens)), np.exp(table.log_prob(tokens)), atol=1e-15)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weight": "0.0"}, "after 'b' sums to 1.2"),
        ({"told": 5}, "lists so many n-grams"),
        ({"weight": "half"}, "line 8: 'half' is no number"),
    ],
)
def test_what_is_no_back_off_model(tmp_path, change, reason):
    with pytest.raises(ValueError, match=reason):
        mt.PDFA.from_arpa(arpa(tmp_path, **change))


def test_expected_counts_are_those_of_all_paths():
    laws = drawn_laws(2, 3, 0)
    tokens = [np.array([0, 2, 1]), np.array([1, 1])]
    found = expected(laws, tokens)
    first, moves, of_tokens, nats = np.zeros(2), np.zeros((2, 2)), np.zeros((2, 3)), 0.0
    for each in tokens:
        paths = all_sequences(2, len(each)).astype(int)
        chances = laws.initial[paths[:, 0]] * laws.transition[paths[:, :-1], paths[:, 1:]].prod(axis=1)
        chances = chances * laws.emission[paths, each].prod(axis=1)
        nats += np.log(chances.sum())
        chances /= chances.sum()
        np.add.at(first, paths[:, 0], chances)
        np.add.at(moves, (paths[:, :-1], paths[:, 1:]), chances[:, None])
        np.add.at(of_tokens, (paths, each), chances[:, None])
    for one, other in zip(found, (first, moves, of_tokens, nats), strict=True):
        assert np.allclose(one, other)


def test_no_iteration_makes_the_text_less_probable_and_a_known_model_is_found():
    q = mt.HMM([0.5, 0.5], [[0.95, 0.05], [0.05, 0.95]], [[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]])
    tokens = q.sample(60, 50, seed=0)
    laws, history = baum_welch(drawn_laws(2, 3, 1), list(tokens.astype(int)), iterations=60, tolerance=0.0)
    assert (np.diff(history) > -1e-9).all()
    assert history[-1] > q.log_prob(tokens).sum()
    found = mt.HMM.fit(tokens, states=2, seed=1, iterations=60, tolerance=0.0)
    assert np.array_equal(found.emission, laws.emission)
    order = np.argsort(found.emission[:, 2])
    assert np.abs(found.emission[order] - q.emission).max() < 0.03


def test_models_of_other_packages_by_their_attributes():
    start, moves, table = [0.25, 0.75], [[0.5, 0.5], [0.125, 0.875]], [[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]
    wanted = mt.HMM(start, moves, table)
    learnt = SimpleNamespace(startprob_=np.array(start), transmat_=np.array(moves), emissionprob_=np.array(table))
    assert mt.HMM.from_hmmlearn(learnt) == wanted
    states = [SimpleNamespace(probs=np.array([row])) for row in table]
    with np.errstate(divide="ignore"):
        ends = np.log(np.zeros(2))
    grown = SimpleNamespace(starts=np.log(start), edges=np.log(moves), ends=ends, distributions=states)
    assert np.allclose(mt.HMM.from_pomegranate(grown).transition, wanted.transition)
    with pytest.raises(ValueError, match="ends sequences with probability 0.5"):
        mt.HMM.from_pomegranate(SimpleNamespace(**{**vars(grown), "ends": np.log([0.5, 0.25])}))
    params = SimpleNamespace(
        initial=SimpleNamespace(probs=np.array(start, dtype=np.float32)),
        transitions=SimpleNamespace(transition_matrix=np.array(moves)),
        emissions=SimpleNamespace(probs=np.array(table)[:, None]),
    )
    assert mt.HMM.from_dynamax(params) == wanted
    with pytest.raises(ValueError, match="has no startprob_"):
        mt.HMM.from_hmmlearn(params)
    params.emissions.probs = np.full((2, 2, 3), 1 / 3)
    with pytest.raises(ValueError, match="emits several numbers a step"):
        mt.HMM.from_dynamax(params)


def test_the_book_has_what_occurs_in_it():
    q = mt.as_language("book:order=4")
    tokens = corpus()[:4096].reshape(-1, 64)
    assert q.in_support(tokens).all()
    shown = ALPHABET.text(q.sample(1, 200, seed=0)[0])
    text = ALPHABET.text(corpus())
    assert all(shown[i : i + 4] in text for i in range(197))
