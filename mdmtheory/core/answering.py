"""Answers of a plug-in, checked at every question: what they say becomes tokens and probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.guards import floats, integers, is_tensor, laws
from mdmtheory.core.plugins import ProtocolError, reason_of
from mdmtheory.core.protocols import Answers, DrawOptions

MOST_OFF_IN_SCORES = 1e-6
"""By how much a probability or its logarithm may be beyond its end: what float32 leaves of it."""

Numbers = Float[np.ndarray, "n"]


class CheckedAnswers:
    """What a plug-in's canvas answered; ProtocolError with the denoiser's name for what is none (core.protocols)."""

    def __init__(self, inside: Any, whose: str) -> None:
        self._inside, self._whose = inside, whose
        self.vocab_size: int = inside.vocab_size

    def __len__(self) -> int:
        return len(self._inside)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.numpy().astype(np.float64 if dtype is None else dtype)

    def take(self, which: np.ndarray) -> Answers:
        """Those of some of the positions."""
        return CheckedAnswers(self._inside.take(which), self._whose)

    def under(self, options: DrawOptions) -> Answers:
        """The same under options."""
        return CheckedAnswers(self._inside.under(options), self._whose)

    def draw(self, uniforms: Numbers) -> Int[np.ndarray, "n"]:
        """A token at each position, no mask among them."""
        return self._checked(
            "draw", uniforms, check=lambda found: integers(found, (len(self),), 0, self.vocab_size - 1, np.int64)
        )

    def log_prob_of(self, tokens: Int[np.ndarray, "n"]) -> Numbers:
        """Nats, 0 at most."""
        return self._checked("log_prob_of", tokens, check=lambda found: self._numbers(found, -np.inf, 0.0))

    def chance_of(self, tokens: Int[np.ndarray, "n"]) -> Numbers:
        """Probabilities."""
        return self._checked("chance_of", tokens, check=lambda found: self._numbers(found, 0.0, 1.0))

    def confidence(self) -> Numbers:
        """Probabilities."""
        return self._checked("confidence", check=lambda found: self._numbers(found, 0.0, 1.0))

    def margin(self) -> Numbers:
        """Differences of probabilities, largest less second."""
        return self._checked("margin", check=lambda found: self._numbers(found, 0.0, 1.0))

    def entropy(self) -> Numbers:
        """Nats."""
        most = float(np.log(self.vocab_size))
        return self._checked("entropy", check=lambda found: self._numbers(found, 0.0, most))

    def numpy(self) -> Float[np.ndarray, "n vocab_size"]:
        """Laws, or zeros in impossible contexts."""
        return self._checked("numpy", check=lambda found: laws(found, (len(self), self.vocab_size), zeros=True))

    def _numbers(self, found: Any, least: float, most: float) -> np.ndarray:
        array = floats(found, (len(self),))
        low, high = least - MOST_OFF_IN_SCORES, most + MOST_OFF_IN_SCORES
        if array.size and not (array.min() >= low and array.max() <= high):
            wrong = array[(array < low) | (array > high)][0]
            raise ValueError(f"returned {wrong:g}; return numbers from {least:g} to {most:g}")
        return array

    def _checked(self, method: str, *arguments: Any, check: Any) -> np.ndarray:
        try:
            found = getattr(self._inside, method)(*arguments)
        except (KeyboardInterrupt, MemoryError, ProtocolError):
            raise
        except Exception as error:  # a plug-in may raise anything
            raise ProtocolError(
                f"{self._whose} raised {reason_of(error)} in `{method}` of its answers; mend it"
            ) from error
        try:
            checked: np.ndarray = check(found.detach().cpu().numpy() if is_tensor(found) else found)
        except ValueError as wrong:
            raise ProtocolError(f"{self._whose}: `{method}` of its answers {wrong}") from None
        return checked
