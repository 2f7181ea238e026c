"""Steps of messages of many sequences, side by side in memory: (states, lanes), a lane a sequence.

Each probability of a transition is then loaded once for all of them. A sequence's sums are taken in the same order in
every lane, so its numbers do not depend on its neighbours, nor on how many lanes there are, a multiple of eight.
"""

from __future__ import annotations

from mdmtheory.kernels.compiling import part, subroutine
from mdmtheory.kernels.vectors import lesser_positive, load, spread, store, turned

LANES = 16
"""Sequences side by side: two vectors, summed together; so few that the messages of whole sequences stay near."""


@part
def lanes_for(count):
    """How many lanes serve so many sequences."""
    return 8 if count <= 8 else LANES


@part
def see(tokens, first, i, seen):
    """The tokens at position i of the rows from `first`; the last row fills the lanes that are left over."""
    for lane in range(len(seen)):
        seen[lane] = tokens[min(first + lane, len(tokens) - 1), i]


@subroutine
def combine_lanes(message, matrix, out):
    """out[j] (lanes,) = sum over s of matrix[s, j] * message[s] (lanes,), four s at a time."""
    width, lanes = out.shape
    whole = width - width % 4
    for lane in range(0, lanes, 16):
        for j in range(0, whole, 4):
            if lane + 16 <= lanes:
                _combine_both(message, matrix, j, lane, out)
            else:
                _combine_eight(message, matrix, j, lane, out)
    for lane in range(0, lanes, 8):
        for j in range(whole, width):
            reached = spread(0.0)
            for s in range(len(matrix)):
                reached = reached + spread(matrix[s, j]) * load(message[s], lane)
            store(out[j], lane, reached)


@part
def _combine_both(message, matrix, j, lane, out):
    """Four columns of the matrix and sixteen lanes: as many sums as registers hold beside what is summed."""
    a = b = c = d = spread(0.0)
    e = f = g = h = spread(0.0)
    size = len(matrix)
    whole = size - size % 4
    for s in range(0, whole, 4):
        m0, m1, m2, m3 = message[s], message[s + 1], message[s + 2], message[s + 3]
        w, x, y, z = load(m0, lane), load(m1, lane), load(m2, lane), load(m3, lane)
        k, u, m, n = load(m0, lane + 8), load(m1, lane + 8), load(m2, lane + 8), load(m3, lane + 8)
        p, q, r, t = _column(matrix, s, j)
        a, e = a + ((p * w + q * x) + (r * y + t * z)), e + ((p * k + q * u) + (r * m + t * n))
        p, q, r, t = _column(matrix, s, j + 1)
        b, f = b + ((p * w + q * x) + (r * y + t * z)), f + ((p * k + q * u) + (r * m + t * n))
        p, q, r, t = _column(matrix, s, j + 2)
        c, g = c + ((p * w + q * x) + (r * y + t * z)), g + ((p * k + q * u) + (r * m + t * n))
        p, q, r, t = _column(matrix, s, j + 3)
        d, h = d + ((p * w + q * x) + (r * y + t * z)), h + ((p * k + q * u) + (r * m + t * n))
    for s in range(whole, size):
        w, k = load(message[s], lane), load(message[s], lane + 8)
        p, q = spread(matrix[s, j]), spread(matrix[s, j + 1])
        r, t = spread(matrix[s, j + 2]), spread(matrix[s, j + 3])
        a, b, c, d = a + p * w, b + q * w, c + r * w, d + t * w
        e, f, g, h = e + p * k, f + q * k, g + r * k, h + t * k
    _store_four(out, j, lane, a, b, c, d)
    _store_four(out, j, lane + 8, e, f, g, h)


@part
def _combine_eight(message, matrix, j, lane, out):
    """Four columns and eight lanes."""
    a = b = c = d = spread(0.0)
    size = len(matrix)
    whole = size - size % 4
    for s in range(0, whole, 4):
        w, x = load(message[s], lane), load(message[s + 1], lane)
        y, z = load(message[s + 2], lane), load(message[s + 3], lane)
        p, q, r, t = _column(matrix, s, j)
        a = a + ((p * w + q * x) + (r * y + t * z))
        p, q, r, t = _column(matrix, s, j + 1)
        b = b + ((p * w + q * x) + (r * y + t * z))
        p, q, r, t = _column(matrix, s, j + 2)
        c = c + ((p * w + q * x) + (r * y + t * z))
        p, q, r, t = _column(matrix, s, j + 3)
        d = d + ((p * w + q * x) + (r * y + t * z))
    for s in range(whole, size):
        w = load(message[s], lane)
        a, b = a + spread(matrix[s, j]) * w, b + spread(matrix[s, j + 1]) * w
        c, d = c + spread(matrix[s, j + 2]) * w, d + spread(matrix[s, j + 3]) * w
    _store_four(out, j, lane, a, b, c, d)


@part
def _column(matrix, s, j):
    """Four entries of a column, each in all lanes."""
    return spread(matrix[s, j]), spread(matrix[s + 1, j]), spread(matrix[s + 2, j]), spread(matrix[s + 3, j])


@part
def _store_four(out, j, lane, a, b, c, d):
    store(out[j], lane, a)
    store(out[j + 1], lane, b)
    store(out[j + 2], lane, c)
    store(out[j + 3], lane, d)


@subroutine
def take_in(prior, likelihood, seen, message, totals, scales, least):
    """message = prior times the evidence of each lane's token, scaled to sum 1 in each lane; `totals` gets the sums.

    `likelihood` (V + 1, S) is the evidence of each token. Where it is impossible the sum is 0 and the lane's message
    becomes zeros. `least` falls to the smallest positive entry of a lane's message.
    """
    size = len(prior)
    whole = size - size % 8
    for lane in range(0, len(totals), 8):
        total = spread(0.0)
        for s in range(0, whole, 8):
            evidence = _evidence(likelihood, seen, lane, s)
            for k in range(8):
                weighed = load(prior[s + k], lane) * evidence[k]
                total = total + weighed
                store(message[s + k], lane, weighed)
        store(totals, lane, total)
    for s in range(whole, size):
        p, m = prior[s], message[s]
        for lane in range(len(totals)):
            # `seen` is unsigned: a signed index would be tested for being negative every time.
            m[lane] = p[lane] * likelihood[seen[lane], s]
            totals[lane] += m[lane]
    for lane in range(len(totals)):
        scales[lane] = 1.0 / totals[lane] if totals[lane] > 0.0 else 0.0
    for lane in range(0, len(totals), 8):
        scale, lowest = load(scales, lane), load(least, lane)
        for s in range(size):
            scaled = load(message[s], lane) * scale
            lowest = lesser_positive(lowest, scaled)
            store(message[s], lane, scaled)
        store(least, lane, lowest)


@part
def _evidence(likelihood, seen, lane, s):
    """Of eight states the evidence in eight lanes: each lane's is a row of the table, and these are turned."""
    return turned(
        load(likelihood[seen[lane]], s),
        load(likelihood[seen[lane + 1]], s),
        load(likelihood[seen[lane + 2]], s),
        load(likelihood[seen[lane + 3]], s),
        load(likelihood[seen[lane + 4]], s),
        load(likelihood[seen[lane + 5]], s),
        load(likelihood[seen[lane + 6]], s),
        load(likelihood[seen[lane + 7]], s),
    )
