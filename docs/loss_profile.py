"""A loss profile as a validation run would write it, and what `mdmtheory schedule` makes of it: `make readme`.

The model is one whose errors are known: the exact denoiser of the preset HMM, mixed with uniform so that every marginal
is 0.01 nats off. Its losses go to docs/losses.csv; the verb's output and figure, and what sampling costs when it is
measured, go into docs/schedule.md.
"""

from __future__ import annotations

import csv
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.kernels.random import fill_uniforms

DOCS = Path(__file__).parent
PAGE = DOCS / "schedule.md"
PROFILE = DOCS / "losses.csv"
FIGURE = DOCS / "schedule.png"
BEGIN, END = "<!-- schedule -->", "<!-- /schedule -->"
COMMAND = "mdmtheory schedule --curve docs/losses.csv --length 512 --steps 16,64,256"
CAPTION = "Predicted perplexity of a denoiser against steps, from its loss profile"

LENGTH = 512
SEQUENCES = 300
RATIOS = [0.01, 0.02, 0.05, *(k / 20 for k in range(2, 20)), 0.98, 0.99, 1.0]


def loss_profile(denoiser: Any, language: Any, count: int, seed: int) -> list[tuple[float, float, float]]:
    """(mask ratio, loss, stderr) on `count` sequences: every token masked independently, -log p of the masked ones.

    The standard error is that of a ratio of sums over sequences. All ratios see the same sequences, as in a validation
    run, so their errors are correlated.
    """
    text = language.sample(count, LENGTH, seed)
    uniforms = np.empty(text.shape)
    rows = []
    for ratio in RATIOS:
        fill_uniforms(stream_states(["loss profile", ratio, seed], 0, count), uniforms)
        masked = uniforms < ratio
        marginals = denoiser.conditionals(np.where(masked, language.vocab_size, text))
        nats = -np.log(np.take_along_axis(marginals, text[:, :, None].astype(np.int64), axis=2)[:, :, 0])
        total, tokens = (nats * masked).sum(axis=1), masked.sum(axis=1)
        loss = total.sum() / tokens.sum()
        error = np.sqrt(((total - loss * tokens) ** 2).sum()) / tokens.sum()
        rows.append((ratio, float(loss), float(error)))
    return rows


def measured(denoiser: Any, language: Any) -> str:
    """What the prediction for fixed linear sizes comes to when drawn plans score other sequences."""
    found = []
    for steps in (16, 64, 256):
        ter = mt.ter(mt.MaskedDiffusion(denoiser, sampler="fixed", steps=steps), language, LENGTH, count=1000, seed=2)
        found.append(f"{ter.value:.3f} [{ter.low:.3f}, {ter.high:.3f}] at {steps}")
    return f"Measured on 1000 other sequences, linear sizes of this denoiser cost {', '.join(found)} steps."


def main() -> None:
    """Measure, write, run the verb."""
    language = mt.as_language("hmm")
    denoiser = mt.Perturbed(mt.Oracle(language), epsilon=0.01)
    rows = loss_profile(denoiser, language, SEQUENCES, seed=1)
    with PROFILE.open("w", newline="", encoding="utf-8") as file:
        file.write("# preset HMM, exact denoiser 0.01 nats off at every context; 300 sequences of 512 tokens\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["mask_ratio", "loss", "stderr"])
        writer.writerows([f"{ratio:g}", f"{loss:.6f}", f"{error:.6f}"] for ratio, loss, error in rows)
    command = [sys.executable, "-m", "mdmtheory.cli.main", *shlex.split(COMMAND)[1:], "--figure", str(FIGURE)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=DOCS.parent).stdout
    figure = f"![{CAPTION}]({FIGURE.name})"
    shown = f"```\n$ {COMMAND}\n{printed}```\n\n{measured(denoiser, language)}\n\n{figure}"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{PAGE} has no place for the output; put {BEGIN} and {END} on lines of their own")
    PAGE.write_text(f"{before}{BEGIN}\n{shown}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
