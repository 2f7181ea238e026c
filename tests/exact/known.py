"""Languages whose constants are known: checked by enumeration when docs/theory.md was written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import mdmtheory as mt

_CASES = json.loads((Path(__file__).parent / "reference.json").read_text())


def _language(case):
    parameters = dict(_CASES[case]["language"])
    kind = {"ngram": mt.NGram, "hmm": mt.HMM}[parameters.pop("kind")]
    return kind(**parameters)


BIGRAM3 = _language("bigram3/linear-1")
TRIGRAM2 = _language("trigram2/linear-3")
HMM2X3 = _language("hmm2x3/linear-3")

GOLDEN = mt.NGram([5 / 7, 2 / 7], [[0.6, 0.4], [1, 0]])

GROWTH = mt.NGram(
    [0.3283333333333335, 0.3749999999999999, 0.19666666666666677, 0.09999999999999998],
    [[0.5, 0.5, 0, 0], [0.2, 0.3, 0.3, 0.2], [0.25, 0.5, 0.25, 0], [0.4, 0, 0.35, 0.25]],
)


def cycle(size, stay):
    """A cycle of tokens that moves on with probability 1 - stay."""
    moves = (1 - stay) * np.roll(np.eye(size), 1, axis=1) + stay * np.eye(size)
    return mt.NGram(np.full(size, 1 / size), moves)
