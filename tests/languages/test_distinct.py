"""Steps of permutations in closed form, against enumeration: what is left of them, what is drawn, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.conformance.goodness import follows
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.models.completable import completable_rows
from tests.languages.test_automaton_rows import step_of

Q = mt.Permutation(items=5)
LENGTH = 4


def masked(q=Q, **options):
    return mt.MaskedDiffusion(mt.Oracle(q), **{"steps": 2, **options})


def uniform(offered, size, count):
    """One law, uniform on some items, of so many positions."""
    law = np.zeros(size)
    law[list(offered)] = 1 / len(offered)
    return np.tile(law, (count, 1))


def some_step(items, seed):
    """A partly revealed permutation, masked positions of it, and one uniform law on some items that are left."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(1, items + 1))
    shown = rng.permutation(items)[:length]
    shown[rng.random(length) < 0.7] = items
    left = np.setdiff1d(np.arange(items), shown)
    masked = np.flatnonzero(shown == items)
    if not len(masked):
        shown[0], masked, left = items, np.array([0]), np.append(left, shown[0])
    positions = np.sort(rng.choice(masked, size=rng.integers(1, len(masked) + 1), replace=False))
    offered = rng.choice(left, size=rng.integers(1, len(left) + 1), replace=False)
    return shown, positions, uniform(offered, items, len(positions))


@settings(max_examples=30, deadline=None)
@given(items=st.integers(3, 5), seed=st.integers(0, 10_000))
def test_what_is_left_of_a_step_is_the_enumerated_mass(items, seed):
    language = mt.Permutation(items=items)
    shown, positions, laws = some_step(items, seed)
    masses = step_of(language, shown, positions, laws)
    zeros = np.zeros(len(positions), int)
    drawn, kept = completable_rows(language, shown[None]).draw(zeros, positions, laws, np.full(len(positions), 0.6))
    assert np.exp(kept.sum()) == pytest.approx(sum(masses.values()), abs=1e-14)
    best, _ = completable_rows(language, shown[None]).best(zeros, positions, laws)
    possible = [tokens for tokens, mass in masses.items() if mass > 0]
    if not possible:
        assert (drawn == items).all()
        assert (best == items).all()
        return
    assert tuple(drawn.tolist()) in possible
    assert tuple(best.tolist()) == min(possible)
    scored = completable_rows(language, shown[None]).score(zeros, positions, laws, drawn)
    assert np.array_equal(scored, kept)


def test_tokens_of_a_step_have_the_conditioned_law():
    positions, count = np.array([0, 1, 3]), 4000
    laws = uniform([0, 1, 3, 4], 5, 3)
    masses = step_of(Q, np.full(4, 5), positions, laws)
    law = np.zeros((5,) * 3)
    for tokens, mass in masses.items():
        law[tokens] = mass
    where = np.repeat(np.arange(count), 3), np.tile(positions, count)
    uniforms = np.random.default_rng(0).random(3 * count)
    drawn, _ = completable_rows(Q, np.full((count, 4), 5)).draw(*where, np.tile(laws, (count, 1)), uniforms)
    assert follows(drawn.reshape(count, 3), law / law.sum())


def test_rows_and_the_order_of_their_pairs_do_not_matter_and_steps_see_what_was_written():
    shown = np.array([[5, 5, 5, 5], [2, 5, 5, 5]])
    rows, positions = np.array([0, 0, 1, 0, 1]), np.array([0, 1, 1, 3, 2])
    laws = np.vstack([uniform(range(5), 5, 1) if row == 0 else uniform([0, 1, 3, 4], 5, 1) for row in rows])
    uniforms = np.random.default_rng(2).random(5)
    whole = completable_rows(Q, shown)
    tokens, kept = whole.draw(rows, positions, laws, uniforms)
    mixed = np.array([3, 4, 0, 2, 1])
    again, left = completable_rows(Q, shown).draw(rows[mixed], positions[mixed], laws[mixed], uniforms[mixed])
    assert np.array_equal(again, tokens[mixed])
    assert np.array_equal(left, kept[mixed])
    rest = np.setdiff1d(np.arange(5), tokens[rows == 0])
    last, kept = whole.draw(np.zeros(1, int), np.array([2]), uniform(rest, 5, 1), np.array([0.9]))
    assert (last.tolist(), kept.tolist()) == ([int(rest[-1])], [0.0])
    for row in (0, 1):
        with pytest.raises(ValueError, match="uniform on items that are left"):
            whole.draw(np.full(1, row), np.array([3]), uniform(range(5), 5, 1), np.full(1, 0.5))


@pytest.mark.parametrize("sampler", ["stride", "blocks", "fixed"])
def test_a_fixed_plan_has_its_exact_rate_in_every_walk(sampler):
    model = masked(sampler=sampler)
    wrong = model.walk_steps(Q, 50, LENGTH, seed=0).wrong
    assert np.ptp(wrong) <= 1e-15
    assert wrong[0] == pytest.approx(1 - (5 * 4 / 5**2) * (3 * 2 / 3**2), rel=1e-14)
    found = mt.ser(model, Q, LENGTH, count=50, method="sharp")
    assert found.value == pytest.approx(error_rate(mt.exact.law(model, Q, LENGTH), joint(Q, LENGTH)), rel=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"steps": 3, "schedule": "cosine"},
        {"sampler": "ancestral:temperature=0.3,min_p=0.5"},
        {"sampler": "stride:nucleus=0.5,ties=lowest"},
        {"sampler": "ancestral:nucleus=0.5,ties=lowest"},
        {"sampler": "ancestral:temperature=0,ties=lowest"},
        {"sampler": "blocks:temperature=0"},
    ],
)
@pytest.mark.parametrize("prompt", [None, "prefix:size=1"])
def test_the_mean_is_the_enumerated_rate(options, prompt):
    model, count = masked(**options), 2000
    exact = error_rate(mt.exact.law(model, Q, LENGTH, prompt=prompt), joint(Q, LENGTH))
    found = mt.ser(model, Q, LENGTH, count=count, method="sharp", prompt=prompt, level=0.99999)
    assert found.low - 1e-12 <= exact <= found.high
    assert found.value == pytest.approx(exact, abs=0.02)


def test_random_order_is_told_by_its_shared_steps():
    model, count = masked(steps=40), 3000
    walk = model.walk_shared(Q, count, LENGTH, seed=0)
    exact = error_rate(mt.exact.law(model, Q, LENGTH), joint(Q, LENGTH))
    assert walk.wrong.mean() == pytest.approx(exact, abs=4.5 * walk.wrong.std() / math.sqrt(count))


@pytest.mark.parametrize("sampler", ["ancestral:constrained=true", "stride:constrained=true,nucleus=0.7"])
def test_steps_drawn_together_are_the_language_itself(sampler):
    """Uniform on what is left, without replacement: no step loses anything, however few there are."""
    model = masked(sampler=sampler, steps=1)
    q = joint(Q, LENGTH)
    np.testing.assert_allclose(mt.exact.law(model, Q, LENGTH), q, atol=1e-15)
    drawn = model.sample(3000, LENGTH, seed=0)
    assert follows(drawn.tokens, q)
    np.testing.assert_allclose(model.log_prob(drawn.tokens[:9]).values, -math.log(120), rtol=1e-12)


def test_the_most_probable_step_is_the_first():
    found = masked(sampler="blocks:constrained=true,temperature=0,ties=lowest").sample(3, LENGTH, seed=0).tokens
    assert found.tolist() == [[0, 1, 2, 3]] * 3


def test_where_a_nucleus_leaves_too_few_items_nothing_can_be_completed():
    """Of five items a nucleus of 0.5 leaves three, of which four tokens are to be made in the step."""
    options = {"sampler": "stride:constrained=true,nucleus=0.5,ties=lowest", "steps": 1}
    assert mt.exact.law(masked(**options), Q, LENGTH).sum() == 0
    assert masked(**options).sample(9, LENGTH, seed=0).impossible.all()
    two_steps = masked(**{**options, "steps": 2})
    law = mt.exact.law(two_steps, Q, LENGTH)
    found = {tuple(row) for row in two_steps.sample(400, LENGTH, seed=0).tokens.tolist()}
    assert found == {tuple(row) for row in np.argwhere(law > 0).tolist()}
    assert law.sum() == pytest.approx(1)


def test_other_denoisers_are_refused_in_one_line():
    for denoiser in (mt.Perturbed(mt.Oracle(Q), epsilon=0.1), mt.Oracle(Q, trust=0.9)):
        model = mt.MaskedDiffusion(denoiser, steps=2)
        with pytest.raises(ValueError, match="of the laws of its exact denoiser alone") as refused:
            mt.ser(model, Q, LENGTH, method="sharp")
        assert "\n" not in str(refused.value)
        held = mt.MaskedDiffusion(denoiser, sampler="stride:constrained=true", steps=2)
        for call in (
            lambda held=held: held.sample(9, LENGTH, seed=0),
            lambda held=held: mt.exact.law(held, Q, LENGTH),
            lambda held=held: held.validate_whole(LENGTH),
        ):
            with pytest.raises(ValueError, match="of the laws of its exact denoiser alone"):
                call()


def test_laws_that_are_not_one_uniform_law_are_refused():
    shown, zeros = np.full((1, 4), 5), np.zeros(2, int)
    uneven = np.tile([0.3, 0.3, 0.2, 0.1, 0.1], (2, 1))
    different = np.vstack([uniform([0, 1], 5, 1), uniform([0, 2], 5, 1)])
    for laws in (uneven, different):
        with pytest.raises(ValueError, match="one law, uniform on items that are left") as refused:
            completable_rows(Q, shown).draw(zeros, np.arange(2), laws, np.full(2, 0.5))
        assert "\n" not in str(refused.value)


def test_a_long_one_has_the_product_over_its_steps():
    q = mt.Permutation(items=64)
    found = mt.ser(masked(q, sampler="stride", steps=32), q, 64, count=20, method="sharp").value
    expected = 1 - math.prod((k - 1) / k for k in range(2, 65, 2))
    assert found == pytest.approx(expected, rel=1e-12)
