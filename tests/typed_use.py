"""What a type checker sees of the public names, checked by `make lint`: never run, and no test."""

from __future__ import annotations

from typing import assert_type

import mdmtheory as mt
from mdmtheory.core.estimate import Estimate
from mdmtheory.languages.hmm import HMM
from mdmtheory.sweeps.cell import Cell


def used() -> None:
    """Names that are imported on first use have the types of what they stand for, and wrong words are errors."""
    q = mt.HMM.random(states=4, vocab_size=3)
    p = mt.MaskedDiffusion(mt.Oracle(q), steps=8)
    assert_type(q, HMM)
    assert_type(mt.ser(p, "hmm", 8, count=10), Estimate)
    assert_type(mt.cells("hmm", steps=8), list[Cell])
    assert_type(mt.exact.kappa("ngram"), Estimate)
    mt.ser(p, q, 8, cuont=3)  # type: ignore[call-arg]  # an error that nobody sees is an unused ignore
