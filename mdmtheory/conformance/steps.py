"""What is seen of a sampler step by step, while it draws."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from mdmtheory.conformance.drawing import check_samples
from mdmtheory.conformance.goodness import LEAST_P, g_test
from mdmtheory.conformance.masked import DRAWS, WATCHED, MaskedCase, check_law, check_names
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError
from mdmtheory.conformance.settings import LENGTH, tied, untied
from mdmtheory.conformance.watching import Step, Watched
from mdmtheory.core.protocols import Language, Samples
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.ngram import NGram
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.protocol import State
from mdmtheory.schedules import as_schedule

_LENGTHS = (1, LENGTH, 9)
_STEPS = (1, 3, 20)


class SamplerCase(MaskedCase[SamplerBase]):
    """A sampler that looks at the sequence."""

    @property
    def random_places(self) -> bool:
        """Where the mask may be drawn."""
        return self.sampler.leaves_masked

    def watched(self, language: Language, length: int, steps: int, count: int = WATCHED) -> tuple[list[Step], Samples]:
        """Every step of some sequences, and what they came to; ValueError where the sampler takes no such length."""
        slow = self.sampler.remasks or self.sampler.leaves_masked
        most = 100 * (length + steps) if slow else length + 1
        watched: Any = Watched(self.sampler, most)
        samples = SamplerCase(watched).model(language, steps).sample(count, length, 0, threads=1)
        return watched.seen, samples

    @cached_property
    def watched_everywhere(self) -> list[tuple[str, list[Step], Samples]]:
        """`watched` on a language without ties and one with, at all lengths and steps that the sampler takes."""
        found = []
        for language in (untied()[0], tied()[0]):
            for length in _LENGTHS:
                for steps in _STEPS:
                    try:
                        steps_seen, samples = self.watched(language, length, steps)
                    except ValueError:
                        if (length, steps) == (LENGTH, 3):
                            raise
                        continue
                    found.append((f"{language.spec}, length {length}, {steps} steps", steps_seen, samples))
        return found

    @cached_property
    def length(self) -> int:
        """A length that is not too short, if the sampler takes it."""
        try:
            self.watched(untied()[0], _LENGTHS[-1], 3, count=1)
        except ValueError:
            return LENGTH
        return _LENGTHS[-1]


def check_members(case: SamplerCase) -> str:
    """Shapes and types, and that arguments are left alone."""
    sampler = case.sampler
    check_names(sampler)
    tokens = np.full((3, LENGTH), 2, dtype=np.uint8)
    state: Any = sampler.init(3, LENGTH, 2, 2, as_schedule("linear"))
    if not isinstance(state, State) or len(state.memory) != 3:
        raise RefutedError("init gave no State with one row of memory for each of 3 sequences")
    state = _ready(sampler, state, tokens)
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


def _ready(sampler: SamplerBase, state: State, tokens: Tokens) -> State:
    """The state with what some samplers are shown: an order, all coins that may fall, no information in pairs."""
    if sampler.sees_order:
        state = replace(state, order=np.tile(np.arange(tokens.shape[1])[::-1], (len(tokens), 1)))
    chances = sampler.chances(state, tokens)
    if chances is not None:
        state = replace(state, coins=np.asarray(chances) > 0)
    if sampler.sees_pairs:
        state = replace(state, pairs=np.zeros((*tokens.shape, tokens.shape[1])))
    return state


def check_token_laws(case: SamplerCase) -> str:
    """The laws that tokens are drawn from."""
    looked = check_law(case.sampler)
    for where, steps, _ in case.watched_everywhere:
        for step in steps:
            looked += len(step.law)
            off = np.abs(step.law.sum(axis=1) - 1)
            if len(off) and not ((step.law >= 0).all() and off.max() <= 1e-9):
                total = step.law.sum(axis=1)[off.argmax()]
                raise RefutedError(f"tokens were drawn from a row that sums to {total:.9g} ({where})")
    return f"{looked:,} laws"


def check_progress(case: SamplerCase) -> str:
    """Whether each step sets a token, and it ends."""
    found = case.watched_everywhere
    most = 0
    for where, steps, _ in found:
        most = max(most, len(steps))
        for number, step in enumerate(steps):
            idle = ~step.changed.any(axis=1) & ~step.masks_alone
            if idle.any() and not case.sampler.remasks:
                raise RefutedError(f"step {number + 1} set no token in {idle.sum()} of {len(idle)} sequences ({where})")
    return f"at most {most} steps in {len(found)} settings"


def check_nothing_left(case: SamplerCase) -> str:
    """Whether masks are left."""
    found = case.watched_everywhere
    for where, steps, samples in found:
        mask = int(steps[0].mask) if steps else int(samples.tokens.max())
        try:
            count, length = samples.tokens.shape
            check_samples(samples, count, length, mask)
        except RefutedError as refuted:
            raise RefutedError(f"{refuted} ({where})") from None
    return f"no mask left in {sum(len(samples.tokens) for _, _, samples in found):,} possible sequences"


def check_tokens_set(case: SamplerCase) -> str:
    """Whether tokens are those drawn, and stay."""
    found = case.watched_everywhere
    for where, steps, _ in found:
        for step in steps:
            again = step.changed & (step.before != step.mask)
            if again.any() and not case.sampler.remasks:
                raise RefutedError(f"{again.sum()} tokens that were set changed, and `remasks` is False ({where})")
            other = step.changed & (step.after != step.mask) & (step.after != step.drawn_in_place)
            if other.any():
                raise RefutedError(f"{other.sum()} tokens were set to what was not drawn there ({where})")
    return "each token set is the one drawn, " + ("and may change" if case.sampler.remasks else "and is never changed")


def check_calls(case: SamplerCase) -> str:
    """Whether the calls charged are those made."""
    tokens = np.full((1, case.length), 2, dtype=np.uint8)
    begun = case.sampler.init(1, case.length, 2, 3, as_schedule("linear"))
    if case.sampler.charges(begun, tokens) is not None:
        raise DoesNotApplyError("it says by itself what a step costs")
    for language in (untied()[0], tied()[0]):
        for number in range(12):
            watched: Any = Watched(case.sampler, 100 * (case.length + 3))
            samples = SamplerCase(watched).model(language, 3).sample(1, case.length, 3, first=number, threads=1)
            asked = sum(bool(step.wanted.any()) for step in watched.seen)
            # The call that finds a context impossible ends its sequence before the sampler's step.
            asked += int(samples.impossible[0] and asked < samples.calls[0])
            if samples.calls[0] != asked or samples.rounds[0] > asked:
                raise RefutedError(
                    f"sequence {number} asked in {asked} steps and was charged {samples.calls[0]} calls, "
                    f"{samples.rounds[0]} rounds"
                )
    return "24 sequences were charged a call for each step in which they asked"


def check_context_only(case: SamplerCase) -> str:
    """Whether other draws in the same place would have been set at the same positions."""
    if not case.sampler.context_only:
        raise DoesNotApplyError("`context_only` is False")
    if case.sampler.remasks:
        raise DoesNotApplyError("tokens may change")
    looked = 0
    for where, steps, _ in case.watched_everywhere:
        for step in steps:
            looked += len(step.before)
            changed = step.changed_if_drawn_otherwise(case.sampler)
            if not np.array_equal(changed, step.changed):
                raise RefutedError(f"other draws in the same place are kept at other positions ({where})")
    return f"{looked:,} choices are the same for other draws"


def check_fractions(case: SamplerCase) -> str:
    """Whether remasking keeps the marginal a x + (1 - a) mask, at every step and position."""
    if not case.sampler.remasks or case.sampler.fractions(3, as_schedule("linear")) is None:
        raise DoesNotApplyError("it has no `fractions` that remasking might keep")
    if not case.sampler.keeps_fractions:
        raise DoesNotApplyError("`keeps_fractions` is False")
    q = np.array([0.5, 0.3, 0.2])
    language = NGram(1.0, q, spec=Spec.of("independent"))
    lowest = 1.0
    for steps, schedule in ((3, "linear"), (6, "cosine")):
        watched: Any = Watched(case.sampler, steps)
        SamplerCase(watched).model(language, steps, schedule).sample(DRAWS, LENGTH, 11, threads=1)
        fractions = case.sampler.fractions(steps, as_schedule(schedule))
        assert fractions is not None
        for number, (step, kept) in enumerate(zip(watched.seen, fractions[1:], strict=True)):
            law = np.append(kept * q, 1 - kept)
            for position, tokens in enumerate(step.after.T):
                p = g_test(np.bincount(tokens, minlength=4), law)
                lowest = min(lowest, p)
                if not p >= LEAST_P:
                    share = (tokens < 3).mean()
                    raise RefutedError(
                        f"p = {p:.1e}: a share {share:.4f} is set at position {position} after step {number + 1} "
                        f"of {steps}, for {kept:.4f} ({schedule})"
                    )
    return f"p >= {lowest:.1e} at every step and position of {DRAWS:,} draws"
