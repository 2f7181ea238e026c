"""The exact oracle of languages that are uniform on a support in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.register import registered
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.closed import ClosedLanguage
from mdmtheory.oracles.base import InLogs, OracleBase

MOST_ITEMS = 12
"""Items up to which permanents are summed: 4,096 sets, 100,000 sums a sequence."""


@registered("oracle", "closed")
class ClosedOracle(OracleBase):
    """Marginals from a few numbers that sum up what is revealed."""

    language: ClosedLanguage

    def _refused_noises(self) -> dict[str, str]:
        if self.language.family == "PERMUTATION" and self.language.vocab_size > MOST_ITEMS:
            reason = f"its posterior is a permanent, a sum over sets of items, done for up to {MOST_ITEMS} of them"
            return {"gaussian": reason, **super()._refused_noises()}
        return super()._refused_noises()

    def _weights(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab_size"], Bool[np.ndarray, "count"]]:
        from mdmtheory.kernels.closed import weigh_closed

        tables = self.language.tables(tokens.shape[1], trust)
        out = np.empty((*tokens.shape, self.vocab_size))
        over_rows(lambda a, b: weigh_closed(tables, tokens[a:b], out[a:b]), len(tokens), threads)
        return out, np.ones(len(tokens), dtype=np.bool_)

    def _next(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count length vocab_size"]:
        from mdmtheory.kernels.from_left import next_by_sums

        tables, out = self.language.tables(tokens.shape[1], self.trust), np.empty((*tokens.shape, self.vocab_size))
        over_rows(lambda a, b: next_by_sums(tables, tokens[a:b], out[a:b]), len(tokens), threads)
        return out

    def _in_logs(self, leave_out: bool, as_logs: bool) -> InLogs:
        from mdmtheory.kernels import closed_evidence

        if self.language.family == "PERMUTATION" and self.language.vocab_size > MOST_ITEMS:
            raise ValueError(f"its posterior is a permanent, a sum over sets of items, done for up to {MOST_ITEMS}")
        if self.language.family == "PAIRS":
            return lambda logs, out: closed_evidence.weigh_pairs(
                self.language.partners(logs.shape[1]), logs, leave_out, as_logs, out
            )
        weigh = getattr(closed_evidence, f"weigh_{self.language.family.lower()}")
        return lambda logs, out: weigh(logs, leave_out, as_logs, out)

    def _plan_kernel(self, length: int, recompute: bool) -> tuple[Any, Any]:
        from mdmtheory.kernels.closed import run_closed_plans

        return run_closed_plans, self.language.tables(length, self.trust)

    def _possible(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        return self.language.possible(tokens)
