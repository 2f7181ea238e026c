"""The exact denoiser of a language, by name."""

from __future__ import annotations

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Denoiser, Language
from mdmtheory.core.register import registered
from mdmtheory.oracles.oracle import Oracle


@registered("denoiser", "oracle", version=1, place=1, examples=("", "trust=0.9"), sources=("tang2026",))
@whole_numbers(batch=1)
def named(
    language: Language,
    *,
    trust: float = 1.0,
    device: str | None = None,
    dtype: str = "float64",
    batch: int | None = None,
) -> Denoiser:
    """The exact posterior marginals; trust below 1 takes revealed tokens as soft evidence.

    With device=cpu or cuda, dtype=float32 or batch=64 by torch, for chains of hidden states.
    """
    return Oracle(language, trust=trust, device=device, dtype=dtype, batch=batch)
