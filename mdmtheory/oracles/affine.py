"""The exact posterior of bits with given parities: by elimination, and by a walk over parities under other evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from mdmtheory.core.register import registered
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.affine import Affine
from mdmtheory.oracles.by_evidence import MESSAGE_ENTRIES, OracleByEvidence
from mdmtheory.oracles.under_noise import Laws

MOST_WALKED = 12
"""Checks up to which soft evidence is taken: 4,096 parities are kept at each position."""

_NONE = np.uint64(0)


@registered("oracle", "affine")
class AffineOracle(OracleByEvidence):
    """A masked bit is free or determined by the revealed ones, as elimination over two elements tells."""

    language: Affine

    def __init__(self, language: Affine, trust: float = 1.0) -> None:
        super().__init__(language, trust)
        if self.trust < 1 and language.checks > MOST_WALKED:
            raise ValueError(
                f"trust is {trust}, and soft evidence is taken for up to {MOST_WALKED} checks, of which "
                f"{language.spec} has {language.checks}; use trust 1"
            )

    def _refused_noises(self) -> dict[str, str]:
        if self.language.checks > MOST_WALKED:
            reason = f"its posterior is a sum over 2^checks parities, done for up to {MOST_WALKED} checks"
            return {"uniform": reason, "gaussian": reason}
        return super()._refused_noises()

    def trusting(self, trust: float) -> Any:
        """The oracle that trusts what is revealed so far; None where there are too many checks for it."""
        return None if self.language.checks > MOST_WALKED else AffineOracle(self.language, min(trust, self.trust))

    def _given_masks(self, tokens: Tokens, threads: int | None) -> Laws:
        found = np.empty((*tokens.shape, 2))

        def work(a: int, b: int) -> None:
            found[a:b] = _eliminated(self.language, tokens[a:b])

        over_rows(work, len(tokens), threads)
        return found

    def _left_out(self, logs: Laws) -> Laws:
        out = np.empty(logs.shape)
        size = max(1, MESSAGE_ENTRIES // (logs.shape[1] << self.language.checks))
        for first in range(0, len(logs), size):
            out[first : first + size] = self._walked(logs[first : first + size])
        return out

    def _walked(self, own: Laws) -> Laws:
        """By the parities of all checks so far, from both ends."""
        count, length, _ = own.shape
        parities = np.arange(1 << self.language.checks)
        moved = parities ^ self.language.columns(length).astype(np.int64)[:, None]
        before = np.empty((length, count, len(parities)))
        message = np.broadcast_to(np.where(parities == 0, 0.0, -np.inf), before.shape[1:])
        for i in range(length):
            before[i] = message
            message = np.logaddexp(message + own[:, i, :1], message[:, moved[i]] + own[:, i, 1:])
        impossible = message[:, int(self.language.target)] == -np.inf
        after = np.broadcast_to(np.where(parities == int(self.language.target), 0.0, -np.inf), message.shape)
        out = np.empty(own.shape)
        for i in range(length - 1, -1, -1):
            out[:, i, 0] = np.logaddexp.reduce(before[i] + after, axis=1)
            out[:, i, 1] = np.logaddexp.reduce(before[i] + after[:, moved[i]], axis=1)
            after = np.logaddexp(after + own[:, i, :1], after[:, moved[i]] + own[:, i, 1:])
        out[impossible] = -np.inf
        return out


def _eliminated(language: Affine, tokens: Tokens) -> Laws:
    """1/2 for each token of a free masked bit, 0 and 1 for one that is determined, zeros in impossible contexts."""
    count, length = tokens.shape
    masked = tokens == 2
    rows, one = np.arange(count), np.uint64(1)
    columns = np.broadcast_to(language.columns(length), (count, length))
    revealed = np.bitwise_xor.reduce(np.where(tokens == 1, columns, _NONE), axis=1)
    left = language.target ^ revealed
    columns = np.where(masked, columns, _NONE)
    pivots = np.zeros((language.checks, count), dtype=np.int64)
    for check in range(language.checks):
        bit = one << np.uint64(check)
        has = (columns & bit) != 0
        pivots[check] = has.argmax(axis=1)
        # Of the pivot's column this check's bit alone is to stay.
        others = np.where(has.any(axis=1), columns[rows, pivots[check]] & ~bit, _NONE)
        columns ^= np.where(has, others[:, None], _NONE)
        left ^= np.where((left & bit) != 0, others, _NONE)
    found = np.where(masked[:, :, None], 0.5, 0.0) * np.ones(2)
    possible: Bool[np.ndarray, "count"] = np.ones(count, dtype=np.bool_)
    for check in range(language.checks):
        bit = one << np.uint64(check)
        within = ((columns & bit) != 0).sum(axis=1)
        value = ((left & bit) != 0).astype(np.int64)
        possible &= (within > 0) | (value == 0)
        alone = np.flatnonzero(within == 1)
        found[alone, pivots[check, alone]] = np.eye(2)[value[alone]]
    found[~possible] = 0.0
    return found
