"""A real masked model offline: AntiBERTy, 25.8 million parameters, on simulated human antibodies.

python experiments/antibody.py [prepare] [losses] [prices] [distances]      # nothing said: all, in this order

`prepare` downloads two packages by pip into results/antibody: antiberty 0.1.3 (MIT; its weights, trained on 558 million
antibody sequences, Ruffolo and others 2021) and airrship 0.1.5 (AGPL; germline genes of IMGT, and how often repertoires
join and trim them), which simulates heavy chains without mutations. Of these the text are those of 121 residues, the
commonest length, each once. Genes and joints are those of people; whether the model saw any of the chains is not known,
and it saw their genes for sure. The others write antibody_losses.csv, antibody_prices.csv and antibody_distances.csv.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from mdmtheory.metrics.held_out import HeldOut, held_out
from mdmtheory.metrics.loss_by_ratio import loss_by_ratio
from mdmtheory.metrics.order_consistency import at_distances, circulation, gains
from mdmtheory.metrics.rule_prices import over_cheapest, rule_prices
from mdmtheory.schedules.loss_files import write_losses

HERE = Path(__file__).parent
LOSSES, PRICES, DISTANCES = (HERE / f"antibody_{name}.csv" for name in ("losses", "prices", "distances"))
CACHE = Path("results/antibody")
MODEL, TEXT = CACHE / "antiberty", CACHE / "heavy_chains.txt"
PACKAGES = ("antiberty==0.1.3", "airrship==0.1.5")
SIMULATED, SEED, LENGTH = 2000, 7, 121
SEQUENCES = 60
RATIOS = (0.15, 0.3, 0.45, 0.6, 0.7, 0.85, 1.0)
RULES = ("ancestral", "stride", "confidence:ties=lowest")
STEPS = (4, 8)
APART = (1, 4, 16, 64)
LEVEL = 0.95
_BASES = "TCAG"
_CODE = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODONS = {a + b + c: _CODE[16 * i + 4 * j + k] for i, a in enumerate(_BASES) for j, b in enumerate(_BASES)
          for k, c in enumerate(_BASES)}  # fmt: skip


def prepare() -> None:
    """The checkpoint as a folder, and the text, a chain a line and a blank between residues."""
    CACHE.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "download", "--no-deps", "--dest", CACHE, *PACKAGES], check=True)
    MODEL.mkdir(exist_ok=True)
    with zipfile.ZipFile(next(CACHE.glob("antiberty-0.1.3-*.whl"))) as wheel:
        inside = "antiberty/trained_models/"
        for name in ("AntiBERTy_md_smooth/config.json", "AntiBERTy_md_smooth/pytorch_model.bin", "vocab.txt"):
            (MODEL / Path(name).name).write_bytes(wheel.read(inside + name))
    (MODEL / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": false}\n')
    with zipfile.ZipFile(next(CACHE.glob("airrship-0.1.5-*.whl"))) as wheel:
        wheel.extractall(CACHE / "airrship")
    words = ["--outdir", str(CACHE.resolve()), "-o", "simulated", "-n", str(SIMULATED), "--seed", str(SEED)]
    run = "import sys; from airrship.create_repertoire import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", run, *words], check=True, cwd=CACHE / "airrship")
    genes = [line for line in (CACHE / "simulated.fasta").read_text().split() if not line.startswith(">")]
    chains = dict.fromkeys("".join(CODONS[gene[i : i + 3]] for i in range(0, len(gene) - 2, 3)) for gene in genes)
    kept = [chain for chain in chains if len(chain) == LENGTH and "*" not in chain]
    TEXT.write_text("".join(f"{' '.join(chain)}\n" for chain in kept))
    print(f"{TEXT}: {len(kept)} chains of {LENGTH} residues, of {len(genes)} simulated")


def read() -> HeldOut:
    """The model and its text."""
    return held_out(f"hf:{MODEL}:device=cpu", text=TEXT, lines=True, length=LENGTH, samples=SEQUENCES)


def losses(held: HeldOut) -> None:
    """Loss by mask ratio."""
    found = loss_by_ratio(held.denoiser, held.tokens, ratios=RATIOS, level=LEVEL)
    about = {"text": held.said, "at ratio 1": f"{found.at_one:.4g}", "frequencies alone": f"{found.unigrams:.4g}"}
    write_losses(found.profile, LOSSES, {"model": "AntiBERTy (antiberty 0.1.3)", **about})
    print(LOSSES.read_text(), *found.warnings, sep="\n")


def prices(held: HeldOut) -> None:
    """What each rule costs, and by how much more than the cheapest at its number of steps."""
    found = rule_prices(held.denoiser, held.tokens, RULES, STEPS)
    rows = []
    for each, over in zip(found, over_cheapest(found, LEVEL), strict=True):
        mean = each.mean(LEVEL)
        ends = {"nats": mean.value, "low": mean.low, "high": mean.high, "kind": mean.kind}
        more = {"over": over.value, "over_low": over.low, "over_high": over.high}
        rows.append({"rule": each.rule, "steps": each.steps, **ends, **more, "sequences": len(each.nats)})
    write(pd.DataFrame(rows), PRICES)


def distances(held: HeldOut) -> None:
    """What one residue says of another, by how far apart they are in the chain."""
    found = at_distances(held.denoiser, held.tokens, APART)
    around = circulation(found, LEVEL)
    rows = [
        {"distance": each.distance, "nats": gain.value, "low": gain.low, "high": gain.high,
         "circulation": float(np.abs(each.circulation).mean()), "sequences": len(each.gain)}
        for each, gain in zip(found, gains(found, LEVEL), strict=True)
    ]  # fmt: skip
    write(pd.DataFrame(rows), DISTANCES)
    print(f"circulation: {around:.4f} nats")


def write(frame: pd.DataFrame, path: Path) -> None:
    """A file of rows."""
    frame.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
    print(path.read_text())


def main(*asked: str) -> None:
    """Those parts that are asked for, or all."""
    parts = {"losses": losses, "prices": prices, "distances": distances}
    if not asked or "prepare" in asked:
        prepare()
    chosen = [part for name, part in parts.items() if not asked or name in asked]
    held = read() if chosen else None
    for part in chosen:
        part(held)


if __name__ == "__main__":
    main(*sys.argv[1:])
