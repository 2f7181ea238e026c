"""Small random languages for hypothesis: structural zeros, nearly deterministic rows, periodic chains."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from mdmtheory import HMM, NGram


@st.composite
def laws(draw, size):
    """A row of probabilities, often with zeros, sometimes nearly deterministic."""
    weights = np.array(
        draw(st.lists(st.sampled_from([0, 0, 1e-6, 0.01, 0.3, 1, 2, 5]), min_size=size, max_size=size)), float
    )
    if weights.sum() == 0:
        weights[draw(st.integers(0, size - 1))] = 1
    return weights / weights.sum()


@st.composite
def hmms(draw, most_states=4, most_tokens=3):
    """HMMs with 1 to `most_states` states."""
    states = draw(st.integers(1, most_states))
    tokens = draw(st.integers(2, most_tokens))
    initial = draw(laws(states))
    transition = np.array([draw(laws(states)) for _ in range(states)])
    emission = np.array([draw(laws(tokens)) for _ in range(states)])
    return HMM(initial, transition, emission)


@st.composite
def ngrams(draw, orders=(1, 2, 3), most_tokens=3):
    """n-grams of the given orders."""
    order = draw(st.sampled_from(orders))
    tokens = draw(st.integers(2, most_tokens))
    contexts = tokens ** (order - 1)
    initial = draw(laws(contexts)).reshape((tokens,) * (order - 1))
    conditional = np.array([draw(laws(tokens)) for _ in range(contexts)]).reshape((tokens,) * order)
    return NGram(initial, conditional)
