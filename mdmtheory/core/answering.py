"""What the answers of a plug-in have to keep to at every question: what they say becomes tokens and probabilities."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from mdmtheory.core.guards import Contract, Guard, floats, guarded, integers, laws, off_device
from mdmtheory.core.plugins import conforming
from mdmtheory.core.protocols import Answers

MOST_OFF_IN_SCORES = 1e-6
"""By how much a probability or its logarithm may be beyond its end: what float32 leaves of it."""


class _AnswersGuard(Guard):
    """Of answers, which have a length and are an array too."""

    def __len__(self) -> int:
        return len(self.guarded_.plug_in)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._read("numpy")(), dtype=dtype)


def _some_answers(answers: Any, found: Any, *asked: Any) -> Any:
    return guarded(conforming(found, "what it returned", Answers), ANSWERS, answers.guarded_.name)


def _tokens_drawn(answers: Any, found: Any, uniforms: Any) -> np.ndarray:
    return integers(off_device(found), (len(answers),), 0, answers.vocab_size - 1, np.int64)


def _numbers(least: float, most: float, answers: Any, found: Any, *asked: Any) -> np.ndarray:
    """A number for each position, between two ends."""
    array = floats(off_device(found), (len(answers),))
    low, high = least - MOST_OFF_IN_SCORES, most + MOST_OFF_IN_SCORES
    if array.size and not (array.min() >= low and array.max() <= high):
        wrong = array[(array < low) | (array > high)][0]
        raise ValueError(f"returned {wrong:g}; return numbers from {least:g} to {most:g}")
    return array


def _entropies(answers: Any, found: Any) -> np.ndarray:
    return _numbers(0.0, float(np.log(answers.vocab_size)), answers, found)


def _brought_home(answers: Any, found: Any) -> np.ndarray:
    return laws(off_device(found), (len(answers), answers.vocab_size), zeros=True)


_PROBABILITIES = partial(_numbers, 0.0, 1.0)

ANSWERS = Contract(
    "answers",
    {
        "take": _some_answers,
        "under": _some_answers,
        "draw": _tokens_drawn,
        "log_prob_of": partial(_numbers, -np.inf, 0.0),
        "chance_of": _PROBABILITIES,
        "confidence": _PROBABILITIES,
        "margin": _PROBABILITIES,
        "entropy": _entropies,
        "numpy": _brought_home,
    },
    guard=_AnswersGuard,
    whose=" of its answers",
)
