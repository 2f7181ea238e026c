"""Messages of one sequence by eights, to the last bit those of kernels/chain.py."""

from __future__ import annotations

import numpy as np
import pytest

from mdmtheory.kernels.chain import combine_rows, least_positive, normalise, weigh_tokens
from mdmtheory.kernels.chain_steps import condition, meet
from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.state_steps import (
    in_eights,
    least_of_state,
    move_some,
    move_state,
    same_state,
    same_states,
    take_in_state,
    weigh_tokens_of_state,
)


@kernel
def by_eights(source, evidence, matrix, emission, size, message, moved, mass, weights):
    least = take_in_state(source, evidence, size, message)
    move_state(message, matrix, size, moved)
    weigh_tokens_of_state(message, moved, emission, size, mass, weights)
    return least, least_of_state(moved), same_state(message, moved), same_state(moved, moved)


@kernel
def one_by_one(source, evidence, matrix, emission, message, moved, weights):
    for s in range(len(source)):
        message[s] = source[s] * evidence[s]
    normalise(message)
    size = len(message)
    combine_rows(message, matrix, 0, size, moved, 0, size)
    weigh_tokens(message, moved, emission, weights)
    return least_positive(message), least_positive(moved), same_message(message, moved), same_message(moved, moved)


@part
def same_message(new, old):
    """Within 1e-15 of every entry, one by one."""
    same = True
    for s in range(len(new)):
        same &= abs(new[s] - old[s]) <= 1e-15 * old[s]
    return same


@pytest.mark.parametrize(("size", "excluded"), [(3, False), (13, False), (32, False), (41, False), (9, True)])
def test_steps_are_those_of_chains(size: int, excluded: bool) -> None:
    generator = np.random.default_rng(size)

    def drawn(*shape: int) -> np.ndarray:
        return generator.random(shape) * (generator.random(shape) > 0.3)

    source, evidence, matrix, emission = drawn(1, size), drawn(1, size), drawn(size, size), drawn(size, 11)
    if excluded:
        evidence[:] = 0.0
    message, moved, weights = np.empty(size), np.empty(size), np.empty(11)
    expected = one_by_one(source[0], evidence[0], matrix, emission, message, moved, weights)
    wide = [in_eights(each) for each in (source, evidence, matrix, emission)]
    found = [np.empty(wide[2].shape[0]) for _ in range(3)] + [np.empty(16)]
    said = by_eights(wide[0][0], wide[1][0], *wide[2:], size, *found)
    assert said == expected
    assert found[0][:size].tolist() == message.tolist()
    assert found[1][:size].tolist() == moved.tolist()
    assert found[3][:11].tolist() == weights.tolist()
    assert not found[0][size:].any()
    assert not found[1][size:].any()


@kernel
def some_by_eights(source, first, last, matrix, evidence, start, stop, moved, unsure):
    move_some(source, matrix, first, last, moved, start, stop)
    total = condition(moved, evidence, start, stop)
    meet(moved, moved, start, stop, unsure)
    return total, same_states(moved, moved, start, stop)


@kernel
def some_one_by_one(source, first, last, matrix, evidence, start, stop, moved):
    combine_rows(source, matrix, first, last, moved, start, stop)
    for s in range(start, stop):
        moved[s] *= evidence[s]
    return normalise(moved[start:stop])


@pytest.mark.parametrize("span", [(0, 32), (0, 8), (9, 18), (16, 24), (5, 6), (3, 40), (8, 41), (20, 20)])
@pytest.mark.parametrize("source_span", [(0, 41), (9, 18), (7, 8)])
def test_hops_between_some_of_the_states_are_those_of_chains(
    span: tuple[int, int], source_span: tuple[int, int]
) -> None:
    generator = np.random.default_rng(span[0])
    size = 41
    source, matrix = in_eights(generator.random((1, size)))[0], in_eights(generator.random((size, size)))
    evidence = in_eights(generator.random((1, size)))[0]
    evidence[: span[0]] = evidence[span[1] :] = 0.0
    moved, expected, unsure = in_eights(np.ones((1, size)))[0], np.zeros(len(source)), np.zeros(1, dtype=np.bool_)
    total = some_one_by_one(source, *source_span, matrix, evidence, *span, expected)
    assert some_by_eights(source, *source_span, matrix, evidence, *span, moved, unsure) == (total, True)
    first, after = span[0] - span[0] % 8, span[1] + -span[1] % 8
    assert moved[first:after].tolist() == expected[first:after].tolist()
    assert bool(unsure[0]) == (span[0] == span[1])


def test_tables_begin_with_a_line_of_the_cache() -> None:
    for size in (3, 9, 32):
        table = in_eights(np.ones((size, size)))
        assert table.ctypes.data % 64 == 0
        assert table.sum() == size**2
