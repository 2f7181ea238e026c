"""Whether answers that stay where they were computed are those of the laws that they bring home."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int

from mdmtheory.conformance.bayes import opened_at
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError
from mdmtheory.conformance.settings import uniforms
from mdmtheory.core.plugins import conforms
from mdmtheory.core.protocols import Answers, Canvas
from mdmtheory.core.tokens import Tokens
from mdmtheory.oracles.answers import LawAnswers
from mdmtheory.samplers.budgeted import Confidence

_OPTIONS = (
    Confidence(),
    Confidence(temperature=0.6),
    Confidence(temperature=0.0),
    Confidence(nucleus=0.7),
    Confidence(min_p=0.2),
    Confidence(temperature=0.0, ties="lowest"),
)
_ROOM = 1e-6
"""By how much a score may differ from that of the law: what float32 leaves of it."""


def check_answers(denoiser: Any, contexts: Tokens) -> str:
    """RefutedError unless draws, log-probabilities and scores are those of the laws, under every kind of options."""
    canvas: Any = opened_at(denoiser, contexts)
    if not conforms(canvas, Canvas):
        raise DoesNotApplyError("its canvas has `marginals` alone, which are wrapped")
    rows, positions = np.nonzero((contexts == denoiser.vocab_size) & ~np.asarray(canvas.impossible)[:, None])
    said: Answers = canvas.ask(rows, positions)
    said = said.take(np.flatnonzero(np.asarray(said).sum(axis=1) > 0))
    laws = np.asarray(said, dtype=np.float64)
    chances = uniforms("answers", len(said), 1)[:, 0]
    tokens = (uniforms("tokens asked", len(said), 1)[:, 0] * denoiser.vocab_size).astype(np.int64)
    for options in _OPTIONS:
        theirs, ours = said.under(options), LawAnswers.of(laws).under(options)
        for name, of in _numbers(tokens).items():
            off = np.abs(of(theirs) - of(ours)).max()
            if not off <= _ROOM:
                raise RefutedError(f"`{name}` under {options.spec} is {off:.2g} off what the laws say")
        drawn = theirs.draw(chances)
        # Where a uniform falls on the edge of two tokens either may be drawn.
        sums = np.cumsum(ours.laws, axis=1)
        at = np.arange(len(drawn))
        after, before = sums[at, drawn] + _ROOM, sums[at, drawn] - ours.laws[at, drawn] - _ROOM
        wrong = (before > chances) | (chances > after) | (ours.laws[at, drawn] == 0)
        if wrong.any():
            row = int(wrong.argmax())
            raise RefutedError(
                f"under {options.spec} the uniform {chances[row]:.6g} drew token {drawn[row]} from "
                f"{ours.laws[row].round(6).tolist()}"
            )
    return f"{len(said):,} laws under {len(_OPTIONS)} options"


def _numbers(tokens: Int[np.ndarray, "n"]) -> dict[str, Callable[[Answers], np.ndarray]]:
    """What is asked of answers, by name, as numbers of a like size."""
    return {
        "confidence": lambda answers: answers.confidence(),
        "margin": lambda answers: answers.margin(),
        "entropy": lambda answers: answers.entropy(),
        "chance_of": lambda answers: answers.chance_of(tokens),
        "log_prob_of": lambda answers: np.exp(answers.log_prob_of(tokens)),
    }
