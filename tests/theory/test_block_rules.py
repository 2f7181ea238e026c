"""The two block rules, and the same with one size, or the rounding, enlarged."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import NGram, Parity, Repetition
from mdmtheory.exact import dual_total_correlation, total_correlation
from mdmtheory.theory.block_rules import DTC_RULE, TC_RULE, ruled
from mdmtheory.theory.instances import bigram3
from tests.theory.property import any_language, enumerable, stands, twins_refuted

DELTAS = st.sampled_from([0.1, 0.25, 0.4, 0.5, 0.6, 0.9, 1.0, 2.0])


@st.composite
def long_and_structured(draw, statement):
    language = draw(st.sampled_from([Repetition(vocab_size=2), Parity(), bigram3(), NGram([0.5, 0.5], np.eye(2))]))
    return statement.setting(language, draw(st.integers(1, 30)), delta=draw(DELTAS))


def instances(statement):
    return st.one_of(
        enumerable(statement, languages=any_language(), stepped=False, delta=DELTAS), long_and_structured(statement)
    )


@pytest.mark.parametrize("statement", [DTC_RULE, TC_RULE], ids=lambda statement: statement.id)
def test_the_rule_keeps_its_promise(statement):
    stands(statement, instances(statement))


@pytest.mark.parametrize("statement", [DTC_RULE, TC_RULE], ids=lambda statement: statement.id)
def test_each_twin_is_refuted(statement):
    twins_refuted(statement, instances(statement))


def test_told_again_from_the_documents_it_stands_too():
    dtc = ruled(dual_total_correlation, lambda delta, revealed, masked: 1 + math.floor(delta * (revealed + 1)))
    tc = ruled(total_correlation, lambda delta, revealed, masked: 1 + math.floor(delta * (masked - 1)))
    stands(replace(DTC_RULE, sides=dtc), instances(DTC_RULE))
    stands(replace(TC_RULE, sides=tc), instances(TC_RULE))
