"""Asking a denoiser: what its canvases say is taken as answers, and refused where it is no law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.giving_up import go_on
from mdmtheory.core.guards import is_tensor
from mdmtheory.core.long_calls import counted
from mdmtheory.core.plugins import ProtocolError, conforms
from mdmtheory.core.prompts import Prompt, whole_length
from mdmtheory.core.protocols import Answers, Canvas, Evidence, NoisyCanvas
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens
from mdmtheory.models.fitting import check_sees_given
from mdmtheory.oracles.answers import LawAnswers

BATCH_ENTRIES = 1 << 19
"""Probabilities that are worked on together: the marginals of a batch take a few megabytes."""

LAW_ENTRIES = 1 << 23
"""Float64 numbers, 64 MiB, that are made at a time of laws over a vocabulary where all of a law has to be at hand."""


def together(denoiser: Any, length: int) -> int:
    """How many sequences go through the steps together: the batch that the denoiser asks for, if it asks for one."""
    asked: int | None = denoiser.batch(length)
    return max(1, BATCH_ENTRIES // (length * denoiser.vocab_size)) if asked is None else asked


def in_batches(
    work: Callable[[slice, int | None], None], denoiser: Any, size: int, count: int, length: int, threads: int | None
) -> None:
    """Call `work(rows, threads)` on batches of `size` rows that cover range(count).

    One after the other where the denoiser asks for a batch, with all the threads; else in parallel, a thread each.
    """

    def some(first: int, last: int, own_threads: int | None = 1) -> None:
        for a in counted(range(first, last, size), "batches"):
            work(slice(a, min(a + size, last)), own_threads)

    if denoiser.batch(length) is None:
        over_rows(some, count, threads)
    else:
        some(0, count, threads)


Witness = Callable[[Int[np.ndarray, "contexts"], Tokens, Int[np.ndarray, "n"], Int[np.ndarray, "n"], Answers], object]
"""Told, wherever tokens are set, in which contexts that is and what the denoiser says there.

The numbers of sequences; a row for each of them that is its context and may change after the call; (row, position)
pairs, where tokens are set; and the answers at these.
"""


def of_slice(witness: Witness | None, here: slice) -> Witness | None:
    """The witness of some sequences, which are numbered from 0 where they are run."""
    if witness is None:
        return None
    told = witness
    return lambda sequences, *said: told(sequences + here.start, *said)


class OpenCanvas:
    """A canvas as the loops see it: positions are those of the answer, numbered from 0, and what it says are answers.

    Opened at the prompts, with what is `shown` of the answers revealed besides. The denoiser is behind a guard if it is
    a plug-in. ValueError, and ProtocolError for a plug-in, where what it says are no laws; MisfitError where it does
    not see what is given.
    """

    def __init__(
        self,
        denoiser: Any,
        count: int,
        length: int,
        prompt: Prompt | None = None,
        threads: int | None = None,
        *,
        shown: Tokens | None = None,
    ) -> None:
        self.denoiser = denoiser
        self._where = np.arange(length) if prompt is None else prompt.answer
        if prompt is not None:
            check_sees_given(denoiser, prompt.given)
        self._length = whole_length(prompt, length)
        given = shown
        if prompt is not None:
            given = prompt.tokens if shown is None else prompt.joined(shown)
        self._canvas: Any = self.denoiser.open(count, self._length, prompt=given, threads=threads)
        self.takes_hints = conforms(self._canvas, Canvas)
        """Whether it has a use for `settle_before`: it answers itself."""

    @property
    def calls(self) -> Int[np.ndarray, "count"]:
        """Denoiser evaluations of each sequence."""
        return self._canvas.calls

    @property
    def rounds(self) -> Int[np.ndarray, "count"]:
        """Sequential depth of each sequence."""
        return self._canvas.rounds

    @property
    def impossible(self) -> Bool[np.ndarray, "count"]:
        """Which sequences have met a context of probability 0."""
        return self._canvas.impossible

    def ask(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], shown: Tokens) -> Answers:
        """What is said of (row, position) pairs of the answers `shown`; laws of zeros are in impossible contexts."""
        go_on()
        where = self._where[positions]
        if not self.takes_hints:
            return answers_of(self._canvas.marginals(rows, where), self.impossible[rows], self.denoiser)
        told = {}
        if self.denoiser.told_level:
            told["level"] = ((shown == self.denoiser.vocab_size).sum(axis=1) / self._length)[rows]
        answers: Answers = self._canvas.ask(rows, where, **told)
        return answers

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs; the mask erases."""
        self._canvas.write(rows, self._where[positions], tokens)

    def settle_before(self, position: int) -> None:
        """Say, where it `takes_hints`, that nothing left of a position of the answer changes again."""
        if position < len(self._where):
            self._canvas.settle_before(int(self._where[position]))


def answers_of(found: Any, impossible: Bool[np.ndarray, "n"], denoiser: Any) -> Answers:
    """Laws as a canvas returned them, an array or a tensor (n, V), as answers; ValueError unless they are laws."""
    shape = (len(impossible), denoiser.vocab_size)
    if tuple(np.shape(found)) != shape:
        raise ValueError(
            f"the denoiser gave marginals of shape {tuple(np.shape(found))} at {shape[0]} positions; "
            f"return one row of {shape[1]} probabilities for each, {shape}"
        )
    if not is_tensor(found):
        return LawAnswers.scaled(found, impossible, denoiser.tolerance)
    from mdmtheory.networks.answers import TensorAnswers

    try:
        return TensorAnswers.of_probabilities(found, impossible, denoiser.tolerance)
    except ValueError as wrong:
        raise ProtocolError(f"denoiser {denoiser.spec}: {wrong}") from None


def posteriors_of(canvas: NoisyCanvas, evidence: Evidence, shape: tuple[int, int, int], denoiser: Any) -> Answers:
    """What a noisy canvas says of every token, position by position of each sequence; ValueError where it is no law."""
    go_on()
    found = canvas.posterior(evidence)
    if tuple(np.shape(found)) != shape:
        raise ValueError(
            f"the denoiser gave posteriors of shape {tuple(np.shape(found))}; return {shape}, a law for each token"
        )
    return answers_of(found.reshape(-1, shape[2]), np.repeat(canvas.impossible, shape[1]), denoiser)


def home(answers: Answers) -> Float[np.ndarray, "n vocab_size"]:
    """The laws in float64, in one block of memory."""
    return np.require(answers.numpy(), np.float64, ["C", "W"])
