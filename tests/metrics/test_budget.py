"""The error budget against enumeration: of plans, of a rule's own contexts, of networks in their own batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.exact.enumeration import all_sequences, entropy_nats, expected_nll, joint
from mdmtheory.exact.law import law
from mdmtheory.exact.reveals import all_plans, plan_costs
from mdmtheory.metrics.visited import visited
from mdmtheory.prompts.registry import given_positions
from mdmtheory.theory.error_budget import conditional_entropies, learning_costs
from mdmtheory.theory.instances import bigram3, golden_chain, hmm2x3, trigram2
from mdmtheory.theory.replay import total_correlation_at
from tests.languages.small import hmms, ngrams
from tests.networks.runs import written_run
from tests.networks.stub import Stub

LENGTH = 4
PLANS = ("stride", "blocks", "left_to_right", "bisection")
RULES = ("entropy", "margin", "confidence", "entropy_sum:h=1.0", "threshold:tau=0.6")


def every(language, length=LENGTH):
    """All sequences of a language, and their probabilities."""
    q = joint(language, length)
    inside = q.reshape(-1) > 0
    return all_sequences(language.vocab_size, length)[inside], q.reshape(-1)[inside], q


def denoisers(language):
    return (
        mt.Perturbed(mt.Oracle(language), epsilon=0.1),
        mt.Window(language, width=1),
        Stub(language.vocab_size, 3, dtype=torch.float64),
    )


def split(model, language, tokens):
    """Total, factorisation and learning of these sequences."""
    seen, log_q = visited(model, language, tokens, 0), language.log_prob(tokens)
    return log_q - seen.log_p, log_q - seen.log_q_plan(), seen.learning, seen


@pytest.mark.parametrize("language", [bigram3(), trigram2(), hmm2x3()], ids=str)
@pytest.mark.parametrize("sampler", PLANS)
def test_parts_of_one_plan_are_the_theorems(language, sampler):
    """theory.error_budget has them from conditional entropies and divergences of sets."""
    tokens, weights, q = every(language)
    for denoiser in denoisers(language):
        model = mt.MaskedDiffusion(denoiser, sampler=sampler, steps=2)
        total, factorisation, learning, seen = split(model, language, tokens)
        assert total == pytest.approx(factorisation + learning, abs=1e-12)
        plans, _ = all_plans(model, LENGTH)
        gap = plan_costs(plans, conditional_entropies(q))[0] - entropy_nats(q)
        expected = plan_costs(plans, learning_costs(denoiser, language, LENGTH))[0]
        assert weights @ factorisation == pytest.approx(gap, abs=1e-12)
        assert weights @ learning == pytest.approx(expected, rel=1e-12)
        assert weights @ seen.error.sum(axis=1) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("language", [bigram3(), trigram2(), hmm2x3()], ids=str)
@pytest.mark.parametrize("rule", ["entropy", "margin", "threshold:tau=0.6"])
def test_parts_of_a_rule_are_those_of_the_contexts_that_its_own_denoiser_chooses(language, rule):
    tokens, weights, q = every(language)
    correlations = {}
    for denoiser in denoisers(language):
        model = mt.MaskedDiffusion(denoiser, sampler=f"{rule}{',' if ':' in rule else ':'}ties=lowest", steps=2)
        total, factorisation, learning, seen = split(model, language, tokens)
        assert total == pytest.approx(factorisation + learning, abs=1e-12)
        assert weights @ total == pytest.approx(expected_nll(law(model, language, LENGTH), q) - entropy_nats(q))
        lost = 0.0
        for x, plan, weight in zip(tokens.tolist(), seen.run.plan, weights, strict=True):
            for step in range(1, plan.max() + 1):
                before, now = np.flatnonzero(plan < step).tolist(), np.flatnonzero(plan == step).tolist()
                key = (tuple(x[i] for i in before), tuple(before), tuple(now))
                if key not in correlations:
                    correlations[key] = total_correlation_at(q, x, before, now)
                lost += weight * correlations[key]
        assert weights @ factorisation == pytest.approx(lost, abs=1e-12)
        assert weights @ learning == pytest.approx(weights @ seen.error.sum(axis=1), rel=1e-12)


def test_the_oracle_run_as_the_sampler_is_no_part_of_the_budget():
    """The twin: where a rule looks, the exact denoiser goes elsewhere than the one that erred, and nothing adds up."""
    language = bigram3()
    tokens, weights, _ = every(language)
    oracle = mt.MaskedDiffusion(mt.Oracle(language), sampler="entropy", steps=2)
    of_oracle = language.log_prob(tokens) - visited(oracle, language, tokens, 0).log_p
    total, factorisation, learning, _ = split(
        mt.MaskedDiffusion(Stub(3, 3), sampler="entropy", steps=2), language, tokens
    )
    assert np.abs(total - factorisation - learning).max() < 1e-12
    assert np.abs(total - of_oracle - learning).max() > 0.5
    assert abs(weights @ (total - of_oracle - learning)) > 0.05


@settings(max_examples=15)
@given(
    st.one_of(hmms(), ngrams()),
    st.integers(1, 6),
    st.sampled_from(["ancestral", "fixed", "first_hitting", *PLANS, *RULES]),
    st.integers(1, 4),
    st.sampled_from([None, 1, 2]),
    st.integers(0, 2),
)
def test_total_is_the_sum_of_parts_in_every_sequence(language, length, sampler, steps, block, which):
    assume(language.vocab_size > 1)
    denoiser = denoisers(language)[which]
    options = {"sampler": sampler, "steps": steps}
    if block is None:
        model = mt.MaskedDiffusion(denoiser, **options)
    else:
        model = mt.BlockDiffusion(denoiser, block=block, **options)
    found = mt.budget(model, language, length, count=50, check=True)
    assert found.off <= 1e-10
    [row] = found.rows
    whole = (row.sequence.learning.cut_from or (row.sequence.learning.value,))[0]
    assert sum(each.learning.value for each in row.by_share) == pytest.approx(whole, abs=1e-9)
    assert sum(each.tokens for each in row.by_share) == pytest.approx(length)


def test_plans_that_are_drawn_cover_what_all_plans_come_to():
    language = bigram3()
    q = joint(language, LENGTH)
    for sampler in ("ancestral", "fixed"):
        for denoiser in denoisers(language)[:2]:
            [row] = mt.budget(denoiser, language, LENGTH, steps=2, sampler=sampler, count=4000, level=0.9999).rows
            plans, chances = all_plans(mt.MaskedDiffusion(denoiser, sampler=sampler, steps=2), LENGTH)
            gap = chances @ plan_costs(plans, conditional_entropies(q)) - entropy_nats(q)
            learning = chances @ plan_costs(plans, learning_costs(denoiser, language, LENGTH))
            parts = row.sequence
            assert parts.factorisation.low <= gap <= parts.factorisation.high
            assert parts.learning.low <= learning <= parts.learning.high
            assert row.log_ratio.low <= learning <= row.log_ratio.high
            assert parts.total.low <= gap + learning <= parts.total.high
            assert parts.total.kind == parts.factorisation.kind == "upper bound"
            assert parts.learning.kind == row.log_ratio.kind == "estimate"


@pytest.mark.parametrize(("attention", "batch"), [("bidirectional", 3), ("causal", 3), ("block", 5)])
def test_networks_are_asked_in_the_batches_of_their_own_scoring(attention, batch, tmp_path):
    """A float32 answer may depend, in the seventh digit, on what else is in a batch: 1e-12 says that none did."""
    run = written_run(tmp_path / "run", attention=attention)
    net = mt.Network(run, device="cpu", batch=batch)
    options = {} if attention == "causal" else {"sampler": ["ancestral", "stride", "entropy"], "steps": [1, 3]}
    found = mt.budget(net, run.language, 8, count=50, check=True, **options)
    assert len(found.rows) == (1 if attention == "causal" else 6)
    assert found.off < 1e-12
    assert all(row.sequence.learning.value > 0 for row in found.rows)
    assert {row.model for row in found.rows} == {
        {"bidirectional": "masked", "causal": "ar", "block": "block:size=4"}[attention]
    }


class Forgetful(DenoiserDefaults):
    """Says something else whenever it is asked."""

    noises = frozenset({"masked"})

    def __init__(self, language):
        self.vocab_size, self.spec, self.identity, self.asked = language.vocab_size, mt.Spec.of("forgetful"), ["f"], 0

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        self.asked += 1
        answers = mt.Perturbed(mt.Oracle(bigram3()), epsilon=0.01 * self.asked)
        return answers.open(count, length, prompt=prompt, threads=threads)


def test_a_denoiser_that_does_not_repeat_itself_is_found_by_the_check():
    found = mt.budget(Forgetful(bigram3()), bigram3(), LENGTH, steps=2, sampler="stride", count=50)
    assert found.off < 1e-12
    with pytest.raises(ValueError, match=r"total and parts of .* differ by .* nats in a sequence") as raised:
        mt.budget(Forgetful(bigram3()), bigram3(), LENGTH, steps=2, sampler="stride", count=50, check=True)
    assert "\n" not in str(raised.value)


def test_what_is_exact_is_said_to_be():
    oracle, erring = mt.Oracle(bigram3()), mt.Window(bigram3(), width=1)
    kinds = {}
    for name, denoiser in (("oracle", oracle), ("window", erring)):
        for sampler in ("left_to_right", "stride", "first_hitting", "entropy", "entropy:ties=lowest"):
            [row] = mt.budget(denoiser, bigram3(), 6, steps=3, sampler=sampler, count=60).rows
            parts = row.sequence
            kinds[name, sampler] = parts.total.kind, parts.factorisation.kind, parts.learning.kind
    assert kinds["oracle", "left_to_right"] == kinds["oracle", "first_hitting"] == ("exact",) * 3
    assert kinds["window", "left_to_right"] == ("estimate", "exact", "estimate")
    assert kinds["window", "first_hitting"] == ("upper bound", "exact", "estimate")
    assert kinds["oracle", "stride"] == kinds["oracle", "entropy:ties=lowest"] == ("estimate", "estimate", "exact")
    assert kinds["window", "entropy"] == ("upper bound", "upper bound", "estimate")


def test_a_denoiser_that_excludes_what_is_possible_loses_all_of_it_by_learning():
    other = golden_chain().oracle()  # holds contexts of the trigram to be impossible
    found = mt.budget(other, trigram2(), LENGTH, steps=2, sampler="blocks", count=60, check=True)
    [row] = found.rows
    assert row.sequence.total.value == row.sequence.learning.value == row.log_ratio.value == np.inf
    assert np.isfinite(row.sequence.factorisation.value)
    assert 0 < row.z.value <= 1
    assert found.off < 1e-12
    seen = visited(mt.MaskedDiffusion(other, sampler="blocks", steps=2), trigram2(), every(trigram2())[0], 0)
    given_up = seen.run.impossible
    assert given_up.any()
    # In the second half the exact posterior is not asked, as the model does not go there.
    assert (seen.exact[given_up, 2:] == 0).all()
    assert (seen.impossible[given_up, 2:] == 1).all()
    assert np.isinf(seen.error[given_up, 2:]).all()


def test_rows_are_of_what_has_a_say():
    found = mt.budget(
        mt.Window(bigram3(), width=1),
        bigram3(),
        6,
        steps=[2, 3],
        sampler=["ancestral", "stride", "first_hitting"],
        schedule=["linear", "cosine"],
        count=50,
    )
    said = [(row.sampler, row.schedule, row.steps) for row in found.rows]
    ancestral = [("ancestral", schedule, steps) for schedule in ("linear", "cosine") for steps in (2, 3)]
    assert said == [*ancestral, ("stride", None, 2), ("stride", None, 3), ("first_hitting", None, None)]
    frame = found.frame
    assert set(frame["part"]) == {"total", "factorisation", "learning", "log_ratio", "z", "calls"}
    whole = frame[(frame["part"] == "total") & (frame["unit"] == "nats a sequence")]
    assert whole["value"].tolist() == [row.sequence.total.value for row in found.rows]
    token = frame[(frame["part"] == "total") & (frame["unit"] == "nats a token")]
    assert (token["value"] * 6).tolist() == pytest.approx(whole["value"].tolist())
    assert repr(found).startswith("<Budget of window:width=1 on")
    assert "first_hitting" in found._repr_html_()


def test_by_share_a_perturbed_oracle_errs_alike_everywhere():
    denoiser = mt.Perturbed(mt.Oracle("ngram:order=2"), epsilon=0.01)
    found = mt.budget(denoiser, "ngram:order=2", 24, steps=6, sampler="stride", count=200)
    assert [(24 * each.high, each.tokens) for each in found.rows[0].by_share] == [
        (last, 4) for last in (6, 9, 12, 18, 21, 24)
    ]
    for each in found.rows[0].by_share:
        assert each.error.value == pytest.approx(0.01, rel=1e-6)
        assert each.learning.value == pytest.approx(0.01 * each.tokens, rel=1e-6)
        assert (24 * each.low, 24 * each.high) in {(3.0 * k + 1, 3.0 * k + 3) for k in range(8)}


def test_nothing_depends_on_threads_or_how_much_is_held_at_a_time(monkeypatch):
    def numbers():
        [row] = mt.budget(mt.Window(bigram3(), width=1), bigram3(), 6, steps=3, count=60, threads=2, seed=3).rows
        return row.sequence, row.log_ratio, row.z, row.by_share

    whole = numbers()
    monkeypatch.setattr("mdmtheory.metrics.visited.ENTRIES", 1)
    monkeypatch.setattr("mdmtheory.models.asking.BATCH_ENTRIES", 1 << 7)
    assert numbers() == whole


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (mt.UniformDiffusion(mt.Oracle(bigram3()), steps=2), {}, "reveals no tokens.*use learning_error .*, and ser"),
        (mt.GaussianDiffusion(mt.Oracle(bigram3()), steps=2), {}, "reveals no tokens"),
        (mt.Autoregressive(bigram3()), {}, "is the language itself"),
        (mt.MaskedDiffusion(mt.Oracle(bigram3())), {"steps": 4}, "steps is 4, and the model that is given has its own"),
        (mt.Oracle(bigram3()), {"sampler": "stride:temperature=0.5"}, "draws from other laws .*temperature=0.5"),
        (mt.Oracle(bigram3()), {"sampler": "entropy:nucleus=0.9"}, "draws from other laws"),
        (mt.Oracle(bigram3()), {"sampler": "draw_confidence"}, "no replay gives"),
        (mt.Oracle(bigram3()), {"sampler": "ancestral:precision=float32"}, "float32 noise"),
        (mt.Oracle(bigram3()), {"steps": []}, "is an empty list"),
        (mt.Oracle(bigram3()), {"count": 49}, "count is 49; pass 50 sequences or more"),
        (mt.Oracle("hmm"), {}, "has .* tokens and the language .* has 3"),
        (bigram3(), {}, "is no"),
    ],
)
def test_what_has_no_budget_is_refused_in_a_line(model, options, message):
    with pytest.raises(ValueError, match=message) as raised:
        mt.budget(model, bigram3(), LENGTH, **options)
    assert "\n" not in str(raised.value)


def test_a_network_of_the_left_takes_no_steps(tmp_path):
    run = written_run(tmp_path / "run", attention="causal")
    with pytest.raises(ValueError, match="steps is 4, and the denoiser .* sees the left .* leave steps out"):
        mt.budget(mt.Network(run, device="cpu"), run.language, 8, steps=4)


def test_a_denoiser_of_another_noise_is_refused(tmp_path):
    run = written_run(tmp_path / "run", noise="uniform", level=True)
    with pytest.raises(ValueError, match="reveals no tokens"):
        mt.budget(mt.Network(run, device="cpu"), run.language, 8)


@pytest.mark.parametrize("prompt", ["prefix:size=2", "every:stride=2", "infill:size=2"])
@pytest.mark.parametrize("language", [bigram3(), hmm2x3()], ids=str)
def test_where_something_is_given_parts_are_of_answers_given_prompts(language, prompt):
    tokens, weights, q = every(language)
    given = given_positions(prompt, language, LENGTH)
    of_prompt = q.sum(axis=tuple(np.flatnonzero(~given.positions)), keepdims=True)
    log_q = np.log(weights) - np.log(np.broadcast_to(of_prompt, q.shape).reshape(-1)[q.reshape(-1) > 0])
    for denoiser in denoisers(language):
        model = mt.MaskedDiffusion(denoiser, sampler="stride", steps=1)
        seen = visited(model, language, tokens, 0, given=given)
        exact = law(model, language, LENGTH, prompt=prompt).reshape(-1)[q.reshape(-1) > 0]
        np.testing.assert_allclose(log_q - seen.log_p, np.log(weights / exact), atol=1e-10)
        np.testing.assert_allclose(log_q - seen.log_p, log_q - seen.log_q_plan() + seen.learning, atol=1e-10)
        assert weights @ seen.error.sum(axis=1) == pytest.approx(weights @ seen.learning, abs=1e-10)
        found = mt.budget(model, language, LENGTH, count=400, level=0.9999, prompt=prompt, check=True)
        [row], total = found.rows, weights @ (log_q - seen.log_p)
        assert row.sequence.total.low - 1e-12 <= total <= row.sequence.total.high
        assert (found.length, row.off < 1e-12) == (given.answer_length, True)


def test_who_sees_the_left_alone_has_a_budget_of_answers_too(tmp_path):
    run = written_run(tmp_path / "run", attention="causal")
    network = mt.Network(run, device="cpu")
    [row] = mt.budget(network, run.language, 8, count=64, prompt="prefix:size=3", check=True).rows
    assert row.sequence.learning.value == row.sequence.total.value > 0
    assert row.calls.value == 5
    with pytest.raises(ValueError, match="to the right of the answer"):
        mt.budget(network, run.language, 8, prompt="suffix:size=3")


def test_an_observer_loses_what_it_does_not_see():
    """Beyond its sight it guesses one of two ways at the crossing; all else of the way it sees, left to right."""
    task = mt.as_language("path:nodes=10,distance=3")
    for edges, lost in ((2, np.log(2)), (3, 0.0)):
        model = mt.Autoregressive(mt.Hops(task, edges=edges))
        [row] = mt.budget(model, task, task.length, count=64).rows
        assert row.sequence.learning.value == pytest.approx(lost, abs=1e-12)
        assert row.sequence.factorisation == mt.Estimate.exact(0.0)
