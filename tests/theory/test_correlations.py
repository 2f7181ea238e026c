"""Correlations from the curve against their definitions, with twins that leave out or add one point of the curve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import enumerated_information_curve, joint
from mdmtheory.theory.correlations import DUAL_TOTAL_CORRELATION, INFORMATION_WITH_REST, TOTAL_CORRELATION
from tests.theory.property import any_language, enumerable, refuted, stands, twin


def instances(statement):
    return enumerable(statement, languages=any_language(), stepped=False)


def claiming(statement, value):
    def broken(setting, sides):
        curve = enumerated_information_curve(joint(setting.language, setting.length))
        return replace(sides, bound=Estimate.exact(float(value(curve))))

    return twin(statement, broken)


@pytest.mark.parametrize(
    "statement", [TOTAL_CORRELATION, DUAL_TOTAL_CORRELATION, INFORMATION_WITH_REST], ids=lambda statement: statement.id
)
def test_the_curve_gives_it(statement):
    stands(statement, instances(statement))


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        (TOTAL_CORRELATION, lambda curve: (curve[0] - curve[:-1]).sum()),
        (TOTAL_CORRELATION, lambda curve: (curve[0] - curve).sum() * (1 - 1 / len(curve))),
        (DUAL_TOTAL_CORRELATION, lambda curve: (curve[1:] - curve[-1]).sum()),
        (DUAL_TOTAL_CORRELATION, lambda curve: (curve[0] - curve).sum()),
        (INFORMATION_WITH_REST, lambda curve: (len(curve) - 1) * (curve[0] - curve[-1])),
    ],
    ids=["last point left out", "mean over L - 1", "first point left out", "TC for DTC", "one token less"],
)
def test_one_point_off_is_refuted(statement, value):
    refuted(claiming(statement, value), instances(statement))
