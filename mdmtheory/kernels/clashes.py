"""Pairs of tokens that cannot stand together: how often independent draws make one."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.chain import combine
from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.rows import add_row, total_of


@kernel
def span_clashes(powers, turned, pairs, first, out):
    """out[k, n - 3] = sum of tau(a, d, b) over a + d + b = n, given the token first + k at the left end.

    docs/theory.md, section 5 (ours). The left end is revealed, and the right one, n further on; both tokens of a pair d
    apart are drawn by themselves given the ends, and tau is the probability that they are one of `pairs`
    (count, 3): d, y, z, which cannot stand so. `powers` (M, V, V) are those of the transition matrix, the last for all
    further ones, and `turned` is that matrix transposed. O(V^3 + V count) for each row and width.
    """
    moves, size = powers[0], len(turned)
    # joint[z, y]: both tokens are carried on by themselves to one place; they meet the right end where they agree.
    joint, spare = np.empty((size, size)), np.empty((size, size))
    for k in range(len(out)):
        s = first + k
        for z in range(size):
            for y in range(size):
                joint[z, y] = 0.0
        mass = 0.0
        for place in range(2, out.shape[1] + 3):
            ends = powers[min(place, len(powers)) - 1, s]
            if place > 2:
                total = 0.0
                for t in range(size):
                    total += joint[t, t] / ends[t] if joint[t, t] > 0.0 else 0.0
                out[k, place - 3] = total
            mass += _add_pairs(powers, pairs, s, place, ends, joint)
            _move_both(moves, turned, mass, joint, spare)


@part
def _add_pairs(powers, pairs, s, place, ends, joint):
    """Add the pairs whose right token stands at `place`, the left one carried there; returns their probability."""
    added = 0.0
    for k in range(len(pairs)):
        distance = pairs[k, 0]
        if distance >= place:
            break
        y, z = pairs[k, 1], pairs[k, 2]
        mass = powers[min(place - distance, len(powers)) - 1, s, y] * ends[z]
        if mass > 0.0:
            added += mass
            add_row(mass, powers[min(distance, len(powers)) - 1, y], joint[z])
    return added


@part
def _move_both(moves, turned, mass, joint, spare):
    """Both tokens move on by one place. Their sum is scaled to `mass`, lest thousands of moves shift it."""
    size = len(moves)
    total = 0.0
    for z in range(size):
        combine(joint[z], moves, 0, size, spare[z], 0, size)
    for z in range(size):
        combine(turned[z], spare, 0, size, joint[z], 0, size)
        total += total_of(joint[z])
    if total > 0.0:
        factor = mass / total
        for z in range(size):
            for y in range(size):
                joint[z, y] *= factor


@kernel
def context_clashes(start, successors, emitters, tokens, marginals, out):
    """out[row] = the probability, summed over masked pairs, that two tokens drawn by themselves cannot stand together.

    `marginals` (count, L, V) are those of each partly masked row of `tokens`. Which pairs can stand together is decided
    by sets of states, as in `possible_rows`: from each token that a position can take, the states that can follow are
    carried on until they are all that could be there anyway. O(L V S) a row for a chain that forgets at once.
    """
    length = tokens.shape[1]
    words = len(start)
    alive = np.empty((length, words), dtype=np.uint64)
    here = np.empty(words, dtype=np.uint64)
    there = np.empty(words, dtype=np.uint64)
    for row in range(len(tokens)):
        alive_states(start, successors, emitters, tokens[row], alive, here)
        out[row] = _clashes_of_row(successors, emitters, tokens[row], marginals[row], alive, here, there)


@part
def alive_states(start, successors, emitters, token, alive, following):
    """alive[i] becomes the set of states at i on some path that fits the whole row."""
    length, words = alive.shape
    states = len(successors)
    one = np.uint64(1)
    for w in range(words):
        following[w] = start[w]
    for i in range(length):
        for w in range(words):
            alive[i, w] = following[w] & emitters[token[i], w]
        if i + 1 < length:
            spread(successors, alive[i], following)
    for i in range(length - 2, -1, -1):
        for s in range(states):
            w, bit = s >> 6, one << np.uint64(s & 63)
            if alive[i, w] & bit and not meets(successors[s], alive[i + 1]):
                alive[i, w] ^= bit


@part
def spread(successors, states, out):
    """out = all successors of a set of states."""
    one = np.uint64(1)
    for w in range(len(out)):
        out[w] = 0
    for w in range(len(states)):
        bits = states[w]
        s = w * 64
        while bits != 0:
            if bits & one:
                for k in range(len(out)):
                    out[k] |= successors[s, k]
            bits >>= one
            s += 1


@part
def meets(some, others):
    """Whether two sets have a member in common."""
    for w in range(len(some)):
        if some[w] & others[w]:
            return True
    return False


@part
def _clashes_of_row(successors, emitters, token, marginals, alive, here, there):
    length, vocab_size = marginals.shape
    words = len(here)
    total = 0.0
    for i in range(length):
        if token[i] < vocab_size:
            continue
        for y in range(vocab_size):
            if marginals[i, y] <= 0.0:
                continue
            for w in range(words):
                here[w] = alive[i, w] & emitters[y, w]
            lost = 0.0
            for j in range(i + 1, length):
                spread(successors, here, there)
                everything = True
                for w in range(words):
                    here[w] = there[w] & alive[j, w]
                    everything &= here[w] == alive[j, w]
                if everything:
                    break
                if token[j] == vocab_size:
                    for z in range(vocab_size):
                        if marginals[j, z] > 0.0 and not meets(here, emitters[z]):
                            lost += marginals[j, z]
            total += marginals[i, y] * lost
    return total
