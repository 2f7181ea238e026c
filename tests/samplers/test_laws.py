"""What samplers draw, against the enumeration of their chances; and twins with a bug, which must fail."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.exact.draws import after_each_step, law_by_draws
from mdmtheory.samplers.correcting import Redraw, TopKRemask
from mdmtheory.samplers.remasking import ReMDMCap, largest_again
from mdmtheory.samplers.unbudgeted import Independent
from mdmtheory.samplers.verifying import Verify
from mdmtheory.schedules import as_schedule
from tests import brute_force
from tests.languages.small import hmms, ngrams

HMM = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])
BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]])
TOKENS = mt.NGram(1.0, [0.6, 0.3, 0.1])
LANGUAGES = {"hmm": HMM, "bigram": BIGRAM, "equal_pairs": mt.EqualPairs(vocab_size=2)}
KEEP_THE_SCHEDULE = ["remdm-cap:eta=0.3", "remdm-rescale:eta=0.7", "remdm-loop:eta=0.4,alpha=0.6"]
REMASKING = [
    *KEEP_THE_SCHEDULE,
    "remdm-conf",
    "remdm-cap:eta=0.3,nucleus=0.7",
    "topk_remask",
    "rdm",
    "rdm:conditioned=true",
    "redraw:sweeps=2,tau=0.4",
]
SETTING_ONCE = ["independent:mu=0.05", "verify:k=3", "verify:k=2,order=bit_reversed,temperature=0.5"]
NUCLEUS = ["confidence:nucleus=0.8", "draw_confidence:nucleus=0.8,temperature=2"]


def cells_of(samples, law):
    """Counts of the whole sequences, and of those that met an impossible context."""
    counts = np.zeros(law.shape)
    np.add.at(counts, tuple(samples.tokens[~samples.impossible].T.astype(int)), 1)
    return [*counts.reshape(-1), samples.impossible.sum()], [*law.reshape(-1), max(round(1 - law.sum(), 12), 0.0)]


def model_of(sampler, language):
    trust = 0.95 if sampler in REMASKING else 1.0
    return mt.MaskedDiffusion(mt.Oracle(language, trust=trust), sampler=sampler, steps=4, schedule="cosine")


@pytest.mark.parametrize("sampler", REMASKING + SETTING_ONCE + NUCLEUS)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_sampler_draws_from_its_law(sampler, lang):
    model = model_of(sampler, LANGUAGES[lang])
    law = mt.exact.law(model, LANGUAGES[lang], 3)
    assert law.sum() == pytest.approx(1) or sampler.startswith(("independent", *NUCLEUS))
    assert brute_force.g_test(*cells_of(model.sample(6_000, 3, seed=3), law)) > 1e-4


def test_draws_refute_another_sampler():
    for sampler, twin in [
        ("remdm-rescale:eta=1", "remdm-rescale:eta=0.05"),
        ("redraw:sweeps=2,tau=0.4", "redraw:sweeps=2,tau=0.4,share=1"),
        ("remdm-loop:eta=0.6,alpha=0.5", "remdm-cap:eta=0.05"),
        ("topk_remask", "topk_remask:nucleus=0.8"),
        ("rdm", "topk_remask"),
        ("rdm", "rdm:conditioned=true"),
    ]:
        law = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(HMM, trust=0.95), sampler=twin, steps=8), HMM, 3)
        samples = mt.MaskedDiffusion(mt.Oracle(HMM, trust=0.95), sampler=sampler, steps=8).sample(20_000, 3, seed=3)
        assert brute_force.g_test(*cells_of(samples, law)) < 1e-4


class Sure:
    """Knows the whole sequence, whatever is shown of it."""

    vocab_size, trust = 3, 0.5

    def __init__(self, tokens):
        self.spec, self.identity, self.tokens = mt.Spec.of("sure"), ["sure"], tokens
        self.noises = frozenset({"masked"})

    def conditionals(self, tokens, threads=None):
        return np.tile(np.eye(3)[self.tokens], (len(tokens), 1, 1))

    def open(self, *arguments, **options):
        raise NotImplementedError


def kept_fractions(sampler, steps, schedule):
    """Whether every token is revealed with the schedule's probability after each step, whatever the others are."""
    x = [2, 0]
    model = mt.MaskedDiffusion(Sure(x), sampler=sampler, steps=steps, schedule=schedule)
    fractions = model.sampler.fractions(steps, as_schedule(schedule))
    reached = list(after_each_step(model, 2))
    assert len(reached) == steps + 1
    for fraction, (tokens, mass, _) in zip(fractions, reached, strict=True):
        for shown in ([2, 0], [2, 3], [3, 0], [3, 3]):
            expected = math.prod(fraction if v < 3 else 1 - fraction for v in shown)
            if mass[(tokens == shown).all(axis=1)].sum() != pytest.approx(expected, abs=1e-12):
                return False
    return True


@pytest.mark.parametrize("schedule", ["linear", "cosine", "polynomial:power=3"])
@pytest.mark.parametrize("sampler", KEEP_THE_SCHEDULE)
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_remasking_keeps_the_marginal(sampler, steps, schedule):
    if sampler.startswith("remdm-loop") and steps == 1:
        with pytest.raises(ValueError, match="needs 2 or more"):
            kept_fractions(sampler, steps, schedule)
    else:
        assert kept_fractions(sampler, steps, schedule)


@dataclass(frozen=True, kw_only=True)
class RevealsAsWithoutRemasking(ReMDMCap):
    def chances(self, state, tokens):
        taken = state.memory[:, 0].astype(int)
        before, after = state.shared.fractions[taken, None], state.shared.fractions[taken + 1, None]
        return np.where(tokens == state.shared.mask, (after - before) / (1 - before), super().chances(state, tokens))


@dataclass(frozen=True, kw_only=True)
class RemasksWithoutBound(ReMDMCap):
    def masked_again(self, before, after, state, tokens):
        return np.full_like(before, self.eta)


def test_the_marginal_refutes_wrong_remasking():
    assert not kept_fractions(RevealsAsWithoutRemasking(eta=0.3), 4, "linear")
    with pytest.raises(ProtocolError, match="`chances` returned chances from 0.8 to 1.3; return probabilities"):
        kept_fractions(RemasksWithoutBound(eta=0.8), 4, "linear")


def test_the_tokens_of_one_position_have_their_law_after_every_step():
    model = mt.MaskedDiffusion(mt.Oracle(TOKENS, trust=0.9), sampler="remdm-rescale:eta=1", steps=5)
    for k, (tokens, mass, _) in enumerate(after_each_step(model, 1)):
        found = np.bincount(tokens[:, 0], weights=mass, minlength=4)
        np.testing.assert_allclose(found, [*(k / 5 * np.array([0.6, 0.3, 0.1])), 1 - k / 5], atol=1e-12)


def test_remasking_by_confidence_does_not_keep_the_marginal_until_the_last_step():
    # As published: masked tokens are set as without remasking, so at one position a share sigma of the rest is lost.
    model = mt.MaskedDiffusion(mt.Oracle(TOKENS, trust=0.9), sampler="remdm-conf", steps=4)
    revealed = [mass[tokens[:, 0] < 3].sum() for tokens, mass, _ in after_each_step(model, 1)]
    expected = [0.0]
    for k in range(4):
        t, s = k / 4, (k + 1) / 4
        again = 0.0 if k == 0 else float(largest_again(np.array([t]), np.array([s]))[0])
        expected.append(expected[-1] * (1 - again) + (1 - expected[-1]) * (s - t) / (1 - t))
    np.testing.assert_allclose(revealed, expected, atol=1e-12)
    assert expected[-1] == 1
    assert expected[2] < 0.5


@given(
    language=st.one_of(hmms(most_states=3), ngrams()),
    k=st.integers(1, 5),
    order=st.sampled_from(["left_to_right", "bit_reversed"]),
    length=st.integers(1, 4),
)
def test_verified_drafts_are_exact(language, k, order, length):
    q = mt.exact.joint(language, length)
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=f"verify:k={k},order={order}")
    np.testing.assert_allclose(law_by_draws(model, length), q, atol=1e-12)
    scores = model.log_prob(mt.exact.all_sequences(language.vocab_size, length))
    assert scores.kind == "exact"
    np.testing.assert_allclose(np.exp(scores.values), q.reshape(-1), atol=1e-12)


@pytest.mark.parametrize(
    "options", ["temperature=0.5", "nucleus=0.7", "order=bit_reversed,temperature=2", "temperature=0"]
)
@pytest.mark.parametrize(
    "denoiser", [mt.Oracle(HMM), mt.Oracle(HMM, trust=0.9), mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.1)]
)
def test_verified_drafts_are_the_chain_rule_whatever_the_denoiser(denoiser, options):
    model = mt.MaskedDiffusion(denoiser, sampler=f"verify:k=3,{options}")
    scored = np.exp(model.log_prob(mt.exact.all_sequences(3, 4)).values)
    np.testing.assert_allclose(law_by_draws(model, 4).reshape(-1), scored, atol=1e-12)


@dataclass(frozen=True, kw_only=True)
class AcceptsEverything(Verify):
    def law_in(self, state, tokens, wanted, marginals):
        law = super().law_in(state, tokens, wanted, marginals)
        rows = np.nonzero(wanted)[0]
        for place, row in enumerate(rows):
            if state.memory[row, 0] > 0:
                law[place] = np.eye(3)[int(state.memory[row, 2 + int(state.memory[row, 0])])]
        return law


@dataclass(frozen=True, kw_only=True)
class MendsByTheMarginal(Verify):
    def law_in(self, state, tokens, wanted, marginals):
        law, target = super().law_in(state, tokens, wanted, marginals), self.law(marginals)
        best = law.argmax(axis=1)
        kept = law[np.arange(len(law)), best]
        return np.where((kept < 1)[:, None], kept[:, None] * np.eye(3)[best] + (1 - kept)[:, None] * target, law)


@pytest.mark.parametrize("twin", [AcceptsEverything(k=3), MendsByTheMarginal(k=3)])
def test_enumeration_refutes_wrong_verification(twin):
    law = law_by_draws(mt.MaskedDiffusion(mt.Oracle(HMM), sampler=twin), 3)
    assert abs(law - mt.exact.joint(HMM, 3)).max() > 0.01


def test_verification_counts_the_calls_of_a_draft_and_two_rounds():
    q = mt.NGram(1.0, [0.5, 0.3, 0.2])
    samples = mt.MaskedDiffusion(mt.Oracle(q), sampler="verify:k=4").sample(20, 10, seed=0)
    # Independent tokens are always accepted: drafts of 4, 4 and 2.
    assert (samples.calls == 10).all()
    assert (samples.rounds == 6).all()
    one = mt.MaskedDiffusion(mt.Oracle(q), sampler="verify:k=1").sample(20, 10, seed=0)
    assert (one.calls == 10).all()
    assert (one.rounds == 10).all()
    pairs = mt.MaskedDiffusion(mt.Oracle(mt.EqualPairs(vocab_size=4)), sampler="verify:k=2").sample(200, 2, seed=0)
    # A partner is drafted wrong three times of four, and mended at once: no third round.
    assert (pairs.calls == 2).all()
    assert (pairs.rounds == 2).all()


@pytest.mark.parametrize("vocab_size", [2, 5])
def test_independent_positions_take_two_rounds_on_pairs(vocab_size):
    q = mt.EqualPairs(vocab_size=vocab_size)
    model = mt.MaskedDiffusion(mt.Oracle(q), sampler="independent:mu=0.1")
    samples = model.sample(50, 9, seed=0)
    assert (samples.calls == 2).all()
    assert q.in_support(samples.tokens).all()
    x = q.sample(20, 9, seed=1)
    np.testing.assert_allclose(model.log_prob(x).values, q.log_prob(x), rtol=1e-12)


def test_pairs_do_not_see_parity():
    q = mt.Parity()
    model = mt.MaskedDiffusion(mt.Oracle(q), sampler="independent:mu=0.1")
    law = mt.exact.law(model, q, 4)
    np.testing.assert_allclose(law, np.full((2,) * 4, 1 / 16))
    assert (model.sample(10, 4, seed=0).calls == 1).all()


@given(
    language=st.one_of(hmms(most_states=3), ngrams()), mu=st.sampled_from([0, 0.01, 0.1, 3]), length=st.integers(2, 4)
)
def test_independent_positions_by_their_definition(language, mu, length):
    oracle = mt.Oracle(language)
    contexts = mt.exact.all_sequences(language.vocab_size + 1, length)
    contexts = contexts[(contexts == language.vocab_size).any(axis=1)]
    pairs, conditionals = oracle.pairs(contexts), oracle.conditionals(contexts)
    sampler = Independent(mu=mu)
    state = sampler.init(len(contexts), length, language.vocab_size, 1, as_schedule("linear"))
    wanted = sampler.wants(state, contexts)
    state = type(state)(state.memory, state.shared, pairs=pairs)
    _, after = sampler.step(state, contexts, wanted, conditionals[wanted], np.zeros(wanted.sum(), dtype=np.int64))
    for row, context in enumerate(contexts):
        masked = [i for i in range(length) if context[i] == language.vocab_size]
        ranked = sorted(masked, key=lambda i: (-round(float(conditionals[row, i].max()), 10), i))
        chosen: list[int] = []
        for i in ranked:
            if all(round(pairs[row, i, j], 10) < mu for j in chosen):
                chosen.append(i)
        assert set(np.flatnonzero(after[row] != context)) == set(chosen)
        if mu == 0:
            assert len(chosen) == 1


def test_the_best_of_all_positions_are_kept():
    sampler = TopKRemask()
    tokens = np.array([[3, 0, 3, 1, 3]], dtype=np.uint8)
    laws = np.array([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.4, 0.4, 0.2]])
    state = sampler.init(1, 5, 3, 5, as_schedule("linear"))
    state = state.after(np.array([2]))
    wanted = sampler.wants(state, tokens)
    assert wanted.all()
    # Scores .2 (drawn 1), .2 (set 0), .8 (drawn 2), .8 (set 1), .4 (drawn 0): three are kept.
    state, after = sampler.step(state, tokens, wanted, laws, np.array([1, 2, 2, 0, 0]))
    assert after.tolist() == [[3, 3, 2, 1, 0]]
    assert state.memory.tolist() == [3]


def test_unlikely_tokens_are_drawn_anew_where_their_coins_fell():
    sampler = Redraw(tau=0.3, sweeps=2)
    tokens = np.array([[0, 0, 0], [2, 2, 2]], dtype=np.uint8)
    laws = np.tile([[0.2, 0.3, 0.5]], (6, 1))
    state = sampler.init(2, 3, 3, 1, as_schedule("linear")).after(np.array([1, 1]))
    np.testing.assert_array_equal(sampler.chances(state, tokens), np.full((2, 3), 0.5))
    state = type(state)(state.memory, state.shared, coins=np.array([[True, False, True]] * 2))
    wanted = sampler.wants(state, tokens)
    assert wanted.all()
    state, after = sampler.step(state, tokens, wanted, laws, np.full(6, 1))
    assert after.tolist() == [[1, 0, 1], [2, 2, 2]]
    # The second found nothing, and is over.
    assert state.memory.tolist() == [2, 3]
    assert sampler.finished(state, after).tolist() == [False, True]


def test_redrawing_mends_errors_and_is_frozen_on_pairs():
    q = mt.as_language("hmm")
    errors = {}
    for sampler in ("redraw", "redraw:sweeps=0"):
        samples = mt.MaskedDiffusion(mt.Oracle(q, trust=0.999), sampler=sampler, steps=8).sample(40, 64, seed=0)
        errors[sampler] = 40 - int(q.in_support(samples.tokens).sum())
    assert errors["redraw"] <= 1
    assert errors["redraw:sweeps=0"] >= 35
    # Both tokens of a broken pair are drawn as what the other is: the pair is mended only where one is drawn alone.
    pairs = mt.MaskedDiffusion(
        mt.Oracle(mt.EqualPairs(vocab_size=2), trust=1 - 1e-9), sampler="redraw:sweeps=9,share=1", steps=1
    )
    law = mt.exact.law(pairs, mt.EqualPairs(vocab_size=2), 2)
    np.testing.assert_allclose(law, [[0.25, 0.25], [0.25, 0.25]], atol=1e-6)


def test_what_sets_nothing_calls_nothing():
    for sampler in ("remdm-cap:eta=0.001", "redraw:sweeps=0"):
        samples = mt.MaskedDiffusion(mt.Oracle(TOKENS, trust=0.9), sampler=sampler, steps=100).sample(50, 3, seed=0)
        assert (samples.tokens < 3).all()
        assert samples.calls.max() <= 8
        assert (samples.calls == samples.rounds).all()


@pytest.mark.parametrize("sampler", REMASKING)
def test_no_mask_is_left(sampler):
    samples = mt.MaskedDiffusion(mt.Oracle(HMM, trust=0.99), sampler=sampler, steps=7).sample(100, 9, seed=0)
    assert (samples.tokens < 3).all()
    assert not samples.impossible.any()
