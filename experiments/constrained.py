"""The law of steps that are drawn together, given that they can be completed, beside others.

    python experiments/constrained.py               exact, by enumeration: some seconds
    python experiments/constrained.py measured      at 64 tokens, measured: some minutes

print the tables of docs/constrained.md. Each exact law is that of random order (ancestral plans) with the exact
denoiser; `rejection` draws whole sequences until one is in the language, `redraw` asks once more where the denoiser,
which trusts revealed tokens with 0.999, finds a token unlikely.
"""

from __future__ import annotations

import contextlib
import math
import sys
from pathlib import Path

import numpy as np

import mdmtheory as mt
from mdmtheory.theory.instances import bigram3, golden_chain, growth_chain, hmm2x3, trigram2

LENGTH = 6
LANGUAGES = (bigram3(), golden_chain(), growth_chain(), trigram2(), hmm2x3())


ROWS = Path(__file__).parent.parent / "docs/leaderboard.csv"
MEASURED = {"hmm": 1000, "ngram:order=2": 500}
"""Languages, and how many sequences are drawn and scored at least."""
STEPS = (8, 16, 64)
HOW, HELD = ("ancestral", "stride"), "{}:constrained=true"
METRICS, SHOWN = "ser,ter,cross_entropy", ("ser", "ter_ratio", "cross_entropy")


def laws(language: mt.LanguageLike, steps: int, length: int) -> dict[str, np.ndarray]:
    """p(x) of every sequence, by how it is drawn."""
    oracle = mt.Oracle(language)
    plain = mt.exact.law(mt.MaskedDiffusion(oracle, steps=steps), language, length)
    right = np.where(mt.exact.joint(language, length) > 0, plain, 0.0)
    found = {"random order": plain, "rejection": right / right.sum()}
    found["constrained"] = mt.exact.law(mt.ConstrainedDiffusion(oracle, steps=steps), language, length)
    again = mt.MaskedDiffusion(mt.Oracle(language, trust=0.999), sampler="redraw:sweeps=1,tau=0.1", steps=steps)
    with contextlib.suppress(ValueError):  # too many histories to enumerate
        found["redraw"] = mt.exact.law(again, language, length)
    return found


def numbers(p: np.ndarray, q: np.ndarray) -> tuple[float, float, float, float]:
    """SER, total variation, KL(q || p) in nats, and the cross-entropy of what is right under q less H(q)."""
    inside = q > 0
    right = p[inside] / p[inside].sum()
    with np.errstate(divide="ignore"):
        kl = float((q[inside] * np.log(q[inside] / p[inside])).sum())
    cross = float(-(right * np.log(q[inside])).sum() + (q[inside] * np.log(q[inside])).sum())
    ser = max(float(p[~inside].sum() + 1 - p.sum()), 0.0)  # rounding may leave less
    return ser, float(0.5 * (np.abs(p - q).sum() + 1 - p.sum())), kl, cross


def measured() -> None:
    """Print KL(q || p), or what bounds it, and cross-entropies at 64 tokens; known rows are taken over."""
    print("| language | steps | how | calls | SER | KL(q‖p), nats | cross-entropy, nats a token |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for language, samples in MEASURED.items():
        given = {"length": 64, "samples": samples}
        cells = [
            *mt.cells(language, sampler=[*HOW, *map(HELD.format, HOW)], steps=STEPS, metrics=METRICS, **given),
            *mt.cells(language, sampler="redraw", steps=STEPS, metrics="ser,cross_entropy", **given),
            *mt.cells(language, model="ar", metrics="cross_entropy", **given),
        ]
        frame = mt.collect(cells, out="results/constrained.sqlite", rows=ROWS)
        rows = {(row["sampler"], row["steps"], row["metric"]): row for row in frame.to_dict(orient="records")}
        reference = next(row for row in rows.values() if row["model"] == "ar")
        _line(language, "", "the language itself", 64, "0", "0", _with_half(reference))
        for steps in STEPS:
            for how in HOW:
                ser, ratio, entropy = (rows[how, steps, metric] for metric in SHOWN)
                wrong, bound = ser["value"], "≤ " if ratio["kind"].startswith("upper") else ""
                kl = 64 * math.log(ratio["value"])
                _line(language, steps, how, ser["calls"], f"{wrong:.4f}", f"{bound}{kl:.3f}", _with_half(entropy))
                left, calls = kl + math.log1p(-wrong), ser["calls"] / (1 - wrong)
                _line(language, steps, f"{how}, rejection", calls, "0", f"{bound}{left:.3f}", _with_half(entropy))
                ser, ratio, entropy = (rows[HELD.format(how), steps, metric] for metric in SHOWN)
                kl = f"{bound}{64 * math.log(ratio['value']):.3f}"
                _line(language, steps, f"{how}, constrained", ser["calls"], "0", kl, _with_half(entropy))
            ser, entropy = (rows["redraw", steps, metric] for metric in ("ser", "cross_entropy"))
            _line(language, steps, "redraw", ser["calls"], f"{ser['value']:.4f}", "no log p", _with_half(entropy))


def _with_half(row: dict) -> str:
    return f"{row['value']:.4f} ± {max(row['high'] - row['value'], row['value'] - row['low']):.4f}"


def _line(language: str, steps: object, how: str, calls: float, *cells: str) -> None:
    print(f"| {' | '.join((language, str(steps), how, f'{calls:.1f}', *cells))} |")


def main() -> None:
    """Print the exact table."""
    print("| language | steps | how | SER | TV | KL(q‖p), nats | cross-entropy less H(q), nats |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for language in LANGUAGES:
        q = mt.exact.joint(language, LENGTH)
        for steps in (1, 2, 4):
            for how, p in laws(language, steps, LENGTH).items():
                ser, distance, kl, cross = numbers(p, q)
                cells = (
                    str(language.spec),
                    str(steps),
                    how,
                    f"{ser:.4f}",
                    f"{distance:.4f}",
                    f"{kl:.4f}",
                    f"{cross:+.4f}",
                )
                print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    measured() if sys.argv[1:] == ["measured"] else main()
