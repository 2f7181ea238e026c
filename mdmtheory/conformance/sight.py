"""Whether a denoiser that says that it sees the left, or blocks, sees nothing of what comes later."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdmtheory.conformance.bayes import masked_marginals
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError
from mdmtheory.core.tokens import Tokens

_MOST_CONTEXTS = 60


def check_sight(denoiser: Any, contexts: Tokens, tolerance: float) -> str:
    """RefutedError where a law changes by more than a tolerance with the tokens after its position, or its block.

    All masked positions are asked about at once, so that what comes later has to be computed too.
    """
    if denoiser.sees == "all":
        raise DoesNotApplyError("it says that it looks at all positions")
    vocab_size, length = denoiser.vocab_size, contexts.shape[1]
    block = denoiser.block if denoiser.sees == "block" else 1
    shown = contexts[:: max(1, len(contexts) // _MOST_CONTEXTS)]
    said, _ = masked_marginals(denoiser, shown)
    masked, compared = shown == vocab_size, 0
    for start in range(0, length - block, block):
        stop = start + block
        other = shown.copy()
        other[:, stop:] = np.where(
            masked[:, stop:], shown[:, stop:], (shown[:, stop:].astype(np.int64) + 1) % vocab_size
        )
        then, _ = masked_marginals(denoiser, other)
        off = np.abs(said - then)[:, start:stop].max(axis=(1, 2))
        compared += int(masked[:, start:stop].sum())
        if not off.max() <= tolerance:
            raise RefutedError(
                f"what it says of {shown[off.argmax()].tolist()} before position {stop} changes by {off.max():.2g} "
                "with the tokens from there on"
            )
    return f"{compared:,} marginals, whatever tokens come after the {'position' if block == 1 else 'block'}"
