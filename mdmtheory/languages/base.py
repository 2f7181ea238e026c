"""What every language has in common: a name, a digest, equality, streams, saving."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Bool, Float, UInt64

from mdmtheory.core.defaults import LanguageDefaults
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.evaluable import MOST_SHOWN, call
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_LENGTH, check_limit
from mdmtheory.core.means import Moments, mean_interval, price
from mdmtheory.core.protocols import Denoiser
from mdmtheory.core.register import Register
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens, TokensLike
from mdmtheory.languages.digest import language_digest
from mdmtheory.languages.files import save_language

ORACLES = Register("oracle")


class LanguageBase(LanguageDefaults, ABC):
    """An immutable language; subclasses set `kind`, `oracle_name`, parameters and `vocab_size`, then call `_named`.

    A class says besides what its parameters are, which files and stores may hold: `arrays` of probabilities, and whole
    `numbers` from `least_number`; and its `version`, which is raised when its numbers change.
    """

    kind: ClassVar[str]
    oracle_name: str
    """What its oracle is registered as."""
    version: ClassVar[int] = 0
    arrays: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[tuple[str, ...]] = ()
    least_number: ClassVar[int] = 1
    spec: Spec
    _frozen = False
    _made: str | None = None
    rounded: float = 0.0
    """How far rows of its parameters were from the sum 1, which was divided out, where that is float32's rounding."""

    def _named(self, spec: Spec | None) -> None:
        """Take the name that the language goes by, its kind and digest where it has none, and freeze."""
        object.__setattr__(self, "spec", spec or Spec.of(self.kind, digest=self.digest[:12]))
        object.__setattr__(self, "_frozen", True)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._frozen:
            raise AttributeError(f"{type(self).__name__} is immutable; build a new one instead of setting {name!r}")
        object.__setattr__(self, name, value)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the kind and the parameters; arrays count by their float64 bytes."""
        return language_digest(self.kind, self.parameters())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LanguageBase) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        if self._made is not None:
            return self._made
        arrays = self.parameters()
        if not self.rounded and sum(np.size(each) for each in arrays.values()) <= MOST_SHOWN:
            own = Spec.of(self.kind, digest=self.digest[:12])
            return call(type(self).__name__, *arrays.values(), **({} if self.spec == own else {"spec": self.spec}))
        note = f", its float32 rows, off 1 by {self.rounded:.1e}, divided by their sums" if self.rounded else ""
        return f"<{type(self).__name__} {self.spec}, {self.vocab_size} tokens{note}>"

    def _repr_html_(self) -> str:
        shapes = [(name, f"array {each.shape}") for name, each in self.parameters().items() if np.ndim(each)]
        numbers = [self.typed(name, each) for name, each in self.parameters().items() if not np.ndim(each)]
        rounded = [("rows were off 1 by", f"{self.rounded:.1e}")] if self.rounded else []
        rows = [
            ("kind", self.kind),
            ("tokens", self.vocab_size),
            *shapes,
            *numbers,
            *rounded,
            ("digest", self.digest[:12]),
        ]
        return html_table([], rows, str(self.spec))

    def made_by(self, made: str) -> Self:
        """Itself, which from now on shows the call that made it."""
        object.__setattr__(self, "_made", made)
        return self

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any], spec: Spec | None = None) -> Self:
        """The language that `parameters()` describes."""
        return cls(**parameters, spec=spec)  # type: ignore[call-arg]  # what `parameters` returned fits the subclass

    @classmethod
    def from_tables(cls, tables: dict[str, Any]) -> Self:
        """The language that people wrote down: its parameters, by name, arrays in whatever shape is a table."""
        return cls.from_parameters(tables)

    def save(self, path: str | PathLike[str]) -> None:
        """Write one .npz file that `load_language` reads; see languages/files.py."""
        save_language(self, path)

    @whole_numbers(length=1)
    def validate_length(self, length: int) -> None:
        """ValueError when the language has no sequences of this length; a subclass may refuse more lengths."""
        check_limit(length, MOST_LENGTH, "MOST_LENGTH", f"length is {length:,}", "use shorter sequences")

    @property
    def has_every_sequence(self) -> bool:
        """Whether every sequence of tokens is known to be in the language, so that none can be wrong."""
        return False

    @abstractmethod
    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Tokens:
        """Sequences first..first+count-1, (count, length), of the stream that (language, length, seed) names."""

    @abstractmethod
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        """log q(x) in nats, -inf outside the support."""

    @abstractmethod
    def in_support(self, tokens: TokensLike) -> Bool[np.ndarray, "count"]:
        """Whether q(x) > 0; False for a row that holds a mask."""

    @abstractmethod
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(q) in nats at a length."""

    @abstractmethod
    def entropy_rate(self) -> Estimate | None:
        """Entropy per token in nats as the length grows; None where the language has no such limit."""

    def oracle(self, trust: float = 1.0) -> Denoiser:
        """The exact posterior marginals of this language."""
        oracle: Denoiser = ORACLES.builder(self.oracle_name)(self, trust)
        return oracle

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """Arrays and plain values from which `from_parameters` builds an equal language."""

    @whole_numbers(count=0, length=1, seed=0, first=0)
    def _streams(self, count: int, length: int, seed: int, first: int) -> UInt64[np.ndarray, "count 4"]:
        self.validate_length(length)
        return stream_states(["language", self.digest, length, seed], first, count)

    def _sampled_entropy(self, length: int, count: int, seed: int) -> Estimate:
        """H(q) from -log q(x) of `count` sequences drawn from q."""
        nats = -self.log_prob(self.sample(count, length, seed))
        mean, low, high = mean_interval(Moments.of(nats), 0.95, unseen=price(float(nats.mean())))
        return Estimate(mean, low, high, level=0.95, kind="estimate", count=count).within(
            0.0, length * np.log(self.vocab_size)
        )

    def _sampled_entropy_rate(self, count: int, seed: int, length: int = 512) -> Estimate:
        """(H(2 length) - H(length)) / length from the same sequences; for a stationary language it bounds the rate."""
        tokens = self.sample(count, 2 * length, seed)
        later = (self.log_prob(tokens[:, :length].copy()) - self.log_prob(tokens)) / length
        mean, low, high = mean_interval(Moments.of(later), 0.95, unseen=float(np.log(self.vocab_size)))
        return Estimate(mean, low, high, level=0.95, kind="upper bound", count=count).within(
            0.0, np.log(self.vocab_size)
        )
