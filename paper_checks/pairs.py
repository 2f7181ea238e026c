"""Adjacent tokens of a bigram: their exact law under ancestral sampling, and how far it is from the language's own."""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Float

Pair = Float[np.ndarray, "vocab vocab"]


def pair_law(
    transition: Pair, stationary: Float[np.ndarray, "vocab"], fractions: Float[np.ndarray, "edges"], reach: int
) -> Pair:
    """P(x_i = y, x_{i+1} = z) at [y, z] of the two middle tokens of 2 * reach + 2: ancestral sampling, oracle.

    `fractions` are the revealed fractions a_0..a_N. ValueError where the chain forbids anything. The law inside
    a long sequence is approached as the chain forgets within `reach` tokens. O(N V^4 reach^4 / 4).

    Ours. What the oracle says about both positions depends on the nearest revealed tokens (a, s) to the left of i + 1
    and (b, t) to the right of i, a and b counted from i and i + 1, and 0 once these are revealed themselves. Given
    both, the next nearest ones are independent: a' < a with probability r (1-r)^a', its token from the oracle, and
    likewise b'. So the law of (a, s, b, t) after each step follows from the one before.
    """
    if not (transition > 0).all():
        raise ValueError("the chain forbids a pair of tokens, so that a sequence may stop elsewhere; smooth it first")
    vocab = len(stationary)
    size = (reach + 1) * vocab + 1  # the last state is that nothing is revealed on this side
    powers = [np.eye(vocab)]
    for _ in range(2 * reach + 1):
        powers.append(powers[-1] @ transition)
    # P(a token | the revealed one on its outer side) and P(the revealed one on its inner side | a token), by place.
    from_left, from_right = (np.zeros((reach + 1, size, vocab)) for _ in range(2))
    to_right, to_left = (np.ones((reach + 1, size, vocab)) for _ in range(2))
    between = np.ones((size, size))
    between[-1, :-1] = np.tile(stationary, reach + 1)
    for new in range(reach + 1):
        from_left[new, -1] = stationary
        from_right[new, -1] = 1.0
        to_left[new, -1] = stationary
        for old in range(reach + 1):
            here = slice(old * vocab, (old + 1) * vocab)
            if old > new:
                from_left[new, here] = powers[old - new]
                from_right[new, here] = powers[old - new].T
            to_right[new, here] = powers[new + 1 + old].T
            to_left[new, here] = powers[old + 1 + new]
            between[new * vocab : (new + 1) * vocab, here] = powers[new + 1 + old]
    outside = np.append(np.repeat(np.arange(reach + 1), vocab), reach + 1)  # masked places up to the revealed one

    law = np.zeros((size, size))
    law[-1, -1] = 1.0
    for before, after in itertools.pairwise(fractions):
        rate = (after - before) / (1 - before)
        stay = (1 - rate) ** outside
        move = rate * (1 - rate) ** np.arange(reach + 1)
        scaled = law / between
        twice = scaled / between
        following = law * stay[:, None] * stay[None, :]
        for a in range(reach + 1):
            here, farther = slice(a * vocab, (a + 1) * vocab), slice((a + 1) * vocab, None)
            drawn_left = move[a] * from_left[a, farther]
            drawn_right = move[a] * from_right[a, farther]
            following[here] += (drawn_left.T @ (scaled[farther] * stay)) * to_right[a].T
            following[:, here] += to_left[a] * ((scaled[:, farther] * stay[:, None]) @ drawn_right)
            for b in range(reach + 1):
                there, beyond = slice(b * vocab, (b + 1) * vocab), slice((b + 1) * vocab, None)
                both = to_right[a, beyond, :, None] * from_right[b, beyond, None, :]
                inner = (twice[farther, beyond] @ both.reshape(len(both), -1)).reshape(-1, vocab, vocab)
                following[here, there] += move[b] * np.einsum("ks,kt,kst->st", drawn_left, to_left[b, farther], inner)
        law = following
    return law[:vocab, :vocab].copy()
