"""xoshiro256++ on plain state arrays of four words: small to load, the same on every processor.

Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2021), public domain algorithm.
"""

from __future__ import annotations

import math

import numpy as np

from mdmtheory.kernels.compiling import kernel, part

_23, _41 = np.uint64(23), np.uint64(41)
_17, _47 = np.uint64(17), np.uint64(47)
_45, _19 = np.uint64(45), np.uint64(19)
_11 = np.uint64(11)
_UNIT = 2.0**-53


@part
def next_bits(state):
    """64 random bits; `state` (4,) uint64 moves on."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    total = s0 + s3
    result = ((total << _23) | (total >> _41)) + s0
    t = s1 << _17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << _45) | (s3 >> _19)
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3
    return result


@part
def next_uniform(state):
    """A float64 uniform on the multiples of 2^-53 in [0, 1)."""
    return np.float64(next_bits(state) >> _11) * _UNIT


@kernel
def fill_uniforms(states, out):
    """Row i of `out` (count, n) becomes the next n uniforms of stream i; `states` (count, 4) moves on."""
    for row in range(out.shape[0]):
        state = states[row]
        for column in range(out.shape[1]):
            out[row, column] = next_uniform(state)


@kernel
def fill_wanted_uniforms(states, wanted, out):
    """Rows of `out` (n, k) become k uniforms for each position that is `wanted` (count, L), row by row.

    Every position takes k of its stream, wanted or not; `states` (count, 4) moves on.
    """
    number = 0
    for row in range(len(wanted)):
        state = states[row]
        for i in range(wanted.shape[1]):
            if wanted[row, i]:
                for k in range(out.shape[1]):
                    out[number, k] = next_uniform(state)
                number += 1
            else:
                for _ in range(out.shape[1]):
                    next_bits(state)


@kernel
def fill_normals(states, out):
    """Row i of `out` (count, n) becomes n standard normals from stream i; `states` (count, 4) moves on.

    Box and Muller: two uniforms give two normals, the second of the last pair is dropped where n is odd. 1 - u lies in
    (0, 1] on a grid of 2^-53, so no value lies beyond 8.57: a share of 1e-17 of the law.
    """
    for row in range(out.shape[0]):
        state = states[row]
        for column in range(0, out.shape[1], 2):
            radius = math.sqrt(-2.0 * math.log(1.0 - next_uniform(state)))
            angle = 2.0 * math.pi * next_uniform(state)
            out[row, column] = radius * math.cos(angle)
            if column + 1 < out.shape[1]:
                out[row, column + 1] = radius * math.sin(angle)
