"""Nested brackets: a hidden Markov model whose states are stacks."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.languages.hmm import HMM

MOST_STACKS = 4_000
"""Largest number of stacks of `dyck`: it has up to twice as many hidden states, and a dense transition matrix."""


@registered("language", completable=True, place=3, said="Dyck", sources=("hewitt2020",))
@whole_numbers(kinds=1, depth=1)
def dyck(*, kinds: int = 2, depth: int = 4) -> HMM:
    """Nested brackets of some kinds and bounded depth; every allowed move equally likely, no end condition."""
    stacks_so_far, level_size = 0, 1
    for _ in range(depth + 1):
        stacks_so_far, level_size = stacks_so_far + level_size, level_size * kinds
        if stacks_so_far > MOST_STACKS:
            raise ValueError(
                f"kinds={kinds} and depth={depth} make more than {MOST_STACKS:,} stacks; use fewer of them"
            )
    levels: list[list[tuple[int, ...]]] = [[()]]
    for _ in range(depth):
        levels.append([(*stack, kind) for stack in levels[-1] for kind in range(kinds)])
    stacks = [stack for level in levels for stack in level]
    # A hidden state is the stack after a move and the token that the move wrote.
    states: dict[tuple[Any, int], int] = {}
    for stack in stacks:
        for move, _ in _bracket_moves(stack, kinds, depth):
            states.setdefault(move, len(states))
    transition = np.zeros((len(states), len(states)))
    emission = np.zeros((len(states), 2 * kinds))
    for (stack, token), state in states.items():
        emission[state, token] = 1.0
        for move, probability in _bracket_moves(stack, kinds, depth):
            transition[state, states[move]] = probability
    initial = np.zeros(len(states))
    for move, probability in _bracket_moves((), kinds, depth):
        initial[states[move]] = probability
    return HMM(initial, transition, emission)


def _bracket_moves(stack: tuple[int, ...], kinds: int, depth: int) -> list[tuple[tuple[tuple[int, ...], int], float]]:
    """((next stack, token), probability): tokens 0..kinds-1 open, kinds..2*kinds-1 close."""
    moves = [((*stack, kind), kind) for kind in range(kinds)] if len(stack) < depth else []
    if stack:
        moves.append((stack[:-1], kinds + stack[-1]))
    return [(move, 1 / len(moves)) for move in moves]
