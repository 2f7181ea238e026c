"""The exact denoiser of a language."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Denoiser
from mdmtheory.languages.presets import LanguageLike, as_language


@whole_numbers(batch=1)
def Oracle(  # reads as the object that it returns
    language: LanguageLike,
    *,
    trust: float = 1.0,
    device: str | None = None,
    dtype: str = "float64",
    batch: int | None = None,
) -> Denoiser:
    """The exact posterior marginals of `language`; `trust` below 1 takes revealed tokens as soft evidence.

    The result has `conditionals(tokens)`, (count, length, V) float64, besides the Denoiser protocol, and `run_plan`.
    With a `device`, `auto`, `cpu`, `cuda` or `cuda:0`, a `dtype` float32 or a `batch` of sequences that it takes at
    once it is computed by torch there (oracles/on_device.py), for chains of hidden states. With none of them it is
    computed by torch where these are so many that this is quicker, and else by kernels. They agree to 1e-12 in float64.
    """
    q: Any = as_language(language)
    if device is None and dtype == "float64" and batch is None:
        oracle: Denoiser = q.oracle(trust)
        return oracle
    from mdmtheory.oracles.on_device import DeviceOracle

    return DeviceOracle(q, trust, device=device, dtype=dtype, batch=batch)
