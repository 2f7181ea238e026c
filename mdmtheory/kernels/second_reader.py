"""Contexts in which a second reader of a chain is lost: drawn, and the law that they are drawn from.

Two readers go along a sequence: the first is a chain of hidden states that emits it; of the second there is the set of
states in which it may be, `members` (A, S), set 0 being none and set 1 all. From `first` on the second reads what is
known, as the first emits it, and over what is not; at `split` it reads another token, which may be any; at `own` it
reads the one that the first emits there. `kinds` (W,) says which of these a position from `first` on is. It may not be
lost up to `own`, it may not have the first reader's state after `split`, and has to be lost at the end.
`moves` (A, V + 1) is what a token, or the mask, makes of its sets.
"""

from __future__ import annotations

import math

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.marginals import draw

KNOWN, HIDDEN, SPLIT, OWN = 0, 1, 2, 3


@kernel
def fill_messages(onward, emission, members, moves, kinds, messages):
    """Fill `messages` (W + 1, A, S): what is left, from a position on, of a state and a set; and return log of a scale.

    `onward` (S, S) holds transitions by the state that is moved to. Messages that readers may not come to are 0, the
    largest of each position is 1, and the logarithms of what was divided out are summed. -inf where nothing is left.
    Cost: W A S (S + V).
    """
    length, sets, states = len(kinds), len(members), len(onward)
    vocab_size = emission.shape[1]
    hop = np.empty((sets, states))
    log_scale = 0.0
    for a in range(sets):
        for s in range(states):
            messages[length, a, s] = 1.0 if a == 0 else 0.0
    for j in range(length - 1, -1, -1):
        # Whether the readers have parted before what follows position j, and whether the second may not be lost yet.
        parted, whole = False, False
        for i in range(length):
            parted = parted or (i <= j and kinds[i] == SPLIT)
            whole = whole or (i > j and kinds[i] == OWN)
        for a in range(sets):
            for s in range(states):
                hop[a, s] = 0.0
            for s in range(states):
                if (parted and members[a, s]) or (whole and a == 0):
                    messages[j + 1, a, s] = 0.0
                mass = messages[j + 1, a, s]
                if mass > 0.0:
                    for before in range(states):
                        hop[a, before] += onward[s, before] * mass
        largest = 0.0
        for a in range(sets):
            for s in range(states):
                total = 0.0
                if kinds[j] == HIDDEN:
                    total = hop[moves[a, vocab_size], s]
                else:
                    for v in range(vocab_size):
                        total += hop[moves[a, v], s] * (1.0 if kinds[j] == SPLIT else emission[s, v])
                messages[j, a, s] = total
                largest = max(largest, total)
        if largest == 0.0:
            return -math.inf
        for a in range(sets):
            for s in range(states):
                messages[j, a, s] /= largest
        log_scale += math.log(largest)
    return log_scale


@part
def chosen(weights, uniform):
    """A number drawn by its weight."""
    total = 0.0
    for n in range(len(weights)):
        total += weights[n]
    return draw(weights, total, uniform)


@kernel
def draw_contexts(transition, emission, moves, heads, kinds, first, messages, uniforms, tokens):
    """Fill `tokens` (rows, L) with what the first reader emits, drawn so that the second comes to be lost.

    `heads` (L, S) holds the law of the state at every position; three of a row's `uniforms` (rows, L, 3) go to each.
    """
    rows, length = tokens.shape
    states, vocab_size = emission.shape
    by_state, by_token = np.empty(states), np.empty(vocab_size)
    for row in range(rows):
        for s in range(states):
            by_state[s] = heads[first, s] * messages[0, 1, s]
        at_first = chosen(by_state, uniforms[row, first, 2])
        state, held = at_first, 1
        for t in range(first, length):
            j = t - first
            inside = j < len(kinds)
            for v in range(vocab_size):
                by_token[v] = emission[state, v]
            if inside and kinds[j] != HIDDEN:
                for v in range(vocab_size):
                    ahead, left = moves[held, v], 0.0
                    for s in range(states):
                        left += transition[state, s] * messages[j + 1, ahead, s]
                    by_token[v] = left if kinds[j] == SPLIT else emission[state, v] * left
            token = chosen(by_token, uniforms[row, t, 0])
            if inside:
                held = moves[held, vocab_size if kinds[j] == HIDDEN else token]
                if kinds[j] == SPLIT:
                    for v in range(vocab_size):
                        by_token[v] = emission[state, v]
                    token = chosen(by_token, uniforms[row, t, 1])
            tokens[row, t] = token
            if t < length - 1:
                for s in range(states):
                    by_state[s] = transition[state, s] * (messages[j + 1, held, s] if inside else 1.0)
                state = chosen(by_state, uniforms[row, t + 1, 2] if t + 1 > first else 0.0)
        state = at_first
        for t in range(first - 1, -1, -1):
            for s in range(states):
                by_state[s] = heads[t, s] * transition[s, state]
            state = chosen(by_state, uniforms[row, t, 2])
            for v in range(vocab_size):
                by_token[v] = emission[state, v]
            tokens[row, t] = chosen(by_token, uniforms[row, t, 0])


@part
def moved(law, transition, emission, token, then):
    """`then` becomes the law of a state after one that emits the token (the mask: any); both of any sum."""
    states, vocab_size = emission.shape
    for s in range(states):
        then[s] = 0.0
    for s in range(states):
        mass = law[s] * (emission[s, token] if token < vocab_size else 1.0)
        if mass > 0.0:
            for after in range(states):
                then[after] += mass * transition[s, after]


@part
def scaled(laws, count):
    """Divide the first `count` rows by the largest entry of all, and return its logarithm; -inf where there is none."""
    largest = 0.0
    for n in range(count):
        for s in range(laws.shape[1]):
            largest = max(largest, laws[n, s])
    if largest == 0.0:
        return -math.inf
    for n in range(count):
        for s in range(laws.shape[1]):
            laws[n, s] /= largest
    return math.log(largest)


@kernel
def score_contexts(transition, emission, members, moves, initial, kinds, first, shown, log_masses):
    """Fill `log_masses` (rows,) with log of q(what is shown, and the second reader lost), before it is normalised.

    `shown` (rows, L) has the mask wherever nothing is known. One law of the first reader's state is carried for each
    token that the second may have read at its split, and from `own` on for each that the first may have emitted there.
    """
    rows, length = shown.shape
    states, vocab_size = emission.shape
    most = vocab_size * vocab_size
    laws, thens = np.zeros((most, states)), np.zeros((most, states))
    held, helds = np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.int64)
    for row in range(rows):
        for s in range(states):
            laws[0, s] = initial[s]
        held[0] = 1
        count, log_mass = 1, 0.0
        parted, whole = False, True
        for t in range(length):
            j = t - first
            inside = 0 <= j < len(kinds)
            number = 0
            kind = kinds[j] if inside else HIDDEN
            if inside:
                parted, whole = parted or kind == SPLIT, whole and kind != OWN
            for n in range(count):
                for v in range(vocab_size if kind in (SPLIT, OWN) else 1):
                    read = np.int64(v)
                    if kind in (KNOWN, HIDDEN):
                        read = np.int64(shown[row, t])
                    emitted = np.int64(vocab_size) if kind == SPLIT else read
                    moved(laws[n], transition, emission, emitted, thens[number])
                    helds[number] = moves[held[n], read] if inside else held[n]
                    if inside:
                        for s in range(states):
                            if (parted and members[helds[number], s]) or (whole and helds[number] == 0):
                                thens[number, s] = 0.0
                    number += 1
            laws, thens = thens, laws
            held, helds = helds, held
            count = number
            if j == len(kinds) - 1:  # of whom the second reader is lost, what he read no longer matters
                for s in range(states):
                    total = 0.0
                    for n in range(count):
                        if held[n] == 0:
                            total += laws[n, s]
                    laws[0, s] = total
                count = 1
            log_mass += scaled(laws, count)
            if log_mass == -math.inf:
                break
        if log_mass > -math.inf:
            total = 0.0
            for s in range(states):
                total += laws[0, s]
            log_mass += math.log(total)
        log_masses[row] = log_mass
