"""Countdown: all ways to reach a target from numbers, each used once, by a depth-first search over what is left.

At depth d there are n - d numbers left; a choice is an unordered pair of them and one of + - * /, the larger operand
first. A difference of 0 and a quotient that is no whole number are no choices, nor is a result above `largest`.
"""

from __future__ import annotations

from mdmtheory.kernels.compiling import kernel, part


@part
def _combined(sign, one, other):
    """The result of a choice, operands falling; -1 where it is none."""
    if sign == 0:
        return one + other
    if sign == 1:
        return one - other if one > other else -1
    if sign == 2:
        return one * other
    return one // other if one % other == 0 else -1


@kernel
def reach_target(numbers, target, largest, left, choices, steps, out):
    """Rows of (larger, sign, smaller, result) a step into `out` (most, n - 1, 4); how many, at most `most`.

    A row is found once for each choice of places, so numbers that are equal give equal rows. `left` (n, n), `choices`
    (n,) and `steps` (n, 4) are room for the search. O((n!)^2 2^n) choices at most.
    """
    count, most = len(numbers), len(out)
    for k in range(count):
        left[0, k] = numbers[k]
    found, depth = 0, 0
    choices[0] = 0
    while depth >= 0:
        size = count - depth
        if choices[depth] >= 4 * (size * (size - 1) // 2):
            depth -= 1
            continue
        sign, pair = choices[depth] % 4, choices[depth] // 4
        choices[depth] += 1
        first = 0
        while pair >= size - 1 - first:
            pair -= size - 1 - first
            first += 1
        second = first + 1 + pair
        one, other = left[depth, first], left[depth, second]
        if one < other:
            one, other = other, one
        result = _combined(sign, one, other)
        if result < 1 or result > largest:
            continue
        steps[depth, 0], steps[depth, 1], steps[depth, 2], steps[depth, 3] = one, sign, other, result
        if size == 2:
            if result == target:
                for k in range(count - 1):
                    for column in range(4):
                        out[found, k, column] = steps[k, column]
                found += 1
                if found == most:
                    return found
            continue
        kept = 0
        for k in range(size):
            if k not in (first, second):
                left[depth + 1, kept] = left[depth, k]
                kept += 1
        left[depth + 1, kept] = result
        depth += 1
        choices[depth] = 0
    return found
