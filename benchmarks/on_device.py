"""The oracle of a large HMM in torch on the processor, against its kernels and against dynamax's smoother.

Laws of all tokens of half masked sequences, and tokens drawn in some steps. The same numbers are compared before the
clock starts, to 1e-12 in float64; dynamax gives smoothed states times the emissions, as in peers.py, compiled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

import mdmtheory as mt
from benchmarks.timing import Ratio, Row, Side, compare
from mdmtheory.core.streams import stream_states
from mdmtheory.oracles.chain import ChainOracle
from mdmtheory.oracles.on_device import DeviceOracle

STATES = {32: 256, 256: 64, 1024: 16}
"""Hidden states, and the sequences of a batch."""
VOCAB, LENGTH, STEPS = 64, 64, 8


def rows(rounds: int) -> Iterator[Row]:
    """The lines of the table."""
    torch.set_num_threads(2)
    for states, count in STATES.items():
        q = mt.HMM.random(states=states, vocab_size=VOCAB, seed=0)
        tokens = q.sample(count, LENGTH, seed=0)
        hidden = np.random.default_rng(0).random(tokens.shape) < 0.5
        masked = np.where(hidden, VOCAB, tokens)
        yield from _against_kernels(q, masked, rounds)
        yield Row(
            f"S={states:,}: laws of {LENGTH} tokens, half masked, torch float64",
            "dynamax `hmm_smoother`, `jit(vmap)`",
            _against_dynamax(q, masked, rounds),
        )


def _against_kernels(q: mt.HMM, masked: np.ndarray, rounds: int) -> Iterator[Row]:
    states, count = len(q.initial), len(masked)
    kernels = ChainOracle(q)
    plan = np.random.default_rng(1).integers(1, STEPS + 1, masked.shape)
    laws, drawn = kernels.conditionals(masked), kernels.run_plan(plan, stream_states("bench", 0, count)).tokens
    for dtype, most_off in (("float64", 1e-12), ("float32", 1e-5)):
        products = DeviceOracle(q, dtype=dtype)
        off = np.abs(products.conditionals(masked) - laws).max()
        assert off < most_off, off
        same = (products.run_plan(plan, stream_states("bench", 0, count)).tokens == drawn).mean()
        sides = [Side(name, partial(_laws, each, masked), count) for name, each in _named(kernels, products)]
        yield Row(
            f"S={states:,}: laws of {LENGTH} tokens, half masked, torch {dtype} (off by {off:.0e})",
            "kernels",
            compare(*sides, rounds=rounds),
        )
        sides = [Side(name, partial(_draw, each, plan), count) for name, each in _named(kernels, products)]
        yield Row(
            f"S={states:,}: {LENGTH} tokens drawn in {STEPS} steps, torch {dtype} ({same:.4%} of tokens the same)",
            "kernels",
            compare(*sides, rounds=rounds),
        )


def _named(kernels: ChainOracle, products: DeviceOracle) -> list[tuple[str, ChainOracle]]:
    return [("torch", products), ("kernels", kernels)]


def _laws(oracle: ChainOracle, masked: np.ndarray, count: int) -> object:
    return oracle.conditionals(masked[:count])


def _draw(oracle: ChainOracle, plan: np.ndarray, count: int) -> object:
    return oracle.run_plan(plan[:count], stream_states("bench", 0, count))


def targets_a_second(device: str, seconds: float, states: Sequence[int] = (32, 1024)) -> Iterator[dict[str, Any]]:
    """Exact laws of masked tokens that a training could learn from, by kernels on all threads and on a device.

    Half of `LENGTH` tokens are masked, in as many sequences as the device takes at once; each for about so long.
    """
    for size in states:
        q = mt.HMM.random(states=size, vocab_size=VOCAB, seed=0)
        suppliers: list[tuple[str, str, Any]] = [("kernels", "float64", ChainOracle(q).conditionals)]
        ways = {dtype: DeviceOracle(q, device=device, dtype=dtype) for dtype in ("float64", "float32")}
        suppliers += [(device, dtype, oracle.laws) for dtype, oracle in ways.items()]
        tokens = q.sample(ways["float64"].batch(LENGTH), LENGTH, seed=0)
        hidden = np.random.default_rng(0).random(tokens.shape) < 0.5
        masked = np.where(hidden, VOCAB, tokens)
        for by, dtype, laws in suppliers:
            told = {"states": size, "by": by, "dtype": dtype, "sequences": len(masked)}
            yield told | {"targets_a_second": float(hidden.sum() / _each(partial(laws, masked), device, seconds))}


def _each(work: Callable[[], object], device: str, seconds: float) -> float:
    """Seconds of a call, in the mean over about so long, after one that is not counted."""

    def waited() -> float:
        if device != "cpu":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    work()
    begun, calls = waited(), 0
    while (took := waited() - begun) < seconds or not calls:
        work()
        calls += 1
    return took / calls


def _against_dynamax(q: mt.HMM, masked: np.ndarray, rounds: int) -> Ratio:
    from benchmarks.peers import Dynamax, run_batches

    products = DeviceOracle(q)
    smooth, batches = Dynamax(q, LENGTH).smoothing(masked)
    first = np.asarray(smooth(batches[0]))
    hidden = masked[: len(first)] == VOCAB
    off = np.abs(first - products.conditionals(masked[: len(first)]))[hidden].max()
    assert off < 1e-11, off
    ours = Side("torch", lambda n: products.conditionals(masked[:n]), len(masked))
    return compare(ours, Side("dynamax", partial(run_batches, smooth, batches), len(masked)), rounds=rounds)
