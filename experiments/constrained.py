"""The law of steps that are drawn together, given that they can be completed, beside others: exact, by enumeration.

    python experiments/constrained.py

prints the table of docs/constrained.md: some seconds. Each law is that of random order (ancestral plans) with the exact
denoiser; `rejection` draws whole sequences until one is in the language, `redraw` asks once more where the denoiser,
which trusts revealed tokens with 0.999, finds a token unlikely.
"""

from __future__ import annotations

import contextlib

import numpy as np

import mdmtheory as mt
from mdmtheory.theory.instances import bigram3, golden_chain, growth_chain, hmm2x3, trigram2

LENGTH = 6
LANGUAGES = (bigram3(), golden_chain(), growth_chain(), trigram2(), hmm2x3())


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


def main() -> None:
    """Print the table."""
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
    main()
