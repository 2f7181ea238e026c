"""Laws over the leaves of a grammar whose derivations are all one tree: inside, outside (belief propagation)."""

from __future__ import annotations

import math

import numpy as np

from mdmtheory.kernels.compiling import kernel, part


@part
def both(a, b, logs):
    """The product, of logarithms the sum."""
    return a + b if logs else a * b


@part
def either(a, b, logs):
    """The sum, of logarithms the logarithm of the sum."""
    if not logs:
        return a + b
    if a < b:
        a, b = b, a
    return a if b == -np.inf else a + math.log1p(math.exp(b - a))


@kernel
def tree_laws(rules, roots, leaves, logs, inside, outside, of_root, of_leaves):
    """`of_root` (rows, V), `of_leaves` (rows, n, V): each symbol by all evidence but its own, up to a factor.

    `rules` (depth, V, m, s): what a symbol at that depth may become. `roots` (rows, V) and `leaves` (rows, n, V) are
    evidence, and like the messages `inside` and `outside` (nodes, V) logarithms where `logs`. Nodes stand depth by
    depth; the children of the k-th of a depth are the s from k s on of the next. Cost: rows x nodes x V x m x s^2.
    """
    depth, vocab_size, synonyms, branching = rules.shape
    nodes, count = len(inside), leaves.shape[1]
    one, none = (0.0, -np.inf) if logs else (1.0, 0.0)
    for row in range(len(leaves)):
        for k in range(count):
            for v in range(vocab_size):
                inside[nodes - count + k, v] = leaves[row, k, v]
        width, below = count, nodes - count
        for level in range(depth - 1, -1, -1):
            width //= branching
            begin = below - width
            for k in range(width):
                for v in range(vocab_size):
                    total = none
                    for r in range(synonyms):
                        product = one
                        for j in range(branching):
                            product = both(product, inside[below + k * branching + j, rules[level, v, r, j]], logs)
                        total = either(total, product, logs)
                    inside[begin + k, v] = total
            below = begin
        for v in range(vocab_size):
            of_root[row, v] = inside[0, v]
            outside[0, v] = roots[row, v]
        width, begin = 1, 0
        for level in range(depth):
            below = begin + width
            for k in range(width):
                for j in range(branching):
                    child = below + k * branching + j
                    for v in range(vocab_size):
                        outside[child, v] = none
                    for v in range(vocab_size):
                        if outside[begin + k, v] == none:
                            continue
                        for r in range(synonyms):
                            product = outside[begin + k, v]
                            for other in range(branching):
                                if other != j:
                                    symbol = rules[level, v, r, other]
                                    product = both(product, inside[below + k * branching + other, symbol], logs)
                            symbol = rules[level, v, r, j]
                            outside[child, symbol] = either(outside[child, symbol], product, logs)
            begin, width = below, width * branching
        for k in range(count):
            for v in range(vocab_size):
                of_leaves[row, k, v] = outside[nodes - count + k, v]
