"""Conditionals by Bayes' rule on an enumerated law: what an exact denoiser must give."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.canvases import laws_said
from mdmtheory.core.protocols import Canvas, Denoiser, MarginalsCanvas
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.enumeration import Law, all_sequences

Conditionals = Float[np.ndarray, "contexts length vocab_size"]

_PIECE = 1 << 22


def bayes(joint: Law, contexts: Tokens, trust: float = 1.0) -> Conditionals:
    """P(x_i = v | what the context reveals elsewhere) from the law of shape (V,)*L; zeros where that is impossible.

    A revealed token is right with probability `trust`, else any of the V with equal chances.
    """
    vocab_size, length = joint.shape[0], joint.ndim
    sequences = all_sequences(vocab_size, length)
    out = np.zeros((len(contexts), length, vocab_size))
    # A few megabytes of evidence at a time.
    piece = max(1, _PIECE // len(sequences))
    for start in range(0, len(contexts), piece):
        some = contexts[start : start + piece]
        for i in range(length):
            weight = np.tile(joint.reshape(-1), (len(some), 1))
            for j in range(length):
                if j != i:
                    right = some[:, j, None] == sequences[None, :, j]
                    seen = np.where(right, trust, 0.0) + (1 - trust) / vocab_size
                    weight *= np.where(some[:, j, None] == vocab_size, 1.0, seen)
            for v in range(vocab_size):
                out[start : start + piece, i, v] = weight[:, sequences[:, i] == v].sum(axis=1)
    totals = out.sum(axis=2, keepdims=True)
    return np.divide(out, totals, out=np.zeros_like(out), where=totals > 0)


def bayes_by_likelihood(joint: Law, likelihood: Conditionals) -> Conditionals:
    """P(x_i = v | evidence at every position), the evidence being a likelihood of each token at each position."""
    vocab_size, length = joint.shape[0], joint.ndim
    sequences = all_sequences(vocab_size, length)
    weight = np.tile(joint.reshape(-1), (len(likelihood), 1))
    for i in range(length):
        weight *= likelihood[:, i, sequences[:, i]]
    out = np.stack(
        [np.stack([weight[:, sequences[:, i] == v].sum(axis=1) for v in range(vocab_size)], 1) for i in range(length)],
        1,
    )
    return out / out.sum(axis=2, keepdims=True)


def possible(joint: Law, contexts: Tokens) -> Bool[np.ndarray, "contexts"]:
    """Whether each context agrees with a sequence of the support."""
    vocab_size = joint.shape[0]
    support = all_sequences(vocab_size, joint.ndim)[joint.reshape(-1) > 0]
    found = np.zeros(len(contexts), dtype=np.bool_)
    for start in range(0, len(contexts), 512):
        some = contexts[start : start + 512, None]
        found[start : start + 512] = ((some == vocab_size) | (some == support[None])).all(axis=2).any(axis=1)
    return found


def all_contexts(vocab_size: int, length: int) -> Tokens:
    """The (V+1)^L partly masked rows."""
    return all_sequences(vocab_size + 1, length)


def opened_at(denoiser: Denoiser, contexts: Tokens, threads: int | None = None) -> Canvas | MarginalsCanvas:
    """A masked canvas onto which the contexts were written."""
    canvas: Any = denoiser.open(len(contexts), contexts.shape[1], threads=threads)
    rows, positions = np.nonzero(contexts < denoiser.vocab_size)
    canvas.write(rows, positions, contexts[rows, positions].astype(np.int64))
    return canvas


def masked_marginals(denoiser: Denoiser, contexts: Tokens) -> tuple[Conditionals, Bool[np.ndarray, "contexts"]]:
    """What a canvas says at the masked positions of contexts, zeros at the others, and which it marks impossible."""
    return said_at_masks(opened_at(denoiser, contexts), contexts, denoiser.vocab_size)


def said_at_masks(canvas: Any, contexts: Tokens, vocab_size: int) -> tuple[Conditionals, Bool[np.ndarray, "contexts"]]:
    """`masked_marginals` of a canvas on which the contexts are."""
    out = np.zeros((*contexts.shape, vocab_size))
    rows, positions = np.nonzero(contexts == vocab_size)
    out[rows, positions] = laws_said(canvas, rows, positions)
    return out, np.asarray(canvas.impossible).copy()
