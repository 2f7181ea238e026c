"""Jacobi decoding: the tokens of autoregression, all positions of a window guessed anew in every round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.evaluable import call
from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.prompts import Prompt, whole_length
from mdmtheory.core.protocols import Answers, Denoiser, Language, PlanRun
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.models.asking import OpenCanvas, in_batches, together
from mdmtheory.models.autoregressive import Autoregressive
from mdmtheory.models.finishing import TRUST
from mdmtheory.models.noise import uniforms_of

Said = tuple[Int[np.ndarray, "some"], Answers, bool]
"""Some of the entries asked about, what was said of them, and whether their contexts are possible."""


class Jacobi(Autoregressive):
    """Autoregression in fewer rounds (2002.03629, 2305.10427): all positions at once, from guesses, until none changes.

    Each position has a uniform of its own, and takes the token that this draws from its law given the tokens to its
    left, right or wrong: once these do not change any more it is the token of `Autoregressive`, whose law and streams
    these are. A round asks about the `window` positions (all unless said) from the first that is not known to be
    final; what was not asked yet is masked there, and token 0 for a denoiser that sees the left alone. A round is one
    forward pass of such a network, and a call for each position: a context each, as other denoisers are asked. At most
    as many rounds as tokens (docs/theory.md, section 9).
    """

    def __init__(self, language: LanguageLike | Denoiser, *, window: WholeNumber | None = None) -> None:
        super().__init__(language)
        self.window = None if window is None else whole_number(window, "window", 1)
        self.spec = Spec.of("jacobi", **self._own, **dict(self.spec.options))

    def __repr__(self) -> str:
        return call("Jacobi", self.denoiser or self.language, **self._own)

    @property
    def _own(self) -> dict[str, Any]:
        """Its options that are not the default."""
        return {} if self.window is None else {"window": self.window}

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["jacobi", self.window, self._law]

    @property
    def _by_language(self) -> bool:
        """No: its rounds ask the exact posterior."""
        return False

    def _run(
        self,
        denoiser: Any,
        states: UInt64[np.ndarray, "count 4"],
        answered: int,
        prompt: Prompt | None,
        threads: int | None,
    ) -> PlanRun:
        """Draw answers in rounds, one from each stream: the tokens that are drawn from the left."""
        uniforms = uniforms_of(states, np.arange(len(states)), answered)
        return run_in_rounds(denoiser, uniforms, window=self.window, prompt=prompt, threads=threads)


def run_in_rounds(
    denoiser: Denoiser,
    uniforms: Float[np.ndarray, "count length"],
    *,
    window: int | None = None,
    prompt: Prompt | None = None,
    threads: int | None = None,
) -> PlanRun:
    """The tokens that these uniforms draw from left to right, in rounds; with a `prompt`, of the answers alone.

    In a context that wrong guesses make impossible the next guess is that of a denoiser which trusts less
    (`trusting`), and without one it stays. The first position that is not final has a context without guesses: where
    that is impossible the sequence is given up.
    """
    asked: Any = as_denoiser(denoiser)
    count, length = uniforms.shape
    unknown = 0 if asked.sees == "left" else asked.vocab_size
    run = PlanRun(
        np.full((count, length), unknown, dtype=token_dtype(asked.vocab_size)),
        np.full((count, length), np.nan),
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=np.bool_),
    )
    whole, width = whole_length(prompt, length), length if window is None else window
    size = together(asked, whole)

    def work(here: slice, own_threads: int | None) -> None:
        own = prompt and prompt.take(here)
        tokens = run.tokens[here]
        canvas: OpenCanvas | None = None
        if asked.sees == "left":
            canvas = OpenCanvas(asked, len(tokens), length, own, own_threads, shown=tokens)
        final = np.zeros(len(tokens), dtype=np.int64)
        while (live := np.flatnonzero((final < length) & ~run.impossible[here])).size:
            ends = np.minimum(final[live] + width, length)
            places = np.arange(length)
            among, positions = np.nonzero((places >= final[live, None]) & (places < ends[:, None]))
            rows = live[among]
            right, said = np.zeros(len(rows), dtype=np.bool_), np.zeros(len(rows), dtype=np.bool_)
            found = tokens[rows, positions].astype(np.int64)
            for some, answers, possible in _said(asked, canvas, tokens, rows, positions, size, own, own_threads):
                drawn_here = answers.draw(uniforms[here][rows[some], positions[some]])
                right[some], said[some] = drawn_here == found[some], possible
                found[some] = drawn_here
                run.log_probs[here][rows[some], positions[some]] = answers.log_prob_of(drawn_here)
            run.calls[here] += np.bincount(rows, minlength=len(tokens))
            run.rounds[here][live] += 1
            run.impossible[here][rows[(positions == final[rows]) & ~said]] = True
            tokens[rows, positions] = found
            # Up to the first that changed all were drawn in contexts that are final.
            first_wrong = _first(~right, among, positions, ends - 1) + 1
            final[live] = np.minimum(first_wrong, _first(~said, among, positions, ends))
            if canvas is not None:
                canvas.write(rows, positions, found)
                if canvas.takes_hints:
                    canvas.settle_before(int(final.min()))
        guessed = np.arange(length) >= final[:, None]
        tokens[guessed] = asked.vocab_size
        run.log_probs[here][guessed] = np.nan

    in_batches(work, asked, size, count, whole, threads)
    return run


def _said(
    denoiser: Any,
    canvas: OpenCanvas | None,
    tokens: Tokens,
    rows: Int[np.ndarray, "n"],
    positions: Int[np.ndarray, "n"],
    size: int,
    prompt: Prompt | None,
    threads: int | None,
) -> Iterator[Said]:
    """What a denoiser says at (row, position) pairs given what stands to the left of each.

    With a canvas, of one that sees the left alone, all is asked at once, for what stands there are their contexts. Rows
    that it gave up, and those of other denoisers, are asked context by context.
    """
    others = np.arange(len(rows))
    if canvas is not None:
        here = np.flatnonzero(~canvas.impossible[rows])
        answers = canvas.ask(rows[here], positions[here], tokens)
        fits = ~canvas.impossible[rows[here]]
        yield here[fits], answers.take(fits), True
        others = np.flatnonzero(canvas.impossible[rows])
    for a in range(0, len(others), size):
        yield from _in_contexts(denoiser, tokens, rows, positions, others[a : a + size], prompt, threads)


def _in_contexts(
    denoiser: Any,
    tokens: Tokens,
    rows: Int[np.ndarray, "n"],
    positions: Int[np.ndarray, "n"],
    some: Int[np.ndarray, "some"],
    prompt: Prompt | None,
    threads: int | None,
) -> Iterator[Said]:
    """Some of the pairs, each on a canvas row that has what is left of it; impossible ones with less trust."""
    left = np.arange(tokens.shape[1]) < positions[some, None]
    shown = np.where(left, tokens[rows[some]], denoiser.vocab_size).astype(tokens.dtype)
    for asked, possible in ((denoiser, True), (denoiser.trusting(TRUST), False)):
        if asked is None or not len(some):
            return
        own = prompt and prompt.take(rows[some])
        canvas = OpenCanvas(asked, len(some), tokens.shape[1], own, threads, shown=shown)
        answers = canvas.ask(np.arange(len(some)), positions[some], shown)
        fits = ~canvas.impossible
        yield some[fits], answers.take(fits), possible
        some, shown = some[~fits], shown[~fits]


def _first(
    where: Bool[np.ndarray, "n"],
    among: Int[np.ndarray, "n"],
    positions: Int[np.ndarray, "n"],
    otherwise: Int[np.ndarray, "rows"],
) -> Int[np.ndarray, "rows"]:
    """The first position of each row that is marked, or what is said otherwise."""
    found = otherwise.copy()
    np.minimum.at(found, among[where], positions[where])
    return found


@registered(
    "model",
    "jacobi",
    version=1,
    place=6,
    said="Jacobi decoding",
    family="autoregressive",
    examples=("", "window=2"),
    needs=("denoiser",),
    sources=("song2020", "santilli2023"),
)
def named(
    language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any, *, window: int | None = None
) -> Jacobi:
    """Autoregression with positions at once, guessed until they stand (2002.03629); no sampler, steps or schedule."""
    return Jacobi(denoiser, window=window)
