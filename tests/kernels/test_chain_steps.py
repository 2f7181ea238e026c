"""Renewing a message all at once gives the numbers of one step after the other, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from mdmtheory.kernels.chain_steps import condition, copy_into, doubt_little, meet, renew_narrow
from mdmtheory.kernels.compiling import kernel
from mdmtheory.kernels.state_steps import aligned, in_eights, move_some, same_states

SIZE = 40


@kernel
def at_once(message, first, last, matrix, evidence, other, kept, new, start, stop, unsure):
    return renew_narrow(message, first, last, matrix, evidence, other, kept, new, start, stop, unsure)


@kernel
def step_by_step(message, first, last, matrix, evidence, other, kept, new, start, stop, unsure):
    move_some(message, matrix, first, last, new, start, stop)
    meet(new, other, start, stop, unsure)
    total = condition(new, evidence, start, stop)
    doubt_little(total, unsure)
    changed = not same_states(new, kept, start, stop)
    if changed:
        copy_into(new, kept, start, stop)
    return total, changed


@pytest.mark.parametrize("case", ["other", "as it was", "little", "impossible"])
@pytest.mark.parametrize("states", [(9, 18), (0, 9), (16, 32), (23, 31), (30, 38)])
def test_renewal_at_once(case: str, states: tuple[int, int]) -> None:
    generator = np.random.default_rng(states[0])
    first, last = 9, 22
    message, evidence, other = (in_eights(generator.random((1, SIZE))) for _ in range(3))
    matrix = in_eights(generator.random((SIZE, SIZE)))
    for each in (evidence, other):
        each[0, : states[0]] = each[0, states[1] :] = 0.0
    if case in ("little", "impossible"):
        evidence *= 1e-120 if case == "little" else 0.0
    kept = aligned((1, SIZE))
    how = (first, last, matrix, evidence[0], other[0])
    if case == "as it was":
        step_by_step(message[0], *how, kept[0], aligned((1, SIZE))[0], *states, np.zeros(1, dtype=np.bool_))
    found = []
    for renew in (at_once, step_by_step):
        own, unsure = kept.copy(), np.zeros(1, dtype=np.bool_)
        said = renew(message[0], *how, own[0], aligned((1, SIZE))[0], *states, unsure)
        found.append((said, own.tolist(), unsure.tolist()))
    assert found[0] == found[1]
    assert found[0][0][1] == (case in ("other", "little"))
    assert found[0][2] == [case in ("little", "impossible")]
