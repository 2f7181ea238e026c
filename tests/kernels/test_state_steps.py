"""Messages of one sequence by eights, to the last bit those of kernels/chain.py."""

from __future__ import annotations

import numpy as np
import pytest

from mdmtheory.kernels.chain import combine_rows, least_positive, normalise, weigh_tokens
from mdmtheory.kernels.chain_plans import same_message
from mdmtheory.kernels.compiling import kernel
from mdmtheory.kernels.state_steps import (
    in_eights,
    least_of_state,
    move_state,
    same_state,
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
    same = same_message(message, moved, 0, size)
    return least_positive(message), least_positive(moved), same, same_message(moved, moved, 0, size)


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
