"""One step of masked sampling on a bigram, seen from its spans: the masked positions between two revealed tokens.

Tokens are 0..V-1, and V stands for what lies before the first position. A span of width n between a and b holds n - 1
masked positions. Each span has a value: the probability that the steps still to come fill it with a stretch that is not
in the support (if `spans.errors`), or with one that is. docs/theory.md, section 3 (ours).

A step reveals each masked position with probability `reveal`, or lets it `stay`; what it draws in a span is conditioned
on the two ends of that span alone. Sums over what it reveals run from the left: A(m, c) is the weight of token c at m,
all spans before it being in order.

The named tuple `spans` (`exact.spans.SpanTables`) holds what does not change from step to step:

- `powers` (V, L + 1, V + 1), at [c, n, a]: the probability of c at distance n after a; 0 at n = 0.
- `inverse`, of the same shape, at [b, n, a]: 1 / powers, and 0 where b cannot stand n after a.
- `dead`, of the same shape: the value of the spans whose inverse is 0.
- `tails`, `narrow` (V,) and `laws` (V, L + 1, V): how far the ends of a span that ends with b see; see `find_sight`.

The values after the step come as `kept`, times stay^(n - 1), the probability that it reveals nothing in the span:
(V, L + 1, V + 1) at [b, n, a], `spread` (V, V + 1, L + 1) at [b, a, n], and `kept_open` (V + 1, L + 2) at [a, n] for
spans that nothing closes.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.rows import add_four_rows, add_rows

NEGLIGIBLE = 1e-25
"""Laws may differ by so much, absolute: tokens that are left for good die out, but never settle."""

LANES = 128
"""So many spans run side by side: their masses stay in the cache."""


@kernel
def fill_open(spans, spread, kept_open, reveal, stay, weights, wrong, value, first, last):
    """Values before the step of the spans that begin with first..last-1 and that nothing closes; O(L^2 V^2) each.

    weights[a, m, c] becomes A(m, c), which holds as well for spans whose right end is too far to matter; wrong[a, m]
    the probability that the tokens revealed up to m already contradict each other; value (V + 1, L + 2) is at [a, n].
    """
    vocab_size, _, edges = spread.shape
    pending, pending_open = np.empty((vocab_size, edges)), np.empty(edges + 1)
    for a in range(first, last):
        _fill_open(
            spans.powers,
            spread,
            kept_open,
            reveal,
            stay,
            spans.errors,
            a,
            weights[a],
            wrong[a],
            value[a],
            pending,
            pending_open,
        )


@part
def _fill_open(powers, spread, kept_open, reveal, stay, errors, a, weights, wrong, value, pending, pending_open):
    """One left end of `fill_open`.

    Invariant: pending[c, m] sums A(m', c') times what the span from there to (m, c) keeps, over all m' before the
    current position and a itself; `reached` is the same sum for spans that keep all.
    """
    vocab_size, _, edges = spread.shape
    for c in range(vocab_size):
        for n in range(edges):
            pending[c, n] = spread[c, a, n]
    for n in range(edges + 1):
        pending_open[n] = kept_open[a, n]
    reached, lost = 1.0, 0.0
    wrong[0] = 0.0
    for m in range(1, edges):
        total = 0.0
        for c in range(vocab_size):
            mass = reveal * powers[c, m, a]
            if errors:
                lost += mass * pending[c, m]
                mass *= reached - pending[c, m]
            else:
                mass *= pending[c, m]
            weights[m, c] = mass
            total += mass
        wrong[m] = lost
        reached = stay * reached + total
        for c in range(vocab_size):
            add_rows(weights[m], spread[c], 0, vocab_size, 1, pending[c, m + 1 : edges])
        add_rows(weights[m], kept_open, 0, vocab_size, 1, pending_open[m + 1 : edges + 1])
    value[0] = 0.0
    for n in range(1, edges + 1):
        value[n] = wrong[n - 1] + pending_open[n] if errors else pending_open[n]


@kernel
def fill_closed(spans, kept, spread, reveal, stay, weights, wrong, widest, value, first, last):
    """Values before the step of the spans that end with first..last-1; value (V, L + 1, V + 1) is at [b, n, a].

    Of those up to `widest` alone; values of others stay, but `dead`. Up to width narrow[b] by the full recursion,
    O(narrow^3 V^3) for each b; beyond it from `weights` and `wrong` of `fill_open`, O(L^2 V^2).
    """
    vocab_size, edges, starts = kept.shape
    block = max(1, LANES // starts)
    widths = min(spans.narrow.max(), widest) + 1
    # What spans keep, by width and left end in one row, so that four entries meet four rows of masses.
    joined = np.zeros((vocab_size, widths * vocab_size + 4))
    for b in range(vocab_size):
        for n in range(1, widths):
            for c in range(vocab_size):
                joined[b, n * vocab_size + c] = kept[b, n, c]
    masses = np.zeros((widths * vocab_size + 4, block * starts))
    sums, lanes = np.empty((vocab_size, block * starts)), np.empty((3, block * starts))
    back, push, row = np.empty((starts, edges)), np.empty(vocab_size), np.empty(edges)
    flat = (vocab_size, edges * starts)
    powers, inverse, dead = spans.powers.reshape(flat), spans.inverse.reshape(flat), spans.dead.reshape(flat)
    rows, flat_value = kept.reshape(flat), value.reshape(flat)
    for b in range(first, last):
        narrow = min(spans.narrow[b], widest)
        for n in range(1, narrow + 1, block):
            until = min(n + block, narrow + 1)
            _fill_narrow(
                powers,
                inverse[b],
                rows,
                joined,
                reveal,
                stay,
                spans.errors,
                b,
                n,
                until,
                starts,
                masses,
                sums,
                lanes,
                flat_value[b],
            )
        if narrow < widest:
            _fill_wide(
                spread,
                reveal,
                stay,
                spans.errors,
                weights,
                wrong,
                b,
                spans.tails[b],
                narrow,
                widest + 1,
                spans.laws[b],
                back,
                push,
                row,
                value[b],
            )
        _bury(inverse[b], dead[b], flat_value[b])


@part
def _fill_narrow(
    powers, inverse, rows, joined, reveal, stay, errors, b, first, last, starts, masses, sums, lanes, value
):
    """Spans of widths first..last-1 that end with b, all left ends side by side.

    Invariant: masses[d * V + c] is A(n - d, c), the weight of c at distance d from b, for every d beyond the current
    one, and 0 in spans not wider than d. reached, total and lost are as in `_fill_open`.
    """
    vocab_size = len(rows)
    low, high = first * starts, last * starts
    reached, total, lost = lanes[0], lanes[1], lanes[2]
    for k in range(high - low):
        total[k] = 0.0
        lost[k] = 0.0
    for s in range((last - 1) * vocab_size, last * vocab_size + 4):
        for k in range(high - low):
            masses[s, k] = 0.0
    for d in range(last - 2, -1, -1):
        begin = max(low, (d + 1) * starts)
        ends = vocab_size if d > 0 else 1
        for c in range(ends):
            end = c if d > 0 else b
            result, alone = sums[c, begin - low : high - low], rows[end, begin - d * starts : high - d * starts]
            for k in range(len(result)):
                result[k] = alone[k]
        for s in range((d + 1) * vocab_size, last * vocab_size, 4):
            at = max(low, (s // vocab_size + 1) * starts) - low
            stop = high - low
            near = s - d * vocab_size
            c = 0
            while c + 2 <= ends:
                _add_four_rows_twice(
                    joined[c], joined[c + 1], near, masses, s, at, sums[c, at:stop], sums[c + 1, at:stop]
                )
                c += 2
            while c < ends:
                keeps = joined[c if d > 0 else b]
                w_0, w_1, w_2, w_3 = keeps[near], keeps[near + 1], keeps[near + 2], keeps[near + 3]
                add_four_rows(w_0, w_1, w_2, w_3, masses, s, at, sums[c, at:stop])
                c += 1
        if d == 0:
            break
        for k in range(begin - low, high - low):
            reached[k] = stay * reached[k] + total[k]
            total[k] = 0.0
        if begin == (d + 1) * starts:
            # Only the left end is before the first position.
            for k in range(begin - low, begin - low + starts):
                reached[k] = 1.0
        for c in range(vocab_size):
            mass = masses[d * vocab_size + c]
            for k in range(begin - low):
                mass[k] = 0.0
            _weigh(
                reveal * powers[b, d * starts + c],
                powers[c, begin - d * starts : high - d * starts],
                inverse[begin:high],
                sums[c, begin - low : high - low],
                errors,
                reached[begin - low : high - low],
                mass[begin - low : high - low],
                total[begin - low : high - low],
                lost[begin - low : high - low],
            )
    for k in range(high - low):
        value[low + k] = lost[k] + sums[0, k] if errors else sums[0, k]


@part
def _add_four_rows_twice(first, second, near, matrix, s, begin, one, two):
    """`add_four_rows` by entries near..near+3 of `first` into `one`, of `second` into `two`: rows are loaded once."""
    last = begin + len(one)
    row_a, row_b = matrix[s, begin:last], matrix[s + 1, begin:last]
    row_c, row_d = matrix[s + 2, begin:last], matrix[s + 3, begin:last]
    a, b, c, d = first[near], first[near + 1], first[near + 2], first[near + 3]
    e, f, g, h = second[near], second[near + 1], second[near + 2], second[near + 3]
    for j in range(len(one)):
        w, x, y, z = row_a[j], row_b[j], row_c[j], row_d[j]
        one[j] += (a * w + b * x) + (c * y + d * z)
        two[j] += (e * w + f * x) + (g * y + h * z)


@part
def _weigh(ahead, before, inverse, pending, errors, reached, mass, total, lost):
    """The weight of one token at one distance from the right end, in every span."""
    if errors:
        for k in range(len(mass)):
            law = ahead * (before[k] * inverse[k])
            lost[k] += law * pending[k]
            mass[k] = law * (reached[k] - pending[k])
            total[k] += mass[k]
    else:
        for k in range(len(mass)):
            mass[k] = ahead * (before[k] * inverse[k]) * pending[k]


@part
def _fill_wide(spread, reveal, stay, errors, weights, wrong, b, tail, narrow, edges, law, back, push, row, value):
    """Spans of widths narrow + 1..edges - 1 that end with b: sums over the last token before the tail.

    Invariant: back[c, d] is the value of a span from c at distance d, if all that the step reveals in it lies in the
    tail and nearer to b than the current distance; `certain` is the part that is wrong whatever the span that begins
    with c.
    """
    vocab_size, starts, _ = spread.shape
    for c in range(starts):
        for d in range(edges):
            back[c, d] = spread[b, c, d]
    certain = 0.0
    for d in range(1, edges):
        settled = 0.0
        for c in range(starts):
            back[c, d] += certain
        if d < tail:
            for c in range(vocab_size):
                mass = reveal * law[d, c]
                if errors:
                    settled += mass * back[c, d]
                    push[c] = mass * (1.0 - back[c, d])
                else:
                    push[c] = mass * back[c, d]
            for c in range(vocab_size):
                if push[c] != 0.0:
                    for x in range(starts):
                        result, keeps = back[x, d + 1 : edges], spread[c, x, 1 : edges - d]
                        for k in range(len(result)):
                            result[k] += push[c] * keeps[k]
        certain = stay * certain + settled
    for a in range(starts):
        for n in range(narrow + 1, edges):
            row[n] = back[a, n] + wrong[a, n - tail] if errors else back[a, n]
        for m in range(1, edges - tail):
            begin = max(narrow + 1, m + tail)
            add_rows(weights[a, m], back, 0, vocab_size, begin - m, row[begin:edges])
        for n in range(narrow + 1, edges):
            value[n, a] = row[n]


@part
def _bury(inverse, dead, value):
    for k in range(len(value)):
        if inverse[k] == 0.0:
            value[k] = dead[k]


@kernel
def find_sight(powers, inverse, tolerance, tails, narrow, laws):
    """How far the ends of a span see, for each right end b; nothing is assumed of the chain. O(L^2 V^3).

    At distance tails[b] or more from b its presence changes no law by more than `tolerance`, relative: P(b | c, d) =
    P(b | a, n) for all spans (a, n) and tokens c possible at distance d. In spans wider than narrow[b] the law of a
    token nearer to b, laws[b, d, c] = P(c | a, n - d) P(b | c, d) / P(b | a, n), is the same for all of them. Where the
    ends of all spans see each other, narrow[b] is L.
    """
    for b in range(len(powers)):
        tails[b] = _tail(powers, inverse[b], tolerance, b)
        narrow[b] = _narrow(powers, inverse[b], tolerance, b, tails[b], laws[b])


@part
def _tail(powers, inverse, tolerance, b):
    vocab_size, edges, starts = powers.shape
    for d in range(edges - 2, 0, -1):
        for n in range(d + 1, edges):
            for a in range(starts):
                if inverse[n, a] > 0.0:
                    for c in range(vocab_size):
                        if powers[c, n - d, a] > 0.0 and abs(powers[b, d, c] * inverse[n, a] - 1.0) > tolerance:
                            return d + 1
    return 1


@part
def _narrow(powers, inverse, tolerance, b, tail, laws):
    """The width beyond which the tail's laws agree; fills laws[d, c] from the widest span."""
    vocab_size, edges, starts = powers.shape
    known = False
    for n in range(edges - 1, tail - 1, -1):
        for a in range(starts):
            if inverse[n, a] == 0.0:
                continue
            for d in range(1, tail):
                for c in range(vocab_size):
                    law = powers[b, d, c] * (powers[c, n - d, a] * inverse[n, a])
                    if not known:
                        laws[d, c] = law
                    elif abs(law - laws[d, c]) > tolerance * laws[d, c] + NEGLIGIBLE:
                        return n
            known = True
    return tail
