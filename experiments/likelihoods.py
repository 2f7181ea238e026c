"""All kinds of likelihood side by side; writes the tables of docs/likelihood.md.

`python experiments/likelihoods.py [oracle] [trained] [width] [spread]`: all parts unless some are named. Runs are those
that `mdmtheory train experiments/NAME.toml` leaves in runs/NAME.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

import mdmtheory as mt
from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.metrics.elbo import context_terms
from mdmtheory.metrics.likelihood_kinds import effective_size
from mdmtheory.metrics.ter import exact_entropy
from mdmtheory.models.log_mean import log_mean_exp

LENGTH = 64
PAGE = Path(__file__).parent.parent / "docs" / "likelihood.md"
LOOKING = ("confidence:ties=lowest", "entropy:ties=lowest")
TEXTS = {"bigram-mdm": 50, "hmm-mdm": 50}
"""Sequences that bounds are measured on; a mean of fewer than 50 is withheld."""
FEW = {"bigram-mdm": (5, 512), "hmm-mdm": (3, 512)}
"""Sequences and plans of brackets."""


@cache
def network(name: str) -> mt.Network:
    """A run's, on the processor."""
    return mt.Network(f"runs/{name}", device="cpu")


def shown(number: Callable[[], Estimate], digits: int) -> str:
    """With its interval; withheld with the reason."""
    try:
        return f"{number():.{digits}f}".partition(" (cut")[0]
    except WithheldError as withheld:
        return withheld.kind


def oracle() -> str:
    """The preset bigram with its exact denoiser: log p(x) of the mixture over ancestral plans is known."""
    q = mt.as_language("ngram:order=2")
    tokens = q.sample(200, LENGTH, 0)
    log_q = q.log_prob(tokens)
    rows = []
    for steps in (16, 64, 256, 1024):
        model = mt.MaskedDiffusion(mt.Oracle(q), steps=steps)
        found = {
            "exact": mt.likelihood(model, tokens, kind="exact"),
            "elbo": mt.likelihood(model, tokens, kind="elbo", plans=256),
            "iw": mt.likelihood(model, tokens, kind="iw", plans=256),
            "tube": mt.likelihood(model, tokens, kind="tube", plans=2048),
        }
        numbers = [shown(partial(each.divergence, log_q), 4) for each in found.values()]
        inside = (found["tube"].low <= found["exact"].values) & (found["exact"].values <= found["tube"].high)
        whole = ~np.isnan(found["tube"].high)
        rows.append(
            [str(steps), *numbers, f"{np.median(found['tube'].effective):.0f}", f"{inside.sum()} of {whole.sum()}"]
        )
    headings = [
        "steps",
        "exact",
        "elbo, 256 calls",
        "iw, 256 plans",
        "tube, 2,048 plans",
        "worth of a half, median",
        "brackets that hold",
    ]
    return table(headings, rows)


def trained() -> str:
    """Every kind of the same sequences of the language, under networks and samplers."""
    rows = []
    for name, count in TEXTS.items():
        net = network(name)
        q = net.run.language
        tokens = q.sample(count, LENGTH, 0)
        log_q, entropy = q.log_prob(tokens), exact_entropy(q, LENGTH)
        asked: list[tuple[str, Any, dict[str, Any]]] = [
            ("elbo", mt.MaskedDiffusion(net, sampler="first_hitting"), {"plans": 64}),
            ("iw", mt.MaskedDiffusion(net, sampler="first_hitting"), {"plans": 8}),
            *(("elbo", mt.MaskedDiffusion(net, steps=steps), {"plans": 64}) for steps in (64, 16)),
            ("iw", mt.MaskedDiffusion(net, steps=16), {"plans": 16}),
            *(("replay", mt.MaskedDiffusion(net, sampler=each, steps=n), {}) for each in LOOKING for n in (64, 16)),
        ]
        asked.append(("exact", mt.Autoregressive(network(name.replace("mdm", "ar"))), {}))
        floor = "" if entropy is None else f"; exact {-entropy / LENGTH:.4f}"
        own = mt.likelihood(mt.Autoregressive(q), tokens, kind="exact")
        rows.append([name, "log q(x)", "", shown(lambda own=own: own.mean, 3) + floor, "", ""])
        for kind, model, options in asked:
            began = time.process_time()
            found = mt.likelihood(model, tokens, kind=kind, **options)
            seconds = f"{time.process_time() - began:.0f}"
            sampler = "" if model.sampler is None else str(model.sampler.spec)
            if model.sampler is not None and model.sampler.uses_steps:
                sampler += f", {model.steps} steps"
            of = name if model.sampler is not None else name.replace("mdm", "ar")
            gap = shown(partial(found.divergence, log_q), 4)
            rows.append([of, kind, sampler, shown(lambda found=found: found.mean, 3), gap, seconds])
            print(rows[-1], flush=True)
    return table(["run", "kind", "sampler", "log p(x), nats a token", "KL(q‖p), nats a token", "CPU s"], rows)


def width() -> str:
    """How wide brackets of single sequences are, by the number of plans, the first of the most."""
    rows = []
    q = mt.as_language("ngram:order=2")
    cases: list[tuple[str, Any, Any, int]] = [
        (f"bigram, oracle, ancestral, {steps} steps", mt.MaskedDiffusion(mt.Oracle(q), steps=steps), q, 8192)
        for steps in (64, 256, 1024)
    ]
    for name, (_, most) in FEW.items():
        net = network(name)
        cases.append(
            (f"{name}, one at a time", mt.MaskedDiffusion(net, sampler="first_hitting"), net.run.language, most)
        )
    for said, model, language, most in cases:
        count = FEW.get(said.partition(",")[0], (20, 0))[0]
        terms = model.log_prob_terms(language.sample(count, LENGTH, 1), plans=most, threads=1)
        print(said, flush=True)
        numbers = [plans for plans in (32, 128, 512, 2048, 8192) if plans <= most]
        rows += [[said, str(plans), *bracket(terms[:plans])] for plans in numbers]
    headings = ["model", "plans", "spread of log p(x given a plan)", "worth of a half: least, median"]
    return table([*headings, "given", "width, nats a sequence"], rows)


def bracket(terms: np.ndarray) -> list[str]:
    """Spread of the terms, worth of the smaller half, how many brackets are given, and their mean width."""
    half = len(terms) // 2
    one, other = (log_mean_exp(some) for some in (terms[:half], terms[half:]))
    worth = np.minimum(effective_size(terms[:half]), effective_size(terms[half:]))
    given = worth >= 100
    widths = 2 * np.sinh((one - other) / 2) ** 2 - np.log(np.cosh((one - other) / 2))
    mean = f"{widths[given].mean():.4f}" if given.any() else "withheld"
    spread = f"{terms.std(axis=0, ddof=1).mean():.2f}"
    return [spread, f"{worth.min():.0f}, {np.median(worth):.0f}", f"{given.sum()} of {len(given)}", mean]


def spread() -> str:
    """The standard deviation of estimates of `elbo` of a sequence from 64 calls, in nats a sequence."""
    rows, repeats = [], 12
    for name in TEXTS:
        model = mt.MaskedDiffusion(network(name), sampler="first_hitting")
        tokens = model.denoiser.run.language.sample(8, LENGTH, 2)
        # With as many plans as positions each number of masked positions comes once: L at first, 1 at last.
        terms = np.array([context_terms(model, tokens, seed, plans=LENGTH, threads=1) for seed in range(repeats)])
        mean, square = terms.mean(axis=0)[::-1], (terms**2).mean(axis=0)[::-1]
        inside = terms.var(axis=0, ddof=1)[::-1]
        numbers, rates = np.arange(1, LENGTH + 1), (np.arange(4000) + 0.5) / 4000
        # A rate t, each position masked with it, weight 1/t: n masked ones count n/(tL) times L times their mean.
        weights = (binom.pmf(numbers, LENGTH, rates[:, None]) * (numbers / (rates[:, None] * LENGTH)) ** 2).mean(axis=0)
        variances = {
            "n spread evenly": inside.mean(axis=0) / LENGTH,
            "n uniform, independent": (square.mean(axis=0) - mean.mean(axis=0) ** 2) / LENGTH,
            "rate t uniform, weight 1/t, independent": (weights @ square - mean.mean(axis=0) ** 2) / LENGTH,
        }
        walks = model.log_prob_terms(tokens, plans=repeats, threads=1)
        variances["one walk, a token a call"] = walks.var(axis=0, ddof=1)
        rows.append([name, *(f"{np.sqrt(each.mean()):.2f}" for each in variances.values())])
    return table(["run, one position at a time", *variances], rows)


def table(headings: list[str], rows: list[list[str]]) -> str:
    """In Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)


PARTS = {"oracle": oracle, "trained": trained, "width": width, "spread": spread}


def main(wanted: list[str]) -> None:
    """Measure, and write the page, part by part."""
    for name in wanted or PARTS:
        began = time.process_time()
        text = PARTS[name]()
        print(text, f"\n{time.process_time() - began:.0f} CPU seconds\n", flush=True)
        page = PAGE.read_text(encoding="utf-8")
        block = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
        page = re.sub(f"<!-- {name} -->.*<!-- /{name} -->", lambda _, block=block: block, page, flags=re.DOTALL)
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
