"""Posteriors of an automaton of arcs, given a likelihood of every token at every position.

`arcs` is the named tuple ArcTables. State s has the arcs from edges[s] on, each with a source, a token, a target and a
probability. `by_token` has the arcs again, those of token v from token_edges[v] on, in the same order. A known token
leaves few states: `places` has, from place_edges[v] on, those that arcs of token v lead to, where v = V stands for any
token, and leaves all states, and V + 1 for the start, before which there is state 0 alone.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part


@kernel
def smooth_arcs(arcs, given, evidence, out, least, faint):
    """`out` (count, length, V): the law of each token given the evidence at all other positions, up to a factor.

    `evidence` (count, length, V) has likelihoods with a largest one of 1 at each position, or zeros. Where `given`
    (count, length) is a token and not V it must be the only one with a likelihood; the law there has that token alone.
    `least` (count,) is the smallest sum over positions of law times evidence, messages from both sides being scaled to
    a largest entry of 1: what was too small for a float is below 1e-300 of that scale (kernels/evidence.py). `faint`
    (count,) says where a product of a message and a probability may have been lost: then 0 need not be impossible.
    O(arcs) a position, those of states and tokens alone that what comes before leaves possible.
    """
    count, length, vocab_size = evidence.shape
    states = len(arcs.edges) - 1
    before, after = np.empty((length, states)), np.empty((2, states))
    for row in range(count):
        seen, found, known = evidence[row], out[row], given[row]
        _clear(before[0])
        before[0, 0] = 1.0
        fainter = 0
        for i in range(1, length):
            entry = vocab_size + 1 if i == 1 else known[i - 2]
            fainter += _forth(arcs, entry, known[i - 1], seen[i - 1], before[i - 1], before[i])
        faint[row] = fainter > 0
        for s in range(states):
            after[length & 1, s] = 1.0
        least[row] = np.inf
        for i in range(length - 1, -1, -1):
            entry = vocab_size + 1 if i == 0 else known[i - 1]
            behind, here = after[(i + 1) & 1], after[i & 1]
            least[row] = min(least[row], _back(arcs, entry, known[i], seen[i], before[i], behind, here, found[i]))


@part
def _clear(message):
    for s in range(len(message)):
        message[s] = 0.0


@part
def _forth(arcs, entry, token, seen, message, following):
    """One token on: what comes before the next position, scaled to a largest entry of 1; how many entries were faint.

    `entry` leads to the states of `message`, and `token` to those of `following`.
    """
    _clear(following)
    if token < len(seen):
        for j in range(arcs.token_edges[token], arcs.token_edges[token + 1]):
            k = arcs.by_token[j]
            s = arcs.sources[k]
            if message[s] > 0.0:
                following[arcs.targets[k]] += message[s] * arcs.probabilities[k]
    else:
        edges, tokens, targets, probabilities = arcs.edges, arcs.tokens, arcs.targets, arcs.probabilities
        for j in range(arcs.place_edges[entry], arcs.place_edges[entry + 1]):
            s = arcs.places[j]
            mass = message[s]
            if mass > 0.0:
                for k in range(edges[s], edges[s + 1]):
                    following[targets[k]] += mass * probabilities[k] * seen[tokens[k]]
    return _scale(arcs, token, following)


@part
def _back(arcs, entry, token, seen, before, behind, message, law):
    """One token back: the law of the token here, its own evidence left out, and what comes after the one before.

    Returns the sum of law times evidence. `entry` leads to the states of `before` and `message`.
    """
    _clear(law)
    _clear(message)
    if token < len(seen):
        for j in range(arcs.token_edges[token], arcs.token_edges[token + 1]):
            k = arcs.by_token[j]
            s = arcs.sources[k]
            if before[s] > 0.0:
                message[s] = arcs.probabilities[k] * behind[arcs.targets[k]]
                law[token] += before[s] * message[s]
    else:
        edges, tokens, targets, probabilities = arcs.edges, arcs.tokens, arcs.targets, arcs.probabilities
        for j in range(arcs.place_edges[entry], arcs.place_edges[entry + 1]):
            s = arcs.places[j]
            mass, left = before[s], 0.0
            if mass > 0.0:
                for k in range(edges[s], edges[s + 1]):
                    rest = probabilities[k] * behind[targets[k]]
                    law[tokens[k]] += mass * rest
                    left += rest * seen[tokens[k]]
            message[s] = left
    _scale(arcs, entry, message)
    total = 0.0
    for v in range(len(law)):
        total += law[v] * seen[v]
    return total


@part
def _scale(arcs, entry, message):
    """Scale a message on the states that `entry` leads to; returns how many positive entries are faint (ArcTables)."""
    most, fainter = 0.0, 0
    if entry == len(arcs.place_edges) - 3:
        for s in range(len(message)):
            most = max(most, message[s])
        fainter = _count_faint(message, arcs.faint)
        if most > 0.0:
            for s in range(len(message)):
                message[s] /= most
        return fainter
    for j in range(arcs.place_edges[entry], arcs.place_edges[entry + 1]):
        mass = message[arcs.places[j]]
        most = max(most, mass)
        fainter += (mass > 0.0) & (mass < arcs.faint)
    if most > 0.0:
        for j in range(arcs.place_edges[entry], arcs.place_edges[entry + 1]):
            message[arcs.places[j]] /= most
    return fainter


@part
def _count_faint(message, faint):
    found = 0
    for s in range(len(message)):
        found += (message[s] > 0.0) & (message[s] < faint)
    return found
