"""Pairs of tokens that cannot stand together: how often independent draws make one."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part


@kernel
def bigram_clashes(law, powers, distance, left, right, first, out):
    """out[k, b - 1] = tau(first + k, distance, b), b = 1..K; docs/theory.md, section 5 (ours).

    Two ends a left and b right of a pair are revealed, the left one drawn from the stationary `law`; both tokens of
    the pair are drawn by themselves given the ends, and tau is the probability that they are one of the pairs
    (left[k], right[k]), which cannot stand `distance` apart. powers[k] is the transition matrix to the power k + 1, the
    last of the K powers standing for all higher ones. O(K V^2) for each row and forbidden pair.
    """
    count = len(powers)
    size = len(law)
    joint = np.empty(size)
    for k in range(len(out)):
        a = first + k
        for b in range(1, count + 1):
            out[k, b - 1] = _clash(law, powers, a, distance, b, left, right, joint)


@part
def _clash(law, powers, a, distance, b, left, right, joint):
    last = len(powers)
    near_left, far_left = powers[min(a, last) - 1], powers[min(a + distance, last) - 1]
    near_right, far_right = powers[min(b, last) - 1], powers[min(b + distance, last) - 1]
    ends = powers[min(a + distance + b, last) - 1]
    size = len(law)
    total = 0.0
    for s in range(size):
        for t in range(size):
            joint[t] = 0.0
        for k in range(len(left)):
            y, z = left[k], right[k]
            mass = near_left[s, y] * far_left[s, z]
            if mass > 0.0:
                from_y, from_z = far_right[y], near_right[z]
                for t in range(size):
                    joint[t] += mass * from_y[t] * from_z[t]
        here = 0.0
        for t in range(size):
            if joint[t] > 0.0:
                here += joint[t] / ends[s, t]
        total += law[s] * here
    return total
