"""What is asked of anything that draws sequences: streams, shapes, and refusing marginals that are none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.conformance.report import DoesNotApplyError, RefutedError, refuses
from mdmtheory.conformance.watching import HandsOn
from mdmtheory.core.canvases import ChangedCanvas
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.protocols import Samples, SequenceModel
from mdmtheory.core.tokens import Tokens

_PIECES = ((0, 1), (1, 6), (7, 4), (11, 1))
_TOGETHER = 12


def check_samples(samples: Samples, count: int, length: int, vocab_size: int) -> None:
    """RefutedError unless these are `count` sequences, whole unless marked impossible, with what each cost."""
    tokens, impossible = np.asarray(samples.tokens), np.asarray(samples.impossible)
    if tokens.shape != (count, length) or tokens.dtype.kind not in "iu":
        raise RefutedError(f"tokens of shape {tokens.shape} and dtype {tokens.dtype} for {count} sequences of {length}")
    if tokens.size and (tokens.min() < 0 or tokens.max() > vocab_size):
        raise RefutedError(f"the tokens range over {tokens.min()}..{tokens.max()} with {vocab_size} in the vocabulary")
    for name, dtype in (("calls", "iu"), ("rounds", "iu"), ("impossible", "b")):
        each = np.asarray(getattr(samples, name))
        if each.shape != (count,) or each.dtype.kind not in dtype:
            raise RefutedError(f"{name} of shape {each.shape} and dtype {each.dtype} for {count} sequences")
    if (np.asarray(samples.calls) < 0).any() or (np.asarray(samples.rounds) > np.asarray(samples.calls)).any():
        raise RefutedError("a sequence has more rounds than calls, or less than no call")
    left = (tokens == vocab_size).any(axis=1) & ~impossible
    if left.any():
        raise RefutedError(f"{left.sum()} of {count} sequences keep a mask and are not marked impossible")


def check_alone_or_together(model: SequenceModel, length: int, fields: tuple[str, ...]) -> str:
    """RefutedError unless a sequence and its cost are the same drawn alone, in pieces, or in other threads."""
    together = model.sample(_TOGETHER, length, 5, threads=2)
    for first, count in _PIECES:
        alone = model.sample(count, length, 5, first=first, threads=1)
        for name in fields:
            ours, theirs = getattr(alone, name), getattr(together, name)[first : first + count]
            if not np.array_equal(ours, theirs):
                number = first + int(np.argmax((ours != theirs).reshape(count, -1).any(axis=1)))
                raise RefutedError(
                    f"{name} of sequence {number} differ where sequences {first}..{first + count - 1} are drawn alone"
                )
    return f"{_TOGETHER} sequences in {len(_PIECES)} pieces are those drawn together"


def check_seeds(sample: Callable[[int], Tokens]) -> str:
    """RefutedError unless a seed always gives the same tokens and another one others."""
    one, again, other = sample(1), sample(1), sample(2)
    if not np.array_equal(one, again):
        raise RefutedError("seed 1 gave other tokens the second time")
    if (one == one[0]).all() and (other == one[0]).all():
        raise DoesNotApplyError("every sequence is the same")
    if np.array_equal(one, other):
        raise RefutedError(f"seeds 1 and 2 gave the same {len(one)} sequences")
    return "seed 1 twice the same, seed 2 others"


class Replaced(HandsOn):
    """A denoiser whose canvases give other marginals than the denoiser inside: `change` takes and returns an array."""

    fused = False
    exact_for = None
    conditionals = DenoiserDefaults.conditionals

    def __init__(self, inside: Any, change: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__(inside)
        self._change = change

    def open(self, *arguments: Any, **options: Any) -> Any:
        """A canvas of the denoiser inside, its answers changed."""
        return ChangedCanvas(self._inside.open(*arguments, **options), self._change)


Laws = Float[np.ndarray, "*places vocab_size"]


def _two_less(vocab_size: int) -> Float[np.ndarray, "vocab_size"]:
    """Takes 2 from the first token and gives it to the others."""
    return np.append(-2.0, np.full(vocab_size - 1, 2 / max(vocab_size - 1, 1)))


FAULTS: dict[str, Callable[[Laws], Laws]] = {
    "NaN": lambda marginals: marginals * np.nan,
    "negative probabilities": lambda marginals: marginals + _two_less(marginals.shape[-1]),
    "rows that sum to 2": lambda marginals: 2 * marginals,
    "a column too many": lambda marginals: np.concatenate([marginals, 0 * marginals[..., :1]], axis=-1),
    "zeros for a possible context": lambda marginals: 0 * marginals,
}
"""Marginals that nothing may be drawn from."""


def check_refusals(draw: Callable[[Callable[[np.ndarray], np.ndarray]], object]) -> str:
    """RefutedError unless drawing with each fault in the marginals is refused in one line; `draw` takes the change."""
    for what, fault in FAULTS.items():
        refuses(f"a denoiser that gives {what}", partial(draw, fault))
    return f"{len(FAULTS)} faults refused: {', '.join(FAULTS)}"
