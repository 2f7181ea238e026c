"""The law that tokens are drawn from: nucleus, float32 noise, and options that all samplers have."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.kernels.random import fill_uniforms
from mdmtheory.models.adaptive_loop import run_adaptive
from mdmtheory.oracles.token_laws import tempered, truncated
from mdmtheory.samplers.gumbel import float32_draws, float32_gumbel
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.schedules import as_schedule
from tests import brute_force

ALL = {
    "independent:mu=0.1": 1,
    "verify:k=2": 1,
    "topk_remask": 0.999,
    "redraw": 0.999,
    "remdm-cap": 0.999,
    "remdm-rescale": 0.999,
    "remdm-conf": 0.999,
    "remdm-loop": 0.999,
}
BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]])


@given(st.lists(st.sampled_from([0, 1, 1, 2, 5]), min_size=1, max_size=6), st.floats(0.01, 1))
def test_the_nucleus_is_the_fewest_tokens_that_reach_it(weights, nucleus):
    law = np.array(weights, float) + (sum(weights) == 0)
    law /= law.sum()
    found = truncated(law[None], nucleus, lowest=True)[0]
    kept = []
    for v in sorted(range(len(law)), key=lambda v: (-round(law[v], 10), v)):
        if sum(law[kept]) < nucleus - 1e-10:
            kept.append(v)
    expected = np.zeros_like(law)
    expected[kept] = law[kept] / law[kept].sum()
    np.testing.assert_allclose(found, expected if nucleus < 1 else law, atol=1e-12)


def test_the_least_nucleus_is_the_most_probable_token():
    law = np.array([[0.2, 0.5, 0.3], [0.5, 0.5, 0.0]])
    for nucleus in (1e-3, 1e-10, 1e-12, 5e-324):
        np.testing.assert_array_equal(truncated(law, nucleus), [[0, 1, 0], [0.5, 0.5, 0]])
        np.testing.assert_array_equal(truncated(law, nucleus, lowest=True), [[0, 1, 0], [1, 0, 0]])


@given(st.lists(st.sampled_from([0, 1, 1, 2, 5]), min_size=1, max_size=6), st.floats(0.01, 1), st.sampled_from([1, 0]))
def test_ties_at_the_edge_of_a_nucleus_and_at_temperature_zero_are_broken_by_a_random_order(weights, nucleus, T):
    # The mean over all orders of the tokens of the law that takes, of equal ones, the first in that order.
    law = np.array([weights], float) + (sum(weights) == 0)
    law /= law.sum()

    def first_in(order):
        back = np.argsort(order)
        return truncated(tempered(law[:, order], T, lowest=True), nucleus, lowest=True)[:, back]

    mean = np.mean([first_in(np.array(order)) for order in itertools.permutations(range(law.shape[1]))], axis=0)
    np.testing.assert_allclose(truncated(tempered(law, T), nucleus), mean, atol=1e-12)


def test_laws_of_tokens_that_do_not_tie_are_the_same_to_the_bit():
    generator = np.random.default_rng(0)
    laws = generator.dirichlet(np.ones(7), 500)
    for nucleus in (0.05, 0.5, 0.9):
        np.testing.assert_array_equal(truncated(laws, nucleus), truncated(laws, nucleus, lowest=True))
    np.testing.assert_array_equal(tempered(laws, 0), tempered(laws, 0, lowest=True))


def test_temperature_comes_before_the_nucleus():
    law = as_sampler("confidence:temperature=0.5,nucleus=0.6").law(np.array([[0.5, 0.4, 0.1]]))
    # Squared: .25, .16, .01 of .42, so the first has .595 and a second is needed.
    np.testing.assert_allclose(law, [[25 / 41, 16 / 41, 0]])


@given(
    st.lists(st.sampled_from([0, 1, 1, 2, 5]), min_size=1, max_size=6),
    st.sampled_from([0, 0.5, 1, 2]),
    st.sampled_from([0.3, 0.7, 1]),
    st.sampled_from([0.1, 0.2, 0.4, 0.5, 1]),
)
def test_min_p_cuts_from_the_nucleus_what_is_unlikely_beside_the_best(weights, T, nucleus, min_p):
    law = np.array([weights], float) + (sum(weights) == 0)
    law /= law.sum()
    found = as_sampler(f"confidence:temperature={T},nucleus={nucleus},min_p={min_p}").law(law)[0]
    inside, whole = truncated(tempered(law, T), nucleus)[0], tempered(law, T)[0]
    kept = np.where(whole >= min_p * whole.max() - 1e-12, inside, 0)
    np.testing.assert_allclose(found, kept / kept.sum(), atol=1e-12)
    assert (np.isclose(found[:, None], found) | ~np.isclose(law[0][:, None], law[0])).all()  # equals alike


def test_the_greatest_min_p_is_temperature_zero_and_the_least_is_none():
    laws = np.random.default_rng(0).dirichlet(np.ones(5), 50)
    np.testing.assert_allclose(as_sampler("confidence:min_p=1").law(laws), tempered(laws, 0), atol=1e-15)
    assert as_sampler("confidence:min_p=0") == as_sampler("confidence")
    assert as_sampler("stride:min_p=0").spec == as_sampler("stride").spec
    assert str(as_sampler("stride:min_p=0.1").spec) == "stride:min_p=0.1"
    assert not as_sampler("stride:min_p=0.1").may_tie


def test_float32_noise_is_capped():
    assert float(float32_gumbel(np.array([1 - 2.0**-53]))[0]) == pytest.approx(24 * math.log(2), abs=1e-6)
    assert float(float32_gumbel(np.array([0.0]))[0]) == -np.inf
    # In float64 this uniform has noise 36.7, and the rare token would win.
    uniforms = np.array([[0.5, 1 - 2.0**-53]])
    law = np.array([[1 - 1e-9, 1e-9]])
    assert (np.log(law) - np.log(-np.log(uniforms))).argmax() == 1
    assert float32_draws(law, uniforms).tolist() == [0]
    # What is impossible is never drawn, whatever its noise.
    assert float32_draws(np.array([[0.0, 1.0]]), np.array([[1 - 2.0**-53, 0.0]])).tolist() == [1]


def test_float32_noise_lowers_the_temperature_of_rare_tokens_and_leaves_common_ones():
    generator = np.random.default_rng(0)
    law = np.array([0.6, 0.3, 0.1])
    drawn = float32_draws(np.tile(law, (20_000, 1)), generator.random((20_000, 3)))
    assert brute_force.g_test(np.bincount(drawn, minlength=3), law) > 1e-4
    # A thousand tokens of 1e-9 have 1e-6 together; their noise is at most 16.64 and needs 20.7 above a common one's.
    rare = np.append(np.full(1000, 1e-9), 1 - 1e-6)
    best = np.append(np.full(1000, 1 - 2.0**-53), 2.0**-24)
    assert float32_draws(rare[None], best[None]).tolist() == [1000]


def test_float32_draws_have_the_law_of_an_ordinary_language():
    law = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="confidence", steps=2), BIGRAM, 3)
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="confidence:precision=float32", steps=2)
    samples = model.sample(6_000, 3, seed=0)
    counts = np.zeros(law.shape)
    np.add.at(counts, tuple(samples.tokens[~samples.impossible].T.astype(int)), 1)
    cells = [*counts.reshape(-1), samples.impossible.sum()]
    assert brute_force.g_test(cells, [*law.reshape(-1), 1 - law.sum()]) > 1e-4
    assert len(model.sample(0, 3, seed=0).tokens) == 0
    assert (model.sample(20, 3, seed=0, first=10).tokens == samples.tokens[10:30]).all()
    assert model.identity != mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="confidence", steps=2).identity


@pytest.mark.parametrize("sampler", [*ALL, "margin"])
def test_float32_draws_have_no_likelihood(sampler):
    spec = sampler + ("," if ":" in sampler else ":") + "precision=float32"
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM, trust=ALL.get(sampler, 1)), sampler=spec, steps=2)
    with pytest.raises(ValueError, match="float32 noise, whose law has no closed form; measure ser"):
        model.log_prob([[0, 0]])
    with pytest.raises(ValueError, match="float32 noise, whose law has no closed form; draw from it"):
        mt.exact.law(model, BIGRAM, 2)


@pytest.mark.parametrize("sampler", ALL)
def test_samplers_are_values_with_the_shared_options(sampler):
    built = as_sampler(sampler)
    assert built == as_sampler(str(built.spec))
    joint = "," if ":" in sampler else ":"
    other = as_sampler(f"{sampler}{joint}nucleus=0.9,temperature=0.5,precision=float32")
    assert str(other.spec).endswith("temperature=0.5,nucleus=0.9,precision=float32")
    assert other.identity != built.identity
    assert built.remasks is (ALL[sampler] < 1)


@pytest.mark.parametrize("sampler", ALL)
def test_a_sequence_depends_on_its_number_alone(sampler, monkeypatch):
    from mdmtheory.models import asking

    q = mt.as_language("hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1")
    p = mt.MaskedDiffusion(mt.Oracle(q, trust=ALL[sampler]), sampler=sampler, steps=6)
    whole = p.sample(8, 16, seed=2, threads=2)
    monkeypatch.setattr(asking, "BATCH_ENTRIES", 200)
    pieces = [p.sample(n, 16, seed=2, first=first, threads=1) for first, n in ((0, 3), (3, 5))]
    for field in ("tokens", "calls", "rounds", "impossible"):
        assert (np.concatenate([getattr(piece, field) for piece in pieces]) == getattr(whole, field)).all()
    assert (p.sample(8, 16, seed=3).tokens != whole.tokens).any()


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_every_step_takes_the_same_uniforms_of_every_sequence_also_where_nothing_is_drawn(precision):
    q, length, steps = mt.as_language("hmm:states=4,vocab_size=3"), 6, 12
    sampler = as_sampler(f"remdm-cap:precision={precision}")
    states, moved = stream_states("uniforms", 0, 5), stream_states("uniforms", 0, 5)
    run = run_adaptive(mt.Oracle(q, trust=0.999), sampler, length, steps, as_schedule("linear"), states=states)
    assert (run.calls < steps).any()
    each = length if precision == "float64" else 3 * length
    fill_uniforms(moved, np.empty((5, steps * (length + each))))  # coins, and what is drawn
    assert (states == moved).all()


def test_temperature_zero_is_greedy_where_nothing_else_is_left_to_chance():
    q = mt.as_language("hmm")
    for sampler in ("independent:mu=0.1", "verify:k=4", "topk_remask"):
        spec = sampler + ("," if ":" in sampler else ":") + "temperature=0,ties=lowest"
        samples = mt.MaskedDiffusion(mt.Oracle(q, trust=ALL.get(sampler, 1)), sampler=spec, steps=5).sample(
            10, 12, seed=0
        )
        assert (samples.tokens == samples.tokens[0]).all() or sampler.startswith("verify")
    one, other = (
        mt.MaskedDiffusion(mt.Oracle(q), sampler=f"verify:k={k},temperature=0").sample(1, 12, seed=0).tokens
        for k in (1, 4)
    )
    assert (one == other).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("confidence:nucleus=0", "nucleus is 0; pass a probability above 0 and at most 1"),
        ("confidence:nucleus=1.1", r"nucleus is 1.1; pass"),
        ("confidence:precision=half", "precision is 'half'; pass float64 or float32"),
        ("independent:mu=-1", "mu is -1; pass 0 or a positive number of nats"),
        ("independent", "needs mu=...; write independent:mu=value"),
        ("remdm-cap:eta=1.5", "eta is 1.5; pass a probability from 0 to 1"),
        ("remdm-rescale:eta=-0.1", "eta is -0.1; pass a probability"),
        ("remdm-conf:temperature=-1", "temperature is -1; pass 0"),
        ("remdm-loop:alpha=1", "alpha is 1; pass a number above 0 and below 1"),
        ("remdm-loop:t_on=0.1,t_off=0.2", "time falls, so pass t_on >= t_off"),
        ("redraw:tau=0", "tau is 0; pass a probability above 0"),
        ("redraw:share=2", "share is 2; pass a probability above 0"),
        ("redraw:sweeps=-1", "sweeps is -1; pass 0 or more"),
        ("redraw:sweeps=1.5", "sweeps of sampler 'redraw' is 1.5; pass a whole number"),
        ("verify:k=0", "k is 0; pass 1 or more"),
        ("verify:k=2,order=random", "order is 'random'; known: left_to_right, bit_reversed"),
        ("verify", "needs k=...; write verify:k=value"),
        ("remdm", "unknown sampler 'remdm'"),
    ],
)
def test_bad_options_are_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        as_sampler(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda o: mt.MaskedDiffusion(o, sampler="remdm-cap", steps=4),
            "remdm-cap:eta=0.05 may change tokens.*oracle:trust=0.999",
        ),
        (
            lambda o: mt.MaskedDiffusion(mt.Perturbed(o, epsilon=0.1), sampler="redraw", steps=4),
            "what is revealed is certain",
        ),
        (
            lambda o: mt.MaskedDiffusion(mt.Window(BIGRAM, width=2), sampler="topk_remask", steps=4),
            "what is revealed is certain",
        ),
        (
            lambda o: mt.MaskedDiffusion(mt.Window(BIGRAM, width=2), sampler="independent:mu=1").sample(1, 4, 0),
            "pairs of positions",
        ),
        (lambda o: mt.MaskedDiffusion(o, sampler="verify:k=2").replay([[0, 0]]), "a replay does not show its steps"),
        (
            lambda o: mt.MaskedDiffusion(mt.Oracle(BIGRAM, trust=0.9), sampler="remdm-conf").log_prob([[0]]),
            "may change tokens",
        ),
        (
            lambda o: mt.MaskedDiffusion(mt.Oracle(BIGRAM, trust=0.9), sampler="remdm-loop", steps=1).sample(1, 2, 0),
            "steps is 1; remdm-loop needs 2 or more",
        ),
        (
            lambda o: mt.MaskedDiffusion(
                mt.Oracle(BIGRAM, trust=0.9), sampler="remdm-loop", schedule=[0, 0.5, 1]
            ).sample(1, 2, 0),
            "has steps of its own; remdm-loop splits",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call(mt.Oracle(BIGRAM))
    assert "\n" not in str(caught.value)


def test_the_trust_stands_in_the_name_and_in_the_identity():
    models = [mt.MaskedDiffusion(mt.Oracle(BIGRAM, trust=trust), sampler="redraw", steps=4) for trust in (0.999, 0.99)]
    assert models[0].identity != models[1].identity
    assert "oracle:trust=0.999" in str(models[0].spec)
