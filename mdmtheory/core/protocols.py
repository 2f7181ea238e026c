"""What can be plugged in: languages, denoisers and models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate, Kind
from mdmtheory.core.means import Moments, mean_interval, price
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike

Sees = Literal["all", "left", "block"]
"""What a denoiser looks at: all that is revealed; what stands to the left of a position alone; or what is revealed
of its own block, of `block` positions, and the blocks before it."""


@dataclass(frozen=True)
class Samples:
    """Sequences that a model drew, and what each of them cost.

    A sequence that met an impossible context (`impossible`) went wrong. It was given up there (`unfinished`), and has
    the mask, token number V, wherever nothing was drawn, unless it was drawn to its end with so much `trust` in what
    was revealed (`finish=True`). `calls` are denoiser evaluations and `rounds` sequential depth of each sequence, also
    of what was given up, which costs less the earlier it goes wrong: the mean of a bad sampler is no price.
    `mean_calls()` and `mean_rounds()` are of what was drawn to its end.
    """

    tokens: Tokens
    calls: Int[np.ndarray, "count"]
    rounds: Int[np.ndarray, "count"]
    impossible: Bool[np.ndarray, "count"]
    trust: float | None = None

    @property
    def unfinished(self) -> Bool[np.ndarray, "count"]:
        """Which sequences were given up before their end; their masks are no tokens."""
        return self.impossible.copy() if self.trust is None else np.zeros_like(self.impossible)

    @property
    def finished(self) -> Tokens:
        """The tokens of the sequences that were drawn to their end, without any mask."""
        tokens: Tokens = self.tokens[~self.unfinished]
        return tokens

    def mean_calls(self, level: float = 0.95) -> Estimate:
        """Calls a sequence, over those drawn to their end: what tables show. ValueError where too few were."""
        return self._mean(self.calls, level)

    def mean_rounds(self, level: float = 0.95) -> Estimate:
        """Rounds a sequence, as `mean_calls`."""
        return self._mean(self.rounds, level)

    def _mean(self, numbers: Int[np.ndarray, "count"], level: float) -> Estimate:
        moments = Moments.of(numbers[~self.unfinished])
        return Estimate(*mean_interval(moments, level, unseen=price(moments.mean)), level, "estimate", moments.count)

    def __repr__(self) -> str:
        shape = " × ".join(map(str, np.shape(self.tokens)))
        counts = {name: np.sum(getattr(self, name)) for name in ("calls", "impossible", "unfinished")}
        return f"<Samples {shape} tokens, {', '.join(f'{count} {name}' for name, count in counts.items())}>"


@dataclass(frozen=True)
class LogProb:
    """log p(x) in nats for each sequence; `kind` "exact", or "lower bound" (of log p, by Jensen)."""

    values: Float[np.ndarray, "count"]
    kind: Kind

    def __repr__(self) -> str:
        return f"<LogProb of {np.size(self.values)} sequences in nats, {self.kind}>"


class Identity(NamedTuple):
    """What numbers depend on, as a JSON value: of a network the SHA-256 of its weights and configuration.

    It keys the random streams. In what precision and in which batches a network computes is in `computed`, which stands
    in the names of stored tasks alone: so networks that differ in it draw from the same uniforms.
    """

    kind: str
    version: int
    digest: str


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

    def put(self, rows: slice | Int[np.ndarray, "rows"], run: PlanRun, *, tokens: bool = True) -> None:
        """Put what came of some rows in their place, but their tokens with `tokens` alone: given ones are there."""
        for name in ("log_probs", "calls", "rounds", "impossible", *(["tokens"] if tokens else [])):
            getattr(self, name)[rows] = getattr(run, name)


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

    One that is the exact posterior of a language says so: `exact_for` is its digest. What it may say and do besides
    (where and in which batches it computes, how far its sums may be off 1, what it looks at) is in core.defaults.
    """

    vocab_size: int
    spec: Spec
    noises: frozenset[str]

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
    ) -> Canvas | MarginalsCanvas | NoisyCanvas:
        """A canvas of `count` sequences, all masked but for the prompt's tokens, that computes in so many threads.

        A Canvas for noise "masked", else a NoisyCanvas.
        """


@runtime_checkable
class DrawOptions(Protocol):
    """From which law tokens are drawn where the marginal is p (samplers/drawing.py says what each option does)."""

    @property
    def temperature(self) -> float:
        """T of p^(1/T); at 0 the most probable token."""

    @property
    def nucleus(self) -> float:
        """How much the most probable tokens that are left have together."""

    @property
    def min_p(self) -> float:
        """The least probability of a token that is left, as a part of the largest."""

    @property
    def ties(self) -> str:
        """`random` or `lowest`: which of equally probable tokens."""


@runtime_checkable
class Answers(Protocol):
    """What a canvas said of n positions: n laws over the vocabulary, which stay where and as they were computed.

    What comes of them is numpy's, one number a position. `np.asarray(answers)` brings the laws themselves.
    """

    @property
    def vocab_size(self) -> int:
        """Tokens of each law."""

    def __len__(self) -> int: ...
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray: ...

    def take(self, which: np.ndarray) -> Answers:
        """Those of some of the positions, by number or by a mask."""

    def under(self, options: DrawOptions) -> Answers:
        """The same at a temperature, from a nucleus, above min_p: draws and scores are of the law after options.

        At temperature 0 scores look at the law before it, which alone has something to rank.
        """

    def draw(self, uniforms: Float[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
        """The first token whose cumulative probability, in float64, exceeds the uniform; never one of probability 0."""

    def log_prob_of(self, tokens: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """log of the probability with which one token is drawn, in nats; -inf where that is 0."""

    def chance_of(self, tokens: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """A score: the probability of one token."""

    def confidence(self) -> Float[np.ndarray, "n"]:
        """A score: the largest probability."""

    def margin(self) -> Float[np.ndarray, "n"]:
        """A score: by how much the largest probability exceeds the second."""

    def entropy(self) -> Float[np.ndarray, "n"]:
        """A score: the entropy in nats."""

    def numpy(self) -> Float[np.ndarray, "n vocab_size"]:
        """The laws that tokens are drawn from, in float64."""


@runtime_checkable
class Canvas(Protocol):
    """Partly revealed sequences, written to and asked.

    A canvas that has `marginals(rows, positions)` in the place of `ask` and `settle_before`, the laws as an array or a
    tensor, is wrapped where it is opened (`MarginalsCanvas`).
    """

    calls: Int[np.ndarray, "count"]
    rounds: Int[np.ndarray, "count"]
    impossible: Bool[np.ndarray, "count"]

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs; the mask erases."""

    def ask(
        self,
        rows: Int[np.ndarray, "n"],
        positions: Int[np.ndarray, "n"],
        *,
        level: Float[np.ndarray, "n"] | None = None,
    ) -> Answers:
        """The posterior of each (row, position) pair; every row named is charged one call and one round.

        Laws that sum to 1, or to 0 where the context is impossible: the sequence is then marked in `impossible`.
        `level` is the share of each row that is masked, for denoisers that are `told_level`.
        """

    def settle_before(self, position: int) -> None:
        """A hint: nothing left of `position` changes again in any row, so what was computed of it may be kept."""


@runtime_checkable
class MarginalsCanvas(Protocol):
    """A canvas that answers with laws as an array: what the exact oracles have, and the least that a plug-in needs."""

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

    @property
    def noise(self) -> str:
        """The noise that left it."""

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

    def posterior(self, evidence: Evidence) -> Any:
        """The law of the token at every position given the evidence at all; each row is charged a call and a round.

        (count, length, vocab_size), as an array or a tensor.
        """


@runtime_checkable
class SequenceModel(Protocol):
    """Anything that generates sequences and scores them."""

    vocab_size: int
    spec: Spec

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value; equal identities mean equal models."""

    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Samples:
        """Sequences first..first+count-1 of the stream that (model, length, seed) names.

        A model that takes prompts (`ModelDefaults.takes_prompts`) has `prompt` besides, here and in `log_prob`: tokens
        (count, length), or (length,) for all, the mask where nothing is given. It returns whole sequences. One that
        `finishes` has `finish` and `trust` besides: sequences are drawn to their end also where they went wrong.
        """

    def log_prob(
        self, tokens: TokensLike, seed: int, *, first: int = 0, plans: int = 1, threads: int | None = None
    ) -> LogProb:
        """log p(x) in nats, or a bound of it, for sequences numbered from `first`."""
