"""What can be plugged in: languages, denoisers and models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate, Kind
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike

Parallel = Literal["threads", "device"]


@dataclass(frozen=True)
class Samples:
    """Sequences that a model drew, and what each of them cost.

    A sequence that met an impossible context (`impossible`) keeps the mask where nothing was drawn. `calls` are
    denoiser evaluations and `rounds` sequential depth, both per sequence.
    """

    tokens: Tokens
    calls: Int[np.ndarray, "count"]
    rounds: Int[np.ndarray, "count"]
    impossible: Bool[np.ndarray, "count"]


@dataclass(frozen=True)
class LogProb:
    """log p(x) in nats for each sequence; `kind` "exact", or "lower bound" (of log p, by Jensen)."""

    values: Float[np.ndarray, "count"]
    kind: Kind


@dataclass(frozen=True)
class PlanRun:
    """What came of running reveal plans against a denoiser, to draw tokens or to score given ones.

    `log_probs` is log p(x_i | context when i was revealed) in nats, for drawn and for given tokens alike: NaN where a
    sequence stopped before position i was drawn, -inf where a given token or its context is impossible.
    """

    tokens: Tokens
    log_probs: Float[np.ndarray, "count length"]
    calls: Int[np.ndarray, "count"]
    rounds: Int[np.ndarray, "count"]
    impossible: Bool[np.ndarray, "count"]


@runtime_checkable
class Language(Protocol):
    """The target law q over sequences of any length that it allows.

    What it may say and do besides, `prompt(length)` among it, is in core.defaults.
    """

    vocab_size: int
    spec: Spec

    @property
    def digest(self) -> str:
        """SHA-256 of kind and parameters; equal digests mean equal languages."""

    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Tokens:
        """Sequences first..first+count-1 of the stream that (language, length, seed) names."""

    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        """log q(x) in nats, -inf outside the support."""

    def in_support(self, tokens: TokensLike) -> Bool[np.ndarray, "count"]:
        """q(x) > 0, decided by sets of possible states; a row with a mask is in no support."""

    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(q) in nats at a length; exact where a closed form exists."""

    def entropy_rate(self) -> Estimate | None:
        """lim H(q)/length in nats a token, where it is known; None where it is not."""

    def oracle(self, trust: float = 1.0) -> Denoiser:
        """The exact posterior marginals of this language."""

    def validate_length(self, length: int) -> None:
        """ValueError when the language has no sequences of this length."""

    def parameters(self) -> dict[str, Any]:
        """What `save` writes: arrays and plain values from which `from_parameters` builds an equal language."""


@runtime_checkable
class Denoiser(Protocol):
    """Token marginals at positions, given the rest.

    One that is the exact posterior of a language says so: `exact_for` is its digest. What it may say and do besides is
    in core.defaults.
    """

    vocab_size: int
    spec: Spec
    noises: frozenset[str]
    parallel: Parallel

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value; equal identities mean equal denoisers."""

    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> Canvas | NoisyCanvas:
        """A canvas of `count` sequences, all masked but for the prompt's tokens, that computes in so many threads.

        A Canvas for noise "masked", else a NoisyCanvas.
        """


@runtime_checkable
class Canvas(Protocol):
    """Partly revealed sequences, written to and asked for marginals."""

    calls: Int[np.ndarray, "count"]
    rounds: Int[np.ndarray, "count"]
    impossible: Bool[np.ndarray, "count"]

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs; the mask erases."""

    def marginals(
        self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n vocab_size"]:
        """The posterior of each (row, position) pair; every row named is charged one call and one round.

        A row of zeros says that the context is impossible; the sequence is then marked in `impossible`.
        """


@runtime_checkable
class Evidence(Protocol):
    """What is seen of `count` sequences under a noise other than masking; see oracles/evidence.py."""

    noise: ClassVar[str]

    @property
    def kept(self) -> float:
        """The share of the signal that is left, below 1."""

    def log_likelihood(self) -> Float[np.ndarray, "count length vocab"]:
        """Log likelihood in nats of each token at each position, up to a constant for each position."""


@runtime_checkable
class NoisyCanvas(Protocol):
    """Sequences seen through a noise other than masking, all positions at once."""

    calls: Int[np.ndarray, "count"]
    rounds: Int[np.ndarray, "count"]
    impossible: Bool[np.ndarray, "count"]

    def posterior(self, evidence: Evidence) -> Float[np.ndarray, "count length vocab_size"]:
        """The law of the token at every position given the evidence at all; each row is charged a call and a round."""


@runtime_checkable
class SequenceModel(Protocol):
    """Anything that generates sequences and scores them."""

    vocab_size: int
    spec: Spec
    parallel: Parallel

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value; equal identities mean equal models."""

    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Samples:
        """Sequences first..first+count-1 of the stream that (model, length, seed) names."""

    def log_prob(
        self, tokens: TokensLike, seed: int, *, first: int = 0, plans: int = 1, threads: int | None = None
    ) -> LogProb:
        """log p(x) in nats, or a bound of it, for sequences numbered from `first`."""
