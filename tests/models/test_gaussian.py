"""Gaussian diffusion against quadrature: on two tokens of one dimension the paths can be integrated over."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import xlogy

import mdmtheory as mt
from mdmtheory.models.gaussian import GaussianDiffusion
from mdmtheory.oracles.evidence import GaussianEvidence
from mdmtheory.theory.instances import bigram3
from tests import brute_force

LINE = np.array([[-1.2], [0.1], [1.0]])
"""An embedding in one dimension, not symmetric."""


class Plane:
    """Two noisy values on a grid, and Bayes' rule for the bigram's two tokens there; docs/theory.md, section 8."""

    def __init__(self, points, reach=6.0):
        self.axis = np.linspace(-reach, reach, points)
        self.width = self.axis[1] - self.axis[0]
        self.values = np.stack(np.meshgrid(self.axis, self.axis, indexing="ij"), axis=2).reshape(-1, 2)
        self.every = brute_force.sequences(3, 2)
        self.joint = np.exp(bigram3().log_prob(self.every))

    def posterior(self, values, kept):
        """q(x_i = v | values), (points, 2, 3)."""
        means = np.sqrt(kept) * LINE[self.every][:, :, 0]
        logs = -((values[:, None] - means[None]) ** 2).sum(axis=2) / (2 * (1 - kept))
        weights = np.exp(logs - logs.max(axis=1, keepdims=True)) * self.joint
        weights /= weights.sum(axis=1, keepdims=True)
        return np.stack([weights @ (self.every == v) for v in range(3)], axis=2)

    def decoded(self, mass, values, kept, decode):
        posterior = self.posterior(values, kept)
        if decode == "argmax":
            posterior = np.eye(3)[posterior.argmax(axis=2)]
        return np.einsum("n,nv,nw->vw", mass, posterior[:, 0], posterior[:, 1]).reshape(-1)


def ddpm(kept, level):
    """How q(x_s | x_t, x_0) weighs e(x_0) and x_t, and its variance; 2006.11239, equations 6 and 7."""
    alpha = kept[level] / kept[level - 1]
    beta = 1 - alpha
    return (
        np.sqrt(kept[level - 1]) * beta / (1 - kept[level]),
        np.sqrt(alpha) * (1 - kept[level - 1]) / (1 - kept[level]),
        beta * (1 - kept[level - 1]) / (1 - kept[level]),
    )


def law_by_quadrature(kept, update, decode, points):
    """p(x_0) in the order of `brute_force.sequences`; `kept` from clean to noise."""
    plane = Plane(points)
    values = plane.values
    mass = np.exp(-(values**2).sum(axis=1) / 2)
    mass /= mass.sum()
    for level in range(len(kept) - 1, 1, -1):
        mean = plane.posterior(values, kept[level]) @ LINE[:, 0]
        if update == "ddim":
            noise = (values - np.sqrt(kept[level]) * mean) / np.sqrt(1 - kept[level])
            values = np.sqrt(kept[level - 1]) * mean + np.sqrt(1 - kept[level - 1]) * noise
            continue
        towards, back, variance = ddpm(kept, level)
        off = plane.axis - (towards * mean + back * values)[:, :, None]
        steps = np.exp(-(off**2) / (2 * variance)) * plane.width / np.sqrt(2 * np.pi * variance)
        mass = ((steps[:, 0] * mass[:, None]).T @ steps[:, 1]).reshape(-1)
    return plane.decoded(mass, values, kept[1], decode)


def bound_by_quadrature(kept, points):
    """E_q[-ELBO] by the formula of docs/theory.md, section 8, with signal-to-noise ratios."""
    plane = Plane(points)
    total = 0.0
    for level in range(1, len(kept)):
        share = kept[level]
        posterior = plane.posterior(plane.values, share)
        for x, probability in zip(plane.every, plane.joint, strict=True):
            off = plane.values - np.sqrt(share) * LINE[x][:, 0]
            mass = probability * np.exp(-(off**2).sum(axis=1) / (2 * (1 - share)))
            mass *= plane.width**2 / (2 * np.pi * (1 - share))
            if probability == 0:
                continue
            if level == 1:
                total -= mass @ np.log(posterior[:, 0, x[0]] * posterior[:, 1, x[1]])
                continue
            ratios = kept[level - 1] / (1 - kept[level - 1]) - share / (1 - share)
            missed = ((LINE[x][:, 0] - posterior @ LINE[:, 0]) ** 2).sum(axis=1)
            total += 0.5 * ratios * mass @ missed
    return total


@pytest.mark.parametrize(
    ("update", "decode", "points"), [("ddpm", "draw", 101), ("ddim", "draw", 101), ("ddim", "argmax", 801)]
)
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_drawn_sequences_follow_the_law(update, decode, points, steps):
    language = bigram3()
    model = GaussianDiffusion(
        mt.Oracle(language), embedding=LINE, steps=steps, schedule="linear", update=update, decode=decode
    )
    law = law_by_quadrature(model.kept, update, decode, points)
    assert law.sum() == pytest.approx(1, abs=1e-9)
    samples = model.sample(20_000, 2, seed=0)
    counts = np.bincount(samples.tokens.astype(int) @ [3, 1], minlength=9)
    assert brute_force.g_test(counts, law) > 1e-4
    assert (samples.calls == steps).all()
    assert (samples.rounds == steps).all()


def test_the_check_above_refutes_steps_of_another_schedule():
    model, other = (
        GaussianDiffusion(mt.Oracle(bigram3()), embedding=LINE, steps=4, schedule=schedule)
        for schedule in ("linear", "cosine")
    )
    counts = np.bincount(model.sample(20_000, 2, seed=0).tokens.astype(int) @ [3, 1], minlength=9)
    assert brute_force.g_test(counts, law_by_quadrature(other.kept, "ddpm", "draw", 161)) < 1e-4


def test_ddim_and_ddpm_are_one_law_for_two_steps_and_two_from_three_on():
    laws = [law_by_quadrature([1.0, 0.5, 0.0], update, "draw", 161) for update in ("ddpm", "ddim")]
    np.testing.assert_allclose(laws[0], laws[1], atol=1e-9)
    kept = [1.0, 0.7, 0.3, 0.0]
    laws = [law_by_quadrature(kept, update, "draw", 161) for update in ("ddpm", "ddim")]
    assert np.abs(laws[0] - laws[1]).sum() > 1e-3


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_path_weights_have_the_mean_of_the_formula_and_their_exponentials_the_law(steps):
    language = bigram3()
    model = GaussianDiffusion(mt.Oracle(language), embedding=LINE, steps=steps, schedule="cosine")
    x = language.sample(30_000, 2, seed=3)
    weights = model.elbo(x, seed=1)
    error = weights.std() / np.sqrt(len(x))
    assert -weights.mean() == pytest.approx(bound_by_quadrature(model.kept, 161), abs=4 * error)
    ratios = np.exp(weights - language.log_prob(x))
    valid = law_by_quadrature(model.kept, "ddpm", "draw", 121)[Plane(2).joint > 0].sum()
    assert ratios.mean() == pytest.approx(valid, abs=4 * ratios.std() / np.sqrt(len(x)))


def test_the_bigram_has_the_value_of_theory_and_the_bound_falls_to_the_entropy():
    """1.9458 at 32 steps, by sampling and again by quadrature in four dimensions; docs/theory.md, section 8."""
    language = bigram3()
    entropy = float(language.entropy(2))
    assert entropy == pytest.approx(1.675618, abs=1e-6)
    x = language.sample(20_000, 2, seed=0)
    found = {}
    for steps, count in ((32, 20_000), (128, 6_000), (512, 2_000)):
        weights = GaussianDiffusion(mt.Oracle(language), embedding="onehot", steps=steps).elbo(x[:count])
        gap = -weights - (-language.log_prob(x[:count]))
        found[steps] = gap.mean() + entropy, gap.std() / np.sqrt(count)
        # The mean ratio is P(valid), which is 1 to a few parts in 10,000 here.
        ratios = np.exp(-gap)
        assert ratios.mean() == pytest.approx(1, abs=4 * ratios.std() / np.sqrt(count) + 1e-3)
    assert found[32][0] == pytest.approx(1.9458, abs=4 * found[32][1])
    assert found[128][0] < found[32][0] - 0.1
    assert entropy < found[512][0] < found[128][0] - 0.02
    assert found[512][0] - entropy < 0.03


def learning_of_the_bound(denoiser, kept, count, weigh=1.0):
    """Half the squared error of the mean by signal-to-noise, and the last cross-entropy's: of each of `count` draws."""
    q, embedding, generator = bigram3(), np.eye(3), np.random.default_rng(0)
    total = np.zeros(count)
    for level in range(1, len(kept)):
        tokens = q.sample(count, 2, level)
        normals = generator.standard_normal((count, 2, 3))
        values = np.sqrt(kept[level]) * embedding[tokens] + np.sqrt(1 - kept[level]) * normals
        evidence = GaussianEvidence(values, kept[level], embedding)
        exact, said = (
            np.asarray(p.open(count, 2, noise="gaussian").posterior(evidence)) for p in (q.oracle(), denoiser)
        )
        if level == 1:
            total += xlogy(exact, exact / said).sum(axis=(1, 2))
        else:
            gain = kept[level - 1] / (1 - kept[level - 1]) - kept[level] / (1 - kept[level])
            total += weigh * gain / 2 * ((exact - said) ** 2).sum(axis=(1, 2))
    return total


def test_a_denoiser_that_errs_adds_to_the_bound_what_it_has_not_learned_and_its_path_weights_sum_to_what_is_right():
    q, count = bigram3(), 40_000
    erring = mt.Perturbed(mt.Oracle(q), epsilon=0.2)
    x = q.sample(count, 2, 5)
    exact, other = (GaussianDiffusion(each, steps=3) for each in (mt.Oracle(q), erring))
    lost = exact.elbo(x) - other.elbo(x)
    for weigh, fits in ((1.0, True), (1.5, False)):
        learning = learning_of_the_bound(erring, other.kept.tolist(), count, weigh)
        error = np.hypot(lost.std(), learning.std()) / np.sqrt(count)
        assert bool(abs(lost.mean() - learning.mean()) < 4 * error) is fits
    right = np.exp(other.elbo(x) - q.log_prob(x))
    drawn = np.isfinite(q.log_prob(other.sample(count, 2, seed=0).tokens))
    assert abs(right.mean() - drawn.mean()) < 4 * np.hypot(right.std(), drawn.std()) / np.sqrt(count)


def test_more_paths_inside_the_logarithm_tighten_the_bound():
    language = mt.as_language("hmm")
    model = GaussianDiffusion(mt.Oracle(language), steps=16)
    x = language.sample(100, 16, seed=0)
    scored = [model.log_prob(x, plans=plans) for plans in (1, 8)]
    assert [each.kind for each in scored] == ["lower bound", "lower bound"]
    assert scored[1].values.mean() > scored[0].values.mean() + 1
    assert mt.ter(model, language, 16, count=100).kind == "upper bound"


def test_distances_are_bounded_by_path_weights():
    language = bigram3()
    model = GaussianDiffusion(mt.Oracle(language), embedding=LINE, steps=5)
    q, p = (
        law.reshape(-1) for law in (mt.exact.joint(language, 2), law_by_quadrature(model.kept, "ddpm", "draw", 161))
    )
    found = mt.distances(model, language, 2, count=20_000, level=0.9999)
    assert found.kl.kind == found.total_variation.kind == "upper bound"
    assert found.total_variation.high > np.maximum(q - p, 0).sum()
    assert found.squared_hellinger.high > 1 - np.sqrt(p * q).sum()
    assert found.ser.low <= 1 - p[q > 0].sum() <= found.ser.high
    with pytest.raises(ValueError, match="no likelihood bound"):
        mt.distances(GaussianDiffusion(mt.Oracle(language), update="ddim"), language, 2)


def test_many_steps_draw_the_language_whatever_the_embedding():
    language = bigram3()
    law = mt.exact.joint(language, 3).reshape(-1)
    for embedding in ("onehot", "random:dim=4,seed=1", LINE):
        for update in ("ddpm", "ddim"):
            model = GaussianDiffusion(
                mt.Oracle(language), embedding=embedding, steps=200, schedule="cosine", update=update
            )
            counts = np.bincount(model.sample(2_000, 3, seed=0).tokens.astype(int) @ [9, 3, 1], minlength=27)
            assert np.abs(counts / 2_000 - law).sum() / 2 < 0.06, (str(model.spec), counts)


@pytest.mark.parametrize("update", ["ddpm", "ddim"])
@pytest.mark.parametrize("lang", ["hmm", "ngram:order=3", "copy:distance=2"])
def test_sequences_and_bounds_depend_on_their_number_alone(lang, update):
    language = mt.as_language(lang)
    model = GaussianDiffusion(mt.Oracle(language), embedding="random:dim=5", steps=4, update=update)
    whole = model.sample(130, 15, seed=2, threads=2)
    pieces = [model.sample(n, 15, seed=2, first=first, threads=1) for first, n in ((0, 3), (3, 99), (102, 28))]
    for field in ("tokens", "calls", "rounds", "impossible"):
        assert (np.concatenate([getattr(piece, field) for piece in pieces]) == getattr(whole, field)).all()
    if update == "ddpm":
        x = language.sample(90, 15, seed=0)
        scores = model.log_prob(x, 3, plans=2, threads=2).values
        assert (model.log_prob(x[71:], 3, first=71, plans=2, threads=1).values == scores[71:]).all()


def test_ddim_is_deterministic_but_for_its_start_and_its_decoding():
    """With one step the start is all that there is; with argmax nothing else is drawn."""
    language = mt.Repetition(vocab_size=2)
    model = GaussianDiffusion(mt.Oracle(language), steps=50, update="ddim", decode="argmax")
    samples = model.sample(50, 6, seed=0)
    assert language.in_support(samples.tokens).all()
    assert 10 < samples.tokens[:, 0].sum() < 40


def test_random_embeddings_are_the_same_everywhere_and_known_by_their_options():
    one, same, other = (
        GaussianDiffusion(mt.Oracle(bigram3()), embedding=f"random:dim=4,seed={seed}", steps=4) for seed in (1, 1, 2)
    )
    assert (one.embedding == same.embedding).all()
    assert (one.embedding != other.embedding).any()
    assert one.identity == same.identity != other.identity
    assert (one.embedding * 2.0**30 % 1 == 0).all()
    assert str(one.spec) == (
        "gaussian:embedding=random,dim=4,seed=1,update=ddpm,decode=draw,denoiser=oracle,steps=4,schedule=linear"
    )
    given = GaussianDiffusion(mt.Oracle(bigram3()), embedding=one.embedding, steps=4)
    assert given.identity != one.identity
    assert str(given.own_spec).startswith("gaussian:embedding=given@")


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (
            lambda d: GaussianDiffusion(d, embedding=np.eye(4)),
            "the embedding has shape (4, 4); pass (3, dim), one row for each",
        ),
        (lambda d: GaussianDiffusion(d, embedding=np.zeros(3)), "the embedding has shape (3,); pass (3, dim)"),
        (lambda d: GaussianDiffusion(d, embedding=np.full((3, 2), np.nan)), "the embedding holds NaN or infinity"),
        (lambda d: GaussianDiffusion(d, embedding="onehott"), "unknown embedding 'onehott' (did you mean 'onehot'?)"),
        (lambda d: GaussianDiffusion(d, embedding="random:dim=0"), "dim is 0; pass 1 or more"),
        (lambda d: GaussianDiffusion(d, embedding="random:seed=-1"), "seed is -1; pass 0 or more"),
        (lambda d: GaussianDiffusion(d, embedding="onehot:dim=3"), "embedding 'onehot' has no option 'dim'"),
        (lambda d: GaussianDiffusion(d, update="euler"), "unknown update 'euler' of Gaussian diffusion; known: ddpm"),
        (lambda d: GaussianDiffusion(d, decode="mean"), "unknown decode 'mean' of Gaussian diffusion; known: draw"),
        (
            lambda d: GaussianDiffusion(mt.Window(bigram3(), width=1)),
            "window:width=1 takes no gaussian noise; it takes mask",
        ),
        (
            lambda d: GaussianDiffusion(mt.Perturbed(mt.Oracle(mt.Permutation(items=20)), epsilon=0.1)),
            "takes no gaussian noise: its posterior is a permanent, a sum over sets of items, done for up to 12",
        ),
        (lambda d: GaussianDiffusion(d, update="ddim").elbo([[0, 0]]), "update=ddim has no likelihood bound"),
        (lambda d: GaussianDiffusion(d, decode="argmax").log_prob([[0, 0]]), "decode=argmax has no likelihood bound"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(build, reason):
    with pytest.raises(ValueError, match=".") as caught:
        build(mt.Oracle(bigram3()))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
