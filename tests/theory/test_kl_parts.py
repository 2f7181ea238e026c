"""The split of the divergence, with twins that lose a part, take SER for its logarithm, or turn a part round."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import strategies as st

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import joint
from mdmtheory.exact.kl_parts import kl_parts
from mdmtheory.exact.law import law
from mdmtheory.metrics.distances import distances_of_laws
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory.kl_parts import STATEMENT
from tests.theory.property import any_language, enumerable, refuted, stands, twin

INSTANCES = enumerable(
    STATEMENT,
    languages=any_language(),
    most_sequences=100,
    sampler=st.sampled_from(["ancestral", "fixed", "stride", "entropy"]),
    denoiser=st.sampled_from(["oracle", "perturbed:epsilon=0.1", "window:width=1"]),
)


def test_the_divergence_is_two():
    stands(STATEMENT, INSTANCES)


def of_parts(change):
    def broken(setting, sides):
        p = law(
            MaskedDiffusion(setting.language.oracle(), steps=setting.steps, schedule=setting.schedule),
            setting.language,
            setting.length,
        )
        q = joint(setting.language, setting.length)
        found = change(kl_parts(p, q), distances_of_laws(p, q))
        return replace(sides, bound=Estimate.exact(found))

    return twin(STATEMENT, broken)


@pytest.mark.parametrize(
    "change",
    [
        lambda parts, distances: parts.wrong,
        lambda parts, distances: parts.unfaithful,
        lambda parts, distances: -math.expm1(-parts.wrong) + parts.unfaithful,
        lambda parts, distances: parts.wrong + distances.kl_on_support.value,
    ],
    ids=["wrong alone", "unfaithful alone", "SER itself", "the support's the other way round"],
)
def test_other_splits_are_refuted(change):
    refuted(of_parts(change), enumerable(STATEMENT, languages=any_language(), most_sequences=100))
