"""The split of the divergence, with twins that lose a part, take SER for its logarithm, or turn a part round."""

from __future__ import annotations

from hypothesis import strategies as st

from mdmtheory.theory.kl_parts import STATEMENT
from tests.theory.property import any_language, enumerable, stands, twins_refuted

INSTANCES = enumerable(
    STATEMENT,
    languages=any_language(),
    most_sequences=100,
    sampler=st.sampled_from(["ancestral", "fixed", "stride", "entropy"]),
    denoiser=st.sampled_from(["oracle", "perturbed:epsilon=0.1", "window:width=1"]),
)


def test_the_divergence_is_two():
    stands(STATEMENT, INSTANCES)


def test_each_twin_is_refuted():
    twins_refuted(STATEMENT, INSTANCES)
