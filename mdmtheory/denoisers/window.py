"""The exact posterior of an observer who sees only the tokens nearby."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.evaluable import call
from mdmtheory.core.integers import whole_number, whole_numbers
from mdmtheory.core.protocols import Language, MarginalsCanvas
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.oracles.canvas import ConditionalsCanvas

_SEARCH = Ours(
    "imperfect denoiser as exact posterior of an observer with limited sight: window of tokens, sudoku "
    "singles, unit propagation, masked diffusion",
    "2026-11-29",
)


class Window(DenoiserDefaults):
    """q(x_i | revealed tokens within `width` positions of i): exact for that observer, and blind to the rest.

    Contexts that are impossible as a whole may look possible through every window. Chains (HMMs, small n-grams) pay
    O(width) messages a position; other languages one full pass of their oracle for each position asked. A
    task's prompt is seen from everywhere. `trust` below 1 takes revealed tokens as soft evidence, as `Oracle` does.
    """

    noises = frozenset({"masked"})

    def __init__(self, language: LanguageLike, *, width: Any, trust: float = 1.0) -> None:
        self.language: Any = as_language(language)
        self.width = whole_number(width, "width", 0)
        self.vocab_size = self.language.vocab_size
        self._oracle: Any = self.language.oracle(trust)
        self.trust: float = float(trust)
        self._less_sure = {} if trust == 1 else {"trust": float(trust)}
        self.spec = Spec.of("window", width=self.width, **self._less_sure)

    def __repr__(self) -> str:
        return call("Window", self.language, width=self.width, **self._less_sure)

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["window", self.width, *self._less_sure.values(), self.language.digest]

    def trusting(self, trust: float) -> Window:
        """The observer that trusts what it sees so far; this one where it trusts less already."""
        return Window(self.language, width=self.width, trust=min(trust, self.trust))

    @whole_numbers(threads=1)
    def seen_from(
        self,
        tokens: Tokens,
        rows: Int[np.ndarray, "n"],
        positions: Int[np.ndarray, "n"],
        threads: int | None = None,
    ) -> Float[np.ndarray, "n vocab_size"]:
        """The marginal at each (row, position) given the tokens in its window; zeros where those are impossible."""
        chain = self.language.chain
        if chain is not None:
            weights, sure = chain.window_weights(tokens, rows, positions, self.width, self.trust, threads)
            totals = weights.sum(axis=1, keepdims=True)
            marginals: Float[np.ndarray, "n vocab_size"] = np.divide(weights, totals, out=weights, where=totals > 0)
            if not sure.all():
                marginals[~sure] = self._by_oracle(tokens, rows[~sure], positions[~sure], threads)
            return marginals
        return self._by_oracle(tokens, rows, positions, threads)

    def _by_oracle(
        self, tokens: Tokens, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], threads: int | None
    ) -> Float[np.ndarray, "n vocab_size"]:
        """As `seen_from`: the language's oracle is shown what the window shows."""
        out = np.empty((len(rows), self.vocab_size))
        near = np.arange(tokens.shape[1])
        prompt = self.language.prompt(tokens.shape[1])
        # A few hundred thousand tokens at a time keep the copies small.
        piece = max(1, (1 << 18) // tokens.shape[1])
        for start in range(0, len(rows), piece):
            some, at = rows[start : start + piece], positions[start : start + piece]
            hidden = np.abs(near[None] - at[:, None]) > self.width
            if prompt is not None:
                hidden &= ~prompt
            seen = np.where(hidden, self.vocab_size, tokens[some]).astype(tokens.dtype)
            out[start : start + piece] = self._oracle.conditionals(seen, threads=threads)[np.arange(len(some)), at]
        return out

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
        """A canvas of masked sequences."""
        if noise not in self.noises:
            raise ValueError(f"the window denoiser takes no {noise!r} noise; known: masked")
        return _WindowCanvas(self, count, length, prompt, threads)


class _WindowCanvas(ConditionalsCanvas):
    denoiser: Window

    def marginals(
        self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n vocab_size"]:
        asked = np.unique(rows)
        self.calls[asked] += 1
        self.rounds[asked] += 1
        marginals = self.denoiser.seen_from(self.tokens, rows, positions, self.threads)
        self.impossible[rows[marginals.sum(axis=1) <= 0]] = True
        return marginals


@registered("denoiser", "window", version=1, place=3, examples=("width=1",), sources=(_SEARCH,))
@whole_numbers(width=0)
def named(language: Language, *, width: int, trust: float = 1.0) -> Window:
    """The exact posterior of an observer who sees only tokens within width positions."""
    return Window(language, width=width, trust=trust)
