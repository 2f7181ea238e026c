"""Small languages with zeros, and how long a sequence may be to enumerate all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float

from mdmtheory.core.protocols import Denoiser, Language
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.permutation import Permutation
from mdmtheory.oracles.oracle import Oracle
from mdmtheory.plans import PlanLawBase
from mdmtheory.samplers.base import SamplerBase

LENGTH = 4
"""Tokens a sequence of the small languages."""

DELTA = 1e-3
"""1 - trust in the tokens that are set, for samplers that may change them."""

_MOST_SEQUENCES = 4_096
_MOST_PAIRS = 500_000


@cache
def untied() -> tuple[Language, ...]:
    """Languages in which no two marginals tie but where they are certain, so that rounding decides nothing."""
    bigram = NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.55, 0, 0.45]], spec=Spec.of("small_bigram"))
    trigram = NGram(
        [[0.4, 0.15], [0.2, 0.25]],
        [[[0.88, 0.12], [0, 1]], [[0.3, 0.7], [0.85, 0.15]]],
        spec=Spec.of("small_trigram"),
    )
    hmm = HMM(
        [0.6, 0.4],
        [[0.7, 0.3], [0, 1]],
        [[0.55, 0.45, 0], [0, 0.2, 0.8]],
        spec=Spec.of("small_hmm"),
    )
    return bigram, hmm, trigram


@cache
def tied() -> tuple[Language, ...]:
    """Languages in which everything ties until something is known."""
    return EqualPairs(vocab_size=2), Parity(), Permutation(items=4)


def small_languages() -> tuple[Language, ...]:
    """Those on which samplers and models are tried, at length LENGTH."""
    return untied() + tied()


def oracle_for(language: Language, sampler: PlanLawBase | SamplerBase | None = None) -> Denoiser:
    """The exact denoiser; with trust below 1 for a sampler that may change tokens."""
    return Oracle(language, trust=1 - DELTA if sampler and sampler.remasks else 1.0)


def enumerable_length(vocab_size: int, allowed: Callable[[int], bool]) -> int | None:
    """The largest allowed length, 6 at most, at which all sequences and all contexts can be held against each other."""
    found = None
    for length in range(1, 7):
        sequences, contexts = vocab_size**length, (vocab_size + 1) ** length
        if sequences <= _MOST_SEQUENCES and sequences * contexts <= _MOST_PAIRS and allowed(length):
            found = length
    return found


def allowed_by(language: Language) -> Callable[[int], bool]:
    """Whether a language has sequences of a length."""

    def allowed(length: int) -> bool:
        try:
            language.validate_length(length)
        except ValueError:
            return False
        return True

    return allowed


def uniforms(key: str, rows: int, columns: int) -> Float[np.ndarray, "rows columns"]:
    """Numbers in [0, 1) that are always the same for a key."""
    from mdmtheory.kernels.random import fill_uniforms

    out = np.empty((rows, columns))
    fill_uniforms(stream_states(["conformance", key], 0, rows), out)
    return out
