"""Laws over reveal plans: their exact laws, their streams, and what is refused."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import power_divergence

from mdmtheory.core.register import Register
from mdmtheory.core.reveal_plans import LAST_STEP
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.kernels.compiling import kernel
from mdmtheory.kernels.plans import draw_below
from mdmtheory.plans import Ancestral, GivenPlan
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.schedules import Schedule, as_schedule

LINEAR = as_schedule("linear")
RANDOM = ["ancestral", "fixed", "first_hitting"]
DETERMINISTIC = ["left_to_right", "blocks", "stride", "bisection", "bit_reversed"]


def draw(sampler, count, length, steps, schedule=LINEAR, key="plans"):
    return as_sampler(sampler).draw(stream_states(key, 0, count), length, steps, schedule)


def one(sampler, length, steps):
    return draw(sampler, 1, length, steps)[0].tolist()


def fits(plans, law):
    """The p-value of a G-test of drawn plans against a law {plan: probability}; 0 for a plan that the law excludes."""
    drawn, counts = np.unique(plans, axis=0, return_counts=True)
    seen = dict(zip(map(tuple, drawn.tolist()), counts.tolist(), strict=True))
    if not seen.keys() <= law.keys():
        return 0.0
    expected = len(plans) * np.array(list(law.values()))
    return power_divergence([seen.get(plan, 0) for plan in law], expected, lambda_="log-likelihood").pvalue


def independent_law(weights, length):
    """P(plan) = product of w_K over positions."""
    steps = range(1, len(weights) + 1)
    return {plan: math.prod(weights[k - 1] for k in plan) for plan in itertools.product(steps, repeat=length)}


def uniform_law(sizes):
    """Every order of the list in which step k stands sizes[k - 1] times is equally likely."""
    steps = [k for k, size in enumerate(sizes, start=1) for _ in range(size)]
    plans = sorted(set(itertools.permutations(steps)))
    return {plan: 1 / len(plans) for plan in plans}


@pytest.mark.parametrize(
    "schedule", [LINEAR, as_schedule("cosine"), as_schedule([0, 0.7, 0.75, 1.0]), Schedule.from_sizes([1, 6, 1])]
)
def test_ancestral_draws_independent_steps(schedule):
    plans = draw("ancestral", 40_000, 3, 3, schedule)
    law = independent_law(np.diff(schedule.revealed_fractions(3)), 3)
    assert fits(plans, law) > 1e-3
    assert fits(plans, independent_law([0.3, 0.3, 0.4], 3)) < 1e-6


@pytest.mark.parametrize("steps", [1, 2, 5, 64, 1000])
def test_ancestral_steps_have_the_schedule_s_weights(steps):
    schedule = as_schedule("polynomial:power=2")
    counts = np.bincount(draw("ancestral", 400, 500, steps, schedule).ravel(), minlength=steps + 1)[1:]
    expected = counts.sum() * np.diff(schedule.revealed_fractions(steps))
    few = expected < 5
    counts, expected = np.append(counts[~few], counts[few].sum()), np.append(expected[~few], expected[few].sum())
    if expected[-1] == 0:
        counts, expected = counts[:-1], expected[:-1]
    assert steps == 1 or power_divergence(counts, expected, lambda_="log-likelihood").pvalue > 1e-3


@pytest.mark.parametrize("sizes", [[2, 1, 1], [1, 3], [4], [1, 1, 1, 1]])
def test_fixed_draws_uniform_subsets(sizes):
    plans = draw("fixed", 20_000, 4, len(sizes), Schedule.from_sizes(sizes))
    assert fits(plans, uniform_law(sizes)) > 1e-3 or len(sizes) == 1


def test_fixed_takes_its_sizes_from_the_schedule():
    schedule = as_schedule("cosine")
    for row in draw("fixed", 5, 100, 7, schedule):
        assert np.bincount(row)[1:].tolist() == schedule.sizes(100, 7).tolist()
    assert np.bincount(draw("fixed", 1, 3, 8)[0]).tolist() == [0, 1, 1, 1]


def test_first_hitting_draws_uniform_orders():
    plans = draw("first_hitting", 24_000, 4, 1)
    assert fits(plans, uniform_law([1, 1, 1, 1])) > 1e-3


def test_the_check_above_refutes_a_biased_shuffle():
    plans = draw("first_hitting", 24_000, 4, 1)
    # Swapping positions 1 and 2 whenever the first comes last is still a permutation, but no uniform one.
    plans = np.where(plans[:, :1] == 4, plans[:, [1, 0, 2, 3]], plans)
    assert fits(plans, uniform_law([1, 1, 1, 1])) < 1e-6


@kernel
def drawn_below(state, bound):
    """A part of kernels is called by kernels alone."""
    return draw_below(state, bound)


def test_bounded_integers_are_unbiased_where_a_plain_multiplication_is_not():
    """With bound 3 * 2^30, 32 bits times the bound hit every third integer twice unless the excess is rejected."""
    state = stream_states("bounded", 0, 1)[0]
    counts = np.bincount([drawn_below(state, 3 << 30) % 3 for _ in range(3000)])
    assert power_divergence(counts, lambda_="log-likelihood").pvalue > 1e-3


@pytest.mark.parametrize("sampler", RANDOM)
def test_subset_laws_are_laws(sampler):
    """Over all subsets of what is masked, the probabilities of a reachable state sum to 1; the end reveals all."""
    length, steps = 5, 4
    law = as_sampler(sampler).subset_law(length, steps, as_schedule("cosine"))
    reached = np.eye(length + 1)[0]
    for step in law:
        number = np.array([[math.comb(length - m, s) for s in range(length + 1)] for m in range(length + 1)])
        moves = step * number
        np.testing.assert_allclose(moves.sum(axis=1)[reached > 0], 1, rtol=1e-12)
        after = np.zeros(length + 1)
        for m, s in itertools.product(range(length + 1), repeat=2):
            if m + s <= length:
                after[m + s] += reached[m] * moves[m, s]
        reached = after
    assert reached[-1] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("sampler", RANDOM)
def test_subset_law_is_the_drawn_law(sampler):
    schedule = as_schedule("cosine")
    law = as_sampler(sampler)
    subsets = law.subset_law(3, 3, schedule)
    exact = {}
    for plan in itertools.product(range(1, len(subsets) + 1), repeat=3):
        probability, revealed = 1.0, 0
        for k, step in enumerate(subsets, start=1):
            size = plan.count(k)
            probability *= step[revealed, size]
            revealed += size
        if probability > 0:
            exact[plan] = probability
    assert sum(exact.values()) == pytest.approx(1, abs=1e-12)
    assert fits(draw(sampler, 20_000, 3, 3, schedule), exact) > 1e-3


@pytest.mark.parametrize(
    ("sampler", "length", "steps", "plan"),
    [
        ("left_to_right", 4, 9, [1, 2, 3, 4]),
        ("blocks", 7, 3, [1, 1, 1, 2, 2, 3, 3]),
        ("blocks", 3, 6, [1, 3, 5]),
        ("stride", 7, 3, [1, 2, 3, 1, 2, 3, 1]),
        ("stride", 2, 5, [1, 2]),
        ("bisection", 1, 1, [1]),
        ("bisection", 2, 1, [1, 2]),
        ("bisection", 4, 1, [2, 1, 2, 3]),
        ("bisection", 7, 1, [3, 2, 3, 1, 3, 2, 3]),
        ("bisection", 8, 1, [3, 2, 3, 1, 3, 2, 3, 4]),
        ("bit_reversed", 8, 8, [1, 5, 3, 7, 2, 6, 4, 8]),
        ("bit_reversed", 9, 4, [1, 3, 2, 4, 1, 3, 2, 4, 1]),
        # Residues 0..4 reversed in three bits are 0, 4, 2, 6, 1: their ranks are 0, 3, 2, 4, 1.
        ("bit_reversed", 6, 5, [1, 4, 3, 5, 2, 1]),
        ("bit_reversed", 3, 8, [1, 3, 2]),
        ("bit_reversed", 4, 1, [1, 1, 1, 1]),
    ],
)
def test_deterministic_plans_by_hand(sampler, length, steps, plan):
    assert one(sampler, length, steps) == plan


@given(st.integers(1, 300))
def test_bisection_halves_every_span(length):
    plan = np.array(one("bisection", length, 1))
    assert plan.max() == math.ceil(math.log2(length + 1))

    def halved(first, last, step):
        if first > last:
            return True
        middle = (first + last) // 2
        return plan[middle] == step and halved(first, middle - 1, step + 1) and halved(middle + 1, last, step + 1)

    assert halved(0, length - 1, 1)


@given(st.integers(1, 80), st.integers(1, 80))
def test_bit_reversed_is_stride_in_another_order(length, steps):
    ordered, plan = np.array(one("stride", length, steps)), np.array(one("bit_reversed", length, steps))
    pairs = set(zip(ordered.tolist(), plan.tolist(), strict=True))
    assert len(pairs) == min(length, steps)
    assert {rank for _, rank in pairs} == set(range(1, min(length, steps) + 1))


@pytest.mark.parametrize("sampler", RANDOM + DETERMINISTIC)
@given(length=st.integers(1, 40), steps=st.integers(1, 40))
def test_plans_stay_within_the_steps_taken(sampler, length, steps):
    law = as_sampler(sampler)
    plans = draw(sampler, 3, length, steps)
    assert plans.dtype == np.int32
    assert plans.shape == (3, length)
    assert plans.min() >= 1
    assert plans.max() <= law.steps_taken(length, steps)
    if law.fixed:
        assert plans.max() == law.steps_taken(length, steps)
    if law.one_at_a_time:
        assert all(len(set(row)) == length for row in plans.tolist())


@pytest.mark.parametrize("sampler", RANDOM)
def test_a_row_depends_on_its_stream_alone(sampler):
    law, schedule = as_sampler(sampler), as_schedule("cosine")
    states = stream_states("rows", 0, 9)
    plans = law.draw(states, 50, 7, schedule)
    alone = stream_states("rows", 0, 9)[[6, 2]].copy()
    np.testing.assert_array_equal(law.draw(alone, 50, 7, schedule), plans[[6, 2]])
    np.testing.assert_array_equal(alone, states[[6, 2]])
    assert (states != stream_states("rows", 0, 9)).any(axis=1).all()


@pytest.mark.parametrize("sampler", DETERMINISTIC)
def test_fixed_plans_leave_the_streams_alone(sampler):
    states = stream_states("rows", 0, 3)
    plans = as_sampler(sampler).draw(states, 10, 4, LINEAR)
    np.testing.assert_array_equal(states, stream_states("rows", 0, 3))
    assert (plans == plans[0]).all()


def test_flags():
    flags = {
        name: tuple(
            getattr(as_sampler(name), flag) for flag in ("uses_steps", "uses_schedule", "fixed", "one_at_a_time")
        )
        for name in RANDOM + DETERMINISTIC
    }
    assert flags == {
        "ancestral": (True, True, False, False),
        "fixed": (True, True, False, False),
        "first_hitting": (False, False, False, True),
        "left_to_right": (False, False, True, True),
        "blocks": (True, False, True, False),
        "stride": (True, False, True, False),
        "bisection": (False, False, True, False),
        "bit_reversed": (True, False, True, False),
    }
    assert set(Register("plan law", "mdmtheory.plans")) == {*flags, "plan"}


@pytest.mark.parametrize("sampler", RANDOM + DETERMINISTIC)
def test_laws_are_values(sampler):
    law = as_sampler(sampler)
    assert law == as_sampler(str(law.spec)) == as_sampler(Spec.of(sampler))
    assert as_sampler(law) is law
    json.dumps(law.identity)


@pytest.mark.parametrize("text", ["2 1 2 3", "2,1,2,3\n", "[2, 1, 2, 3]"])
def test_a_plan_from_a_file(tmp_path, text):
    path = tmp_path / "plan.txt"
    path.write_text(text)
    law = as_sampler(f"plan:file={path}")
    assert draw(law, 2, 4, 64).tolist() == [[2, 1, 2, 3]] * 2
    assert law.steps_taken(4, 64) == 3
    assert (law.uses_steps, law.uses_schedule, law.fixed, law.one_at_a_time) == (False, False, True, False)
    assert str(law.spec) == f"plan:file={path}"
    assert law.identity == GivenPlan((2, 1, 2, 3)).identity
    assert law == GivenPlan((2, 1, 2, 3))


def test_a_given_plan_may_be_one_at_a_time():
    assert GivenPlan((3, 1, 2)).one_at_a_time
    assert GivenPlan((3, 1, 2)).spec != GivenPlan((1, 2, 3)).spec


def one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw("ancestral", 1, 0, 4), "length is 0; pass 1 or more"),
        (lambda: draw("stride", 1, 4, 0), "steps is 0; pass 1 or more"),
        (lambda: draw("ancestral", 1, 4, 3, as_schedule([0, 0.5, 1])), "has 2 steps, not 3"),
        (lambda: draw("fixed", 1, 4, 2, Schedule.from_sizes([1, 2])), "sum to 3, not to 4"),
        (lambda: draw(GivenPlan((1, 2)), 1, 3, 1), "has 2 positions and the length is 3; use length 2"),
        (lambda: GivenPlan((1, 0)), "step 0 at position 1"),
        (lambda: GivenPlan((1, LAST_STEP + 1)), "number steps from 1 to"),
        (lambda: GivenPlan(()), "the plan is empty"),
        (lambda: as_sampler("strides"), "unknown sampler 'strides' .did you mean 'stride'"),
        (lambda: as_sampler("stride:by=2"), "sampler 'stride' has no option 'by'"),
        (lambda: as_sampler("plan"), "needs file"),
    ],
)
def test_bad_calls(call, message):
    one_line(call, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 -2", "step -2 at position 1"),
        ("1 2.5", "step 2.5 at position 1; steps must be integers"),
        ("", "no numbers"),
    ],
)
def test_bad_plan_files(tmp_path, text, message):
    path = tmp_path / "plan.txt"
    path.write_text(text)
    one_line(lambda: as_sampler(f"plan:file={path}"), f"plan.txt.*{message}")


def test_a_missing_plan_file(tmp_path):
    one_line(lambda: as_sampler(f"plan:file={tmp_path / 'none'}"), "cannot read .*none: No such file")


def test_the_tables_of_different_schedules_are_kept_apart():
    first = draw(Ancestral(), 200, 100, 2, as_schedule([0, 0.9, 1]))
    second = draw(Ancestral(), 200, 100, 2, as_schedule([0, 0.1, 1]))
    assert (first == 1).mean() > 0.85
    assert (second == 1).mean() < 0.15


@pytest.mark.parametrize("sampler", ["ancestral", "fixed", "first_hitting"])
def test_streams_that_cannot_move_are_refused(sampler):
    with pytest.raises(ValueError, match="use stream_states"):
        as_sampler(sampler).draw(np.zeros((2, 4), dtype=np.uint64), 4, 2, as_schedule("linear"))
