"""Samplers under networks of falling learning error: trains them, measures, and writes experiments/learned.csv.

`python experiments/learned.py [networks] [samplers] [contexts]`: all three parts unless some are named. `networks`
trains what is missing in runs/ and measures how far each is from the exact posterior; `samplers` sweeps learned.toml
and learned_control.toml, each into its store; `contexts` asks the exact posterior at the very contexts that each order
visits, where the file has not measured these weights. figures/learned_ranking.py draws it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

import mdmtheory as mt
from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.core.writing import write_whole
from mdmtheory.denoisers import DENOISERS
from mdmtheory.denoisers.network import Network
from mdmtheory.metrics.learning_error import learning_error
from mdmtheory.metrics.visited import visited
from mdmtheory.sweeps import cells_of, read_toml
from mdmtheory.training.files import read_training

HERE = Path(__file__).parent
CSV = HERE / "learned.csv"
LENGTH, CONTEXTS, SEED = 64, 4096, 1
REPLAYED = 2048
"""Contexts that an order is looked at in: of so many sequences as have them, 64 at least."""
NUMBERS = ["value", "low", "high", "kind", "count", "calls"]
COLUMNS = ["language", "denoiser", "digest", "sampler", "steps", "metric", *NUMBERS]

TRAINED = {"bigram": ("ngram:order=2", "nano"), "hmm": ("hmm", "tiny"), "copy": ("copy:distance=16", "nano")}
"""What `runs/learned-NAME-TOKENS` is: a masked network of this size, taught by the exact posterior."""
BY_FILE = ("bigram-mdm", "hmm-mdm")
"""The last of two series, which docs/trained.md speaks of: the TOML file of its name says what it is."""
VISITED = ("fixed", "confidence", "entropy", "stride")
"""Orders whose contexts are known for any sequence: those of rules that look at the context, by replay."""


@cache
def sweeps() -> dict[str, list[Any]]:
    """The cells of both files, by store."""
    files = [read_toml(HERE / f"{name}.toml") for name in ("learned_control", "learned")]
    return {keys["out"]: cells_of(keys) for keys in files}


def denoisers() -> list[tuple[str, str]]:
    """Languages and the denoisers that they are measured with, as they are typed."""
    every = [cell for cells in sweeps().values() for cell in cells]
    return list(dict.fromkeys((str(cell.language), str(cell.denoiser)) for cell in every))


@cache
def built(language: str, denoiser: str) -> Any:
    """The denoiser; a network is trained where it is not there."""
    if denoiser.startswith("runs/"):
        trained(Path(denoiser))
    return DENOISERS.build(denoiser, mt.as_language(language))


def trained(out: Path) -> None:
    """Train a run, or go on with it, where it is not finished."""
    if (out / "run.json").is_file() and mt.Run.open(out).finished:
        return
    if out.name in BY_FILE:
        mt.train(**{**read_training(HERE / f"{out.name}.toml"), "out": out}, resume=out.exists())
    else:
        _, name, tokens = out.name.split("-")
        lang, size = TRAINED[name]
        said = {"lang": lang, "length": LENGTH, "size": size, "targets": "oracle", "device": "cpu"}
        mt.train("mdm", **said, tokens=tokens, out=out, resume=out.exists())


def networks() -> Iterator[dict[str, Any]]:
    """How far each denoiser is from the exact posterior at fresh masked sets, and its mass on what is impossible."""
    for language, denoiser in denoisers():
        if denoiser != "oracle":
            found = learning_error(built(language, denoiser), language, LENGTH, count=CONTEXTS, seed=SEED)
            for metric, each in (("learning_error", found.mean), ("impossible_mass", found.z)):
                numbers = {"value": each.value, "low": each.low, "high": each.high, "kind": each.kind}
                yield row(language, denoiser, metric, {**numbers, "count": CONTEXTS})


def samplers() -> Iterator[dict[str, Any]]:
    """The rows of both sweeps."""
    for language, denoiser in denoisers():
        built(language, denoiser)
    for store, cells in sweeps().items():
        for each in mt.collect(cells, out=store, workers=1).to_dict(orient="records"):
            numbers = {key: each[key] for key in ("sampler", "steps", *NUMBERS)}
            yield row(str(each["language"]), str(each["denoiser"]), each["metric"], numbers)


def contexts() -> Iterator[dict[str, Any]]:
    """At the contexts that an order visits on its way to x ~ q: KL(exact || network) and z a token, and the budget.

    log q(x) - log p(x given the order) is the sum of log q(x) - log prod q(x_i | context), what drawing together costs,
    and of log q(x_i | context) - log p(x_i | context), what was not learned, whose mean is that KL (theory.md, 2.9).
    """
    known = known_rows()
    for cell in sweeps()["results/learned.sqlite"]:
        if cell.sampler not in VISITED:
            continue
        language, denoiser = str(cell.language), str(cell.denoiser)
        about = {"sampler": cell.sampler, "steps": cell.steps, "calls": cell.steps}
        q, net = mt.as_language(language), built(language, denoiser)
        there = (known["digest"] == digest_of(net)) & known["metric"].isin(OF_CONTEXTS)
        own = known[there & (known["sampler"] == cell.sampler) & (known["steps"] == cell.steps)]
        if len(own) == len(OF_CONTEXTS):
            yield from own.to_dict(orient="records")
            continue
        model = mt.MaskedDiffusion(net, sampler=cell.sampler, steps=cell.steps)
        tokens = q.sample(max(64, REPLAYED // cell.steps), LENGTH, SEED)
        seen = visited(model, q, tokens, SEED)
        found = seen.error.mean(axis=1), seen.impossible.mean(axis=1), q.log_prob(tokens) - seen.log_q_plan()
        for metric, values in zip(OF_CONTEXTS, found, strict=True):
            yield row(language, denoiser, metric, {**about, **mean(values)})


OF_CONTEXTS = ("visited_error", "visited_mass", "factorisation")
Values = Float[np.ndarray, "count"]


def mean(values: Values) -> dict[str, Any]:
    """The mean of numbers of sequences, with its interval; without them where so few sequences give none."""
    try:
        ends = dict(zip(("value", "low", "high"), mean_interval(Moments.of(values), 0.95), strict=True))
    except WithheldError as withheld:
        return {"kind": withheld.kind, "count": len(values)}
    return {**ends, "kind": "estimate", "count": len(values)}


def digest_of(denoiser: Any) -> str:
    """By which weights a row was measured; empty of what needs none."""
    return denoiser.identity.digest[:12] if isinstance(denoiser, Network) else ""


def row(language: str, denoiser: str, metric: str, numbers: dict[str, Any]) -> dict[str, Any]:
    """A row of the file."""
    digest = digest_of(built(language, denoiser))
    return {"language": language, "denoiser": denoiser, "digest": digest, "metric": metric, **numbers}


def known_rows() -> pd.DataFrame:
    """What the file has already."""
    return pd.read_csv(CSV, keep_default_na=False, na_values=[""]) if CSV.exists() else pd.DataFrame(columns=COLUMNS)


def written(rows: Iterable[dict[str, Any]], metrics: set[str]) -> None:
    """Put rows in the place of those of these metrics."""
    known = known_rows()
    parts = [known[~known["metric"].isin(metrics)], pd.DataFrame(rows, columns=COLUMNS)]
    frame = pd.concat([each for each in parts if len(each)], ignore_index=True)
    text = frame.to_csv(index=False, float_format="%.8g", lineterminator="\n")
    write_whole(CSV, text.encode())


PARTS = {
    "networks": (networks, {"learning_error", "impossible_mass"}),
    "samplers": (samplers, {"ser", "cross_entropy"}),
    "contexts": (contexts, set(OF_CONTEXTS)),
}


def main(wanted: list[str]) -> None:
    """Measure part by part."""
    for name in wanted or PARTS:
        rows, metrics = PARTS[name]
        written(list(rows()), metrics)
        print(f"{CSV}: {name}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
