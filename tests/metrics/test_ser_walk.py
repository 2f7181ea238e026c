"""SER by walks that stay possible, against enumerated laws; what walks draw, and what has none."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.goodness import follows
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.ser_walk import SerWalk, Walks
from mdmtheory.theory.instances import bigram3, golden_chain, hmm2x3
from mdmtheory.theory.ser_of_walks import STATEMENT, walks
from tests.networks.runs import written_run

LENGTH = 4
Q = bigram3()
PERTURBED = mt.Perturbed(mt.Oracle(Q), epsilon=0.1)
SURE = 0.999999
"""Of intervals that chance does not leave."""


def masked(denoiser=PERTURBED, **options):
    return mt.MaskedDiffusion(denoiser, **{"steps": 2, **options})


MODELS = {
    "one at a time": masked(sampler="first_hitting"),
    "ancestral": masked(),
    "one step": masked(steps=1),
    "the exact denoiser": masked(mt.Oracle(Q)),
    "one that is blind": masked(mt.Window(Q, width=0), sampler="stride"),
    "tempered, from a nucleus": masked(sampler="fixed:temperature=1.5,nucleus=0.9"),
    "a rule": masked(sampler="entropy"),
    "a rule, ties from the left, tempered": masked(sampler="confidence:ties=lowest,temperature=0.7", steps=4),
    "verified drafts": masked(sampler="verify:k=3"),
    "blocks": mt.BlockDiffusion(PERTURBED, block=3, steps=2),
    "a rule in blocks": mt.BlockDiffusion(PERTURBED, block=2, steps=1, sampler="margin"),
    "from the left": mt.Autoregressive(PERTURBED),
    "another language's oracle": masked(hmm2x3().oracle(), sampler="left_to_right"),
    "one that gives up where more is possible": masked(mt.Oracle(mt.NGram([0.4, 0.3, 0.3], np.roll(np.eye(3), 1, 1)))),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_enumerated_rate_lies_in_the_interval(name):
    exact = error_rate(mt.exact.law(MODELS[name], Q, LENGTH), joint(Q, LENGTH))
    found = mt.ser(MODELS[name], Q, LENGTH, count=3000, method="walk", level=SURE)
    assert found.kind == "estimate"
    assert found.low - 1e-12 <= exact <= found.high + 1e-12


@pytest.mark.parametrize("name", MODELS)
def test_walks_are_in_the_language_and_vary_no_more_than_errors(name):
    walk = MODELS[name].walk(Q, 500, LENGTH, seed=1)
    ended = (walk.tokens == Q.vocab_size).any(axis=1)
    assert Q.in_support(walk.tokens[~ended]).all()
    assert (walk.wrong[ended] == 1).all()
    mean = walk.wrong.mean()
    assert walk.wrong.var() <= mean * (1 - mean) + 1e-15


@pytest.mark.parametrize(("sampler", "steps"), [("stride", 2), ("confidence:ties=lowest", 4), ("first_hitting", 4)])
def test_walks_have_the_enumerated_law(sampler, steps):
    setting = STATEMENT.setting(Q, LENGTH, steps, denoiser="perturbed:epsilon=0.1", sampler=sampler)
    law = np.zeros(joint(Q, LENGTH).shape)
    law[joint(Q, LENGTH) > 0] = walks(setting)[0].sum(axis=0)
    tokens = masked(sampler=sampler, steps=steps).walk(Q, 4000, LENGTH, seed=2).tokens
    assert follows(tokens, law)


def test_prompts_are_drawn_from_the_language():
    model = masked(sampler="confidence", steps=3)
    prompt = "prefix:size=1"
    law = mt.exact.law(model, Q, LENGTH, prompt=prompt)
    found = mt.ser(model, Q, LENGTH, count=3000, method="walk", level=SURE, prompt=prompt)
    assert found.low <= error_rate(law, joint(Q, LENGTH)) <= found.high


def test_a_walk_depends_on_its_number_alone():
    for model in MODELS.values():
        whole, part = model.walk(Q, 7, LENGTH, seed=3), model.walk(Q, 2, LENGTH, seed=3, first=4)
        assert np.array_equal(whole.tokens[4:6], part.tokens)
        assert np.array_equal(whole.z[4:6], part.z)


def test_a_network_is_walked_with(tmp_path):
    q = mt.as_language("ngram:order=2,vocab_size=4")
    net = mt.Network(written_run(tmp_path, language=str(q.spec), length=6), device="cpu", batch=64)
    model = masked(net, sampler="first_hitting:temperature=8.0")  # drawn weights are sure of what is wrong
    walked = mt.ser(model, q, 6, count=400, method="walk", level=SURE)
    counted = mt.ser(model, q, 6, count=400, level=SURE)
    assert walked.low < counted.high
    assert counted.low < walked.high
    assert walked.high - walked.low < counted.high - counted.low


class Seldom(DenoiserDefaults):
    """Says what the oracle says, but where the first token shows: there, if it is rare, nonsense."""

    noises = frozenset({"masked"})
    spec = mt.Spec.of("seldom")
    identity = ("seldom",)
    vocab_size = 2

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        begins_odd = np.zeros(count, dtype=np.bool_) if prompt is None else prompt[:, 0] == 1
        return SeldomCanvas(golden_chain().oracle().open(count, length, prompt=prompt), begins_odd)


class SeldomCanvas:
    def __init__(self, inside, odd):
        self.inside, self.odd = inside, odd
        self.calls, self.rounds, self.impossible = inside.calls, inside.rounds, inside.impossible

    def write(self, rows, positions, tokens):
        self.odd[rows[(positions == 0) & (tokens == 1)]] = True
        self.inside.write(rows, positions, tokens)

    def marginals(self, rows, positions):
        laws = self.inside.marginals(rows, positions)
        laws[self.odd[rows]] = 0.5
        return laws


def test_where_the_mass_sits_in_few_sequences_the_product_is_taken_in_each():
    """E[1 - prod] where z is 1/2 behind one first token, and 0 behind the other: half of it, whatever the mean of z."""
    model = masked(Seldom(), sampler="left_to_right")
    exact = error_rate(mt.exact.law(model, golden_chain(), 2), joint(golden_chain(), 2))
    found = mt.ser(model, golden_chain(), 2, count=3000, method="walk", level=SURE)
    assert found.low <= exact <= found.high


def test_a_walk_ends_where_the_model_has_nothing_on_what_is_possible():
    rows = np.zeros((5, 5))
    rows[0, 2], rows[1, 3:], rows[2:, 0] = 1.0, 0.5, 1.0
    q = mt.NGram([0.4, 0.6, 0.0, 0.0, 0.0], rows)
    walk = masked(mt.Window(q, width=0), sampler="left_to_right:temperature=0").walk(q, 3, 3, seed=0)
    assert walk.tokens.tolist() == [[1, 5, 5]] * 3
    assert walk.wrong.tolist() == [1, 1, 1]


@pytest.mark.parametrize("sampler", ["blocks", "confidence:ties=lowest"])
def test_a_walk_ends_where_the_model_gives_up(sampler):
    """Of two tokens of one step the second may be one that the model excludes after the first: then it says no more."""
    denoiser = mt.Oracle(mt.NGram([0.4, 0.3, 0.3], np.roll(np.eye(3), 1, 1)))
    walk = masked(denoiser, sampler=sampler, steps=3).walk(Q, 60, 6, seed=1)
    ended = (walk.tokens == Q.vocab_size).any(axis=1)
    assert ended.any()
    asked = (walk.z[ended] == 1).sum(axis=1)
    assert (asked > 0).all()
    assert (asked <= (walk.tokens[ended] == Q.vocab_size).sum(axis=1)).all()
    last = walk.tokens[ended] == Q.vocab_size
    assert (walk.wrong[ended] == 1).all()
    assert (walk.z[ended][last & (walk.z[ended] != 1)] == 0).all()
    if sampler == "blocks":  # that gave up in the second of three steps is asked no more in the third
        assert ((asked == 2) & (last.sum(axis=1) == 4)).any()
        assert (asked <= 2).all()


def test_an_interval_holds_where_two_walks_carry_the_mean():
    found = SerWalk().estimate(mt_measured(wrong=np.r_[np.full(98, 1e-6), 1.0, 1.0]), 0.95)
    assert found.high > 0.1
    assert found.low == 0


def mt_measured(wrong):
    from mdmtheory.metrics.metric import Measured
    from mdmtheory.metrics.sums import Sums, moments

    return Measured(Sums(sequences=len(wrong), **moments("wrong", wrong)), LENGTH)


def test_chunks_add_up():
    [whole] = Walks().count([MODELS["ancestral"]], Sequences(Q, LENGTH, 0, 0, 60))
    parts = [Walks().count([MODELS["ancestral"]], Sequences(Q, LENGTH, 0, first, 20))[0] for first in (0, 20, 40)]
    assert sum(each["wrong"] for each in parts) == pytest.approx(whole["wrong"], rel=1e-12)


class Own(mt.MaskedDiffusion):
    """Of a user's own."""


def test_what_has_no_walk_is_refused_in_one_line():
    trusting = mt.Oracle(Q, trust=0.999)
    for model, said in (
        (masked(trusting, sampler="remdm-cap:eta=0.3"), "may change or drop tokens"),
        (masked(sampler="draw_confidence"), "may change or drop tokens"),
        (masked(mt.Oracle(Q), sampler="independent:mu=0.1"), "pairs"),
        (masked(sampler="confidence:precision=float32"), "float32"),
        (masked(sampler="stride:precision=float32"), "float32"),
        (mt.UniformDiffusion(mt.Oracle(Q), steps=2), "may change tokens"),
        (Own(PERTURBED, steps=2), "does not come with mdmtheory"),
    ):
        with pytest.raises(ValueError, match=said) as refused:
            mt.ser(model, Q, LENGTH, method="walk")
        assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="max_errors"):
        mt.ser(masked(), Q, LENGTH, method="walk", max_errors=3)
    with pytest.raises(ValueError, match="method is 'walks'; pass one of draws, walk, sharp"):
        mt.ser(masked(), Q, LENGTH, method="walks")
