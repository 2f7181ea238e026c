"""The sets of states in which a reader may take a chain to be, against reading sequence by sequence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.languages import second_reader
from mdmtheory.languages.second_reader import SecondReader
from mdmtheory.theory.instances import hmm2x3, trigram2


@pytest.mark.parametrize("language", [hmm2x3(), trigram2(), mt.as_language("hmm:states=5,vocab_size=3")])
def test_sets_are_those_that_are_left_of_all_states(language):
    chain = language.chain
    reader = SecondReader.of(chain)
    vocab_size = language.vocab_size
    for tokens in itertools.product(range(vocab_size + 1), repeat=4):
        left, held = np.ones(len(chain.initial)), 1
        for token in tokens:
            emits = np.ones(len(left)) if token == vocab_size else chain.emission[:, token]
            left, held = (left * emits) @ chain.transition, reader.moves[held, token]
        assert np.array_equal(reader.members[held], left > 0)
    assert not reader.members[0].any()
    assert (reader.moves[0] == 0).all()
    assert len(np.unique(reader.members, axis=0)) == len(reader.members)


def test_too_many_sets_are_refused_by_name(monkeypatch):
    monkeypatch.setattr(second_reader, "MOST_STATE_SETS", 5)
    with pytest.raises(ValueError, match="MOST_STATE_SETS") as refused:
        SecondReader.of(mt.as_language("hmm").chain)
    assert "\n" not in str(refused.value)
