"""Hidden Markov models."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.evaluable import call
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_EMISSIONS, MOST_TABLE_ENTRIES, check_limit
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.base import LanguageBase
from mdmtheory.languages.baum_welch import baum_welch, drawn_laws
from mdmtheory.languages.chain import Chain
from mdmtheory.languages.laws import (
    ATTEMPTS,
    alike,
    as_floats,
    checked_law,
    closed_classes,
    dirichlet_rows,
    furthest_off,
    on_grain,
    pruned,
    stationary_law,
)
from mdmtheory.languages.support import Support
from mdmtheory.languages.text import token_sequences

ENTRIES_AT_ONCE = 1 << 24
"""Probabilities of tokens that are drawn at a time: 128 MiB, of which there are several copies meanwhile."""

JOINT_COLUMNS = 1 << 20
"""Largest table of joint draws (next state and token); larger models draw the two one after the other."""


class HMM(LanguageBase):
    """A hidden Markov model: state s_0 ~ initial, s_{i+1} ~ transition[s_i], x_i ~ emission[s_i].

    Shapes (S,), (S, S), (S, V). Rows must sum to 1 within 1e-9, else ValueError names the row. Rows of float32, as
    torch and jax fit them, may be off by 1e-5 and are divided by their sums; `rounded` and the repr say how far off.

    >>> HMM([1.0, 0.0], [[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]).log_prob([[0, 1, 1]]).round(4).tolist()
    [-0.6931]
    """

    kind = "hmm"
    oracle_name = "chain"
    version = 1
    arrays = ("initial", "transition", "emission")

    def __init__(self, initial: Any, transition: Any, emission: Any, *, spec: Spec | None = None) -> None:
        self.transition = checked_law(transition, "transition")
        states = len(self.transition)
        if self.transition.shape != (states, states):
            raise ValueError(f"transition has shape {self.transition.shape}; it must be square, one row for each state")
        self.initial = checked_law(initial, "initial", (states,))
        self.emission = checked_law(emission, "emission")
        if self.emission.ndim != 2 or len(self.emission) != states:
            raise ValueError(f"emission has shape {self.emission.shape}; expected ({states}, vocab_size)")
        self.vocab_size = self.emission.shape[1]
        self.rounded = furthest_off(initial, transition, emission)
        token_dtype(self.vocab_size)
        self._named(spec)

    @classmethod
    @whole_numbers(states=1, vocab_size=1, seed=0)
    def random(
        cls,
        *,
        states: int = 32,
        vocab_size: int = 8,
        seed: int = 0,
        prune_transition: float = 0.0,
        prune_emission: float = 0.0,
        sticky: float = 0.0,
        spec: Spec | None = None,
    ) -> HMM:
        """Dirichlet(1) rows, entries below prune/size zeroed, stationary initial law on the one closed class.

        `sticky` = s then replaces the transition matrix T by sI + (1-s)T. Entries are multiples of 2^-30. Redrawn up to
        1,000 times until the chain has exactly one closed class, then ValueError.
        """
        token_dtype(vocab_size)
        tables = (("MOST_TABLE_ENTRIES", MOST_TABLE_ENTRIES, states), ("MOST_EMISSIONS", MOST_EMISSIONS, vocab_size))
        for limit, most, columns in tables:
            large = f"{states=} and {vocab_size=} make a table of {states * columns:,} probabilities"
            check_limit(states * columns, most, limit, large, "use fewer of them")
        for name, prune in (("prune_transition", prune_transition), ("prune_emission", prune_emission)):
            if not prune >= 0:
                raise ValueError(f"{name} is {prune}; pass 0 or more (entries below it/size become zero)")
        if not 0 <= sticky < 1:
            raise ValueError(f"sticky is {sticky}; pass a number from 0 up to but not including 1")
        for attempt in range(ATTEMPTS):
            streams = stream_states(["random hmm", states, vocab_size, seed, attempt], 0, 2 * states)
            transition = on_grain(pruned(dirichlet_rows(streams[:states], states), prune_transition))
            classes = closed_classes(transition > 0)
            if len(classes) == 1:
                break
        else:
            raise ValueError(
                f"no chain with one closed class in {ATTEMPTS} draws ({states=}, {prune_transition=}); prune less"
            )
        emission = np.empty((states, vocab_size))
        at_once = max(1, ENTRIES_AT_ONCE // vocab_size)
        for a in range(0, states, at_once):
            drawn = dirichlet_rows(streams[states:][a : a + at_once], vocab_size)
            emission[a : a + at_once] = on_grain(pruned(drawn, prune_emission))
        initial = on_grain(stationary_law(transition, classes[0])[None])[0]
        if sticky:
            transition = on_grain(sticky * np.eye(states) + (1 - sticky) * transition)
        made = call(
            f"{cls.__name__}.random",
            states=states,
            vocab_size=vocab_size,
            seed=seed,
            prune_transition=prune_transition,
            prune_emission=prune_emission,
            sticky=sticky,
            **({} if spec is None else {"spec": spec}),
        )
        return cls(initial, transition, emission, spec=spec).made_by(made)

    @classmethod
    @whole_numbers(states=1, seed=0, vocab_size=1, iterations=1)
    def fit(
        cls,
        tokens: Any,
        *,
        states: int,
        seed: int = 0,
        vocab_size: int | None = None,
        iterations: int = 200,
        tolerance: float = 1e-6,
        spec: Spec | None = None,
    ) -> HMM:
        """The model with so many states that a search from the laws of a seed finds for a text, or sequences of tokens.

        Expectation and maximisation (Baum and Welch 1970), up to so many `iterations` or until one gains less than
        `tolerance` nats a token: a local maximum of the probability of the sequences, another one for another seed.
        Each sequence begins in the law of the first state; one long text is one sequence, and should be cut up where it
        is to be learnt how sequences begin. ValueError as of `NGram.fit`.
        """
        if not tolerance >= 0:
            raise ValueError(f"tolerance is {tolerance}; pass 0 nats a token or more")
        sequences, size = token_sequences(tokens, vocab_size)
        found, _ = baum_welch(drawn_laws(states, size, seed), sequences, iterations=iterations, tolerance=tolerance)
        return cls(*found, spec=spec)

    @classmethod
    def from_hmmlearn(cls, model: Any, *, spec: Spec | None = None) -> HMM:
        """That of hmmlearn's CategoricalHMM, by its `startprob_`, `transmat_` and `emissionprob_`."""
        names = ("startprob_", "transmat_", "emissionprob_")
        return cls(*_attributes(model, "hmmlearn", names), spec=spec)

    @classmethod
    def from_pomegranate(cls, model: Any, *, spec: Spec | None = None) -> HMM:
        """That of pomegranate's DenseHMM of Categorical distributions, by its logarithms `starts`, `edges` and `ends`.

        ValueError for one in which sequences end by themselves: languages here go on.
        """
        starts, edges, ends, states = _attributes(model, "pomegranate", ("starts", "edges", "ends", "distributions"))
        ending = np.exp(as_floats(ends, "ends"))
        if (ending > 0).any():
            raise ValueError(
                f"a state of the model ends sequences with probability {ending.max():.3g}, and languages here go on; "
                "fit it with ends of 0"
            )
        tables = [as_floats(_attributes(each, "pomegranate", ("probs",))[0], "probs") for each in states]
        return cls(
            np.exp(as_floats(starts, "starts")), np.exp(as_floats(edges, "edges")), _one_token(tables), spec=spec
        )

    @classmethod
    def from_dynamax(cls, params: Any, *, spec: Spec | None = None) -> HMM:
        """That of the parameters of dynamax's CategoricalHMM, with one emission a step."""
        initial, moves, tokens = _attributes(params, "dynamax", ("initial", "transitions", "emissions"))
        start, move, table = (
            as_floats(_attributes(each, "dynamax", (name,))[0], name)
            for each, name in ((initial, "probs"), (moves, "transition_matrix"), (tokens, "probs"))
        )
        return cls(start, move, _one_token(list(table)), spec=spec)

    @classmethod
    def from_tables(cls, tables: dict[str, Any]) -> HMM:
        """The initial law may be a row or a column."""
        return cls.from_parameters({**tables, "initial": np.ravel(tables["initial"])})

    @property
    def independent_tokens(self) -> bool:
        return alike(self.transition) or alike(self.emission)

    @property
    def width(self) -> int:
        return max(self.vocab_size, len(self.initial))

    @cached_property
    def chain(self) -> Chain:
        """The chain that the kernels work on."""
        return Chain.of(self.initial, self.transition, self.emission)

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Tokens:
        from mdmtheory.kernels.sampling import sample_hidden
        from mdmtheory.languages.tables import automaton_walks

        streams = self._streams(count, length, seed, first)
        out = np.empty((count, length), dtype=token_dtype(self.vocab_size))
        start = len(self.initial)
        if self._joint_bits is not None:
            return automaton_walks(self._joint_table, start, streams, out, threads)
        (moves, move_bits), (emissions, emission_bits) = self._separate_tables
        over_rows(
            lambda a, b: sample_hidden(moves, move_bits, emissions, emission_bits, start, streams[a:b], out[a:b]),
            count,
            threads,
        )
        return out

    @whole_numbers(threads=1)
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        return self.chain.log_prob(as_tokens(tokens, self.vocab_size), threads)

    @property
    def has_every_sequence(self) -> bool:
        """Whether from every state, and at the start, each token can come next: then all sequences are possible.

        The converse does not hold: False says that it is not known.
        """
        can_be_next = np.vstack([self.chain.initial, self.chain.transition]) @ (self.chain.emission > 0) > 0
        return bool(can_be_next.all())

    def in_support(self, tokens: TokensLike) -> Bool[np.ndarray, "count"]:
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        return self.chain.possible(tokens) & (tokens < self.vocab_size).all(axis=1)

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        return self.chain.support.reading(np.arange(length))

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        return self._sampled_entropy(length, count, seed)

    @whole_numbers(count=0, seed=0)
    def entropy_rate(self, count: int = 2_000, seed: int = 0) -> Estimate:
        """An estimated upper bound in nats a token, (H(1024) - H(512)) / 512: it falls to the rate with the length."""
        return self._sampled_entropy_rate(count, seed)

    def parameters(self) -> dict[str, Any]:
        return {"initial": self.initial, "transition": self.transition, "emission": self.emission}

    @property
    def _joint_bits(self) -> int | None:
        """log2 of the columns that a row of joint draws needs, None where the table would be too large."""
        tokens = (self.emission > 0).sum(axis=1)
        outcomes = [int((row > 0) @ tokens) for row in (*self.transition, self.initial)]
        bits = max(max(outcomes) - 1, 0).bit_length()
        return bits if (len(self.initial) + 1) << bits <= JOINT_COLUMNS else None

    @cached_property
    def _joint_table(self) -> tuple[Any, int, int]:
        from mdmtheory.languages.tables import alias_rows

        bits = self._joint_bits
        assert bits is not None
        token_bits = max(self.vocab_size - 1, 1).bit_length()
        label = (np.arange(len(self.initial))[:, None] << token_bits) | np.arange(self.vocab_size)[None]
        rows = ((row[:, None] * self.emission).ravel() for row in (*self.transition, self.initial))
        return alias_rows(rows, label.ravel(), len(self.initial) + 1, bits), bits, token_bits

    @cached_property
    def _separate_tables(self) -> tuple[tuple[Any, int], tuple[Any, int]]:
        from mdmtheory.languages.tables import alias_rows

        states, vocab_size = self.emission.shape
        move_bits, emission_bits = (max(n - 1, 1).bit_length() for n in (states, vocab_size))
        moves = alias_rows((*self.transition, self.initial), np.arange(states), states + 1, move_bits)
        return (moves, move_bits), (
            alias_rows(self.emission, np.arange(vocab_size), states, emission_bits),
            emission_bits,
        )


def _attributes(model: Any, package: str, names: tuple[str, ...]) -> tuple[Any, ...]:
    """Attributes of another package's model; ValueError that names the one it lacks."""
    for name in names:
        if not hasattr(model, name):
            raise ValueError(f"a {type(model).__name__} has no {name}; pass a fitted categorical model of {package}")
    return tuple(getattr(model, name) for name in names)


def _one_token(tables: list[Float[np.ndarray, "..."]]) -> Float[np.ndarray, "states vocab"]:
    """A row of token probabilities a state, of tables with one dimension of emissions."""
    if any(each.ndim == 2 and len(each) != 1 for each in tables):
        raise ValueError("the model emits several numbers a step; pass one that emits one")
    return np.stack([each.reshape(-1) for each in tables])


@registered(
    "language",
    "hmm",
    completable=True,
    family="random chain",
    place=1,
    said="HMM",
    examples=("", "states=4,vocab_size=3,sticky=0.9"),
    sources=("feng2025",),
)
@whole_numbers(states=1, vocab_size=1, seed=0)
def preset(
    *,
    states: int = 32,
    vocab_size: int = 8,
    seed: int = 0,
    prune_transition: float = 2.5,
    prune_emission: float = 2.0,
    sticky: float = 0.0,
) -> HMM:
    """A random hidden Markov model with pruned Dirichlet(1) rows; sticky=s stays in a state with probability s."""
    return HMM.random(
        states=states,
        vocab_size=vocab_size,
        seed=seed,
        prune_transition=prune_transition,
        prune_emission=prune_emission,
        sticky=sticky,
    )
