"""Satisfying assignments of clauses of three literals, as sets of bits that are grown, counted and weighed.

A word has the 64 assignments that differ in the first six variables: in bit b variable v is b >> v & 1. `rest` is what
they share: variable v from 6 on is rest >> (v - 6) & 1. Literal 2v is variable v, 2v + 1 its negation. Words come into
being variable by variable, each clause strikes bits as soon as its last variable is there, and a word without bits is
dropped: so a set takes the work of its own size and of those that it grew from, 2^(n - 6) words at most.
"""

from __future__ import annotations

import math

import numpy as np

from mdmtheory.kernels.compiling import kernel, part

LOW = 6
"""Variables within a word."""

_TRUE = np.array(
    [sum(1 << bit for bit in range(64) if bit >> variable & 1) for variable in range(LOW)], dtype=np.uint64
)
"""The bits in which each of them is true."""
_ALL = ~np.uint64(0)
_0, _1, _2, _4, _56 = (np.uint64(each) for each in (0, 1, 2, 4, 56))
_PAIRS, _FOURS, _EIGHTS, _ONES = (np.uint64(int(each * 8, 16)) for each in ("55", "33", "0f", "01"))


@part
def _size(word):
    """How many bits of a word are set; compiled to one instruction."""
    word = word - (word >> _1 & _PAIRS)
    word = (word & _FOURS) + (word >> _2 & _FOURS)
    return np.int64((word + (word >> _4) & _EIGHTS) * _ONES >> _56)


@part
def _grow(clauses, variables, may, rest, words):
    """Fill the first of `rest` and `words` with the assignments that satisfy all clauses; how many words there are.

    `clauses` (m, 3), the last literals rising; variable v may be b where `may` (n, 2) is positive. Invariant: after
    variable v the words are all partial assignments of 0..v that fail no clause of these, none of them empty.
    """
    word = _ALL if variables >= LOW else (_1 << np.uint64(1 << variables)) - _1
    for v in range(min(variables, LOW)):
        if not may[v, 0] > 0.0:
            word &= _TRUE[v]
        if not may[v, 1] > 0.0:
            word &= ~_TRUE[v]
    clause, count = 0, 1
    rest[0], words[0] = 0, word
    for v in range(min(variables, LOW) - 1, variables):
        if v >= LOW:
            place = 1 << (v - LOW)
            if may[v, 1] > 0.0:
                first = count if may[v, 0] > 0.0 else 0
                for i in range(count):
                    rest[first + i] = rest[i] | place
                    words[first + i] = words[i]
                count += first
            elif not may[v, 0] > 0.0:
                return 0
        while clause < len(clauses) and clauses[clause, 2] >> 1 <= v:
            allowed, mask, false = _0, 0, 0
            for literal in clauses[clause]:
                if literal >> 1 < LOW:
                    true = _TRUE[literal >> 1]
                    allowed |= ~true if literal & 1 else true
                else:
                    mask |= 1 << ((literal >> 1) - LOW)
                    false |= (literal & 1) << ((literal >> 1) - LOW)
            left = 0
            for i in range(count):
                word = words[i]
                if rest[i] & mask == false:
                    word &= allowed
                if word:
                    rest[left], words[left] = rest[i], word
                    left += 1
            count = left
            clause += 1
    return 0 if count == 1 and not words[0] else count


@kernel
def satisfying_words(clauses, variables, may, rest, words):
    """Fill the first of `rest` int64 and `words` uint64, (2^(n - 6),), with what satisfies the clauses; their number.

    Words come in the order of their assignments.
    """
    return _grow(clauses, variables, may, rest, words)


@kernel
def count_satisfying(clauses, may, rest, words, out):
    """Row r of `out` (rows, n, 2): how many assignments satisfy clauses[r] and have each value of each variable.

    Only values that `may` (rows, n, 2) be count. `clauses` (rows, m, 3) int64; `rest`, `words` are scratch. Work: n
    for each word.
    """
    variables = may.shape[1]
    for row in range(len(may)):
        count, total = _grow(clauses[row], variables, may[row], rest, words), 0
        for v in range(variables):
            out[row, v, 1] = 0.0
        for i in range(count):
            word = words[i]
            size = _size(word)
            total += size
            for v in range(min(variables, LOW)):
                out[row, v, 1] += _size(word & _TRUE[v])
            for v in range(LOW, variables):
                out[row, v, 1] += size * (rest[i] >> (v - LOW) & 1)
        for v in range(variables):
            out[row, v, 0] = total - out[row, v, 1]


@kernel
def weigh_satisfying(clauses, said, rest, words, low, out):
    """Do the same where a value b of variable v weighs exp(said[row, v, b]), up to a factor for each row.

    `said` is finite; `low` (64,) is scratch. Weights are relative to the largest, so that none that matters is lost.
    """
    variables = said.shape[1]
    may = np.ones((variables, 2))
    for row in range(len(said)):
        highest = -np.inf
        for bit in range(64):
            low[bit] = 0.0
            for v in range(min(variables, LOW)):
                low[bit] += said[row, v, bit >> v & 1]
            highest = max(highest, low[bit])
        count, largest = _grow(clauses[row], variables, may, rest, words), -np.inf
        for i in range(count):
            shared = _shared(said[row], rest[i])
            for bit in range(64):
                if words[i] >> np.uint64(bit) & _1:
                    largest = max(largest, shared + low[bit])
        for bit in range(64):
            low[bit] = math.exp(low[bit] - highest)
        for v in range(variables):
            out[row, v, 0], out[row, v, 1] = 0.0, 0.0
        for i in range(count):
            shared, total = math.exp(_shared(said[row], rest[i]) + highest - largest), 0.0
            for bit in range(64):
                if words[i] >> np.uint64(bit) & _1:
                    weight = shared * low[bit]
                    total += weight
                    for v in range(min(variables, LOW)):
                        out[row, v, bit >> v & 1] += weight
            for v in range(LOW, variables):
                out[row, v, rest[i] >> (v - LOW) & 1] += total


@part
def _shared(said, rest):
    """What is said of the variables that a word shares."""
    total = 0.0
    for v in range(LOW, len(said)):
        total += said[v, rest >> (v - LOW) & 1]
    return total
