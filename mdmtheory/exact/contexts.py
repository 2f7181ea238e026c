"""Contexts drawn at random: sequences of a language, of which a given number of positions is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.long_calls import counted
from mdmtheory.core.protocols import Language
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens

CHUNK_ENTRIES = 1 << 22
"""Posterior probabilities held at a time."""


class Contexts(NamedTuple):
    """Contexts first..first+count-1 of a draw, the mask at hidden positions, and the posterior marginals there."""

    first: int
    tokens: Tokens
    marginals: Float[np.ndarray, "count length vocab_size"]


def drawn_contexts(
    language: Language, length: int, hidden: Int[np.ndarray, "total"], purpose: str, seed: int, threads: int | None
) -> Iterator[Contexts]:
    """For each entry x ~ q with uniformly random positions masked, `hidden` many, in chunks.

    Context k depends on (purpose, language, length, seed, k) and its own number only.
    """
    from mdmtheory.kernels.random import fill_uniforms

    oracle: Any = language.oracle()
    key = [purpose, language.digest, length, seed]
    chunk = max(1, CHUNK_ENTRIES // (length * language.vocab_size))
    for first in counted(range(0, len(hidden), chunk), "batches of contexts"):
        some = hidden[first : first + chunk]
        tokens = language.sample(len(some), length, seed, first=first, threads=threads)
        uniforms = np.empty((len(some), length))
        fill_uniforms(stream_states(key, first, len(some)), uniforms)
        # The first places of a random order are hidden.
        hide = np.zeros(tokens.shape, dtype=np.bool_)
        np.put_along_axis(hide, np.argsort(uniforms, axis=1), np.arange(length) < some[:, None], axis=1)
        tokens[hide] = language.vocab_size
        yield Contexts(first, tokens, oracle.conditionals(tokens, threads=threads))
