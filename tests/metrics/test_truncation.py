"""SER, nats of what is kept and mass cut, against sums over all sequences and plans."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.exact.enumeration import all_sequences, error_rate, joint
from mdmtheory.exact.law import context_marginals, context_numbers
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.theory.instances import bigram3

LENGTH, Q = 4, bigram3()
DENOISER = mt.Perturbed(mt.Oracle(Q), epsilon=0.1)
OPTIONS = ["nucleus=0.7", "min_p=0.4", "temperature=0", "temperature=2", "temperature=1.5,nucleus=0.8,min_p=0.2"]


def enumerated(options, plan):
    """The three numbers of x ~ q under one plan, from every context's marginals."""
    law, q = as_sampler(f"confidence:{options}"), joint(Q, LENGTH).reshape(-1)
    sequences, said = all_sequences(3, LENGTH), context_marginals(DENOISER, LENGTH)
    nats, cut = np.zeros(len(q)), np.zeros(len(q))
    for i in range(LENGTH):
        numbers = context_numbers(sequences, np.array(plan) < plan[i], 3)
        marginals = said[numbers, i]
        inside = marginals.sum(axis=1) > 0
        drawn = np.zeros_like(marginals)
        drawn[inside] = law.law(marginals[inside])
        cut += np.where(drawn == 0, marginals, 0).sum(axis=1) / LENGTH
        with np.errstate(divide="ignore"):
            nats -= np.log(drawn[np.arange(len(q)), sequences[:, i]]) / LENGTH
    kept = np.isfinite(nats) & (q > 0)
    return q[kept].sum(), (q[kept] @ nats[kept]) / q[kept].sum(), q[q > 0] @ cut[q > 0]


@pytest.mark.parametrize("options", OPTIONS)
def test_its_numbers_are_the_enumerated_ones(options):
    model = mt.MaskedDiffusion(DENOISER, sampler=f"stride:{options}", steps=2)
    found = mt.truncation(model, Q, LENGTH, count=2000, level=0.9999)
    kept, nats, cut = enumerated(options, [1, 2, 1, 2])
    assert found.kept.low <= kept + 1e-9
    assert kept <= found.kept.high + 1e-9
    assert found.nats.low <= nats <= found.nats.high
    assert found.cut.low <= cut <= found.cut.high
    ser = error_rate(mt.exact.law(model, Q, LENGTH), joint(Q, LENGTH))
    assert found.ser.low - 1e-9 <= ser <= found.ser.high + 1e-9


def test_without_options_nothing_is_cut_and_all_is_kept():
    for sampler in ("ancestral", "entropy", "stride:temperature=0.5"):
        found = mt.truncation(mt.MaskedDiffusion(DENOISER, sampler=sampler, steps=2), Q, LENGTH, count=200)
        assert found.cut.value == 0
        assert found.kept.value == 1


def test_a_rule_scores_what_it_would_choose():
    plain, cutting = (
        mt.truncation(mt.MaskedDiffusion(DENOISER, sampler=sampler, steps=4), Q, LENGTH, count=400)
        for sampler in ("confidence", "confidence:min_p=0.5")
    )
    assert cutting.cut.low > plain.cut.high
    assert cutting.kept.high < plain.kept.low
    assert cutting.ser.high < plain.ser.low


def test_blocks_have_their_own():
    found = mt.truncation(
        mt.BlockDiffusion(DENOISER, block=2, steps=1, sampler="ancestral:nucleus=0.6"), Q, 4, count=99
    )
    assert found.cut.low > 0


def test_where_few_are_kept_nothing_is_said_of_their_nats():
    found = mt.truncation(mt.MaskedDiffusion(DENOISER, sampler="left_to_right:temperature=0", steps=2), Q, 12, count=60)
    assert found.nats is None
    assert "nats" not in found._repr_html_()
    assert "mass cut" in found._repr_html_()


def test_what_has_nothing_to_cut_is_refused_in_a_line():
    with pytest.raises(ValueError, match="no sampler whose options"):
        mt.truncation(mt.Autoregressive(DENOISER), Q, LENGTH)
    with pytest.raises(ValueError, match="float32"):
        mt.truncation(mt.MaskedDiffusion(DENOISER, sampler="stride:precision=float32", steps=2), Q, LENGTH)


def test_of_answers_to_prompts_all_is_of_the_answers():
    """Two given tokens of four are kept, and nothing of them is cut."""
    model = mt.MaskedDiffusion(DENOISER, sampler="left_to_right:min_p=0.4", steps=2)
    whole, found = (mt.truncation(model, Q, LENGTH, count=400, prompt=prompt) for prompt in (None, "prefix:size=2"))
    tokens = Q.sample(400, LENGTH, 0)
    law, said = as_sampler("confidence:min_p=0.4"), DENOISER.next_laws(tokens)
    marginals = said.reshape(-1, 3)
    lost = np.where(law.law(marginals) == 0, marginals, 0).sum(axis=1).reshape(said.shape[:2])
    assert found.cut.value == pytest.approx(lost[:, 2:].mean(), rel=1e-9)
    assert whole.cut.value == pytest.approx(lost.mean(), rel=1e-9)
