"""Answers that stay on the device of a network, in its own precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.core.guards import MOST_OFF
from mdmtheory.core.protocols import DrawOptions
from mdmtheory.oracles.answers import check_totals
from mdmtheory.oracles.tensors.draws import chance, drawn
from mdmtheory.oracles.token_laws import DECIMALS

FLOATS_AT_ONCE = 1 << 22
"""Float64 numbers of laws, 32 MiB, made at a time; with what is worked out of them it is nine times that at most."""

Numbers = Float[np.ndarray, "n"]
Drawn = Int[np.ndarray, "n"]


@dataclass(frozen=True)
class _Options:
    """No options: tokens are drawn from the marginals."""

    temperature: float = 1.0
    nucleus: float = 1.0
    min_p: float = 0.0
    ties: str = "random"


@dataclass(frozen=True, eq=False)
class TensorAnswers:
    """Laws over a vocabulary as a tensor (n, vocab_size), of logits, or of weights if `are_weights` (Answers).

    The tensor stays as it is, without its gradient. Laws are made of it in float64, `rows_at_once` positions at a time,
    for every draw and score anew: so V numbers a position are there in the network's precision alone, and a token of
    probability 1e-7 keeps its frequency. What comes of them is numpy's, in float64.
    """

    tensor: Tensor
    are_weights: bool = False
    options: DrawOptions = _Options()
    floats_at_once: int = FLOATS_AT_ONCE

    @classmethod
    def of_logits(cls, logits: Tensor) -> TensorAnswers:
        """Answers whose laws are the softmax of a network's logits (n, vocab_size).

        A logit of -inf excludes its token. ValueError where one is NaN or +inf, or all are -inf.
        """
        made = cls(logits.detach())
        for _, some in made._tensor_pieces():
            if not bool((some < torch.inf).all()) or not bool((some > -torch.inf).any(dim=1).all()):
                raise ValueError("the network gave a logit that is NaN or +inf, or none above -inf; mend the network")
        return made

    @classmethod
    def of_probabilities(
        cls, found: Tensor, impossible: Bool[np.ndarray, "n"], tolerance: float = MOST_OFF
    ) -> TensorAnswers:
        """Answers whose laws are the rows of a tensor (n, vocab_size), scaled; ValueError unless they are laws.

        Their sums may be off 1 by the tolerance, and 0 in impossible contexts.
        """
        made = cls(found.detach(), are_weights=True)
        totals = np.empty(len(made))
        for rows, some in made._tensor_pieces():
            weights = some.double()
            if not bool(((weights >= 0) & (weights < torch.inf)).all()):
                raise ValueError("the denoiser gave a marginal that is negative or not finite; return probabilities")
            totals[rows] = weights.sum(dim=1).cpu().numpy()
        check_totals(totals, impossible, tolerance)
        return made

    @property
    def vocab_size(self) -> int:
        """Tokens of each law."""
        return int(self.tensor.shape[1])

    def __len__(self) -> int:
        return int(self.tensor.shape[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.numpy().astype(np.float64 if dtype is None else dtype)

    def take(self, which: np.ndarray) -> TensorAnswers:
        """Those of some of the positions, by number or by a mask."""
        chosen = np.flatnonzero(which) if which.dtype == np.bool_ else which
        return replace(self, tensor=self.tensor[self._there(chosen)])

    def under(self, options: DrawOptions) -> TensorAnswers:
        """The same at a temperature, from a nucleus, above min_p."""
        return replace(self, options=options)

    def draw(self, uniforms: Numbers) -> Drawn:
        """The first token whose cumulative probability, in float64, exceeds the uniform."""
        given = self._there(uniforms.astype(np.float64))
        return self._each(lambda law, rows: drawn(law, given[rows]), np.int64)

    def log_prob_of(self, tokens: Drawn) -> Numbers:
        """log of the probability with which one token is drawn, in nats."""
        asked = self._there(tokens.astype(np.int64))
        options = self.options
        if self.are_weights or options.temperature != 1 or options.nucleus != 1 or options.min_p != 0:
            return self._each(lambda law, rows: chance(law, asked[rows]).log(), np.float64)
        out = np.empty(len(self))
        for rows, some in self._tensor_pieces():  # so a probability too small for float64 has a logarithm still
            out[rows] = chance(some.double().log_softmax(dim=1), asked[rows]).cpu().numpy()
        return out

    def chance_of(self, tokens: Drawn) -> Numbers:
        """The probability of one token."""
        asked = self._there(tokens.astype(np.int64))
        return self._each(lambda law, rows: chance(law, asked[rows]), np.float64, seen=True)

    def confidence(self) -> Numbers:
        """The largest probability."""
        return self._each(lambda law, rows: law.amax(dim=1), np.float64, seen=True)

    def margin(self) -> Numbers:
        """By how much the largest probability exceeds the second; the largest itself where there is one token alone."""
        return self._each(lambda law, rows: _margin(law), np.float64, seen=True)

    def entropy(self) -> Numbers:
        """The entropy in nats."""
        return self._each(lambda law, rows: torch.special.entr(law).sum(dim=1), np.float64, seen=True)

    def numpy(self) -> Float[np.ndarray, "n vocab_size"]:
        """The laws that tokens are drawn from: n times vocab_size numbers in float64."""
        out = np.empty((len(self), self.vocab_size))
        for rows, law in self._laws(seen=False):
            out[rows] = law.cpu().numpy()
        return out

    def _each(self, of: Callable[[Tensor, slice], Tensor], dtype: Any, *, seen: bool = False) -> np.ndarray:
        """One number a position, from its law."""
        out = np.empty(len(self), dtype=dtype)
        for rows, law in self._laws(seen=seen):
            out[rows] = of(law, rows).cpu().numpy()
        return out

    def _laws(self, *, seen: bool) -> Iterator[tuple[slice, Tensor]]:
        """Laws under the options in float64, some positions after the other: what is drawn from, or what scores see."""
        options = _Options() if seen and self.options.temperature == 0 else self.options
        for rows, some in self._tensor_pieces():
            law = _of_weights(some.double(), options) if self.are_weights else _of_logits(some.double(), options)
            kept = law if options.nucleus == 1 else _truncated(law, options)
            yield rows, kept if options.min_p == 0 else _without_unlikely(kept, law, options.min_p)

    def _tensor_pieces(self) -> Iterator[tuple[slice, Tensor]]:
        size = max(1, self.floats_at_once // self.vocab_size)
        for a in range(0, len(self), size):
            rows = slice(a, min(a + size, len(self)))
            yield rows, self.tensor[rows]

    def _there(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(array)).to(self.tensor.device)


def _of_logits(logits: Tensor, options: DrawOptions) -> Tensor:
    """Their softmax at the temperature: of the logits over it, so that no token is lost whose probability is small."""
    if options.temperature == 0:
        return _most_probable(logits.softmax(dim=1), options)
    return (logits / options.temperature).softmax(dim=1)


def _of_weights(weights: Tensor, options: DrawOptions) -> Tensor:
    """The laws of weights at the temperature, as oracles.token_laws.tempered; zeros where there are zeros alone."""
    totals = weights.sum(dim=1, keepdim=True)
    law = weights / torch.where(totals > 0, totals, 1.0)
    if options.temperature == 0:
        return _most_probable(law, options)
    if options.temperature == 1:
        return law
    powers = (law / law.amax(dim=1, keepdim=True)) ** (1 / options.temperature)
    return powers / powers.sum(dim=1, keepdim=True)


def _most_probable(law: Tensor, options: DrawOptions) -> Tensor:
    """All on the most probable tokens, the same on each, or on the lowest of them."""
    rounded = law.round(decimals=DECIMALS)
    most = rounded == rounded.amax(dim=1, keepdim=True)
    if options.ties == "lowest":
        most = most & (most.cumsum(dim=1) == 1)
    return most / most.sum(dim=1, keepdim=True, dtype=torch.float64)


def _truncated(law: Tensor, options: DrawOptions) -> Tensor:
    """As oracles.token_laws.truncated."""
    rounded = law.round(decimals=DECIMALS)
    order = (-rounded).argsort(dim=1, stable=True)
    ranked = law.gather(1, order)
    before = ranked.cumsum(dim=1) - ranked
    # Nothing is before the first: it stays, however little is asked for.
    among = (before == 0) | (before < options.nucleus - 10.0**-DECIMALS)
    kept = torch.zeros_like(among).scatter(1, order, among)
    weights = torch.where(kept, law, 0.0)
    if options.ties != "lowest":
        edge = rounded == torch.where(kept, rounded, torch.inf).amin(dim=1, keepdim=True)
        share = (edge & kept).sum(dim=1, keepdim=True) / edge.sum(dim=1, keepdim=True, dtype=torch.float64)
        weights = torch.where(edge, law * share, weights)
    return weights / weights.sum(dim=1, keepdim=True)


def _without_unlikely(kept: Tensor, law: Tensor, min_p: float) -> Tensor:
    """As oracles.token_laws.without_unlikely."""
    likely = law >= min_p * law.amax(dim=1, keepdim=True) - 10.0**-DECIMALS
    weights = torch.where(likely, kept, 0.0)
    return weights / weights.sum(dim=1, keepdim=True)


def _margin(law: Tensor) -> Tensor:
    best = law.topk(min(2, law.shape[1]), dim=1).values
    return best[:, 0] - best[:, 1] if law.shape[1] > 1 else best[:, 0]
