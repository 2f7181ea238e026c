"""The two block rules, and the same with one size, or the rounding, enlarged."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import NGram, Parity, Repetition
from mdmtheory.exact import dual_total_correlation, total_correlation
from mdmtheory.theory.block_rules import DTC_RULE, TC_RULE, against_correlation
from mdmtheory.theory.instances import bigram3
from tests.theory.property import any_language, enumerable, refuted, reversed_twin, scaled_twin, stands

CORRELATION = {"dtc_rule": dual_total_correlation, "tc_rule": total_correlation}
DELTAS = st.sampled_from([0.1, 0.25, 0.4, 0.5, 0.6, 0.9, 1.0, 2.0])


@st.composite
def long_and_structured(draw, statement):
    language = draw(st.sampled_from([Repetition(vocab_size=2), Parity(), bigram3(), NGram([0.5, 0.5], np.eye(2))]))
    return statement.setting(language, draw(st.integers(1, 30)), delta=draw(DELTAS))


def instances(statement):
    return st.one_of(
        enumerable(statement, languages=any_language(), stepped=False, delta=DELTAS), long_and_structured(statement)
    )


def ruled(statement, size):
    """The statement about sizes size(delta, revealed, masked) in place of its rule's."""

    def rule(delta, length):
        sizes = []
        while sum(sizes) < length:
            masked = length - sum(sizes)
            sizes.append(min(size(delta, sum(sizes), masked), masked))
        return np.array(sizes)

    def sides(setting):
        return against_correlation(setting, rule, CORRELATION[statement.id])

    return replace(statement, sides=sides, tight=lambda setting: False)


@pytest.mark.parametrize("statement", [DTC_RULE, TC_RULE], ids=lambda statement: statement.id)
def test_the_rule_keeps_its_promise(statement):
    stands(statement, instances(statement))


def test_told_again_from_the_documents_it_stands_too():
    stands(ruled(DTC_RULE, lambda delta, revealed, masked: 1 + math.floor(delta * (revealed + 1))), instances(DTC_RULE))
    stands(ruled(TC_RULE, lambda delta, revealed, masked: 1 + math.floor(delta * (masked - 1))), instances(TC_RULE))


@pytest.mark.parametrize(
    ("statement", "size"),
    [
        (DTC_RULE, lambda delta, revealed, masked: 2 + math.floor(delta * (revealed + 1))),
        (DTC_RULE, lambda delta, revealed, masked: 1 + math.ceil(delta * (revealed + 1))),
        (DTC_RULE, lambda delta, revealed, masked: 1 + math.floor(delta * (revealed + 2))),
        (TC_RULE, lambda delta, revealed, masked: 2 + math.floor(delta * (masked - 1))),
        (TC_RULE, lambda delta, revealed, masked: 1 + math.ceil(delta * (masked - 1))),
        (TC_RULE, lambda delta, revealed, masked: 1 + math.floor(delta * masked)),
    ],
    ids=["dtc one more", "dtc ceil", "dtc off by one", "tc one more", "tc ceil", "tc off by one"],
)
def test_larger_sizes_break_it(statement, size):
    refuted(ruled(statement, size), instances(statement))


@pytest.mark.parametrize("statement", [DTC_RULE, TC_RULE], ids=lambda statement: statement.id)
def test_a_hundredth_less_and_the_reverse_are_refuted(statement):
    refuted(scaled_twin(statement, 0.99), instances(statement))
    refuted(reversed_twin(statement), instances(statement))


def test_rounding_up_fails_at_two_tokens():
    # docs/theory.md, 2.5: L = 2, delta = 0.6.
    broken = ruled(TC_RULE, lambda delta, revealed, masked: 1 + math.ceil(delta * (masked - 1)))
    assert TC_RULE.check(bigram3(), 2, delta=0.6).holds
    assert not broken.check(bigram3(), 2, delta=0.6).holds
