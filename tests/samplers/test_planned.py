"""Laws over plans at a temperature, with a nucleus, in float32: against sums over plans and draws, written again."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.register import Register
from mdmtheory.core.streams import stream_states
from mdmtheory.exact.law import law_cost
from mdmtheory.exact.reveals import all_plans
from mdmtheory.kernels import random
from mdmtheory.metrics.pricing import curve_priced
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.plans import Ancestral, FirstHitting, GivenPlan, PlanLaw, Stride
from mdmtheory.samplers.planned import Planned, token_laws
from mdmtheory.samplers.protocol import Sampler
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.schedules import as_schedule
from mdmtheory.sweeps import cells
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.tasks import tasks_of
from mdmtheory.theory.order_exactness import ONE_AT_A_TIME
from mdmtheory.theory.statement import HypothesisError
from tests import brute_force
from tests.languages.small import ngrams

HMM = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])
BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]])
LANGUAGES = [HMM, BIGRAM, mt.Parity(), mt.Permutation(items=3), mt.EqualPairs(vocab_size=2)]
NAMED = [name for name in Register("plan law", "mdmtheory.plans") if name != "plan"]
OPTIONS = [
    {"temperature": 0.5},
    {"temperature": 2.0},
    {"temperature": 0.0},
    {"nucleus": 0.65},
    {"temperature": 1.5, "nucleus": 0.8},
    {"min_p": 0.5},
    {"temperature": 1.5, "nucleus": 0.8, "min_p": 0.4},
]


def changed(p, temperature=1.0, nucleus=1.0, min_p=0.0):
    """One marginal as its tokens are drawn, from the definition: powers, the most probable, none too unlikely."""
    law = changed_without(p, temperature, 1.0)
    kept = changed_without(p, temperature, nucleus)
    likely = [v for v in range(len(law)) if law[v] >= min_p * max(law) - 1e-10]
    return np.array([kept[v] / kept[likely].sum() if v in likely and kept.sum() else 0.0 for v in range(len(law))])


def changed_without(p, temperature, nucleus):
    """The same of powers and the most probable tokens."""
    p = [float(v) for v in p]
    if sum(p) == 0:
        return np.array(p)
    if temperature == 0:
        best = [round(each, 10) == round(max(p), 10) for each in p]
        return np.array(best) / sum(best)
    powers = [v ** (1 / temperature) if v else 0.0 for v in p]
    p = [v / sum(powers) for v in powers]
    if nucleus == 1:
        return np.array(p)
    kept = []
    for v in sorted(range(len(p)), key=lambda v: (-round(p[v], 10), v)):
        if not kept or sum(p[w] for w in kept) < nucleus - 1e-10:
            kept.append(v)
    found = np.array([p[v] / sum(p[w] for w in kept) if v in kept else 0.0 for v in range(len(p))])
    # Those that are as probable as the last one kept share what such tokens have.
    alike = [v for v in range(len(p)) if round(p[v], 10) == round(p[kept[-1]], 10)]
    found[alike] = found[alike].mean()
    return found


def every_plan(name, length, steps, schedule):
    """All plans of a law with their probabilities, from its definition."""
    if name == "ancestral":
        weights = np.diff(schedule.revealed_fractions(steps))
        for plan in itertools.product(range(1, steps + 1), repeat=length):
            yield plan, math.prod(weights[k - 1] for k in plan)
    elif name in ("fixed", "first_hitting"):
        sizes = [1] * length if name == "first_hitting" else schedule.sizes(length, steps)
        every = sorted(set(itertools.permutations([k for k, size in enumerate(sizes) for _ in range(size)])))
        yield from ((plan, 1 / len(every)) for plan in every)
    else:
        states = np.zeros((1, 4), dtype=np.uint64)
        yield tuple(as_sampler(name).draw(states, length, steps, schedule)[0].tolist()), 1.0


def summed(language, name, length, steps, schedule, options, block=None):
    """p(x) of every sequence: the sum over plans of products of changed conditionals (Bayes' rule on the joint)."""
    joint = mt.exact.joint(language, length).reshape(-1)
    memory = {}

    def conditional(row):
        if row not in memory:
            raw = brute_force.conditionals(joint, language.vocab_size, row)
            memory[row] = np.array([changed(p, **options) for p in raw])
        return memory[row]

    blocks = [min(block or length, length - a) for a in range(0, length, block or length)]
    total = 0.0
    for parts in itertools.product(*(list(every_plan(name, size, steps, schedule)) for size in blocks)):
        # Any number that is larger than a step puts the blocks one after the other.
        plan = tuple(step + 1000 * b for b, (part, _) in enumerate(parts) for step in part)
        chance = math.prod(chance for _, chance in parts)
        total = total + chance * brute_force.plan_law(conditional, language.vocab_size, plan)
    return total


def with_options(name, options):
    return name + ":" + ",".join(f"{key}={value}" for key, value in options.items())


def follows(model, law, length, seed=0):
    samples = model.sample(8_000, length, seed)
    counts = np.zeros(law.shape)
    np.add.at(counts, tuple(samples.tokens[~samples.impossible].T.astype(int)), 1)
    cells = [*counts.reshape(-1), samples.impossible.sum()]
    return brute_force.g_test(cells, [*law.reshape(-1), max(1 - law.sum(), 0.0)])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda each: str(each.spec))
def test_the_law_is_the_sum_over_plans_of_changed_conditionals(language, name, options):
    # Where everything ties to the last bit, a nucleus is decided by rounding alone; these do not.
    length, schedule = (4 if language.vocab_size == 2 else 3), as_schedule("cosine")
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=with_options(name, options), steps=2, schedule=schedule)
    expected = summed(language, name, length, 2, schedule, options)
    np.testing.assert_allclose(mt.exact.law(model, language, length).reshape(-1), expected, rtol=1e-9, atol=1e-14)


@given(language=ngrams(orders=(1, 2, 3)), temperature=st.floats(0.2, 3), name=st.sampled_from(NAMED))
def test_any_temperature_of_any_language(language, temperature, name):
    schedule, options = as_schedule("linear"), {"temperature": temperature}
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=with_options(name, options), steps=3, schedule=schedule)
    expected = summed(language, name, 3, 3, schedule, options)
    np.testing.assert_allclose(mt.exact.law(model, language, 3).reshape(-1), expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name", ["ancestral", "fixed", "stride"])
@pytest.mark.parametrize("block", [1, 2, 4])
def test_blocks_follow_the_same_sum(name, block):
    options, schedule = {"temperature": 0.6, "nucleus": 0.95}, as_schedule("linear")
    model = BlockDiffusion(
        mt.Oracle(BIGRAM), block=block, steps=2, sampler=with_options(name, options), schedule=schedule
    )
    law = mt.exact.law(model, BIGRAM, 4)
    expected = summed(BIGRAM, "left_to_right" if block == 1 else name, 4, 2, schedule, options, block)
    np.testing.assert_allclose(law.reshape(-1), expected, rtol=1e-9, atol=1e-14)
    assert follows(model, law, 4) > 1e-4
    assert dict(model.spec.options)["sampler"] == with_options(name, options)


@pytest.mark.parametrize("sampler", ["ancestral:temperature=0.7", "fixed:nucleus=0.65", "stride:temperature=2"])
@pytest.mark.parametrize("language", LANGUAGES[:4], ids=lambda each: str(each.spec))
def test_draws_follow_the_law_and_not_that_without_options(sampler, language):
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=2)
    assert follows(model, mt.exact.law(model, language, 3), 3) > 1e-4
    if language in (HMM, BIGRAM):
        plain = mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler.partition(":")[0], steps=2)
        assert follows(model, mt.exact.law(plain, language, 3), 3) < 1e-4


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize(
    "language", [*LANGUAGES, mt.as_language("hmm:states=6,vocab_size=4")], ids=lambda e: str(e.spec)
)
def test_with_no_option_changed_the_class_draws_what_the_law_draws(language, name):
    """The loop that changes marginals against the fused kernels: tokens, costs, scores and law."""
    plain = mt.MaskedDiffusion(mt.Oracle(language), sampler=name, steps=2)
    planned = mt.MaskedDiffusion(mt.Oracle(language), sampler=Planned(as_sampler(name)), steps=2)
    length = 3 if language.vocab_size == 3 else 6
    runs = []
    for model in (plain, planned):
        states = stream_states("planned", 0, 40)
        runs.append(model.run(model.draw_plans(states, length), states))
    for field in ("tokens", "calls", "rounds", "impossible"):
        np.testing.assert_array_equal(getattr(runs[0], field), getattr(runs[1], field))
    np.testing.assert_allclose(runs[0].log_probs, runs[1].log_probs, rtol=1e-9, atol=1e-12)
    laws = [mt.exact.law(model, language, 3 if length == 3 else 2) for model in (plain, planned)]
    np.testing.assert_allclose(*laws, rtol=1e-12, atol=1e-15)


def test_defaults_spelt_out_are_the_law_itself(tmp_path):
    (tmp_path / "plan.txt").write_text("2 1 2")
    for name in (*NAMED, f"plan:file={tmp_path / 'plan.txt'}"):
        joint = "," if ":" in name else ":"
        built = as_sampler(f"{name}{joint}temperature=1,nucleus=1.0,precision=float64")
        assert built == as_sampler(name)
        assert not isinstance(built, Planned)
        assert str(built.spec) == name
    one, other = (cells("hmm", length=8, steps=2, sampler=each)[0] for each in ("ancestral", "ancestral:temperature=1"))
    assert [task.sha for task in tasks_of(one, *Builder().build(one))] == [
        task.sha for task in tasks_of(other, *Builder().build(other))
    ]


@pytest.mark.parametrize("name", NAMED)
def test_they_are_laws_over_plans_and_values(name):
    options = {"temperature": 0.5, "nucleus": 0.9, "precision": "float32"}
    if name == "ancestral":  # In float32 it is no law over plans: test_race.py.
        del options["precision"]
    built, law = as_sampler(with_options(name, options)), as_sampler(name)
    assert isinstance(built, PlanLaw)
    assert not isinstance(built, Sampler)
    assert built == as_sampler(str(built.spec)) == Planned(law, **options)
    assert str(built.spec) == with_options(name, options)
    assert built.identity != as_sampler(f"{name}:temperature=0.5").identity != law.identity
    for flag in ("uses_steps", "uses_schedule", "fixed", "one_at_a_time"):
        assert getattr(built, flag) == getattr(law, flag)
    assert (built.subset_law is None) is (law.subset_law is None)


def test_a_plan_from_a_file_keeps_its_option(tmp_path):
    path = tmp_path / "plan.txt"
    path.write_text("2 1 2")
    built = as_sampler(f"plan:temperature=0.5,file={path}")
    assert built == Planned(GivenPlan((2, 1, 2)), temperature=0.5)
    assert str(built.spec) == f"plan:file={path},temperature=0.5"
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=built)
    joint = mt.exact.joint(BIGRAM, 3).reshape(-1)
    expected = brute_force.plan_law(
        lambda row: np.array([changed(p, 0.5) for p in brute_force.conditionals(joint, 3, row)]), 3, (2, 1, 2)
    )
    np.testing.assert_allclose(mt.exact.law(model, BIGRAM, 3).reshape(-1), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="has 3 positions and the length is 4; use length 3"):
        model.sample(1, 4, 0)


@pytest.mark.parametrize("name", ["left_to_right", "blocks", "stride", "bisection", "bit_reversed"])
def test_one_plan_has_an_exact_likelihood(name):
    model = mt.MaskedDiffusion(mt.Oracle(HMM), sampler=f"{name}:temperature=0.6,nucleus=0.9", steps=2)
    scored = model.log_prob(mt.exact.all_sequences(3, 4))
    assert scored.kind == model.log_prob_kind == "exact"
    np.testing.assert_allclose(np.exp(scored.values), mt.exact.law(model, HMM, 4).reshape(-1), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", ["ancestral", "fixed", "first_hitting"])
def test_random_plans_have_a_bound_whose_mean_is_the_law(name):
    model = mt.MaskedDiffusion(mt.Oracle(HMM), sampler=f"{name}:temperature=0.6", steps=2)
    law = mt.exact.law(model, HMM, 3).reshape(-1)
    sequences = mt.exact.all_sequences(3, 3)[law > 0]
    law = law[law > 0]
    scored = model.log_prob(np.repeat(sequences, 2_000, axis=0))
    assert scored.kind == model.log_prob_kind == "lower bound"
    # Each row was scored under a plan of its own: their mean is p(x), the mean of their logarithms below log p(x).
    each = scored.values.reshape(len(sequences), -1)
    np.testing.assert_allclose(np.exp(each).mean(axis=1), law, rtol=0.1)
    assert (each.mean(axis=1) <= np.log(law) + 0.05).all()
    assert (each.mean(axis=1) < np.log(law) - 0.01).any()
    together = model.log_prob(sequences, plans=40)
    assert together.kind == "lower bound"
    assert (together.values > each.mean(axis=1) - 0.5).all()


def test_one_position_at_a_time_is_no_longer_exact():
    plain, cold = (
        mt.MaskedDiffusion(mt.Oracle(HMM), sampler=each) for each in ("first_hitting", "first_hitting:temperature=0.5")
    )
    assert (plain.exact_by_order(4), cold.exact_by_order(4)) == (True, False)
    assert (plain.log_prob_kind, cold.log_prob_kind) == ("exact", "lower bound")
    q = mt.exact.joint(HMM, 4)
    assert np.abs(mt.exact.law(cold, HMM, 4) - q).sum() > 0.1
    # Left to right it is the language's own chain, each conditional squared and scaled.
    law = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="left_to_right:temperature=0.5"), BIGRAM, 3)
    first, then = changed(BIGRAM.initial, 0.5), np.array([changed(p, 0.5) for p in BIGRAM.conditional])
    np.testing.assert_allclose(law, first[:, None, None] * then[:, :, None] * then[None], rtol=1e-12)


def test_ter_is_scored_plan_by_plan_and_bounds_that_of_the_law():
    """Prices of reveals in random order, and the exact mixture, are of tokens drawn from the marginals."""
    plain, warm = (
        mt.MaskedDiffusion(mt.Oracle(HMM), sampler=each, steps=2) for each in ("ancestral", "ancestral:temperature=1.5")
    )
    assert (curve_priced(plain), curve_priced(warm)) == (True, False)
    q = mt.exact.joint(HMM, 4)
    truth = {each: math.exp(mt.exact.expected_nll(mt.exact.law(each, HMM, 4), q) / 4) for each in (plain, warm)}
    found = mt.ter(warm, HMM, 4, count=20_000)
    assert found.kind == "upper bound"
    assert truth[plain] < truth[warm] < found.high
    assert found.low < truth[warm] * 1.05
    with pytest.raises(ValueError, match="has no exact log p"):
        mt.ter(warm, BIGRAM, 4, count=10, method="mixture")
    ser = mt.ser(warm, HMM, 4, count=20_000)
    assert ser.low < mt.exact.error_rate(mt.exact.law(warm, HMM, 4), q) < ser.high


@pytest.mark.parametrize("name", NAMED)
def test_temperature_zero_takes_the_most_probable_token(name):
    model = mt.MaskedDiffusion(mt.Oracle(HMM), sampler=f"{name}:temperature=0", steps=2)
    joint = mt.exact.joint(HMM, 4).reshape(-1)
    states = stream_states("greedy", 0, 30)
    plans = model.draw_plans(states, 4)
    for plan, tokens in zip(plans, model.run(plans, states).tokens, strict=True):
        row = np.full(4, 3)
        for step in np.unique(plan):
            marginals = brute_force.conditionals(joint, 3, row)
            here = plan == step
            row[here] = [changed(p, 0.0).argmax() for p in marginals[here]]
        assert row.tolist() == tokens.tolist()


@pytest.mark.parametrize("sampler", ["ancestral:temperature=0.7", "fixed:nucleus=0.9", "fixed:precision=float32"])
def test_a_sequence_depends_on_its_number_alone_and_costs_the_steps_of_its_plan(sampler):
    q = mt.as_language("hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1")
    model = mt.MaskedDiffusion(mt.Oracle(q), sampler=sampler, steps=24)
    whole = model.sample(8, 16, seed=2, threads=2)
    pieces = [model.sample(n, 16, seed=2, first=first, threads=1) for first, n in ((0, 3), (3, 5))]
    for field in ("tokens", "calls", "rounds", "impossible"):
        assert (np.concatenate([getattr(piece, field) for piece in pieces]) == getattr(whole, field)).all()
    plans = model.draw_plans(stream_states(["draw", model.identity, 16, 2], 0, 8), 16)
    taken = np.array([len(set(plan)) for plan in plans.tolist()])
    assert (whole.calls <= taken).all()
    assert (whole.calls == taken)[~whole.impossible].all()
    assert (whole.rounds == whole.calls).all()
    assert len(model.sample(0, 16, seed=2).tokens) == 0


def test_impossible_contexts_end_a_sequence():
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="blocks:temperature=2", steps=2)
    law = mt.exact.law(model, BIGRAM, 4)
    samples = model.sample(4_000, 4, seed=0)
    assert samples.impossible.mean() == pytest.approx(1 - law.sum(), abs=0.03)
    assert law.sum() < 0.9
    assert ((samples.tokens == 3).any(axis=1) == samples.impossible).all()
    assert set(samples.calls[samples.impossible].tolist()) == {2}
    np.testing.assert_array_equal(
        token_laws(model.plan_law, np.array([[[0.0, 0.0], [0.8, 0.2]]])),
        [[[0.0, 0.0], [2 / 3, 1 / 3]]],
    )


TAIL = mt.NGram([1 - 3e-9, 1e-9, 1e-9, 1e-9], [[1 - 3e-9, 1e-9, 1e-9, 1e-9]] * 4)


def test_float32_noise_never_lets_a_rare_token_win_where_float64_does(monkeypatch):
    """At equal uniforms 1 - 2^-53 the noise of all tokens is 16.6355 in float32, and the most probable one wins."""

    def highest(states, out):
        out[:] = 1 - 2.0**-53

    monkeypatch.setattr(random, "fill_uniforms", highest)
    for name in ("ancestral", "stride", "first_hitting"):
        fine, coarse = (
            mt.MaskedDiffusion(mt.Oracle(TAIL), sampler=Planned(as_sampler(name), precision=each), steps=2)
            .sample(5, 6, 0)
            .tokens
            for each in ("float64", "float32")
        )
        # The last of the cumulative probabilities belongs to the last token.
        assert (fine == 3).all()
        assert (coarse == 0).all()

    def for_the_tail(states, out):
        # Noise 16.6355 for the rare tokens and -2.6 for the common one leave 1.5 nats of the 20.7 between them.
        out.reshape(len(out), -1, 4)[:] = [2.0**-20, *[1 - 2.0**-53] * 3]

    assert math.log(1e-9) + 24 * math.log(2) < math.log(1 - 3e-9) - math.log(20 * math.log(2))
    monkeypatch.setattr(random, "fill_uniforms", for_the_tail)
    model = mt.MaskedDiffusion(mt.Oracle(TAIL), sampler="fixed:precision=float32", steps=2)
    assert (model.sample(5, 6, 0).tokens == 0).all()
    # In float64 such noise is 36.7, and a rare token would win.
    assert math.log(1e-9) - math.log(-math.log(1 - 2.0**-53)) > 0


def test_float32_noise_has_the_law_of_ordinary_tokens_and_none_of_its_own():
    coarse = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="fixed:precision=float32,temperature=0.7", steps=2)
    fine = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="fixed:temperature=0.7", steps=2)
    assert follows(coarse, mt.exact.law(fine, BIGRAM, 3), 3) > 1e-4
    assert law_cost(coarse, 3) == math.inf
    assert law_cost(fine, 3) < 1e6
    plan = np.array([[1, 2]], dtype=np.int32)
    for call in (
        lambda: coarse.log_prob([[0, 0]]),
        lambda: coarse.log_prob_kind,
        lambda: coarse.run(plan, tokens=np.zeros((1, 2), np.uint8)),
        lambda: mt.ter(coarse, BIGRAM, 2, count=5),
        lambda: mt.ter(BlockDiffusion(mt.Oracle(BIGRAM), block=2, steps=2, sampler=coarse.sampler), BIGRAM, 2, count=5),
    ):
        with pytest.raises(ValueError, match="float32 noise, whose law has no closed form; measure ser") as caught:
            call()
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="float32 noise, whose law has no closed form; draw from it"):
        mt.exact.law(coarse, BIGRAM, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ancestral:temperature=-1", "temperature is -1; pass 0 .greedy. or a positive number"),
        ("stride:temperature=inf", "temperature is inf"),
        ("fixed:nucleus=0", "nucleus is 0; pass a probability above 0 and at most 1"),
        ("blocks:nucleus=1.5", "nucleus is 1.5; pass"),
        ("bisection:precision=half", "precision is 'half'; pass float64 or float32"),
        ("ancestral:temperature=warm", "temperature of sampler 'ancestral' is warm; pass a number"),
        ("ancestral:tau=1", "sampler 'ancestral' has no option 'tau'; known: temperature, nucleus, min_p, precision"),
        ("plan:temperature=0.5", "needs file=...; write plan:file=value"),
    ],
)
def test_bad_options_are_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        as_sampler(text)
    assert "\n" not in str(caught.value)


def test_what_is_about_the_marginals_themselves_refuses_them():
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=Planned(Stride(), temperature=0.5), steps=2)
    with pytest.raises(ValueError, match="stride:temperature=0.5 draws no token from its marginal; pass stride"):
        all_plans(model, 3)
    for order in ("left_to_right:temperature=0.5", "confidence:nucleus=0.5"):
        with pytest.raises(HypothesisError, match="draws no token from its marginal; it is about samplers that do"):
            ONE_AT_A_TIME.check_setting(ONE_AT_A_TIME.setting(BIGRAM, 3, 3, order=order))


def test_a_law_of_ones_own_takes_the_options_in_python():
    class Twice(FirstHitting):
        def draw(self, states, length, steps, schedule):
            return (super().draw(states, length, steps, schedule) + 1) // 2

    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=Planned(Twice(), nucleus=0.7))
    assert (model.sample(6, 4, 0).calls <= 2).all()
    assert Planned(Ancestral(), temperature=2).changed == {"temperature": 2.0}
