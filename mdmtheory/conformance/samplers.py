"""What a sampler promises: one suite for those that look at the sequence, one for laws over reveal plans."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory.conformance import plan_laws
from mdmtheory.conformance.goodness import follows
from mdmtheory.conformance.masked import (
    DRAWS,
    GREEDY,
    MARGINALS,
    NOISE,
    PROMPTS,
    STREAMS,
    WATCHED,
    require_closed_law,
    token_laws_trial,
)
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError, Report, Trial, make, refuses
from mdmtheory.conformance.settings import DELTA, LENGTH, small_languages, untied
from mdmtheory.conformance.steps import (
    SamplerCase,
    check_calls,
    check_context_only,
    check_fractions,
    check_members,
    check_nothing_left,
    check_progress,
    check_token_laws,
    check_tokens_set,
)
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.draws import law_by_draws
from mdmtheory.exact.enumeration import all_sequences
from mdmtheory.models.adaptive_loop import run_adaptive
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import PlanLaw
from mdmtheory.samplers.protocol import Sampler
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.samplers.ties import all_orders
from mdmtheory.schedules import as_schedule


def check_sampler(sampler: str | Spec | PlanLaw | Sampler) -> Report:
    """Try everything that a sampler promises on small languages with zeros; ValueError for what is no sampler.

    With an exact denoiser: its draws follow the law that enumerating its choices gives, and each sequence goes its way
    by itself. What each check expects is in its `expected`.

    >>> check_sampler("stride").passed
    True
    """
    built = as_sampler(sampler)
    if built.oblivious:
        return make("sampler", str(built.spec), plan_laws.TRIALS, plan_laws.PlanLawCase(built))
    return make("sampler", str(built.spec), TRIALS, SamplerCase(built))


def _uses(case: SamplerCase) -> str:
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


def _drawn_from_given_streams(case: SamplerCase, steps: int, schedule: str) -> Tokens:
    """Tokens from streams that, unlike a model's own, do not depend on steps and schedule."""
    states, shuffles = (stream_states(key, 0, WATCHED) for key in ("conformance", "conformance ties"))
    denoiser, schedule_ = case.model(untied()[0]).denoiser, as_schedule(schedule)
    return run_adaptive(denoiser, case.sampler, LENGTH, steps, schedule_, states=states, shuffles=shuffles).tokens


def _draws_follow_law(case: SamplerCase) -> str:
    require_closed_law(case)
    least = []
    for language in small_languages():
        model = case.model(language)
        # Where tokens may change, a step leads from everywhere to everywhere.
        length = LENGTH if not case.sampler.remasks or language.vocab_size < 4 else LENGTH - 1
        samples = model.sample(DRAWS, length, 7)
        try:
            least.append(follows(samples.tokens, law_by_draws(model, length), samples.impossible))
        except RefutedError as refuted:
            raise RefutedError(f"{language.spec}: {refuted}") from None
    trust = f"with oracles of trust {1 - DELTA:g}: " if case.sampler.remasks else ""
    return f"{trust}{least[0]} on {untied()[0].spec}, and so on {len(least) - 1} other languages"


def _replay(case: SamplerCase) -> str:
    if case.sampler.scored_as is None:
        model = case.model(untied()[0])
        refuses("log_prob of a sampler without one", lambda: model.log_prob(np.zeros((1, LENGTH), dtype=np.uint8)))
        return "refused with a reason: no replay gives log p(x)"
    require_closed_law(case)
    worst = 0.0
    for language in small_languages():
        model = case.model(language)
        sequences = all_sequences(model.vocab_size, LENGTH)
        replayed = _replayed(model, sequences)
        law = law_by_draws(model, LENGTH).reshape(-1)
        off = np.abs(replayed - law)
        worst = max(worst, float(off.max()))
        if not off.max() <= 1e-9:
            x = sequences[off.argmax()].tolist()
            raise RefutedError(
                f"{language.spec}: p({x}) is {replayed[off.argmax()]:.9g} by replay, {law[off.argmax()]:.9g} by law"
            )
    shuffles = "the mean over shuffles is " if case.sampler.sees_order else ""
    return f"{shuffles}within {worst:.0e} of the law on {len(small_languages())} languages"


def _replayed(model: MaskedDiffusion, sequences: Tokens) -> Float[np.ndarray, "count"]:
    """p(x) by replay, the mean over all orders where the sampler is shown one."""
    if not model.sampler.sees_order:
        return np.exp(model.log_prob(sequences).values)
    given = [model.replay(sequences, order=order).log_probs.sum(axis=1) for order in all_orders(sequences.shape[1])]
    return np.exp(given).mean(axis=0)


TRIALS: tuple[Trial[SamplerCase], ...] = (
    Trial(
        "protocol",
        "the members of mdmtheory.samplers.protocol.Sampler, with these shapes, that leave their arguments alone",
        "compare with that protocol; return new arrays from `step`",
        check_members,
        gate=True,
    ),
    Trial(
        "progress",
        "every step sets a token in each unfinished sequence that drew one; with remasking it ends all the same",
        "set at least one wanted position in each row, or let `finished` say so",
        check_progress,
        gate=True,
    ),
    token_laws_trial(check_token_laws),
    Trial(
        "nothing left",
        "no mask remains in a sequence that is not impossible",
        "let `finished` be true of rows without a mask only",
        check_nothing_left,
    ),
    Trial(
        "tokens set",
        "a token that is set is the one drawn there, and stays unless `remasks`",
        "write `drawn` at wanted positions; declare `remasks = True` where set tokens may change",
        check_tokens_set,
    ),
    Trial(
        "calls",
        "a call and a round for each step in which a sequence asks, and no other",
        "count nothing yourself: the canvas does; want nothing in a step that needs nothing",
        check_calls,
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
        check_context_only,
    ),
    Trial(
        "replay",
        "p(x) by replay, its mean over shuffles if `sees_order`, is the law by enumeration, within 1e-9; refused where "
        "no replay gives it",
        "set `context_only` and `remasks` to what holds",
        _replay,
    ),
    GREEDY,
    Trial(
        "fractions",
        "if it has `fractions` a: with independent tokens a position holds v with probability a_k q(v) after step k",
        "with sigma the chance of masking again, set masked tokens with (a_k - (1 - sigma) a_{k-1}) / (1 - a_{k-1})",
        check_fractions,
    ),
    NOISE,
    *PROMPTS,
    *MARGINALS,
)
