"""Drafts of several tokens, verified one after the other (samplers/verifying.py): what is wanted, and what is kept."""

from __future__ import annotations

from mdmtheory.kernels.compiling import kernel, part


@kernel
def want_next(order, taken, memory, k, wanted):
    """Mark in `wanted` (rows, L) the next k positions of the `order` (L,), or one where a draft is being verified.

    `taken` (rows,) is how many are set, memory[row, 0] how many of a draft are verified.
    """
    length = len(order)
    for row in range(len(taken)):
        own = wanted[row]
        for i in range(length):
            own[i] = False
        width = k if memory[row, 0] == 0.0 else 1
        for turn in range(taken[row], min(taken[row] + width, length)):
            own[order[turn]] = True


@kernel
def keep_drafts(order, taken, k, drawn, laws, memory, tokens):
    """Set the first token of a draft, or the one just verified, in `tokens` (rows, L), and remember the rest.

    `drawn` (n,) and `laws` (n, V) are those of the positions that are wanted, row by row from left to right. A row of
    `memory` is how many of its draft are verified and how many there are, then the draft and its laws, (k,) and (k, V);
    zeros where a draft is over, which must not tell apart sequences with one future.
    """
    length, vocab_size = tokens.shape[1], laws.shape[1]
    entry = 0
    for row in range(len(tokens)):
        held, first = memory[row], taken[row]
        verified = int(held[0])
        width = 1
        if verified == 0:
            width = min(k, length - first)
            held[1] = width
            for turn in range(width):
                own = entry + _rank(order, first, width, turn)
                held[2 + turn] = drawn[own]
                for v in range(vocab_size):
                    held[2 + k + turn * vocab_size + v] = laws[own, v]
        token = drawn[entry + _rank(order, first, width, 0)]
        tokens[row, order[first]] = token
        if token == held[2 + verified] and verified + 1 < held[1]:
            held[0] = verified + 1
        else:
            for j in range(len(held)):
                held[j] = 0.0
        entry += width


@part
def _rank(order, first, width, turn):
    """How many of the positions order[first : first + width] are left of that of one turn."""
    rank = 0
    for other in range(first, first + width):
        rank += order[other] < order[first + turn]
    return rank
