"""Steps of the messages of one sequence, eight states at a time.

Arrays of states are eight, sixteen, ... wide, with zeros in the places that are too many; `size` is how many states
there are. Sums are those of kernels/chain.py, in the same order.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory.kernels.compiling import part
from mdmtheory.kernels.vectors import farther, lesser_positive, load, numbers, spread, store


def in_eights(table: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "more_rows more_columns"]:
    """A table with zeros after its rows and columns up to multiples of eight of both."""
    return np.pad(table, [(0, -size % 8) for size in table.shape])


@part
def take_in_state(source, evidence, size, message):
    """message = source times evidence, scaled to sum 1 unless all is 0; returns its smallest positive entry, or 1."""
    whole = size - size % 8
    sums, least = spread(0.0), spread(1.0)
    for s in range(0, len(message), 8):
        weighed = load(source, s) * load(evidence, s)
        store(message, s, weighed)
        if s < whole:
            sums = sums + weighed
    a, b, c, d, e, f, g, h = numbers(sums)
    for s in range(whole, size):
        a += message[s]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    scale = spread(1.0 / total if total > 0.0 else 1.0)
    for s in range(0, len(message), 8):
        scaled = load(message, s) * scale
        store(message, s, scaled)
        least = lesser_positive(least, scaled)
    return lowest(least)


@part
def lowest(vector):
    """The smallest of eight numbers."""
    a, b, c, d, e, f, g, h = numbers(vector)
    return min(min(min(a, b), min(c, d)), min(min(e, f), min(g, h)))


@part
def least_of_state(message):
    """The smallest positive entry, 1 where there is none."""
    least = spread(1.0)
    for s in range(0, len(message), 8):
        least = lesser_positive(least, load(message, s))
    return lowest(least)


@part
def move_state(message, matrix, size, out):
    """out[j] = sum over s of message[s] * matrix[s, j], four s at a time; those that weigh nothing cost nothing."""
    width = len(out)
    whole = width - width % 32
    for j in range(0, whole, 32):
        _move_32(message, matrix, size, j, out)
    for j in range(whole, width, 8):
        _move_8(message, matrix, size, j, out)


@part
def _move_32(message, matrix, size, j, out):
    a = b = c = d = spread(0.0)
    whole = size - size % 4
    for s in range(0, whole, 4):
        w, x, y, z = message[s], message[s + 1], message[s + 2], message[s + 3]
        if (w + x) + (y + z) > 0.0:
            p, q, r, t = spread(w), spread(x), spread(y), spread(z)
            a = a + _four(matrix, s, j, p, q, r, t)
            b = b + _four(matrix, s, j + 8, p, q, r, t)
            c = c + _four(matrix, s, j + 16, p, q, r, t)
            d = d + _four(matrix, s, j + 24, p, q, r, t)
    for s in range(whole, size):
        p = spread(message[s])
        a, b = a + p * load(matrix[s], j), b + p * load(matrix[s], j + 8)
        c, d = c + p * load(matrix[s], j + 16), d + p * load(matrix[s], j + 24)
    store(out, j, a)
    store(out, j + 8, b)
    store(out, j + 16, c)
    store(out, j + 24, d)


@part
def _move_8(message, matrix, size, j, out):
    a = spread(0.0)
    whole = size - size % 4
    for s in range(0, whole, 4):
        w, x, y, z = message[s], message[s + 1], message[s + 2], message[s + 3]
        if (w + x) + (y + z) > 0.0:
            a = a + _four(matrix, s, j, spread(w), spread(x), spread(y), spread(z))
    for s in range(whole, size):
        a = a + spread(message[s]) * load(matrix[s], j)
    store(out, j, a)


@part
def _four(matrix, s, j, p, q, r, t):
    """What four rows of the matrix have in eight columns, weighed."""
    w, x, y, z = matrix[s], matrix[s + 1], matrix[s + 2], matrix[s + 3]
    return (p * load(w, j) + q * load(x, j)) + (r * load(y, j) + t * load(z, j))


@part
def same_state(new, old):
    """Equal within 1e-15 of every entry, so that no state's probability, however small, is taken for unchanged."""
    for s in range(0, len(new), 8):
        if farther(load(new, s), load(old, s), spread(1e-15)):
            return False
    return True


@part
def weigh_tokens_of_state(ahead, behind, emission, size, mass, weights):
    """weights[v] = sum over s of ahead[s] * behind[s] * emission[s, v]; `mass` is scratch."""
    for s in range(0, len(mass), 8):
        store(mass, s, load(ahead, s) * load(behind, s))
    for v in range(0, len(weights), 8):
        sums = spread(0.0)
        for s in range(size):
            if mass[s] != 0.0:
                sums = sums + spread(mass[s]) * load(emission[s], v)
        store(weights, v, sums)
