"""Pairs of tokens that cannot stand together: how often independent draws make one."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part

BLOCK = 512
"""Distances of the right end that are worked on side by side."""


@kernel
def bigram_clashes(law, along, count, distance, pairs, first, out):
    """out[k, b - 1] = tau(first + k, distance, b), b = 1..count; docs/theory.md, section 5 (ours).

    Two ends a left and b right of a pair are revealed, the left one drawn from the stationary `law`; both tokens of
    the pair are drawn by themselves given the ends, and tau is the probability that they are one of `pairs`
    (n, 2), which cannot stand `distance` apart. along[s, t, k] is the probability to go from s to t in k + 1 moves,
    for up to 2 count + distance. O(count V^2) for each row and forbidden pair, with all b side by side.
    """
    size = len(law)
    joint, here = np.empty(BLOCK), np.empty(BLOCK)
    masses, able = np.empty(len(pairs)), np.empty(len(pairs), dtype=np.int64)
    for k in range(len(out)):
        a = first + k
        for start in range(0, count, BLOCK):
            row = out[k, start : min(start + BLOCK, count)]
            width = len(row)
            for j in range(width):
                row[j] = 0.0
            for s in range(size):
                found = _masses(along[s], a, distance, pairs, masses, able)
                for j in range(width):
                    here[j] = 0.0
                for t in range(size):
                    for j in range(width):
                        joint[j] = 0.0
                    _meet(along, pairs, masses, able, found, t, start + distance, start, joint[:width])
                    ends = along[s, t, a + distance + start : a + distance + start + width]
                    for j in range(width):
                        here[j] += joint[j] / ends[j] if joint[j] > 0.0 else 0.0
                for j in range(width):
                    row[j] += law[s] * here[j]


@part
def _masses(ahead, a, distance, pairs, masses, able):
    """How probable both tokens of each pair are by the left end alone, of those that are possible; their number."""
    found = 0
    for k in range(len(pairs)):
        mass = ahead[pairs[k, 0], a - 1] * ahead[pairs[k, 1], a + distance - 1]
        if mass > 0.0:
            masses[found], able[found] = mass, k
            found += 1
    return found


@part
def _meet(along, pairs, masses, able, found, t, far, near, joint):
    """joint[j] += mass times the ways of both tokens of each pair to the right end t, j further on; four at a time."""
    width = len(joint)
    whole = found - found % 4
    for k in range(0, whole, 4):
        a, b, c, d = able[k], able[k + 1], able[k + 2], able[k + 3]
        first_y, first_z = along[pairs[a, 0], t, far : far + width], along[pairs[a, 1], t, near : near + width]
        second_y, second_z = along[pairs[b, 0], t, far : far + width], along[pairs[b, 1], t, near : near + width]
        third_y, third_z = along[pairs[c, 0], t, far : far + width], along[pairs[c, 1], t, near : near + width]
        fourth_y, fourth_z = along[pairs[d, 0], t, far : far + width], along[pairs[d, 1], t, near : near + width]
        p, q, r, s = masses[k], masses[k + 1], masses[k + 2], masses[k + 3]
        for j in range(width):
            total = joint[j] + p * first_y[j] * first_z[j]
            total += q * second_y[j] * second_z[j]
            total += r * third_y[j] * third_z[j]
            joint[j] = total + s * fourth_y[j] * fourth_z[j]
    for k in range(whole, found):
        a = able[k]
        first_y, first_z = along[pairs[a, 0], t, far : far + width], along[pairs[a, 1], t, near : near + width]
        for j in range(width):
            joint[j] += masses[k] * first_y[j] * first_z[j]


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
