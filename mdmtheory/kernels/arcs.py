"""Posteriors of an automaton of arcs, given a likelihood of every token at every position."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part


@kernel
def smooth_arcs(edges, tokens, targets, probabilities, evidence, out, least):
    """`out` (count, length, V): the law of each token given the evidence at all other positions, up to a factor.

    `evidence` (count, length, V) has likelihoods with a largest one of 1 at each position, or zeros. `least` (count,)
    is the smallest sum over positions of law times evidence, messages from both sides being scaled to a largest entry
    of 1: what was too small for a float is below 1e-300 of that scale (kernels/evidence.py). State s has the arcs from
    edges[s] on. O(arcs) a position, those of states alone that what comes before leaves possible.
    """
    count, length, _ = evidence.shape
    states = len(edges) - 1
    before, after = np.empty((length, states)), np.empty((2, states))
    for row in range(count):
        seen, found = evidence[row], out[row]
        before[0] = 0.0
        before[0, 0] = 1.0
        for i in range(1, length):
            _forth(edges, tokens, targets, probabilities, seen[i - 1], before[i - 1], before[i])
        after[length & 1] = 1.0
        least[row] = np.inf
        for i in range(length - 1, -1, -1):
            behind, here = after[(i + 1) & 1], after[i & 1]
            _back(edges, tokens, targets, probabilities, seen[i], before[i], behind, here, found[i])
            total = 0.0
            for v in range(found.shape[1]):
                total += found[i, v] * seen[i, v]
            least[row] = min(least[row], total)


@part
def _forth(edges, tokens, targets, probabilities, seen, message, following):
    """One token on: what comes before the next position, scaled to a largest entry of 1."""
    for s in range(len(following)):
        following[s] = 0.0
    for s in range(len(message)):
        if message[s] > 0.0:
            for k in range(edges[s], edges[s + 1]):
                following[targets[k]] += message[s] * probabilities[k] * seen[tokens[k]]
    _scale(following)


@part
def _back(edges, tokens, targets, probabilities, seen, before, behind, message, law):
    """One token back: the law of the token here, its own evidence left out, and what comes after the one before."""
    for v in range(len(law)):
        law[v] = 0.0
    for s in range(len(message)):
        message[s] = 0.0
        if before[s] > 0.0:
            for k in range(edges[s], edges[s + 1]):
                rest = probabilities[k] * behind[targets[k]]
                law[tokens[k]] += before[s] * rest
                message[s] += rest * seen[tokens[k]]
    _scale(message)


@part
def _scale(message):
    most = 0.0
    for s in range(len(message)):
        most = max(most, message[s])
    if most > 0.0:
        for s in range(len(message)):
            message[s] /= most
