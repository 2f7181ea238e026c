"""What samplers have in common: a name with options, and the law from which tokens are drawn."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from mdmtheory.core.evaluable import call, name_of
from mdmtheory.core.protocols import Answers
from mdmtheory.core.spec import Spec, Value
from mdmtheory.oracles.answers import as_answers
from mdmtheory.oracles.token_laws import law_under
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.protocol import Marginals, Said
from mdmtheory.samplers.registry import SAMPLERS

Precision = Literal["float64", "float32"]
Ties = Literal["random", "lowest"]

ALIKE_DECIMALS = 6
"""Scores that agree to so many decimals are ranked by the order of their positions, where there is one.

A chain forgets: its far positions differ by less and less, and an exact denoiser would go by the last digit, always to
the end that is a little surer. To a network, whose probabilities have float32's precision at best, they are equal.
"""

SHARED_OPTIONS: dict[str, Value] = {
    "temperature": 1.0,
    "nucleus": 1.0,
    "min_p": 0.0,
    "precision": "float64",
    "ties": "random",
}
"""Options of every sampler, with their defaults; a name has them where they differ."""


@dataclass(frozen=True, kw_only=True)
class TokenOptions:
    """From which law a token is drawn where its marginal is p, and with what noise.

    `temperature` T: tokens are drawn from p^(1/T), and scores look at the same law. At 0 the most probable token is
    taken, and scores look at p itself: the law at 0 has nothing left to rank. `nucleus` P: of that law only the most
    probable tokens are left that reach P together, and `min_p` m cuts those of less than m times the largest
    probability of the same law (2407.01082). `precision` "float32" draws by Gumbel noise made of float32
    uniforms, the fault of 2409.02908: noise is at most 24 ln 2 = 16.6355 (samplers/gumbel.py). `ties` "random" decides
    between equals by chance, "lowest" by number: of positions with equal scores by a shuffle of each sequence's
    (`State.order`), of tokens that are equally probable, at temperature 0 and at the edge of a nucleus, by a law that
    treats them alike (docs/theory.md, section 9).

    Where nothing can tie (`may_tie`) `ties` says nothing, and goes unsaid. Results of "lowest" are recorded under the
    names from before there was a choice, and draws come from the streams that those names have: where nothing ties,
    both draw the same.
    """

    ranks: ClassVar[bool] = False
    """Whether positions are ranked, so that they may tie."""

    temperature: float = 1.0
    nucleus: float = 1.0
    min_p: float = 0.0
    precision: str = "float64"
    ties: str = "random"

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < np.inf:
            raise ValueError(f"temperature is {self.temperature}; pass 0 (greedy) or a positive number")
        if not 0 < self.nucleus <= 1:
            raise ValueError(f"nucleus is {self.nucleus}; pass a probability above 0 and at most 1 (all tokens)")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p is {self.min_p}; pass a part of the largest probability, from 0 (all tokens) to 1")
        if self.precision not in get_args(Precision):
            raise ValueError(f"precision is {self.precision!r}; pass {' or '.join(get_args(Precision))}")
        if self.ties not in get_args(Ties):
            raise ValueError(f"ties is {self.ties!r}; pass {' or '.join(get_args(Ties))}")

    @property
    def changed(self) -> dict[str, Value]:
        """Those of the options of how tokens are drawn that are not the default."""
        tokens_tie = self.temperature == 0 or self.nucleus < 1
        return self._changed | (self._ties("lowest") if tokens_tie else {})

    @property
    def may_tie(self) -> bool:
        """Whether positions or tokens may tie, so that `ties` has a say."""
        return self.ranks or self.temperature == 0 or self.nucleus < 1

    def law(self, marginals: Marginals) -> Marginals:
        """The marginals at the sampler's temperature, and of these its nucleus and what is not below its min_p."""
        return law_under(self, marginals)

    @property
    def _changed(self) -> dict[str, Value]:
        """The shared options that are not the default, but for `ties`."""
        shared = {each.name: self._value(each.name, str(each.type)) for each in fields(TokenOptions)}
        return {key: value for key, value in shared.items() if value != SHARED_OPTIONS[key] and key != "ties"}

    def _ties(self, said: Ties) -> dict[str, Value]:
        """`ties` where that is what is to be said, and it has a say."""
        return {"ties": said} if self.may_tie and self.ties == said else {}

    def _value(self, option: str, annotation: str) -> Value:
        value: Value = getattr(self, option)
        return float(value) if annotation == "float" else value


@dataclass(frozen=True, kw_only=True, repr=False)
class Drawing(TokenOptions, SamplerBase, ABC):
    """A sampler that looks, with options; subclasses say which positions it asks for and what it keeps."""

    name: ClassVar[str]
    sees_laws = False
    makes_laws = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sees_order", self.ranks and self.ties == "random")

    def __repr__(self) -> str:
        name = name_of(self, SAMPLERS)
        if name is not None:
            return call("samplers.as_sampler", name)
        return call(type(self).__qualname__, **{each.name: getattr(self, each.name) for each in fields(self)})

    @property
    def spec(self) -> Spec:
        """The name with its own options, and with those of all samplers where they are not the default."""
        return Spec.of(self.name, **self._own, **self._changed, **self._ties("lowest"))

    @property
    def recorded(self) -> Spec:
        """`spec` with the ties that are the default, and without those that were the only ones."""
        return Spec.of(self.name, **self._own, **self._changed, **self._ties("random"))

    @property
    def identity(self) -> Any:
        """Name and options, and to how many decimals scores are ranked, where an order decides the rest."""
        return [self.name, dict(self.recorded.options), *([ALIKE_DECIMALS] if self.sees_order else [])]

    @property
    def stream_identity(self) -> Any:
        """Name and options, whatever decides between equals."""
        return [self.name, {**self._own, **self._changed}]

    @property
    def _own(self) -> dict[str, Value]:
        """The options that not all samplers have."""
        own = {each.name: self._value(each.name, str(each.type)) for each in fields(self)}
        return {key: own[key] for key in own if key not in SHARED_OPTIONS}

    def answers(self, said: Said) -> Answers:
        """What was said of positions, under the options."""
        return as_answers(said).under(self)
