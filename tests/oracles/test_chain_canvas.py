"""A canvas that keeps its messages, against one that computes everything afresh."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.oracles import chain_canvas
from mdmtheory.oracles.canvas import ConditionalsCanvas
from mdmtheory.oracles.chain_canvas import ChainCanvas
from tests.languages.small import hmms, ngrams

ALWAYS = {"LEAVE": np.inf, "RETURN": np.inf}
NEVER = {"LEAVE": -1.0, "RETURN": -1.0}
IN_TURN = {"LEAVE": 0.05, "RETURN": 0.05}
LONG = mt.HMM.random(states=6, vocab_size=4, seed=0, prune_transition=1.2, prune_emission=1.0)


def written(canvas, language, length, number, rounds=5):
    """What a canvas says after each of a few rounds of writing, writing over and erasing at random."""
    generator = np.random.default_rng(number)
    count, mask = len(canvas.calls), language.vocab_size
    said = []
    for _ in range(rounds):
        some = generator.random((count, length)) < generator.choice([0.02, 0.3, 1.0])
        rows, positions = np.nonzero(some)
        # Mostly what belongs together, sometimes a mask, seldom anything.
        tokens = language.sample(count, length, seed=number)[rows, positions].astype(np.int64)
        tokens = np.where(generator.random(len(rows)) < 0.4, mask, tokens)
        odd = generator.random(len(rows)) < 0.1
        tokens[odd] = generator.integers(0, mask, odd.sum())
        canvas.write(rows, positions, tokens)
        rows, positions = np.nonzero(generator.random((count, length)) < 0.6)
        if len(rows):
            said.append(canvas.marginals(rows, positions))
    return said, canvas.impossible, canvas.calls, canvas.rounds


def compare(language, length, trust, number, monkeypatch=None, count=5):
    oracle = mt.Oracle(language, trust=trust)
    chain = oracle.chain if hasattr(oracle, "chain") else language.chain
    prompt = language.sample(count, length, seed=number + 1)
    prompt[:, 1::2] = language.vocab_size
    kept = written(ChainCanvas(oracle, chain, count, length, prompt, 1), language, length, number)
    afresh = written(ConditionalsCanvas(oracle, count, length, prompt, 1), language, length, number)
    for one, other in zip(kept[0], afresh[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)
    for one, other in zip(kept[1:], afresh[1:], strict=True):
        assert (one == other).all()


@given(
    language=st.one_of(hmms(), ngrams()),
    length=st.integers(1, 7),
    trust=st.sampled_from([1.0, 1.0, 0.999, 0.7]),
    number=st.integers(0, 10_000),
    shares=st.sampled_from([ALWAYS, IN_TURN]),
)
def test_it_says_what_is_computed_afresh(language, length, trust, number, shares):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shares.items():
            patch.setattr(chain_canvas, name, value)
        compare(language, length, trust, number)


@pytest.mark.parametrize("shares", [ALWAYS, IN_TURN, {}])
@pytest.mark.parametrize("trust", [1.0, 0.999])
def test_it_says_so_of_long_sequences(trust, shares, monkeypatch):
    for name, value in shares.items():
        monkeypatch.setattr(chain_canvas, name, value)
    compare(LONG, 70, trust, 0, count=9)


class ForgetsErasures(ChainCanvas):
    def write(self, rows, positions, tokens):
        before = self._changed.copy()
        super().write(rows, positions, tokens)
        erased = tokens == self.denoiser.vocab_size
        self._changed[rows[erased], positions[erased]] = before[rows[erased], positions[erased]]


def test_the_comparison_refutes_a_canvas_that_forgets_erasures(monkeypatch):
    monkeypatch.setattr(chain_canvas, "LEAVE", np.inf)
    monkeypatch.setitem(globals(), "ChainCanvas", ForgetsErasures)
    with pytest.raises(AssertionError):
        compare(LONG, 30, 0.9, 0)


@pytest.mark.parametrize(
    "language", [LONG, mt.NGram.random(order=2, vocab_size=4), mt.NGram.random(order=3, vocab_size=3)]
)
@pytest.mark.parametrize("sampler", ["confidence", "remdm-cap:eta=0.2"])
def test_samplers_draw_the_same_tokens(language, sampler, monkeypatch):
    model = mt.MaskedDiffusion(mt.Oracle(language, trust=0.999), sampler=sampler, steps=12)
    assert isinstance(model.denoiser.open(2, 40), ChainCanvas)
    kept = model.sample(20, 40, seed=0)
    monkeypatch.setattr(chain_canvas, "MESSAGE_BYTES", 0)
    assert type(model.denoiser.open(2, 40)) is ConditionalsCanvas
    afresh = model.sample(20, 40, seed=0)
    for field in ("tokens", "calls", "rounds"):
        assert (getattr(kept, field) == getattr(afresh, field)).all()


@pytest.mark.parametrize("shares", [ALWAYS, NEVER])
@pytest.mark.parametrize("language", [LONG, mt.NGram.random(order=2, vocab_size=4)])
@pytest.mark.parametrize("trust", [1.0, 0.99])
def test_the_loop_over_it_is_the_plan_kernel(language, trust, shares, monkeypatch):
    for name, value in shares.items():
        monkeypatch.setattr(chain_canvas, name, value)
    oracle = mt.Oracle(language, trust=trust)
    plan = np.random.default_rng(0).integers(1, 9, (12, 30)).astype(np.int32)
    kernel = oracle.run_plan(plan, stream_states("canvas", 0, 12))
    loop = run_on_canvas(oracle, plan, stream_states("canvas", 0, 12))
    assert (loop.tokens == kernel.tokens).all()
    assert (loop.calls == kernel.calls).all()
    np.testing.assert_allclose(loop.log_probs, kernel.log_probs, rtol=1e-9, atol=1e-12)


def test_what_a_sequence_is_told_does_not_depend_on_those_beside_it():
    oracle = mt.Oracle(LONG)
    together = written(oracle.open(6, 50, threads=2), LONG, 50, 3)[0][-1]
    canvas = oracle.open(6, 50, threads=1)
    again = written(canvas, LONG, 50, 3)[0][-1]
    assert (together == again).all()
    alone = oracle.open(1, 50)
    wide = oracle.open(40, 50)
    x = LONG.sample(40, 50, seed=0).astype(np.int64)
    for step in range(4):
        position = np.arange(step, 50, 4)
        for row in range(40):
            wide.write(np.full(len(position), row), position, x[row, position])
        alone.write(np.zeros(len(position), dtype=np.int64), position, x[7, position])
        rest = np.flatnonzero(np.arange(50) % 4 > step)
        if len(rest):
            everywhere = np.repeat(np.arange(40), len(rest)), np.tile(rest, 40)
            told = wide.marginals(*everywhere).reshape(40, len(rest), -1)[7]
            assert (told == alone.marginals(np.zeros(len(rest), dtype=np.int64), rest)).all()
