"""Makes the store beside it, which tests of figures and pages read: `python -m tests.plots.stores.make`.

Its numbers are no golden ones: whatever made it once, what is drawn of it is what it says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

from mdmtheory.sweeps import Cell, cells, collect

STORE = Path(__file__).with_name("small.sqlite")
LANGUAGES = ["ngram:order=2,vocab_size=4", "hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1"]
METRICS = "ser,ter,ter_ratio,cross_entropy"


def every_cell() -> list[Cell]:
    """All kinds of rows there are, few of each."""
    options: list[dict[str, Any]] = [
        # Three lengths at L/4: orders in two seeds with the reference of each, and a rule that looks; one without TER.
        {"length": "16,32,64", "steps": "L/4", "sampler": "ancestral,stride", "model": "masked,ar", "seed": "0,1"},
        {"length": "16,32,64", "steps": "L/4", "sampler": "confidence"},
        {"length": 64, "steps": "8,16,32", "sampler": "draw_confidence", "metrics": "ser,cross_entropy"},
        # Curves over steps, one of them without an error; rules without a budget; a worse denoiser.
        {"length": 64, "steps": "8,32,64", "sampler": "ancestral,stride"},
        {"length": 64, "sampler": ["left_to_right", "bisection", "entropy_bound:gamma=0.5", "entropy_bound:gamma=2"]},
        {"length": 64, "steps": "8,16,32", "sampler": "ancestral", "denoiser": "perturbed:epsilon=0.1"},
        # Other noises and blocks, which have no TER or no sampler.
        {"length": 64, "steps": "16", "model": ["uniform", "block:size=16"]},
        # Given tokens; SER by scoring, which is withheld where the sampler is far from the language.
        {"length": 64, "steps": "8,16", "prompt": "prefix:size=16", "model": "masked,ar"},
        {"length": 64, "steps": "4,16", "sampler": "ancestral", "schedule": "cosine", "check": True},
    ]
    return [each for given in options for each in cells(LANGUAGES, **{"metrics": METRICS, "samples": 256, **given})]


if __name__ == "__main__":
    STORE.unlink(missing_ok=True)
    with mock.patch("platform.node", return_value="elsewhere"):
        collect(every_cell(), out=STORE, workers=1)
