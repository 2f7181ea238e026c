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
