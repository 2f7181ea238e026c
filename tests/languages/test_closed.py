"""Languages in closed form against enumeration: laws, samples, posteriors hard and soft, plans drawn and scored."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.languages.paired import Copy, EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.permutation import Permutation
from mdmtheory.languages.repetition import Repetition
from mdmtheory.models.canvas_loop import run_on_canvas
from tests import brute_force

# Each with a few lengths that a full enumeration of contexts can afford.
SMALL = [
    (EqualPairs(vocab_size=2), (1, 4, 5)),
    (EqualPairs(vocab_size=3), (3, 4)),
    (Copy(distance=2, vocab_size=2), (3, 4, 6)),
    (Copy(distance=3, vocab_size=2), (2, 5)),
    (Permutation(items=3), (1, 2, 3)),
    (Permutation(items=4), (2, 3, 4)),
    (Parity(), (1, 2, 5)),
    (Repetition(vocab_size=1), (3,)),
    (Repetition(vocab_size=3), (1, 2, 4)),
]
CASES = [(language, length) for language, lengths in SMALL for length in lengths]
IDS = [f"{language.kind}-{language.vocab_size}-{length}" for language, length in CASES]


def allowed(language, x):
    """Membership, told without the package."""
    if isinstance(language, Permutation):
        return len(set(x)) == len(x)
    if isinstance(language, Parity):
        return sum(x) % 2 == 0
    if isinstance(language, Repetition):
        return len(set(x)) == 1
    blocks = [x[start : start + 2 * language.distance] for start in range(0, len(x), 2 * language.distance)]
    return all(a == b for block in blocks for a, b in zip(block, block[language.distance :], strict=False))


@cache
def joint_of(language, length):
    support = [allowed(language, x) for x in brute_force.sequences(language.vocab_size, length).tolist()]
    return np.array(support) / sum(support)


def index(tokens, vocab_size):
    return tokens.astype(int) @ vocab_size ** np.arange(tokens.shape[1])[::-1]


@pytest.mark.parametrize(("language", "length"), CASES, ids=IDS)
def test_probabilities_support_and_entropy_are_those_of_the_joint(language, length):
    joint = joint_of(language, length)
    every = brute_force.sequences(language.vocab_size, length)
    np.testing.assert_allclose(np.exp(language.log_prob(every)), joint, rtol=1e-13)
    assert (language.in_support(every) == (joint > 0)).all()
    entropy = language.entropy(length)
    assert entropy.kind == "exact"
    assert float(entropy) == pytest.approx(math.log((joint > 0).sum()), abs=1e-12)
    masked = brute_force.contexts(language.vocab_size, length)
    masked = masked[(masked == language.vocab_size).any(axis=1)]
    assert not language.in_support(masked).any()


@pytest.mark.parametrize(("language", "length"), CASES, ids=IDS)
def test_samples_follow_the_joint(language, length):
    tokens = language.sample(6000, length, seed=2)
    counts = np.bincount(index(tokens, language.vocab_size), minlength=len(joint_of(language, length)))
    assert brute_force.g_test(counts, joint_of(language, length)) > 1e-4


def test_the_check_above_refutes_an_order_shuffled_with_naive_swaps():
    generator = np.random.default_rng(0)
    orders = np.tile(np.arange(3), (6000, 1))
    rows = np.arange(6000)
    for i in range(3):
        # Swapping with any position, not only later ones, favours some orders.
        j = generator.integers(0, 3, 6000)
        orders[rows, j], orders[:, i] = orders[:, i].copy(), orders[rows, j].copy()
    counts = np.bincount(index(orders, 3), minlength=27)
    assert brute_force.g_test(counts, joint_of(Permutation(items=3), 3)) < 1e-4


@pytest.mark.parametrize("trust", [1.0, 0.9, 0.25])
@pytest.mark.parametrize(("language", "length"), CASES, ids=IDS)
def test_conditionals_are_bayes_rule_in_every_context(language, length, trust):
    rows = brute_force.contexts(language.vocab_size, length)
    got = mt.Oracle(language, trust).conditionals(rows)
    for row, marginals in zip(rows, got, strict=True):
        expected = brute_force.conditionals(joint_of(language, length), language.vocab_size, row, trust)
        np.testing.assert_allclose(marginals, expected, atol=1e-13, err_msg=str(row))


def test_a_possible_context_is_one_that_some_sequence_of_the_support_agrees_with():
    for language, length in CASES:
        rows = brute_force.contexts(language.vocab_size, length)
        support = brute_force.sequences(language.vocab_size, length)[joint_of(language, length) > 0]
        agree = ((rows[:, None] == support) | (rows[:, None] == language.vocab_size)).all(axis=2).any(axis=1)
        assert (language.possible(rows.astype(np.uint8)) == agree).all()


def distrusted_order_weights(tokens, items, noise):
    """Leave-one-out weights by the same sum in exact rational arithmetic, for positions[0] masked or not."""
    noise = Fraction(noise)
    out = []
    for i in range(len(tokens)):
        others = [t for j, t in enumerate(tokens) if j != i and t < items]
        row = []
        for v in range(items):
            counts = [others.count(u) for u in range(items) if u != v and u in others]
            e = [Fraction(1)]
            for c in counts:
                e = [a + c * b for a, b in zip([*e, 0], [0, *e], strict=True)]
            row.append(
                sum(
                    e[k] * (1 - noise) ** k * (noise / items) ** (len(others) - k) * math.factorial(items - 1 - k)
                    for k in range(len(e))
                )
            )
        out.append([float(weight / sum(row)) for weight in row])
    return np.array(out)


@pytest.mark.parametrize("noise", [2.0**-10, 0.5, 1 - 2.0**-20])
@pytest.mark.parametrize(("items", "length"), [(12, 12), (40, 25)])
def test_distrusted_orders_agree_with_rational_arithmetic(items, length, noise):
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, items + 1, length)
    tokens[generator.random(length) < 0.3] = tokens[0]
    got = Permutation(items=items).oracle(1 - noise).conditionals(tokens[None])[0]
    np.testing.assert_allclose(got, distrusted_order_weights(tokens.tolist(), items, noise), rtol=1e-11)


@pytest.mark.parametrize("noise", [1e-9, 1e-3, 0.999])
def test_distrusted_orders_stay_finite_at_length(noise):
    items = 1500
    language = Permutation(items=items)
    tokens = language.sample(1, items, seed=0)
    tokens[0, :600] = tokens[0, 600:1200]
    tokens[0, ::3] = items
    marginals = language.oracle(1 - noise).conditionals(tokens)
    np.testing.assert_allclose(marginals.sum(axis=2), 1, rtol=1e-9)
    # A token that nobody shows is the likeliest at a masked position, and more so the more is trusted.
    unseen = np.setdiff1d(np.arange(items), tokens)
    assert marginals[0, 0, unseen].min() == marginals[0, 0].max()
    assert marginals[0, 0, unseen].sum() > 0.9999 - 20 * noise


@given(
    case=st.sampled_from(CASES),
    trust=st.sampled_from([1.0, 1.0, 0.9]),
    epsilon=st.sampled_from([0.0, 0.0, 0.05]),
    seed=st.integers(0, 10_000),
)
def test_plans_run_as_a_plain_loop_over_the_canvas_does(case, trust, epsilon, seed):
    language, length = case
    plan = np.random.default_rng(seed).integers(1, 4, (30, length)).astype(np.int32)
    oracle = language.oracle(trust)
    denoiser = mt.Perturbed(oracle, epsilon) if epsilon else oracle
    fused_states, plain_states = stream_states("loop", seed, 30), stream_states("loop", seed, 30)
    fused = oracle.run_plan(plan, fused_states, epsilon=epsilon)
    plain = run_on_canvas(denoiser, plan, plain_states)
    for name in ("tokens", "calls", "rounds", "impossible"):
        np.testing.assert_array_equal(getattr(fused, name), getattr(plain, name), err_msg=name)
    np.testing.assert_allclose(fused.log_probs, plain.log_probs, rtol=1e-9, atol=1e-12)
    # Where a sequence stopped, its stream has not moved on; everywhere else both took one uniform a token.
    np.testing.assert_array_equal(fused_states[~fused.impossible], plain_states[~fused.impossible])


@given(
    case=st.sampled_from(CASES), trust=st.sampled_from([1.0, 1.0, 0.9]), plan=st.lists(st.integers(1, 4), min_size=6)
)
def test_scoring_a_plan_is_the_product_of_conditionals(case, trust, plan):
    language, length = case
    joint, vocab_size = joint_of(language, length), language.vocab_size
    plan = plan[:length]
    law = brute_force.plan_law(
        cache(lambda row: brute_force.conditionals(joint, vocab_size, row, trust)), vocab_size, plan
    )
    every = brute_force.sequences(vocab_size, length)
    run = language.oracle(trust).run_plan(np.tile(plan, (len(every), 1)), tokens=every)
    np.testing.assert_allclose(np.exp(run.log_probs.sum(axis=1)), law, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("language", "plan"),
    [
        (EqualPairs(vocab_size=2), [1, 1, 2, 2]),
        (Copy(distance=2, vocab_size=2), [1, 2, 1, 3]),
        (Permutation(items=4), [1, 1, 2, 2]),
        (Parity(), [1, 2, 1, 1]),
        (Repetition(vocab_size=3), [1, 1, 2, 3]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_drawn_plans_follow_the_enumerated_law(language, plan):
    joint, vocab_size = joint_of(language, 4), language.vocab_size
    law = brute_force.plan_law(cache(lambda row: brute_force.conditionals(joint, vocab_size, row)), vocab_size, plan)
    run = language.oracle().run_plan(np.tile(plan, (10_000, 1)), stream_states(["law", language.kind], 0, 10_000))
    whole = run.tokens[~run.impossible]
    counts = np.bincount(index(whole, vocab_size), minlength=len(law))
    # What is missing from the law went to impossible contexts.
    assert brute_force.g_test([*counts, run.impossible.sum()], [*law, max(1 - law.sum(), 0)]) > 1e-4
    wrong = brute_force.plan_law(
        cache(lambda row: brute_force.conditionals(joint, vocab_size, row)), vocab_size, [1] * 4
    )
    assert brute_force.g_test([*counts, run.impossible.sum()], [*wrong, max(1 - wrong.sum(), 0)]) < 1e-4


def test_an_impossible_context_stops_the_sequence_and_scores_minus_infinity():
    oracle = EqualPairs(vocab_size=2).oracle()
    tokens = np.array([[0, 1, 1, 1], [0, 0, 1, 1]])
    run = oracle.run_plan(np.array([[1, 1, 2, 3]] * 2), tokens=tokens)
    half = -math.log(2)
    np.testing.assert_allclose(run.log_probs, [[half, half, -np.inf, -np.inf], [half, half, half, 0]])
    assert run.impossible.tolist() == [True, False]
    assert run.calls.tolist() == [2, 3]
    drawn = oracle.run_plan(np.array([[1, 1, 2, 3]] * 200), stream_states("stop", 0, 200))
    unequal = drawn.tokens[:, 0] != drawn.tokens[:, 1]
    assert 50 < unequal.sum() < 150
    assert (drawn.impossible == unequal).all()
    assert (drawn.tokens[unequal, 2:] == 2).all()
    assert np.isnan(drawn.log_probs[unequal, 2:]).all()


def test_results_do_not_depend_on_threads():
    for language in (Copy(distance=4, vocab_size=5), Permutation(items=20), Parity(), Repetition(vocab_size=300)):
        samples = [language.sample(50, 20, seed=1, threads=threads) for threads in (1, 3)]
        np.testing.assert_array_equal(*samples)
        np.testing.assert_array_equal(language.sample(7, 20, seed=1, first=11), samples[0][11:18])
        plan = np.random.default_rng(0).integers(1, 5, (50, 20))
        runs = [
            language.oracle().run_plan(plan, stream_states("threads", 0, 50), threads=threads) for threads in (1, 3)
        ]
        np.testing.assert_array_equal(runs[0].tokens, runs[1].tokens)
        np.testing.assert_array_equal(runs[0].log_probs, runs[1].log_probs)
        assert language.in_support(samples[0]).all()


def test_copy_at_distance_one_is_equal_pairs():
    every = brute_force.sequences(3, 5)
    pairs, copy = EqualPairs(vocab_size=3), Copy(distance=1, vocab_size=3)
    np.testing.assert_array_equal(pairs.log_prob(every), copy.log_prob(every))
    assert pairs != copy


def test_a_cut_off_block_leaves_positions_without_partner_free():
    copy = Copy(distance=3, vocab_size=4)
    assert copy.partners(10).tolist() == [3, 4, 5, 0, 1, 2, 9, -1, -1, 6]
    assert float(copy.entropy(10)) == pytest.approx(6 * math.log(4))
    np.testing.assert_allclose(
        copy.oracle().conditionals(np.array([[4] * 6 + [1, 2, 3, 4]]))[0, [0, 9]], [[0.25] * 4, [0, 1, 0, 0]]
    )


def test_entropy_rates():
    assert float(EqualPairs(vocab_size=4).entropy_rate()) == pytest.approx(math.log(2))
    assert float(Copy(distance=5, vocab_size=4).entropy_rate()) == pytest.approx(math.log(2))
    assert float(Parity().entropy_rate()) == pytest.approx(math.log(2))
    assert float(Repetition(vocab_size=4).entropy_rate()) == 0
    assert Permutation(items=4).entropy_rate() is None
    for language in (EqualPairs(vocab_size=4), Copy(distance=5, vocab_size=4), Parity(), Repetition(vocab_size=4)):
        assert language.entropy_rate().kind == "exact"
        assert float(language.entropy(10_000)) / 10_000 == pytest.approx(float(language.entropy_rate()), abs=2e-3)


@pytest.mark.parametrize("language", [language for language, _ in SMALL], ids=lambda language: str(language.spec))
def test_languages_are_values(language):
    assert eval(repr(language)) == language
    assert hash(eval(repr(language))) == hash(language)
    assert type(language).from_parameters(language.parameters()) == language
    assert mt.as_language(str(language.spec)) == language
    with pytest.raises(AttributeError, match="is immutable"):
        language.vocab_size = 7


def test_digests_differ():
    digests = [language.digest for language, _ in SMALL]
    assert len(set(digests)) == len(digests)


def test_a_saved_language_loads_equal(tmp_path):
    for number, (language, _) in enumerate(SMALL):
        path = tmp_path / f"{number}.npz"
        language.save(path)
        assert mt.load_language(path) == language


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EqualPairs(vocab_size=0), "vocab_size is 0; pass 1 or more"),
        (lambda: Copy(distance=0), "distance is 0"),
        (lambda: Permutation(items=-1), "items is -1"),
        (lambda: Permutation(items=4).sample(1, 5, seed=0), "length is 5, and there are 4 items; use at most 4"),
        (lambda: Permutation(items=4).in_support([[0, 1, 2, 3, 0]]), "length is 5"),
        (lambda: Permutation(items=4).oracle().conditionals([[4] * 5]), "length is 5"),
        (lambda: Parity().sample(1, 0, seed=0), "length is 0"),
        (lambda: Parity().log_prob([[0, 2]]), "token 2 at row 0, position 1 is outside the vocabulary"),
        (lambda: Repetition(vocab_size=70_000), "vocab_size 70000 is too large"),
        (lambda: Parity().oracle(0.0), "trust is 0.0"),
        (lambda: mt.as_language("copy:length=3"), "has no option 'length'"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_permanent_weights_by_hand():
    """Two items, one revealed: the other stands here with odds (1 - d + d/2) : d/2, by definition of soft evidence."""
    got = Permutation(items=2).oracle(0.8).conditionals(np.array([[0, 2]]))
    np.testing.assert_allclose(got[0], [[0.5, 0.5], [0.1, 0.9]], rtol=1e-14)
