"""What a denoiser is asked to see what it has learned: contexts of the kind that it was made for, in steps of a walk.

A walk reveals one position a step: in random order, from the left, or in random order block after block. At step k it
asks for the law of the position that comes next, so contexts drawn with every step equally likely have means that are
the L-th part of sums along the walk (docs/theory.md, 2.9; ours).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.given import Given
from mdmtheory.core.long_calls import counted
from mdmtheory.core.prompts import Answered, Prompt, with_answers
from mdmtheory.core.protocols import Answers, Evidence, Language
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens
from mdmtheory.metrics.strata import first_places
from mdmtheory.models.asking import OpenCanvas, home, posteriors_of, together
from mdmtheory.models.beside import CanvasBesideTokens
from mdmtheory.models.embedding import as_embedding
from mdmtheory.oracles.evidence import GaussianEvidence, UniformEvidence
from mdmtheory.samplers.by_block import block_lengths
from mdmtheory.schedules import LossProfile, from_losses

NOISES = ("masked", "uniform", "gaussian")
"""Noises under which a denoiser has laws of tokens to compare."""

LEVELS = 16
"""Levels of uniform and Gaussian noise, evenly spaced up to that at which nothing is left."""

LOSS_RATIOS = 16
"""Mask ratios below 1 of a loss profile."""

Laws = Float[np.ndarray, "n vocab_size"]


class Batch(NamedTuple):
    """Rows first..last-1, asked at once: (row, position) pairs, row by row, and the step of each.

    Rows are numbered from 0 in the batch. `exact` gives the exact laws of the pairs of some rows.
    """

    first: int
    last: int
    rows: Int[np.ndarray, "n"]
    positions: Int[np.ndarray, "n"]
    steps: Int[np.ndarray, "n"]
    answers: Answers
    exact: Callable[[slice], Laws]


@dataclass(frozen=True, eq=False)
class Contexts(ABC):
    """A kind of contexts of a denoiser and a language; row r has a stream of its own, whatever else is drawn.

    `name` says what they are. Of each row one step is asked, or with `whole` every one; with `one_step` all rows of a
    batch are at one. Where positions are `given` they are shown, and steps, shares and positions are of the answer.
    """

    denoiser: Any
    language: Language
    length: int
    seed: int
    threads: int | None
    given: Given | None = None

    whole: ClassVar[bool] = False
    one_step: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """In words."""

    @property
    @abstractmethod
    def ratios(self) -> Float[np.ndarray, "steps"]:
        """The share that is hidden at each step, rising: masked, or lost to noise."""

    @abstractmethod
    def batch(self, first: int, steps: Int[np.ndarray, "rows"]) -> Batch:
        """Rows from `first` on at these steps."""

    def batches(self, steps: Int[np.ndarray, "count"]) -> Iterator[Batch]:
        """All rows at these steps, as many at once as the denoiser takes."""
        size = together(self.denoiser, self.length)
        for first in counted(range(0, len(steps), size), "batches of contexts"):
            yield self.batch(first, steps[first : first + size])

    def losses(
        self, steps: Int[np.ndarray, "count"], losses: Float[np.ndarray, "count"], weights: Float[np.ndarray, "count"]
    ) -> LossProfile | None:
        """Losses by mask ratio in random order, from those of rows at these steps; None where the order is another."""
        return None

    @cached_property
    def _oracle(self) -> Any:
        """The exact posterior; it keeps tables."""
        return self.language.oracle()

    def _tokens(self, first: int, count: int) -> Tokens:
        return self.language.sample(count, self.length, self.seed, first=first, threads=self.threads)

    def _states(self, first: int, count: int) -> np.ndarray:
        return stream_states(["learning error", self.language.digest, self.length, self.seed], first, count)

    @property
    def answered(self) -> int:
        """How many tokens an answer has: all where nothing is given."""
        return self.length if self.given is None else self.given.answer_length

    def _parts(self, tokens: Tokens) -> tuple[Prompt | None, Answered]:
        """What is given of whole sequences, and the answers."""
        if self.given is None:
            return None, tokens
        mask = self.language.vocab_size
        prompt = Prompt(self.given.prompts_of(tokens, mask), mask)
        return prompt, prompt.answers_of(tokens)

    def _order(self, first: int, count: int) -> Float[np.ndarray, "count answered"]:
        """Uniforms, whose order is a random order of the positions of each answer."""
        from mdmtheory.kernels.random import fill_uniforms

        uniforms = np.empty((count, self.answered))
        fill_uniforms(self._states(first, count), uniforms)
        return uniforms

    def _masked(
        self,
        first: int,
        hidden: Bool[np.ndarray, "rows answered"],
        steps: np.ndarray,
        later: Bool[np.ndarray, "rows answered"] | None = None,
    ) -> Batch:
        """A batch that asks hidden positions of the answers; those that come `later` are hidden too, and not asked."""
        prompt, clean = self._parts(self._tokens(first, len(steps)))
        masked = hidden if later is None else hidden | later
        shown = np.where(masked, self.language.vocab_size, clean).astype(clean.dtype)
        whole, own = with_answers(prompt, shown), slice(None) if prompt is None else prompt.answer
        rows, positions = np.nonzero(hidden)
        canvas = OpenCanvas(self.denoiser, len(shown), self.answered, prompt, self.threads, shown=shown)

        def exact(some: slice) -> Laws:
            laws: Laws = self._oracle.conditionals(whole[some], threads=self.threads)[:, own][hidden[some]]
            return laws

        answers = canvas.ask(rows, positions, shown)
        return Batch(first, first + len(shown), rows, positions, steps[rows], answers, exact)


class MaskedSets(Contexts):
    """Any set of n positions masked, n = 1..L: a walk in random order."""

    @property
    def name(self) -> str:
        """In words."""
        return "masked sets"

    @property
    def ratios(self) -> Float[np.ndarray, "steps"]:
        """The share that is hidden at each step."""
        return np.arange(1, self.answered + 1) / self.answered

    def batch(self, first: int, steps: Int[np.ndarray, "rows"]) -> Batch:
        """Rows from `first` on at these steps."""
        return self._masked(first, first_places(self._order(first, len(steps)), steps + 1), steps)

    def losses(
        self, steps: Int[np.ndarray, "count"], losses: Float[np.ndarray, "count"], weights: Float[np.ndarray, "count"]
    ) -> LossProfile | None:
        """Of a masked token where each of the others is masked with a probability t: n - 1 ~ Bin(L - 1, t), L answered.

        Means over rows that count by it (importance sampling), with their standard errors. None where n = L may be
        missing, as fewer rows than positions may have it.
        """
        from scipy.stats import binom

        if len(steps) < self.answered or not np.isfinite(losses).all():
            return None
        ratios = np.append((np.arange(LOSS_RATIOS) + 0.5) / LOSS_RATIOS, 1.0)
        chances = weights * binom.pmf(steps, self.answered - 1, ratios[:, None])
        chances /= chances.sum(axis=1, keepdims=True)
        means = chances @ losses
        errors = np.sqrt((chances**2 * (losses - means[:, None]) ** 2).sum(axis=1))
        return from_losses(ratios, means, errors, name=f"losses of {self.denoiser.spec}")


class BlockContexts(Contexts):
    """Blocks before a block whole, in it any set of n positions masked, all after it: random order block by block.

    A step is one of the numbers n of one of the blocks; the share that is hidden is of the block.
    """

    @property
    def _block(self) -> int:
        return int(self.denoiser.block)

    @property
    def name(self) -> str:
        """In words."""
        return f"blocks of {self._block}"

    @property
    def ratios(self) -> Float[np.ndarray, "steps"]:
        """The share that is hidden at each step."""
        return self._steps()[2]

    def _steps(self) -> tuple[Int[np.ndarray, "steps"], Int[np.ndarray, "steps"], Float[np.ndarray, "steps"]]:
        """Block, number of masked positions and their share, step by step in the order of the share."""
        sizes = block_lengths(self.answered, self._block)
        blocks = np.repeat(np.arange(len(sizes)), sizes)
        masked = np.concatenate([np.arange(1, size + 1) for size in sizes])
        shares = masked / np.repeat(sizes, sizes)
        order = np.argsort(shares, kind="stable")
        return blocks[order], masked[order], shares[order]

    def batch(self, first: int, steps: Int[np.ndarray, "rows"]) -> Batch:
        """Rows from `first` on at these steps."""
        blocks, masked, _ = (each[steps] for each in self._steps())
        of = np.arange(self.answered) // self._block
        own = of == blocks[:, None]
        hidden = first_places(np.where(own, self._order(first, len(steps)), np.inf), masked)
        return self._masked(first, hidden, steps, later=of > blocks[:, None])


class Prefixes(Contexts):
    """All tokens left of a position, for every position: a walk from the left."""

    whole = True

    @property
    def name(self) -> str:
        """In words."""
        return "prefixes"

    @property
    def ratios(self) -> Float[np.ndarray, "steps"]:
        """The share that is hidden at each step."""
        return np.arange(1, self.answered + 1) / self.answered

    def batch(self, first: int, steps: Int[np.ndarray, "rows"]) -> Batch:
        """Rows from `first` on at these steps."""
        tokens = self._tokens(first, len(steps))
        prompt, shown = self._parts(tokens)
        rows, positions = np.nonzero(np.ones(shown.shape, dtype=np.bool_))
        canvas = OpenCanvas(self.denoiser, len(shown), self.answered, prompt, self.threads, shown=shown)
        before = self.length - self.answered  # who sees the left alone is given the first positions

        def exact(some: slice) -> Laws:
            laws: Laws = self._oracle.next_laws(tokens[some], first=before, threads=self.threads)[:, before:]
            return laws.reshape(-1, self.language.vocab_size)

        answers = canvas.ask(rows, positions, shown)
        return Batch(first, first + len(shown), rows, positions, self.answered - 1 - positions, answers, exact)


@dataclass(frozen=True, eq=False)
class NoisedContexts(Contexts):
    """Every position seen through a noise, at LEVELS levels; a level is the share of the signal that is lost.

    Of a denoiser that sees by blocks one block is seen so, each counting alike, beside the tokens before it. Where
    something is given answers alone are noised. With `support` exact laws of answers tell no more than which
    tokens are possible: those that are with nothing seen of the answer, since under these noises anything may be seen.
    """

    one_step: ClassVar[bool] = True

    _: KW_ONLY
    noise: str
    embedding: Any
    support: bool = False

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.noise} noise"

    @property
    def ratios(self) -> Float[np.ndarray, "steps"]:
        """The share that is hidden at each step."""
        return np.repeat(np.arange(1, LEVELS + 1) / LEVELS, len(self._blocks))

    @cached_property
    def _blocks(self) -> list[int]:
        """Lengths of what is noised at once: a step is a level and one of them."""
        answered = self.length if self.given is None else self.given.answer_length
        return block_lengths(answered, answered if self.denoiser.block is None else self.denoiser.block)

    def batches(self, steps: Int[np.ndarray, "count"]) -> Iterator[Batch]:
        """Evidence has one level, so rows of one level are asked at once."""
        size = together(self.denoiser, self.length)
        starts = np.flatnonzero(np.diff(steps, prepend=-1))
        for begin, end in zip(starts, [*starts[1:], len(steps)], strict=True):
            for first in range(begin, end, size):
                yield self.batch(int(first), steps[first : min(first + size, end)])

    def batch(self, first: int, steps: Int[np.ndarray, "rows"]) -> Batch:
        """Rows from `first` on at these steps."""
        count, kept = len(steps), float(1 - self.ratios[steps[0]])
        tokens = self._tokens(first, count)
        where, known = self._where(int(steps[0]) % len(self._blocks), tokens)
        seen = self._noised(np.ascontiguousarray(tokens[:, where]), self._states(first, count), kept)
        rows, positions = np.nonzero(np.ones(seen.shape[:2], dtype=np.bool_))

        def exact(some: slice) -> Laws:
            own = None if known is None else known[some]
            if own is not None and self.support:
                return self._possible(own, where)
            return home(self._asked(self._oracle, self._evidence(seen[some], kept), where, own))

        answers = self._asked(self.denoiser, self._evidence(seen, kept), where, known)
        return Batch(first, first + count, rows, positions, steps[rows], answers, exact)

    def _where(self, block: int, tokens: Tokens) -> tuple[Int[np.ndarray, "noised"], Tokens | None]:
        """Where a block stands, and what is known beside it, the mask elsewhere; None where nothing is."""
        places = np.arange(self.length) if self.given is None else np.flatnonzero(~self.given.positions)
        first = sum(self._blocks[:block])
        where = places[first : first + self._blocks[block]]
        if len(where) == self.length:
            return where, None
        known = tokens.copy()
        known[:, places[first:]] = self.language.vocab_size
        return where, known

    def _asked(self, denoiser: Any, evidence: Any, where: Int[np.ndarray, "noised"], known: Tokens | None) -> Answers:
        vocab_size = self.language.vocab_size
        count = len(evidence.tokens if self.noise == "uniform" else evidence.values)
        canvas = denoiser.open(count, self.length, noise=self.noise, threads=self.threads)
        seen = canvas if known is None else CanvasBesideTokens(canvas, where, known, vocab_size)
        return posteriors_of(seen, evidence, (count, len(where), vocab_size), denoiser)

    def _possible(self, known: Tokens, where: Int[np.ndarray, "noised"]) -> Laws:
        """The laws of tokens beside what is known with nothing seen of them."""
        count, mask = len(known), self.language.vocab_size
        rows, columns = np.nonzero(np.ones((count, len(where)), dtype=np.bool_))
        canvas = OpenCanvas(self._oracle, count, self.length, None, self.threads, shown=known)
        assert (known[:, where] == mask).all()
        return home(canvas.ask(rows, where[columns], known))

    @cached_property
    def _vectors(self) -> Float[np.ndarray, "vocab dim"]:
        return as_embedding(self.embedding, self.language.vocab_size)[0]

    def _noised(self, tokens: Tokens, states: np.ndarray, kept: float) -> np.ndarray:
        """Noised tokens (rows, length), or values (rows, length, dim)."""
        from mdmtheory.kernels.noised import noise_tokens
        from mdmtheory.kernels.random import fill_normals

        if self.noise == "uniform":
            noised = np.empty_like(tokens)
            noise_tokens(tokens, kept, states, noised, self.language.vocab_size)
            return noised
        normals = np.empty((len(tokens), tokens.shape[1] * self._vectors.shape[1]))
        fill_normals(states, normals)
        return np.sqrt(kept) * self._vectors[tokens] + np.sqrt(1 - kept) * normals.reshape(*tokens.shape, -1)

    def _evidence(self, seen: np.ndarray, kept: float) -> Evidence:
        if self.noise == "uniform":
            return UniformEvidence(seen, kept, self.language.vocab_size)
        return GaussianEvidence(seen, kept, self._vectors)
