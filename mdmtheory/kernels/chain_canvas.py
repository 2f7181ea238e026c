"""Marginals of a chain's partly revealed sequences when some tokens have changed: only what that changes is renewed.

A message is the law of the state at a position given the tokens on its left (`ahead`), or the likelihood of those on
its right (`behind`); the evidence of the position itself is in neither. There are `size` states; arrays of them are
multiples of eight wide, with zeros in what is too many, and so are the columns of `emission`.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT
from mdmtheory.kernels.state_steps import (
    least_of_state,
    move_state,
    same_state,
    take_in_state,
    weigh_tokens_of_state,
)
from mdmtheory.kernels.vectors import load, store


@kernel
def renew_marginals(
    transition,
    transposed,
    likelihood,
    emission,
    size,
    tokens,
    picked,
    hard,
    edges,
    positions,
    changed,
    touched,
    ahead,
    behind,
    marginals,
    renewed,
    faintest,
    unsure,
    out,
):
    """Marginals of the rows `picked`, after their messages are brought up to date: of sum 1, or zeros.

    out[n] (n, V) is that at positions[n] of row picked[k] for n from edges[k] to edges[k + 1], one-hot at revealed
    tokens where they are `hard`. `ahead` and `behind` (rows, L, S) are as of the last time, `changed` (rows, L) says
    which tokens differ since, and `touched` (rows, L) which of the `marginals` (rows, L, V) are out of date. All are
    updated. A sweep ends where a message comes out as it was, within 1e-15 of every entry: beyond it nothing has
    changed. `renewed` (rows,) gets the number of messages that took, O(S^2) each. unsure[row] becomes True, and stays
    so, where a product may have been too small for float64; `faintest` is at most any product of a positive transition
    probability and a positive evidence or emission.
    """
    message, moved, weights = np.empty(len(transition)), np.empty(len(transition)), np.empty(emission.shape[1])
    sources = np.empty(tokens.shape[1] + 1, dtype=np.int64)
    for k in range(len(picked)):
        row = picked[k]
        doubt, here = unsure[row : row + 1], slice(edges[k], edges[k + 1])
        number = _take_changes(changed[row], sources)
        laws = (likelihood, size, tokens[row], sources, number, touched[row], message, moved, faintest, doubt)
        renewed[row] = _sweep(1, ahead[row], transition, *laws)
        renewed[row] += _sweep(-1, behind[row], transposed, *laws)
        both = ahead[row], behind[row]
        _read(
            emission, size, tokens[row], hard, positions[here], touched[row], *both, message, weights, marginals[row],
            faintest, doubt, out[here],
        )  # fmt: skip


@part
def _take_changes(changed, sources):
    """The positions that are marked, from left to right, into `sources`; returns how many, and takes the marks away."""
    number = 0
    for i in range(len(changed)):
        sources[number] = i
        number += changed[i]
        changed[i] = False
    return number


@part
def _sweep(way, messages, matrix, likelihood, size, token, sources, number, touched, message, moved, faintest, doubt):
    """Renew messages rightwards (way 1) or leftwards (-1) from every changed token, and mark the positions reached.

    Returns how many it computed. Places are counted from the end where it begins.

    Invariant: `carried` says whether the message at the place is new; source k is there or beyond.
    """
    last = len(token) - 1
    place = k = renewed = 0
    carried = False
    while True:
        while k < number and _source(way, sources, number, k, last) < place:
            k += 1
        if not carried:
            if k == number:
                return renewed
            place = _source(way, sources, number, k, last)
        if place >= last:
            return renewed
        i = place if way > 0 else last - place
        if take_in_state(messages[i], likelihood[token[i]], size, message) * faintest < LEAST_PRODUCT:
            doubt[0] = True
        move_state(message, matrix, size, moved)
        target = messages[i + way]
        carried = not same_state(moved, target)
        if carried:
            for s in range(0, len(moved), 8):
                store(target, s, load(moved, s))
            touched[i + way] = True
        renewed += 1
        place += 1


@part
def _source(way, sources, number, k, last):
    """The place of the source that comes after k others."""
    return sources[k] if way > 0 else last - sources[number - 1 - k]


@part
def _read(
    emission, size, token, hard, positions, touched, ahead, behind, mass, weights, marginals, faintest, doubt, out
):  # fmt: skip
    """The marginals of a row at some positions, of which those are worked out that are out of date."""
    vocab_size = marginals.shape[1]
    for k in range(len(positions)):
        i = positions[k]
        if touched[i]:
            touched[i] = False
            _weigh(emission, size, ahead[i], behind[i], mass, weights, marginals[i], faintest, doubt)
        kept, law = marginals[i], out[k]
        if hard and token[i] < vocab_size:
            for v in range(vocab_size):
                law[v] = 0.0
            law[token[i]] = 1.0
        else:
            for v in range(vocab_size):
                law[v] = kept[v]


@part
def _weigh(emission, size, ahead, behind, mass, weights, marginal, faintest, doubt):
    """The marginal at one place."""
    weigh_tokens_of_state(ahead, behind, emission, size, mass, weights)
    if least_of_state(ahead) * least_of_state(behind) * faintest < LEAST_PRODUCT:
        doubt[0] = True
    total = 0.0
    for v in range(len(weights)):
        total += weights[v]
    scale = 1.0 / total if total > 0.0 else 0.0
    for v in range(len(marginal)):
        marginal[v] = weights[v] * scale
