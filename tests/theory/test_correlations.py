"""Correlations from the curve against their definitions, with twins that leave out or add one point of the curve."""

from __future__ import annotations

import pytest

from mdmtheory.theory.correlations import DUAL_TOTAL_CORRELATION, INFORMATION_WITH_REST, TOTAL_CORRELATION
from tests.theory.property import any_language, enumerable, stands, twins_refuted


def instances(statement):
    return enumerable(statement, languages=any_language(), stepped=False)


@pytest.mark.parametrize(
    "statement", [TOTAL_CORRELATION, DUAL_TOTAL_CORRELATION, INFORMATION_WITH_REST], ids=lambda statement: statement.id
)
def test_the_curve_gives_it_and_refutes_each_twin(statement):
    stands(statement, instances(statement))
    twins_refuted(statement, instances(statement))
