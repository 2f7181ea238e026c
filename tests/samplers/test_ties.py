"""What decides between equals: a shuffle of each sequence's positions, or the lowest number."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.conformance.samplers import check_sampler
from mdmtheory.core.streams import stream_states
from mdmtheory.exact.draws import after_each_step, draws_cost, law_by_draws
from mdmtheory.exact.enumeration import MOST_COST
from mdmtheory.exact.law import law_cost
from mdmtheory.models import asking
from mdmtheory.models.adaptive_loop import run_adaptive
from mdmtheory.samplers.by_block import by_block
from mdmtheory.samplers.drawing import ALIKE_DECIMALS
from mdmtheory.samplers.protocol import State
from mdmtheory.samplers.registry import SAMPLERS, as_sampler
from mdmtheory.samplers.rule import ranking
from mdmtheory.samplers.ties import all_orders, as_orders, shuffled
from mdmtheory.schedules import as_schedule
from tests import brute_force

RANKED = [
    "confidence",
    "margin:temperature=0.7",
    "entropy",
    "entropy_bound:gamma=0.5",
    "entropy_sum:h=1",
    "threshold:tau=0.9",
    "independent:mu=0.05",
]
LOOK_AT_DRAWS = ["draw_confidence", "topk_remask"]
PAIRS, PARITY = mt.EqualPairs(vocab_size=2), mt.as_language("parity")
CHAIN = [[0.71, 0.2, 0.09], [0.13, 0.64, 0.23], [0.37, 0.12, 0.51]]
STATIONARY = mt.NGram(np.linalg.matrix_power(np.array(CHAIN), 200)[0], CHAIN)
"""All of its positions tie, until something is known."""
UNEVEN = mt.NGram([0.52, 0.31, 0.17], CHAIN)
"""Its positions differ in their laws, so that no two ever tie."""


def with_ties(sampler, ties):
    return sampler + ("," if ":" in sampler else ":") + f"ties={ties}"


def model_of(sampler, language, ties="random", block=None):
    oracle = mt.Oracle(language, trust=0.95 if as_sampler(sampler).remasks else 1.0)
    spec = with_ties(sampler, ties)
    return (
        mt.MaskedDiffusion(oracle, sampler=spec, steps=2)
        if block is None
        else mt.BlockDiffusion(oracle, block=block, steps=2, sampler=spec)
    )


def p_of_draws(model, law, seed=1):
    samples = model.sample(8_000, law.ndim, seed)
    counts = np.zeros(law.shape)
    np.add.at(counts, tuple(samples.tokens[~samples.impossible].T.astype(int)), 1)
    lost = max(round(1 - law.sum(), 12), 0.0)
    return brute_force.g_test([*counts.reshape(-1), samples.impossible.sum()], [*law.reshape(-1), lost])


def most_confident_first(language, length, sizes):
    """p(x) of `confidence`, the mean over all orders of the positions, from its definition alone."""
    joint = mt.exact.joint(language, length).reshape(-1)
    known = {}

    def marginals(row):
        if row not in known:
            known[row] = brute_force.conditionals(joint, language.vocab_size, row)
        return known[row]

    every = brute_force.sequences(language.vocab_size, length)
    law = np.zeros(len(every))
    for order in itertools.permutations(range(length)):
        for number, x in enumerate(every):
            row, chance = [language.vocab_size] * length, 1.0
            for size in sizes:
                laws = marginals(tuple(row))
                if laws[[i for i in range(length) if row[i] == language.vocab_size]].sum() == 0:
                    chance = 0.0
                    break
                masked = [i for i in range(length) if row[i] == language.vocab_size]
                best = sorted(masked, key=lambda i: (-round(laws[i].max(), ALIKE_DECIMALS), order.index(i)))[:size]
                chance *= math.prod(laws[i][x[i]] for i in best)
                for i in best:
                    row[i] = int(x[i])
            law[number] += chance
    return law / math.factorial(length)


@pytest.mark.parametrize("language", [PAIRS, PARITY, STATIONARY], ids=lambda each: str(each.spec))
def test_the_law_is_the_mean_over_shuffles_by_definition(language):
    length = 4 if language.vocab_size == 2 else 3
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler="confidence", steps=2)
    sizes = as_schedule("linear").sizes(length, 2)
    expected = most_confident_first(language, length, sizes)
    np.testing.assert_allclose(mt.exact.law(model, language, length).reshape(-1), expected, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(law_by_draws(model, length).reshape(-1), expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("block", [None, 3])
@pytest.mark.parametrize("sampler", [*RANKED, *LOOK_AT_DRAWS])
@pytest.mark.parametrize("language", [PAIRS, STATIONARY], ids=lambda each: str(each.spec))
def test_draws_replays_and_steps_have_one_law(language, sampler, block):
    length = 4 if language.vocab_size == 2 else 3
    model = model_of(sampler, language, block=block)
    law = mt.exact.law(model, language, length)
    assert p_of_draws(model, law) > 1e-4
    by_draws = law_by_draws(model if block is None else model.masked, length)
    np.testing.assert_allclose(law, by_draws, rtol=1e-9, atol=1e-14)
    if sampler in RANKED:
        sequences = mt.exact.all_sequences(language.vocab_size, length)
        given = [model.replay(sequences, order=order).log_probs.sum(axis=1) for order in all_orders(length)]
        np.testing.assert_allclose(np.exp(given).mean(axis=0), law.reshape(-1), rtol=1e-9, atol=1e-14)


def test_the_check_above_refutes_ties_that_go_to_the_lowest_position():
    law = mt.exact.law(model_of("confidence", PAIRS, "lowest"), PAIRS, 4)
    assert p_of_draws(model_of("confidence", PAIRS, "lowest"), law) > 1e-4
    assert p_of_draws(model_of("confidence", PAIRS), law) < 1e-6


@pytest.mark.parametrize("sampler", [*RANKED, *LOOK_AT_DRAWS, "ancestral:nucleus=0.7", "stride:temperature=0"])
def test_where_nothing_ties_samples_are_the_same_to_the_bit(sampler):
    random, lowest = (model_of(sampler, UNEVEN, ties).sample(300, 7, 3) for ties in ("random", "lowest"))
    for field in ("tokens", "calls", "rounds", "impossible"):
        assert (getattr(random, field) == getattr(lowest, field)).all()


@pytest.mark.parametrize("sampler", ["confidence", "margin:temperature=0.7", "entropy", "draw_confidence"])
def test_where_positions_tie_samples_differ(sampler):
    random, lowest = (model_of(sampler, STATIONARY, ties).sample(300, 7, 3) for ties in ("random", "lowest"))
    assert (random.tokens != lowest.tokens).any()


@pytest.mark.parametrize("sampler", [*RANKED, *LOOK_AT_DRAWS])
def test_a_shuffle_depends_on_the_number_of_its_sequence_alone(sampler, monkeypatch):
    language = mt.as_language("ngram:order=2")
    model = model_of(sampler, language)
    whole = model.sample(9, 24, seed=2, threads=2)
    monkeypatch.setattr(asking, "BATCH_ENTRIES", 2 * 24 * language.vocab_size)
    pieces = [model.sample(n, 24, seed=2, first=first, threads=1) for first, n in ((0, 5), (5, 3), (8, 1))]
    for field in ("tokens", "calls", "rounds", "impossible"):
        assert (np.concatenate([getattr(piece, field) for piece in pieces]) == getattr(whole, field)).all()


def test_a_replay_has_the_shuffles_of_the_draws_and_a_score_has_others():
    model = model_of("entropy_bound:gamma=1", STATIONARY)
    drawn = model.sample(40, 24, 5, first=3)
    again = model.replay(drawn.tokens, 5, first=3)
    assert (again.calls == drawn.calls).all()
    assert len(set(drawn.calls.tolist())) > 1
    assert (model.replay(drawn.tokens, 6, first=3).plan != again.plan).any()
    part = model.replay(drawn.tokens[10:], 5, first=13)
    assert (part.plan == again.plan[10:]).all()
    # Of the shuffle that drew x it is known that it may well draw x.
    scored = model.log_prob(drawn.tokens, 5, first=3).values
    assert (scored != again.log_probs.sum(axis=1)).any()


def test_scores_are_log_p_given_a_shuffle_and_means_over_shuffles_are_taken_inside_the_logarithm():
    model = model_of("confidence", PAIRS)
    law = mt.exact.law(model, PAIRS, 4).reshape(-1)
    sequences = mt.exact.all_sequences(2, 4)[law > 0]
    one = np.array([np.exp(model.log_prob(sequences, seed).values) for seed in range(100)])
    given = [np.exp(model.replay(sequences, order=order).log_probs.sum(axis=1)) for order in all_orders(4)]
    for k, p in enumerate(law[law > 0]):
        assert {round(each, 12) for each in one[:, k]} <= {round(each[k], 12) for each in given}
        assert abs(one[:, k].mean() - p) < 5 * one[:, k].std() / 10 + 1e-12
    many = np.exp(model.log_prob(sequences, 0, plans=300).values)
    np.testing.assert_allclose(many, law[law > 0], rtol=0.4)
    assert model.log_prob_kind == model.log_prob(sequences).kind == "lower bound"
    assert mt.ter(model, PAIRS, 4, count=50).kind == mt.ter_ratio(model, PAIRS, 4, count=50).kind == "upper bound"
    lowest = model_of("confidence", PAIRS, "lowest")
    assert lowest.log_prob_kind == lowest.log_prob(sequences).kind == "exact"


def test_what_needs_log_p_itself_says_that_ties_lowest_has_it():
    model = mt.MaskedDiffusion(mt.Oracle(STATIONARY), sampler="entropy", steps=4)
    for call in (mt.ter, mt.ter_ratio, mt.distances):
        with pytest.raises(ValueError, match="ties=lowest") as caught:
            call(model, STATIONARY, 24, count=50, method="mixture")
        assert "\n" not in str(caught.value)
    assert mt.distances(model, STATIONARY, 24, count=50).kl.kind == "upper bound"
    assert mt.distances(model, STATIONARY, 24, count=50).kl_on_support is None
    lowest = mt.MaskedDiffusion(mt.Oracle(STATIONARY), sampler="entropy:ties=lowest", steps=4)
    assert mt.distances(lowest, STATIONARY, 24, count=50, method="mixture").kl.kind == "estimate"


def test_what_no_network_tells_apart_is_ranked_by_the_order_and_what_one_does_is_not():
    scores = np.array([[0.4, 0.7, 0.7 + 1e-9, 0.7 + 1e-4, -np.inf]])
    assert ranking(scores).tolist() == [[3, 2, 1, 0, 4]]
    for order in itertools.permutations(range(5)):
        alike = [1, 2] if order[1] < order[2] else [2, 1]
        assert ranking(scores, np.array([order])).tolist() == [[3, *alike, 0, 4]]
    assert ranking(scores[:0], np.zeros((0, 5), dtype=int)).shape == (0, 5)


@given(st.lists(st.sampled_from([-np.inf, np.inf, 0.0, -0.5, 1 / 3, 1 / 3 + 1e-9, -1e8, 1e300, -1e13]), min_size=2))
def test_the_ranking_is_that_of_rounded_scores_and_then_of_ranks(scores):
    ranks = np.random.default_rng(len(scores)).permutation(3 * len(scores))[: len(scores)] - len(scores)
    expected = sorted(
        range(len(scores)), key=lambda i: (-round(scores[i], 6) if abs(scores[i]) < 1e9 else -scores[i], ranks[i])
    )
    assert ranking(np.array([scores]), ranks[None]).tolist() == [expected]


def test_names_say_ties_where_they_have_a_say():
    shown = {
        "confidence": ("confidence", "confidence:ties=random"),
        "confidence:ties=random": ("confidence", "confidence:ties=random"),
        "confidence:ties=lowest": ("confidence:ties=lowest", "confidence"),
        "topk_remask:ties=lowest": ("topk_remask:ties=lowest", "topk_remask"),
        "entropy_bound:ties=lowest,gamma=1": ("entropy_bound:gamma=1.0,ties=lowest", "entropy_bound:gamma=1.0"),
        "verify:k=2": ("verify:k=2,order=left_to_right", "verify:k=2,order=left_to_right"),
        "redraw:ties=lowest": (str(as_sampler("redraw").spec), str(as_sampler("redraw").spec)),
        "stride": ("stride", "stride"),
        "stride:ties=lowest": ("stride", "stride"),
        "ancestral:temperature=0.5,ties=lowest": ("ancestral:temperature=0.5", "ancestral:temperature=0.5"),
        "ancestral:nucleus=0.5": ("ancestral:nucleus=0.5", "ancestral:nucleus=0.5,ties=random"),
        "stride:temperature=0,ties=lowest": ("stride:temperature=0.0,ties=lowest", "stride:temperature=0.0"),
        "ancestral:precision=float32,nucleus=0.5": (
            "ancestral:nucleus=0.5,precision=float32",
            "ancestral:nucleus=0.5,precision=float32,ties=random",
        ),
    }
    for typed, (spec, recorded) in shown.items():
        built = as_sampler(typed)
        assert (str(built.spec), str(built.recorded)) == (spec, recorded)
        assert as_sampler(spec).identity == built.identity
    with pytest.raises(ValueError, match="ties is 'highest'; pass random or lowest"):
        as_sampler("confidence:ties=highest")


@pytest.mark.parametrize("name", SAMPLERS.built_in)
def test_equal_identities_are_equal_ties_and_streams_do_not_tell_them_apart(name):
    if name in ("plan", "blocks"):
        return
    needed = {"entropy_bound": "gamma=1", "entropy_sum": "h=1", "threshold": "tau=0.5", "independent": "mu=1"}
    first = needed.get(name, "k=2" if name == "verify" else "temperature=1")
    for more in ("", ",temperature=0", ",nucleus=0.9"):
        given = first.removesuffix("temperature=1") + more if "temperature" in more else first + more
        random, lowest = (as_sampler(f"{name}:{given.strip(',')},ties={ties}") for ties in ("random", "lowest"))
        if name == "ancestral" and not more:
            continue
        tied = more != "" or random.identity != lowest.identity
        assert (random.identity == lowest.identity) is (not tied)
        assert random.stream_identity == lowest.stream_identity == lowest.identity
        assert by_block(random, 2).stream_identity == by_block(lowest, 2).identity


def test_a_block_is_shown_its_part_of_the_order():
    seen = []

    class Watching(type(as_sampler("confidence"))):
        def choose(self, scores, wanted, state):
            seen.append((state.order.copy(), scores.shape))
            return super().choose(scores, wanted, state)

    model = mt.BlockDiffusion(mt.Oracle(PAIRS), block=2, steps=2, sampler=Watching())
    order = np.array([3, 0, 2, 1])
    model.replay(np.zeros((1, 4), dtype=int), order=order)
    assert [each.tolist() for each, _ in seen] == [[[3, 0]], [[3, 0]], [[2, 1]], [[2, 1]]]


class ByOrder:
    """A plug-in that sets positions in the order it is shown, and makes its states anew."""

    spec, identity = mt.Spec.of("by_order"), ["by_order"]
    uses_steps = uses_schedule = remasks = False
    context_only = sees_order = True

    def init(self, count, length, vocab_size, steps, schedule):
        return State(np.zeros((count, 0)), vocab_size)

    def finished(self, state, tokens):
        return (tokens != state.shared).all(axis=1)

    def wants(self, state, tokens):
        ranks = np.where(tokens == state.shared, state.order, tokens.shape[1])
        return ranks == ranks.min(axis=1, keepdims=True)

    def law(self, marginals):
        return marginals

    def step(self, state, tokens, wanted, marginals, drawn):
        after = tokens.copy()
        after[wanted] = drawn
        return State(state.memory, state.shared), after


def test_a_plug_in_may_ask_for_an_order():
    x = UNEVEN.sample(6, 5, 0)
    orders = np.array([np.random.default_rng(k).permutation(5) for k in range(6)])
    model = mt.MaskedDiffusion(mt.Oracle(UNEVEN), sampler=ByOrder())
    assert (model.replay(x, order=orders).plan == orders + 1).all()
    assert model.log_prob_kind == "lower bound"
    np.testing.assert_allclose(mt.exact.law(model, UNEVEN, 3), mt.exact.joint(UNEVEN, 3), atol=1e-12)
    report = check_sampler(ByOrder())
    assert report.passed, str(report)


class Shifty(ByOrder):
    """Says that it looks at masked positions alone, and goes by a set one's rank."""

    def wants(self, state, tokens):
        masked = tokens == state.shared
        first = np.cumsum(masked, axis=1) == 1
        last = np.cumsum(masked[:, ::-1], axis=1)[:, ::-1] == 1
        both = ~masked.any(axis=1, keepdims=True) | (state.order[:, :1] < state.order[:, 1:2])
        half = masked & (first | last)
        return np.where(~masked[:, :1] & ~masked[:, 1:2] & both, half, masked & first)


def test_certify_refuses_one_that_goes_by_ranks_of_set_positions():
    report = check_sampler(Shifty())
    assert not report.passed
    assert any(not each.passed for each in report.checks if each.name in ("law", "replay")), str(report)


def test_where_sequences_may_stand_sums_to_one_in_every_step():
    model = model_of("draw_confidence", PARITY)
    done = 0.0
    for tokens, mass, finished in after_each_step(model, 4):
        assert len(tokens) == len(mass)
        assert mass.sum() + done == pytest.approx(1)
        done += mass[finished].sum()


def test_shuffles_are_uniform_and_move_their_streams():
    states = stream_states("shuffles", 0, 24_000)
    first, second = shuffled(states, 4), shuffled(states, 4)
    for drawn in (first, second):
        counts = np.unique(drawn @ 10 ** np.arange(4), return_counts=True)[1]
        assert brute_force.g_test(counts, np.full(24, 1 / 24)) > 1e-4
    assert (first != second).any()


def test_orders_that_are_none_are_refused_in_one_line():
    model = model_of("confidence", PAIRS)
    x = np.zeros((2, 4), dtype=np.uint8)
    for order, message in (
        ([0, 1, 2], r"order has shape \(3,\)"),
        ([[0, 1, 2, 3]] * 3, r"pass integers of shape \(2, 4\), or \(4,\)"),
        ([0.0, 1, 2, 3], "dtype float64"),
        ([0, 1, 1, 3], "two positions of one rank"),
    ):
        with pytest.raises(ValueError, match=message):
            model.replay(x, order=order)
    with pytest.raises(ValueError, match="confidence ranks what ties by an order; pass `order` or `shuffles`"):
        run_adaptive(model.denoiser, model.sampler, 4, 2, as_schedule("linear"), tokens=x)
    assert as_orders([1, 0], 3, 2).shape == (3, 2)
    with pytest.raises(ValueError, match="3.6e\\+05 shuffles of 9 positions.*ties=lowest"):
        all_orders(9)


def test_the_cost_of_a_law_counts_its_shuffles_and_what_costs_too_much_is_refused():
    for sampler in ("confidence", "draw_confidence", "topk_remask"):
        random, lowest = (model_of(sampler, PARITY, ties) for ties in ("random", "lowest"))
        costs = [law_cost(random, length) / law_cost(lowest, length) for length in (4, 8)]
        assert 1 < costs[0] < costs[1] <= math.factorial(8) * 8
    assert law_cost(model_of("confidence", PARITY), 12) > MOST_COST
    for sampler in ("confidence", "draw_confidence"):
        with pytest.raises(ValueError, match="enumerating .* takes"):
            mt.exact.law(model_of(sampler, PARITY), PARITY, 12)
    # A term of 1/k! for each number of positions set.
    assert draws_cost(model_of("draw_confidence", PARITY), 3) == pytest.approx(3 * 2**3 * (6 + 6 + 3 + 1))
    assert law_cost(model_of("confidence", PARITY), 400) == math.inf
