"""Marginals of a chain's partly revealed sequences when some tokens have changed: only what that changes is renewed.

A message is the law of the state at a position given the tokens on its left (`ahead`), or the likelihood of those on
its right (`behind`); the evidence of the position itself is in neither.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.chain import combine_rows, least_positive, normalise, weigh_tokens
from mdmtheory.kernels.chain_plans import same_message
from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT


@kernel
def renew_marginals(
    transition,
    transposed,
    likelihood,
    emission,
    tokens,
    picked,
    wanted,
    changed,
    touched,
    ahead,
    behind,
    marginals,
    renewed,
    faintest,
    unsure,
):
    """Bring `marginals` (rows, L, V), of sum 1 or zeros, up to date where `wanted` (rows, L), for the rows `picked`.

    `ahead` and `behind` (rows, L, S) are as of the last time, `changed` (rows, L) says which tokens differ since, and
    `touched` (rows, L) which marginals are out of date. All are updated. A sweep ends where a message comes out as it
    was, within 1e-15 of every entry: beyond it nothing has changed. `renewed` (rows,) gets the number of messages that
    took, O(S^2) each. unsure[row] becomes True, and stays so, where a product may have been too small for float64;
    `faintest` is at most any product of a positive transition probability and a positive evidence or emission.
    """
    size, vocab_size = emission.shape
    message, moved, weights = np.empty(size), np.empty(size), np.empty(vocab_size)
    for k in range(len(picked)):
        row = picked[k]
        token, fresh, stale = tokens[row], changed[row], touched[row]
        doubt = unsure[row : row + 1]
        laws = (likelihood, token, fresh, stale, message, moved, faintest, doubt)
        renewed[row] = _sweep(1, ahead[row], transition, *laws)
        renewed[row] += _sweep(-1, behind[row], transposed, *laws)
        for i in range(len(token)):
            fresh[i] = False
        _weigh(emission, ahead[row], behind[row], wanted[row], stale, weights, marginals[row], faintest, doubt)


@part
def _sweep(way, messages, matrix, likelihood, token, changed, touched, message, moved, faintest, doubt):
    """Renew messages rightwards (way 1) or leftwards (-1) from every changed token, and mark the positions reached.

    Returns how many it computed.

    Invariant: `carried` says whether the message at position i is new.
    """
    length, size = messages.shape
    carried, renewed = False, 0
    i = 0 if way > 0 else length - 1
    for _ in range(length - 1):
        following = i + way
        if carried or changed[i]:
            evidence, source = likelihood[token[i]], messages[i]
            for s in range(size):
                message[s] = source[s] * evidence[s]
            renewed += 1
            normalise(message)
            if least_positive(message) * faintest < LEAST_PRODUCT:
                doubt[0] = True
            combine_rows(message, matrix, 0, size, moved, 0, size)
            target = messages[following]
            carried = not same_message(moved, target, 0, size)
            if carried:
                for s in range(size):
                    target[s] = moved[s]
                touched[following] = True
        i = following
    return renewed


@part
def _weigh(emission, ahead, behind, wanted, touched, weights, marginals, faintest, doubt):
    """The marginals that are wanted and out of date."""
    vocab_size = len(weights)
    for i in range(len(wanted)):
        if wanted[i] and touched[i]:
            touched[i] = False
            weigh_tokens(ahead[i], behind[i], emission, weights)
            if least_positive(ahead[i]) * least_positive(behind[i]) * faintest < LEAST_PRODUCT:
                doubt[0] = True
            total = 0.0
            for v in range(vocab_size):
                total += weights[v]
            scale = 1.0 / total if total > 0.0 else 0.0
            for v in range(vocab_size):
                marginals[i, v] = weights[v] * scale
