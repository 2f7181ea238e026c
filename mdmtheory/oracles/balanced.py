"""The exact posterior of bits of which half are ones: a share of what is left, and by counts under other evidence."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.balanced import Balanced
from mdmtheory.oracles.by_evidence import OracleByEvidence
from mdmtheory.oracles.under_noise import Laws

ENTRIES = 1 << 20
"""Logarithms that are held at a time: rows by positions by counts of ones."""

Logs = Float[np.ndarray, "rows counts"]


@registered("oracle", "balanced")
class BalancedOracle(OracleByEvidence):
    """A masked bit is one with the share that the ones which are left have of the positions which are left."""

    language: Balanced

    def _given_masks(self, tokens: Tokens, threads: int | None) -> Laws:
        count, length = tokens.shape
        masked = tokens == 2
        places = masked.sum(axis=1)
        left = self.language.ones(length) - (tokens == 1).sum(axis=1)
        possible = (left >= 0) & (left <= places)
        share = np.divide(left, places, out=np.zeros(count), where=possible & (places > 0))
        # The other share is not 1 less this: both keep their digits, and a bit that must be is sure.
        other = np.divide(places - left, places, out=np.zeros(count), where=possible & (places > 0))
        return np.where(masked[:, :, None], np.stack([other, share], axis=1)[:, None, :], 0.0)

    def _left_out(self, logs: Laws) -> Laws:
        length = logs.shape[1]
        counts = self.language.ones(length) + 1
        piece = max(1, ENTRIES // (length * counts))
        parts = [_by_counts(logs[at : at + piece], counts) for at in range(0, len(logs), piece)]
        return np.concatenate(parts) if parts else np.empty(logs.shape)


def _by_counts(logs: Laws, counts: int) -> Laws:
    """Sums over all strings in logarithms: ones on the left and on the right of a bit must come to `counts` - 1.

    Nothing is lost however small it is: evidence may speak against all but strings that it hardly allows.
    """
    rows, length, _ = logs.shape
    behind = np.full((length + 1, rows, counts), -np.inf)
    behind[length, :, 0] = 0.0
    for position in range(length - 1, 0, -1):
        behind[position] = _with_bit(behind[position + 1], logs[:, position])
    ahead, found = np.full((rows, counts), -np.inf), np.empty(logs.shape)
    ahead[:, 0] = 0.0
    for position in range(length):
        for bit in (0, 1):
            # The ones behind are those that the ones ahead and the bit leave.
            rest = behind[position + 1][:, ::-1]
            terms = ahead + rest if bit == 0 else ahead[:, :-1] + rest[:, 1:]
            found[:, position, bit] = np.logaddexp.reduce(terms, axis=1, initial=-np.inf)
        ahead = _with_bit(ahead, logs[:, position])
    # Impossible evidence leaves nothing anywhere.
    found[ahead[:, -1] == -np.inf] = -np.inf
    return found


def _with_bit(before: Logs, logs: Float[np.ndarray, "rows 2"]) -> Logs:
    """The logarithms by count of ones after one more bit of such evidence."""
    after = before + logs[:, :1]
    after[:, 1:] = np.logaddexp(after[:, 1:], before[:, :-1] + logs[:, 1:])
    return after
