"""What a language promises: one law, however it is asked for."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from mdmtheory.conformance.bayes import all_contexts, bayes, masked_marginals, opened_at, possible
from mdmtheory.conformance.goodness import follows
from mdmtheory.conformance.language_case import LONG, SHARED, LanguageCase
from mdmtheory.conformance.prompts import of_language, own_prompt
from mdmtheory.conformance.report import RefutedError, Report, Trial, make, refuses
from mdmtheory.conformance.settings import DELTA, allowed_by
from mdmtheory.conformance.tasks import TRIALS as OF_TASKS
from mdmtheory.conformance.tasks import TaskCase
from mdmtheory.core.canvases import laws_said
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.guards import unguarded
from mdmtheory.exact.enumeration import all_sequences, entropy_nats
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.tasks.base import Task

_DRAWS = 20_000
_VERY_LONG = 1_500


def check_language(language: LanguageLike) -> Report:
    """Try everything that a language promises; ValueError for what is no language.

    Short sequences against the law that `log_prob` gives all of them, long ones against the chain rule; those of a
    task against its rule (conformance/tasks.py).

    >>> from mdmtheory import Parity
    >>> check_language(Parity()).passed
    True
    """
    built: Any = as_language(language)
    if isinstance(unguarded(built), Task):
        return make("language", str(built.spec), OF_TASKS, TaskCase(built))
    return make("language", str(built.spec), TRIALS, LanguageCase(built))


def _sums(case: LanguageCase) -> str:
    total = float(case.law.sum())
    if not abs(total - 1) <= 1e-9:
        raise RefutedError(f"the probabilities of all {case.law.size:,} sequences of {case.length} sum to {total:.9g}")
    for length in range(1, case.length):
        if not allowed_by(case.language)(length):
            continue
        shorter = float(np.exp(case.language.log_prob(all_sequences(case.language.vocab_size, length))).sum())
        if not abs(shorter - 1) <= 1e-9:
            raise RefutedError(f"the probabilities of all sequences of {length} sum to {shorter:.9g}")
    return f"1 within {abs(total - 1):.0e} over {case.law.size:,} sequences of {case.length}, and at shorter lengths"


def _samples(case: LanguageCase) -> str:
    return follows(case.language.sample(_DRAWS, case.length, 3), case.law)


def _support(case: LanguageCase) -> str:
    inside = np.asarray(case.language.in_support(case.sequences))
    wrong = np.flatnonzero(inside != (case.law.reshape(-1) > 0))
    if len(wrong):
        x = case.sequences[wrong[0]].tolist()
        raise RefutedError(f"in_support of {x} is {inside[wrong[0]]} and q(x) is {case.law.reshape(-1)[wrong[0]]:.3g}")
    return f"{inside.sum():,} of {len(inside):,} sequences"


def _long(case: LanguageCase) -> str:
    length = case.longest(_VERY_LONG)
    tokens = case.language.sample(4, length, 0)
    values, inside = np.asarray(case.language.log_prob(tokens)), np.asarray(case.language.in_support(tokens))
    if not inside.all():
        raise RefutedError(
            f"{(~inside).sum()} of 4 sequences drawn at length {length} are said to be outside the support"
        )
    if not np.isfinite(values).all() or (values > 1e-9).any():
        raise RefutedError(f"log_prob of sequences drawn at length {length} is {values.tolist()}")
    return f"log q of 4 sequences of {length}: {values.min():.1f} to {values.max():.1f} nats"


def _chain_rule(case: LanguageCase) -> str:
    """log q(x) as the sum of the oracle's log q(x_i | x_<i), for drawn sequences and for some with a token changed."""
    language, length = case.language, case.longest(LONG)
    drawn = language.sample(6, length, 1)
    changed = drawn.copy()
    changed[np.arange(6), np.arange(6) * length // 6] = (changed[np.arange(6), np.arange(6) * length // 6] + 1) % max(
        language.vocab_size, 1
    )
    tokens = np.concatenate([drawn, changed])
    total = np.zeros(len(tokens))
    for i in range(length):
        shown = tokens.copy()
        shown[:, i:] = language.vocab_size
        canvas = opened_at(language.oracle(), shown)
        rows = np.arange(len(tokens))
        marginals = laws_said(canvas, rows, np.full(len(tokens), i))
        with np.errstate(divide="ignore"):
            total += np.log(marginals[rows, tokens[:, i]])
    values = np.asarray(language.log_prob(tokens))
    same = np.isclose(values, total, rtol=1e-9, atol=1e-9) | ((values == -np.inf) & (total == -np.inf))
    if not same.all():
        row = int(np.argmin(same))
        raise RefutedError(f"log q is {values[row]:.9g} and the sum over positions {total[row]:.9g} at length {length}")
    return f"12 sequences of {length}, {np.isinf(values).sum()} of them impossible"


def _conditionals(case: LanguageCase) -> str:
    oracle, contexts = case.language.oracle(), all_contexts(case.language.vocab_size, case.length)
    expected, can_be = bayes(case.law, contexts), possible(case.law, contexts)
    found, marked = masked_marginals(oracle, contexts)
    masked = contexts == case.language.vocab_size
    expected[~masked] = 0.0
    expected[~can_be] = 0.0
    off = np.abs(found - expected).max(axis=(1, 2))
    if not off.max() <= 1e-9:
        raise RefutedError(f"the conditionals of {contexts[off.argmax()].tolist()} are off by {off.max():.2g}")
    wrong = masked.any(axis=1) & (marked == can_be)
    if wrong.any():
        which = "impossible" if can_be[wrong.argmax()] else "possible"
        raise RefutedError(f"{contexts[wrong.argmax()].tolist()} is marked {which}")
    return (
        f"within {off.max():.0e} of Bayes' rule in {len(contexts):,} contexts, {(~can_be).sum():,} of them impossible"
    )


def _prompt(case: LanguageCase) -> str:
    allowed = allowed_by(case.language)
    said = own_prompt(case.language, filter(allowed, range(1, 65)))
    return f"{of_language(case.language, case.law)}; {said}"


def _trust(case: LanguageCase) -> str:
    worst = 0.0
    for trust in (1 - DELTA, 0.5):
        oracle: Any = case.language.oracle(trust)
        contexts = all_contexts(case.language.vocab_size, case.length)
        canvas = opened_at(oracle, contexts)
        rows, positions = np.nonzero(np.ones(contexts.shape, dtype=np.bool_))
        found = laws_said(canvas, rows, positions)
        expected = bayes(case.law, contexts, trust)
        off = np.abs(found.reshape(expected.shape) - expected).max(axis=(1, 2))
        worst = max(worst, float(off.max()))
        if not off.max() <= 1e-9:
            x = contexts[off.argmax()].tolist()
            raise RefutedError(f"with trust {trust} the conditionals of {x} are off by {off.max():.2g}")
        if np.asarray(canvas.impossible).any():
            raise RefutedError(f"with trust {trust} a context is marked impossible")
    for bad in (0.0, 1.5):
        refuses(f"trust {bad}", partial(case.language.oracle, bad))
    return f"within {worst:.0e} of Bayes' rule with soft evidence, leave-one-out at revealed positions"


def _entropy(case: LanguageCase) -> str:
    found, truth = case.language.entropy(case.length), entropy_nats(case.law)
    if not isinstance(found, Estimate):
        raise RefutedError(f"entropy gave a {type(found).__name__}, no Estimate")
    # Three times a 95 % interval: chance leaves it once in 10^8.
    room = 1e-9 * max(1.0, truth) if found.kind == "exact" else 3 * max(found.high - found.low, 1e-9) / 2
    too_low = found.value < truth - room and found.kind != "lower bound"
    too_high = found.value > truth + room and found.kind != "upper bound"
    if too_low or too_high:
        raise RefutedError(f"entropy at length {case.length} is {found}, and by enumeration {truth:.9g} nats")
    rate = case.language.entropy_rate()
    if rate is not None and not isinstance(rate, Estimate):
        raise RefutedError(f"entropy_rate gave a {type(rate).__name__}, neither an Estimate nor None")
    return f"{found.value:.6g} nats, {found.kind}; {truth:.6g} by enumeration"


def _alone(case: LanguageCase) -> str:
    length = case.longest(LONG)
    together = case.language.sample(12, length, 5, threads=2)
    values = np.asarray(case.language.log_prob(together, threads=2))
    for first, count in ((0, 1), (1, 6), (7, 5)):
        tokens = case.language.sample(count, length, 5, first=first, threads=1)
        if not np.array_equal(tokens, together[first : first + count]):
            raise RefutedError(f"sequences {first}..{first + count - 1} differ where they are drawn alone")
        if not np.array_equal(np.asarray(case.language.log_prob(tokens, threads=1)), values[first : first + count]):
            raise RefutedError(f"log_prob of sequences {first}..{first + count - 1} differs where they are alone")
    return "12 sequences and their log_prob are the same alone and together"


TRIALS: tuple[Trial[LanguageCase], ...] = (
    SHARED["protocol"],
    SHARED["lengths"],
    SHARED["tokens"],
    Trial("sums to 1", "exp(log_prob) sums to 1 over all sequences of a length", "normalise the law", _sums),
    Trial(
        "samples",
        "samples follow exp(log_prob), at p > 1e-6 (G-test)",
        "let `sample` and `log_prob` speak of one law",
        _samples,
    ),
    Trial(
        "support",
        "in_support is q(x) > 0 for every short sequence",
        "decide by sets of possible states",
        _support,
    ),
    Trial(
        "long",
        "long samples are in the support and have a finite log_prob, though q(x) is below the smallest float",
        "sum logarithms, and decide the support by sets, never by a threshold",
        _long,
    ),
    Trial(
        "chain rule",
        "log_prob is the sum of the oracle's log q(x_i | x_<i), at lengths that cannot be enumerated too",
        "let `oracle` and `log_prob` speak of one law",
        _chain_rule,
    ),
    Trial(
        "conditionals",
        "the oracle's marginals are Bayes' rule on the law in every context; zeros, and marked, where impossible",
        "compute the posterior given all revealed tokens, on both sides",
        _conditionals,
    ),
    Trial(
        "prompt",
        "the oracle's chain rule gives q of any given part, and prompts drawn from q follow it; `prompt` is sound",
        "let `prompt(length)` return truth values, not all of them, or None; let `sample` take any seed below 2^63",
        _prompt,
    ),
    Trial(
        "trust",
        "with trust below 1 revealed tokens are soft evidence, and rows at revealed positions leave their own out",
        "weigh a revealed token v by trust 1[v = x] + (1 - trust)/V",
        _trust,
    ),
    Trial(
        "entropy",
        "entropy is an Estimate whose kind holds against the enumerated law",
        "call a number exact only where it is",
        _entropy,
    ),
    SHARED["digest"],
    Trial(
        "alone",
        "a sequence and its log_prob are the same drawn alone or among others, whatever the threads",
        "draw sequence i from stream i of core.streams.stream_states",
        _alone,
    ),
    SHARED["seeds"],
)
