"""Steps of the messages of one sequence, eight states at a time.

Arrays of states are eight, sixteen, ... wide, with zeros in the places that are too many; `size` is how many states
there are. Sums are those of kernels/chain.py, in the same order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.kernels.compiling import part
from mdmtheory.kernels.rows import in_pairs
from mdmtheory.kernels.vectors import LINE, farther, lesser_positive, load, load_from, numbers, spread, store


def aligned(shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Zeros in memory that begins with a line of the cache; a hop over a matrix elsewhere takes a third longer."""
    size = math.prod(shape)
    whole = np.zeros(size + LINE // 8)
    first = -whole.ctypes.data % LINE // 8
    return whole[first : first + size].reshape(shape)


def whole_eights(number: Any) -> Any:
    """The number, or each of an array, or the next multiple of eight."""
    return number + -number % 8


def widened(table: Float[np.ndarray, "... columns"]) -> Float[np.ndarray, "... width"]:
    """A table with zeros after its columns up to a multiple of eight, aligned: itself where it is so."""
    width = whole_eights(table.shape[-1])
    if table.shape[-1] == width and table.flags.carray and table.ctypes.data % LINE == 0:
        return table
    found = aligned((*table.shape[:-1], width))
    found[..., : table.shape[-1]] = table
    return found


def in_eights(table: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "more_rows more_columns"]:
    """A table with zeros after its rows and columns up to multiples of eight of both, aligned."""
    found = aligned(tuple(whole_eights(size) for size in table.shape))
    found[: len(table), : table.shape[1]] = table
    return found


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
    total = in_pairs((a, b, c, d, e, f, g, h))
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
    move_some(message, matrix, 0, size, out, 0, len(out))


@part
def move_some(message, matrix, first, last, out, start, stop):
    """`move_state` of the states first..last-1 to start..stop-1, and to the rest of the eights that these lie in."""
    j = start - start % 8
    while j + 24 < stop:
        _move_32(message, matrix, first, last, j, out)
        j += 32
    while j + 8 < stop:
        _move_16(message, matrix, first, last, j, out)
        j += 16
    while j < stop:
        _move_8(message, matrix, first, last, j, out)
        j += 8


@part
def _move_32(message, matrix, first, last, j, out):
    a = b = c = d = spread(0.0)
    whole = last - (last - first) % 4
    for s in range(first, whole, 4):
        w, x, y, z = message[s], message[s + 1], message[s + 2], message[s + 3]
        if (w + x) + (y + z) > 0.0:
            p, q, r, t = spread(w), spread(x), spread(y), spread(z)
            a = a + of_four(matrix, s, j, p, q, r, t)
            b = b + of_four(matrix, s, j + 8, p, q, r, t)
            c = c + of_four(matrix, s, j + 16, p, q, r, t)
            d = d + of_four(matrix, s, j + 24, p, q, r, t)
    for s in range(whole, last):
        p = spread(message[s])
        a, b = a + p * load_from(matrix, s, j), b + p * load_from(matrix, s, j + 8)
        c, d = c + p * load_from(matrix, s, j + 16), d + p * load_from(matrix, s, j + 24)
    store(out, j, a)
    store(out, j + 8, b)
    store(out, j + 16, c)
    store(out, j + 24, d)


@part
def _move_16(message, matrix, first, last, j, out):
    a, b = in_two_eights(message, matrix, first, last, j)
    store(out, j, a)
    store(out, j + 8, b)


@part
def in_two_eights(message, matrix, first, last, j):
    """What the states first..last-1 move to sixteen states from j on, in two registers."""
    a = b = spread(0.0)
    whole = last - (last - first) % 4
    for s in range(first, whole, 4):
        p, q, r, t = spread(message[s]), spread(message[s + 1]), spread(message[s + 2]), spread(message[s + 3])
        a = a + of_four(matrix, s, j, p, q, r, t)
        b = b + of_four(matrix, s, j + 8, p, q, r, t)
    for s in range(whole, last):
        p = spread(message[s])
        a, b = a + p * load_from(matrix, s, j), b + p * load_from(matrix, s, j + 8)
    return a, b


@part
def _move_8(message, matrix, first, last, j, out):
    a = spread(0.0)
    whole = last - (last - first) % 4
    for s in range(first, whole, 4):
        w, x, y, z = message[s], message[s + 1], message[s + 2], message[s + 3]
        if (w + x) + (y + z) > 0.0:
            a = a + of_four(matrix, s, j, spread(w), spread(x), spread(y), spread(z))
    for s in range(whole, last):
        a = a + spread(message[s]) * load_from(matrix, s, j)
    store(out, j, a)


@part
def of_four(matrix, s, j, p, q, r, t):
    """What four rows of the matrix have in eight columns, weighed."""
    one = p * load_from(matrix, s, j) + q * load_from(matrix, s + 1, j)
    return one + (r * load_from(matrix, s + 2, j) + t * load_from(matrix, s + 3, j))


@part
def same_state(new, old):
    """Equal within 1e-15 of every entry, so that no state's probability, however small, is taken for unchanged."""
    return same_states(new, old, 0, len(new))


@part
def same_states(new, old, start, stop):
    """`same_state` of the states start..stop-1, and the rest of the eights that these lie in."""
    for s in range(start - start % 8, stop, 8):
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
                sums = sums + spread(mass[s]) * load_from(emission, s, v)
        store(weights, v, sums)
