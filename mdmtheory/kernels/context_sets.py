"""Sets of the contexts of an n-gram along a partly masked row: which tokens can stand together there.

A context of m tokens is a number in base V, the newest token its last digit. A set of contexts is (V^(m-1), words): for
all tokens but the newest, a bit set of what the newest may be; the empty context is the bit 0. `allowed` (rows, words)
has the tokens that may follow each context, and starts[m] is the row of the first context of m tokens, m = 0..n-1.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part


@kernel
def clashes_from(allowed, starts, tokens, marginals, chosen, out):
    """out[row] = the probability that tokens drawn by themselves at two positions cannot stand together.

    It is summed over the `chosen` positions of a row (-1: none) and all masked ones after each.
    From each token that a chosen position can take the contexts that can follow are carried on until they are all that
    could be there anyway. O(L V^n) a row, and O(V^n) for each token and position that it is felt at.
    """
    length, vocab_size = marginals.shape[1:]
    width = max(1, (len(allowed) - starts[-1]) // vocab_size)
    alive = np.empty((length + 1, width, allowed.shape[1]), dtype=np.uint64)
    here, there = np.empty_like(alive[0]), np.empty_like(alive[0])
    fitting, reached = np.empty(allowed.shape[1], dtype=np.uint64), np.empty(allowed.shape[1], dtype=np.uint64)
    for row in range(len(tokens)):
        _find_alive(allowed, starts, vocab_size, tokens[row], alive, fitting)
        total = 0.0
        for k in range(chosen.shape[1]):
            if chosen[row, k] >= 0:
                total += _clashes_of(
                    allowed, starts, tokens[row], marginals[row], alive, chosen[row, k], here, there, fitting, reached
                )
        out[row] = total


@part
def _find_alive(allowed, starts, vocab_size, token, alive, fitting):
    """alive[i] becomes the set of contexts before i on some path that fits the whole row."""
    length = len(token)
    one = np.uint64(1)
    _clear(alive[0])
    alive[0, 0, 0] = one
    for i in range(length):
        _fit(token[i], vocab_size, fitting)
        _step(allowed, starts, vocab_size, i, alive[i], fitting, alive[i + 1])
    for i in range(length - 1, -1, -1):
        _fit(token[i], vocab_size, fitting)
        for p in range(_prefixes(starts, vocab_size, i)):
            for w in range(alive.shape[2]):
                for bit in range(64):
                    if not alive[i, p, w] >> np.uint64(bit) & one:
                        continue
                    context = p * vocab_size + w * 64 + bit
                    after = alive[i + 1, _next_prefix(starts, vocab_size, i, context)]
                    law = allowed[starts[min(i, len(starts) - 1)] + context]
                    goes_on = False
                    for v in range(len(law)):
                        goes_on |= law[v] & fitting[v] & after[v] != 0
                    if not goes_on:
                        alive[i, p, w] ^= one << np.uint64(bit)


@part
def _clashes_of(allowed, starts, token, marginals, alive, i, here, there, fitting, reached):
    """The clashes of position i with all masked positions after it."""
    length, vocab_size = marginals.shape
    total = 0.0
    for y in range(vocab_size):
        if marginals[i, y] <= 0.0:
            continue
        _fit(y, vocab_size, fitting)
        _step(allowed, starts, vocab_size, i, alive[i], fitting, here)
        _meet(here, alive[i + 1], _prefixes(starts, vocab_size, i + 1))
        lost = 0.0
        for j in range(i + 1, length):
            if _same(here, alive[j], _prefixes(starts, vocab_size, j)):
                break
            _fit(token[j], vocab_size, fitting)
            _step(allowed, starts, vocab_size, j, here, fitting, there)
            count = _prefixes(starts, vocab_size, j + 1)
            _meet(there, alive[j + 1], count)
            for w in range(len(reached)):
                reached[w] = 0
            for p in range(count):
                for w in range(len(reached)):
                    here[p, w] = there[p, w]
                    reached[w] |= there[p, w]
            if token[j] == vocab_size:
                for z in range(vocab_size):
                    if not reached[z >> 6] >> np.uint64(z & 63) & np.uint64(1):
                        lost += marginals[j, z]
        total += marginals[i, y] * lost
    return total


@part
def _step(allowed, starts, vocab_size, i, states, fitting, out):
    """out = the contexts before i + 1 that some fitting token at i leads to from a set of contexts before i."""
    one = np.uint64(1)
    first = starts[min(i, len(starts) - 1)]
    _clear(out)
    for p in range(_prefixes(starts, vocab_size, i)):
        for w in range(states.shape[1]):
            bits = states[p, w]
            context = p * vocab_size + w * 64
            while bits != 0:
                if bits & one:
                    law, after = allowed[first + context], out[_next_prefix(starts, vocab_size, i, context)]
                    for v in range(len(law)):
                        after[v] |= law[v] & fitting[v]
                bits >>= one
                context += 1


@part
def _next_prefix(starts, vocab_size, i, context):
    """A context before i without its newest token, once the next one is there: a full one loses its oldest."""
    full = len(starts) - 1
    if i < full:
        return context
    return context % _prefixes(starts, vocab_size, full)


@part
def _prefixes(starts, vocab_size, i):
    """V^(m-1), m being how many tokens a context before i has; 1 for none."""
    known = min(i, len(starts) - 1)
    return 1 if known == 0 else starts[known] - starts[known - 1]


@part
def _fit(token, vocab_size, fitting):
    """The tokens that a row admits where it shows `token`: this one, or all under the mask."""
    all_of_them, one = ~np.uint64(0), np.uint64(1)
    for w in range(len(fitting)):
        fitting[w] = all_of_them
    if token < vocab_size:
        for w in range(len(fitting)):
            fitting[w] ^= all_of_them
        fitting[token >> 6] = one << np.uint64(token & 63)


@part
def _clear(states):
    for p in range(states.shape[0]):
        for w in range(states.shape[1]):
            states[p, w] = 0


@part
def _meet(states, others, count):
    for p in range(count):
        for w in range(states.shape[1]):
            states[p, w] &= others[p, w]


@part
def _same(states, others, count):
    for p in range(count):
        for w in range(states.shape[1]):
            if states[p, w] != others[p, w]:
                return False
    return True
