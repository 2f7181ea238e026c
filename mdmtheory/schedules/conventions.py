"""The conventions that training code reports losses in, and what tells them apart; docs/theory.md, 2.7 (ours)."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

Rows = Float[np.ndarray, "rows"]

UNITS = {"nats": 1.0, "bits": math.log(2)}
"""Nats in one unit of the losses."""

PER = {
    "masked": "averaged over masked tokens",
    "all": "averaged over all tokens, of which those that are not masked count as 0",
    "weighted": "averaged over all tokens, -log p of a masked one divided by mask_ratio (the integrand of the ELBO)",
}
"""What -log p of masked tokens is averaged over; docs/theory.md, 2.7 has what each is in the mean."""

_SMALL_RATIO = 0.2
"""Mask ratios up to which the growth of the loss tells conventions apart."""
_GROWTH = 0.9
"""An average over all tokens grows at least like the ratio there: its exponent is 1 or more but for noise."""


def doubts(ratios: Rows, losses: Rows, errors: Rows, unit: str, per: str, vocab_size: int | None) -> tuple[str, ...]:
    """Why losses in nats a masked token at rising mask ratios could have been given in another `unit` or `per`."""
    found = []
    grown, steep = _growth(ratios, losses), "at small mask ratios the loss grows like mask_ratio to the power"
    if grown is not None and per != "all" and grown >= _GROWTH:
        found.append(f"{steep} {grown:.2g}, as an average over all tokens does: could be --per all")
    if grown is not None and per == "all" and grown <= _GROWTH - 1:
        found.append(f"{steep} {1 + grown:.2g}, below 1, as no average over all tokens does: could be --per masked")
    if grown is not None and per != "all" and grown <= -0.5:
        found.append(f"{steep} {grown:.2g}: could be divided by mask_ratio, which is to be taken back")
    most = math.inf if vocab_size is None else math.log(vocab_size)
    row = int(np.argmax(losses - 3 * errors))
    highest = float(losses[row] - 3 * errors[row])
    # What divides by small ratios twice is named above.
    if highest > most and not found:
        bits = unit == "nats" and highest * UNITS["bits"] <= most
        instead = "could be --unit bits" if bits else "could be sums, or divided by mask_ratio once more"
        found.append(
            f"{losses[row]:.4g} nats at mask ratio {ratios[row]:g} are more than log {vocab_size} = "
            f"{most:.4g}, what knowing nothing costs: {instead}"
        )
    return tuple(found)


def _growth(ratios: Rows, losses: Rows) -> float | None:
    """The exponent with which the losses grow over the small ratios; None where too few of those are known."""
    small = (ratios <= _SMALL_RATIO) & (losses > 0)
    if small.sum() < 2:
        return None
    ratios, losses = np.log(ratios[small]), np.log(losses[small])
    return float((losses[-1] - losses[0]) / (ratios[-1] - ratios[0]))
