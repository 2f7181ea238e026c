"""What a sampler promises: one suite for those that look at the sequence, one for laws over reveal plans."""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np

from mdmtheory.conformance import plan_laws
from mdmtheory.conformance.drawing import check_samples
from mdmtheory.conformance.goodness import follows
from mdmtheory.conformance.masked import DRAWS, MARGINALS, STREAMS, MaskedCase, check_names
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError, Report, Trial, make, refuses
from mdmtheory.conformance.settings import LENGTH, small_languages, tied, untied
from mdmtheory.conformance.watching import Step, Watched, some_marginals
from mdmtheory.core.protocols import Samples
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.draws import law_by_draws
from mdmtheory.exact.enumeration import all_sequences
from mdmtheory.models.adaptive_loop import run_adaptive
from mdmtheory.plans import PlanLaw
from mdmtheory.samplers.protocol import Sampler, State
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.schedules import as_schedule

_WATCHED = 64
_LENGTHS = (1, LENGTH, 9)
_STEPS = (1, 3, 20)


def check_sampler(sampler: str | Spec | PlanLaw | Sampler) -> Report:
    """Try everything that a sampler promises on small languages with zeros; ValueError for what is no sampler.

    With an exact denoiser: its draws follow the law that enumerating its choices gives, and each sequence goes its way
    by itself. What each check expects is in its `expected`.

    >>> check_sampler("stride").passed
    True
    """
    built = as_sampler(sampler)
    name = str(getattr(built, "spec", type(built).__name__))
    if isinstance(built, PlanLaw):
        return plan_laws.check_plan_law(built, name)
    return make("sampler", name, TRIALS, _Case(built))


class _Case(MaskedCase[Sampler]):
    """A sampler that looks at the sequence."""

    def watched(self, language: Language, length: int, steps: int, count: int = _WATCHED) -> tuple[list[Step], Samples]:
        """Every step of some sequences, and what they came to; ValueError where the sampler takes no such length."""
        most = length + 1 if not self.sampler.remasks else 100 * (length + steps)
        watched = Watched(self.sampler, most)
        samples = _Case(watched).model(language, steps).sample(count, length, 0, threads=1)
        return watched.seen, samples

    def watched_everywhere(self) -> list[tuple[str, list[Step], Samples]]:
        """`watched` on a language without ties and one with, at all lengths and steps that the sampler takes."""
        found = []
        for language in (untied()[0], tied()[0]):
            for length in _LENGTHS:
                for steps in _STEPS:
                    try:
                        steps_seen, samples = self.watched(language, length, steps)
                    except ValueError:
                        if length == LENGTH:
                            raise
                        continue
                    found.append((f"{language.spec}, length {length}, {steps} steps", steps_seen, samples))
        return found

    @property
    def length(self) -> int:
        """A length that is not too short, if the sampler takes it."""
        try:
            self.watched(untied()[0], _LENGTHS[-1], 3, count=1)
        except ValueError:
            return LENGTH
        return _LENGTHS[-1]


def _protocol(case: _Case) -> str:
    sampler = case.sampler
    check_names(sampler, ("uses_steps", "uses_schedule", "context_only", "remasks"))
    tokens = np.full((3, LENGTH), 2, dtype=np.uint8)
    state = sampler.init(3, LENGTH, 2, 2, as_schedule("linear"))
    if not isinstance(state, State) or len(state.memory) != 3:
        raise RefutedError("init gave no State with one row of memory for each of 3 sequences")
    wanted = np.asarray(sampler.wants(state, tokens))
    for name, found, shape in (
        ("finished", np.asarray(sampler.finished(state, tokens)), (3,)),
        ("wants", wanted, (3, LENGTH)),
    ):
        if found.shape != shape or found.dtype != np.bool_:
            raise RefutedError(f"{name} gave shape {found.shape} and dtype {found.dtype} for 3 sequences of {LENGTH}")
    marginals = np.tile([0.75, 0.25], (int(wanted.sum()), 1))
    given = (tokens.copy(), wanted.copy(), marginals.copy(), state.memory.copy())
    state_after, after = sampler.step(state, tokens, wanted, marginals, np.zeros(len(marginals), dtype=np.int64))
    if after.shape != tokens.shape or len(state_after.memory) != 3:
        raise RefutedError(f"step gave tokens of shape {after.shape} for 3 sequences of {LENGTH}")
    for name, before, now in zip(
        ("tokens", "wanted", "marginals", "memory"), given, (tokens, wanted, marginals, state.memory), strict=True
    ):
        if not np.array_equal(before, now):
            raise RefutedError(f"step changed the {name} that it was given")
    return f"spec {sampler.spec}, shapes as described"


def _law_of_tokens(case: _Case) -> str:
    marginals = some_marginals()
    law = np.asarray(case.sampler.law(marginals.copy()))
    if law.shape != marginals.shape or not (law >= 0).all():
        raise RefutedError(
            f"law gave shape {law.shape} with least entry {law.min():.3g} for marginals {marginals.shape}"
        )
    off = np.abs(law.sum(axis=1) - 1)
    if not off.max() <= 1e-9:
        raise RefutedError(f"law gave a row that sums to {law.sum(axis=1)[off.argmax()]:.9g}")
    invented = (law > 0) & (marginals <= 0)
    if invented.any():
        row = marginals[invented.any(axis=1)][0]
        raise RefutedError(f"a token of probability 0 may be drawn where the marginal is {row.tolist()}")
    return f"{len(law)} laws"


def _progress(case: _Case) -> str:
    found = case.watched_everywhere()
    most = 0
    for where, steps, _ in found:
        most = max(most, len(steps))
        for number, step in enumerate(steps):
            idle = ~step.changed.any(axis=1)
            if idle.any() and not case.sampler.remasks:
                raise RefutedError(f"step {number + 1} set no token in {idle.sum()} of {len(idle)} sequences ({where})")
    return f"at most {most} steps in {len(found)} settings"


def _nothing_left(case: _Case) -> str:
    found = case.watched_everywhere()
    for where, steps, samples in found:
        mask = int(steps[0].mask) if steps else int(samples.tokens.max())
        try:
            check_samples(samples, *samples.tokens.shape, mask)
        except RefutedError as refuted:
            raise RefutedError(f"{refuted} ({where})") from None
    return f"no mask left in {sum(len(samples.tokens) for _, _, samples in found):,} possible sequences"


def _tokens_set(case: _Case) -> str:
    found = case.watched_everywhere()
    for where, steps, _ in found:
        for step in steps:
            again = step.changed & (step.before != step.mask)
            if again.any() and not case.sampler.remasks:
                raise RefutedError(f"{again.sum()} tokens that were set changed, and `remasks` is False ({where})")
            other = step.changed & (step.after != step.mask) & (step.after != step.drawn_in_place)
            if other.any():
                raise RefutedError(f"{other.sum()} tokens were set to what was not drawn there ({where})")
    return "each token set is the one drawn, " + ("and may change" if case.sampler.remasks else "and is never changed")


def _calls(case: _Case) -> str:
    for language in (untied()[0], tied()[0]):
        for number in range(12):
            watched = Watched(case.sampler, 100 * (case.length + 3))
            samples = _Case(watched).model(language, 3).sample(1, case.length, 3, first=number, threads=1)
            asked = sum(bool(step.wanted.any()) for step in watched.seen)
            # The call that finds a context impossible ends its sequence before the sampler's step.
            asked += int(samples.impossible[0] and asked < samples.calls[0])
            if samples.calls[0] != asked or samples.rounds[0] > asked:
                raise RefutedError(
                    f"sequence {number} asked in {asked} steps and was charged {samples.calls[0]} calls, "
                    f"{samples.rounds[0]} rounds"
                )
    return "24 sequences were charged a call for each step in which they asked"


def _uses(case: _Case) -> str:
    said = []
    for name, (steps, schedule) in (("steps", (4, "linear")), ("schedule", (2, "cosine"))):
        if getattr(case.sampler, f"uses_{name}"):
            continue
        one = _drawn_from_given_streams(case, 2, "linear")
        if not np.array_equal(one, _drawn_from_given_streams(case, steps, schedule)):
            raise RefutedError(f"uses_{name} is False, and tokens change with it")
        said.append(f"indifferent to {name}")
    if not said:
        raise DoesNotApplyError("it uses both")
    return ", ".join(said)


def _drawn_from_given_streams(case: _Case, steps: int, schedule: str) -> Tokens:
    """Tokens from streams that, unlike a model's own, do not depend on steps and schedule."""
    states = stream_states("conformance", 0, _WATCHED)
    denoiser = case.model(untied()[0]).denoiser
    return run_adaptive(denoiser, case.sampler, LENGTH, steps, as_schedule(schedule), states=states).tokens


def _draws_follow_law(case: _Case) -> str:
    least = []
    for language in small_languages():
        model = case.model(language)
        samples = model.sample(DRAWS, LENGTH, 7)
        try:
            least.append(follows(samples.tokens, law_by_draws(model, LENGTH), samples.impossible))
        except RefutedError as refuted:
            raise RefutedError(f"{language.spec}: {refuted}") from None
    return f"{least[0]} on {untied()[0].spec}, and so on {len(least) - 1} other languages"


def _context_only(case: _Case) -> str:
    """Whether other draws in the same place would have been set at the same positions."""
    if not case.sampler.context_only:
        raise DoesNotApplyError("`context_only` is False")
    if case.sampler.remasks:
        raise DoesNotApplyError("tokens may change")
    looked = 0
    for where, steps, _ in case.watched_everywhere():
        for step in steps:
            looked += len(step.before)
            changed = step.changed_if_drawn_otherwise(case.sampler)
            if not np.array_equal(changed, step.changed):
                raise RefutedError(f"other draws in the same place are kept at other positions ({where})")
    return f"{looked:,} choices are the same for other draws"


def _replay(case: _Case) -> str:
    language = untied()[0]
    if not (case.sampler.context_only and not case.sampler.remasks):
        model = case.model(language)
        refuses("log_prob of a sampler without one", lambda: model.log_prob(np.zeros((1, LENGTH), dtype=np.uint8)))
        return "refused with a reason: no replay gives log p(x)"
    worst = 0.0
    for language in small_languages():
        model = case.model(language)
        sequences = all_sequences(model.vocab_size, LENGTH)
        replayed = np.exp(model.log_prob(sequences).values)
        law = law_by_draws(model, LENGTH).reshape(-1)
        off = np.abs(replayed - law)
        worst = max(worst, float(off.max()))
        if not off.max() <= 1e-9:
            x = sequences[off.argmax()].tolist()
            raise RefutedError(
                f"{language.spec}: p({x}) is {replayed[off.argmax()]:.9g} by replay, {law[off.argmax()]:.9g} by law"
            )
    return f"within {worst:.0e} of the law on {len(small_languages())} languages"


def _greedy(case: _Case) -> str:
    sampler: Any = case.sampler
    if not hasattr(sampler, "temperature") or not is_dataclass(sampler):
        raise DoesNotApplyError("it is no dataclass with a temperature")
    cold: Any = replace(sampler, temperature=0.0)  # type: ignore[type-var]
    refuses("temperature -1", lambda: replace(sampler, temperature=-1.0))  # type: ignore[type-var]
    law = np.asarray(cold.law(np.array([[0.2, 0.5, 0.3], [0.0, 0.1, 0.9]])))
    if not np.array_equal(law, [[0, 1, 0], [0, 0, 1]]):
        raise RefutedError(f"at temperature 0 the marginal 0.2, 0.5, 0.3 becomes {law[0].tolist()}")
    if case.sampler.remasks:
        return "one-hot laws at temperature 0"
    for language in untied():
        tokens = _Case(cold).model(language, 3).sample(_WATCHED, LENGTH, 0).tokens
        if (tokens != tokens[0]).any():
            raise RefutedError(
                f"temperature 0 drew {len(np.unique(tokens, axis=0))} different sequences ({language.spec})"
            )
    return "temperature 0 takes the most probable token, and always gives one sequence"


TRIALS: tuple[Trial[_Case], ...] = (
    Trial(
        "protocol",
        "the members of mdmtheory.samplers.protocol.Sampler, with these shapes, that leave their arguments alone",
        "compare with that protocol; return new arrays from `step`",
        _protocol,
        gate=True,
    ),
    Trial(
        "token laws",
        "`law` gives probabilities that sum to 1, none to a token whose marginal is 0",
        "normalise the rows of `law`, and add nothing to zeros",
        _law_of_tokens,
    ),
    Trial(
        "progress",
        "every step sets a token in every sequence, or the sequence is finished; with remasking it ends all the same",
        "set at least one wanted position in each row, or let `finished` say so",
        _progress,
        gate=True,
    ),
    Trial(
        "nothing left",
        "no mask remains in a sequence that is not impossible",
        "let `finished` be true of rows without a mask only",
        _nothing_left,
    ),
    Trial(
        "tokens set",
        "a token that is set is the one drawn there, and stays unless `remasks`",
        "write `drawn` at wanted positions; declare `remasks = True` where set tokens may change",
        _tokens_set,
    ),
    Trial(
        "calls",
        "a call and a round for each step in which a sequence asks, and no other",
        "count nothing yourself: the canvas does; want nothing in a step that needs nothing",
        _calls,
    ),
    *STREAMS,
    Trial(
        "uses",
        "what it says not to use changes nothing",
        "set `uses_steps` or `uses_schedule` to True",
        _uses,
    ),
    Trial(
        "law",
        "draws follow the law found by enumerating the choices, at p > 1e-6 (G-test)",
        "keep what a choice depends on in `State.memory`, and no chance or count in the object",
        _draws_follow_law,
    ),
    Trial(
        "context only",
        "what is set where does not depend on the tokens just drawn, if `context_only`",
        "set `context_only = False`, or choose by marginals and earlier tokens alone",
        _context_only,
    ),
    Trial(
        "replay",
        "log_prob by replay is the law by enumeration, within 1e-9; refused where no replay gives it",
        "set `context_only` and `remasks` to what holds",
        _replay,
    ),
    Trial(
        "greedy",
        "temperature 0 takes the most probable token; below 0 is refused",
        "at temperature 0 let `law` put all on the most probable token",
        _greedy,
    ),
    *MARGINALS,
)
