"""As kernels/span_scores.py where float64 cannot hold what it takes: every number by its logarithm, nothing lost."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.logs import add_logs


@kernel
def score_ancestral_in_logs(heads, hops, tokens, reveal, stay, out):
    """out[row] = log p(x) in nats; all arguments but `tokens` are logarithms, their meanings as in `score_ancestral`.

    The plain recursion of docs/theory.md, section 3, O(N L^4 / 24) logarithms a sequence, and N / 2 times that outside
    the support.
    """
    ends = tokens.shape[1] + 2
    hop, kept, value = np.empty((ends, ends)), np.empty((ends, ends)), np.empty((ends, ends))
    weights = np.empty(ends)
    for row in range(len(tokens)):
        out[row] = _score_row(heads, hops, tokens[row], reveal, stay, hop, kept, value, weights)


@part
def _score_row(heads, hops, token, reveal, stay, hop, kept, value, weights):
    length = len(token)
    last = length + 1
    inside = True
    for j in range(1, last):
        hop[j, 0] = heads[min(j, len(heads)) - 1, token[j - 1]]
        if hop[j, 0] == -np.inf:
            return -np.inf
        for i in range(1, j):
            hop[j, i] = hops[min(j - i, len(hops)) - 1, token[i - 1], token[j - 1]]
        inside = inside and hop[j, j - 1] > -np.inf
    for i in range(last):
        hop[last, i] = 0.0
    total = -np.inf
    for final in range(len(reveal) - 1 if inside else 0, len(reveal)):
        for j in range(1, last + 1):
            for i in range(j):
                value[j, i] = 0.0 if i == j - 1 else -np.inf
        for k in range(final, -1, -1):
            _step(hop, reveal[k], stay[k] if k < final else -np.inf, kept, weights, value)
            if k == final:
                # An impossible context stops the sampler, unless it was the last step that made it.
                for j in range(1, last):
                    if hop[j, j - 1] == -np.inf:
                        value[j, j - 1] = -np.inf
        total = add_logs(total, value[last, 0])
    return total


@part
def _step(hop, reveal, stay, kept, weights, value):
    """From the values after a step to those before it; weights[m] is A(m) of the span from i to j."""
    last = len(hop) - 1
    for j in range(1, last + 1):
        for i in range(j):
            masked = j - i - 1
            kept[j, i] = value[j, i] + masked * stay if masked > 0 else value[j, i]
    for j in range(1, last + 1):
        for i in range(j):
            total = kept[j, i]
            if hop[j, i] > -np.inf:
                for m in range(i + 1, j):
                    pending = kept[m, i]
                    for before in range(i + 1, m):
                        pending = add_logs(pending, kept[m, before] + weights[before])
                    weights[m] = reveal + (hop[m, i] + hop[j, m] - hop[j, i]) + pending
                    total = add_logs(total, kept[j, m] + weights[m])
            value[j, i] = total
