"""D3PM (2107.03006): the bound of a chain of T steps, and the cross-entropy of the clean tokens besides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.training.objectives.base import Noised, NoisedTensors, Objective
from mdmtheory.training.objectives.in_steps import InSteps
from mdmtheory.training.objectives.mdm import MaskedObjective
from mdmtheory.training.objectives.strata import stratified
from mdmtheory.training.objectives.uniform import UniformObjective

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class MaskedChain(InSteps, MaskedObjective, ABC):
    """Masks in T = `steps` steps of a schedule, one step t a sequence: each token is masked with chance 1 - kept[t].

    A subclass says what a masked token weighs in each step. A posterior does not know t beyond the masks that it sees,
    and a network that is told a level is told their share.
    """

    def noised(self, clean: Tokens, generator: np.random.Generator) -> Noised:
        """Mask some tokens of each sequence; levels are spread over the batch."""
        step = 1 + stratified(len(clean), self.steps, generator)
        return self.at_step(clean, generator.random(clean.shape) >= self.kept[step][:, None], step)

    def at_step(self, clean: Tokens, hidden: Bool[np.ndarray, "rows length"], step: Int[np.ndarray, "rows"]) -> Noised:
        """The sequences with these positions masked, each at its level 1..steps."""
        weights = np.where(hidden, self.of_masked(step)[:, None], 0.0)
        seen = np.where(hidden, self.vocab_size, clean).astype(np.int64)
        return Noised(clean, seen, hidden.mean(axis=1), weights)

    @abstractmethod
    def of_masked(self, step: Int[np.ndarray, "rows"]) -> Float[np.ndarray, "rows"]:
        """What a masked token weighs at each level."""

    def in_the_bound(self, step: Int[np.ndarray, "rows"]) -> Float[np.ndarray, "rows"]:
        """T (kept[t-1] - kept[t])/(1 - kept[t]), T times the chance that the step back sets a masked token."""
        found: Float[np.ndarray, "rows"] = self.steps * (self.kept[step - 1] - self.kept[step]) / (1 - self.kept[step])
        return found


class Chain(Objective, ABC):
    """What both kinds of chain say of themselves: their kind, and a cross-entropy of all tokens besides the bound."""

    name: ClassVar[str] = "d3pm"
    kind: ClassVar[str]
    auxiliary: float

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[misc]  # that of the chain beside it
        if not 0 <= self.auxiliary < np.inf:
            raise ValueError(f"auxiliary is {self.auxiliary}; pass the weight of the cross-entropy, 0 or more")

    @property
    def spec(self) -> Spec:
        """With its kind."""
        return Spec.of(self.name, kind=self.kind, **dict(super().spec.options))


@dataclass(frozen=True)
class AbsorbingChain(Chain, MaskedChain):
    """A masked token weighs as in the bound of the chain, and every token, set ones among them, T `auxiliary` more.

    Without that the exact posterior's is minus the bound of the T `ancestral` steps of `MaskedDiffusion` with the
    oracle: H(q) and the total correlations of what they draw together.
    """

    kind: ClassVar[str] = "absorbing"

    _: KW_ONLY
    auxiliary: float = 0.01

    def at_step(self, clean: Tokens, hidden: Bool[np.ndarray, "rows length"], step: Int[np.ndarray, "rows"]) -> Noised:
        """The sequences with these positions masked, each at its level 1..steps."""
        found = super().at_step(clean, hidden, step)
        return replace(found, weights=found.weights + self.steps * self.auxiliary)

    def of_masked(self, step: Int[np.ndarray, "rows"]) -> Float[np.ndarray, "rows"]:
        """That of the bound."""
        return self.in_the_bound(step)


@dataclass(frozen=True)
class UniformChain(Chain, UniformObjective):
    """The bound of uniform noise in T = `steps` steps, T `auxiliary` times the cross-entropy of all tokens added."""

    kind: ClassVar[str] = "uniform"

    _: KW_ONLY
    auxiliary: float = 0.0

    def costs(self, log_probs: Tensor, noised: NoisedTensors) -> Tensor:
        """The divergence of the step, and -auxiliary log p(x_0)."""
        return super().costs(log_probs, noised) - self.auxiliary * log_probs


KINDS: dict[str, type[AbsorbingChain | UniformChain]] = {each.kind: each for each in (AbsorbingChain, UniformChain)}


@registered(
    "objective",
    "d3pm",
    version=1,
    place=8,
    examples=("steps=4", "kind=uniform,steps=4,auxiliary=0.01"),
    sources=("austin2021",),
)
def named(
    vocab_size: int,
    *,
    kind: str = "absorbing",
    steps: int = 64,
    schedule: str = "linear",
    auxiliary: float | None = None,
) -> Objective:
    """The bound of T = `steps` steps of masks or uniform noise (D3PM, 2107.03006), and a cross-entropy: L_lambda.

    `kind` is `absorbing` or `uniform`. `auxiliary` is the paper's lambda, the weight beside each step of the
    cross-entropy of all clean tokens; unless said it is that of its programs for text, 0.01 with masks, 0 with uniform
    noise, where it is the objective `uniform`. The exact posterior is best at both terms.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r} of d3pm; known: {', '.join(KINDS)}")
    weight = {} if auxiliary is None else {"auxiliary": auxiliary}
    return KINDS[kind](vocab_size, steps=steps, schedule=schedule, **weight)
