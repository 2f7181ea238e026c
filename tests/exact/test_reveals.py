"""Every reveal plan and what its reveals cost, against sums over sequences and the scores of plans."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.exact import reveals
from mdmtheory.exact.reveals import all_plans, plan_costs, reveal_costs
from mdmtheory.plans import Ancestral
from mdmtheory.samplers.planned import Planned

BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.55, 0, 0.45]])
LENGTH = 3
PERTURBED = mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.3)


def masked(sampler, steps=2, denoiser=PERTURBED):
    return mt.MaskedDiffusion(denoiser, sampler=sampler, steps=steps, schedule="cosine")


@pytest.mark.parametrize("denoiser", [mt.Oracle(BIGRAM), PERTURBED], ids=str)
def test_a_reveal_costs_what_the_denoiser_gives_the_tokens_of_the_language(denoiser):
    costs = reveal_costs(denoiser, BIGRAM, LENGTH)
    q = mt.exact.joint(BIGRAM, LENGTH)
    for number, (shown, position) in enumerate(itertools.product(range(1 << LENGTH), range(LENGTH))):
        revealed = [place for place in range(LENGTH) if shown >> place & 1]
        expected = 0.0
        for x in itertools.product(range(3), repeat=LENGTH):
            if position not in revealed and q[x] > 0:
                context = np.array([[token if i in revealed else 3 for i, token in enumerate(x)]], dtype=np.uint8)
                expected -= q[x] * math.log(denoiser.conditionals(context)[0, position, x[position]])
        assert costs[shown, position] == pytest.approx(expected, abs=1e-12), number


def test_one_after_the_other_the_oracle_costs_the_entropy():
    costs = reveal_costs(mt.Oracle(BIGRAM), BIGRAM, LENGTH)
    orders = np.array(list(itertools.permutations(range(1, LENGTH + 1))))
    np.testing.assert_allclose(plan_costs(orders, costs), BIGRAM.entropy(LENGTH).value, rtol=1e-12)


@pytest.mark.parametrize("sampler", ["ancestral", "fixed", "first_hitting", "stride"])
def test_plans_cost_what_their_scores_say(sampler):
    model = masked(sampler)
    plans, chances = all_plans(model, LENGTH)
    assert len(np.unique(plans, axis=0)) == len(plans)
    assert chances.sum() == pytest.approx(1)
    sequences, q = mt.exact.all_sequences(3, LENGTH), mt.exact.joint(BIGRAM, LENGTH).reshape(-1)
    sequences, q = sequences[q > 0], q[q > 0]
    costs = plan_costs(plans, reveal_costs(PERTURBED, BIGRAM, LENGTH))
    for plan, cost in zip(plans, costs, strict=True):
        scored = model.run(np.tile(plan.astype(np.int32), (len(q), 1)), tokens=sequences).log_probs.sum(axis=1)
        assert cost == pytest.approx(-(q @ scored), rel=1e-9)


def test_plans_have_the_chances_of_their_law():
    fractions = np.diff(masked("ancestral").schedule.revealed_fractions(2))
    for plan, chance in zip(*all_plans(masked("ancestral"), LENGTH), strict=True):
        assert chance == pytest.approx(math.prod(fractions[step - 1] for step in plan))
    sizes = masked("fixed").schedule.sizes(5, 2)
    plans, chances = all_plans(masked("fixed"), 5)
    assert len(plans) == math.comb(5, sizes[0])
    assert all((plan == 1).sum() == sizes[0] for plan in plans)
    assert set(chances) == {1 / len(plans)}
    assert len(all_plans(masked("first_hitting"), 4)[0]) == 24
    assert [each.tolist() for each in all_plans(masked("stride"), 4)] == [[[1, 2, 1, 2]], [1.0]]


@dataclass(frozen=True)
class Theirs(Ancestral):
    """A law that need not be that of its base."""


@pytest.mark.parametrize(
    ("sampler", "steps", "length", "said"),
    [
        (Planned(Ancestral(), temperature=0.5), 2, 3, "draws no token from its marginal; pass ancestral"),
        (Theirs(), 2, 3, "cannot be listed; pass ancestral, fixed or first_hitting"),
        ("ancestral", 8, 7, r"there are 2.1e\+06 plans, and at most 262144 are listed; use fewer steps or tokens"),
        ("first_hitting", 1, 10, r"there are 3.6e\+06 plans"),
    ],
)
def test_what_cannot_be_listed_is_refused(sampler, steps, length, said):
    with pytest.raises(ValueError, match=said):
        all_plans(masked(sampler, steps), length)
    assert reveals.MOST_PLANS == 262_144
