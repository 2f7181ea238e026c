"""Laws over the strings that an automaton reads, forward-backward; sums of whole numbers, so that no tie is broken."""

from __future__ import annotations

from mdmtheory.kernels.compiling import kernel, part

_LARGE = 2.0**200


@part
def scale(messages):
    """By a power of two, which rounds nothing, where messages would leave the range of floats one day."""
    total = 0.0
    for s in range(len(messages)):
        total += messages[s]
    if total > _LARGE:
        for s in range(len(messages)):
            messages[s] /= _LARGE
    elif 0.0 < total < 1.0 / _LARGE:
        for s in range(len(messages)):
            messages[s] *= _LARGE


@kernel
def walk_laws(after, order, ends, evidence, ahead, behind, out):
    """`out` (rows, length, V): each token at each position by all evidence but the position's own, up to a factor.

    The token at position order[t] is read at time t, and leads from state s to after[t, s, v], -1 where nowhere. State
    0 is the first, and a string is read that comes to an end of `ends` (S,). `evidence` (rows, length, V); `ahead`
    (length + 1, S) and `behind` (2, S) are scratch. Cost: rows x length x S x V.
    """
    length, states, vocab_size = after.shape
    for row in range(len(evidence)):
        for s in range(states):
            ahead[length, s] = ends[s]
        for t in range(length - 1, -1, -1):
            for s in range(states):
                total = 0.0
                for v in range(vocab_size):
                    if after[t, s, v] >= 0:
                        total += evidence[row, order[t], v] * ahead[t + 1, after[t, s, v]]
                ahead[t, s] = total
            scale(ahead[t])
        for s in range(states):
            behind[0, s] = 1.0 if s == 0 else 0.0
        for t in range(length):
            now, then = behind[t % 2], behind[(t + 1) % 2]
            for v in range(vocab_size):
                out[row, order[t], v] = 0.0
            for s in range(states):
                then[s] = 0.0
            for s in range(states):
                if now[s] > 0.0:
                    for v in range(vocab_size):
                        if after[t, s, v] >= 0:
                            out[row, order[t], v] += now[s] * ahead[t + 1, after[t, s, v]]
                            then[after[t, s, v]] += now[s] * evidence[row, order[t], v]
            scale(then)
