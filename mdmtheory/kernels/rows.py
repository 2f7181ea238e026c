"""Sums of rows, four at a time, so that the result is loaded and stored once for four of them.

Rows that weigh nothing cost nothing. Slices from 0 spare the inner loop the test for negative indices, which would keep
it from being vectorised.
"""

from __future__ import annotations

from mdmtheory.kernels.compiling import part


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
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@part
def _column(a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, k):
    """a p[k] + b q[k] + ... + h y[k]."""
    return ((a * p[k] + b * q[k]) + (c * r[k] + d * t[k])) + ((e * u[k] + f * w[k]) + (g * x[k] + h * y[k]))


@part
def add_eight_rows(a, b, c, d, e, f, g, h, rows, s, out):
    """out += a, b, ..., h times rows s..s+7, eight columns at a time: straight code becomes vector instructions."""
    v = 0
    while v + 8 <= len(out):
        o, p, q = out[v : v + 8], rows[s, v : v + 8], rows[s + 1, v : v + 8]
        r, t, u = rows[s + 2, v : v + 8], rows[s + 3, v : v + 8], rows[s + 4, v : v + 8]
        w, x, y = rows[s + 5, v : v + 8], rows[s + 6, v : v + 8], rows[s + 7, v : v + 8]
        first = o[0] + _column(a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 0)
        second = o[1] + _column(a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 1)
        third = o[2] + _column(a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 2)
        fourth = o[3] + _column(a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 3)
        fifth = o[4] + _column(a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 4)
        sixth = o[5] + _column(a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 5)
        seventh = o[6] + _column(a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 6)
        eighth = o[7] + _column(a, b, c, d, e, f, g, h, p, q, r, t, u, w, x, y, 7)
        # Read before written, so that they can share an instruction.
        o[0], o[1], o[2], o[3] = first, second, third, fourth
        o[4], o[5], o[6], o[7] = fifth, sixth, seventh, eighth
        v += 8
    while v < len(out):
        out[v] += a * rows[s, v] + b * rows[s + 1, v] + c * rows[s + 2, v] + d * rows[s + 3, v]
        out[v] += e * rows[s + 4, v] + f * rows[s + 5, v] + g * rows[s + 6, v] + h * rows[s + 7, v]
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
    return ((a + b) + (c + d)) + ((e + f) + (g + h))
