"""Laws over answers that are listed: keep those that agree with what is revealed, and average them.

All lists of a canvas stand in one `pool` (answers, columns), those of row r from `begin[r]` on. `kept` has a segment
for each row, from `offset[r]`; the first `count[r]` numbers of it are the answers that agree with what row r reveals,
in their order in the pool.
"""

from __future__ import annotations

import math

import numpy as np

from mdmtheory.kernels.compiling import kernel


@kernel
def keep_agreeing(pool, kept, offset, count, rows, columns, tokens):
    """Drop from each named row the answers that have another token in the column; O(answers kept) a token."""
    for i in range(len(rows)):
        row, column, token = rows[i], columns[i], tokens[i]
        first, left = offset[row], 0
        for j in range(first, first + count[row]):
            answer = kept[j]
            if pool[answer, column] == token:
                kept[first + left] = answer
                left += 1
        count[row] = left


@kernel
def keep_from_start(pool, begin, size, shown, mask, kept, offset, count, rows):
    """Do the same for rows of which a token changed: from the whole list, by all that `shown` (rows, columns) has."""
    for i in range(len(rows)):
        row = rows[i]
        first, left = offset[row], 0
        for answer in range(begin[row], begin[row] + size[row]):
            agrees = True
            for column in range(shown.shape[1]):
                if shown[row, column] != mask and shown[row, column] != pool[answer, column]:
                    agrees = False
                    break
            if agrees:
                kept[first + left] = answer
                left += 1
        count[row] = left


@kernel
def average_kept(pool, weights, kept, offset, count, rows, columns, out):
    """Row i of `out` (n, V), zeros before: the law of a token given what its row reveals; zeros where none agrees."""
    for i in range(len(rows)):
        row, column = rows[i], columns[i]
        total = 0.0
        for j in range(offset[row], offset[row] + count[row]):
            answer = kept[j]
            out[i, pool[answer, column]] += weights[answer]
            total += weights[answer]
        if total > 0.0:
            for v in range(out.shape[1]):
                out[i, v] /= total


@kernel
def average_trusted(pool, logs, begin, size, shown, mask, gain, rows, columns, scores, out):
    """The same where a revealed token is evidence: agreeing with it gains an answer `gain` nats over disagreeing.

    A row of `out` leaves out the evidence of its own position. `rows` come sorted, so that each is scored once;
    `scores` (most answers of a row,) is scratch.
    """
    last = -1
    for i in range(len(rows)):
        row, column = rows[i], columns[i]
        if row != last:
            for j in range(size[row]):
                answer, score = begin[row] + j, logs[begin[row] + j]
                for other in range(shown.shape[1]):
                    if shown[row, other] != mask and shown[row, other] == pool[answer, other]:
                        score += gain
                scores[j] = score
            last = row
        own, largest = shown[row, column], -np.inf
        for j in range(size[row]):
            score = scores[j] - (gain if own != mask and own == pool[begin[row] + j, column] else 0.0)
            if score > largest:
                largest = score
        total = 0.0
        for j in range(size[row]):
            token = pool[begin[row] + j, column]
            weight = math.exp(scores[j] - (gain if own != mask and own == token else 0.0) - largest)
            out[i, token] += weight
            total += weight
        for v in range(out.shape[1]):
            out[i, v] /= total
