"""The exact posterior of an observer of addition who sees the addends of few columns, and may not see a carry begin."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.denoisers.observer import Observer, Part
from mdmtheory.languages.presets import LanguageLike

_SEARCH = Ours(
    "addition carry chain limited window observer exact posterior of digits, masked diffusion language model, easy "
    "first decoding order, long carries",
    "2026-11-29",
)

Carries = Float[np.ndarray, "count addends"]
"""Of each problem, how well each carry into a column agrees with what is seen on one side of it."""


@registered(
    "denoiser",
    "carry",
    version=1,
    place=9,
    examples=("columns=1", "columns=0,left=1"),
    of=("addition",),
    sources=(_SEARCH,),
)
class Carry(Observer):
    """The exact posterior of an observer of addition who sees, for each digit of the sum, few columns of addends.

    For the digit of a column it sees the addends of that column, of `columns` columns to the right of it and of `left`
    to the left, and every revealed digit of the sum with its place. Its law is the mean over all problems that have
    these addends there and these digits in their sum: the other addends are uniform, so that a carry from further right
    has the law of a chain of carries, given the digits. A revealed digit in a column that it sees tells the carry into
    it. Each digit has an observer of its own, as with `Window`, and what is impossible as a whole may look possible to
    some of them (docs/theory.md, 14; ours).

    MisfitError for problems that are drawn too (given=joint), and for chains of partial sums.

    >>> import mdmtheory as mt
    >>> task = mt.as_language("addition:digits=3,addends=2")
    >>> row = task.parse("047 + 052 = _ _ _ _")
    >>> Carry(task, columns=1).conditionals(row)[0, -3, :2].round(3).tolist()
    [0.55, 0.45]
    >>> Carry(task, columns=2).conditionals(row)[0, -3, :2].round(3).tolist()
    [1.0, 0.0]
    """

    task = "addition"

    @whole_numbers(columns=0, left=0)
    def __init__(self, language: LanguageLike, *, columns: int, left: int = 0) -> None:
        self.columns, self.left = columns, left
        super().__init__(language, columns=self.columns, left=self.left)
        if self.language.joint or self.language.chained:
            raise MisfitError(
                f"denoiser carry is for addition of given problems without a chain, not for {self.language.spec}"
            )
        addends = self.language.addends
        sums = np.arange(9 * addends + 1)[:, None, None, None]
        digit, before, after = np.ogrid[:10, :addends, :addends]
        # Whether a column of a sum, into which a carry comes, has a digit and carries so much; last, of the mask as
        # digit, whether it carries so much.
        moves = (sums + before == 10 * after + digit).astype(np.float64)
        self._seen = np.concatenate([moves, moves.sum(axis=1, keepdims=True)], axis=1)
        chances = np.ones(1)
        for _ in range(addends):
            chances = np.convolve(chances, np.full(10, 0.1))
        self._unseen = np.tensordot(chances, self._seen, axes=1)

    def _laws(
        self, prompts: Part, answers: Part
    ) -> tuple[Float[np.ndarray, "count answered vocab_size"], Bool[np.ndarray, "count"]]:
        digits, addends, places = self.language.digits, self.language.addends, self.language.places
        # Columns are numbered from the right; the leading one has no addends.
        sums = np.zeros((len(prompts), places), dtype=np.int64)
        sums[:, :digits] = prompts.astype(np.int64).reshape(-1, addends, digits).sum(axis=1)[:, ::-1]
        shown = answers[:, ::-1].astype(np.int64)
        seen = [self._seen[sums[:, column], shown[:, column]] for column in range(places)]
        unseen = [self._unseen[shown[:, column]] for column in range(digits)] + seen[digits:]
        # Nothing is carried into the first column, nor out of the last.
        nothing = np.repeat(np.eye(addends)[:1], len(prompts), axis=0)
        ahead, behind = [nothing], [nothing]
        for column in range(places):
            ahead.append(_to_left(ahead[-1], unseen[column]))
            behind.insert(0, _to_right(behind[0], unseen[places - 1 - column]))
        laws = np.zeros((*answers.shape, self.vocab_size))
        rows = np.arange(len(prompts))
        for column in range(places):
            first, last = max(0, column - self.columns), min(places - 1, column + self.left)
            into, out = ahead[first], behind[last + 1]
            for near in range(first, column):
                into = _to_left(into, seen[near])
            for near in range(last, column, -1):
                out = _to_right(out, seen[near])
            for carry in range(addends):
                after, digit = np.divmod(sums[:, column] + carry, 10)
                # Each carry gives a digit of its own.
                laws[rows, places - 1 - column, digit] = into[:, carry] * out[rows, after]
        totals = laws.sum(axis=2, keepdims=True)
        return np.divide(laws, totals, out=laws, where=totals > 0), np.ones(len(prompts), dtype=np.bool_)


def _to_left(into: Carries, column: Float[np.ndarray, "count addends addends"]) -> Carries:
    """What is seen of the carry out of a column, by what is seen of the carry into it."""
    return np.asarray(np.einsum("rc,rcd->rd", into, column))


def _to_right(out: Carries, column: Float[np.ndarray, "count addends addends"]) -> Carries:
    """What is seen of the carry into a column, by what is seen of the carry out of it."""
    return np.asarray(np.einsum("rcd,rd->rc", column, out))
