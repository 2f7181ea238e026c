"""The ancestral sampler as a race of tokens and mask: exact in float64, and what it loses in float32."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.report import RefutedError
from mdmtheory.conformance.samplers import check_sampler
from mdmtheory.conformance.steps import SamplerCase, check_progress
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.exact.law import law_cost
from mdmtheory.metrics.pricing import curve_priced, is_ancestral
from mdmtheory.models.adaptive_loop import run_adaptive
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.plans import Ancestral
from mdmtheory.report.answers import answers
from mdmtheory.samplers import gumbel
from mdmtheory.samplers.gumbel import float32_draws
from mdmtheory.samplers.planned import Planned
from mdmtheory.samplers.protocol import Sampler
from mdmtheory.samplers.race import Race
from mdmtheory.samplers.registry import SAMPLERS, as_sampler
from mdmtheory.schedules import as_schedule
from tests import brute_force

HMM = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])
BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]])
LANGUAGES = {"hmm": HMM, "bigram": BIGRAM, "equal_pairs": mt.EqualPairs(vocab_size=2)}
OPTIONS = [{}, {"temperature": 0.6}, {"temperature": 0.0}, {"nucleus": 0.65}, {"temperature": 1.5, "nucleus": 0.8}]
COARSE = as_sampler("ancestral:precision=float32")


def independent(law):
    return mt.NGram(1.0, np.asarray(law))


# In float64: ancestral.


@pytest.mark.parametrize(
    ("schedule", "options"),
    [*zip(["linear", [0.0, 0.1, 0.5, 1.0], "linear", "cosine", "cosine"], OPTIONS, strict=True)],
)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_law_of_the_race_is_that_of_ancestral_plans(lang, schedule, options):
    language, length = LANGUAGES[lang], 4 if lang == "equal_pairs" else 3
    race, plans = (
        mt.MaskedDiffusion(mt.Oracle(language), sampler=each, steps=3, schedule=schedule)
        for each in (Race(**options), Planned(Ancestral(), **options))
    )
    found, expected = (mt.exact.law(each, language, length) for each in (race, plans))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    if not options:
        other = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=2), language, length)
        assert np.abs(found - other).max() > 1e-3


@pytest.mark.parametrize("options", OPTIONS[:2], ids=str)
@pytest.mark.parametrize("block", [1, 2, 4])
def test_so_it_is_in_blocks(block, options):
    race, plans = (
        BlockDiffusion(mt.Oracle(BIGRAM), block=block, steps=2, sampler=each)
        for each in (Race(**options), Planned(Ancestral(), **options))
    )
    found, expected = (mt.exact.law(each, BIGRAM, 4) for each in (race, plans))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    assert race.masked.sampler.leaves_masked
    assert pickle.loads(pickle.dumps(race.masked.sampler)) == race.masked.sampler
    samples = race.sample(3_000, 4, 0)
    whole = samples.tokens[~samples.impossible].astype(int) @ 3 ** np.arange(4)[::-1]
    counts = np.append(np.bincount(whole, minlength=81), samples.impossible.sum())
    assert brute_force.g_test(counts, np.append(found.reshape(-1), max(round(1 - found.sum(), 12), 0.0))) > 1e-4


@pytest.mark.parametrize("lang", ["ngram:order=1,vocab_size=4", "hmm:states=6,vocab_size=4"])
def test_only_steps_that_reveal_something_are_charged(lang):
    """As many calls as ancestral plans make: sum_k 1 - (1 - w_k)^L in expectation where no context is impossible."""
    language, length, steps = mt.as_language(lang), 12, 40
    found, given_up = [], []
    for sampler in (Race(), Planned(Ancestral()), COARSE):
        samples = mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=steps).sample(2_000, length, 0)
        assert (samples.calls == samples.rounds).all()
        assert samples.calls.max() <= length
        found.append(samples.calls.mean())
        given_up.append(samples.impossible.mean())
    # Standard deviations of about 1 and 3 calls in 2,000 sequences.
    if lang.startswith("ngram"):
        np.testing.assert_allclose(found, steps * (1 - (1 - 1 / steps) ** length), atol=0.09)
        assert given_up == [0, 0, 0]
    else:
        np.testing.assert_allclose(found, found[1], atol=0.35)
        np.testing.assert_allclose(given_up, given_up[1], atol=0.06)
        assert given_up[0] > 0.1


def test_the_float64_race_passes_certify_and_float32_fails_for_its_noise_alone():
    fine, coarse = check_sampler(Race(temperature=0.7)), check_sampler(COARSE)
    assert fine.passed
    assert {each.name: each.passed for each in fine.checks}["law"]
    assert [each.name for each in coarse.checks if each.passed is False] == ["noise"]


class NeverSet(Race):
    """Forgets the tokens that it drew."""

    def step(self, state, tokens, wanted, marginals, drawn):
        after, _ = super().step(state, tokens, wanted, marginals, drawn)
        return after, tokens.copy()


def test_a_step_may_draw_masks_alone_but_not_drop_the_tokens_drawn():
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=Race(), steps=1_000)
    assert not (model.sample(3, 2, 0).tokens == 3).any()
    with pytest.raises(ProtocolError, match="set no token in a step"):
        mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=NeverSet(), steps=4).sample(3, 2, 0)
    with pytest.raises((RefutedError, ProtocolError), match="set no token"):
        check_progress(SamplerCase(NeverSet()))


class NoColumn(Race):
    def law_in(self, state, tokens, wanted, marginals):
        return super().law_in(state, tokens, wanted, marginals)[:, :-1]


def test_laws_without_the_mask_are_refused():
    with pytest.raises(ProtocolError, match="return one law for each, with a column for the mask"):
        mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=NoColumn(), steps=4).sample(3, 2, 0)


# By name, and what float32 does not have.


def test_ancestral_in_float32_is_the_race():
    assert Race(precision="float32") == COARSE == as_sampler(str(COARSE.spec))
    assert str(COARSE.spec) == "ancestral:precision=float32"
    assert isinstance(COARSE, Sampler)
    built = as_sampler("ancestral:precision=float32,temperature=0.5,nucleus=0.9")
    assert built == Race(precision="float32", temperature=0.5, nucleus=0.9) == as_sampler(str(built.spec))
    assert as_sampler("ancestral") == as_sampler("ancestral:precision=float64") == Ancestral()
    assert Race().identity not in (COARSE.identity, Ancestral().identity, Planned(Ancestral()).identity)
    assert isinstance(as_sampler("fixed:precision=float32"), Planned)
    assert (
        "With precision=float32: Each step draws a token or the mask in one race"
        in SAMPLERS.builder("ancestral").__doc__
    )
    with pytest.raises(ValueError, match="precision is 'half'; pass float64 or float32"):
        as_sampler("ancestral:precision=half")
    with pytest.raises(ValueError, match="temperature is -1"):
        as_sampler("ancestral:precision=float32,temperature=-1")


@pytest.mark.parametrize("block", [None, 2])
def test_there_is_no_likelihood_no_law_and_no_closed_form(block):
    denoiser = mt.Oracle(BIGRAM)
    model = (
        BlockDiffusion(denoiser, block=block, steps=2, sampler=COARSE)
        if block
        else mt.MaskedDiffusion(denoiser, sampler=COARSE, steps=2)
    )
    for call in (
        lambda: model.log_prob([[0, 0]]),
        lambda: model.log_prob_kind,
        lambda: mt.ter(model, BIGRAM, 2, count=5),
    ):
        with pytest.raises(ValueError, match="float32 noise, whose law has no closed form; measure ser"):
            call()
    with pytest.raises(ValueError, match="float32 noise, whose law has no closed form; draw from it"):
        mt.exact.law(model, BIGRAM, 2)
    assert law_cost(model, 2) == math.inf
    assert not is_ancestral(model)
    assert not curve_priced(model)
    for language in (independent([0.5, 0.5]), mt.Parity(), mt.EqualPairs(vocab_size=2)):
        assert answers(language, mt.MaskedDiffusion(mt.Oracle(language), sampler=COARSE, steps=2), 4) == []


def test_no_replay_shows_what_it_did():
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=Race(), steps=2)
    assert not model.replayable
    with pytest.raises(ValueError, match="many histories and no replay gives log p"):
        model.log_prob([[0, 0]])
    with pytest.raises(ValueError, match="draws masks too, so tokens do not tell what it did"):
        run_adaptive(model.denoiser, Race(), 2, 2, as_schedule("linear"), tokens=np.zeros((1, 2), np.uint8))


# What float32 loses: docs/theory.md, section 9.


def winners(weights, bits):
    """How likely each outcome wins a race of Gumbel noise made of uniforms on the multiples of 2^-bits, exactly.

    log w - log E is largest, E = -log u: v beats u if u's uniform is below exp(-E_v w_u / w_v).
    """
    grid = np.arange(1, 2**bits) / 2**bits
    weights = np.array(weights)
    found = np.zeros(len(weights))
    for v in np.flatnonzero(weights):
        below = np.ones(len(grid))
        for other in np.delete(np.arange(len(weights)), v):
            if weights[other] > 0:
                below *= np.ceil(2**bits * grid ** (weights[other] / weights[v])) / 2**bits
        found[v] = below.sum() / 2**bits
    return found


def formula(law, rate, bits):
    """The chance of each token in a race with the mask, by docs/theory.md, section 9: a mask of uniform 0 loses."""
    delta = 2.0**-bits
    return delta / np.expm1(np.minimum(delta / (rate * law), 700)) + delta * law


def unigram(law, steps, won):
    """The law of an independent token after all races of the linear schedule; `won` gives the chances in one."""
    masked, found = 1.0, np.zeros(len(law))
    for left in range(steps, 0, -1):
        gained = won(law, 1 / left) if left > 1 else law
        found += masked * gained
        masked *= 1 - gained.sum()
    return found


def entropy(law):
    return float(-(law[law > 0] * np.log(law[law > 0])).sum())


def drawn_unigram(law, sampler, steps, length, count, monkeypatch, bits):
    monkeypatch.setattr(gumbel, "BITS", bits)
    samples = mt.MaskedDiffusion(mt.Oracle(independent(law)), sampler=sampler, steps=steps).sample(count, length, 0)
    return np.bincount(samples.tokens.reshape(-1), minlength=len(law))


def test_the_law_of_coarse_noise_is_that_of_races_on_its_grid(monkeypatch):
    """With 8 bits instead of 24 every race can be summed over its grid."""
    law, steps = np.array([0.931, 0.0523, 0.0131, 0.0036]), 16
    counts = drawn_unigram(law, COARSE, steps, 16, 3_000, monkeypatch, 8)
    expected = unigram(law, steps, lambda p, rate: winners([*(rate * p), 1 - rate], 8)[:-1])
    assert expected.sum() == pytest.approx(1, abs=1e-9)
    assert brute_force.g_test(counts, expected) > 1e-4
    assert brute_force.g_test(counts, law) < 1e-9
    fine = drawn_unigram(law, Race(), steps, 16, 3_000, monkeypatch, 8)
    assert brute_force.g_test(fine, law) > 1e-4


@pytest.mark.parametrize("bits", [12, 16])
def test_the_formula_is_close_to_the_sum_over_the_grid(bits):
    for rate in (0.1, 0.01):
        for m in np.array([100.3, 10.1, 1.3, 0.51, 0.17]) * 2.0**-bits / rate:
            if rate * m < 0.01:
                found = winners([rate * m, rate * (1 - m), 1 - rate], bits)[0]
                assert formula(m, rate, bits) == pytest.approx(found, rel=0.1)
                # With ample bits it would win with its weight.
                assert found < rate * m


def test_rare_tokens_are_lost_and_the_entropy_falls_with_the_number_of_steps(monkeypatch):
    """Zipf with 12 bits: what 24 bits are to tokens 4,096 times as rare."""
    law, bits, length, count = np.arange(1.0, 31) ** -1.5, 12, 64, 300
    law /= law.sum()
    rare = law < 0.01
    lost = []
    for steps in (16, 64):
        coarse, fine = (
            drawn_unigram(law, each, steps, length, count, monkeypatch, bits) / (length * count)
            for each in (COARSE, Race())
        )
        expected = unigram(law, steps, lambda p, rate: formula(p, rate, bits))
        assert expected.sum() == pytest.approx(1, abs=1e-9)
        share, kept = law[rare].sum(), expected[rare].sum()
        # Standard deviations of a share of independent tokens.
        off = math.sqrt(share * (1 - share) / (length * count))
        assert abs(fine[rare].sum() - share) < 4 * off
        assert abs(coarse[rare].sum() - kept) < 5 * off
        assert entropy(fine) == pytest.approx(entropy(law), abs=0.05)
        assert entropy(coarse) == pytest.approx(entropy(expected), abs=0.05)
        lost.append((share - coarse[rare].sum()) / off)
    assert lost[0] > 5
    assert lost[1] > lost[0] + 10


@pytest.mark.parametrize(("m", "kept"), [(1e-3, 0.970), (1e-4, 0.727), (1e-5, 0.0137)])
def test_at_1024_steps_24_bits_lose_tokens_below_6e_5(m, kept):
    """The first race of 1,024. A rare token wins with a uniform in [1 - 2^-14, 1) or not at all, so it is drawn there.

    `kept` is x / (e^x - 1), x = 2^-24 * 1,024 / m.
    """
    steps, band, count = 1_024, 2.0**-14 if m > 1e-4 else 2.0**-17, 400_000
    state = COARSE.init(1, 1, 2, steps, as_schedule("linear"))
    tokens = np.array([[2]], dtype=np.uint8)
    law = COARSE.law_in(state, tokens, tokens == 2, np.array([[1 - m, m]]))
    np.testing.assert_allclose(law[0], [(1 - m) / steps, m / steps, 1 - 1 / steps])
    # Beyond the band it takes noise of the mask that is not there: -log u of at most 24 log 2.
    assert m / steps * 24 * math.log(2) / (1 - 1 / steps) < band
    uniforms = np.random.default_rng(0).random((count, 3))
    uniforms[:, 1] = 1 - band + band * uniforms[:, 1]
    won = float((float32_draws(np.tile(law, (count, 1)), uniforms) == 1).mean())
    off = math.sqrt(won / count) * band
    assert formula(m, 1 / steps, 24) / (m / steps) == pytest.approx(kept, rel=0.01)
    assert abs(won * band - formula(m, 1 / steps, 24)) < 4 * off
    if m < 1e-3:
        assert won * band < m / steps - 10 * off
