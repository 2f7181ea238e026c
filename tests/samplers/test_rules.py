"""Rules against their definitions, written again position by position."""

from __future__ import annotations

import inspect
import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory.core.register import Register
from mdmtheory.oracles.answers import as_answers
from mdmtheory.oracles.token_laws import tempered
from mdmtheory.plans import PlanLaw
from mdmtheory.samplers.protocol import Sampler, State
from mdmtheory.samplers.registry import SAMPLERS, as_sampler
from mdmtheory.schedules import as_schedule

RULES = [
    "confidence",
    "draw_confidence",
    "margin",
    "entropy",
    "entropy_bound:gamma=0.4",
    "entropy_bound:gamma=0",
    "entropy_sum:h=0.9",
    "threshold:tau=0.6",
    "threshold:tau=1",
]
TEMPERATURES = [0, 0.5, 1, 2]


def entropy(p):
    return -sum(float(v) * math.log(v) for v in p if v > 0)


def score_of(name, p, token):
    """How good a position is, told from its law and its drawn token."""
    if name == "draw_confidence":
        return p[token]
    if name == "margin":
        first, second = sorted([*p, 0.0], reverse=True)[:2]
        return first - second
    return max(p) if name in ("confidence", "threshold") else -entropy(p)


def revealed(sampler, masked, laws, drawn, size):
    """The positions that a rule reveals in one row, by its definition alone."""
    name, options = sampler.spec.name, dict(sampler.spec.options)
    scores = {i: round(float(score_of(name, laws[i], drawn[i])), 10) for i in masked}
    ranked = sorted(masked, key=lambda i: (-scores[i], i))
    kept = ranked[:1]
    for i in ranked[1:]:
        sums = [-scores[j] for j in kept]
        if name == "entropy_bound":
            more = round(sum(sums) + -scores[i] - max(*sums, -scores[i]), 10) <= options["gamma"]
        elif name == "entropy_sum":
            more = round(sum(sums) + -scores[i], 10) <= options["h"]
        elif name == "threshold":
            more = scores[i] >= options["tau"]
        else:
            more = len(kept) < size
        if not more:
            break
        kept.append(i)
    return set(kept)


def by_temperature(law, temperature):
    if temperature == 0:
        return law
    powers = np.array([v ** (1 / temperature) for v in law])
    return powers / powers.sum()


@st.composite
def rows_of_laws(draw):
    """A few rows, partly masked, with marginals of which many tie, and the tokens drawn from them."""
    count, length, vocab_size = draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    weights = generator.choice([0.0, 0.0, 1.0, 1.0, 2.0, 7.0], size=(count, length, vocab_size))
    weights[..., 0] += weights.sum(axis=2) == 0
    laws = weights / weights.sum(axis=2, keepdims=True)
    tokens = generator.integers(0, vocab_size, (count, length)).astype(np.uint8)
    masked = generator.random((count, length)) < 0.7
    masked[:, draw(st.integers(0, length - 1))] = True
    tokens[masked] = vocab_size
    drawn = np.array([[generator.choice(vocab_size, p=p) for p in row] for row in laws])
    return tokens, laws, drawn


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("rule", RULES)
@given(given_rows=rows_of_laws(), steps=st.integers(1, 6), taken=st.integers(0, 5))
def test_a_rule_reveals_what_its_definition_says(rule, temperature, given_rows, steps, taken):
    tokens, laws, drawn = given_rows
    vocab_size = laws.shape[2]
    sampler = as_sampler(rule + ("," if ":" in rule else ":") + f"temperature={temperature}")
    state = sampler.init(len(tokens), tokens.shape[1], vocab_size, steps, as_schedule("cosine"))
    sizes = as_schedule("cosine").sizes(tokens.shape[1], steps)
    taken = min(taken, len(sizes) - 1)
    state = State(np.full(len(tokens), taken), state.shared)
    wanted = sampler.wants(state, tokens)
    assert (wanted == (tokens == vocab_size)).all()
    assert not sampler.finished(state, tokens).any()
    after_state, after = sampler.step(state, tokens, wanted, laws[wanted], drawn[wanted])
    assert (after_state.memory == taken + 1).all()
    for row, token in enumerate(tokens):
        seen = [by_temperature(law, temperature) for law in laws[row]]
        chosen = revealed(sampler, np.flatnonzero(wanted[row]).tolist(), seen, drawn[row], sizes[taken])
        assert set(np.flatnonzero(after[row] != token)) == chosen
        assert all(after[row, i] == drawn[row, i] for i in chosen)


@pytest.mark.parametrize("rule", RULES)
@given(given_rows=rows_of_laws(), seed=st.integers(0, 100))
def test_rows_do_not_look_at_one_another_and_context_only_rules_not_at_draws(rule, given_rows, seed):
    tokens, laws, drawn = given_rows
    sampler = as_sampler(rule)
    state = sampler.init(len(tokens), tokens.shape[1], laws.shape[2], 3, as_schedule("linear"))
    wanted = sampler.wants(state, tokens)
    _, after = sampler.step(state, tokens, wanted, laws[wanted], drawn[wanted])
    for row in range(len(tokens)):
        one = slice(row, row + 1)
        _, alone = sampler.step(
            state.take(np.array([row])), tokens[one], wanted[one], laws[one][wanted[one]], drawn[one][wanted[one]]
        )
        assert (alone == after[one]).all()
    if sampler.context_only:
        others = np.random.default_rng(seed).integers(0, laws.shape[2], int(wanted.sum()))
        _, other = sampler.step(state, tokens, wanted, laws[wanted], others)
        assert ((other != tokens) == (after != tokens)).all()


def test_only_the_rule_that_looks_at_draws_says_so():
    tokens, laws = np.array([[2, 2]], dtype=np.uint8), np.array([[0.9, 0.1], [0.8, 0.2]])
    found = {}
    for name in ("confidence", "draw_confidence"):
        sampler = as_sampler(name)
        state = sampler.init(1, 2, 2, 2, as_schedule("linear"))
        chosen = [
            (sampler.step(state, tokens, tokens == 2, laws, np.array(drawn))[1] != tokens).tolist()
            for drawn in ([0, 0], [1, 0])
        ]
        found[name] = (chosen[0] == chosen[1], sampler.context_only)
    assert found == {"confidence": (True, True), "draw_confidence": (False, False)}


def test_rounding_breaks_no_tie_and_ties_go_to_the_lowest_position_and_token():
    sampler = as_sampler("entropy:ties=lowest")
    tokens = np.full((1, 3), 2, dtype=np.uint8)
    state = sampler.init(1, 3, 2, 3, as_schedule("linear"))
    laws = np.array([[0.3, 0.7], [0.3 - 1e-15, 0.7 + 1e-15], [0.7, 0.3]])
    _, after = sampler.step(state, tokens, tokens == 2, laws, np.zeros(3, dtype=np.int64))
    assert after.tolist() == [[0, 2, 2]]
    # Shown an order, the first in it.
    for order in itertools.permutations(range(3)):
        _, after = sampler.step(replace(state, order=np.array([order])), tokens, tokens == 2, laws, np.zeros(3, int))
        assert np.flatnonzero(after[0] != 2).tolist() == [order.index(0)]
    almost = np.array([[0.5 - 1e-15, 0.5 + 1e-15]])
    assert tempered(almost, 0, lowest=True).tolist() == [[1, 0]]
    assert tempered(almost, 0).tolist() == [[0.5, 0.5]]


def test_tempered_laws():
    laws = np.array([[0.2, 0.8, 0.0], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    assert tempered(laws, 1) is laws
    np.testing.assert_allclose(tempered(laws, 0.5)[0], [1 / 17, 16 / 17, 0])
    np.testing.assert_allclose(tempered(laws, 2)[0], [1 / 3, 2 / 3, 0])
    np.testing.assert_allclose(tempered(laws, 0, lowest=True), [[0, 1, 0], [1, 0, 0], [1, 0, 0]])
    # Powers beyond float64 leave the most probable tokens; so does temperature 0, their limit.
    np.testing.assert_allclose(tempered(laws, 1e-5), [[0, 1, 0], [1, 0, 0], [1 / 3] * 3])
    np.testing.assert_allclose(tempered(laws, 0), tempered(laws, 1e-5))
    np.testing.assert_allclose(tempered(laws, 1e9)[0], [0.5, 0.5, 0], atol=1e-8)


def test_scores_of_certain_and_of_lonely_tokens():
    laws = np.array([[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(as_answers(laws).entropy(), [0, math.log(2)])
    np.testing.assert_allclose(as_answers(laws).margin(), [1, 0])
    np.testing.assert_allclose(as_answers(np.ones((2, 1))).margin(), 1)


@pytest.mark.parametrize("rule", RULES)
def test_rules_are_values(rule):
    sampler = as_sampler(rule)
    assert isinstance(sampler, Sampler)
    assert not isinstance(sampler, PlanLaw)
    assert sampler == as_sampler(str(sampler.spec)) == as_sampler(sampler)
    assert as_sampler(str(sampler.spec)).identity == sampler.identity
    json.dumps(sampler.identity)
    budget = sampler.spec.name in ("confidence", "draw_confidence", "margin", "entropy")
    assert sampler.uses_steps is sampler.uses_schedule is budget
    assert not sampler.remasks


def test_options_stand_in_the_name_where_they_are_not_the_default():
    assert str(as_sampler("entropy").spec) == "entropy"
    assert str(as_sampler("entropy:temperature=0").spec) == "entropy:temperature=0.0"
    assert str(as_sampler("entropy_sum:temperature=1,h=2").spec) == "entropy_sum:h=2.0"
    assert as_sampler("entropy:temperature=2").identity != as_sampler("entropy").identity


def test_one_name_space_holds_plan_laws_and_rules():
    assert set(SAMPLERS) >= {*Register("plan law", "mdmtheory.plans"), *(rule.partition(":")[0] for rule in RULES)}
    assert isinstance(as_sampler("ancestral"), PlanLaw)
    assert not isinstance(as_sampler("ancestral"), Sampler)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("entropy_bound:gamma=-0.1", "gamma is -0.1; pass 0 or a positive number of nats"),
        ("entropy_sum:h=-1", "h is -1; pass 0 or a positive number"),
        ("threshold:tau=0", "tau is 0; pass a probability above 0 and at most 1"),
        ("threshold:tau=1.5", "tau is 1.5; pass a probability"),
        ("threshold:tau=0.5,temperature=-1", "temperature is -1; pass 0 .greedy. or a positive number"),
        ("confidence:temperature=inf", "temperature is inf"),
        ("margin:temperature=nan", "temperature is nan"),
        ("entropy:temperature=warm", "temperature of sampler 'entropy' is warm; pass a number"),
        ("entropy:gamma=1", "sampler 'entropy' has no option 'gamma'; known: temperature"),
        ("entropy_bound", "needs gamma=...; write entropy_bound:gamma=value"),
        ("confidense", "unknown sampler 'confidense' .did you mean 'confidence'"),
    ],
)
def test_bad_options_are_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        as_sampler(text)
    assert "\n" not in str(caught.value)


def test_what_is_no_sampler_is_refused():
    class Half:
        spec, identity = "half", []

    # Unchecked, as users call it: the checker of the tests would refuse it first.
    with pytest.raises(ValueError, match=r"is no PlanLaw or Sampler: .* has no "):
        inspect.unwrap(as_sampler)(Half())


def test_a_budget_for_another_length_is_refused():
    with pytest.raises(ValueError, match="sum to 3, not to 4"):
        as_sampler("entropy").init(1, 4, 2, 2, as_schedule([0, 1]).from_sizes([1, 2]))
