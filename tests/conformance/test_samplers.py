"""Each check of a sampler refuses the bug that is planted for it; what is built in is certified in tests/cli."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from mdmtheory.conformance import plan_laws, samplers
from mdmtheory.conformance.samplers import check_sampler
from mdmtheory.core.spec import Spec
from mdmtheory.models import asking
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.models.constraint import Constraint
from mdmtheory.oracles import chain_canvas
from mdmtheory.oracles.answers import as_answers
from mdmtheory.oracles.canvas import ConditionalsCanvas
from mdmtheory.plans import Ancestral, FixedSizes, GivenPlan, LeftToRight, Stride
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.budgeted import Confidence, DrawConfidence
from mdmtheory.samplers.planned import Planned
from mdmtheory.samplers.protocol import State
from mdmtheory.samplers.registry import as_sampler


def test_a_law_over_plans_is_tried_by_every_check():
    report = check_sampler(GivenPlan((2, 1, 3, 1), given_spec=Spec.of("plan")))
    assert report.passed, str(report)
    assert [each.name for each in report.checks] == [each.name for each in plan_laws.TRIALS]


def tried(sampler, check):
    """One check of a suite alone."""
    if sampler.oblivious:
        case, trials = plan_laws.PlanLawCase(sampler), plan_laws.TRIALS
    else:
        case, trials = samplers.SamplerCase(sampler), samplers.TRIALS
    found = next(trial for trial in trials if trial.name == check).made(case)
    # Neither a slip of the bug nor the checks of shapes that run in tests alone are what refuses it.
    assert "raised" not in found.seen or "ProtocolError" in found.seen, found
    return found


class Own:
    """Sound, and inherits nothing: the first masked position."""

    spec, identity = Spec.of("leftmost"), ["leftmost"]
    uses_steps = uses_schedule = remasks = False
    context_only = True

    def init(self, count, length, vocab_size, steps, schedule):
        return State(np.zeros((count, 0)), vocab_size)

    def finished(self, state, tokens):
        return (tokens != state.shared).all(axis=1)

    def wants(self, state, tokens):
        masked = tokens == state.shared
        return masked & (np.cumsum(masked, axis=1) == 1)

    def law(self, marginals):
        return marginals

    def step(self, state, tokens, wanted, marginals, drawn):
        after = tokens.copy()
        after[wanted] = drawn
        return state, after


class Leftmost(Own, SamplerBase):
    """The same with all abilities, so that the checks themselves see what comes of it, and no guard before them."""


def test_a_sampler_of_ones_own_is_tried_by_every_check():
    report = check_sampler(Leftmost())
    assert report.passed, str(report)
    assert [each.name for each in report.checks] == [each.name for each in samplers.TRIALS]


class Both(Leftmost):
    """Sound too: the two outermost masked positions."""

    def wants(self, state, tokens):
        masked = tokens == state.shared
        first, last = np.cumsum(masked, axis=1) == 1, np.cumsum(masked[:, ::-1], axis=1)[:, ::-1] == 1
        return masked & (first | last)


class InPlace(Leftmost):
    """Writes into the tokens that it was given."""

    def step(self, state, tokens, wanted, marginals, drawn):
        tokens[wanted] = drawn
        return state, tokens.copy()


class Idle(Leftmost):
    """Waits a step before it sets anything."""

    def init(self, count, length, vocab_size, steps, schedule):
        return State(np.zeros(count), vocab_size)

    def step(self, state, tokens, wanted, marginals, drawn):
        _, after = super().step(state, tokens, wanted, marginals, drawn)
        return State(state.memory + 1, state.shared), np.where(state.memory[:, None] == 0, tokens, after)


class Endless(Leftmost):
    """Masks again all that it set, for ever."""

    remasks = True
    context_only = False

    def finished(self, state, tokens):
        return np.zeros(len(tokens), dtype=bool)

    def wants(self, state, tokens):
        return tokens == state.shared

    def step(self, state, tokens, wanted, marginals, drawn):
        _, after = super().step(state, tokens, wanted, marginals, drawn)
        return state, np.where((tokens == state.shared).any(axis=1)[:, None], after, state.shared).astype(tokens.dtype)


class Hot(Leftmost):
    """Gives every token a chance, also those whose marginal is 0."""

    def law(self, marginals):
        return (marginals + 1e-3) / (1 + 1e-3 * marginals.shape[1])


class Unscaled(Leftmost):
    """A temperature without the division by the sum."""

    def law(self, marginals):
        return marginals**2


class Hasty(Leftmost):
    """Believes to be finished with one mask left."""

    def finished(self, state, tokens):
        return (tokens == state.shared).sum(axis=1) <= 1


class Meddling(Leftmost):
    """Changes the token before, and does not say so."""

    def step(self, state, tokens, wanted, marginals, drawn):
        _, after = super().step(state, tokens, wanted, marginals, drawn)
        rows, positions = np.nonzero(wanted)
        later = positions > 0
        after[rows[later], positions[later] - 1] = drawn[later]
        return state, after


class Greedier(Leftmost):
    """Writes the most probable token in the place of the one drawn."""

    def step(self, state, tokens, wanted, marginals, drawn):
        return super().step(state, tokens, wanted, marginals, marginals.argmax(axis=1))


class OfTheBatch(Leftmost):
    """Sets two positions where the batch is on average sure."""

    def wants(self, state, tokens):
        return tokens == state.shared

    def step(self, state, tokens, wanted, marginals, drawn):
        count = 2 if marginals.max(axis=1).mean() > 0.6 else 1
        masked = tokens == state.shared
        _, after = super().step(state, tokens, wanted, marginals, drawn)
        return state, np.where(masked & (np.cumsum(masked, axis=1) <= count), after, tokens)


class WaitsForTheBatch(OfTheBatch):
    """Goes on asking until the slowest sequence is finished; sets what it is sure of, so some are slower."""

    remasks, context_only = True, False

    def finished(self, state, tokens):
        return np.full(len(tokens), not (tokens == state.shared).any())

    def wants(self, state, tokens):
        masked = tokens == state.shared
        masked[:, 0] |= ~masked.any(axis=1)
        return masked

    def step(self, state, tokens, wanted, marginals, drawn):
        masked = tokens == state.shared
        sure = np.zeros(tokens.shape, dtype=bool)
        sure[wanted] = marginals.max(axis=1) > 0.6
        _, after = Leftmost.step(self, state, tokens, wanted, marginals, drawn)
        return state, np.where(masked & (sure | (np.cumsum(masked, axis=1) == 1)), after, tokens)


class OwnChance(OfTheBatch):
    """Takes chance from a generator of its own."""

    def __init__(self):
        self.numbers = np.random.default_rng()

    def step(self, state, tokens, wanted, marginals, drawn):
        masked = tokens == state.shared
        chosen = np.argmax(self.numbers.random(tokens.shape) * masked, axis=1)
        _, after = Leftmost.step(self, state, tokens, wanted, marginals, drawn)
        return state, np.where(np.arange(tokens.shape[1]) == chosen[:, None], after, tokens)


class SaysItIgnoresSteps(Confidence):
    """Reveals as many as the schedule says, and denies it."""

    uses_steps = uses_schedule = False


class Forgetful(OfTheBatch):
    """Sets two neighbours or the two outermost, turn and turn about, and remembers whose turn it is in itself."""

    turns = 0

    def step(self, state, tokens, wanted, marginals, drawn):
        turn = self.turns + np.arange(len(tokens))[:, None]
        self.turns += len(tokens)
        masked = tokens == state.shared
        first = np.cumsum(masked, axis=1)
        last = np.cumsum(masked[:, ::-1], axis=1)[:, ::-1]
        chosen = masked & np.where(turn % 2, first <= 2, (first == 1) | (last == 1))
        _, after = Leftmost.step(self, state, tokens, wanted, marginals, drawn)
        return state, np.where(chosen, after, tokens)


class SaysItLooksAtNoDraw(DrawConfidence):
    """Ranks what it has drawn, and denies it."""

    context_only = True


@dataclass(frozen=True, kw_only=True)
class Lukewarm(Confidence):
    """At temperature 0 draws as at 0.1."""

    def law(self, marginals):
        return Confidence(temperature=max(self.temperature, 0.1)).law(marginals)


class ByLastBits(OfTheBatch):
    """Chooses at random by the last bits of the marginals."""

    def step(self, state, tokens, wanted, marginals, drawn):
        ranks = np.full(tokens.shape, -1.0)
        ranks[wanted] = (marginals.max(axis=1) * 1e9) % 1
        _, after = Leftmost.step(self, state, tokens, wanted, marginals, drawn)
        return state, np.where(np.arange(tokens.shape[1]) == ranks.argmax(axis=1)[:, None], after, tokens)


class Noisy(Leftmost):
    """Says that it draws with float32 noise."""

    precision = "float32"


class Masks(Leftmost):
    """Over N steps: sets masked tokens and masks set ones, by what is drawn rather than by coins, and not by a."""

    remasks, context_only, uses_steps, uses_schedule = True, False, True, True

    def fractions(self, steps, schedule):
        return schedule.revealed_fractions(steps)

    def init(self, count, length, vocab_size, steps, schedule):
        return State(np.zeros(count, dtype=int), (vocab_size, self.fractions(steps, schedule)))

    def finished(self, state, tokens):
        return state.memory == len(state.shared[1]) - 1

    def wants(self, state, tokens):
        return tokens == state.shared[0]

    def step(self, state, tokens, wanted, marginals, drawn):
        _, after = super().step(state, tokens, wanted, marginals, drawn)
        last = state.memory == len(state.shared[1]) - 2
        # Token 0 is set at once, others only in the last step: hardly the schedule.
        kept = (after == 0) | (tokens != state.shared[0]) | last[:, None]
        return State(state.memory + 1, state.shared), np.where(kept, after, tokens)


class Misnamed(Leftmost):
    identity = (np.nan,)


BUGS: dict[str, list[Any]] = {
    "protocol": [InPlace(), Misnamed()],
    "progress": [Idle(), Endless()],
    "token laws": [Hot(), Unscaled()],
    "nothing left": [Hasty()],
    "tokens set": [Meddling(), Greedier()],
    "tokens alone": [OfTheBatch()],
    "calls alone": [WaitsForTheBatch()],
    "seeds": [OwnChance()],
    "uses": [SaysItIgnoresSteps()],
    "law": [Forgetful(), OwnChance()],
    "context only": [SaysItLooksAtNoDraw()],
    "replay": [SaysItLooksAtNoDraw()],
    "greedy": [Lukewarm()],
    "fractions": [Masks()],
    "noise": [Noisy()],
    "float32": [ByLastBits()],
}


@pytest.mark.parametrize(("check", "bug"), [(check, bug) for check, bugs in BUGS.items() for bug in bugs])
def test_each_check_refuses_its_bug(check, bug):
    found = tried(bug, check)
    assert found.passed is False, found
    assert "\n" not in str(found)


def test_what_may_change_tokens_names_the_trust_that_it_was_tried_with():
    assert tried(as_sampler("remdm-cap"), "law").seen.startswith("with oracles of trust 0.999: p = ")
    assert "trust" not in tried(as_sampler("confidence"), "law").seen


def test_each_check_has_its_bug():
    shared = {"calls", "bad marginals", "prompt"}
    assert {each.name for each in samplers.TRIALS} == BUGS.keys() | shared
    assert {each.name for each in plan_laws.TRIALS} == PLAN_BUGS.keys() | shared | {"replay", "float32"}


def test_calls_that_are_counted_for_the_batch_are_refused(monkeypatch):
    def of_all(self, rows, positions):
        self.calls += 1
        self.rounds += 1
        return self.denoiser.conditionals(self.tokens[rows])[np.arange(len(rows)), positions]

    # Chains keep their messages on a canvas of their own, unless these are too large.
    monkeypatch.setattr(chain_canvas, "MESSAGE_BYTES", 0)
    monkeypatch.setattr(ConditionalsCanvas, "marginals", of_all)
    rule = as_sampler("threshold:tau=0.6")
    assert tried(rule, "calls").passed is True  # drawn alone it costs what it should
    assert tried(rule, "calls alone").passed is False
    monkeypatch.undo()
    monkeypatch.setattr(chain_canvas, "MESSAGE_BYTES", 0)

    def twice(self, rows, positions, marginals=ConditionalsCanvas.marginals):
        marginals(self, rows, positions)
        return marginals(self, rows, positions)

    monkeypatch.setattr(ConditionalsCanvas, "marginals", twice)
    assert tried(Both(), "calls").passed is False


@pytest.mark.parametrize("name", ["confidence", "stride"])
def test_a_loop_that_takes_any_marginals_is_refused(name, monkeypatch):
    def clamped(found, impossible, denoiser):
        return as_answers(np.nan_to_num(np.abs(np.array(found, dtype=np.float64, order="C"))) + 1e-30)

    monkeypatch.setattr(asking, "answers_of", clamped)
    found = tried(as_sampler(name), "bad marginals")
    assert found.passed is False
    assert "NaN was taken without a word" in found.seen


class CountsFromZero(LeftToRight):
    def plan(self, length, steps=1):
        return super().plan(length) - 1


class Stray(Stride):
    """Says that one position comes at a time."""

    one_at_a_time = True


class SaysFixed(FixedSizes):
    fixed = True


class Together(Ancestral):
    """Shuffles the rows of a batch."""

    def draw(self, states, length, steps, schedule):
        return super().draw(states, length, steps, schedule)[::-1].copy()


class TooEarly(Ancestral):
    """Draws from a schedule that is not the one that `subset_law` knows."""

    def draw(self, states, length, steps, schedule):
        return np.maximum(super().draw(states, length, steps, schedule) - 1, 1)


class OwnPlans(Ancestral):
    """Takes chance from a generator of its own."""

    def draw(self, states, length, steps, schedule):
        return np.random.default_rng().integers(1, steps + 1, (len(states), length)).astype(np.int32)


class Ill(Ancestral):
    identity = (np.inf,)


@dataclass(frozen=True)
class Squared(Planned):
    """A temperature without the division by the sum."""

    def law(self, marginals):
        return marginals**2


@dataclass(frozen=True)
class LukewarmPlans(Planned):
    """At temperature 0 draws as at 0.1."""

    def law(self, marginals):
        return Planned(self.plans, temperature=max(self.temperature, 0.1)).law(marginals)


PLAN_BUGS = {
    "protocol": Ill(),
    "plans": CountsFromZero(),
    "claims": Stray(),
    "plans alone": Together(),
    "subset law": TooEarly(),
    "tokens alone": Together(),
    "calls alone": Together(),
    "seeds": OwnPlans(),
    "law": TooEarly(),
    "token laws": Squared(Stride()),
    "greedy": LukewarmPlans(Stride()),
    "noise": Planned(Stride(), precision="float32"),
}


@pytest.mark.parametrize("check", PLAN_BUGS)
def test_each_check_of_plans_refuses_its_bug(check):
    found = tried(PLAN_BUGS[check], check)
    assert found.passed is False, found
    assert tried(SaysFixed(), "claims").passed is False


def test_a_law_over_plans_without_probabilities_is_held_against_its_plans():
    class Secret(Ancestral):
        subset_law = None

    report = check_sampler(Secret())
    assert report.passed, str(report)
    assert report["subset law"].passed is None
    assert "given each of" in report["law"].seen


def test_calls_and_scores_of_plans_are_those_of_the_plan(monkeypatch):
    from mdmtheory.oracles.chain import ChainOracle
    from mdmtheory.oracles.ngram import NGramOracle

    for each in (ChainOracle, NGramOracle):
        monkeypatch.setattr(each, "run_plan", _charging_every_step(each.run_plan))
    assert tried(Stride(), "calls").passed is False


def _charging_every_step(run_plan):
    def charged(self, plan, *arguments, **options):
        run = run_plan(self, plan, *arguments, **options)
        return replace(run, calls=run.calls + 1, rounds=run.rounds + 1)

    return charged


def test_steps_that_are_not_conditioned_are_found_out(monkeypatch):
    """A planted fault: the tokens of a constrained step are drawn, and scored, one by one."""
    sampler = as_sampler("stride:constrained=true")
    assert tried(sampler, "replay").passed

    def alone(self, denoiser, plan, states, tokens, prompt, threads):
        law = replace(self.law, constrained=False)
        return run_on_canvas(denoiser, plan, states, tokens, threads, law=law, prompt=prompt)

    monkeypatch.setattr(Constraint, "run", alone)
    assert tried(sampler, "replay").passed is False
