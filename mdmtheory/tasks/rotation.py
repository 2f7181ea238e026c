"""Rotation: a direction, turns that go one way and the other, and the direction that comes of it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.tasks.automaton import Automaton
from mdmtheory.tasks.problems import CHAINS, CHOICES, WRITTEN_SEARCH, Problems, check_form, form_of, with_chain

MOST = 64
"""Turns of a problem."""

DIRECTIONS = "URDL"
"""Up, right, down, left: clockwise."""

SIGNS = "0123456789" + DIRECTIONS


class Rotation(Problems):
    """A direction, and digits that turn it by so many quarters: the first clockwise, and each next the other way.

    The paper's "each number reverses the direction" is read as the direction of turning; of its rule no more is known,
    so the reading is ours. All problems are as likely. `joint` is 1 where nothing is given, and `chained` says where
    the directions on the way stand: CHAINS[chained].

    >>> task = named(turns=3, chain="after")
    >>> task.show(task.joined([10, 3, 1, 4], task.answers([10, 3, 1, 4]).tokens[0]))
    'U 3 1 4 = D: L D'
    """

    kind = "rotation"
    version = 1
    numbers = ("turns", "joint", "chained")
    choices = CHOICES
    source = "Latent Diffusion with LLMs for Reasoning (under review); how numbers turn, and how it is written: ours"

    @whole_numbers(turns=1, joint=0, chained=0)
    def __init__(self, *, turns: int, joint: int, chained: int, spec: Spec | None = None) -> None:
        if turns > MOST:
            raise ValueError(f"turns is {turns}; pass from 1 to {MOST}")
        check_form(joint, chained)
        if chained and turns == 1:
            raise ValueError(
                f"chain is {CHAINS[chained]} of one turn, which has no directions on the way; pass chain=none, or "
                "turns=2 or more"
            )
        self.turns, self.joint, self.chained = turns, joint, chained
        result, chain = " = #", ":" + " #" * (turns - 1)
        rest = with_chain(chained, result, chain)
        self._pose(
            SIGNS,
            [range(10, len(SIGNS)), *[range(10)] * turns],
            "#" + " #" * turns + rest,
            joint=bool(joint),
            spec=spec,
        )

    @property
    def _written(self) -> list[int]:
        """The numbers of the turns after which the direction is written, as they stand."""
        return with_chain(self.chained, [self.turns - 1], list(range(self.turns - 1)))

    def _solved(self, problems: Int[np.ndarray, "count asked"]) -> Int[np.ndarray, "count rest"]:
        quarters = problems[:, 1:] * (-1) ** np.arange(self.turns)
        directions = 10 + (problems[:, :1] - 10 + quarters.cumsum(axis=1)) % len(DIRECTIONS)
        return directions[:, self._written]

    def _reader(self) -> Automaton:
        """Turns as it reads; a state is the direction, and what is written must be that."""
        order = [0]
        for turn in range(self.turns):
            order.append(turn + 1)
            if turn in self._written:
                order.append(1 + self.turns + self._written.index(turn))

        def step(t: int, states: Int[np.ndarray, "states"]) -> Int[np.ndarray, "states vocab_size"]:
            after = np.full((len(states), len(SIGNS)), -1)
            if t == 0:
                after[:, 10:] = np.arange(len(DIRECTIONS))
            elif order[t] <= self.turns:
                quarters = np.arange(10) if order[t] % 2 else -np.arange(10)
                after[:, :10] = (states[:, None] + quarters) % len(DIRECTIONS)
            else:
                after[np.arange(len(states)), 10 + states] = states
            return after

        return Automaton.reading(np.array(order), 0, step)

    def _stratum(self, problem: Int[np.ndarray, "asked"]) -> str:
        """How many of the numbers change the direction, whole turns being none."""
        return f"changes {(problem[1:] % len(DIRECTIONS) > 0).sum()}"


@registered(
    "language",
    "rotation",
    completable=True,
    version=1,
    place=25,
    family="task",
    said="rotation of {turns} turns",
    examples=("turns=3", "turns=4,chain=after", "turns=3,given=joint", "turns=2,given=joint,chain=before"),
    sources=("latent", WRITTEN_SEARCH),
)
@whole_numbers(turns=1)
def named(*, turns: int = 4, given: str = "problem", chain: str = "none") -> Rotation:
    """Task: turn by quarters, clockwise and back in turn; chain=after or before: with the directions on the way."""
    joint, where = form_of("rotation", given, chain)
    spec = Spec.of("rotation", turns=turns, given=given, chain=chain)
    return Rotation(turns=turns, joint=joint, chained=where, spec=spec)
