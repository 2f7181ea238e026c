"""Laws per token of bigrams: constants that are known, plain sums, growth rates, and what is refused."""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory import schedules
from mdmtheory.exact import forgetting, rates
from mdmtheory.schedules import as_schedule
from tests.exact.known import BIGRAM3, GOLDEN, GROWTH, HMM2X3, TRIGRAM2, cycle
from tests.languages.small import laws

exact = mt.exact
STICKY = cycle(3, 0.9)
NEARLY_PERIODIC = cycle(4, 0.02)
GRID = np.array([0.0, 0.3, 1.0])

# Found by two independent programs; docs/theory.md, section 5.
KAPPA = {"golden": (GOLDEN, 0.069106018296), "growth": (GROWTH, 0.147610962642)}
# λ(N) of the linear schedule by recursion over spans.
GROWTH_RATES = {
    "golden": {2: 0.965704537183, 4: 0.982757951152, 8: 0.991366966841},
    "growth": {4: 0.9629339198476456, 16: 0.9907637123370826, 64: 0.9976929105900941},
}


def entropies(rows):
    return -(rows * np.log(np.where(rows > 0, rows, 1))).sum(axis=-1)


def plain_tau(language, a, d, b):
    """τ(a, d, b) straight from its definition: 1 less the mass on the pairs that can stand d apart."""
    power = lambda n: np.linalg.matrix_power(language.conditional, n)  # noqa: E731
    joined = np.linalg.matrix_power((language.conditional > 0).astype(int), d) > 0
    law = np.linalg.matrix_power(language.conditional, 4096)[0]
    total = 0.0
    for s, t in itertools.product(range(len(law)), repeat=2):
        ends = power(a + d + b)[s, t]
        if ends > 0 and law[s] > 0:
            y = power(a)[s] * power(d + b)[:, t] / ends
            z = power(a + d)[s] * power(b)[:, t] / ends
            total += law[s] * ends * (1 - y @ joined @ z)
    return total


def tau_table(language, distance):
    """τ(a, distance, b) at [a - 1, b - 1], pair of ends by pair of ends; the last row and column for all further."""
    chain = forgetting.forgetting_chain(language)
    last, forbidden = chain.settled, chain.forbidden[distance - 1]
    along = chain.powers[np.minimum(np.arange(2 * last + distance), last - 1)]
    table = np.empty((last, last))
    for a in range(1, last + 1):
        masses = along[a - 1, :, :, None] * along[a + distance - 1, :, None, :] * forbidden
        joint = np.zeros((last, *chain.powers[0].shape))
        for y, z in np.argwhere(forbidden):
            joint += masses[:, y, z, None] * (along[distance : distance + last, y] * along[:last, z])[:, None, :]
        ends = along[a + distance : a + distance + last]
        table[a - 1] = (chain.law[:, None] * joint / np.where(ends > 0, ends, 1)).sum(axis=(1, 2))
    return table


SLOW = cycle(3, 0.08)
WITH_FAR_PAIRS = mt.NGram([1.0, 0, 0, 0], [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0.5, 0, 0]])


@pytest.mark.parametrize("language", [GOLDEN, BIGRAM3, SLOW, WITH_FAR_PAIRS], ids=["golden", "bigram3", "slow", "far"])
def test_sums_over_spans_are_those_of_the_table(language):
    chain = forgetting.forgetting_chain(language)
    clashes, settled = rates._clashes(language), chain.settled
    tables = [tau_table(language, distance) for distance in range(1, len(clashes.far) + 1)]
    assert (language is WITH_FAR_PAIRS) == (len(tables) > 4)
    for n in (3, 4, 5, 9, settled // 2 + 3, settled + 2, 2 * settled + 1, len(clashes.spans) + 1, 3 * settled + 20):
        spans = edges = 0.0
        for distance, table in enumerate(tables, start=1):
            a = np.arange(1, n - distance)
            spans += table[np.minimum(a, settled) - 1, np.minimum(a[::-1], settled) - 1].sum()
            if n > distance:
                nearest = min(n - distance, settled) - 1
                edges += table[-1, nearest] + table[nearest, -1]
        assert clashes.of_spans(np.array([n]))[0] == pytest.approx(spans, rel=1e-11)
        assert clashes.of_edges(np.array([n]))[0] == pytest.approx(edges, rel=1e-11)
    # Both ways to the same sums.
    for way in (rates._spans_by_carrying, rates._spans_of_few):
        np.testing.assert_allclose(way(chain, len(clashes.spans)), clashes.spans, rtol=1e-12)
    np.testing.assert_allclose(clashes.far, [table[-1, -1] for table in tables], rtol=1e-11)


def test_a_chain_that_forgets_in_thousands_of_tokens_has_the_constant_of_its_table():
    # Measured once with the table of all τ(a, d, b), which took 5 s.
    assert exact.kappa(cycle(4, 0.005)).value == pytest.approx(0.016511999837188904, rel=1e-12)


@pytest.mark.parametrize("name", KAPPA)
def test_known_constants(name):
    language, value = KAPPA[name]
    found = exact.kappa(language)
    assert found.value == pytest.approx(value, abs=6e-13)
    assert found.kind == "exact"


@pytest.mark.parametrize("name", KAPPA)
def test_growth_rates_tend_to_kappa(name):
    language, value = KAPPA[name]
    (coarse, a), (fine, b) = list(GROWTH_RATES[name].items())[-2:]
    left, right = coarse * (1 - a), fine * (1 - b)
    assert abs(right - value) < 0.5 * abs(left - value) < 2e-3 * value
    # The next term is of order 1/N².
    extrapolated = right + (right - left) / ((fine / coarse) ** 2 - 1)
    assert extrapolated == pytest.approx(exact.kappa(language).value, rel=3e-4)


def test_tails_matter():
    """The sum over spans falls short as 1/width wherever it is cut; what is left out is known in closed form."""
    table = tau_table(GOLDEN, 1)
    at = np.arange(1, 1001)
    n = at[:, None] + 1 + at
    capped = np.minimum(at, len(table)) - 1
    terms = 2 * table[np.ix_(capped, capped)] / (n * (n - 1.0) * (n - 2))
    value = exact.kappa(GOLDEN).value
    assert terms[:60, :60].sum() == pytest.approx(0.0671, abs=5e-5)
    assert terms[n <= 60].sum() == pytest.approx(0.0664, abs=5e-5)
    for widest in (60, 250, 1000):
        # Far ends know nothing of the pair: τ is then (2/7)², the chance of two ones.
        left_out = 2 * (2 / 7) ** 2 / widest
        assert terms[n <= widest].sum() + left_out == pytest.approx(value, abs=0.05 / widest**2)


def test_the_table_is_its_definition():
    chain = forgetting.forgetting_chain(BIGRAM3)
    assert len(chain.forbidden) == 1
    table = tau_table(BIGRAM3, 1)
    last = chain.settled
    for a, b in ((1, 1), (1, 3), (4, 2), (last, 1), (2, last), (last, last), (last + 9, last + 5)):
        found = table[min(a, last) - 1, min(b, last) - 1]
        assert found == pytest.approx(plain_tau(BIGRAM3, a, 1, b), abs=1e-12)
    # The twin that must fail: a distance off by one.
    assert abs(table[0, 0] - plain_tau(BIGRAM3, 1, 1, 2)) > 1e-3


@st.composite
def forgetting_bigrams(draw):
    """Bigrams of two or three tokens whose chain forgets quickly, started from any law."""
    size = draw(st.integers(2, 3))
    rows = np.array([draw(laws(size)) for _ in range(size)])
    language = mt.NGram(draw(laws(size)), rows)
    try:
        chain = forgetting.forgetting_chain(language)
    except ValueError:
        assume(False)
    assume(chain.settled < 300)
    return language


@given(language=forgetting_bigrams())
def test_kappa_is_the_integral_of_its_density(language):
    value = exact.kappa(language).value
    assert value >= 0
    edges = np.concatenate([[0], 0.5 ** np.arange(12, -1, -1)])
    nodes, weights = np.polynomial.legendre.leggauss(30)
    points = (edges[:-1, None] + np.diff(edges)[:, None] * (1 + nodes) / 2).ravel()
    density = exact.first_order_density(language, points)
    integral = (np.diff(edges)[:, None] / 2 * weights).ravel() @ density
    assert integral == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert exact.optimal_kappa(language).value <= value * (1 + 1e-9)
    # A language without forbidden pairs has none to lose.
    full = (language.conditional > 0).all()
    assert (value == 0) == full or not full


@pytest.mark.parametrize("language", [GOLDEN, GROWTH, BIGRAM3, STICKY], ids=["golden", "growth", "bigram3", "sticky"])
@pytest.mark.parametrize("revealed", [0.0, 0.1, 0.6, 1.0])
def test_the_density_is_its_definition(language, revealed):
    """c(α) = sum_d (1-α)^(d-1) E[τ(A, d, B)], by a plain sum over geometric distances."""
    chain = forgetting.forgetting_chain(language)
    tables = [tau_table(language, distance) for distance in range(1, len(chain.forbidden) + 1)]
    farthest = 400
    at = np.minimum(np.arange(1, farthest + 1), chain.settled) - 1
    if revealed == 0:
        expected = sum(table[-1, -1] for table in tables)
    else:
        chance = revealed * (1 - revealed) ** np.arange(farthest)
        expected = sum((1 - revealed) ** d * chance @ table[np.ix_(at, at)] @ chance for d, table in enumerate(tables))
    [found] = exact.first_order_density(language, np.array([revealed]))
    assert found == pytest.approx(expected, rel=1e-12)


def finite_sum(language, schedule, steps):
    """N sum_k w_k² c(a_k), a_k in the middle of the step."""
    edges = as_schedule(schedule).revealed_fractions(steps)
    return steps * float(np.diff(edges) ** 2 @ exact.first_order_density(language, (edges[1:] + edges[:-1]) / 2))


@pytest.mark.parametrize("language", [GROWTH, STICKY], ids=["growth", "sticky"])
@pytest.mark.parametrize(
    "schedule", ["linear", "cosine", "geometric", "polynomial:power=2", "polynomial:power=1.5", "polynomial:power=0.8"]
)
def test_kappa_of_a_schedule_is_the_limit_of_finite_sums(language, schedule):
    limit = exact.kappa(language, schedule=schedule).value
    near, nearer = (abs(finite_sum(language, schedule, steps) - limit) for steps in (250, 1000))
    assert nearer < 2e-3 * limit
    assert nearer < 0.6 * near
    if schedule in ("cosine", "geometric"):
        # The error of the middle of each step is of order 1/N².
        better = (4 * finite_sum(language, schedule, 2000) - finite_sum(language, schedule, 1000)) / 3
        assert limit == pytest.approx(better, rel=1e-8)


def test_quadrature_over_time_is_the_closed_form():
    for language, power in itertools.product((GOLDEN, GROWTH, STICKY), (1, 2, 3)):
        clashes = rates._clashes(language)
        by_time = rates._integral_over_time(clashes, lambda u, power=power: 1 - (1 - u) ** power)
        closed = exact.kappa(language, schedule=f"polynomial:power={power}").value
        assert by_time == pytest.approx(closed, rel=1e-11)


def test_no_schedule_can_end_in_steps_that_grow():
    assert exact.kappa(GROWTH, schedule="polynomial:power=0.5").value == math.inf
    assert exact.kappa(GROWTH, schedule="polynomial:power=0.4").value == math.inf
    assert exact.kappa(GROWTH, schedule="polynomial:power=0.51").value < 2
    # Grows without bound, as the value says.
    assert finite_sum(GROWTH, "polynomial:power=0.4", 4000) > 1.2 * finite_sum(GROWTH, "polynomial:power=0.4", 500)


def test_an_explicit_schedule_is_drawn_straight_between_its_fractions():
    assert exact.kappa(GROWTH, schedule=np.arange(17) / 16).value == pytest.approx(exact.kappa(GROWTH).value, rel=1e-12)
    assert exact.kappa(GROWTH, schedule=[0, 1]).value == pytest.approx(exact.kappa(GROWTH).value, rel=1e-12)
    assert exact.kappa(GROWTH, schedule=mt.Schedule.from_sizes([3, 3, 3])).value == pytest.approx(
        exact.kappa(GROWTH).value, rel=1e-12
    )
    edges = as_schedule("cosine").revealed_fractions(4096)
    assert exact.kappa(GROWTH, schedule=edges).value == pytest.approx(
        exact.kappa(GROWTH, schedule="cosine").value, rel=1e-6
    )


def test_cosine_is_worse_than_linear_on_the_growth_chain():
    # Measured: .414 against .354 at length 48 with 16 steps.
    for schedule, measured in (("linear", 0.354), ("cosine", 0.414)):
        predicted = 1 - math.exp(-exact.kappa(GROWTH, schedule=schedule).value * 48 / 16)
        assert predicted == pytest.approx(measured, abs=0.006)


@pytest.mark.parametrize(
    ("language", "gain", "within"),
    [(GROWTH, 0.0, 2e-4), (STICKY, 0.12, 5e-3), (NEARLY_PERIODIC, 0.49, 5e-3)],
    ids=["growth", "sticky 3-cycle", "nearly periodic 4-cycle"],
)
def test_what_the_best_schedule_gains(language, gain, within):
    linear, best = exact.kappa(language).value, exact.optimal_kappa(language).value
    assert linear / best - 1 == pytest.approx(gain, abs=within)
    # The bound is reached by steps ∝ 1/√c, and by nothing that departs from them.
    edges = np.concatenate([[0.0], np.geomspace(1e-5, 1, 801)])
    root = np.sqrt(exact.first_order_density(language, (edges[1:] + edges[:-1]) / 2)) * np.diff(edges)
    done = np.concatenate([[0.0], np.cumsum(root)]) / root.sum()
    fractions = np.interp(np.linspace(0, 1, 257), done, edges)
    reached = exact.kappa(language, schedule=fractions).value
    assert reached == pytest.approx(best, rel=2e-3)
    assert reached > best * (1 - 1e-6)
    assert exact.kappa(language, schedule=fractions**1.3).value > best * 1.01


def test_the_best_schedule_gains_it_in_exact_error_rates():
    """log(1 - SER) of the sticky cycle, linear over best, at 48 tokens in 128 steps."""
    best = schedules.from_density(partial(exact.first_order_density, STICKY), 128)
    assert exact.kappa(STICKY, schedule=best).value == pytest.approx(exact.optimal_kappa(STICKY).value, rel=1e-4)
    logs = [math.log1p(-exact.ser(STICKY, 48, steps=128, schedule=schedule).value) for schedule in ("linear", best)]
    gain = exact.kappa(STICKY).value / exact.optimal_kappa(STICKY).value
    assert logs[0] / logs[1] == pytest.approx(gain, rel=0.01)
    assert gain > 1.12


def test_order_one_has_nothing_to_lose():
    language = mt.NGram(1.0, [0.5, 0.5, 0.0])
    assert exact.kappa(language).value == 0
    assert exact.optimal_kappa(language).value == 0
    np.testing.assert_array_equal(exact.first_order_density(language, np.array([0.0, 0.3])), [0, 0])
    np.testing.assert_allclose(exact.limit_curve(language, np.array([0.0, 0.3, 1.0])), math.log(2), rtol=1e-12)


def test_tokens_that_are_never_reached_do_not_count():
    rows = np.zeros((5, 5))
    rows[np.ix_([1, 3], [1, 3])] = GOLDEN.conditional
    rows[[0, 2, 4], [2, 0, 1]] = 1
    language = mt.NGram([0, 1, 0, 0, 0], rows)
    assert exact.kappa(language).value == pytest.approx(exact.kappa(GOLDEN).value, rel=1e-12)


LEAVING = {
    "initial tokens that never come back": mt.NGram([0, 0, 1], [[0.6, 0.4, 0], [1, 0, 0], [0.5, 0.5, 0]]),
    "a token that is left for good": mt.NGram([0.9, 0.1, 0], [[0.2, 0.5, 0.3], [0, 0.5, 0.5], [0, 1, 0]]),
}


@pytest.mark.refutes("2.3")
@pytest.mark.parametrize(
    ("name", "value"),
    [("initial tokens that never come back", 0.069106018296), ("a token that is left for good", 0.0848573)],
)
def test_tokens_that_are_left_for_good_do_not_count(name, value):
    language = LEAVING[name]
    kappa = float(exact.kappa(language))
    assert kappa == pytest.approx(value, rel=1e-6)
    # What each further token costs in exact error rates, times the number of steps, falls to it.
    errors = []
    for steps in (32, 128):
        right = 1 - exact.ser_curve(language, 48, steps=steps)
        errors.append(steps * math.log(right[31] / right[47]) / 16 - kappa)
    assert abs(errors[1]) < 0.3 * abs(errors[0]) < 0.005 * kappa
    inside = mt.NGram([1.0, 0.0], language.conditional[:2, :2]) if value < 0.08 else None
    if inside is not None:
        np.testing.assert_array_equal(exact.limit_curve(language, GRID), exact.limit_curve(inside, GRID))
        assert exact.optimal_kappa(language) == exact.optimal_kappa(inside)


@pytest.mark.refutes("2.3")
def test_a_chain_that_is_absorbed_has_nothing_to_lose_per_token():
    language = mt.NGram([0.5, 0.5], [[0.5, 0.5], [0, 1]])
    assert float(exact.kappa(language)) == 0
    assert float(exact.kappa(language, schedule="cosine")) == 0


def test_the_golden_chain_has_this_limit_curve():
    # docs/theory.md, section 2.
    found = exact.limit_curve(GOLDEN, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(found, [0.598269588585, 0.477658671045, 0.375527670806], rtol=0, atol=6e-13)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    integral = weights @ exact.limit_curve(GOLDEN, (1 + nodes) / 2) / 2
    assert integral == pytest.approx(0.480722619292, abs=6e-13)


@pytest.mark.parametrize("language", [GOLDEN, GROWTH], ids=["golden", "growth"])
def test_long_curves_tend_to_the_limit_curve(language):
    limit = exact.limit_curve(language, np.linspace(0, 1, 401))
    errors = []
    for length in (101, 401):
        curve = np.asarray(exact.information_curve(language, length))
        errors.append(np.abs(curve - limit[:: 400 // (length - 1)]).max())
    assert errors[1] < 0.3 * errors[0] < 1e-2


def test_the_plan_averaged_gap_is_only_an_upper_bound():
    """N times the gap per token tends to (g(0) - g(1))/2, which lies above kappa."""
    for language in (GOLDEN, GROWTH):
        ends = exact.limit_curve(language, np.array([0.0, 1.0]))
        assert exact.kappa(language).value < (ends[0] - ends[1]) / 2


@pytest.mark.parametrize(
    ("language", "message"),
    [
        (HMM2X3, "is no bigram; this law per token is known for n-grams of order 1 and 2 only"),
        (TRIGRAM2, "is no bigram"),
        (mt.Parity(), "parity is no bigram"),
        (mt.NGram([0.5, 0.5], np.eye(2)), "reducible: it ends in one of 2 classes of tokens for good"),
        (mt.NGram([1, 0, 0], [[0, 0.5, 0.5], [0, 1, 0], [0, 0, 1]]), "reducible"),
        (cycle(3, 0.0), "has period 3: it never forgets where it is in its cycle"),
        (mt.NGram([0.5, 0.5, 0], [[0, 0.5, 0.5], [1, 0, 0], [1, 0, 0]]), "has period 2"),
        (
            mt.NGram([0.5, 0.5], [[1 - 1e-9, 1e-9], [1e-9, 1 - 1e-9]]),
            "has not forgotten its start after 32,768 tokens; pass a bigram that mixes faster",
        ),
    ],
)
def test_what_does_not_forget_is_refused(language, message):
    for law in (
        lambda: exact.kappa(language),
        lambda: exact.optimal_kappa(language),
        lambda: exact.first_order_density(language, np.array([0.5])),
        lambda: exact.limit_curve(language, np.array([0.5])),
    ):
        with pytest.raises(ValueError, match=message):
            law()


def test_what_takes_minutes_is_refused(monkeypatch):
    monkeypatch.setattr(rates, "MOST_COST", 1e5)
    slow = cycle(4, 0.05)
    with pytest.raises(ValueError, match=r"forgets in [\d,]+ tokens and forbids pairs at 2 distance.s., which takes"):
        exact.kappa(slow)
    assert exact.limit_curve(slow, np.array([1.0]))[0] >= 0


@pytest.mark.parametrize("law", [exact.first_order_density, exact.limit_curve])
@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_fractions_lie_between_0_and_1(law, bad):
    with pytest.raises(ValueError, match=r"revealed\[1\] is .*; pass fractions from 0 to 1"):
        law(GOLDEN, np.array([0.5, bad]))


def test_a_chain_with_a_rare_token_is_not_taken_for_a_slow_one():
    rare, common = (
        mt.NGram([0.3, 0.3, 0.4], [[0.5, 0.5, 0.0], [p, 0.5 - p, 0.5], [p, 0.5, 0.5 - p]]) for p in (1e-6, 1e-3)
    )
    # What is forbidden involves the rare token, so kappa is in proportion to its share.
    assert float(mt.exact.kappa(rare)) == pytest.approx(1e-3 * float(mt.exact.kappa(common)), rel=0.02)
