"""The error budget of trained networks: writes the tables of docs/budget.md.

`python experiments/budget.py [contexts] [split] [ties] [tied]`: all parts unless some are named. The runs are those of
experiments/trained.py and the same of another size; one that is there already is not trained again.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import entr
from trained import DOCS, LENGTH, table, trained

import mdmtheory as mt
from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.denoisers.network import Network
from mdmtheory.metrics.visited import visited
from mdmtheory.samplers.drawing import ALIKE_DECIMALS

SIZES: dict[str, dict[str, Any]] = {
    "bigram-mdm": {},
    "bigram-mdm-tiny": {"like": "hmm-mdm", "lang": "ngram:order=2"},
    "hmm-mdm-nano": {"like": "hmm-mdm", "size": "nano"},
    "hmm-mdm": {},
}
"""Runs of two sizes on two languages; what differs from the file of the name."""

CONTEXTS = 4096
SPLIT: dict[str, tuple[tuple[int, ...], int]] = {"bigram-mdm": ((8, 16, 32), 200), "hmm-mdm": ((8, 32), 200)}
"""Numbers of steps, and of sequences."""
SAMPLERS = ("ancestral", "stride", "entropy", "blocks")
TIES: dict[str, tuple[tuple[int, ...], int]] = {"bigram-mdm": ((8, 16), 400), "hmm-mdm": ((16,), 300)}
TIED = 24
"""Sequences in which ties are counted."""


def network(name: str) -> tuple[Any, mt.Run]:
    """The network of a run, on a processor."""
    run = trained(name, **SIZES[name])[0]
    return Network(run, device="cpu"), run


def size_of(run: mt.Run) -> str:
    """Language and size."""
    shape, tokens = run.record.architecture, run.record.tokens / 1e6
    return f"{run.record.language}, {shape['layers']} layers × {shape['width']}, {tokens:.2g}M"


def contexts() -> str:
    """How far each network is from the exact posterior at single tokens: the mean, and how it is spread."""
    rows, shares = [], {}
    for name in SIZES:
        net, run = network(name)
        found = mt.learning_error(net, run.language, LENGTH, count=CONTEXTS, seed=1)
        spread = [f"{found.quantiles[share]:.2g}" for share in (0.5, 0.9, 0.99, 0.999)]
        rows.append([size_of(run), said(found.mean), *spread, f"{found.largest:.2g}", said(found.z)])
        for each in found.by_mask_ratio:
            hidden = f"{each.low:.3g} to {each.high:.3g}"
            cell = f"{each.error.value:.2g}, {each.quantiles[0.99]:.2g}, {each.largest:.2g}"
            shares.setdefault(hidden, []).append(cell)
    heads = ["run", "mean", "50 %", "90 %", "99 %", "99.9 %", "largest", "z"]
    parts = [["hidden", *(row[0] for row in rows)], [[hidden, *cells] for hidden, cells in shares.items()]]
    return f"{table(heads, rows)}\n\nMean, 99 % and largest by the share that is hidden:\n\n{table(*parts)}"


def split() -> str:
    """Total, factorisation and learning by order and number of steps."""
    rows, off = [], 0.0
    for name, (steps, count) in SPLIT.items():
        net, run = network(name)
        found = mt.budget(net, run.language, LENGTH, steps=steps, sampler=SAMPLERS, count=count, check=True)
        off = max(off, found.off)
        for each in found.rows:
            parts = each.sequence
            numbers = [said(part) for part in (parts.total, parts.factorisation, parts.learning, each.log_ratio)]
            rows.append([run.record.language, str(each.sampler), str(each.steps), *numbers, said(each.z)])
    heads = ["language", "order", "steps", "total", "factorisation", "learning", "by tokens alone", "z"]
    note = f"The most by which a total and its parts differ, in any of these sequences: {off:.1g} nats."
    return f"{table(heads, rows)}\n\n{note}"


def ties() -> str:
    """A network under `entropy`, and the oracle run as the sampler, its ties broken by index or at random."""
    rows = []
    for name, (steps, count) in TIES.items():
        net, run = network(name)
        q, oracle = run.language, mt.Oracle(run.language)
        tokens = q.sample(count, LENGTH, 0)
        log_q = q.log_prob(tokens)
        for n in steps:
            totals = {}
            for how in ("lowest", "random"):
                of_oracle = mt.MaskedDiffusion(oracle, sampler=f"entropy:ties={how}", steps=n)
                totals[how] = log_q - visited(of_oracle, q, tokens, 0).log_p
            for how in ("random", "lowest"):
                model = mt.MaskedDiffusion(net, sampler=f"entropy:ties={how}", steps=n)
                seen = visited(model, q, tokens, 0)
                total, factorisation = log_q - seen.log_p, log_q - seen.log_q_plan()
                learning = seen.error.sum(axis=1)
                numbers = [mean(each) for each in (total, factorisation, learning)]
                against = [mean(total - totals[each]) for each in ("lowest", "random")]
                rows.append([run.record.language, str(n), how, *numbers, *against])
            own = [mean(totals[each]) for each in ("lowest", "random")]
            rows.append([run.record.language, str(n), "the oracle as sampler", *own, "", "", ""])
    heads = ["language", "steps", "ties of the network", "total", "factorisation", "learning"]
    return table([*heads, "total − oracle, by index", "total − oracle, at random"], rows)


def tied() -> str:
    """Of masked positions how many have an entropy that another had before, to as many decimals as a rule looks at."""
    rows, steps = [], (1, 2, 4, 8, 12)
    for name in TIES:
        net, run = network(name)
        q, mask = run.language, run.language.vocab_size
        tokens = q.sample(TIED, LENGTH, 0)
        for who, denoiser in (("network", net), ("oracle", mt.Oracle(q))):
            plan = mt.MaskedDiffusion(denoiser, sampler="entropy", steps=16).scored(tokens, 0).plan
            cells = []
            for step in steps:
                shown = np.where(plan < step, tokens, mask).astype(tokens.dtype)
                entropies = np.round(entr(denoiser.conditionals(shown)).sum(axis=2), ALIKE_DECIMALS)
                shares = [1 - len(np.unique(own)) / len(own) for own in map(np.compress, shown == mask, entropies)]
                cells.append(f"{100 * np.mean(shares):.1f} %")
            rows.append([run.record.language, who, *cells])
    return table(["language", "whose entropies", *(f"step {step} of 16" for step in steps)], rows)


def mean(values: np.ndarray) -> str:
    """With its 95 % interval, or without one where two or fewer sequences carry it."""
    try:
        value, low, high = mean_interval(Moments.of(values), 0.95)
    except WithheldError:
        return f"{values.mean():.3g} [0, inf]"
    return f"{value:.3g} [{low:.3g}, {high:.3g}]"


def said(found: mt.Estimate) -> str:
    """A number with its interval, and a bound's sign."""
    sign = {"upper bound": "≤ "}.get(found.kind, "")
    return f"{sign}{found.value:.3g}" + (f" [{found.low:.3g}, {found.high:.3g}]" if found.low < found.high else "")


PARTS: dict[str, Callable[[], str]] = {"contexts": contexts, "split": split, "ties": ties, "tied": tied}


def write(name: str, text: str) -> None:
    """Put a table into its place on the page."""
    page = DOCS / "budget.md"
    block = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
    found = re.sub(f"<!-- {name} -->.*<!-- /{name} -->", lambda _: block, page.read_text("utf-8"), flags=re.DOTALL)
    page.write_text(found, encoding="utf-8")


def main(wanted: list[str]) -> None:
    """Train what is missing, measure it, and write the page, part by part."""
    for name in wanted or PARTS:
        began = time.process_time()
        text = PARTS[name]()
        print(f"{text}\n\n{name}: {time.process_time() - began:.0f} CPU seconds", end="\n\n", flush=True)
        write(name, text)


if __name__ == "__main__":
    main(sys.argv[1:])
