"""Rules that reveal what they hold to be safe, however many positions that is, and always the best one."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from mdmtheory.core.protocols import Answers
from mdmtheory.core.register import registered
from mdmtheory.oracles.token_laws import DECIMALS
from mdmtheory.samplers.protocol import Drawn, Positions, State
from mdmtheory.samplers.rule import BestRule, Ranked, Rule, Scores, ranking


@dataclass(frozen=True, kw_only=True, repr=False)
class _LowestEntropies(BestRule, ABC):
    """Positions from the lowest entropy up."""

    def score(self, answers: Answers, drawn: Drawn) -> Scores:
        """Minus the entropy."""
        return -answers.entropy()


@registered(
    "sampler", version=1, family="as many as allowed", place=14, examples=("gamma=0.5",), sources=("benhamu2025",)
)
@dataclass(frozen=True, kw_only=True, repr=False)
class EntropyBound(_LowestEntropies):
    """Lowest entropies first, while their sum less the largest is at most gamma nats (2505.24857).

    That sum bounds the total correlation of the step, so KL(q || p) <= gamma E_q[calls] with the exact denoiser
    (docs/theory.md, section 6). gamma = 0 reveals what is certain, and one position more.
    """

    gamma: float

    name = "entropy_bound"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_nats("gamma", self.gamma)

    def cut(self, ranked: Ranked, state: State) -> Int[np.ndarray, "rows"]:
        """How many have entropies before them that sum to at most gamma."""
        before = np.zeros_like(ranked)
        before[:, 1:] = np.cumsum(-ranked[:, :-1], axis=1)
        return _at_most(before, self.gamma)


@registered("sampler", version=1, family="as many as allowed", place=15, examples=("h=1.0",), sources=("cai2026",))
@dataclass(frozen=True, kw_only=True, repr=False)
class EntropySum(_LowestEntropies):
    """Lowest entropies first, while their sum is at most h nats (2603.22248)."""

    h: float

    name = "entropy_sum"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_nats("h", self.h)

    def cut(self, ranked: Ranked, state: State) -> Int[np.ndarray, "rows"]:
        """How many have entropies that sum to at most h."""
        return _at_most(np.cumsum(-ranked, axis=1), self.h)


@registered("sampler", version=1, family="as many as allowed", place=16, examples=("tau=0.6",), sources=("wu2025",))
@dataclass(frozen=True, kw_only=True, repr=False)
class Threshold(BestRule):
    """Every position whose most probable token has probability tau or more (Fast-dLLM)."""

    tau: float

    name = "threshold"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.tau <= 1:
            raise ValueError(f"tau is {self.tau}; pass a probability above 0 and at most 1")

    def score(self, answers: Answers, drawn: Drawn) -> Scores:
        """The largest probability."""
        return answers.confidence()

    def choose(self, scores: Ranked, wanted: Positions, state: State) -> Positions:
        """Those that reach tau, else the best."""
        reached = scores >= np.round(self.tau, DECIMALS)
        return np.where(reached.any(axis=1, keepdims=True), reached, super().choose(scores, wanted, state))

    def cut(self, ranked: Ranked, state: State) -> Int[np.ndarray, "rows"]:
        """One, where none reaches tau."""
        return np.ones(len(ranked), dtype=np.int64)


@registered(
    "sampler",
    version=1,
    family="as many as allowed",
    place=17,
    examples=("mu=0.1",),
    sources=("azangulov2025", "sharma2026"),
)
@dataclass(frozen=True, kw_only=True, repr=False)
class Independent(Rule):
    """From the most confident down, positions whose mutual information with each one chosen is below mu nats.

    Given what is set, and exact: the limit of decoders that guess which positions depend on each other. Pairs are not
    everything: on parity all are independent, and all are revealed at once. mu = 0 reveals one position a step.
    """

    mu: float

    name = "independent"
    sees_pairs = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_nats("mu", self.mu)

    def score(self, answers: Answers, drawn: Drawn) -> Scores:
        """The largest probability."""
        return answers.confidence()

    def choose(self, scores: Ranked, wanted: Positions, state: State) -> Positions:
        """The best, then each that is nearly independent of those before it."""
        from mdmtheory.kernels.ranks import choose_apart

        assert state.pairs is not None
        free, chosen = wanted.copy(), np.zeros_like(wanted)
        ranked, pairs = ranking(scores, state.order), np.require(state.pairs, np.float64, ["C", "W"])
        choose_apart(ranked, pairs, 10.0**DECIMALS, float(np.round(self.mu, DECIMALS)), free, chosen)
        return chosen


def _check_nats(name: str, value: float) -> None:
    if not 0 <= value < np.inf:
        raise ValueError(f"{name} is {value}; pass 0 or a positive number of nats")


def _at_most(sums: Ranked, bound: float) -> Int[np.ndarray, "rows"]:
    """How many sums, rising along each row, are at most the bound, but for what rounding each term has added."""
    return (sums <= bound + sums.shape[1] * 10.0**-DECIMALS).sum(axis=1)
