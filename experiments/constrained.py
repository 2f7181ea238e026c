"""The law of steps that are drawn together, given that they can be completed, beside others.

    python experiments/constrained.py               exact, by enumeration: some seconds
    python experiments/constrained.py measured      at 64 tokens, from the rows of the leaderboard

print the tables of docs/constrained.md. Each exact law is that of random order (ancestral plans) with the exact
denoiser; `rejection` draws whole sequences until one is in the language, `redraw` asks once more where the denoiser,
which trusts revealed tokens with 0.999, finds a token unlikely.
"""

from __future__ import annotations

import contextlib
import csv
import math
import sys
from pathlib import Path

import numpy as np

import mdmtheory as mt
from mdmtheory.theory.instances import bigram3, golden_chain, growth_chain, hmm2x3, trigram2

LENGTH = 6
LANGUAGES = (bigram3(), golden_chain(), growth_chain(), trigram2(), hmm2x3())


ROWS = Path(__file__).parent.parent / "docs/leaderboard.csv"
MEASURED = ("hmm", "ngram:order=2")
STEPS = (8, 16, 64)


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
    """Print KL(q || p), or what bounds it, and cross-entropies at 64 tokens."""
    with ROWS.open(encoding="utf-8", newline="") as file:
        rows = {tuple(row[key] for key in KEYS): row for row in csv.DictReader(file) if row["length"] == "64"}
    print("| language | steps | how | calls | SER | KL(q‖p), nats | cross-entropy, nats a token |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for language in MEASURED:
        own = rows[language, "ar", "", "", "", "cross_entropy"]
        print(f"| {language} | | the language itself | 64 | 0 | 0 | {_with_half(own)} |")
        for steps in STEPS:
            for how in ("ancestral", "stride"):
                plain = [_at(rows, language, how, steps, metric) for metric in ("ser", "ter_ratio", "cross_entropy")]
                held = [
                    _at(rows, language, f"{how}:constrained=true", steps, metric)
                    for metric in ("ser", "ter_ratio", "cross_entropy")
                ]
                wrong, kl = float(plain[0]["value"]), 64 * math.log(float(plain[1]["value"]))
                calls, bound = float(plain[0]["calls"]), "≤ " if plain[1]["kind"].startswith("upper") else ""
                _line(language, steps, how, calls, f"{wrong:.4f}", f"{bound}{kl:.3f}", _with_half(plain[2]))
                right = kl + math.log1p(-wrong)
                _line(language, steps, f"{how}, rejection", calls / (1 - wrong), "0", f"{bound}{right:.3f}", "as above")
                together = 64 * math.log(float(held[1]["value"]))
                cells = (f"{how}, constrained", float(held[0]["calls"]), "0", f"{bound}{together:.3f}")
                _line(language, steps, *cells, _with_half(held[2]))
            again = [_at(rows, language, "redraw", steps, metric) for metric in ("ser", "cross_entropy")]
            wrong = float(again[0]["value"])
            _line(language, steps, "redraw", float(again[0]["calls"]), f"{wrong:.4f}", "no log p", _with_half(again[1]))


KEYS = ("language", "model", "denoiser", "sampler", "steps", "metric")


def _at(rows: dict, language: str, sampler: str, steps: int, metric: str) -> dict:
    denoiser = "oracle:trust=0.999" if sampler == "redraw" else "oracle"
    return rows[language, "masked", denoiser, sampler, str(steps), metric]


def _with_half(row: dict) -> str:
    value, low, high = (float(row[each]) for each in ("value", "low", "high"))
    return f"{value:.4f} ± {max(high - value, value - low):.4f}"


def _line(language: str, steps: int, how: str, calls: float, *cells: str) -> None:
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
