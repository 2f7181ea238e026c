"""The oracle in torch, on the processor: against enumeration, against the kernels' to 1e-12, and what it costs."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.contracts import exact_for
from mdmtheory.core.streams import stream_states
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.oracles import on_device
from mdmtheory.oracles.canvas import ConditionalsCanvas
from mdmtheory.oracles.chain import ChainOracle
from mdmtheory.oracles.on_device import DeviceOracle
from mdmtheory.oracles.tensors import messages
from tests import brute_force
from tests.languages.small import hmms, ngrams
from tests.oracles.test_chain_canvas import written
from tests.oracles.test_exactness import joint_of
from tests.oracles.test_underflow import faint_hmms

CHAINS = st.one_of(hmms(), ngrams(orders=(2, 3)))
HMM = mt.HMM.random(states=12, vocab_size=5, seed=1, prune_transition=1.5, prune_emission=1.8)
SLOW = mt.HMM.random(states=6, vocab_size=4, seed=2, sticky=0.98)
TENSORS, WITHOUT_TORCH = "mdmtheory.oracles.tensors", "mdmtheory.oracles.tensors.devices"
TO_ROUNDING = {"rtol": 1e-12, "atol": 1e-15}


def half_masked(language, count, length, number=0):
    tokens = language.sample(count, length, number)
    shown = np.random.default_rng(number).random(tokens.shape) < 0.5
    return np.where(shown, tokens, language.vocab_size).astype(tokens.dtype)


@settings(max_examples=10)
@given(language=CHAINS, length=st.integers(1, 3), trust=st.sampled_from([1.0, 0.9]))
def test_conditionals_are_bayes_rule_in_every_context_as_those_of_the_kernels(language, length, trust):
    joint = joint_of(language, length)
    rows = brute_force.contexts(language.vocab_size, length)
    oracle = DeviceOracle(language, trust)
    got = oracle.conditionals(rows)
    for row, marginals in zip(rows, got, strict=True):
        expected = brute_force.conditionals(joint, language.vocab_size, row, trust)
        np.testing.assert_allclose(marginals, expected, atol=1e-11, err_msg=str(row))
    np.testing.assert_allclose(got, ChainOracle(language, trust).conditionals(rows), **TO_ROUNDING)
    np.testing.assert_allclose(oracle.laws(rows).numpy(), got, **TO_ROUNDING)


@settings(max_examples=12)
@given(language=faint_hmms(), trust=st.sampled_from([1.0, 1 - 1e-9]), dtype=st.sampled_from(["float64", "float32"]))
def test_what_is_too_small_for_a_float_is_computed_in_logarithms(language, trust, dtype):
    rows = brute_force.contexts(language.vocab_size, 3)
    wanted = ChainOracle(language, trust).conditionals(rows)
    got = DeviceOracle(language, trust, dtype=dtype).conditionals(rows)
    np.testing.assert_allclose(got, wanted, **({"rtol": 1e-9} if dtype == "float64" else {"atol": 1e-5}))


@pytest.mark.parametrize("trust", [1.0, 0.9])
@pytest.mark.parametrize("number", [0, 1])
def test_messages_that_are_kept_say_what_is_computed_afresh(number, trust):
    oracle = DeviceOracle(HMM, trust)
    prompt = half_masked(HMM, 6, 9, number)
    kept = written(oracle.open(6, 9, prompt=prompt), HMM, 9, number)
    afresh = written(ConditionalsCanvas(ChainOracle(HMM, trust), 6, 9, prompt, 1), HMM, 9, number)
    for one, other in zip(kept[0], afresh[0], strict=True):
        np.testing.assert_allclose(one.numpy(), other, **TO_ROUNDING)
    for one, other in zip(kept[1:], afresh[1:], strict=True):
        assert (one == other).all()


@pytest.mark.parametrize("language", [HMM, SLOW])
@pytest.mark.parametrize("epsilon", [0.0, 0.05])
@pytest.mark.parametrize("recompute", [False, True])
def test_plans_draw_and_score_the_tokens_of_the_kernels(language, epsilon, recompute):
    plan = np.random.default_rng(3).integers(1, 5, (12, 10))
    kernels, products = ChainOracle(language), DeviceOracle(language, batch=5)
    options = {"epsilon": epsilon, "recompute": recompute}
    wanted = kernels.run_plan(plan, stream_states("plans", 0, 12), **options)
    got = products.run_plan(plan, stream_states("plans", 0, 12), **options)
    assert (got.tokens == wanted.tokens).all()
    assert (got.impossible == wanted.impossible).all()
    assert got.impossible.any() == (language is HMM)
    assert (got.calls == wanted.calls).all()
    np.testing.assert_allclose(got.log_probs, wanted.log_probs, **TO_ROUNDING)
    tokens = np.random.default_rng(4).integers(0, language.vocab_size, plan.shape).astype(np.uint8)
    tokens.setflags(write=False)
    got, wanted = (each.run_plan(plan, tokens=tokens, **options) for each in (products, kernels))
    np.testing.assert_allclose(got.log_probs, wanted.log_probs, **TO_ROUNDING)


@settings(max_examples=10)
@given(language=faint_hmms(), dtype=st.sampled_from(["float64", "float32"]))
def test_scores_of_faint_tokens_lose_nothing(language, dtype):
    tokens = brute_force.sequences(language.vocab_size, 3)
    plan = np.tile([1, 2, 1], (len(tokens), 1))
    wanted = ChainOracle(language).run_plan(plan, tokens=tokens)
    got = DeviceOracle(language, dtype=dtype).run_plan(plan, tokens=tokens)
    np.testing.assert_allclose(got.log_probs, wanted.log_probs, rtol=1e-9 if dtype == "float64" else 1e-4, atol=1e-5)


def test_in_float32_rows_in_no_sequence_are_not_computed_again(monkeypatch):
    oracle = DeviceOracle(HMM, dtype="float32")
    plan = np.random.default_rng(3).integers(1, 5, (40, 10))
    monkeypatch.setattr(DeviceOracle, "_run_again", lambda *of: pytest.fail("a row was computed again"))
    assert oracle.run_plan(plan, stream_states("plans", 0, 40)).impossible.any()


def test_a_loop_over_its_canvas_runs_plans_alike():
    oracle = DeviceOracle(HMM)
    plan = np.random.default_rng(5).integers(1, 4, (7, 8))
    states = stream_states("canvas", 0, 7)
    fused, looped = oracle.run_plan(plan, states.copy()), run_on_canvas(oracle, plan, states.copy())
    assert (fused.tokens == looped.tokens).all()
    np.testing.assert_allclose(fused.log_probs, looped.log_probs, **TO_ROUNDING)


def test_a_token_is_felt_only_as_far_as_the_chain_remembers(monkeypatch):
    language = mt.HMM.random(states=64, vocab_size=8, seed=0)
    canvas = DeviceOracle(language).open(3, 200)
    sizes = []
    seeing = messages.DeviceChain.seeing
    monkeypatch.setattr(messages.DeviceChain, "seeing", lambda *of: sizes.append(len(of[1])) or seeing(*of))
    canvas.write(np.array([0, 1]), np.array([100, 100]), np.array([1, 2]))
    found = canvas.marginals(np.array([0]), np.array([101]))
    assert 0 < sum(sizes) < 60  # of 199 messages on either side
    shown = np.full((1, 200), 8)
    shown[0, 100] = 1
    np.testing.assert_allclose(found.numpy()[0], ChainOracle(language).conditionals(shown)[0, 101], **TO_ROUNDING)


def test_messages_drift_no_further_than_what_is_promised():
    q = mt.HMM.random(states=6, vocab_size=4, seed=2)
    canvas = DeviceOracle(q).open(1, 60)
    tokens = q.sample(1, 60, seed=0)
    for position in np.random.default_rng(0).permutation(60)[:30]:
        canvas.marginals(np.array([0]), np.array([position]))
        canvas.write(np.array([0]), np.array([position]), tokens[0, [position]].astype(np.int64))
    masked = np.flatnonzero(canvas.tokens[0] == q.vocab_size)
    found = canvas.marginals(np.zeros(len(masked), dtype=np.int64), masked)
    np.testing.assert_allclose(found.numpy(), ChainOracle(q).conditionals(canvas.tokens)[0, masked], rtol=1e-12)


def test_pieces_and_batches_change_nothing_but_rounding(monkeypatch):
    rows = half_masked(HMM, 9, 7)
    whole = DeviceOracle(HMM).conditionals(rows)
    monkeypatch.setattr(messages, "ENTRIES_AT_ONCE", 20)  # no table of evidence either
    oracle = DeviceOracle(HMM, batch=2)
    assert oracle._on_device.table is None
    np.testing.assert_allclose(oracle.conditionals(rows), whole, **TO_ROUNDING)
    soft = DeviceOracle(HMM, 0.9, batch=2).conditionals(rows)
    np.testing.assert_allclose(soft, ChainOracle(HMM, 0.9).conditionals(rows), **TO_ROUNDING)


def test_a_batch_is_as_large_as_memory_allows(monkeypatch):
    oracle = DeviceOracle(HMM)
    assert oracle.batch(64) == (1 << 15) // 64
    monkeypatch.setitem(on_device.MESSAGES_AT_ONCE, "cpu", 2 * 64 * 12 * 40)
    assert oracle.batch(64) == 40
    monkeypatch.setitem(on_device.LAWS_AT_ONCE, "cpu", 64 * 5 * 3)
    assert oracle.batch(64) == 3
    assert oracle.batch(1 << 20) == 1
    assert DeviceOracle(HMM, batch=7).batch(64) == 7


def test_float32_is_near_and_says_that_it_is_no_exact_posterior():
    rows = half_masked(HMM, 20, 12)
    exact, near = DeviceOracle(HMM), DeviceOracle(HMM, dtype="float32")
    found = near.laws(rows)
    assert found.dtype == torch.float32
    off = np.abs(found.numpy() - exact.conditionals(rows)).max()
    assert 1e-9 < off < 1e-5
    assert near.identity == exact.identity == mt.Oracle(HMM).identity  # the same streams
    assert (exact_for(exact), exact_for(near)) == (HMM.digest, None)
    assert (exact.computed, near.computed) == (None, {"device": "cpu", "dtype": "float32"})
    model = mt.MaskedDiffusion(near, steps=4)
    drawn = mt.MaskedDiffusion(exact, steps=4).sample(50, 12, seed=0)
    assert (model.sample(50, 12, seed=0).tokens == drawn.tokens).mean() > 0.99


def test_other_noises_are_left_to_the_kernels():
    kernels, products = ChainOracle(HMM), DeviceOracle(HMM)
    logs = np.random.default_rng(0).normal(size=(4, 6, 5))
    np.testing.assert_allclose(products.posterior(logs), kernels.posterior(logs), **TO_ROUNDING)
    from mdmtheory.oracles.evidence import UniformEvidence

    noised = UniformEvidence(HMM.sample(4, 6, 0), 0.6, 5)
    np.testing.assert_allclose(products.posterior(noised), kernels.posterior(noised), **TO_ROUNDING)


def test_the_choice_is_made_by_size_and_by_what_is_installed(monkeypatch):
    assert type(mt.Oracle(HMM)) is ChainOracle
    monkeypatch.setattr(on_device, "MANY_STATES", 12)
    chosen = mt.Oracle(HMM)
    assert type(chosen) is DeviceOracle
    assert (str(chosen.spec), chosen.computed, repr(chosen)) == ("oracle", None, f"Oracle({HMM!r})")
    assert type(mt.Oracle(SLOW)) is ChainOracle
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert type(mt.Oracle(HMM)) is ChainOracle
    with pytest.raises(ValueError, match="oracles on a device need torch, which is not installed"):
        mt.Oracle(HMM, device="cpu")


def test_what_is_asked_for_is_in_its_name_and_stays_with_less_trust():
    oracle = mt.Oracle(HMM, trust=0.9, device="cpu", dtype="float32", batch=3)
    assert str(oracle.spec) == "oracle:trust=0.9,device=cpu,dtype=float32,batch=3"
    assert repr(oracle) == f"Oracle({HMM!r}, trust=0.9, device='cpu', dtype='float32', batch=3)"
    assert str(oracle.trusting(0.5).spec) == "oracle:trust=0.5,device=cpu,dtype=float32,batch=3"
    perturbed = mt.Perturbed(mt.Oracle(HMM, device="cpu"), epsilon=0.1)
    assert perturbed.fused
    assert str(perturbed.spec) == "perturbed:epsilon=0.1,of=oracle:device=cpu"


def test_no_module_that_the_register_of_oracles_reads_loads_torch():
    for path in Path(on_device.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {each.module for each in tree.body if isinstance(each, ast.ImportFrom)}
        named |= {alias.name for each in tree.body if isinstance(each, ast.Import) for alias in each.names}
        assert not {each for each in named if each == "torch" or (each or "").startswith(TENSORS)} - {WITHOUT_TORCH}


@pytest.mark.parametrize(
    ("lang", "options", "said"),
    [
        ("parity", {"device": "cpu"}, "parity is no chain of hidden states; leave device, dtype and batch out"),
        ("hmm", {"dtype": "float16"}, "unknown dtype 'float16'; known: float64, float32"),
        ("hmm", {"device": "tpu"}, "unknown device 'tpu'"),
        ("hmm", {"batch": 0}, "batch"),
    ],
)
def test_what_there_is_not_is_refused(lang, options, said):
    with pytest.raises(ValueError, match=said):
        mt.Oracle(lang, **options)
