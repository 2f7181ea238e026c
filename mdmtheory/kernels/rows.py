"""Sums of rows, four at a time, so that the result is loaded and stored once for four of them.

Rows that weigh nothing cost nothing. Slices from 0 spare the inner loop the test for negative indices, which would keep
it from being vectorised.
"""

from __future__ import annotations

from mdmtheory.kernels.compiling import part


@part
def in_pairs(terms):
    """The sum of eight, pair by pair."""
    a, b, c, d, e, f, g, h = terms
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@part
def add_four_rows(a, b, c, d, matrix, s, first, result):
    """result[j] += a, b, c, d times rows s..s+3 of `matrix`, from column `first` on."""
    if a != 0.0 or b != 0.0 or c != 0.0 or d != 0.0:
        last = first + len(result)
        row_a, row_b = matrix[s, first:last], matrix[s + 1, first:last]
        row_c, row_d = matrix[s + 2, first:last], matrix[s + 3, first:last]
        for j in range(len(result)):
            result[j] += (a * row_a[j] + b * row_b[j]) + (c * row_c[j] + d * row_d[j])


@part
def add_row(a, row, result):
    """result[j] += a * row[j]."""
    if a != 0.0:
        for j in range(len(result)):
            result[j] += a * row[j]


@part
def add_rows(weights, matrix, s, stop, first, result):
    """result[j] += sum over rows s..stop-1 of weights[s] * matrix[s, first + j]."""
    while s + 4 <= stop:
        add_four_rows(weights[s], weights[s + 1], weights[s + 2], weights[s + 3], matrix, s, first, result)
        s += 4
    while s < stop:
        add_row(weights[s], matrix[s, first : first + len(result)], result)
        s += 1


@part
def add_scaled(out, mass, law):
    """out += mass * law, eight at a time: read before written, so that they can share a vector instruction."""
    v = 0
    while v + 8 <= len(out):
        o, w = out[v : v + 8], law[v : v + 8]
        a, b, c, d = o[0] + mass * w[0], o[1] + mass * w[1], o[2] + mass * w[2], o[3] + mass * w[3]
        e, f, g, h = o[4] + mass * w[4], o[5] + mass * w[5], o[6] + mass * w[6], o[7] + mass * w[7]
        o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7] = a, b, c, d, e, f, g, h
        v += 8
    while v < len(out):
        out[v] += mass * law[v]
        v += 1


@part
def dot(left, right):
    """Sum of products, in eight partial sums."""
    a = b = c = d = e = f = g = h = 0.0
    v = 0
    while v + 8 <= len(left):
        p, q = left[v : v + 8], right[v : v + 8]
        a += p[0] * q[0]
        b += p[1] * q[1]
        c += p[2] * q[2]
        d += p[3] * q[3]
        e += p[4] * q[4]
        f += p[5] * q[5]
        g += p[6] * q[6]
        h += p[7] * q[7]
        v += 8
    while v < len(left):
        a += left[v] * right[v]
        v += 1
    return in_pairs((a, b, c, d, e, f, g, h))


@part
def _column(sum, a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, k):
    """sum + a p[k] + ... + h y[k], as two times four rows add it."""
    return (sum + ((a * p[k] + b * q[k]) + (c * r[k] + d * t[k]))) + ((e * u[k] + f * w[k]) + (g * x[k] + h * y[k]))


@part
def add_eight_rows(a, b, c, d, e, f, g, h, matrix, s, first, result):
    """result += a, b, ..., h times rows s..s+7 of `matrix`, from column `first` on; the same sums as two times four.

    Eight columns at a time: straight code becomes vector instructions, and short rows need no loop.
    """
    v = 0
    while v + 8 <= len(result):
        i, j = first + v, first + v + 8
        o, p, q = result[v : v + 8], matrix[s, i:j], matrix[s + 1, i:j]
        r, t, u = matrix[s + 2, i:j], matrix[s + 3, i:j], matrix[s + 4, i:j]
        w, x, y = matrix[s + 5, i:j], matrix[s + 6, i:j], matrix[s + 7, i:j]
        one = _column(o[0], a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 0)
        two = _column(o[1], a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 1)
        three = _column(o[2], a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 2)
        four = _column(o[3], a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 3)
        five = _column(o[4], a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 4)
        six = _column(o[5], a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 5)
        seven = _column(o[6], a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 6)
        eight = _column(o[7], a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 7)
        # Read before written, so that they can share an instruction.
        o[0], o[1], o[2], o[3] = one, two, three, four
        o[4], o[5], o[6], o[7] = five, six, seven, eight
        v += 8
    while v < len(result):
        i = first + v
        result[v] += (a * matrix[s, i] + b * matrix[s + 1, i]) + (c * matrix[s + 2, i] + d * matrix[s + 3, i])
        result[v] += (e * matrix[s + 4, i] + f * matrix[s + 5, i]) + (g * matrix[s + 6, i] + h * matrix[s + 7, i])
        v += 1


@part
def total_of(entries):
    """Their sum, in eight partial sums: one would wait for every addition in turn."""
    a = b = c = d = e = f = g = h = 0.0
    k = 0
    while k + 8 <= len(entries):
        p = entries[k : k + 8]
        a += p[0]
        b += p[1]
        c += p[2]
        d += p[3]
        e += p[4]
        f += p[5]
        g += p[6]
        h += p[7]
        k += 8
    while k < len(entries):
        a += entries[k]
        k += 1
    return in_pairs((a, b, c, d, e, f, g, h))
