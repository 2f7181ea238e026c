"""Small languages that statements are held against by default, each with a name; the hardest found are among them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from mdmtheory.core.protocols import Language
from mdmtheory.core.spec import Spec
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.laws import stationary_law
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.permutation import Permutation
from mdmtheory.languages.repetition import Repetition
from mdmtheory.theory.statement import Setting


def bigram(name: str, conditional: ArrayLike, initial: ArrayLike | None = None) -> NGram:
    """A named bigram, stationary unless an initial law is given."""
    rows = np.asarray(conditional, dtype=np.float64)
    start = (
        stationary_law(rows, np.ones(len(rows), dtype=bool))
        if initial is None
        else np.asarray(initial, dtype=np.float64)
    )
    return NGram(start, rows, spec=Spec.of(name))


@cache
def bigram3() -> NGram:
    """Three tokens, three zeros, not stationary."""
    return bigram("bigram3", [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]], [0.5, 0.3, 0.2])


@cache
def trigram2() -> NGram:
    """Two tokens, each of whose pairs forbids one continuation or prefers one."""
    conditional = [[[0.9, 0.1], [0.0, 1.0]], [[0.3, 0.7], [1.0, 0.0]]]
    return NGram([[0.4, 0.1], [0.2, 0.3]], conditional, spec=Spec.of("trigram2"))


@cache
def hmm2x3() -> HMM:
    """Two states, the second absorbing, three tokens."""
    emission = [[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]]
    return HMM([0.6, 0.4], [[0.9, 0.1], [0.0, 1.0]], emission, spec=Spec.of("hmm2x3"))


@cache
def growth_chain() -> NGram:
    """Four tokens, stationary, three zeros: the chain on which growth rates were first computed."""
    rows = [[0.5, 0.5, 0.0, 0.0], [0.2, 0.3, 0.3, 0.2], [0.25, 0.5, 0.25, 0.0], [0.4, 0.0, 0.35, 0.25]]
    return bigram("growth_chain", rows)


@cache
def golden_chain() -> NGram:
    """No two ones in a row, stationary."""
    return bigram("golden_chain", [[0.6, 0.4], [1.0, 0.0]])


@cache
def full_support() -> NGram:
    """Three tokens, stationary, nothing forbidden: SER is 0."""
    return bigram("full_support", [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.3, 0.1, 0.6]])


@cache
def independent(p: float = 0.7) -> NGram:
    """Independent tokens of two kinds, the first with probability p."""
    return NGram(1.0, [p, 1 - p], spec=Spec.of("independent", p=p))


@cache
def cycle3(stay: float = 0.1) -> NGram:
    """A three-cycle that stays with the given probability: nearly periodic when that is small."""
    rows = stay * np.eye(3) + (1 - stay) * np.roll(np.eye(3), 1, axis=1)
    return NGram(np.full(3, 1 / 3), rows, spec=Spec.of("cycle3", stay=stay))


@cache
def early_choice() -> NGram:
    """Two tokens that are kept for ever, one of them rare: nearly all that a token tells, any token tells."""
    return bigram("early_choice", [[0.005, 0.0, 0.995], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [0.002, 0.998, 0.0])


@cache
def rare_break() -> NGram:
    """Nearly independent fair tokens, but for a rare one: it shows that the next is no fair one."""
    rows = [[0.499, 0.499, 0.002], [0.499, 0.499, 0.002], [0.9999, 0.0, 0.0001]]
    return bigram("rare_break", rows, [0.05, 0.05, 0.9])


@cache
def rare_first() -> NGram:
    """Tells with a first token of one in a million that the second is another one."""
    rows = [[0.0, 0.5, 0.5], [2 / 7, 5 / 7, 0.0], [0.5, 0.0, 0.5]]
    return bigram("rare_first", rows, [0.999999, 0.000001, 0.0])


@cache
def sink() -> NGram:
    """Runs into its last token within two or three steps and hardly ever leaves it."""
    rows = [[0.01, 0.99, 0.0], [0.0, 0.0, 1.0], [5e-7, 0.0, 1 - 5e-7]]
    return bigram("sink", rows, [1 / 11, 5 / 11, 5 / 11])


@cache
def certain() -> NGram:
    """One sequence only."""
    return bigram("certain", [[1.0, 0.0], [0.7, 0.3]], [1.0, 0.0])


def hardest(setting: Setting) -> Setting:
    """The setting, named as the one of smallest slack that the search found where no equality is claimed."""
    return replace(setting, name="hardest found")


def small_languages() -> tuple[NGram | HMM, ...]:
    """Those that enumeration reaches at lengths up to 5 or so."""
    return (bigram3(), trigram2(), hmm2x3(), golden_chain(), full_support(), cycle3())


def known_curves() -> list[tuple[Language, int]]:
    """Languages whose information curve is known exactly at these lengths, short and long, with zeros and without."""
    return [
        (bigram3(), 5),
        (growth_chain(), 64),
        (EqualPairs(vocab_size=4), 16),
        (Repetition(vocab_size=2), 8),
        (Parity(), 8),
        (Permutation(items=12), 12),
    ]
