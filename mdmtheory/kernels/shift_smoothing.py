"""Messages of an n-gram at every position of whole sequences: marginals of all tokens, and what is possible at all."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT
from mdmtheory.kernels.shift import least_live, step_backward, step_forward, step_scratch, weigh_position


@kernel
def masked_messages(shift, forward):
    """forward[i] (length + 1, contexts) when every token is masked: the prior law of the context before i."""
    length = forward.shape[0] - 1
    vocab_size = shift.laws.shape[1]
    tokens = np.full(length, vocab_size, dtype=np.int64)
    step = step_scratch(shift)
    forward[0, 0] = 1.0
    for i in range(length):
        step_forward(shift, tokens, i, forward[i], forward[i + 1], forward[i + 1], step)


@kernel
def smooth_shift(shift, tokens, faintest, block, out, sure):
    """Weights of every token at every position given the others, `out` (count, length, V); positions may be masked.

    The evidence of position i is left out of row i, but a revealed token (hard evidence) also fixes which contexts are
    live to its right, which is the same evidence of other positions. `faintest` is at most any positive product of a
    law and a token's evidence, and `sure` (count,) says where no product can have been too small for float64. Full
    messages, O(L V^n) a row. Those of `block` positions and of the starts of blocks are held at a time; where that is
    less than all, messages from the left are made twice, to the same bits.
    """
    length = tokens.shape[1]
    starts, forward = np.zeros(((length + block - 1) // block, shift.size)), np.zeros((block + 1, shift.size))
    behind, before = np.zeros(shift.size), np.zeros(shift.size)
    step, least = step_scratch(shift), np.empty(length + 1)
    starts[0, 0] = 1.0
    for row in range(len(tokens)):
        sure[row] = _smooth_row(shift, tokens[row], starts, forward, behind, before, step, least, out[row], faintest)


@part
def _smooth_row(shift, tokens, starts, forward, behind, before, step, least, out, faintest):
    """One row of `smooth_shift`; returns whether it is sure. least[i] is the smallest entry of the message before i.

    Invariant of the way back: `behind` is the likelihood before i + 1, and forward[k] the message before first + k.
    """
    length, block = len(tokens), len(forward) - 1
    sure, smallest = True, 1.0
    least[0] = 1.0
    for k in range(len(starts)):
        _carry(shift, tokens, k * block, starts[k], forward, step, least)
        if k + 1 < len(starts):
            _copy(forward[block], starts[k + 1])
    for c in range(shift.size):
        behind[c] = 1.0
    for k in range(len(starts) - 1, -1, -1):
        first = k * block
        if k + 1 < len(starts):
            _carry(shift, tokens, first, starts[k], forward, step, least)
        for i in range(min(first + block, length) - 1, first - 1, -1):
            sure &= least[i] * smallest * faintest >= LEAST_PRODUCT
            weigh_position(shift, tokens, i, forward[i - first], behind, step, out[i])
            step_backward(shift, tokens, i, behind, before, before, step)
            smallest = least_live(shift, tokens, i, before, step.live)
            behind, before = before, behind
    return sure


@part
def _carry(shift, tokens, first, start, forward, step, least):
    """The messages of a block from the one before its first position."""
    _copy(start, forward[0])
    for i in range(first, min(first + len(forward) - 1, len(tokens))):
        source, out = forward[i - first], forward[i - first + 1]
        step_forward(shift, tokens, i, source, out, out, step)
        least[i + 1] = least_live(shift, tokens, i + 1, out, step.live)


@part
def _copy(message, out):
    for c in range(len(out)):
        out[c] = message[c]


@kernel
def possible_contexts(allowed, following, tokens, out):
    """Whether some sequence of the support agrees with each row of `tokens`, by sets of contexts (rows of `allowed`).

    `allowed` (rows, V) says which tokens may follow a context, `following` (rows, V) which context that leads to.
    """
    rows = len(allowed)
    alive, reached = np.zeros(rows, dtype=np.bool_), np.zeros(rows, dtype=np.bool_)
    for row in range(len(tokens)):
        out[row] = _possible_row(allowed, following, tokens[row], alive, reached)


@part
def _possible_row(allowed, following, token, alive, reached):
    rows, vocab_size = allowed.shape
    for c in range(rows):
        alive[c] = c == 0
    for i in range(len(token)):
        first, last = (0, vocab_size) if token[i] == vocab_size else (token[i], token[i] + 1)
        anything = False
        for c in range(rows):
            reached[c] = False
        for c in range(rows):
            if alive[c]:
                for v in range(first, last):
                    if allowed[c, v]:
                        reached[following[c, v]] = True
                        anything = True
        if not anything:
            return False
        alive, reached = reached, alive
    return True
