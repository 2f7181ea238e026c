"""Closed forms against enumerated laws at small sizes and measured cells at length 64; a wrong formula is refuted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mdmtheory as mt
from mdmtheory.core.intervals import anytime_binomial, clopper_pearson
from mdmtheory.exact.draws import law_by_draws
from mdmtheory.exact.reveals import all_plans
from mdmtheory.models.autoregressive import Autoregressive
from mdmtheory.report import answers as module
from mdmtheory.report.answers import answers
from mdmtheory.report.closed_forms import ClosedForm, closed_form, closed_forms
from mdmtheory.schedules import Schedule
from mdmtheory.sweeps import cells, collect
from mdmtheory.theory.parity_repetition import parity_error
from tests.trap import trap

PLANS = ("left_to_right", "first_hitting", "stride", "bit_reversed", "bisection", "blocks", "fixed", "ancestral")
RANKED = ("confidence", "draw_confidence", "margin", "entropy", "threshold:tau=0.6", "entropy_bound:gamma=0.7")
RANKED += ("entropy_sum:h=1.5", "independent:mu=0.01")
RULES = (*RANKED, "verify:k=2", "verify:k=3,order=bit_reversed")
UNIFORM = (
    (mt.Parity(), 5),
    (mt.EqualPairs(vocab_size=3), 4),
    (mt.EqualPairs(vocab_size=2), 5),
    (mt.Copy(distance=2, vocab_size=2), 6),
    (mt.Permutation(items=4), 3),
)
IID = mt.NGram(1.0, [0.15, 0.5, 0.0, 0.35])


def masked(language, sampler, steps, schedule="linear", trust=1.0):
    return mt.MaskedDiffusion(mt.Oracle(language, trust=trust), sampler=sampler, steps=steps, schedule=schedule)


def known(language, model, length):
    return {each.metric: each.value for each in answers(language, model, length)}


def enumerated(language, model, length):
    """SER, KL(q||p) and cross-entropy on the support in nats a token, from the law."""
    whole = getattr(model, "masked", model)
    adaptive = isinstance(whole, mt.MaskedDiffusion) and whole.plan_law is None
    p = law_by_draws(whole, length) if adaptive else mt.exact.law(model, language, length)
    q = mt.exact.joint(language, length)
    inside = q > 0
    return {
        "ser": mt.exact.error_rate(p, q),
        "kl": mt.exact.expected_nll(p, q) - mt.exact.entropy_nats(q),
        "cross_entropy": -float((p[inside] * np.log(q[inside])).sum() / p[inside].sum()) / length,
    }


def agree(found, expected):
    for metric, value in found.items():
        if metric != "kl_average":
            assert value == pytest.approx(expected[metric], rel=1e-9, abs=1e-12), metric


def with_lowest(sampler):
    return f"{sampler}{',' if ':' in sampler else ':'}ties=lowest"


@pytest.mark.parametrize("sampler", PLANS + RULES)
@pytest.mark.parametrize(("language", "length"), UNIFORM, ids=lambda each: str(getattr(each, "spec", each)))
def test_samplers_that_set_each_token_once(language, length, sampler):
    sampler = with_lowest(sampler)
    for steps, schedule in ((1, "linear"), (2, "linear"), (3, "cosine"), (length, "linear")):
        model = masked(language, sampler, steps, schedule)
        found = known(language, model, length)
        assert set(found) == {"ser", "kl", "kl_average"}
        agree(found, enumerated(language, model, length))


@pytest.mark.parametrize("sampler", RANKED)
@pytest.mark.parametrize(("language", "length"), UNIFORM, ids=lambda each: str(getattr(each, "spec", each)))
def test_ties_broken_at_random_open_random_sets_where_all_positions_look_alike(language, length, sampler):
    for steps, schedule in ((2, "linear"), (3, "cosine")):
        for model in (
            masked(language, sampler, steps, schedule),
            mt.BlockDiffusion(mt.Oracle(language), block=2, steps=2, sampler=sampler),
        ):
            found = known(language, model, length)
            assert set(found) == ({"ser", "kl", "kl_average"} if language in (UNIFORM[0][0], UNIFORM[-1][0]) else set())
            agree(found, enumerated(language, model, length) if found else {})


@pytest.mark.parametrize("sampler", PLANS)
@pytest.mark.parametrize(("language", "length"), UNIFORM, ids=lambda each: str(getattr(each, "spec", each)))
def test_the_average_over_plans_is_what_one_plan_costs_on_average(language, length, sampler):
    for steps, schedule in ((2, "linear"), (3, "cosine")):
        model = masked(language, sampler, steps, schedule)
        plans, chances = (
            (model.draw_plans(np.zeros((1, 4), dtype=np.uint64), length), np.ones(1))
            if model.plan_law.fixed
            else all_plans(model, length)
        )
        tokens = language.sample(1, length, 0)
        each_plan = plans.astype(np.int32)
        nll = -model.run(each_plan, tokens=np.repeat(tokens, len(plans), axis=0)).log_probs.sum(axis=1)
        expected = float(chances @ nll) + float(language.log_prob(tokens)[0])
        assert known(language, model, length)["kl_average"] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("sampler", ["ancestral", "fixed", "stride", "confidence", "draw_confidence", "verify:k=2"])
@pytest.mark.parametrize("block", [1, 2, 3])
@pytest.mark.parametrize(("language", "length"), UNIFORM, ids=lambda each: str(getattr(each, "spec", each)))
def test_block_by_block(language, length, block, sampler):
    model = mt.BlockDiffusion(mt.Oracle(language), block=block, steps=2, sampler=with_lowest(sampler))
    found = known(language, model, length)
    assert found
    agree(found, enumerated(language, model, length))
    if sampler == "ancestral":
        tokens = language.sample(4000, length, 0)
        gap = language.log_prob(tokens) - model.log_prob(tokens).values
        assert found["kl_average"] == pytest.approx(gap.mean(), abs=5 * gap.std() / math.sqrt(4000) + 1e-12)


def test_sizes_of_their_own():
    language = mt.Permutation(items=6)
    model = masked(language, "fixed", None, Schedule.from_sizes([1, 3, 1]))
    agree(known(language, model, 5), enumerated(language, model, 5))


def test_what_float64_cannot_hold_is_left_out():
    pairs, items = mt.EqualPairs(vocab_size=16), mt.Permutation(items=1024)
    # 512 pairs drawn together: 1 - SER is 16^-512.
    found = known(pairs, masked(pairs, "blocks", 4), 1024)
    assert found == {"ser": 1.0, "kl": pytest.approx(512 * math.log(16)), "kl_average": found["kl"]}
    assert set(known(items, masked(items, "stride", 1), 1024)) == {"ser"}
    assert set(known(pairs, masked(pairs, "fixed", 16), 64)) == {"ser", "kl", "kl_average"}


CHANGING = ("remdm-cap", "remdm-cap:eta=0.9", "remdm-rescale:eta=0.3", "remdm-loop", "redraw", "redraw:sweeps=1")


@pytest.mark.parametrize("sampler", CHANGING)
@pytest.mark.parametrize("trust", [0.999, 0.92])
def test_pairs_that_may_change(sampler, trust):
    """Four positions at once, where the closed form looks at one pair alone."""
    language = mt.EqualPairs(vocab_size=2)
    model = masked(language, sampler, 3, "cosine", trust)
    found = known(language, model, 4)
    assert set(found) == {"ser"}
    agree(found, enumerated(language, model, 4))


@pytest.mark.parametrize("sampler", ["redraw:sweeps=3,share=0.8,tau=0.3", "redraw:sweeps=2,share=1.0,tau=0.06"])
def test_a_larger_alphabet_under_redrawing(sampler):
    language = mt.EqualPairs(vocab_size=4)
    model = masked(language, sampler, 2, "linear", 0.8)
    agree(known(language, model, 2), enumerated(language, model, 2))


def test_redrawing_is_not_known_where_it_also_draws_tokens_that_agree_or_none():
    language = mt.EqualPairs(vocab_size=4)
    for tau in (0.05, 0.9):
        assert known(language, masked(language, f"redraw:tau={tau}", 2, trust=0.8), 4) == {}


@pytest.mark.parametrize("update", ["ancestral", "tweedie"])
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_pairs_under_uniform_noise(steps, update):
    language = mt.EqualPairs(vocab_size=2)
    model = mt.UniformDiffusion(mt.Oracle(language), steps=steps, schedule="cosine", update=update)
    found, expected = known(language, model, 4), enumerated(language, model, 4)
    agree(found, expected)
    q, bound = mt.exact.joint(language, 4), mt.exact.elbo(model, language, 4)
    average = -float((q[q > 0] * bound[q > 0]).sum()) - mt.exact.entropy_nats(q)
    assert found["kl_average"] == pytest.approx(average, rel=1e-9)
    assert found["kl_average"] >= found["kl"] - 1e-12


@pytest.mark.parametrize("language", [IID, mt.NGram(1.0, [0.04, 0.48, 0.48])], ids=["four", "ties"])
@pytest.mark.parametrize(
    "sampler", [*PLANS, "confidence", "draw_confidence", "verify:k=2", "topk_remask", "redraw:tau=0.2,sweeps=2"]
)
def test_independent_tokens(language, sampler):
    length = 3
    for steps in (1, 2, 3):
        trust = 0.9 if sampler.startswith(("topk", "redraw")) else 1.0
        model = masked(language, sampler, steps, "linear", trust)
        found = known(language, model, length)
        assert {"ser", "cross_entropy"} <= set(found)
        agree(found, enumerated(language, model, length))


@pytest.mark.parametrize("sampler", ["remdm-cap:eta=0.5", "remdm-rescale:eta=0.5", "remdm-loop"])
def test_independent_tokens_masked_again_by_coins_alone(sampler):
    language = mt.NGram(1.0, [0.3, 0.7])
    model = masked(language, sampler, 3, "linear", 0.9)
    agree(known(language, model, 3), enumerated(language, model, 3))
    assert "cross_entropy" not in known(language, masked(language, "remdm-conf", 3, "linear", 0.9), 3)


@pytest.mark.parametrize("sampler", ["draw_confidence", "topk_remask", "ancestral"])
def test_independent_tokens_block_by_block(sampler):
    trust = 0.9 if sampler == "topk_remask" else 1.0
    model = mt.BlockDiffusion(mt.Oracle(IID, trust=trust), block=2, steps=2, sampler=sampler)
    agree(known(IID, model, 3), enumerated(IID, model, 3))


def test_independent_tokens_under_other_noises():
    uniform = mt.UniformDiffusion(mt.Oracle(IID), steps=3)
    agree(known(IID, uniform, 2), enumerated(IID, uniform, 2))
    q, bound = mt.exact.joint(IID, 2), mt.exact.elbo(uniform, IID, 2)
    np.testing.assert_allclose(bound[q > 0], np.log(q[q > 0]), rtol=1e-10)
    gaussian = mt.GaussianDiffusion(mt.Oracle(IID), steps=3)
    assert known(IID, gaussian, 4) == {"ser": 0.0}
    assert IID.in_support(gaussian.sample(500, 4, 0).tokens).all()


def test_the_published_value_of_drawn_confidence():
    """docs/theory.md, section 6: at one token a call a fraction 1 - (1/L) sum (1-p)^m of modes."""
    p, length = 0.7, 64
    modes = 1 - np.mean((1 - p) ** np.arange(1, length + 1))
    expected = -modes * math.log(p) - (1 - modes) * math.log(1 - p)
    language = mt.NGram(1.0, [p, 1 - p])
    found = known(language, masked(language, "draw_confidence", length), length)
    assert found["cross_entropy"] == pytest.approx(expected, rel=1e-12)


def test_what_is_not_known_is_left_out():
    parity, pairs = mt.Parity(), mt.EqualPairs(vocab_size=2)
    assert known(parity, masked(parity, "redraw", 2, trust=0.9), 4) == {}
    assert known(pairs, masked(pairs, "topk_remask", 2, trust=0.9), 4) == {}
    assert known(pairs, masked(pairs, "remdm-conf", 2, trust=0.9), 4) == {}
    assert known(pairs, masked(pairs, "confidence:temperature=0.5", 2), 4) == {}
    assert known(pairs, masked(pairs, "ancestral", 2, trust=0.9), 4) == {}
    assert known(pairs, mt.GaussianDiffusion(mt.Oracle(pairs), steps=2), 4) == {}
    bigram = mt.NGram([0.5, 0.5], [[0.5, 0.5], [1.0, 0.0]])
    assert known(bigram, masked(bigram, "left_to_right", 2), 4) == {}
    perturbed = mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(IID), epsilon=0.1), sampler="ancestral", steps=2)
    assert known(IID, perturbed, 4) == {}


def test_autoregression_is_the_language():
    for language, length in (*UNIFORM, (IID, 4)):
        found = known(language, Autoregressive(language), length)
        assert found["ser"] == found["kl"] == 0


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """Length 64, one store: every language, every kind of course, block, uniform noise and samplers that change."""
    common: dict[str, Any] = {"length": 64, "samples": 400, "steps": 8}
    drawn = {**common, "metrics": "ser,cross_entropy"}
    wanted = cells("ngram:order=2", **common)
    for language in ("parity", "equal_pairs", "copy:distance=16", "permutation:items=64", "ngram:order=1"):
        wanted += cells(language, sampler=["ancestral", "fixed", "stride"], **common)
        wanted += cells(language, model="block:size=16", **common)
    wanted += cells("equal_pairs", sampler=["confidence", "verify:k=4"], **common)
    wanted += cells("equal_pairs", sampler=["redraw", "remdm-cap", "draw_confidence"], **drawn)
    wanted += cells("equal_pairs", model="uniform", **common)
    wanted += cells("ngram:order=1", sampler=["topk_remask", "redraw", "draw_confidence", "stride"], **drawn)
    return collect(wanted, out=tmp_path_factory.mktemp("store") / "store.sqlite")


def test_all_measured_cells_agree(frame):
    compared = closed_forms(frame)
    assert [each for each in compared if each.verdict != "holds"] == []
    count = len(compared)
    assert count > 60
    assert {each.measured.level for each in compared} == {1 - 0.01 / count}
    assert {each.form.metric for each in compared} == {"ser", "kl", "kl_average", "cross_entropy"}
    assert not [each for each in compared if each.form.language == "ngram:order=2"]
    # Ancestral plans: what is measured is the average over plans, well above the KL of their mixture.
    [average] = [
        each.form.value
        for each in compared
        if (each.form.language, each.form.model, each.form.sampler) == ("equal_pairs", "masked", "ancestral")
        and (each.form.steps, each.form.metric) == (8, "kl_average")
    ]
    assert average == pytest.approx(32 / 8 * math.log(16))


def test_a_wrong_formula_is_refuted(frame, monkeypatch):
    monkeypatch.setattr(module, "parity_error", lambda fractions, length: 0.8 * parity_error(fractions, length))
    monkeypatch.setattr(module, "pair_error", lambda fractions, m: 0.5 * float((np.diff(fractions) ** 2).sum()))
    refuted = {(each.form.language, each.form.metric) for each in closed_forms(frame) if each.verdict == "refuted"}
    assert {("parity", "ser"), ("equal_pairs", "ser")} <= refuted
    assert not [language for language, _ in refuted if language.startswith("permutation")]


def test_intervals_are_made_for_the_number_of_comparisons():
    low, high = clopper_pearson(5, 100, 0.95)
    row = {
        "language": "parity", "length": 8, "model": "masked", "denoiser": "oracle", "sampler": "fixed",
        "schedule": "linear", "steps": 4, "metric": "ser", "value": 0.05, "low": low, "high": high, "level": 0.95,
        "kind": "estimate", "count": 100,
    }  # fmt: skip
    [one] = closed_forms(pd.DataFrame([row]), level=0.9)
    assert (one.measured.low, one.measured.high) == clopper_pearson(5, 100, 0.9)
    assert one.verdict == "refuted"
    both = closed_forms(pd.DataFrame([row, row]), level=0.9)
    assert (both[0].measured.low, both[0].measured.high) == pytest.approx(clopper_pearson(5, 100, 0.95))
    low, high = anytime_binomial(5, 100, 0.95)
    [stopped] = closed_forms(pd.DataFrame([{**row, "low": low, "high": high}]), level=0.9)
    assert (stopped.measured.low, stopped.measured.high) == anytime_binomial(5, 100, 0.9)
    # Normal intervals stretch: exp(0.08 ± 0.016) is the ratio at 95 %.
    ratio = {**row, "metric": "ter_ratio", "value": math.exp(0.08), "low": math.exp(0.064), "high": math.exp(0.096)}
    [kl] = closed_forms(pd.DataFrame([{**ratio, "kind": "estimate"}]), level=0.99)
    assert kl.measured.value == pytest.approx(0.64)
    assert kl.measured.high == pytest.approx(0.64 + 0.128 * 2.5758293 / 1.9599640)
    assert kl.form == ClosedForm(
        "parity", 8, "masked", "oracle", "fixed", "linear", 4, "kl", math.log(2), kl.form.formula, kl.form.source
    )


def test_an_upper_bound_refutes_kl_only_from_below():
    row = {
        "language": "parity", "length": 8, "model": "masked", "denoiser": "oracle", "sampler": "fixed",
        "schedule": "linear", "steps": 4, "metric": "ter_ratio", "value": 1.5, "low": 1.4, "high": 1.6, "level": 0.95,
        "kind": "upper bound", "count": 100,
    }  # fmt: skip
    verdicts = {each.form.metric: each.verdict for each in closed_forms(pd.DataFrame([row]))}
    assert verdicts == {"kl": "holds", "kl_average": "refuted"}
    small = {**row, "value": 1.01, "low": 1.005, "high": 1.015}
    assert {each.verdict for each in closed_forms(pd.DataFrame([small]))} == {"refuted"}


def test_rows_without_a_closed_form_have_none():
    row = {
        "language": "hmm", "length": 8, "model": "masked", "denoiser": "oracle", "sampler": "fixed",
        "schedule": "linear", "steps": 4, "metric": "ser", "value": 0.5, "low": 0.4, "high": 0.6, "level": 0.95,
        "kind": "estimate", "count": 100,
    }  # fmt: skip
    assert closed_form(row) == []
    assert closed_form({**row, "language": "parity@12345678"}) == []
    assert closed_form({**row, "language": "parity", "metric": "ter"}) == []
    withheld = {**row, "language": "parity", "value": math.nan, "kind": "withheld (1 sequence)"}
    assert closed_form(withheld) == []
    assert [each.value for each in closed_form({**row, "language": "parity"})] == [0.5]


@pytest.mark.parametrize("kind", ["model", "denoiser", "sampler", "schedule"])
@pytest.mark.parametrize("name", ["trap:Trap", "sprung", "file:path=/etc/passwd"])
def test_names_of_results_run_no_code_of_others(kind, name, tmp_path, monkeypatch):
    row = {"language": "parity", "length": 4, "model": "masked", "denoiser": "oracle", "sampler": "ancestral"}
    row |= {"schedule": "linear", "steps": 2, "metric": "ser", "value": 0.5, "kind": "estimate"}
    assert closed_form(row)
    mark = trap(tmp_path, monkeypatch)
    assert closed_form({**row, kind: name}) == []
    assert not mark.exists()
