"""Posteriors in closed form: what is revealed sums up in a few numbers, and the marginals follow from those.

`language` is the named tuple ClosedTables (languages/closed.py): the family, the vocabulary, each position's partner
and the noise, which is 1 - trust. A revealed token u has likelihood (1 - noise)*1[u = x] + noise/V.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mdmtheory.kernels.compiling import kernel, part, scratch_maker
from mdmtheory.kernels.plan_runs import PlanParts, most_steps, plan_runner

PAIRS, PERMUTATION, PARITY, REPETITION = 0, 1, 2, 3

# What `sums` holds: whether the revealed tokens are possible together, how many they are, the parity of their sum,
# and the one revealed last.
_FITS, _REVEALED, _ODD, _LAST = 0, 1, 2, 3


class Evidence(NamedTuple):
    """What is revealed: counts[v] positions show v, values[c] tokens have count c, position i shows shown[i]."""

    sums: Any
    counts: Any
    values: Any
    shown: Any


class PermanentScratch(NamedTuple):
    """Logarithms of the factorials, of the permanents by count, and of two rows of coefficients."""

    log_factorial: Any
    logs: Any
    coefficients: Any
    grown: Any


class ClosedScratch(NamedTuple):
    """What one thread works in."""

    evidence: Any
    permanent: Any
    weights: Any


@kernel
def weigh_closed(language, tokens, out):
    """Leave-one-out weights of every token at every position of partly masked rows: `out` (count, length, V).

    All zeros in impossible contexts; without noise, rows of revealed tokens are one-hot.
    """
    # Taken apart once: counting references to the arrays of a tuple in a tuple costs more than a row.
    evidence, permanent, _ = _closed_scratch(tokens.shape[1], language.vocab_size)
    for row in range(len(tokens)):
        _weigh_row(language, tokens[row], evidence, permanent, out[row])


@kernel
def possible_closed(language, tokens, out):
    """Whether each partly masked row agrees with some sequence of the support, whatever the noise."""
    evidence = _closed_scratch(tokens.shape[1], language.vocab_size).evidence
    for row in range(len(tokens)):
        _reveal_all(language, tokens[row], evidence)
        out[row] = evidence.sums[_FITS] == 1


@part
def _begin_row(language, scratch, row):
    _forget(scratch.evidence)
    _take_stock(language, scratch.evidence, scratch.permanent)


@part
def _weigh_token(language, scratch, row, position):
    _weigh(language, position, scratch.evidence, scratch.permanent, scratch.weights)


@part
def _reveal_step(language, scratch, row, start, stop, recompute):
    for m in range(start, stop):
        _reveal(language, row.order[m], np.int64(row.token[row.order[m]]), scratch.evidence)
    if scratch.evidence.sums[_FITS] == 0 and language.noise == 0.0:
        return False
    _take_stock(language, scratch.evidence, scratch.permanent)
    return True


_run = plan_runner(PlanParts(_begin_row, _weigh_token, _reveal_step))


@kernel
def run_closed_plans(language, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible, unsure):
    """As `run_chain_plans`; a reveal changes O(1) numbers, so there is nothing to recompute.

    O(V) a token, for distrusted permutations O(length^2) a step.
    """
    length = plan.shape[1]
    order, buckets = np.empty(length, dtype=np.int64), np.empty(most_steps(plan), dtype=np.int64)
    scratch = _closed_scratch(length, language.vocab_size)
    _run(
        language, scratch, order, buckets, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls,
        impossible, unsure,
    )  # fmt: skip


@part
def _weigh_row(language, token, evidence, scratch, out):
    """One row of `weigh_closed`. Positions that leave out equal evidence come together, so that it is weighed once."""
    length, vocab_size = len(token), language.vocab_size
    _reveal_all(language, token, evidence)
    if evidence.sums[_FITS] == 0 and language.noise == 0.0:
        for i in range(length):
            for v in range(vocab_size):
                out[i, v] = 0.0
        return
    _take_stock(language, evidence, scratch)
    for i in range(length):
        if token[i] == vocab_size:
            _weigh(language, i, evidence, scratch, out[i])
        elif language.noise == 0.0:
            for v in range(vocab_size):
                out[i, v] = 0.0
            out[i, token[i]] = 1.0
    if language.noise == 0.0:
        return
    most = 0
    for v in range(vocab_size):
        most = max(most, evidence.counts[v])
    for times in range(1, most + 1):
        stale = True
        for i in range(length):
            own = np.int64(token[i])
            if own < vocab_size and evidence.counts[own] == times:
                _conceal(i, own, evidence)
                if stale:
                    _take_stock(language, evidence, scratch)
                    stale = False
                _weigh(language, i, evidence, scratch, out[i])
                _reveal(language, i, own, evidence)


@part
def _weigh(language, position, evidence, scratch, weights):
    """Weights of the tokens at a masked position; `_take_stock` has seen the same counts."""
    vocab_size, noise = language.vocab_size, language.noise
    if language.family == PERMUTATION and noise == 0.0:
        for v in range(vocab_size):
            weights[v] = 1.0 if evidence.counts[v] == 0 else 0.0
        return
    if language.family == PERMUTATION:
        for v in range(vocab_size):
            weights[v] = scratch.logs[evidence.counts[v]]
        return
    if language.family == REPETITION and noise > 0.0:
        most = 0
        for v in range(vocab_size):
            most = max(most, evidence.counts[v])
        # How much likelier a token is to show itself than to show a given other one.
        log_ratio = math.log1p((1.0 - noise) * vocab_size / noise)
        for v in range(vocab_size):
            weights[v] = math.exp((evidence.counts[v] - most) * log_ratio)
        return
    hint, trust = -1, 1.0 - noise
    if language.family == PAIRS:
        if language.partner[position] >= 0:
            hint = evidence.shown[language.partner[position]]
    elif language.family == REPETITION:
        hint = evidence.sums[_LAST]
    elif evidence.sums[_REVEALED] == len(evidence.shown) - 1:
        # Each of the others is turned over with probability noise/2, so their parity is known with trust^(length - 1).
        hint, trust = evidence.sums[_ODD], trust ** (len(evidence.shown) - 1)
    if hint < 0:
        trust = 0.0
    for v in range(vocab_size):
        weights[v] = (1.0 - trust) / vocab_size
    if hint >= 0:
        weights[hint] += trust


@part
def _forget(evidence):
    """Nothing is revealed."""
    sums, counts, values, shown = evidence
    sums[_FITS], sums[_REVEALED], sums[_ODD], sums[_LAST] = 1, 0, 0, -1
    for v in range(len(counts)):
        counts[v] = 0
    for c in range(len(values)):
        values[c] = 0
    values[0] = len(counts)
    for i in range(len(shown)):
        shown[i] = -1


@part
def _reveal_all(language, token, evidence):
    """What the unmasked tokens of a row show."""
    _forget(evidence)
    for i in range(len(token)):
        if token[i] < language.vocab_size:
            _reveal(language, i, np.int64(token[i]), evidence)


@part
def _reveal(language, position, value, evidence):
    """Take one more token into account; sums[_FITS] becomes 0 if it contradicts those before."""
    sums, counts, values, shown = evidence
    length = len(shown)
    fits = True
    if language.family == PERMUTATION:
        fits = counts[value] == 0
    elif language.family == PAIRS:
        partner = language.partner[position]
        fits = partner < 0 or shown[partner] < 0 or shown[partner] == value
    elif language.family == REPETITION:
        fits = sums[_LAST] < 0 or sums[_LAST] == value
    elif sums[_REVEALED] == length - 1:
        fits = sums[_ODD] == value
    if not fits:
        sums[_FITS] = 0
    values[counts[value]] -= 1
    counts[value] += 1
    values[counts[value]] += 1
    sums[_REVEALED] += 1
    sums[_ODD] ^= value & 1
    sums[_LAST] = value
    shown[position] = value


@part
def _conceal(position, value, evidence):
    """Undo `_reveal`, but for sums[_FITS] and sums[_LAST], which matter only without noise."""
    sums, counts, values, shown = evidence
    values[counts[value]] -= 1
    counts[value] -= 1
    values[counts[value]] += 1
    sums[_REVEALED] -= 1
    sums[_ODD] ^= value & 1
    shown[position] = -1


@part
def _take_stock(language, evidence, scratch):
    """For distrusted permutations: scratch.logs[c] becomes the weight of a token that is revealed c times.

    The largest weight is 1. With m positions revealed, the weight of v is the sum over k of e_k(counts without v's)
    (1 - noise)^k (noise/V)^(m - k) (V - 1 - k)!: k of them show their true, distinct tokens, the rest anything, and
    none is v. It depends on v through its count alone. docs/theory.md, section 6 (ours).
    """
    if language.family != PERMUTATION or language.noise == 0.0:
        return
    values, revealed = evidence.values, evidence.sums[_REVEALED]
    best = -np.inf
    for c in range(revealed + 1):
        if values[c] > 0:
            values[c] -= 1
            scratch.logs[c] = _log_permanent(values, revealed, language.vocab_size, language.noise, scratch)
            values[c] += 1
            best = max(best, scratch.logs[c])
    for c in range(revealed + 1):
        if values[c] > 0:
            scratch.logs[c] = math.exp(scratch.logs[c] - best)


@part
def _log_permanent(values, revealed, items, noise, scratch):
    """Logarithm of the sum that `_take_stock` describes, where values[c] of the items allowed are revealed c times.

    e_k comes from prod over v of (1 + c_v t), whose factor of h equal counts c has the coefficients C(h, j) c^j. All in
    log space: at length 1000 the terms span thousands of orders of magnitude.
    """
    log_factorial, log_e, grown = scratch.log_factorial, scratch.coefficients, scratch.grown
    degree = 0
    log_e[0] = 0.0
    for c in range(1, revealed + 1):
        h = values[c]
        if h == 0:
            continue
        log_c = math.log(c)
        for k in range(degree + h + 1):
            first, last = max(0, k - degree), min(h, k)
            best = -np.inf
            for j in range(first, last + 1):
                best = max(best, log_e[k - j] + j * log_c - log_factorial[j] - log_factorial[h - j])
            total = 0.0
            for j in range(first, last + 1):
                total += math.exp(log_e[k - j] + j * log_c - log_factorial[j] - log_factorial[h - j] - best)
            grown[k] = log_factorial[h] + best + math.log(total)
        degree += h
        for k in range(degree + 1):
            log_e[k] = grown[k]
    log_true, log_false = math.log1p(-noise), math.log(noise / items)
    best = -np.inf
    for k in range(degree + 1):
        log_e[k] += k * log_true + (revealed - k) * log_false + log_factorial[items - 1 - k]
        best = max(best, log_e[k])
    total = 0.0
    for k in range(degree + 1):
        total += math.exp(log_e[k] - best)
    return best + math.log(total)


@scratch_maker
def _closed_scratch(length, vocab_size):
    log_factorial = np.empty(vocab_size + 1)
    log_factorial[0] = 0.0
    for k in range(1, vocab_size + 1):
        log_factorial[k] = log_factorial[k - 1] + math.log(k)
    evidence = Evidence(
        np.empty(4, dtype=np.int64),
        np.empty(vocab_size, dtype=np.int64),
        np.empty(length + 1, dtype=np.int64),
        np.empty(length, dtype=np.int64),
    )
    permanent = PermanentScratch(
        log_factorial, np.empty(length + 1), np.empty(vocab_size + 1), np.empty(vocab_size + 1)
    )
    return ClosedScratch(evidence, permanent, np.empty(vocab_size))
