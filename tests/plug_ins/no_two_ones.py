"""Somebody's language: bits of which no two neighbours are both one."""

from __future__ import annotations

from typing import Any

import mdmtheory as mt


class NoTwoOnes:
    """After a one comes a zero; after a zero a one with probability `often`."""

    version = 2

    def __init__(self, *, often: float = 0.5) -> None:
        self.vocab_size, self.spec, self.digest = 2, mt.Spec.of("no_two_ones", often=often), f"no two ones {often!r}"
        chain = mt.NGram([1 / (1 + often), often / (1 + often)], [[1 - often, often], [1.0, 0.0]])
        for name in ("sample", "log_prob", "in_support", "entropy", "entropy_rate", "oracle", "validate_length"):
            setattr(self, name, getattr(chain, name))

    def parameters(self) -> dict[str, Any]:
        """None that a file could hold."""
        return {}
