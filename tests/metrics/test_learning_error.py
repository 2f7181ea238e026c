"""The learning error and the impossible mass, against sums over every sequence and every context."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cache

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.given import Given
from mdmtheory.metrics import learning_error as module
from mdmtheory.metrics.contexts import NoisedContexts
from mdmtheory.metrics.impossible_mass import AskedContexts, ImpossibleMass
from mdmtheory.metrics.learning_error import compared_laws
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.networks.answers import TensorAnswers
from tests import brute_force

BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]])
HMM = mt.HMM([0.5, 0.5], [[0.9, 0.1], [0.0, 1.0]], [[0.8, 0.2, 0.0], [0.0, 0.3, 0.7]])
LENGTH = 3


class Limited(DenoiserDefaults):
    """What a denoiser says to one who sees the left alone, or the own block and those before; in batches, perhaps."""

    noises = frozenset({"masked"})
    spec = mt.Spec.of("limited")
    identity = ("limited",)

    def __init__(self, inside, sees="all", block=None, batch=None):
        self.inside, self.sees, self.block, self._batch = inside, sees, block, batch
        self.vocab_size = inside.vocab_size
        self.opened = []

    def batch(self, length):
        return self._batch

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        self.opened.append(prompt)
        return LimitedCanvas(self, prompt)


class LimitedCanvas:
    def __init__(self, denoiser, tokens):
        self.denoiser, self.tokens = denoiser, tokens
        self.calls, self.rounds = (np.zeros(len(tokens), dtype=np.int64) for _ in range(2))
        self.impossible = np.zeros(len(tokens), dtype=np.bool_)

    def write(self, rows, positions, tokens):
        raise NotImplementedError

    def marginals(self, rows, positions):
        denoiser, places = self.denoiser, np.arange(self.tokens.shape[1])
        ends = {"all": len(places) + 0 * positions, "left": positions}.get(denoiser.sees)
        if ends is None:
            ends = (positions // denoiser.block + 1) * denoiser.block
        shown = np.where(places < ends[:, None], self.tokens[rows], denoiser.vocab_size).astype(self.tokens.dtype)
        laws = denoiser.inside.conditionals(shown)[np.arange(len(rows)), positions]
        self.impossible[rows[laws.sum(axis=1) == 0]] = True
        return laws


def exact_means(language, denoiser, hidden_sets):
    """KL and impossible mass of a masked token, by q(x), over (weight, shown, asked) triples for each sequence."""
    joint = (brute_force.ngram_joint if language is BIGRAM else brute_force.hmm_joint)(*parameters(language), LENGTH)
    error = mass = 0.0
    for x, q in zip(brute_force.sequences(language.vocab_size, LENGTH), joint, strict=True):
        if q == 0:
            continue
        for weight, hidden, asked in hidden_sets:
            row = np.array([language.vocab_size if i in hidden else token for i, token in enumerate(x)])
            law = brute_force.conditionals(joint, language.vocab_size, row)
            said = denoiser.conditionals(row[None])[0]
            for i in asked:
                possible = law[i] > 0
                kl = (law[i][possible] * np.log(law[i][possible] / said[i][possible])).sum()
                error += q * weight / len(asked) * kl
                mass += q * weight / len(asked) * said[i][~possible].sum()
    return error, mass


def parameters(language):
    if language is BIGRAM:
        return language.initial, language.conditional
    return language.initial, language.transition, language.emission


def any_sets(among=range(LENGTH)):
    """Every set of n positions, n from 1 on: the numbers are equally likely, and so are the sets of one number."""
    for n in range(1, len(among) + 1):
        sets = list(itertools.combinations(among, n))
        yield from ((1 / len(among) / len(sets), set(each), each) for each in sets)


def prefixes(among=range(LENGTH)):
    yield from ((1 / len(among), set(range(i, LENGTH)), (i,)) for i in among)


def blocks(size, among=range(LENGTH)):
    for start in range(among.start, LENGTH, size):
        own = range(start, min(start + size, LENGTH))
        for n in range(1, len(own) + 1):
            sets = list(itertools.combinations(own, n))
            later = set(range(own.stop, LENGTH))
            yield from ((1 / len(among) / len(sets), {*each, *later}, each) for each in sets)


@pytest.mark.parametrize("language", [BIGRAM, HMM], ids=["bigram", "hmm"])
@pytest.mark.parametrize(
    "inside",
    [lambda q: mt.Window(q, width=0), lambda q: mt.Perturbed(mt.Oracle(q), epsilon=0.2)],
    ids=["window", "pert"],
)
@pytest.mark.parametrize(
    ("sees", "block", "sets"),
    [("all", None, any_sets), ("left", None, prefixes), ("block", 2, lambda: blocks(2))],
)
def test_means_are_the_enumerated_ones_of_the_contexts_that_a_denoiser_sees(language, inside, sees, block, sets):
    denoiser = inside(language)
    error, mass = exact_means(language, denoiser, list(sets()))
    found = mt.learning_error(Limited(denoiser, sees, block), language, LENGTH, count=3000, level=0.9999)
    assert found.mean.low <= error <= found.mean.high
    assert found.z.low <= mass <= found.z.high
    assert found.mean.high - found.mean.low < 0.1 * error + 0.01


@pytest.mark.parametrize("language", [BIGRAM, HMM], ids=["bigram", "hmm"])
@pytest.mark.parametrize(
    ("sees", "block", "prompt", "sets"),
    [
        ("all", None, "prefix:size=1", lambda: any_sets(range(1, LENGTH))),
        ("all", None, "infill:size=1", lambda: any_sets(range(1, 2))),
        ("left", None, "prefix:size=1", lambda: prefixes(range(1, LENGTH))),
        ("block", 1, "prefix:size=1", lambda: blocks(1, range(1, LENGTH))),
    ],
)
def test_where_something_is_given_contexts_are_of_answers(language, sees, block, prompt, sets):
    denoiser = mt.Window(language, width=0)
    error, mass = exact_means(language, denoiser, list(sets()))
    told = Limited(denoiser, sees, block)
    found = mt.learning_error(told, language, LENGTH, count=3000, level=0.9999, prompt=prompt)
    assert found.mean.low <= error <= found.mean.high
    assert found.z.low <= mass <= found.z.high
    assert found.mean.high - found.mean.low < 0.1 * error + 0.01
    of = Sequences(language, LENGTH, 0, 0, 3000, prompt)
    model = {
        "all": lambda: mt.MaskedDiffusion(told),
        "left": lambda: mt.Autoregressive(told),
        "block": lambda: mt.BlockDiffusion(told, block=block),
    }[sees]()
    [sums] = AskedContexts().count([model], of, None)
    z = ImpossibleMass().estimate(Measured(sums, of.answer_length), 0.9999)
    assert z.low <= mass <= z.high


@pytest.mark.parametrize(("sees", "block", "said"), [("left", None, "to the right"), ("block", 2, "inside a block")])
def test_what_a_denoiser_does_not_see_cannot_be_given(sees, block, said):
    prompt = "suffix:size=1" if sees == "left" else "prefix:size=1"
    with pytest.raises(ValueError, match=said):
        mt.learning_error(Limited(mt.Window(BIGRAM, width=0), sees, block), BIGRAM, LENGTH, prompt=prompt)


@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
def test_under_other_noises_answers_alone_are_noised(noise):
    erring = mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.01)
    errors = [
        mt.learning_error(each, BIGRAM, LENGTH, count=64, noise=noise, prompt="prefix:size=1").mean.value
        for each in (mt.Oracle(BIGRAM), erring)
    ]
    assert errors[0] == pytest.approx(0.0, abs=1e-9)
    assert 0.009 < errors[1] < 0.01 + 1e-9
    given = Given.of([True, False, False])
    laws = [
        NoisedContexts(erring, BIGRAM, LENGTH, 0, 1, given, noise=noise, embedding="onehot", support=support)
        .batch(0, np.full(9, 7))
        .exact(slice(0, 9))
        for support in (True, False)
    ]
    np.testing.assert_array_equal(laws[0] > 0, laws[1] > 0)
    assert (laws[0] == 0).any()
    assert (laws[0] != laws[1]).any()


def test_errors_of_an_observer_of_a_task_are_of_the_answers():
    """Who sees no edge knows start and goal, and guesses the crossing between them, one of two nodes."""
    task = mt.as_language("path:nodes=4,distance=1")
    found = mt.learning_error(mt.Hops(task, edges=0), task, task.length, count=200, level=0.9999)
    assert found.mean.low <= np.log(2) / 2 <= found.mean.high  # the other token is the goal, which it knows
    assert found.largest == pytest.approx(np.log(2), rel=1e-12)


def test_z_times_the_length_is_the_impossible_mass_along_a_walk_that_reveals_one_position_a_step():
    joint = brute_force.ngram_joint(BIGRAM.initial, BIGRAM.conditional, LENGTH)
    denoiser = mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.2)

    @cache
    def impossible_mass(row):
        law = brute_force.conditionals(joint, 3, np.array(row))
        return np.where(law == 0, denoiser.conditionals(np.array([row]))[0], 0.0).sum(axis=1)

    total = 0.0
    orders = list(itertools.permutations(range(LENGTH)))
    for x, q in zip(brute_force.sequences(3, LENGTH), joint, strict=True):
        for order in orders if q else ():
            for step, i in enumerate(order):
                row = tuple(int(token) if at in order[:step] else 3 for at, token in enumerate(x))
                total += q / len(orders) * impossible_mass(row)[i]
    assert LENGTH * exact_means(BIGRAM, denoiser, list(any_sets()))[1] == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(("sees", "block"), [("all", None), ("left", None), ("block", 3)])
def test_a_denoiser_that_is_epsilon_away_everywhere_has_error_epsilon_everywhere(sees, block):
    language = mt.NGram.random(order=2, vocab_size=3, seed=1)
    inside = mt.Perturbed(mt.Oracle(language), epsilon=0.003)
    found = mt.learning_error(Limited(inside, sees, block), language, 9, count=200)
    for value in (found.mean.value, found.largest, *found.quantiles.values()):
        assert value == pytest.approx(0.003, rel=1e-9)
    assert all(each.error.value == pytest.approx(0.003, rel=1e-9) for each in found.by_mask_ratio)
    assert found.z.value == 0


@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
def test_under_other_noises_errors_are_those_of_posteriors(noise):
    language = mt.NGram.random(order=2, vocab_size=3, seed=1)
    away = mt.learning_error(mt.Perturbed(mt.Oracle(language), epsilon=1e-4), language, 6, count=128, noise=noise)
    assert away.mean.value == pytest.approx(1e-4, rel=1e-6)
    assert mt.learning_error(mt.Oracle(language), language, 6, count=128, noise=noise).largest < 1e-14
    assert away.contexts == f"{noise} noise"


def test_the_mean_under_uniform_noise_is_the_enumerated_one():
    """The oracle of another bigram, over all sequences and all that noise makes of them."""
    other = mt.NGram([0.2, 0.4, 0.4], [[0.4, 0.3, 0.3], [0.2, 0.6, 0.2], [0.5, 0.2, 0.3]])
    length, every = 2, brute_force.sequences(3, 2)
    q, p = (brute_force.ngram_joint(each.initial, each.conditional, length) for each in (BIGRAM, other))
    exact = 0.0
    for level in np.arange(1, 17) / 16:
        chances = (1 - level) * np.eye(3) + level / 3
        for noisy in every:
            likelihood = chances[every, noisy].prod(axis=1)
            for i in range(length):
                laws = [
                    np.array([(joint * likelihood)[every[:, i] == v].sum() for v in range(3)])
                    / (joint * likelihood).sum()
                    for joint in (q, p)
                ]
                exact += (q * likelihood).sum() * np.sum(laws[0] * np.log(laws[0] / laws[1])) / length / 16
    found = mt.learning_error(mt.Oracle(other), BIGRAM, length, count=4000, noise="uniform", level=0.9999)
    assert found.mean.low <= exact <= found.mean.high
    assert found.mean.high - found.mean.low < 0.1 * exact


def test_contexts_have_their_law():
    denoiser = Limited(mt.Oracle(BIGRAM))
    mt.learning_error(denoiser, BIGRAM, 3, count=6000, seed=5)
    joint = brute_force.ngram_joint(BIGRAM.initial, BIGRAM.conditional, 3)
    drawn = Counter(tuple(row) for shown in denoiser.opened for row in shown.tolist())
    law = Counter()
    for x, q in zip(brute_force.sequences(3, 3).tolist(), joint, strict=True):
        for n in range(1, 4):
            sets = list(itertools.combinations(range(3), n))
            for hidden in sets:
                law[tuple(3 if i in hidden else x[i] for i in range(3))] += q / 3 / len(sets)
    assert brute_force.g_test([drawn[each] for each in law], list(law.values())) > 1e-4
    assert sum(drawn.values()) == sum(drawn[each] for each in law) == 6000


def numbers(found):
    rows = [(each.low, each.high, each.error.value, each.loss.value) for each in found.by_mask_ratio]
    return found.mean, found.loss, found.z, found.largest, tuple(found.quantiles.items()), rows


@pytest.mark.parametrize(("sees", "block"), [("all", None), ("left", None), ("block", 2)])
def test_nothing_depends_on_batches_threads_or_how_much_is_held_at_a_time(sees, block, monkeypatch):
    window = mt.Window(BIGRAM, width=1)
    whole = mt.learning_error(Limited(window, sees, block), BIGRAM, 6, count=60, seed=3)
    some = mt.learning_error(Limited(window, sees, block, batch=7), BIGRAM, 6, count=60, seed=3, threads=2)
    assert numbers(some) == numbers(whole)
    monkeypatch.setattr(module, "ENTRIES", 1)
    assert numbers(mt.learning_error(Limited(window, sees, block), BIGRAM, 6, count=60, seed=3)) == numbers(whole)
    assert numbers(mt.learning_error(Limited(window, sees, block), BIGRAM, 6, count=60, seed=4)) != numbers(whole)


def test_a_denoiser_asks_for_batches_and_is_never_given_more():
    denoiser = Limited(mt.Oracle(BIGRAM), batch=7)
    mt.learning_error(denoiser, BIGRAM, 6, count=64)
    assert [len(each) for each in denoiser.opened] == [7] * 9 + [1]


def test_what_is_seen_of_single_tokens_is_told_at_each_mask_ratio():
    """A window of width 0 sees nothing: with all masked it is exact, with most of it known it errs most."""
    found = mt.learning_error(mt.Window(BIGRAM, width=0), BIGRAM, 6, count=600)
    assert found.largest == max(each.largest for each in found.by_mask_ratio)
    assert all(set(each.quantiles) == set(found.quantiles) for each in found.by_mask_ratio)
    for each in found.by_mask_ratio:
        seen = list(each.quantiles.values())
        assert seen == sorted(seen)
        assert seen[-1] <= each.largest
        assert seen[0] <= found.largest
    last = found.by_mask_ratio[-1]
    assert last.low == last.high == 1
    assert last.largest < 1e-12 < found.by_mask_ratio[0].quantiles[0.5]
    even = mt.learning_error(mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.01), BIGRAM, 6, count=600)
    for each in even.by_mask_ratio:
        assert [*each.quantiles.values(), each.largest] == pytest.approx([0.01] * 5, rel=1e-6)


def test_the_loss_is_the_error_above_the_entropy():
    found = mt.learning_error(mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.05), BIGRAM, 8, count=2000, level=0.999)
    floor = BIGRAM.entropy(8).value / 8
    assert found.loss.low - 0.05 <= floor <= found.loss.high - 0.05


def test_excluding_what_is_possible_costs_infinitely_much():
    other = mt.NGram([1.0, 0.0, 0.0], [[1.0, 0.0, 0.0]] * 3)
    found = mt.learning_error(Limited(mt.Oracle(other)), BIGRAM, 3, count=64)
    assert found.mean.value == found.mean.low == found.mean.high == found.largest == np.inf
    assert found.losses is None


def test_logits_too_far_down_for_float64_cost_what_they_say():
    import torch

    said = TensorAnswers.of_logits(torch.tensor([[0.0, -800.0, -900.0]], dtype=torch.float64))
    error, loss, mass = compared_laws(np.array([[0.5, 0.5, 0.0]]), said)
    assert loss[0] == pytest.approx(400.0)
    assert error[0] == pytest.approx(400.0 - np.log(2))
    assert mass[0] == 0


def test_where_few_contexts_carry_all_the_interval_is_open_above():
    """A denoiser that is wrong after a rare token alone: nothing bounds how wrong it is in what was not seen."""
    likely = [[0.499, 0.5, 0.001], [0.5, 0.499, 0.001]]
    rare = mt.NGram([0.5, 0.5, 0.0], [*likely, [1.0, 0.0, 0.0]])
    other = mt.NGram([0.5, 0.5, 0.0], [*likely, [1e-9, 1 - 1e-9, 0.0]])
    found = [mt.learning_error(mt.Oracle(other), rare, 8, count=200, seed=seed) for seed in range(8)]
    assert any(each.mean.high == np.inf and each.mean.value > 0 for each in found)
    assert any(each.mean.high < np.inf for each in found)
    assert all(each.z.high <= 1 for each in found)


def test_losses_are_those_of_tokens_masked_by_themselves():
    from scipy.stats import binom

    curve = np.asarray(mt.exact.information_curve(BIGRAM, 6))
    found = mt.learning_error(mt.Oracle(BIGRAM), BIGRAM, 6, count=6000, seed=2).losses
    chances = binom.pmf(np.arange(6), 5, 1 - found.ratios[:, None])
    off = found.losses - chances @ curve
    assert np.abs(off)[:-1] == pytest.approx(0, abs=0.05)
    assert (np.abs(off) < 4 * found.errors + 1e-9).all()
    assert found.ratios[-1] == 1
    assert found.errors[-1] < 1e-9


def test_what_it_is_reads_as_it_is():
    found = mt.learning_error(mt.Window(BIGRAM, width=1), BIGRAM, 6, count=64)
    assert repr(found).startswith("<LearningError ≈ 0.0")
    assert "nats a token over masked sets" in repr(found)
    assert "learning error" in found._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((mt.Oracle("hmm"), BIGRAM, 4), {}, "has .* tokens and the language .* has 3"),
        ((mt.Window(BIGRAM, width=1), BIGRAM, 4), {"noise": "uniform"}, "takes no 'uniform' noise; it takes masked"),
        ((mt.Window(BIGRAM, width=1), BIGRAM, 4), {"count": 49}, "count is 49; pass 50 contexts or more"),
        ((mt.Window(BIGRAM, width=1), BIGRAM, 4), {"level": 1.0}, "level is 1.0"),
        ((mt.Window(BIGRAM, width=1), BIGRAM, 0), {}, "length is 0"),
        ((BIGRAM, BIGRAM, 4), {}, "the denoiser is no Denoiser"),
        ((mt.Oracle("permutation"), "permutation", 9), {}, "length"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_line(arguments, options, message):
    with pytest.raises(ValueError, match=message) as raised:
        mt.learning_error(*arguments, **options)
    assert "\n" not in str(raised.value)


def test_a_language_without_a_posterior_says_so():
    class Unknown:
        def __init__(self):
            for name in ("sample", "log_prob", "in_support", "entropy", "entropy_rate", "validate_length"):
                setattr(self, name, getattr(BIGRAM, name))
            self.vocab_size, self.spec, self.digest, self.parameters = 3, mt.Spec.of("unknown"), "0" * 64, dict

        def oracle(self, trust=1.0):
            raise ValueError("its posterior is not known")

    with pytest.raises(ValueError, match="^language unknown: its posterior is not known$"):
        mt.learning_error(mt.Window(BIGRAM, width=1), Unknown(), 4, count=64)
