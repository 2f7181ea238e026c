"""Pairs of tokens that cannot stand together: how often independent draws make one."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part


@kernel
def bigram_clashes(law, powers, distance, pairs, first, out):
    """out[k, b - 1] = tau(first + k, distance, b), b = 1..K; docs/theory.md, section 5 (ours).

    Two ends a left and b right of a pair are revealed, the left one drawn from the stationary `law`; both tokens of
    the pair are drawn by themselves given the ends, and tau is the probability that they are one of `pairs`
    (n, 2), which cannot stand `distance` apart. powers[k] is the transition matrix to the power k + 1, the
    last of the K powers standing for all higher ones. O(K V^2) for each row and forbidden pair.
    """
    count = len(powers)
    size = len(law)
    joint = np.empty(size)
    for k in range(len(out)):
        a = first + k
        for b in range(1, count + 1):
            out[k, b - 1] = _clash(law, powers, a, distance, b, pairs, joint)


@part
def _clash(law, powers, a, distance, b, pairs, joint):
    last = len(powers)
    near_left, far_left = powers[min(a, last) - 1], powers[min(a + distance, last) - 1]
    near_right, far_right = powers[min(b, last) - 1], powers[min(b + distance, last) - 1]
    ends = powers[min(a + distance + b, last) - 1]
    size = len(law)
    total = 0.0
    for s in range(size):
        for t in range(size):
            joint[t] = 0.0
        for k in range(len(pairs)):
            y, z = pairs[k, 0], pairs[k, 1]
            mass = near_left[s, y] * far_left[s, z]
            if mass > 0.0:
                from_y, from_z = far_right[y], near_right[z]
                for t in range(size):
                    joint[t] += mass * from_y[t] * from_z[t]
        here = 0.0
        for t in range(size):
            if joint[t] > 0.0:
                here += joint[t] / ends[s, t]
        total += law[s] * here
    return total


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
