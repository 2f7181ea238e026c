"""Drawing sequences to their end that met an impossible context: from there on revealed tokens are trusted less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.canvases import laws_said
from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.prompts import Prompt, with_answers
from mdmtheory.core.protocols import MarginalsCanvas, PlanRun, Samples
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens

TRUST = 0.999
"""How far revealed tokens are trusted after an impossible context, unless said: as to samplers that may change them."""


def finishing_trust(finish: bool, trust: float | None) -> float | None:
    """The trust with which sequences are drawn to their end, None where they are given up; ValueError for no such."""
    if not finish:
        if trust is not None:
            raise ValueError(f"trust {trust} says how sequences that went wrong are finished; pass finish=True as well")
        return None
    found = TRUST if trust is None else float(trust)
    if not 0 < found < 1:
        raise ValueError(f"trust is {trust}; pass a number above 0 and below 1, with which no context is impossible")
    return found


def drawn(draw: Callable[[Any, Any], PlanRun], denoiser: Any, trust: float | None, prompt: Prompt | None) -> Samples:
    """What `draw(denoiser, rows)` draws: all answers (a slice) or some (numbers), from their streams' start.

    With a `trust`, those that met an impossible context are drawn once more and to their end; `impossible` still names
    them, and nothing about the others can change. Up to that context they are as before.
    """
    run = draw(denoiser, slice(None))
    rows = np.flatnonzero(run.impossible)
    if trust is not None and len(rows):
        ended = draw(GoingOn(denoiser, trust), rows)
        for name in ("tokens", "calls", "rounds"):
            getattr(run, name)[rows] = getattr(ended, name)
    return Samples(with_answers(prompt, run.tokens), run.calls, run.rounds, run.impossible, trust)


class GoingOn(DenoiserDefaults):
    """A denoiser that gives no sequence up: from an impossible context on, the same that trusts what is revealed less.

    ValueError where a denoiser has no such twin (`trusting`). docs/theory.md, section 1 (ours).
    """

    def __init__(self, denoiser: Any, trust: float) -> None:
        self.base: Any = as_denoiser(denoiser)
        self.less_sure: Any = self.base.trusting(trust)
        if self.less_sure is None:
            raise ValueError(
                f"denoiser {self.base.spec} gives up at impossible contexts and does not say how to go on; give it "
                "`trusting(trust)`, or draw without finish"
            )
        self.vocab_size, self.noises, self.tolerance = self.base.vocab_size, self.base.noises, self.base.tolerance
        self.spec = Spec("going_on", (("of", str(self.base.spec)), ("trust", trust)))
        if self.base.pairs is not None:
            self.pairs = self._pairs

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["going on", self.base.identity, self.less_sure.identity]

    def batch(self, length: int) -> int | None:
        """As the denoiser inside."""
        asked: int | None = self.base.batch(length)
        return asked

    @whole_numbers(count=0, length=1, threads=1)
    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> MarginalsCanvas:
        """A canvas of both; a sequence is asked of the first until that finds it impossible."""
        both = (self.base, self.less_sure)
        opened = [each.open(count, length, noise=noise, prompt=prompt, threads=threads) for each in both]
        canvas: Any = _TwoCanvases(*opened, count=count, vocab_size=self.vocab_size)
        return cast(MarginalsCanvas, canvas)

    def _pairs(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count length length"]:
        """Mutual information as the one that is asked about each row knows it."""
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        found: Float[np.ndarray, "count length length"] = self.base.pairs(tokens, threads=threads)
        dead = self.base.conditionals(tokens, threads=threads).sum(axis=2) <= 0
        rows = np.flatnonzero((dead & (tokens == self.vocab_size)).any(axis=1))
        if len(rows):
            found[rows] = self.less_sure.pairs(tokens[rows], threads=threads)
        return found


class _TwoCanvases:
    """Both are written to throughout, so that what the second says of a sequence depends on that sequence alone."""

    def __init__(self, sure: Any, less_sure: Any, *, count: int, vocab_size: int) -> None:
        self._sure, self._less_sure, self._vocab_size = sure, less_sure, vocab_size
        self._over: Bool[np.ndarray, "count"] = np.zeros(count, dtype=np.bool_)
        self.impossible: Bool[np.ndarray, "count"] = np.zeros(count, dtype=np.bool_)

    @property
    def calls(self) -> Int[np.ndarray, "count"]:
        """Of both; where the first finds a context impossible, the second answers in the same call."""
        return self._sure.calls + self._less_sure.calls - self._over

    @property
    def rounds(self) -> Int[np.ndarray, "count"]:
        """As `calls`."""
        return self._sure.rounds + self._less_sure.rounds - self._over

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs; the mask erases."""
        for each in (self._sure, self._less_sure):
            each.write(rows, positions, tokens)

    def marginals(
        self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n vocab_size"]:
        """The posterior of each (row, position) pair, of whichever of the two is asked about its row."""
        found = np.empty((len(rows), self._vocab_size))
        first = ~self._over[rows]
        if first.any():
            found[first] = laws_said(self._sure, rows[first], positions[first])
        self._over |= self._sure.impossible
        second = self._over[rows]
        if second.any():
            found[second] = laws_said(self._less_sure, rows[second], positions[second])
        return found
