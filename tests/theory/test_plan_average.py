"""The plan-averaged identity, with twins that read the curve one place off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import enumerated_information_curve, joint
from mdmtheory.theory.plan_average import STATEMENT
from tests.theory.property import any_language, enumerable, refuted, stands, twin

INSTANCES = enumerable(
    STATEMENT, languages=any_language(), most_length=4, sampler=st.sampled_from(["ancestral", "fixed"])
)


def binomial_sum(setting, trials):
    """L sum_k w_k E[H(Bin(trials, a_{k-1}))], told with scipy."""
    from scipy.stats import binom

    curve = enumerated_information_curve(joint(setting.language, setting.length))
    fractions = setting.schedule.revealed_fractions(setting.steps)
    law = binom.pmf(np.arange(setting.length), trials, fractions[:-1, None])
    return setting.length * np.diff(fractions) @ law @ curve


def claiming(value):
    return twin(STATEMENT, lambda setting, sides: replace(sides, bound=Estimate.exact(float(value(setting)))))


def test_the_average_over_plans_is_the_sum_over_the_curve():
    stands(STATEMENT, INSTANCES)


def test_the_binomial_sum_is_refuted_with_one_trial_more_only():
    instances = enumerable(STATEMENT, most_length=4)
    stands(claiming(lambda setting: binomial_sum(setting, setting.length - 1)), instances)
    refuted(claiming(lambda setting: binomial_sum(setting, setting.length)), instances)


def test_the_curve_read_after_the_first_token_of_each_step_is_refuted():
    def late(setting):
        curve = enumerated_information_curve(joint(setting.language, setting.length))
        sizes = setting.schedule.sizes(setting.length, setting.steps)
        return sizes @ curve[np.minimum(np.cumsum(sizes) - sizes + 1, setting.length - 1)]

    refuted(claiming(late), enumerable(STATEMENT, most_length=4, sampler=st.just("fixed")))
