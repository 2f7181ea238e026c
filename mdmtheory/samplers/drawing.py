"""What samplers have in common: a name with options, and the law from which tokens are drawn."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from jaxtyping import Float

from mdmtheory.core.spec import Spec, Value
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.protocol import Drawn, Marginals

Precision = Literal["float64", "float32"]

DECIMALS = 10
"""Scores and probabilities that agree to so many decimals are equal, so that rounding breaks no tie.

Ties go to the lowest position, and to the lowest token where the most probable one is taken.
"""

SHARED_OPTIONS: dict[str, Value] = {"temperature": 1.0, "nucleus": 1.0, "precision": "float64"}
"""Options of every sampler, with their defaults; a name has them where they differ."""


@dataclass(frozen=True, kw_only=True)
class TokenOptions:
    """From which law a token is drawn where its marginal is p, and with what noise.

    `temperature` T: tokens are drawn from p^(1/T), and scores look at the same law. At 0 the most probable token is
    taken, and scores look at p itself: the law at 0 has nothing left to rank. `nucleus` P: of that law only the most
    probable tokens are left that reach P together. `precision` "float32" draws by Gumbel noise made of float32
    uniforms, the fault of 2409.02908: noise is at most 24 ln 2 = 16.6355 (samplers/gumbel.py).
    """

    temperature: float = 1.0
    nucleus: float = 1.0
    precision: str = "float64"

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < np.inf:
            raise ValueError(f"temperature is {self.temperature}; pass 0 (greedy) or a positive number")
        if not 0 < self.nucleus <= 1:
            raise ValueError(f"nucleus is {self.nucleus}; pass a probability above 0 and at most 1 (all tokens)")
        if self.precision not in get_args(Precision):
            raise ValueError(f"precision is {self.precision!r}; pass {' or '.join(get_args(Precision))}")

    @property
    def changed(self) -> dict[str, Value]:
        """Those of the shared options that are not the default."""
        shared = {each.name: self._value(each.name, str(each.type)) for each in fields(TokenOptions)}
        return {key: value for key, value in shared.items() if value != SHARED_OPTIONS[key]}

    def law(self, marginals: Marginals) -> Marginals:
        """The marginals at the sampler's temperature, and of these the nucleus."""
        return truncated(tempered(marginals, self.temperature), self.nucleus)

    def _value(self, option: str, annotation: str) -> Value:
        value: Value = getattr(self, option)
        return float(value) if annotation == "float" else value


@dataclass(frozen=True, kw_only=True)
class Drawing(TokenOptions, SamplerBase, ABC):
    """A sampler that looks, with options; subclasses say which positions it asks for and what it keeps."""

    name: ClassVar[str]

    @property
    def spec(self) -> Spec:
        """The name with its own options, and with those of all samplers where they are not the default."""
        own = {each.name: self._value(each.name, str(each.type)) for each in fields(self)}
        return Spec.of(self.name, **{key: own[key] for key in own if key not in SHARED_OPTIONS}, **self.changed)

    @property
    def identity(self) -> Any:
        """Name and options."""
        return [self.name, dict(self.spec.options)]

    def seen(self, marginals: Marginals) -> Marginals:
        """What scores look at: the law, but p itself at temperature 0."""
        return self.law(marginals) if self.temperature > 0 else marginals


def tempered(marginals: Marginals, temperature: float) -> Marginals:
    """p^(1/T), scaled to sum 1; at T = 0 all on the most probable token.

    >>> tempered(np.array([[0.2, 0.8]]), 0.5).round(4).tolist()
    [[0.0588, 0.9412]]
    """
    if temperature == 1:
        return marginals
    if temperature == 0:
        most = np.round(marginals, DECIMALS).argmax(axis=1)
        return np.eye(marginals.shape[1])[most]
    weights = (marginals / marginals.max(axis=1, keepdims=True)) ** (1 / temperature)
    return weights / weights.sum(axis=1, keepdims=True)


def truncated(marginals: Marginals, nucleus: float) -> Marginals:
    """The fewest most probable tokens that have `nucleus` together, scaled to sum 1; of equal ones the lowest tokens.

    >>> truncated(np.array([[0.1, 0.3, 0.6]]), 0.8).round(4).tolist()
    [[0.0, 0.3333, 0.6667]]
    """
    if nucleus == 1:
        return marginals
    order = np.argsort(-np.round(marginals, DECIMALS), axis=1, kind="stable")
    ranked = np.take_along_axis(marginals, order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    kept = np.zeros(marginals.shape, dtype=np.bool_)
    # Nothing is before the first: it stays, however little is asked for.
    np.put_along_axis(kept, order, (before == 0) | (before < nucleus - 10.0**-DECIMALS), axis=1)
    weights = np.where(kept, marginals, 0.0)
    scaled: Marginals = weights / weights.sum(axis=1, keepdims=True)
    return scaled


def chance_of(law: Marginals, tokens: Drawn) -> Float[np.ndarray, "n"]:
    """The probability of one token in each law."""
    chances: Float[np.ndarray, "n"] = law[np.arange(len(tokens)), tokens]
    return chances
