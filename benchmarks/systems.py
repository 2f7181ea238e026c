"""Answers a second of trained networks: masked diffusion at a few numbers of steps, autoregression, Jacobi decoding.

`python -m benchmarks.systems MASKED_RUN CAUSAL_RUN`, of one language and size, on one thread: each is asked for as many
answers to drawn prompts, in turns, and the processor's seconds are compared within a turn. Autoregression
keeps keys and values; so does Jacobi decoding of what is final. Steps that reveal nothing are not taken: as many calls
as answers have tokens are the most. Prints the table of docs/systems.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from statistics import median

import numpy as np
import torch

import mdmtheory as mt

STEPS = (1, 2, 5, 10, 20)
COUNT, TURNS = 64, 5


def models(masked: str, causal: str, *, batch: int) -> dict[str, mt.MaskedDiffusion | mt.Autoregressive]:
    """What is compared, by name; autoregression first."""
    net, left = mt.Network(masked, device="cpu", batch=batch), mt.Network(causal, device="cpu", batch=batch)
    return {
        "autoregression": mt.Autoregressive(left),
        "Jacobi decoding": mt.Jacobi(left),
        **{f"masked, {steps} steps": mt.MaskedDiffusion(net, sampler="confidence", steps=steps) for steps in STEPS},
    }


def lines(masked: str, causal: str, *, batch: int, count: int = COUNT, turns: int = TURNS) -> list[str]:
    """Rows of a table: answers a second, over autoregression (median, least, greatest), rounds."""
    torch.set_num_threads(1)
    record = mt.Run.open(masked).record
    language = mt.as_language(record.language)
    prompts = np.asarray(language.sample(count, record.length, 0))
    given = language.prompt(record.length)
    prompt = None if given is None else np.where(given, prompts, language.vocab_size)
    compared = models(masked, causal, batch=batch)
    seconds: dict[str, list[float]] = {name: [] for name in compared}
    rounds: dict[str, float] = {}
    for turn in range(turns + 1):  # the first warms up
        for name, model in compared.items():
            begun = time.process_time()
            drawn = model.sample(count, record.length, turn, prompt=prompt)
            if turn:
                seconds[name].append(time.process_time() - begun)
            rounds[name] = float(drawn.rounds.mean())
    reference = seconds["autoregression"]
    found = []
    for name, taken in seconds.items():
        ratios = [other / own for own, other in zip(taken, reference, strict=True)]
        times = f"{median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f})"
        found.append(f"| {name} | {batch} | {rounds[name]:.1f} | {count / median(taken):.1f} | {times} |")
    return found


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    masked, causal = arguments
    print("| drawn by | at once | rounds | answers a second | over autoregression (least, greatest) |")
    print("| :-- | --: | --: | --: | --: |")
    for batch in (1, 32):
        print("\n".join(lines(masked, causal, batch=batch)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
