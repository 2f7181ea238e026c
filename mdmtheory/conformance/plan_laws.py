"""What a law over reveal plans promises."""

from __future__ import annotations

import numpy as np

from mdmtheory.conformance.drawing import check_samples
from mdmtheory.conformance.goodness import follows, g_test
from mdmtheory.conformance.masked import (
    DRAWS,
    GREEDY,
    MARGINALS,
    NOISE,
    PROMPTS,
    STREAMS,
    MaskedCase,
    check_law,
    check_names,
    is_greedy,
    require_closed_law,
    token_laws_trial,
)
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError, Trial
from mdmtheory.conformance.settings import LENGTH, untied
from mdmtheory.core.protocols import Samples
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.enumeration import all_sequences
from mdmtheory.exact.law import context_marginals, context_numbers, law
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import PlanLawBase, Plans
from mdmtheory.samplers.planned import Planned, is_constrained, token_laws
from mdmtheory.schedules import as_schedule

_PLANS = 200
_SETTINGS = ((1, 1), (LENGTH, 1), (LENGTH, 3), (9, 4), (9, 20))


class PlanLawCase(MaskedCase[PlanLawBase]):
    """A law over plans."""

    @property
    def random_places(self) -> bool:
        """Where plans differ."""
        return not self.sampler.fixed

    def plans(self, length: int, steps: int, schedule: str = "linear", count: int = _PLANS, first: int = 0) -> Plans:
        """Plans first..first+count-1 of one key."""
        states = stream_states("conformance", first, count)
        return self.sampler.draw(states, length, steps, as_schedule(schedule))

    def settings(self) -> list[tuple[int, int]]:
        """The lengths and steps that the law takes."""
        found = []
        for length, steps in _SETTINGS:
            try:
                self.plans(length, steps, count=1)
            except ValueError:
                if length == LENGTH:
                    raise
                continue
            found.append((length, steps))
        return found

    @property
    def length(self) -> int:
        """The longest that it takes."""
        return max(length for length, _ in self.settings())


def _protocol(case: PlanLawCase) -> str:
    check_names(case.sampler)
    return f"spec {case.sampler.spec}"


def _plans(case: PlanLawCase) -> str:
    for length, steps in case.settings():
        plans = case.plans(length, steps)
        if plans.shape != (_PLANS, length) or plans.dtype != np.int32:
            raise RefutedError(f"plans of shape {plans.shape} and dtype {plans.dtype} for {_PLANS} of length {length}")
        most = case.sampler.steps_taken(length, steps)
        if plans.min() < 1 or plans.max() > most:
            raise RefutedError(f"steps {plans.min()}..{plans.max()} where steps_taken is {most}")
    return f"{_PLANS} plans in each of {len(case.settings())} settings"


def _claims(case: PlanLawCase) -> str:
    plan_law, said = case.sampler, []
    for length, steps in case.settings():
        plans = case.plans(length, steps)
        if plan_law.fixed and (plans != plans[0]).any():
            raise RefutedError("`fixed` is True, and two sequences have different plans")
        if plan_law.one_at_a_time and any(len(set(plan)) < length for plan in plans.tolist()):
            raise RefutedError("`one_at_a_time` is True, and a step reveals two positions")
    for name, (steps, schedule) in (("steps", (5, "linear")), ("schedule", (3, "cosine"))):
        if getattr(plan_law, f"uses_{name}"):
            continue
        said.append(f"indifferent to {name}")
        if not np.array_equal(case.plans(LENGTH, 3), case.plans(LENGTH, steps, schedule)):
            raise RefutedError(f"uses_{name} is False, and plans change with it")
    said += [name for name in ("fixed", "one_at_a_time") if getattr(plan_law, name)]
    return ", ".join(said) or "it claims nothing more"


def _plans_alone(case: PlanLawCase) -> str:
    together = case.plans(case.length, 3, count=12)
    for first, count in ((0, 1), (1, 6), (7, 5)):
        if not np.array_equal(case.plans(case.length, 3, count=count, first=first), together[first : first + count]):
            raise RefutedError(f"plans {first}..{first + count - 1} differ where they are drawn alone")
    return "12 plans are the same alone and together"


def _subset_law(case: PlanLawCase) -> str:
    """Drawn plans against the probabilities of `subset_law`, which the enumerated law is made of."""
    subset_law = case.sampler.subset_law
    if subset_law is None:
        raise DoesNotApplyError("it has no `subset_law`")
    lowest = 1.0
    for steps, schedule in ((2, "cosine"), (5, "linear")):
        taken = case.sampler.steps_taken(LENGTH, steps)
        every = all_sequences(taken, LENGTH).astype(np.int64) + 1
        expected = _plan_probabilities(subset_law(LENGTH, steps, as_schedule(schedule)), every)
        if not abs(expected.sum() - 1) <= 1e-9:
            raise RefutedError(f"the probabilities of all plans by `subset_law` sum to {expected.sum():.9g}")
        plans = case.plans(LENGTH, steps, schedule, DRAWS)
        drawn = (plans.astype(np.int64) - 1) @ taken ** np.arange(LENGTH)[::-1]
        p = g_test(np.bincount(drawn, minlength=len(every)), expected)
        lowest = min(lowest, p)
        if not p > 1e-6:
            raise RefutedError(f"p = {p:.1e} in {DRAWS:,} plans of {steps} steps, {schedule}")
    return f"p = {lowest:.2g} in {DRAWS:,} plans"


def _plan_probabilities(subset_law: np.ndarray, plans: np.ndarray) -> np.ndarray:
    chance = np.ones(len(plans))
    for step in range(1, subset_law.shape[0] + 1):
        chance *= subset_law[step - 1, (plans < step).sum(axis=1), (plans == step).sum(axis=1)]
    return chance


def _draws_follow_law(case: PlanLawCase) -> str:
    """Against the law over all plans where it is known, else against that of each plan drawn."""
    require_closed_law(case)
    seen = []
    for language in case.languages:
        model = case.model(language)
        try:
            if case.sampler.fixed or case.sampler.subset_law is not None:
                samples = model.sample(DRAWS, LENGTH, 7)
                seen.append(follows(samples.tokens, law(model, language, LENGTH, prompt=None), samples.impossible))
            else:
                seen.append(_follows_its_plans(model))
        except RefutedError as refuted:
            raise RefutedError(f"{language.spec}: {refuted}") from None
    return f"{seen[0]} on {untied()[0].spec}, and so on {len(seen) - 1} other languages"


def _follows_its_plans(model: MaskedDiffusion) -> str:
    states = stream_states("conformance", 0, DRAWS)
    plans = model.draw_plans(states, LENGTH)
    run = model.run(plans, states)
    different, index = np.unique(plans, axis=0, return_inverse=True)
    most = np.bincount(index.reshape(-1)).argsort()[::-1][:12]
    for number in most:
        here = index.reshape(-1) == number
        follows(run.tokens[here], _law_of(model, different[number]), run.impossible[here])
    return f"p > 1e-6 given each of {len(most)} plans"


def _law_of(model: MaskedDiffusion, plan: np.ndarray) -> np.ndarray:
    vocab_size = model.vocab_size
    assert model.plan_law is not None
    marginals = context_marginals(model.denoiser, LENGTH)
    if not is_greedy(model.plan_law):
        marginals = token_laws(model.plan_law, marginals)
    sequences = all_sequences(vocab_size, LENGTH)
    if is_constrained(model.plan_law):
        return _constrained_law_of(model, plan, marginals, sequences)
    chance = np.ones(len(sequences))
    for position, step in enumerate(plan):
        contexts = context_numbers(sequences, plan < step, vocab_size)
        chance *= marginals[contexts, position, sequences[:, position]]
    return chance.reshape((vocab_size,) * LENGTH)


def _constrained_law_of(
    model: MaskedDiffusion, plan: np.ndarray, marginals: np.ndarray, sequences: Tokens
) -> np.ndarray:
    """Each step's product over the steps that a sequence of the language completes, which are listed: no automaton."""
    vocab_size, right = model.vocab_size, np.asarray(model.language.in_support(sequences))
    inside, chance = sequences[right], np.ones(int(right.sum()))
    for step in np.unique(plan):
        before, product = context_numbers(inside, plan < step, vocab_size), np.ones(len(inside))
        for position in np.flatnonzero(plan == step):
            product *= marginals[before, position, inside[:, position]]
        _, first = np.unique(context_numbers(inside, plan <= step, vocab_size), return_index=True)
        if is_greedy(model.plan_law):
            largest = np.zeros(before.max() + 1)
            np.maximum.at(largest, before[first], product[first])
            chance *= product >= largest[before] * (1 - 1e-12)
        else:
            chance *= product / np.bincount(before[first], weights=product[first])[before]
    out = np.zeros(len(sequences))
    out[right] = chance
    return out.reshape((vocab_size,) * LENGTH)


def _replay(case: PlanLawCase) -> str:
    require_closed_law(case)
    worst = 0.0
    for language in case.languages:
        model = case.model(language)
        sequences = all_sequences(model.vocab_size, LENGTH)
        for plan in np.unique(model.draw_plans(stream_states("conformance", 0, 8), LENGTH), axis=0):
            scored = np.exp(model.run(np.tile(plan, (len(sequences), 1)), tokens=sequences).log_probs.sum(axis=1))
            off = float(np.abs(scored - _law_of(model, plan).reshape(-1)).max())
            worst = max(worst, off)
            if not off <= 1e-9:
                raise RefutedError(f"{language.spec}: scoring by the plan {plan.tolist()} is off by {off:.2g}")
    return f"within {worst:.0e} of the product of token laws on {len(case.languages)} languages"


def _token_laws(case: PlanLawCase) -> str:
    if not isinstance(case.sampler, Planned):
        raise DoesNotApplyError("tokens are drawn from the marginals themselves")
    return f"{check_law(case.sampler)} laws"


def _calls(case: PlanLawCase) -> str:
    model = case.model(untied()[0], 3)
    states = stream_states("conformance", 0, _PLANS)
    plans = model.draw_plans(states, case.length)
    run = model.run(plans, states)
    samples = Samples(run.tokens, run.calls, run.rounds, run.impossible)
    check_samples(samples, _PLANS, case.length, model.vocab_size)
    steps = np.array([len(set(plan)) for plan in plans.tolist()])
    # An impossible context ends a sequence early.
    wrong = np.where(run.impossible, run.calls > steps, run.calls != steps) | (run.rounds != run.calls)
    if wrong.any():
        row = int(wrong.argmax())
        raise RefutedError(f"a plan of {steps[row]} steps that reveal something was charged {run.calls[row]} calls")
    return f"{_PLANS} sequences were charged a call for each step of their plans"


TRIALS: tuple[Trial[PlanLawCase], ...] = (
    Trial(
        "protocol",
        "the members of mdmtheory.plans.PlanLaw",
        "compare with that protocol",
        _protocol,
        gate=True,
    ),
    Trial(
        "plans",
        "int32 steps for each position, from 1 to steps_taken",
        "number steps from 1, and let `steps_taken` be the largest that can come",
        _plans,
        gate=True,
    ),
    Trial(
        "claims",
        "plans are fixed, one at a time, and indifferent to steps and schedule where it says so",
        "set `fixed`, `one_at_a_time`, `uses_steps` and `uses_schedule` to what holds",
        _claims,
    ),
    Trial(
        "plans alone",
        "a plan depends on its own stream alone",
        "draw row i from states[i], and move on no other",
        _plans_alone,
    ),
    Trial(
        "subset law",
        "drawn plans have the probabilities that `subset_law` gives, at p > 1e-6 (G-test)",
        "let `draw` and `subset_law` speak of one law",
        _subset_law,
    ),
    token_laws_trial(_token_laws),
    Trial(
        "calls",
        "a call and a round for each step of the plan that reveals something, and no other; no mask is left",
        "leave counting to the canvas",
        _calls,
    ),
    *STREAMS,
    Trial(
        "law",
        "draws follow the enumerated law, at p > 1e-6 (G-test)",
        "let `draw` take nothing but its streams",
        _draws_follow_law,
    ),
    Trial(
        "replay",
        "scoring by a plan is the product of the laws that its tokens, or its steps, are drawn from, within 1e-9",
        "let `draw` give the plan that is followed",
        _replay,
    ),
    GREEDY,
    NOISE,
    *PROMPTS,
    *MARGINALS,
)
