"""A causal and a block network that keep keys and values of what is settled, against computing every position anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import numpy as np
import torch

from benchmarks.timing import Row, Side, compare
from mdmtheory.networks.architecture import SIZES, Architecture
from mdmtheory.networks.cached_canvas import CachedCanvas
from mdmtheory.networks.transformer import Transformer

LENGTH, VOCAB_SIZE, BLOCK, ROWS = 128, 8, 8, 16
CLOSE = 1e-5


def rows(rounds: int) -> Iterator[Row]:
    """Every row of the table, each as soon as it is measured; on one thread."""
    torch.set_num_threads(1)
    for attention, block, at_least in (("causal", None, 5), ("block", BLOCK, None)):
        architecture = Architecture(VOCAB_SIZE, LENGTH, **asdict(SIZES["nano"]), attention=attention, block=block)
        network = _saying_something(architecture)
        kept, anew = _left_to_right(network, cached=True), _left_to_right(network, cached=False)
        if (off := float(np.abs(kept(2) - anew(2)).max())) > CLOSE:
            raise SystemExit(f"laws with kept keys and values differ by {off}; nothing was timed")
        sides = Side("kept", kept, count=ROWS), Side("anew", anew, count=ROWS)
        seen = "to the left" if block is None else f"by blocks of {block}"
        yield Row(
            f"`nano` that looks {seen}, {LENGTH} tokens one by one",
            "computing all positions anew for every token",
            compare(*sides, rounds=rounds),
            at_least=at_least,
        )


def _saying_something(architecture: Architecture) -> Transformer:
    network = Transformer(architecture, seed=0).eval().requires_grad_(False)
    network.out.weight.normal_(generator=torch.Generator().manual_seed(0))
    return network


def _left_to_right(network: Transformer, *, cached: bool) -> Callable[[int], np.ndarray]:
    """A function that asks for each position's law and writes a token there; its laws (length, rows, vocab)."""

    def work(count: int) -> np.ndarray:
        canvas = CachedCanvas(network, count, LENGTH, "cpu", cached=cached)
        everyone, tokens = np.arange(count), np.random.default_rng(0).integers(VOCAB_SIZE, size=(LENGTH, count))
        said = []
        for position, written in enumerate(tokens):
            here = np.full(count, position)
            said.append(canvas.ask(everyone, here).numpy())
            canvas.write(everyone, here, written)
            canvas.settle_before(position + 1)
        return np.array(said)

    return work
