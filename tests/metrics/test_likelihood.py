"""Every kind of likelihood against exact values: laws by enumeration, the mixture over plans of bigrams."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.estimate import WithheldError
from mdmtheory.exact.law import context_marginals, law_of_plan
from mdmtheory.exact.reveals import all_plans
from mdmtheory.metrics.elbo import context_terms
from mdmtheory.metrics.likelihood_kinds import effective_size, tangent
from mdmtheory.models.log_mean import log_mean_exp
from tests.networks.runs import written_run

BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]])
FULL = mt.NGram.random(order=2, vocab_size=3, seed=1)
HMM = mt.HMM([0.5, 0.5], [[0.9, 0.1], [0.0, 1.0]], [[0.8, 0.2, 0.0], [0.0, 0.3, 0.7]])
LENGTH = 4


def masked(language=BIGRAM, *, epsilon=0.0, **options):
    oracle = mt.Oracle(language)
    return mt.MaskedDiffusion(mt.Perturbed(oracle, epsilon=epsilon) if epsilon else oracle, **{"steps": 2, **options})


MODELS = {
    "ancestral": masked(),
    "ancestral, cosine": masked(FULL, schedule="cosine", steps=3),
    "fixed": masked(HMM, sampler="fixed", steps=2),
    "first hitting": masked(epsilon=0.2, sampler="first_hitting"),
    "tempered": masked(FULL, sampler="ancestral:temperature=0.7"),
    "blocks": mt.BlockDiffusion(mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.2), block=2, steps=2),
    "ties": masked(mt.Parity(), sampler="entropy"),
    "uniform": mt.UniformDiffusion(mt.Oracle(FULL), steps=3),
}
LANGUAGES = {"ancestral, cosine": FULL, "fixed": HMM, "tempered": FULL, "ties": mt.Parity(), "uniform": FULL}


def texts(name, count, seed=0):
    return LANGUAGES.get(name, BIGRAM).sample(count, LENGTH, seed)


def tiled(name, times):
    """The same six sequences again and again: each has a stream of its own, so that one call is many tries."""
    return np.tile(texts(name, 6), (times, 1))


def log_law(model, language, tokens):
    """log p(x), from the law of the whole model."""
    return np.log(mt.exact.law(model, language, tokens.shape[1])[tuple(tokens.T.astype(int))])


@cache
def exact_elbo(name):
    """E_plan log p(x | plan), from all plans."""
    model, tokens = MODELS[name], texts(name, 6)
    plans, chances = all_plans(model, LENGTH)
    marginals = context_marginals(model.denoiser, LENGTH)
    return chances @ np.log([law_of_plan(marginals, plan, tokens) for plan in plans])


@pytest.mark.parametrize("name", MODELS)
def test_exact_is_the_enumerated_law(name):
    tokens = texts(name, 60)
    found = mt.likelihood(MODELS[name], tokens, kind="exact")
    np.testing.assert_allclose(found.values, log_law(MODELS[name], LANGUAGES.get(name, BIGRAM), tokens), rtol=1e-9)
    assert found.of(3) == mt.Estimate.exact(found.values[3])
    assert found.mean.kind == "estimate"
    assert found.mean.value == pytest.approx(found.values.mean() / LENGTH)


@pytest.mark.parametrize("sampler", ["entropy:ties=lowest", "stride", "left_to_right"])
def test_exact_is_log_prob_where_that_is(sampler):
    model, tokens = masked(epsilon=0.2, sampler=sampler), texts("", 5)
    found = mt.likelihood(model, tokens, kind="exact")
    np.testing.assert_array_equal(found.values, model.log_prob(tokens).values)
    np.testing.assert_allclose(found.values, log_law(model, BIGRAM, tokens), rtol=1e-9)


@pytest.mark.parametrize("length", [16, 64])
def test_bigrams_have_an_exact_mixture_at_any_length_between_the_bounds(length):
    tokens, model = BIGRAM.sample(60, length, 0), masked(steps=length // 2)
    exact = mt.likelihood(model, tokens, kind="exact")
    np.testing.assert_array_equal(exact.values, mt.exact.log_prob(BIGRAM, tokens, steps=length // 2))
    weighted = mt.likelihood(model, tokens, kind="iw", plans=32)
    elbo = mt.likelihood(model, tokens, kind="elbo", plans=32)
    assert elbo.mean.value < weighted.mean.value < exact.mean.value + 0.001
    assert (weighted.low <= exact.values).mean() >= 0.95
    log_q = BIGRAM.log_prob(tokens)
    # The same sequences, so that the interval is of what the plans leave open.
    gap = exact.divergence(log_q)
    assert gap.value == pytest.approx((log_q - exact.values).mean() / length, rel=1e-12)
    assert gap.low > 0
    assert gap.low <= weighted.divergence(log_q).value
    assert (elbo.divergence(log_q).kind, gap.kind) == ("upper bound", "estimate")


@pytest.mark.parametrize("name", ["ancestral", "ancestral, cosine", "fixed", "first hitting"])
@pytest.mark.parametrize("stratified", [True, False])
def test_contexts_are_unbiased_for_the_mean_over_all_plans(name, stratified):
    terms = context_terms(MODELS[name], texts(name, 6), plans=1500, stratified=stratified)
    error = terms.std(axis=0) / math.sqrt(len(terms))
    assert (np.abs(terms.mean(axis=0) - exact_elbo(name)) < 4 * error + 1e-12).all()


@pytest.mark.parametrize("name", ["blocks", "tempered"])
def test_contexts_are_unbiased_where_no_list_has_the_plans(name):
    terms = context_terms(MODELS[name], texts(name, 6), plans=1500)
    drawn = MODELS[name].log_prob_terms(texts(name, 6), plans=500)
    error = np.hypot(terms.std(axis=0) / math.sqrt(1500), drawn.std(axis=0) / math.sqrt(500))
    assert (np.abs(terms.mean(axis=0) - drawn.mean(axis=0)) < 4 * error + 1e-12).all()


def test_contexts_that_count_by_another_number_of_masked_positions_would_be_seen(monkeypatch):
    from mdmtheory.metrics import elbo as module

    monkeypatch.setattr(module, "curve_weights", lambda model, length: np.ones(length))  # of one at a time
    terms = context_terms(MODELS["ancestral"], texts("ancestral", 6), plans=1500)
    error = terms.std(axis=0) / math.sqrt(len(terms))
    assert (np.abs(terms.mean(axis=0) - exact_elbo("ancestral")) > 4 * error).any()


def test_contexts_spread_evenly_vary_less():
    model, [x] = masked(epsilon=0.05, sampler="first_hitting"), BIGRAM.sample(1, 12, 0)
    spreads = [
        context_terms(model, np.tile(x, (500, 1)), plans=6, stratified=each).mean(axis=0).std()
        for each in (True, False)
    ]
    assert spreads[0] < 0.8 * spreads[1]


def test_the_bound_of_a_sequence_lies_in_its_interval():
    exact = np.tile(exact_elbo("ancestral"), 100)
    found = mt.likelihood(MODELS["ancestral"], tiled("ancestral", 100), kind="elbo", plans=60)
    assert ((found.low <= exact) & (exact <= found.high)).mean() >= 0.95


def test_iw_is_log_prob_over_as_many_plans_and_rises_with_them():
    model, tokens = MODELS["ancestral, cosine"], texts("ancestral, cosine", 500)
    found = {plans: mt.likelihood(model, tokens, kind="iw", plans=plans) for plans in (1, 4, 16)}
    for plans, each in found.items():
        np.testing.assert_array_equal(each.values, model.log_prob(tokens, plans=plans).values)
    means = [each.mean.value for each in found.values()]
    assert means == sorted(means)
    assert means[-1] < log_law(model, FULL, tokens).mean() / LENGTH + 0.005
    assert (found[1].effective == 1).all()
    assert (found[16].effective < 16).all()


def test_log_p_lies_above_the_low_end_of_iw_and_not_always_above_the_estimate():
    model, tokens = MODELS["ancestral"], tiled("ancestral", 200)
    exact = log_law(model, BIGRAM, tokens)
    found = mt.likelihood(model, tokens, kind="iw", plans=2, level=0.6)
    assert (found.low <= exact).reshape(-1, 6).mean(axis=0).min() >= 0.6
    assert (found.values <= exact).reshape(-1, 6).mean(axis=0).min() < 0.6


@pytest.mark.parametrize("name", ["ancestral", "first hitting", "blocks", "tempered"])
def test_the_bracket_of_a_sequence_holds_its_log_likelihood(name):
    tokens = tiled(name, 25)
    exact = log_law(MODELS[name], LANGUAGES.get(name, BIGRAM), tokens)
    found = mt.likelihood(MODELS[name], tokens, kind="tube", plans=400, level=0.9)
    whole = ~np.isnan(found.high)
    assert whole.mean() > 0.5
    assert ((found.low <= exact) & (exact <= found.high))[whole].mean() >= 0.9
    assert (found.values <= found.upper)[whole].all()


def test_the_mean_bracket_holds_the_mean_over_the_language_and_narrows():
    model, many = MODELS["first hitting"], BIGRAM.sample(3000, LENGTH, 0)
    q, p = (mt.exact.law(each, BIGRAM, LENGTH) for each in (mt.Autoregressive(BIGRAM), model))
    truth = float((q * np.log(np.where(q > 0, p, 1.0))).sum()) / LENGTH
    whole = mt.likelihood(model, many, kind="tube", plans=320)
    arrays = ("values", "low", "high", "upper", "effective")
    held = []
    for a in range(0, len(many), 100):
        found = replace(whole, **{name: getattr(whole, name)[a : a + 100] for name in arrays})
        held.append(found.mean.low <= truth <= found.mean.high)
        assert found.mean.low <= found.upper_mean.value <= found.mean.high
    assert (found.mean.kind, found.upper_mean.kind) == ("estimate", "upper bound")
    assert np.mean(held) >= 0.9
    narrow = mt.likelihood(model, many[:500], kind="tube", plans=1024)
    widths = [float((each.upper - each.values)[:500].mean()) for each in (whole, narrow)]
    assert 0 < widths[1] < 0.5 * widths[0]


def test_above_with_psi_from_other_plans_and_below_with_psi_from_the_same():
    """All pairs of plans: the tangent bounds log p from above only where psi knows nothing of p̂."""
    model, tokens = MODELS["ancestral"], texts("ancestral", 6)
    plans, chances = all_plans(model, LENGTH)
    marginals = context_marginals(model.denoiser, LENGTH)
    terms = np.log([law_of_plan(marginals, plan, tokens) for plan in plans])
    exact = log_law(model, BIGRAM, tokens)
    other = chances @ np.array([tangent(psi, chances @ np.exp(terms - psi)) for psi in terms])
    assert (other > exact + 0.01).all()
    same = chances @ np.array([tangent(psi, np.ones(len(psi))) for psi in terms])
    assert (same < exact - 0.01).all()


def test_what_few_plans_carry_is_withheld_with_the_reason():
    model = masked(FULL, steps=3)
    tokens = FULL.sample(60, 24, 0)
    found = mt.likelihood(model, tokens, kind="tube", plans=200)
    few = np.isnan(found.high)
    assert few.all()
    assert (np.isnan(found.upper) == few).all()
    assert (found.effective < 100).all()
    for number in (lambda: found.mean, lambda: found.upper_mean, lambda: found.divergence(FULL.log_prob(tokens))):
        with pytest.raises(WithheldError, match=r"effective size \d+\.\d < 100 in half of 200 plans of 60 of 60"):
            number()
    with pytest.raises(WithheldError, match="plans of sequence 3$"):
        found.of(3)
    assert "mean withheld (effective size" in repr(found)
    assert "withheld" in found._repr_html_()
    np.testing.assert_allclose(found.low, found.values + math.log(0.025))  # holds whatever the plans are worth


def test_few_sequences_or_plans_have_no_interval():
    found = mt.likelihood(MODELS["ancestral"], texts("ancestral", 6), kind="elbo", plans=20)
    assert np.isnan(found.low).all()
    with pytest.raises(WithheldError, match="the 20 plans of sequence 0 carry no interval"):
        found.of(0)
    with pytest.raises(WithheldError, match="6 sequences, draw 50 or more"):
        _ = found.mean
    assert repr(found).endswith("mean withheld (6 sequences, draw 50 or more)>")


def test_what_every_plan_excludes_is_worth_no_plans():
    """One token at a time an exact denoiser never writes what is not in the language."""
    odd = np.array([[1, 0, 0, 0]] * 60)
    model = masked(mt.Parity(), sampler="first_hitting")
    for kind in ("elbo", "iw"):
        assert np.isneginf(mt.likelihood(model, odd, kind=kind, plans=60).mean.value)
    found = mt.likelihood(model, odd, kind="tube", plans=60)
    assert np.isneginf(found.values).all()
    with pytest.raises(WithheldError, match=r"effective size 0\.0 < 100 in half of 60 plans of 60 of 60"):
        _ = found.upper_mean


def test_replay_is_the_law_of_a_sampler_that_looks():
    for sampler in ("entropy:ties=lowest", "confidence:ties=lowest", "margin:ties=lowest,temperature=0.5"):
        model = masked(HMM, epsilon=0.1, sampler=sampler)
        tokens = HMM.sample(60, LENGTH, 0)
        found = mt.likelihood(model, tokens, kind="replay")
        np.testing.assert_allclose(found.values, log_law(model, HMM, tokens), rtol=1e-9)
        assert found.of(0).kind == "exact"
        assert found.plans == 0


def test_duel_is_another_name_of_replay():
    model, tokens = masked(HMM, sampler="entropy:ties=lowest"), HMM.sample(60, LENGTH, 0)
    found = mt.likelihood(model, tokens, kind="duel")
    assert found.kind == "replay"
    np.testing.assert_array_equal(found.values, mt.likelihood(model, tokens, kind="replay").values)


def test_the_bound_of_random_order_is_none_of_a_sampler_that_chooses():
    """E_plan log p of one position at a time lies above log p(x) of the planned sampler of the same denoiser."""
    tokens = FULL.sample(400, 8, 0)
    oracle = mt.Oracle(FULL)
    elbo = mt.likelihood(mt.MaskedDiffusion(oracle, sampler="first_hitting"), tokens, kind="elbo")
    planned = mt.MaskedDiffusion(oracle, sampler="entropy:ties=lowest", steps=2)
    assert elbo.mean.low > mt.likelihood(planned, tokens, kind="replay").mean.high


@pytest.mark.parametrize("kind", ["elbo", "iw", "tube"])
@pytest.mark.parametrize("name", ["ancestral", "blocks", "ties", "uniform"])
def test_a_sequence_depends_on_its_number_alone(name, kind):
    tokens = texts(name, 12)
    whole = mt.likelihood(MODELS[name], tokens, kind=kind, plans=7, seed=3)
    part = mt.likelihood(MODELS[name], tokens[5:8], kind=kind, plans=7, seed=3, first=5, threads=1)
    np.testing.assert_array_equal(part.values, whole.values[5:8])
    np.testing.assert_array_equal(part.low, whole.low[5:8])


def test_answers_to_prompts_lie_between_their_bounds():
    tokens = BIGRAM.sample(60, LENGTH, 0)
    prompt = np.where(np.arange(LENGTH) == 1, tokens, 3)
    model = masked(epsilon=0.2)
    laws = {row: mt.exact.law(model, BIGRAM, LENGTH, prompt=np.array(row)) for row in {*map(tuple, prompt.tolist())}}
    exact = np.log([laws[tuple(row)][tuple(x)] for row, x in zip(prompt.tolist(), tokens.tolist(), strict=True)])
    found = {
        kind: mt.likelihood(model, tokens, kind=kind, prompt=prompt, plans=plans)
        for kind, plans in (("elbo", 100), ("iw", 100), ("tube", 500))
    }
    assert found["tube"].length == LENGTH - 1
    whole = ~np.isnan(found["tube"].high)
    assert whole.mean() > 0.5
    held = (found["tube"].low <= exact) & (exact <= found["tube"].high)
    assert held[whole].mean() > 0.9
    assert found["elbo"].mean.value < exact.mean() / (LENGTH - 1)
    assert found["iw"].mean.value == pytest.approx(exact.mean() / (LENGTH - 1), abs=0.02)
    own = masked()
    mixture = mt.likelihood(own, tokens, kind="exact", prompt=prompt)
    weighted = mt.likelihood(own, tokens, kind="iw", prompt=prompt, plans=100)
    assert mixture.mean.value == pytest.approx(weighted.mean.value, abs=0.02)


def test_networks_have_all_kinds(tmp_path):
    """Over two tokens, at lengths at which the law of a network can be enumerated."""

    def network(attention, length):
        path = tmp_path / attention
        return mt.Network(written_run(path, language="parity", length=length, attention=attention), device="cpu")

    tokens = mt.Parity().sample(60, LENGTH, 0)
    net = network("bidirectional", LENGTH)
    model = mt.MaskedDiffusion(net, sampler="first_hitting")
    found = {kind: mt.likelihood(model, tokens, kind=kind) for kind in ("exact", "elbo", "iw")}
    exact = found["exact"].values
    np.testing.assert_allclose(exact, log_law(model, mt.Parity(), tokens), rtol=1e-6)
    assert (found["iw"].low <= exact).mean() >= 0.95
    assert found["elbo"].mean.value < found["iw"].mean.value
    replayed = mt.MaskedDiffusion(net, sampler="confidence:ties=lowest", steps=2)
    law = log_law(replayed, mt.Parity(), tokens)
    np.testing.assert_allclose(mt.likelihood(replayed, tokens, kind="replay").values, law, rtol=1e-6)
    ar = mt.Autoregressive(network("causal", LENGTH))
    np.testing.assert_array_equal(mt.likelihood(ar, tokens, kind="exact").values, ar.log_prob(tokens).values)
    model, tokens = mt.BlockDiffusion(network("block", 8), block=4, steps=2), mt.Parity().sample(50, 8, 0)
    law = log_law(model, mt.Parity(), tokens)
    tube, elbo = (mt.likelihood(model, tokens, kind=kind, plans=256) for kind in ("tube", "elbo"))
    whole = ~np.isnan(tube.high)
    assert whole.any()
    assert ((tube.low <= law) & (law <= tube.high))[whole].mean() > 0.9
    assert elbo.mean.value < law.mean() / 8


@pytest.mark.parametrize(
    ("name", "kind", "options", "reason"),
    [
        ("ancestral", "elb", {}, r"unknown kind 'elb' \(did you mean 'elbo'\?\); known: exact, elbo, iw, replay, tube"),
        ("ancestral", "exact", {"plans": 3}, "kind exact draws no plans; leave plans out, or use elbo, iw, tube"),
        ("ancestral", "tube", {"plans": 1}, "plans is 1; kind tube needs 2 or more"),
        ("ancestral", "elbo", {"level": 1.0}, "level is 1.0; pass a number above 0 and below 1"),
        ("ancestral", "replay", {}, "no sampler that looks at the sequence, so there is nothing to replay"),
        (
            "ties",
            "replay",
            {},
            "breaks ties at random, so a replay gives p.x. given one order of them; use ties=lowest",
        ),
        ("draws", "replay", {}, "chooses by tokens that it draws and drops, so one sequence has many histories"),
        ("draws", "elbo", {}, "chooses by tokens that it draws and drops, so one sequence has many histories"),
        ("float32", "elbo", {}, "draws with float32 noise, whose law has no closed form"),
        ("stride", "iw", {}, "draws no plan, so its log p.x. is no mean over plans but exact; use kind='exact'"),
        ("ar", "elbo", {}, "draws no plan, so its log p.x. is no mean over plans but exact; use kind='exact'"),
        ("gaussian", "exact", {}, "no exact log p.x.: it draws its plans, and they are too many to enumerate"),
    ],
)
def test_what_is_no_number_is_refused_with_the_reason(name, kind, options, reason):
    more = {
        "draws": masked(sampler="draw_confidence"),
        "float32": masked(sampler="ancestral:precision=float32"),
        "stride": masked(sampler="stride"),
        "ar": mt.Autoregressive(BIGRAM),
        "gaussian": mt.GaussianDiffusion(mt.Oracle(BIGRAM), steps=2),
    }
    with pytest.raises(ValueError, match=reason) as caught:
        mt.likelihood({**MODELS, **more}[name], BIGRAM.sample(3, LENGTH, 0) % 2, kind=kind, **options)
    assert "\n" not in str(caught.value)


def test_a_likelihood_tells_what_it_is():
    model, tokens = MODELS["first hitting"], texts("first hitting", 60)
    found = mt.likelihood(model, tokens, kind="iw", plans=8)
    said = f"<Likelihood iw of {model.spec}, 60 × 4 tokens, 8 plans: {found.mean} nats a token>"
    assert repr(found) == said
    assert len(found) == 60
    assert (found.of(0).kind, found.of(0).count, found.mean.count) == ("lower bound", 8, 60)
    page = found._repr_html_()
    assert page.count("<tr>") == 61
    assert "lower bound" in page
    with pytest.raises(ValueError, match="kind iw has no upper bound; use kind='tube'"):
        _ = found.upper_mean
    with pytest.raises(ValueError, match=r"log_q has shape \(2,\); pass log q.x. of the same 60 sequences"):
        found.divergence(np.zeros(2))


def test_effective_sizes_are_those_of_the_weights():
    terms = np.log(np.array([[1.0, 0.5, 0.0], [1.0, 0.25, 0.0], [1.0, 0.25, 0.0], [1.0, 0.0, 0.0]]) + 1e-300)
    np.testing.assert_allclose(effective_size(terms - 500.0)[:2], [4, 1 / 0.375], rtol=1e-9)
    assert effective_size(np.full((3, 1), -np.inf)).tolist() == [0.0]
    assert log_mean_exp(terms)[0] == pytest.approx(0)
