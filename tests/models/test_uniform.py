"""Uniform diffusion against transition matrices that Bayes' rule alone gives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.models.uniform import UniformDiffusion
from mdmtheory.theory.instances import bigram3
from tests import brute_force
from tests.languages.small import hmms, ngrams

HMM = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])
LANGUAGES = {
    "hmm": (HMM, 3),
    "bigram": (bigram3(), 3),
    "trigram": (mt.NGram([[0.25, 0.25], [0.5, 0]], [[[0.5, 0.5], [1, 0]], [[0.3, 0.7], [0.2, 0.8]]]), 4),
    "parity": (mt.Parity(), 4),
    "pairs": (mt.EqualPairs(vocab_size=3), 3),
    "permutation": (mt.Permutation(items=3), 3),
}


def joint_of(language, length):
    return np.exp(language.log_prob(brute_force.sequences(language.vocab_size, length)))


def pair_laws(joint, vocab_size, length, kept_after, kept):
    """q(x_s, x_t) of all pairs of sequences, by noising x_0 to x_s and x_s to x_t position by position."""
    every = brute_force.sequences(vocab_size, length)
    same = every[:, None] == every[None]

    def noised(share):
        return np.where(same, share + (1 - share) / vocab_size, (1 - share) / vocab_size).prod(axis=2)

    less = joint @ noised(kept_after)
    return less[:, None] * noised(kept / kept_after)


def marginals_of(pairs, vocab_size, length):
    """q(x_s^i = z | x_t), (noisy, L, V)."""
    every = brute_force.sequences(vocab_size, length)
    given_noisy = (pairs / pairs.sum(axis=0)).T
    return np.stack([given_noisy @ (every == z) for z in range(vocab_size)], axis=2)


def law_and_bound(language, length, kept):
    """p(x_0) of the model and E_q[-ELBO], told from docs/theory.md, section 8, alone; `kept` from clean to noise."""
    vocab_size = language.vocab_size
    joint = joint_of(language, length)
    every = brute_force.sequences(vocab_size, length)
    law = np.full(len(every), 1 / len(every))
    bound = -(joint[joint > 0] * np.log(joint[joint > 0])).sum()
    for level in range(len(kept) - 1, 0, -1):
        pairs = pair_laws(joint, vocab_size, length, kept[level - 1], kept[level])
        marginals = marginals_of(pairs, vocab_size, length)
        law = law @ np.prod([marginals[:, i][:, every[:, i]] for i in range(length)], axis=0)
        # H(q) + the total correlation of x_s given x_t.
        noisy = pairs.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            single = -np.nan_to_num(marginals * np.log(marginals)).sum(axis=(1, 2)) @ noisy
            together = -np.nan_to_num(pairs * np.log(pairs / noisy)).sum()
        bound += single - together
    return law, bound


@given(
    language=st.one_of(hmms(most_tokens=3), ngrams(orders=(1, 2))),
    length=st.integers(1, 3),
    steps=st.integers(1, 4),
    schedule=st.sampled_from(["linear", "cosine"]),
    update=st.sampled_from(["ancestral", "tweedie"]),
)
def test_law_and_bound_are_those_of_the_transition_matrices(language, length, steps, schedule, update):
    model = UniformDiffusion(mt.Oracle(language), steps=steps, schedule=schedule, update=update)
    law, bound = law_and_bound(language, length, model.kept)
    joint = joint_of(language, length)
    got = mt.exact.law(model, language, length).reshape(-1)
    np.testing.assert_allclose(got, law, rtol=1e-9, atol=1e-14)
    elbo = mt.exact.elbo(model, language, length).reshape(-1)
    with np.errstate(divide="ignore"):
        assert (elbo <= np.log(got) + 1e-9).all()
    assert -(joint[joint > 0] * elbo[joint > 0]).sum() == pytest.approx(bound, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("steps", "bound", "nll", "ser"),
    [(2, 2.9040665860, 2.7675830963, 0.3444412013), (8, 2.5128126352, 2.4047930667, 0.0738480991)],
)
def test_the_bigram_has_the_values_of_theory(steps, bound, nll, ser):
    """Computed twice by independent code; docs/theory.md, section 8."""
    language = bigram3()
    model = UniformDiffusion(mt.Oracle(language), steps=steps)
    q, p = mt.exact.joint(language, 3), mt.exact.law(model, language, 3)
    elbo = mt.exact.elbo(model, language, 3)
    assert -(q[q > 0] * elbo[q > 0]).sum() == pytest.approx(bound, abs=1e-10)
    assert mt.exact.expected_nll(p, q) == pytest.approx(nll, abs=1e-10)
    assert mt.exact.error_rate(p, q) == pytest.approx(ser, abs=1e-10)


def test_masking_has_the_values_beside_them():
    from mdmtheory.metrics.pricing import curve_weights

    language = bigram3()
    model = mt.MaskedDiffusion(mt.Oracle(language), steps=2)
    q, p = mt.exact.joint(language, 3), mt.exact.law(model, language, 3)
    bound = curve_weights(model, 3) @ mt.exact.enumerated_information_curve(q)
    assert bound == pytest.approx(2.7325145864, abs=1e-10)
    assert mt.exact.expected_nll(p, q) == pytest.approx(2.6524672174, abs=1e-10)
    assert mt.exact.error_rate(p, q) == pytest.approx(0.2705349286, abs=1e-10)


@pytest.mark.parametrize("update", ["ancestral", "tweedie"])
@pytest.mark.parametrize("name", LANGUAGES)
def test_drawn_sequences_follow_the_law(name, update):
    language, length = LANGUAGES[name]
    model = UniformDiffusion(mt.Oracle(language), steps=3, schedule="cosine", update=update)
    law = mt.exact.law(model, language, length).reshape(-1)
    samples = model.sample(20_000, length, seed=1)
    places = language.vocab_size ** np.arange(length)[::-1]
    counts = np.bincount(samples.tokens.astype(int) @ places, minlength=len(law))
    assert brute_force.g_test(counts, law) > 1e-4
    assert (samples.calls == 3).all()
    assert (samples.rounds == 3).all()
    assert not samples.impossible.any()


def test_the_check_above_refutes_a_model_of_another_schedule():
    language, length = LANGUAGES["bigram"]
    law = mt.exact.law(UniformDiffusion(mt.Oracle(language), steps=3, schedule="cosine"), language, length).reshape(-1)
    tokens = UniformDiffusion(mt.Oracle(language), steps=3, schedule="linear").sample(20_000, length, seed=1).tokens
    counts = np.bincount(tokens.astype(int) @ 3 ** np.arange(length)[::-1], minlength=len(law))
    assert brute_force.g_test(counts, law) < 1e-4


def test_the_two_updates_are_one_law():
    language = mt.as_language("hmm")
    one, other = (UniformDiffusion(mt.Oracle(language), steps=9, update=update) for update in ("ancestral", "tweedie"))
    tokens = language.sample(20, 30, seed=0)
    for level in (1, 4, 9):
        laws = [
            np.concatenate(
                [each for _, each in model.reverse_laws(model.denoiser.open(20, 30, noise="uniform"), tokens, level)]
            )
            for model in (one, other)
        ]
        np.testing.assert_allclose(laws[0], laws[1], rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(laws[0].sum(axis=2), 1, rtol=1e-12)


@pytest.mark.parametrize("language", [HMM, bigram3(), mt.Parity()], ids=["hmm", "bigram", "parity"])
def test_sampled_bounds_have_the_exact_mean_and_their_exponentials_the_law(language):
    model = UniformDiffusion(mt.Oracle(language), steps=4)
    elbo, law = mt.exact.elbo(model, language, 3), mt.exact.law(model, language, 3)
    supported = np.argwhere(mt.exact.joint(language, 3) > 0)
    for x in supported[:: max(1, len(supported) // 4)]:
        sampled = model.elbo(np.tile(x, (6_000, 1)), seed=2)
        error = sampled.std() / np.sqrt(len(sampled))
        assert sampled.mean() == pytest.approx(elbo[tuple(x)], abs=4 * error)
        weights = np.exp(sampled)
        assert weights.mean() == pytest.approx(law[tuple(x)], abs=4 * weights.std() / np.sqrt(len(weights)))


def test_more_paths_inside_the_logarithm_tighten_the_bound():
    language = mt.as_language("hmm")
    model = UniformDiffusion(mt.Oracle(language), steps=8)
    x = language.sample(200, 24, seed=0)
    scored = [model.log_prob(x, plans=plans) for plans in (1, 8)]
    assert [each.kind for each in scored] == ["lower bound", "lower bound"]
    assert (scored[0].values == model.elbo(x)).all()
    assert scored[1].values.mean() > scored[0].values.mean() + 1
    assert mt.ter(model, language, 24, count=200).kind == "upper bound"
    with pytest.raises(ValueError, match="plans is 0"):
        model.log_prob(x, plans=0)


def test_distances_are_exact_where_the_law_is_and_bounded_elsewhere():
    language = bigram3()
    model = UniformDiffusion(mt.Oracle(language), steps=4)
    small = mt.distances(model, language, 3)
    assert small.kl.kind == "exact"
    p, q = mt.exact.law(model, language, 3), mt.exact.joint(language, 3)
    assert small.ser.value == pytest.approx(mt.exact.error_rate(p, q))
    large = mt.distances(model, language, 12, count=300)
    assert large.kl.kind == "upper bound"
    assert large.kl.value > small.kl.value


@pytest.mark.parametrize("language", [mt.as_language("hmm"), mt.as_language("ngram:order=3"), mt.Permutation(items=20)])
def test_sequences_and_bounds_depend_on_their_number_alone(language):
    model = UniformDiffusion(mt.Oracle(language), steps=5)
    whole = model.sample(130, 20, seed=2, threads=2)
    pieces = [model.sample(n, 20, seed=2, first=first, threads=1) for first, n in ((0, 3), (3, 99), (102, 28))]
    for field in ("tokens", "calls", "rounds", "impossible"):
        assert (np.concatenate([getattr(piece, field) for piece in pieces]) == getattr(whole, field)).all()
    x = language.sample(90, 20, seed=0)
    scores = model.log_prob(x, 3, plans=2, threads=2).values
    assert (model.log_prob(x[71:], 3, first=71, plans=2, threads=1).values == scores[71:]).all()


def test_uniform_noise_mends_what_masking_cannot_and_more_steps_leave_less():
    language = mt.as_language("hmm")
    few, many = (mt.ser(UniformDiffusion(mt.Oracle(language), steps=n), language, 32, count=300) for n in (8, 128))
    masked = mt.ser(mt.MaskedDiffusion(mt.Oracle(language), steps=128), language, 32, count=300)
    assert many.high < few.low
    assert many.value < masked.value


def test_a_denoiser_gets_as_many_rows_at_once_as_it_asks_for():
    language = mt.as_language("hmm:states=4")
    oracle = mt.Oracle(language)
    opened = []

    class OnDevice:
        vocab_size, spec, noises, device = oracle.vocab_size, oracle.spec, oracle.noises, "cuda:0"
        identity = oracle.identity

        def batch(self, length):
            return 64

        def open(self, count, length, **options):
            opened.append(count)
            return oracle.open(count, length, **options)

    there = UniformDiffusion(OnDevice(), steps=3).sample(150, 9, seed=0)
    here = UniformDiffusion(oracle, steps=3).sample(150, 9, seed=0)
    assert opened == [64, 64, 22]
    assert (there.tokens == here.tokens).all()


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (
            lambda q: UniformDiffusion(mt.Oracle(q), steps=4, update="euler"),
            "unknown update 'euler'.*known: ancestral, tweedie",
        ),
        (
            lambda q: UniformDiffusion(mt.Window(q, width=2), steps=4),
            "window:width=2 takes no uniform noise; it takes masked",
        ),
        (
            lambda q: UniformDiffusion(mt.Oracle(q, trust=0.9), steps=4),
            "takes no uniform noise: trust 0.9 is about .*it takes masked",
        ),
        (lambda q: UniformDiffusion(mt.Oracle(q), steps=0), "steps is 0; pass from 1 to"),
        (lambda q: UniformDiffusion(mt.Oracle(q), steps=10**9), "pass from 1 to 1048576"),
        (lambda q: UniformDiffusion(mt.Oracle(q), steps=4, schedule=[0, 0.5, 1]), "has 2 steps, not 4"),
        (lambda q: UniformDiffusion(mt.Oracle(q), steps=4).sample(3, 0, 0), "length is 0; pass 1 or more"),
        (lambda q: UniformDiffusion(mt.Oracle(mt.Permutation(items=3)), steps=4).sample(3, 4, 0), "there are 3 items"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(build, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        build(mt.as_language("hmm:states=4"))
    assert "\n" not in str(caught.value)


def test_what_is_too_large_to_enumerate_is_refused():
    language = mt.as_language("hmm")
    model = UniformDiffusion(mt.Oracle(language), steps=4)
    for ask in (mt.exact.law, mt.exact.elbo):
        with pytest.raises(ValueError, match="enumerating 4 transitions between 8.10 sequences"):
            ask(model, language, 10)
    with pytest.raises(ValueError, match="is not enumerated"):
        mt.exact.elbo(mt.MaskedDiffusion(mt.Oracle(language)), language, 2)


def test_names_and_repr_say_what_it_is():
    model = UniformDiffusion(mt.Oracle(HMM), steps=4, update="tweedie")
    assert str(model.spec) == "uniform:update=tweedie,denoiser=oracle,steps=4,schedule=linear"
    assert "UniformDiffusion(Oracle(" in repr(model)
    assert "steps=4, schedule='linear', update='tweedie'" in repr(model)
    assert (
        len(set(map(str, itertools.chain([model.identity], [UniformDiffusion(mt.Oracle(HMM), steps=4).identity])))) == 2
    )
