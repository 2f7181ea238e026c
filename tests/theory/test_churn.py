"""Churn, with twins of a smaller coefficient, and of products in place of whole posteriors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.theory.churn import CHURN, CHURN_OF_PRODUCTS, noise, product_posterior, whole_posterior
from mdmtheory.theory.instances import bigram3, independent
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import any_language, enumerable, stands, twins_refuted

KEPT = st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99])
INSTANCES = enumerable(CHURN, languages=any_language(), most_length=3, most_sequences=30, kept=KEPT)
OF_PRODUCTS = enumerable(
    CHURN_OF_PRODUCTS, languages=any_language(), most_length=3, most_sequences=30, stepped=False, kept=KEPT
)


def test_a_churn_brings_any_law_nearer():
    stands(CHURN, INSTANCES)


def test_the_posterior_s_marginals_are_the_oracle_s():
    language, kept = bigram3(), 0.6
    q = joint(language, 3).reshape(-1)
    posterior = whole_posterior(q, noise(3, 3, kept))
    sequences = all_sequences(3, 3)
    evidence = mt.UniformEvidence(sequences, kept, 3)
    found = mt.Oracle(language).posterior(evidence)
    for position in range(3):
        single = np.stack([posterior[:, sequences[:, position] == v].sum(axis=1) for v in range(3)], axis=1)
        np.testing.assert_allclose(found[:, position], single, atol=1e-12)
    np.testing.assert_allclose(q @ noise(3, 3, kept) @ posterior, q, atol=1e-14)


def test_independent_tokens_are_not_moved_by_products():
    q = joint(independent(), 3).reshape(-1)
    noisy = noise(2, 3, 0.5)
    posterior = whole_posterior(q, noisy)
    np.testing.assert_allclose(product_posterior(posterior, 2, 3), posterior, atol=1e-14)


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="less than 1"):
        CHURN.check(bigram3(), 3, 2, kept=1.0)


def test_products_move_the_language():
    stands(CHURN_OF_PRODUCTS, OF_PRODUCTS)


def test_each_twin_is_refuted():
    twins_refuted(CHURN, INSTANCES)
    twins_refuted(CHURN_OF_PRODUCTS, OF_PRODUCTS)
