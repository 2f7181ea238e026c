"""Trained networks of four noises, at equal size, tokens and seed, beside their oracles: the tables of docs/noises.md.

`python experiments/noises.py [train] [networks] [sweep] [rows] [where] [lengths] [page]`: `train` makes the runs that
are not there, `networks` says how far each is from the exact posterior, `sweep` measures into results/noises.sqlite,
`rows` takes SER from there and, of exact posteriors, from docs/leaderboard.csv; `where` and `lengths` draw, and `page`
writes what the CSV files of the others say. figures/trained_noises.py draws the figure.
"""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import mdmtheory as mt
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.spec import Spec
from mdmtheory.models.embedding import as_embedding
from mdmtheory.oracles.evidence import GaussianEvidence
from mdmtheory.training.files import read_training

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
RUNS = Path("runs")
LENGTH = 64
LANGUAGES = {"bigram": ("ngram:order=2", "nano"), "hmm": ("hmm", "tiny")}
NOISES = {"bigram": ("mdm", "uniform", "gaussian", "ar"), "hmm": ("mdm", "gaussian", "ar")}
"""Networks of each language; the autoregressive ones are those of experiments/bigram-ar.toml and hmm-ar.toml."""
TOKENS = "1.5M"
LENGTHS = dict.fromkeys((16, 32, 64), (8, 12, 16, 24, 32, 48, 64)) | {128: (8, 16, 32, 48, 64)}
TOKENS_AT_LENGTHS = "0.5M"
LATE, EARLY = (0.5, 0.625, 0.75, 0.875, 31 / 32), (0.75, 0.875)
OPTIONS = ["gaussian:update=ddim", "gaussian:decode=argmax", "gaussian:update=ddim,decode=argmax"]
SWEEPS: dict[str, list[dict[str, Any]]] = {
    "bigram": [
        {"of": ["mdm"], "steps": "4..128", "samples": 512},
        {"of": ["mdm"], "steps": 256, "samples": 256},
        {"of": ["mdm"], "sampler": "stride", "steps": "4,8,16,64", "samples": 512},
        {"of": ["uniform"], "model": "uniform", "steps": "8..64", "samples": 512},
        {"of": ["uniform"], "model": "uniform", "steps": 128, "samples": 256},
        {"of": ["gaussian"], "model": "gaussian", "steps": "4,8,16,24,32,64", "samples": 512},
        {"of": ["mdm"], "steps": 32, "metrics": "ter", "samples": 128},
        {"of": ["uniform"], "model": "uniform", "steps": 32, "metrics": "ter", "samples": 128},
        {"of": ["gaussian"], "model": "gaussian", "steps": 32, "metrics": "ter", "samples": 128},
        {"of": ["oracle"], "model": "gaussian", "schedule": "cosine", "steps": "16,24,32", "samples": 512},
        {"of": ["oracle"], "model": OPTIONS, "steps": "16,24,32", "samples": 512},
        {"of": ["gaussian"], "model": OPTIONS[:2], "steps": "16,32", "samples": 256},
        {"of": ["ar"], "model": "ar", "samples": 1024},
    ],
    "hmm": [
        {"of": ["mdm"], "steps": "16,64", "samples": 256},
        {"of": ["mdm"], "sampler": "stride", "steps": 16, "samples": 256},
        {"of": ["gaussian"], "model": "gaussian", "steps": "16,32,64", "samples": 256},
        {"of": ["ar"], "model": "ar", "samples": 1024},
    ],
}
"""What is drawn of the networks, and of the exact posterior beyond what the leaderboard has."""
CONTEXTS = 1024
KEYS = ["language", "model", "denoiser", "sampler", "schedule", "steps", "metric"]


def csv(name: str) -> Path:
    """A committed file of results."""
    return HERE / f"noises_{name}.csv"


def folder(stem: str, noise: str) -> Path:
    """The run of a network."""
    return RUNS / (f"{stem}-ar" if noise == "ar" else f"noise-{stem}-{noise}")


def train() -> None:
    """Every run that is not there."""
    wanted: dict[Path, dict[str, Any]] = {}
    for stem, noises in NOISES.items():
        lang, size = LANGUAGES[stem]
        for noise in noises:
            keys = {"objective": noise, "lang": lang, "length": LENGTH, "size": size, "tokens": TOKENS, "device": "cpu"}
            wanted[folder(stem, noise)] = read_training(HERE / f"{stem}-ar.toml") if noise == "ar" else keys
    for length in LENGTHS:
        for noise in ("mdm", "gaussian"):
            keys = {**wanted[folder("bigram", noise)], "length": length, "tokens": TOKENS_AT_LENGTHS}
            wanted[folder(str(length), noise)] = keys
    for out, keys in wanted.items():
        if not (out / "run.json").is_file():
            mt.train(**{**keys, "out": out})


def networks() -> None:
    """Learning error and z of each at contexts of its own, and what the bound of Gaussian ones loses to learning."""
    rows = []
    for stem in LANGUAGES:
        for noise in NOISES[stem]:
            run = mt.Run.open(folder(stem, noise))
            net = mt.Network(run, device="cpu")
            found = mt.learning_error(net, run.language, LENGTH, count=CONTEXTS, seed=1)
            worst = max(found.by_mask_ratio, key=lambda each: each.error.value)
            row: dict[str, Any] = {"language": run.record.language, "noise": noise}
            row |= {"layers": run.record.architecture["layers"], "tokens": run.record.trained_tokens}
            for name, each in (("error", found.mean), ("z", found.z)):
                row |= {name: each.value, f"{name}_low": each.low, f"{name}_high": each.high}
            row |= {"worst": worst.error.value, "worst_low": worst.low, "worst_high": worst.high}
            row["path"] = learning_of_the_bound(net, run.language, 64) if noise == "gaussian" else np.nan
            rows.append(row)
            print(row, flush=True)
    pd.DataFrame(rows).to_csv(csv("networks"), index=False, float_format="%.6g")


def learning_of_the_bound(net: Any, q: Any, steps: int, count: int = 64, seed: int = 1) -> float:
    """What a Gaussian network adds to -ELBO, in nats a sequence: docs/theory.md, section 8."""
    kept = 1 - np.arange(steps + 1) / steps
    embedding, generator, total = (as_embedding("onehot", q.vocab_size)[0], np.random.default_rng(seed), 0.0)
    for level in range(1, steps + 1):
        tokens = q.sample(count, LENGTH, seed, first=level * count)
        noise = generator.standard_normal((count, LENGTH, q.vocab_size))
        values = np.sqrt(kept[level]) * embedding[tokens] + np.sqrt(1 - kept[level]) * noise
        evidence = GaussianEvidence(values, float(kept[level]), embedding)
        exact, said = (
            np.asarray(each.open(count, LENGTH, noise="gaussian").posterior(evidence), dtype=np.float64)
            for each in (q.oracle(), net)
        )
        if level == 1:
            # Tokens below 1e-30, which single precision may take for 0, have less than 1e-27 nats together.
            there = exact > 1e-30
            total += (exact[there] * np.log(exact[there] / said[there])).sum() / count
        else:
            weight = kept[level - 1] / (1 - kept[level - 1]) - kept[level] / (1 - kept[level])
            total += weight / 2 * (((exact - said) @ embedding) ** 2).sum() / count
    return float(total)


def cells() -> list[Any]:
    """What is measured of the networks, and of the exact posterior beyond what the leaderboard has."""
    found = []
    for stem, (lang, _) in LANGUAGES.items():
        runs = {noise: str(folder(stem, noise)) for noise in NOISES[stem]}
        for kept in SWEEPS[stem]:
            asked = {"length": LENGTH, "metrics": "ser", **kept}
            of = asked.pop("of")
            denoisers = ["oracle" if each == "oracle" else runs[each] for each in of]
            found += mt.cells(lang, denoiser=denoisers, **asked)
    return found


def sweep() -> None:
    """Measure them."""
    mt.collect(cells(), out="results/noises.sqlite", workers=1)


def rows() -> None:
    """SER of networks from the sweep's store, and of oracles from the leaderboard's rows and the store."""
    store = mt.read("results/noises.sqlite")
    board = pd.read_csv(DOCS / "leaderboard.csv")
    names = [lang for lang, _ in LANGUAGES.values()]
    board = board[(board["length"] == LENGTH) & board["language"].isin(names) & (board["denoiser"] == "oracle")]
    board = board[board["sampler"].isna() | board["sampler"].isin(["ancestral", "stride"])]
    board = board[
        board["model"].isin(["masked", "uniform", "gaussian"]) & (board["schedule"].fillna("linear") == "linear")
    ]
    frame = pd.concat([board, store])
    frame = frame[frame["metric"].isin(["ser", "ter_ratio"]) & ((frame["model"] != "ar") | frame["denoiser"].notna())]
    frame["denoiser"] = frame["denoiser"].astype(str).str.replace("network:run=", "")
    frame = frame.sort_values(["count"]).drop_duplicates(KEYS, keep="last").sort_values(KEYS)
    kept = [*KEYS, "value", "low", "high", "kind", "count", "calls"]
    frame[kept].to_csv(csv("ser"), index=False, float_format="%.6g")


class FromLevel(DenoiserDefaults):
    """One denoiser while less than `kept` of the signal is there, another from there on."""

    def __init__(self, before: Any, after: Any, kept: float, noise: str) -> None:
        self.parts, self.kept, self.noises = (before, after), kept, frozenset({noise})
        self.vocab_size = after.vocab_size
        self.spec = Spec.of("from_level", kept=kept)

    @property
    def identity(self) -> Any:
        """Of both and the level."""
        return ["from level", self.kept, *(each.identity for each in self.parts)]

    def batch(self, length: int) -> int:
        """As many as the networks take."""
        return 128

    def open(self, count: int, length: int, *, noise: str = "masked", prompt: Any = None, threads: Any = None) -> Any:
        """A canvas of each."""
        return _Either([each.open(count, length, noise=noise, threads=threads) for each in self.parts], self.kept)


class _Either:
    def __init__(self, canvases: list[Any], kept: float) -> None:
        self._canvases, self._kept = canvases, kept

    def posterior(self, evidence: Any) -> Any:
        return np.asarray(self._canvases[evidence.kept >= self._kept].posterior(evidence))

    @property
    def calls(self) -> Any:
        return self._canvases[0].calls + self._canvases[1].calls

    rounds = calls

    @property
    def impossible(self) -> Any:
        return self._canvases[0].impossible


def where(steps: int = 32, count: int = 256) -> None:
    """SER of Gaussian models of the 2-gram that are a network above or below a level, and the exact posterior else."""
    found = []
    q = mt.as_language(LANGUAGES["bigram"][0])
    oracle, net = mt.Oracle(q), mt.Network(folder("bigram", "gaussian"), device="cpu")
    for network, kept in [*(("late", each) for each in LATE), *(("early", each) for each in EARLY)]:
        parts = (oracle, net) if network == "late" else (net, oracle)
        model = mt.GaussianDiffusion(FromLevel(*parts, kept, "gaussian"), steps=steps)
        ser = mt.ser(model, q, length=LENGTH, count=count, seed=0)
        found.append({"network": network, "kept": kept, "count": ser.count, "value": ser.value})
        found[-1] |= {"low": ser.low, "high": ser.high}
        print(found[-1], flush=True)
        pd.DataFrame(found).to_csv(csv("where"), index=False, float_format="%.6g")


def lengths() -> None:
    """Impossible pairs of neighbours and SER, at four lengths, of a masked and a Gaussian network trained at each.

    Of masked ones with a token a call, and with how many steps of random order the oracle alone adds a tenth to that:
    its -log(1 - SER) is C/N to first order, C taken from N = 256, exactly.
    """
    found = []
    for length, numbers in LENGTHS.items():
        count = 256 if length < 128 else 128
        for noise in ("mdm", "gaussian"):
            run = mt.Run.open(folder(str(length), noise))
            q, net = run.language, mt.Network(run, device="cpu")
            error = mt.learning_error(net, q, length, count=512, seed=1).mean.value
            constant = -256 * math.log1p(-float(mt.exact.ser(q, length=length, steps=256))) if noise == "mdm" else 0.0
            for steps in numbers if noise == "gaussian" else (length,):
                if noise == "gaussian":
                    model: Any = mt.GaussianDiffusion(net, steps=steps)
                else:
                    model = mt.MaskedDiffusion(net, sampler="first_hitting")
                tokens = model.sample(count, length, seed=0).tokens.astype(int)
                wrong = (q.parameters()["conditional"][tokens[:, :-1], tokens[:, 1:]] == 0).sum(axis=1)
                row = {"length": length, "noise": noise, "error": error, "steps": steps, "count": count}
                row |= {"pairs": wrong.mean(), "pairs_error": wrong.std(ddof=1) / math.sqrt(count)}
                found.append(row | {"ser": (wrong > 0).mean(), "constant": constant})
                print(found[-1], flush=True)
                pd.DataFrame(found).to_csv(csv("lengths"), index=False, float_format="%.6g")


def floor_of(own: pd.DataFrame) -> pd.Series:
    """Of a network: what its rows of the two largest numbers of steps have in the mean, or its only row."""
    last = own.tail(2)
    found = last.mean(numeric_only=True)
    found["pairs_error"] = math.sqrt((last["pairs_error"] ** 2).sum()) / len(last)
    return found


def needed(own: pd.DataFrame, floor: pd.Series) -> str:
    """How many steps bring a network within a tenth of its floor, in words."""
    if len(own) == 1:
        return f"{floor['length']:.0f}, one by one; {10 * floor['constant'] / floor['pairs']:,.0f}, independent"
    # Further off than a tenth for sure is what stays so two standard errors nearer.
    error = np.hypot(own["pairs_error"], 1.1 * floor["pairs_error"])
    far = own[own["pairs"] - 2 * error > 1.1 * floor["pairs"]]["steps"].max()
    near = own[own["pairs"] <= 1.1 * floor["pairs"]]["steps"].min()
    return f"{near:.0f} (more than {far:.0f})"


def interval(row: Any) -> str:
    """A number and its interval."""
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def network_table() -> str:
    """What was learnt."""
    frame = pd.read_csv(csv("networks"))
    lines = []
    for _, row in frame.iterrows():
        z = "0 (section 3)" if row["noise"] in ("uniform", "gaussian") else between(row, "z")
        ends = dict.fromkeys(f"{row[each]:.2g}" for each in ("worst_low", "worst_high"))
        worst = "" if row["noise"] == "ar" else f"{row['worst']:.2g} ({' to '.join(ends)})"
        size = f"{row['layers']} × 64, {row['tokens'] / 1e6:.2g}M"
        lines.append([row["language"], row["noise"], size, between(row, "error"), worst, z])
    return table(["language", "network", "layers, tokens", "nats a token", "most (share hidden)", "z"], lines)


def ser_table() -> str:
    """SER against steps: trained, and the exact posterior after the stroke."""
    frame = pd.read_csv(csv("ser"))
    frame = frame[(frame["metric"] == "ser") & (frame["schedule"].isna() | (frame["schedule"] == "linear"))]
    shown = {"masked": ("masked", "ancestral"), "stride": ("masked", "stride")}
    shown |= {"uniform": ("uniform", None), "Gaussian": ("gaussian", None)}
    lines = []
    for language, _ in LANGUAGES.values():
        own = frame[frame["language"] == language]
        trained = own[(own["denoiser"] != "oracle") & own["steps"].notna()]
        for steps in sorted(trained["steps"].astype(int).unique()):
            cells = []
            for model, sampler in shown.values():
                at = own[(own["model"] == model) & (own["steps"] == steps)]
                at = at[at["sampler"] == sampler] if sampler else at[at["sampler"].isna()]
                net, exact = at[at["denoiser"] != "oracle"], at[at["denoiser"] == "oracle"]
                said = [*(interval(row) for _, row in net.iterrows()), *(f"{each:.3f}" for each in exact["value"])]
                cells.append(" / ".join(said) if len(net) else "")
            lines.append([language, str(steps), *cells])
        for _, left in own[own["model"] == "ar"].iterrows():
            lines.append([language, f"from the left: {interval(left)}", *[""] * len(shown)])
    return table(["language", "steps", *(f"{each}, trained / exact" for each in shown)], lines)


def option_table() -> str:
    """What the options of Gaussian diffusion do, with the exact posterior and with the network."""
    frame = pd.read_csv(csv("ser"))
    frame = frame[(frame["metric"] == "ser") & frame["model"].str.startswith("gaussian")]
    frame = frame[(frame["language"] == LANGUAGES["bigram"][0]) & frame["steps"].isin([16, 32])]
    lines = []
    for (model, schedule), own in frame.groupby(["model", "schedule"], sort=False):
        cells = []
        for of_network in (False, True):
            for steps in (16, 32):
                at = own[(own["steps"] == steps) & ((own["denoiser"] != "oracle") == of_network)]
                cells.append(interval(at.iloc[0]) if len(at) else "–")
        lines.append([f"`{model}`", str(schedule), *cells])
    return table(["", "schedule", "exact, 16", "exact, 32", "trained, 16", "trained, 32"], lines)


def where_table() -> str:
    """SER of mixed models."""
    frame = pd.read_csv(csv("where"))
    said = {"late": "exact until then, network from there on", "early": "network until then, exact from there on"}
    lines = [[said[row["network"]], f"{row['kept']:.3g}", interval(row)] for _, row in frame.iterrows()]
    return table(["", "level ᾱ", "SER"], lines)


def length_table() -> str:
    """Floors, and steps to them."""
    frame = pd.read_csv(csv("lengths"))
    lines = []
    for (length, noise), own in frame.groupby(["length", "noise"], sort=False):
        floor = floor_of(own)
        pairs = f"{floor['pairs']:.2f} ± {2 * floor['pairs_error']:.2f}"
        by_steps = ", ".join(f"{row['steps']}: {row['pairs']:.2f}" for _, row in own.iterrows()) if len(own) > 1 else ""
        said = [str(length), str(noise), f"{floor['error']:.2g}", f"{floor['ser']:.2f}", pairs]
        lines.append([*said, needed(own, floor), by_steps])
    headings = ["length", "network", "nats a token", "SER at the floor", "impossible pairs at the floor"]
    return table([*headings, "steps to within a tenth", "pairs by steps"], lines)


def between(row: Any, name: str) -> str:
    """A small number and its interval."""
    return f"{row[name]:.2g} [{row[f'{name}_low']:.2g}, {row[f'{name}_high']:.2g}]"


def table(headings: list[str], lines: list[list[str]]) -> str:
    """In Markdown."""
    return "\n".join("| " + " | ".join(each) + " |" for each in (headings, ["---"] * len(headings), *lines))


TABLES = {
    "networks": network_table,
    "ser": ser_table,
    "where": where_table,
    "options": option_table,
    "lengths": length_table,
}


def page() -> None:
    """The tables, between the page's marks."""
    path = DOCS / "noises.md"
    text = path.read_text(encoding="utf-8")
    for name, made in TABLES.items():
        block = f"<!-- {name} -->\n{made()}\n<!-- /{name} -->"
        text = re.sub(f"<!-- {name} -->.*<!-- /{name} -->", lambda _, block=block: block, text, flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")


PARTS = {
    "train": train,
    "networks": networks,
    "sweep": sweep,
    "rows": rows,
    "where": where,
    "lengths": lengths,
    "page": page,
}


if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
