"""Plug-ins behind their guards: nothing that they do makes a wrong number, and every fault bears their name."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.guards import Contract, guarded
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.protocols import Language
from mdmtheory.oracles.canvas import ConditionalsCanvas
from mdmtheory.samplers.protocol import State

refutes = pytest.mark.refutes

PARITY = mt.Parity()
TWO = mt.NGram([0.5, 0.5], [[0.5, 0.5], [1.0, 0.0]])
THREE = mt.NGram([0.4, 0.4, 0.2], [[0.4, 0.4, 0.2], [0.7, 0.0, 0.3], [0.5, 0.25, 0.25]])


class Own:
    """A language of somebody else's: Parity by another name."""

    vocab_size, spec, digest = 2, mt.Spec.of("own"), "0" * 64

    def sample(self, count, length, seed, *, first=0, threads=None):
        return PARITY.sample(count, length, seed, first=first, threads=threads)

    def log_prob(self, tokens, *, threads=None):
        return PARITY.log_prob(tokens)

    def in_support(self, tokens):
        return PARITY.in_support(tokens)

    def entropy(self, length, count=10_000, seed=0):
        return PARITY.entropy(length)

    def entropy_rate(self):
        return PARITY.entropy_rate()

    def oracle(self, trust=1.0):
        return PARITY.oracle(trust)

    def validate_length(self, length):
        PARITY.validate_length(length)

    def parameters(self):
        return {}


class Asks:
    """A denoiser of somebody else's: that of Parity."""

    vocab_size, spec, identity = 2, mt.Spec.of("asks"), ["asks"]
    noises = frozenset({"masked"})

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        if noise not in self.noises:
            raise ValueError(f"no {noise} noise; known: masked")
        return ConditionalsCanvas(self, count, length, prompt, threads)

    def conditionals(self, tokens, *, threads=None):
        return PARITY.oracle().conditionals(tokens)


class Leftmost:
    """A sampler of somebody else's: the first masked position."""

    spec, identity = mt.Spec.of("leftmost"), ["leftmost"]
    uses_steps = uses_schedule = remasks = False
    context_only = True

    def init(self, count, length, vocab_size, steps, schedule):
        return State(np.zeros((count, 0)), vocab_size)

    def finished(self, state, tokens):
        return (tokens < state.shared).all(axis=1)

    def wants(self, state, tokens):
        masked = tokens == state.shared
        return masked & (np.cumsum(masked, axis=1) == 1)

    def law(self, marginals):
        return marginals

    def step(self, state, tokens, wanted, marginals, drawn):
        after = tokens.copy()
        after[wanted] = drawn
        return state, after


class Halves:
    """A law over plans of somebody else's: the second half of the positions after the first."""

    spec, identity = mt.Spec.of("halves"), ["halves"]
    uses_steps = uses_schedule = one_at_a_time = False
    fixed = True

    def draw(self, states, length, steps, schedule):
        return np.tile(1 + 2 * np.arange(length) // length, (len(states), 1))

    def steps_taken(self, length, steps):
        return 2


class Reader:
    """A model of somebody else's: Parity itself."""

    vocab_size, spec, identity = 2, mt.Spec.of("reader"), ["reader"]

    def sample(self, count, length, seed, *, first=0, threads=None):
        return mt.Autoregressive(PARITY).sample(count, length, seed, first=first)

    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        return mt.Autoregressive(PARITY).log_prob(tokens)


def but(kind, **members):
    """An object of a class of somebody else's that differs in these members."""
    return type(kind.__name__, (kind,), members)()


def model(sampler="ancestral", denoiser=None, steps=4):
    return mt.MaskedDiffusion(denoiser or mt.Oracle(PARITY), sampler=sampler, steps=steps)


def blamed(plug_in, call, *words):
    """The one line in which a plug-in is told what it did."""
    with pytest.raises(ProtocolError) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    for word in (str(plug_in.spec), *words):
        assert word in line, line


# Vocabularies.


@refutes("1.1")
def test_no_two_ones_over_two_tokens_is_not_held_to_a_language_of_three():
    p = mt.MaskedDiffusion(mt.Oracle(TWO), steps=4)
    assert p.sample(1000, 8, 0).impossible.any()
    with pytest.raises(ValueError, match="2 tokens and the language .* has 3"):
        mt.ser(p, THREE, 8)


@refutes("1.1")
@pytest.mark.parametrize(
    "meet",
    [
        lambda p, q: mt.ser(p, q, 4, count=10),
        lambda p, q: mt.ter(p, q, 4, count=10),
        lambda p, q: mt.ter(p, q, 4, count=10, method="mixture"),
        lambda p, q: mt.ter_ratio(p, q, 4, count=10),
        lambda p, q: mt.cross_entropy(p, q, 4, count=30),
        lambda p, q: mt.distances(p, q, 40, count=60),
        lambda p, q: mt.distances(p, q, 3),
        lambda p, q: mt.exact.law(p, q, 3),
        lambda p, q: counted("draw", p, q),
        lambda p, q: counted("score", p, q),
        lambda p, q: counted("score_plans", p, q),
        lambda p, q: mt.check_model(p, q),
        lambda p, q: mt.check_denoiser(p.denoiser, q),
    ],
)
@pytest.mark.parametrize(("of", "held_to"), [(TWO, THREE), (THREE, TWO)])
def test_vocabularies_are_compared_at_every_door(meet, of, held_to):
    p = mt.MaskedDiffusion(mt.Oracle(of), steps=2)
    with pytest.raises(ValueError, match=f"{of.vocab_size} tokens and the language .* has {held_to.vocab_size}"):
        meet(p, held_to)


def counted(measure, p, q):
    from mdmtheory.metrics.measure import Sequences
    from mdmtheory.metrics.registry import measures

    return measures()[measure].count([p], Sequences(q, 4, 0, 0, 10))


@refutes("1.1")
def test_what_was_given_up_is_wrong_even_in_a_language_that_takes_anything():
    anything = but(
        Own,
        sample=lambda self, *given, **options: TWO.sample(*given, **options),
        log_prob=lambda self, tokens, threads=None: np.zeros(len(tokens)),
        in_support=lambda self, tokens: np.ones(len(tokens), dtype=np.bool_),
    )
    p = mt.MaskedDiffusion(mt.Oracle(TWO), steps=4)
    given_up = p.sample(500, 8, 0).impossible.mean()
    assert given_up > 0.05
    assert mt.ser(p, anything, 8, count=500).value == given_up
    far = mt.distances(p, anything, 40, count=500, method="plans")
    assert far.ser.value == p.sample(500, 40, 0).impossible.mean() > 0


# Samplers and plans.


@refutes("1.2")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda law: law * np.nan, "returned NaN"),
        (lambda law: law - 2, "negative or not finite"),
        (lambda law: law * np.inf, "NaN|not finite"),
        (lambda law: law / 2, "sums to 0.5"),
        (lambda law: law[:, :1], "made laws of shape"),
        (lambda law: law.astype(str), "return numbers"),
        (lambda law: None, "made laws of shape"),
    ],
)
def test_the_laws_of_a_sampler_are_laws(change, said):
    sampler = but(Leftmost, law=lambda self, marginals: change(marginals))
    with pytest.raises(ProtocolError, match=f"sampler leftmost: `law` .*({said})"):
        mt.ser(model(sampler), PARITY, 6, count=20)
    by_state = but(Leftmost, law_in=lambda self, state, tokens, wanted, marginals: change(marginals))
    with pytest.raises(ProtocolError, match=f"sampler leftmost: `law_in` .*({said})"):
        mt.BlockDiffusion(mt.Oracle(PARITY), block=2, sampler=by_state).sample(3, 6, 0)
    with pytest.raises(ProtocolError, match=f"sampler leftmost: `law` .*({said})"):
        mt.exact.law(model(but(Leftmost, law=lambda self, law: change(law), context_only=False)), PARITY, 3)


@refutes("1.2")
@pytest.mark.parametrize("shift", [256, -256])
def test_tokens_do_not_wrap_into_the_vocabulary(shift):
    def step(self, state, tokens, wanted, marginals, drawn):
        after = tokens.astype(np.int64)
        after[wanted] = drawn + shift * (drawn == 1)
        return state, after

    sampler = but(Leftmost, step=step)
    for p in (model(sampler), mt.BlockDiffusion(mt.Oracle(PARITY), block=2, sampler=sampler)):
        blamed(sampler, lambda p=p: p.sample(20, 6, 0), f"`step` returned {1 + shift}")


@refutes("1.2")
@pytest.mark.parametrize("plan", [[[1.9, 1.0]], [[2**32 + 1, 1]], [[0, 1]], [["1", "2"]], [[True, True]], [[-1, 1]]])
def test_plans_are_integers_in_range_before_any_cast(plan):
    given = np.array(plan)
    tokens = np.zeros((1, 2), dtype=np.uint8)
    for run in (mt.Oracle(PARITY).run_plan, model().run, model("ancestral:temperature=0.5").run):
        with pytest.raises(ValueError, match="plan has"):
            run(given, tokens=tokens)


@refutes("1.2")
@pytest.mark.parametrize("step", [1.9, True, "1", None])
def test_a_given_plan_is_made_of_integers(step):
    from mdmtheory.plans import GivenPlan

    with pytest.raises(ValueError, match="step.* at position 1"):
        GivenPlan((1, step))


@refutes("1.2")
def test_a_given_plan_of_numpy_integers_is_that_of_integers():
    from mdmtheory.plans import GivenPlan

    plan = GivenPlan(tuple(np.array([1, 2, 1], dtype=np.int16)))
    assert plan == GivenPlan((1, 2, 1))
    p = mt.MaskedDiffusion(mt.Oracle(PARITY), sampler=plan)
    assert (
        p.sample(5, 3, 0).tokens
        == mt.MaskedDiffusion(mt.Oracle(PARITY), sampler=GivenPlan((1, 2, 1))).sample(5, 3, 0).tokens
    ).all()


@refutes("1.2")
@pytest.mark.parametrize("value", [1.9, 2**32 + 1, 0, np.nan])
def test_the_plans_of_a_law_are_checked_too(value):
    law = but(Halves, draw=lambda self, states, length, steps, schedule: np.full((len(states), length), value))
    blamed(law, lambda: model(law).sample(3, 4, 0), "`draw` returned")
    blamed(law, lambda: mt.BlockDiffusion(mt.Oracle(PARITY), block=2, sampler=law).sample(3, 4, 0), "`draw` returned")
    blamed(law, lambda: mt.exact.law(model(law), PARITY, 4), "`draw` returned")


@refutes("1.2")
@pytest.mark.parametrize("steps", [4.7, True, "4", 4.0, np.float64(3), [4]])
def test_steps_are_whole(steps):
    q = mt.Oracle(PARITY)
    for make in (
        lambda: mt.MaskedDiffusion(q, steps=steps),
        lambda: mt.BlockDiffusion(q, block=2, steps=steps),
        lambda: mt.UniformDiffusion(q, steps=steps),
        lambda: mt.GaussianDiffusion(q, steps=steps),
    ):
        with pytest.raises(ValueError, match="steps is .*; pass a whole number"):
            make()


@refutes("1.2")
def test_a_sampler_is_not_finished_while_masks_remain():
    lazy = but(Leftmost, finished=lambda self, state, tokens: np.ones(len(tokens), dtype=np.bool_))
    blamed(lazy, lambda: mt.ser(model(lazy), PARITY, 6, count=20), "finished a sequence that keeps a mask")
    blamed(lazy, lambda: mt.BlockDiffusion(mt.Oracle(PARITY), block=2, sampler=lazy).sample(3, 6, 0), "keeps a mask")
    looks = but(type(lazy), context_only=False)
    blamed(looks, lambda: mt.exact.law(model(looks), PARITY, 3), "keeps a mask")


@refutes("1.2")
def test_memory_that_floats_cannot_hold_does_not_go_block_by_block():
    def step(self, state, tokens, wanted, marginals, drawn):
        _, after = Leftmost.step(self, state, tokens, wanted, marginals, drawn)
        return state.after(state.memory + 1), after

    begin = lambda self, count, *given: State(np.full(count, 2**53), given[1])  # noqa: E731
    sampler = but(Leftmost, init=begin, step=step)
    with pytest.raises(ProtocolError, match="memory .* cannot go block by block"):
        mt.BlockDiffusion(mt.Oracle(PARITY), block=2, sampler=sampler).sample(3, 6, 0)


# Languages, denoisers, models.


def overwrites(self, tokens, **options):
    tokens[:] = 0
    return PARITY.in_support(tokens)


@refutes("1.3")
@pytest.mark.parametrize("writes", [overwrites, lambda self, tokens: np.negative(tokens, out=tokens) == 0])
def test_a_language_cannot_write_into_what_it_is_given(writes):
    q = but(Own, in_support=writes)
    blamed(q, lambda: mt.ser(model(steps=2), q, 6, count=50), "wrote into an array that it was given in `in_support`")
    writes = but(Own, log_prob=lambda self, tokens, threads=None: overwrites(self, tokens).astype(float))
    blamed(writes, lambda: mt.ter_ratio(model(), writes, 6, count=10), "in `log_prob`; write into a copy")


@refutes("1.3")
def test_nothing_that_is_plugged_in_can_write_into_what_it_is_given():
    def wants(self, state, tokens):
        tokens[:, 0] = 0
        return tokens == state.shared

    sampler = but(Leftmost, wants=wants)
    blamed(sampler, lambda: model(sampler).sample(2, 4, 0), "wrote into an array that it was given in `wants`")

    def conditionals(self, tokens, threads=None):
        tokens[:] = 2
        return PARITY.oracle().conditionals(tokens)

    denoiser = but(Asks, conditionals=conditionals)
    blamed(denoiser, lambda: mt.exact.law(model(denoiser=denoiser), PARITY, 3), "wrote into an array", "conditionals")

    def log_prob(self, tokens, seed=0, **options):
        tokens[:] = 0
        return mt.Autoregressive(PARITY).log_prob(tokens)

    scorer = but(Reader, log_prob=log_prob)
    blamed(scorer, lambda: mt.ter(scorer, PARITY, 4, count=10), "wrote into an array", "log_prob")


@refutes("1.3")
@pytest.mark.parametrize("value", [5.0, np.inf, np.nan, 1e-3])
def test_probabilities_of_a_language_are_at_most_one(value):
    q = but(Own, log_prob=lambda self, tokens, threads=None: np.full(len(tokens), value))
    for call in (
        lambda: mt.ter_ratio(model(), q, 6, count=10),
        lambda: mt.cross_entropy(model(), q, 6, count=100),
        lambda: mt.exact.information_curve(q, 4),
        lambda: mt.distances(model(steps=40), q, 40, count=60),
    ):
        blamed(q, call, "`log_prob` returned")


def test_rounding_above_one_is_no_fault():
    q = but(Own, log_prob=lambda self, tokens, threads=None: np.minimum(PARITY.log_prob(tokens), 0) * 0 + 1e-12)
    assert mt.ter_ratio(model(), q, 6, count=60).value > 1


@refutes("1.3")
@pytest.mark.parametrize(
    ("member", "returns", "said"),
    [
        ("in_support", lambda tokens: np.ones((len(tokens), 2), dtype=np.bool_), "return truth values of shape (10,)"),
        ("in_support", lambda tokens: np.ones(len(tokens)), "return truth values"),
        ("in_support", lambda tokens: 2 * np.ones(len(tokens), dtype=np.int64), "return truth values"),
        ("in_support", lambda tokens: True, "return truth values"),
        ("log_prob", lambda tokens: np.zeros((len(tokens), 1)), "return numbers of shape"),
        ("log_prob", lambda tokens: 0.0, "return numbers of shape"),
        ("log_prob", lambda tokens: np.zeros(len(tokens), dtype=complex), "return numbers of shape"),
        ("log_prob", lambda tokens: None, "return numbers of shape"),
    ],
)
def test_what_a_language_returns_has_its_shape_and_type(member, returns, said):
    q = but(Own, **{member: lambda self, tokens, threads=None: returns(tokens)})
    if member == "in_support":
        blamed(q, lambda: mt.ser(model(), q, 6, count=10), f"`{member}` returned", said)
    else:
        blamed(q, lambda: mt.ter_ratio(model(), q, 6, count=10), f"`{member}` returned", said)


@refutes("1.3")
@pytest.mark.parametrize(
    "draws", [lambda x: x + 256.0, lambda x: x.astype(np.int64) + 256, lambda x: x[:, 1:], lambda x: -x]
)
def test_sequences_of_a_language_are_tokens_of_its_own(draws):
    q = but(Own, sample=lambda self, *given, **options: draws(PARITY.sample(*given, **options).astype(np.int64)))
    blamed(q, lambda: mt.ter_ratio(model(), q, 6, count=10), "`sample` returned", "return integers")


@refutes("1.3")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokens": np.zeros((10, 6), dtype=np.int64) + 256}, "from 0 to 2"),
        ({"tokens": np.zeros((10, 6))}, "return integers"),
        ({"tokens": np.full((10, 6), 2)}, "left masks in 10 of 10 sequences"),
        ({"impossible": np.zeros(10)}, "return truth values"),
        ({"calls": np.zeros((10, 2), dtype=np.int64)}, "return integers"),
        ({"rounds": np.full(10, 1.5)}, "return integers"),
        ({"calls": np.full(10, -1)}, "returned -1"),
    ],
)
def test_samples_of_a_model_are_checked(change, said):
    fine = mt.Autoregressive(PARITY).sample(10, 6, 0)
    bad = copy.copy(fine)
    for name, value in change.items():
        object.__setattr__(bad, name, value)
    p = but(Reader, sample=lambda self, *given, **options: bad)
    blamed(p, lambda: mt.ser(p, PARITY, 6, count=10), "`sample` ", said)


@refutes("1.3")
@pytest.mark.parametrize("values", [np.full(10, np.nan), np.full(10, 5.0), np.zeros((10, 1)), np.full(10, np.inf)])
def test_scores_of_a_model_are_checked(values):
    def log_prob(self, tokens, seed=0, **options):
        found = mt.Autoregressive(PARITY).log_prob(tokens)
        object.__setattr__(found, "values", values)
        return found

    p = but(Reader, log_prob=log_prob)
    blamed(p, lambda: mt.ter(p, PARITY, 6, count=10), "`log_prob` returned")


# Whatever they raise.


def exits(code):
    def leave(self, *given, **options):
        raise SystemExit(code)

    return leave


def raises(error):
    def fail(self, *given, **options):
        raise error

    return fail


FAULTS = {
    "sys.exit(0)": exits(0),
    "sys.exit(1)": exits(1),
    "StopIteration": raises(StopIteration()),
    "KeyError: 'x'": raises(KeyError("x")),
    "RecursionError": raises(RecursionError("too deep")),
    "GeneratorExit": raises(GeneratorExit()),
}
CALLS = {
    **{
        f"language {name}": name
        for name in ("sample", "in_support", "log_prob", "entropy", "oracle", "validate_length")
    },
    **{f"denoiser {name}": name for name in ("open", "conditionals")},
    **{f"sampler {name}": name for name in ("init", "finished", "wants", "law", "step")},
    **{f"plans {name}": name for name in ("draw", "steps_taken")},
    **{f"model {name}": name for name in ("sample", "log_prob")},
}


@refutes("5.1")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_exception_is_the_plug_ins_own(call, fault):
    kind, name = call.split()
    of = {"language": Own, "denoiser": Asks, "sampler": Leftmost, "plans": Halves, "model": Reader}[kind]
    thing = but(of, **{name: FAULTS[fault]})

    def act():
        if kind == "language":
            if name == "oracle":
                mt.Window(thing, width=1)
            elif name == "entropy":
                mt.ter(mt.Autoregressive(thing), thing, 4)
            elif name == "validate_length":
                mt.exact.information_curve(thing, 4)
            mt.ser(model(), thing, 4, count=5)
            mt.ter_ratio(model(), thing, 4, count=5)
        elif kind == "model":
            mt.ser(thing, PARITY, 4, count=5)
            mt.ter(thing, PARITY, 4, count=5)
        else:
            p = model(denoiser=thing) if kind == "denoiser" else model(thing)
            mt.ser(p, PARITY, 4, count=5)
            mt.distances(p, PARITY, 3)

    with pytest.raises(ProtocolError) as caught:
        act()
    assert str(thing.spec) in str(caught.value)
    assert fault in str(caught.value)
    assert caught.value.__cause__ is not None


@refutes("5.1")
@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"step": lambda self, state, tokens, *given: (state, tokens[:, :2])}, "`step` returned"),
        ({"step": lambda self, state, tokens, *given: tokens}, "`step`"),
        ({"finished": lambda self, state, tokens: tokens > 5}, "`finished` returned"),
        ({"wants": lambda self, state, tokens: tokens}, "`wants` returned"),
        ({"init": lambda self, count, *given: np.zeros(count)}, "returned a ndarray as state; return a mdmtheory"),
        ({"init": lambda self, count, *given: State(np.zeros(count + 1), given[1])}, "one row of `memory`"),
        ({"spec": "leftmost"}, "spec"),
        ({"identity": {1, 2}}, "JSON"),
    ],
)
def test_what_a_sampler_returns_has_its_shape_and_type(members, said):
    sampler = but(Leftmost, **members)
    blamed(sampler, lambda: model(sampler).sample(3, 4, 0), said)


def test_an_interrupt_stays_one():
    q = but(Own, in_support=raises(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        mt.ser(model(), q, 4, count=5)


def test_a_refusal_stays_one_and_says_whose_it_is():
    q = but(Own, validate_length=raises(ValueError("length 5 is odd;\npass an even one")))
    with pytest.raises(ValueError, match="language own: length 5 is odd; pass an even one"):
        mt.exact.information_curve(q, 5)
    with pytest.raises(ProtocolError, match="sampler leftmost raised ValueError: torn in `step`"):
        model(but(Leftmost, step=raises(ValueError("torn")))).sample(1, 3, 0)


# What a guard leaves as it was.


def test_guarded_plug_ins_measure_what_their_built_in_twins_do():
    built_in = mt.MaskedDiffusion(mt.Oracle(PARITY), sampler="left_to_right")
    p, q = mt.MaskedDiffusion(Asks(), sampler=Leftmost()), Own()
    x = PARITY.sample(20, 6, 0)
    np.testing.assert_allclose(p.log_prob(x).values, built_in.log_prob(x).values, rtol=1e-12)
    assert mt.ser(p, q, 6, count=50).value == 0
    assert mt.ter(p, q, 6, count=50).value == pytest.approx(mt.ter(built_in, PARITY, 6, count=50).value)
    np.testing.assert_allclose(mt.exact.law(p, q, 4), mt.exact.law(built_in, PARITY, 4), atol=1e-12)


def test_a_guard_is_no_surprise():
    denoiser, sampler = Asks(), Leftmost()
    denoiser.note = "mine"
    p = mt.MaskedDiffusion(denoiser, sampler=sampler)
    assert isinstance(p.denoiser, Asks)
    assert p.denoiser == denoiser
    assert denoiser == p.denoiser
    assert len({p.denoiser, denoiser}) == 1
    assert repr(p.denoiser) == repr(denoiser)
    assert p.denoiser.note == "mine"
    p.denoiser.note = "theirs"
    assert denoiser.note == "theirs"
    assert p.denoiser.pairs is None
    assert not hasattr(p.denoiser, "unknown")
    assert isinstance(mt.as_language(Own()), Language)
    again = mt.MaskedDiffusion(p.denoiser, sampler=p.sampler)
    assert again.denoiser == denoiser
    assert again.identity == p.identity
    assert (copy.copy(p.sampler) == sampler) is False
    assert isinstance(pickle.loads(pickle.dumps(p)).sampler, Leftmost)


class Kept:
    """What things of a kind have where they say nothing else."""

    pace: int | None = None

    @property
    def twice(self):
        return 2 * self.size

    def larger(self, by):
        return self.size + by


def test_what_a_plug_in_leaves_out_is_the_default_of_its_kind():
    class Bare:
        size = 3

    class Broken(Bare):
        @property
        def twice(self):
            return self.nowhere

    bare = guarded(Bare(), Contract("thing", {}, defaults=Kept))
    assert (bare.pace, bare.twice, bare.larger(2)) == (None, 6, 5)
    bare.pace = 7
    assert bare.pace == 7
    assert not hasattr(bare, "unknown")
    with pytest.raises(AttributeError, match="nowhere"):
        _ = guarded(Broken(), Contract("thing", {}, defaults=Kept)).twice


def test_arrays_that_cannot_be_written_to_are_as_good_as_others():
    x = PARITY.sample(5, 6, 0)
    fixed = x.copy()
    fixed.flags.writeable = False
    assert (PARITY.log_prob(fixed) == PARITY.log_prob(x)).all()
    assert (model().log_prob(fixed).values == model().log_prob(x).values).all()


# What models are asked directly.


@refutes("1.2")
@pytest.mark.parametrize("tokens", [[[2, 0]], [[0.9, 0.0]], [[0, 0, 0]]])
def test_tokens_to_score_are_checked_in_the_loop_as_in_the_kernels(tokens):
    for p in (model("ancestral:temperature=0.5"), model(denoiser=mt.Window(PARITY, width=1))):
        with pytest.raises(ValueError, match="token"):
            p.run(np.array([[1, 2]]), tokens=np.array(tokens))


@refutes("1.2")
@pytest.mark.parametrize(
    "states", [np.ones((1, 4), dtype=np.uint64), np.ones((2, 4)), np.ones((2, 3), dtype=np.uint64)]
)
def test_streams_are_one_for_each_sequence(states):
    plan = np.array([[1, 2], [2, 1]])
    for p in (model(), model("ancestral:temperature=0.5"), model(denoiser=mt.Window(PARITY, width=1))):
        with pytest.raises(ValueError, match=r"streams have .*; pass \(2, 4\) of uint64"):
            p.run(plan, states)


@refutes("1.3")
def test_a_denoiser_cannot_write_into_the_evidence():
    class Careless(Asks):
        noises = frozenset({"masked", "uniform", "gaussian"})

        def open(self, count, length, *, noise="masked", prompt=None, threads=None):
            from mdmtheory.oracles.canvas import EvidenceCanvas

            return EvidenceCanvas(self, count)

        def posterior(self, evidence, *, threads=None):
            for name in ("tokens", "values"):
                if hasattr(evidence, name):
                    getattr(evidence, name)[:] = 0
            return PARITY.oracle().posterior(evidence)

    for p in (mt.UniformDiffusion(Careless(), steps=2), mt.GaussianDiffusion(Careless(), steps=2)):
        blamed(Careless, lambda p=p: p.sample(2, 4, 0), "wrote into an array that it was given in `posterior`")


@refutes("1.3")
def test_what_is_made_of_a_plug_ins_answer_does_not_change_it():
    class Keeps(Asks):
        kept: dict[bytes, np.ndarray] = {}  # noqa: RUF012

        def conditionals(self, tokens, *, threads=None):
            key = np.ascontiguousarray(tokens).tobytes()
            if key not in self.kept:
                self.kept[key] = PARITY.oracle().conditionals(tokens)
            return self.kept[key]

    x = np.array([[0, 2, 1]], dtype=np.uint8)
    perturbed = mt.Perturbed(Keeps(), epsilon=0.05)
    first = perturbed.conditionals(x).copy()
    np.testing.assert_array_equal(perturbed.conditionals(x), first)


@refutes("1.3")
@pytest.mark.parametrize("embedding", [np.eye(2) * 1j, np.eye(2).astype(str), np.eye(2, dtype=np.bool_)])
def test_embeddings_are_real(embedding):
    with pytest.raises(ValueError, match="the embedding holds .*; pass real numbers"):
        mt.GaussianDiffusion(mt.Oracle(PARITY), embedding=embedding, steps=2)
