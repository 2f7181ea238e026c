"""Automata that draw, and their exact posterior, where they are too large to be a chain of hidden states."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.languages import check_language
from mdmtheory.languages import pdfa
from mdmtheory.oracles.arcs import ArcsOracle

SPELL = "abab cabbacab"


@pytest.fixture
def large(monkeypatch):
    """An automaton that counts as large, beside itself as a chain."""
    small = mt.PDFA.fit(SPELL, order=3)
    monkeypatch.setattr(pdfa, "CHAIN_STATES", 0)
    found = mt.PDFA.fit(SPELL, order=3)
    assert (small.oracle_name, found.oracle_name) == ("chain", "arcs")
    return found, small


def test_it_is_a_language(large):
    report = check_language(large[0])
    assert report.passed, report


def test_its_posterior_is_that_of_the_chain(large):
    found, small = large
    generator = np.random.default_rng(0)
    tokens = found.sample(50, 12, seed=0)
    tokens[generator.random(tokens.shape) < 0.6] = found.vocab_size
    tokens[0, :2] = 3, 3  # which never follow each other
    for trust in (1.0, 0.9):
        assert np.allclose(
            found.oracle(trust).conditionals(tokens), small.oracle(trust).conditionals(tokens), atol=1e-13
        )
    evidence = 20 * generator.normal(size=(20, 12, found.vocab_size))
    assert np.allclose(found.oracle().posterior(evidence), small.oracle().posterior(evidence), atol=1e-12)


def test_nothing_is_lost_that_a_float_cannot_hold(large):
    # What the last tokens leave is e^-800 of what the first ones favour: state by state, and path by path.
    evidence = np.zeros((1, 12, large[0].vocab_size))
    evidence[0, :6, 0] = 800.0
    evidence[0, 6:, 1] = 800.0
    assert np.allclose(large[0].oracle().posterior(evidence), large[1].oracle().posterior(evidence), atol=1e-12)


def test_what_is_impossible_needs_no_logarithms_and_what_is_faint_does(monkeypatch):
    monkeypatch.setattr(pdfa, "CHAIN_STATES", 0)
    p = 1e-200
    language = mt.PDFA([0, 0, 1, 1], [0, 1, 0, 2], [0, 1, 1, 1], [1 - p, p, 1 - p, p], vocab_size=3)
    asked = []
    in_logs = ArcsOracle._in_logs
    monkeypatch.setattr(ArcsOracle, "_in_logs", lambda oracle, logs: asked.append(1) or in_logs(oracle, logs))
    assert not language.oracle().conditionals([[0, 2, 3]])[0, 2].any()
    assert not asked
    assert language.oracle().conditionals([[3, 2, 3]])[0, 0].tolist() == [0, 1, 0]
    assert asked


def test_what_it_says_of_itself_is_the_same_as_a_chain(large):
    found, small = large
    for length in (1, 5, 40):
        assert found.entropy(length).value == pytest.approx(small.entropy(length).value)
    tokens = found.sample(200, 9, seed=1)
    assert np.allclose(small.log_prob(tokens), small.chain.log_prob(tokens, 1))
    assert mt.ser(mt.MaskedDiffusion(mt.Oracle(found), steps=4), found, 6).value == pytest.approx(
        mt.ser(mt.MaskedDiffusion(mt.Oracle(small), steps=4), small, 6).value, abs=0.03
    )


@pytest.mark.parametrize(
    ("arcs", "reason"),
    [
        (([0], [0], [0], [0.5]), "state 0 sum to 0.5"),
        (([0, 0], [0, 0], [0, 0], [0.5, 0.5]), "two arcs of the token 0"),
        (([0], [2], [0], [1.0]), "tokens has 2"),
        (([0], [0], [1], [1.0]), "targets has 1"),
        (([1], [0], [1], [1.0]), "state 0 sum to 0"),
        (([0], [0.5], [0], [1.0]), "tokens must be whole numbers"),
        (([0, 0], [0, 1], [0, 0], [1.0, 0.0]), "above 0"),
        (([0, 0], [0], [0], [1.0]), "shapes differ"),
        (([1e9], [0], [0], [1.0]), "MOST_TABLE_ENTRIES"),
    ],
)
def test_what_is_no_automaton(arcs, reason):
    with pytest.raises(ValueError, match=reason) as raised:
        mt.PDFA(*arcs, vocab_size=2)
    assert "\n" not in str(raised.value)
