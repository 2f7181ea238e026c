"""A repr is the call that makes an equal thing, of names that `from mdmtheory import *` brings along."""

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.plans import GivenPlan
from mdmtheory.samplers import SAMPLERS, Planned, as_sampler, by_block
from mdmtheory.samplers.race import Race
from mdmtheory.schedules import SCHEDULES, as_schedule

BIGRAM = mt.NGram.random(order=2, vocab_size=3, seed=0)
SOFT = mt.Oracle(BIGRAM, trust=0.99)

PLAN = GivenPlan((2, 1, 3, 1))
SAMPLER_NAMES = [
    f"{name}:{options}" if options else name
    for name in SAMPLERS.built_in
    for options in SAMPLERS.about(name).examples
    if isinstance(options, str)
]
SAMPLER_THINGS = [
    *map(as_sampler, SAMPLER_NAMES),
    PLAN,
    GivenPlan((1, 2), given_spec=mt.Spec.of("plan", file="order.txt")),
    Planned(PLAN, temperature=0.5),
    Planned(by_block(PLAN, 2), nucleus=0.5, ties="lowest"),
    Race(precision="float32", temperature=0.5),
    by_block(as_sampler("confidence:ties=lowest"), 2),
    by_block(as_sampler("stride:temperature=0.5"), 2),
]
SCHEDULE_THINGS = [
    *(as_schedule(name) for name in SCHEDULES.built_in if name not in ("polynomial", "file")),
    as_schedule("polynomial:power=2"),
    as_schedule([0, 0.1, 0.5, 0.7, 1]),
    mt.Schedule.from_sizes([1, 2, 1]),
    mt.Schedule.from_sizes(np.array([1, 2, 1]), spec=mt.Spec.of("file", path="sizes.txt")),
]


def evaluated(thing):
    names = {}
    exec("from mdmtheory import *", names)
    return eval(repr(thing), names)


@pytest.mark.parametrize(
    "language",
    [
        BIGRAM,
        mt.NGram.random(order=1, vocab_size=2, seed=np.int8(3), prune=np.float64(0.5)),
        mt.HMM.random(states=4, vocab_size=3, seed=1, sticky=0.5, spec=mt.Spec.of("mine", depth=2)),
        mt.HMM([0.25, 0.75], [[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]),
        mt.NGram([0.3, 0.7], [[0.1, 0.9], [0.5, 0.5]], spec=mt.Spec.of("mine")),
        mt.as_language("hmm:sticky=0.5"),
        mt.as_language("dyck:depth=2"),
        mt.as_language("copy:distance=2"),
        mt.Permutation(items=5),
        mt.Affine([[1, 0, 1]], [1]),
        mt.Balanced(),
        mt.Forest([0.5, 0.5], [[0.9, 0.1], [0.0, 1.0]], [-1, 0, 0]),
        mt.Permutation(items=5, spec=mt.Spec.of("mine")),
        mt.Parity(),
    ],
    ids=str,
)
def test_reprs_of_languages_make_the_same_law_under_the_same_name(language):
    twin = evaluated(language)
    assert twin == language
    assert twin.spec == language.spec
    assert repr(twin) == repr(language)


def test_a_saved_language_shows_its_file(tmp_path):
    BIGRAM.save(tmp_path / "mine.npz")
    loaded = mt.load_language(tmp_path / "mine.npz")
    assert repr(loaded).startswith("load_language(")
    assert evaluated(loaded) == BIGRAM


def test_a_large_law_that_no_call_made_stands_in_angle_brackets():
    hmm = mt.as_language("hmm")
    alone = mt.HMM(hmm.initial, hmm.transition, hmm.emission)
    assert repr(alone) == f"<HMM {alone.spec}, 8 tokens>"


@pytest.mark.parametrize(
    "denoiser",
    [
        mt.Oracle(BIGRAM),
        SOFT,
        mt.Oracle("parity"),
        mt.Window(BIGRAM, width=2),
        mt.Hops("path:nodes=5,distance=2", edges=1),
        mt.Singles("sudoku:size=4"),
        mt.Propagate("sat:variables=5", depth=2),
        mt.Carry("addition:digits=2,addends=2", columns=1),
        mt.Perturbed(SOFT, epsilon=0.1),
        mt.Perturbed(mt.Window(BIGRAM, width=1), epsilon=np.float64(0.5)),
    ],
    ids=repr,
)
def test_reprs_of_denoisers_make_what_answers_the_same(denoiser):
    twin = evaluated(denoiser)
    assert (type(twin), twin.identity, twin.spec) == (type(denoiser), denoiser.identity, denoiser.spec)


@pytest.mark.parametrize("sampler", SAMPLER_THINGS, ids=lambda sampler: str(sampler.spec))
def test_reprs_of_samplers_and_plans_make_an_equal_one(sampler):
    twin = evaluated(sampler)
    assert twin == sampler
    assert twin.spec == sampler.spec


@pytest.mark.parametrize("schedule", SCHEDULE_THINGS, ids=lambda schedule: str(schedule.spec))
def test_reprs_of_schedules_make_an_equal_one(schedule):
    assert evaluated(schedule) == schedule


def test_a_curve_of_ones_own_and_a_sampler_of_ones_own_claim_no_name_of_ours():
    assert repr(mt.Schedule(mt.Spec.of("linear"), curve=np.square)).startswith("<Schedule linear")

    class Mine(type(as_sampler("confidence"))):
        name = "confidence"

    assert repr(Mine()).startswith("test_a_curve")
    assert "Mine(temperature=1.0" in repr(Mine())


@pytest.mark.parametrize(
    "model",
    [
        *(mt.MaskedDiffusion(SOFT, sampler=sampler, steps=4) for sampler in SAMPLER_THINGS),
        *(mt.MaskedDiffusion(SOFT, steps=schedule.steps, schedule=schedule) for schedule in SCHEDULE_THINGS),
        *(mt.BlockDiffusion(SOFT, block=2, steps=4, sampler=sampler) for sampler in SAMPLER_THINGS),
        mt.ConstrainedDiffusion(mt.Oracle(BIGRAM), sampler="stride:temperature=0.5", steps=3),
        mt.UniformDiffusion(mt.Oracle(BIGRAM), update="tweedie"),
        mt.GaussianDiffusion(mt.Oracle(BIGRAM), steps=3, schedule="cosine"),
        mt.SimplexDiffusion(mt.Oracle(BIGRAM), block=2, steps=3, projection="multihot", nucleus=0.9),
        mt.VariationalDiffusion(mt.Oracle(BIGRAM), steps=3, ends=(-2.0, 4.0)),
        mt.GaussianDiffusion(mt.Oracle(BIGRAM), embedding="random:dim=4,seed=1", decode="argmax"),
        mt.GaussianDiffusion(mt.Oracle(BIGRAM), embedding=np.eye(3) / 3),
        mt.Autoregressive(BIGRAM),
        mt.Jacobi(mt.Oracle(BIGRAM), window=3),
        mt.Jacobi(BIGRAM),
    ],
    ids=lambda model: str(model.spec),
)
def test_reprs_of_models_make_what_draws_the_same(model):
    twin = evaluated(model)
    assert (type(twin), twin.identity, twin.spec) == (type(model), model.identity, model.spec)
    assert repr(twin) == repr(model)


def test_what_was_drawn_and_scored_stands_in_angle_brackets():
    model = mt.MaskedDiffusion(SOFT, steps=2)
    drawn = model.sample(5, 4, seed=0)
    assert repr(drawn) == "<Samples 5 × 4 tokens, 10 calls, 0 impossible, 0 unfinished>"
    assert repr(model.log_prob(drawn.tokens)) == f"<LogProb of 5 sequences in nats, {model.log_prob_kind}>"


@pytest.mark.parametrize(("errors", "said"), [("", "without"), (",stderr", "with")])
def test_losses_that_were_read_stand_in_angle_brackets(tmp_path, errors, said):
    path = tmp_path / "losses.csv"
    error = ",0.1" if errors else ""
    path.write_text(f"mask_ratio,loss{errors}\n0.25,1{error}\n0.5,2{error}\n1,3{error}\n")
    profile = mt.schedules.read_losses(path)
    summary = f"3 mask ratios from 0.25 to 1, nats per masked token, {said} standard errors"
    assert repr(profile) == f"<LossProfile {profile.name}, {summary}>"


BOUND = mt.theory.statements()["jensen"].check(BIGRAM, 3, steps=2)
FOUND = mt.Estimate(0.1 + 0.2, 0.1, 0.5, level=0.95, kind="estimate", count=9)


@pytest.mark.parametrize(
    "value",
    [
        FOUND,
        FOUND.within(most=0.3),
        mt.Distances(FOUND, FOUND, None, mt.Estimate.exact(np.float64(1) / 3), FOUND),
        mt.Estimate.exact(float("inf")),
        mt.Estimate(1.0, -np.inf, np.inf, level=0.9, kind="estimate", count=2).within(least=0),
        mt.Distances(*[mt.Estimate.exact(np.inf)] * 5),
        mt.Spec.of("window", width=np.int8(2)),
        *mt.cells("hmm", length=8, steps="4,8", sampler="confidence", metrics="ser"),
        mt.check_language(mt.Parity()),
        BOUND,
        BOUND.setting,
        BOUND.statement,
    ],
    ids=lambda value: type(value).__name__,
)
def test_reprs_of_results_make_an_equal_one(value):
    assert evaluated(value) == value
