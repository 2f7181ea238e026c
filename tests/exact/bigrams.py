"""Bigrams on which the recursions over spans are tested, and ways to draw others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

import mdmtheory as mt
from tests.languages.small import laws, ngrams

# Values that were computed for this project before its first line of code, by a program that shares nothing with it.
GROWTH = json.loads((Path(__file__).parent / "growth.json").read_text())
GROWTH_CHAIN = mt.NGram(GROWTH["stationary"], GROWTH["language"]["conditional"])
GOLDEN_CHAIN = mt.NGram([5 / 7, 2 / 7], GROWTH["golden_chain"]["conditional"])

CHAINS = {
    "growth": GROWTH_CHAIN,
    "golden": GOLDEN_CHAIN,
    "unstationary": mt.NGram([0.0, 0.9, 0.0, 0.1], GROWTH["language"]["conditional"]),
    # Period 2, begun in one class of tokens.
    "periodic": mt.NGram([0.5, 0.5, 0, 0], [[0, 0, 0.3, 0.7], [0, 0, 1, 0], [0.4, 0.6, 0, 0], [1, 0, 0, 0]]),
    # Period 2, begun anywhere.
    "adrift": mt.NGram([0.3, 0.2, 0.3, 0.2], [[0, 0, 0.3, 0.7], [0, 0, 1, 0], [0.4, 0.6, 0, 0], [1, 0, 0, 0]]),
    "sticky": mt.NGram([1.0, 0, 0], [[0.9, 0.1, 0], [0, 0.9, 0.1], [0.1, 0, 0.9]]),
    "leaky": mt.NGram([0.9, 0.1, 0], [[0.2, 0.5, 0.3], [0, 0.5, 0.5], [0, 1, 0]]),
    "parted": mt.NGram([0.5, 0, 0.3, 0.2], [[0.5, 0.5, 0, 0], [1, 0, 0, 0], [0, 0, 0.2, 0.8], [0, 0, 1, 0]]),
    "frozen": mt.NGram([0.5, 0.25, 0.25], np.eye(3)),
    "nearly deterministic": mt.NGram([0.2, 0.4, 0.4], [[1e-6, 1 - 1e-6, 0], [0, 1e-9, 1 - 1e-9], [1, 0, 0]]),
}


@st.composite
def recursion_languages(draw, most_tokens=3):
    """n-grams of order 1 and 2: any, periodic, or with tokens that are left for good."""
    kind = draw(st.sampled_from(["any", "any", "periodic", "leaky"]))
    if kind == "any":
        return draw(ngrams(orders=(1, 2), most_tokens=most_tokens))
    initial = draw(laws(3))
    if kind == "periodic":
        forth = draw(laws(2))
        return mt.NGram(initial, [[0, *forth], [1, 0, 0], [1, 0, 0]])
    inside = draw(laws(2))
    return mt.NGram(initial, [draw(laws(3)), [0, *inside], [0, *draw(laws(2))]])


@st.composite
def fractions(draw, most_steps=5):
    """Revealed fractions, even or very uneven."""
    weights = draw(st.lists(st.sampled_from([1e-6, 0.05, 0.3, 1, 1, 3]), min_size=1, max_size=most_steps))
    edges = np.concatenate([[0.0], np.cumsum(weights)]) / sum(weights)
    edges[-1] = 1.0
    return edges.tolist()
