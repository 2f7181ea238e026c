"""What a sampler or a law over plans of somebody else's returns is looked at whenever it is called."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.spec import Spec
from mdmtheory.plans import Ancestral
from mdmtheory.samplers.contracts import guarded_sampler
from mdmtheory.samplers.protocol import State
from mdmtheory.schedules import as_schedule

LINEAR = as_schedule("linear")
TOKENS = np.full((2, 3), 2, dtype=np.uint8)
STATE = State(np.zeros((2, 0)), 2)
WANTED = np.ones((2, 3), dtype=bool)
HALVES = np.full((6, 2), 0.5)
DRAWN = np.zeros(6, dtype=np.int64)
ARGUMENTS = {
    "init": (2, 3, 2, 2, LINEAR),
    "finished": (STATE, TOKENS),
    "wants": (STATE, TOKENS),
    "law": (HALVES,),
    "law_in": (STATE, TOKENS, WANTED, HALVES),
    "step": (STATE, TOKENS, WANTED, HALVES, DRAWN),
    "chances": (STATE, TOKENS),
    "charges": (STATE, TOKENS),
}
GOOD = {
    "init": STATE,
    "finished": np.zeros(2, dtype=bool),
    "wants": WANTED,
    "law": HALVES,
    "law_in": HALVES,
    "step": (STATE, TOKENS),
    "chances": np.full((2, 3), 0.5),
    "charges": (np.ones(2, dtype=int), np.ones(2, dtype=int)),
}


def answer(given, *_):
    return given


def returning(**what):
    """A sampler whose methods return what they are told."""
    body = {"spec": Spec.of("theirs"), "identity": ["theirs"], "uses_steps": False, "uses_schedule": False}
    body |= {"remasks": False, "context_only": True}
    body |= {name: partial(answer, given) for name, given in {**GOOD, **what}.items()}
    return type("Theirs", (), body)()


@pytest.mark.parametrize("method", GOOD)
def test_what_keeps_to_the_protocol_comes_through(method):
    found = getattr(guarded_sampler(returning()), method)(*ARGUMENTS[method])
    both = (found, GOOD[method]) if isinstance(found, tuple) else ((found,), (GOOD[method],))
    for ours, theirs in zip(*both, strict=True):
        assert ours is theirs if isinstance(theirs, State) else np.array_equal(ours, theirs)


@pytest.mark.parametrize("method", ["chances", "charges"])
def test_none_is_an_answer_too(method):
    assert getattr(guarded_sampler(returning(**{method: None})), method)(*ARGUMENTS[method]) is None


@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        ("init", 3, "returned a int as state; return a mdmtheory.samplers.protocol.State, with `take`"),
        ("init", State(np.zeros((3, 0)), 2), "a state without one row of `memory` for each of 2 sequences"),
        ("finished", np.zeros(3, dtype=bool), r"\(2,\)"),
        ("wants", np.ones((2, 2), dtype=bool), r"\(2, 3\)"),
        ("wants", np.ones((2, 3)), "float64"),
        ("law", HALVES[:, :1], r"made laws of shape \(6, 1\) from marginals of \(6, 2\); return one law for each"),
        ("law", -HALVES, "a law that is negative or not finite"),
        ("law_in", np.ones((5, 2)), r"made laws of shape \(5, 2\)"),
        ("chances", np.full((2, 3), 1.5), "returned chances from 1.5 to 1.5; return probabilities"),
        ("chances", np.full((2, 3), -0.5), "returned chances from -0.5 to -0.5"),
        ("chances", np.full((2, 3), np.nan), "returned NaN"),
        ("charges", (np.ones(2, dtype=int), -np.ones(2, dtype=int)), "-1"),
        ("step", (STATE, TOKENS + 1), "3"),
        ("step", (STATE, TOKENS[:1]), r"\(1, 3\)"),
        ("step", (None, TOKENS), "returned a NoneType as state"),
    ],
)
def test_what_does_not_is_refused_by_name(method, given, said):
    sampler = guarded_sampler(returning(**{method: given}))
    with pytest.raises(ProtocolError if method != "init" else (ProtocolError, ValueError), match=said) as caught:
        getattr(sampler, method)(*ARGUMENTS[method])
    assert "theirs" in str(caught.value)
    assert "\n" not in str(caught.value)


class Plans(Ancestral):
    """A law over plans of somebody else's."""

    __module__ = "theirs"
    spec, identity = Spec.of("their_plans"), ["their_plans"]
    given = None

    def draw(self, states, length, steps, schedule):
        return self.given

    def steps_taken(self, length, steps):
        return self.given

    def subset_law(self, length, steps, schedule):
        return self.given


@pytest.mark.parametrize(
    ("method", "arguments", "given", "said"),
    [
        ("draw", (np.ones((2, 4), dtype=np.uint64), 3, 2, LINEAR), np.zeros((2, 3), dtype=int), "0"),
        ("draw", (np.ones((2, 4), dtype=np.uint64), 3, 2, LINEAR), np.ones((2, 2), dtype=int), r"\(2, 2\)"),
        ("steps_taken", (3, 2), 0, "the number of steps is 0"),
        ("subset_law", (3, 2, LINEAR), np.ones((2, 3, 3)), r"an array of shape \(2, 3, 3\); return \(steps, 4, 4\)"),
        ("subset_law", (3, 2, LINEAR), np.ones(4), r"an array of shape \(4,\)"),
    ],
)
def test_plans_that_are_none_are_refused(method, arguments, given, said):
    law = Plans()
    object.__setattr__(law, "given", given)
    with pytest.raises((ProtocolError, ValueError), match=said):
        getattr(guarded_sampler(law), method)(*arguments)
