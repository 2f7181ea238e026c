"""Uniform diffusion: the clean tokens from ones of which some were drawn anew, held to the steps of the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.oracles.evidence import UniformEvidence
from mdmtheory.training.objectives.base import Noised, NoisedTensors
from mdmtheory.training.objectives.evidence import posteriors
from mdmtheory.training.objectives.in_steps import InSteps
from mdmtheory.training.objectives.strata import stratified

if TYPE_CHECKING:
    from torch import Tensor


@registered("objective", place=5, examples=("", "steps=4,schedule=cosine"), sources=("austin2021",))
@dataclass(frozen=True)
class UniformObjective(InSteps):
    """The bound of uniform diffusion in `steps` steps of a schedule (D3PM, 2107.03006), one step a sequence.

    The network says the law of x_0 given x_t and the level 1 - kept[t]; what it costs is the divergence of the step to
    x_s that this makes from q(x_s | x_t, x_0), position by position. The exact posterior's is -E_q of the bound of
    `UniformDiffusion` with the oracle: H(q) and the total correlations that the steps ignore (docs/theory.md, 8, 11).
    """

    name: ClassVar[str] = "uniform"
    noise = "uniform"
    told_level = True
    evidence = True

    def noised(self, clean: Tokens, generator: np.random.Generator) -> Noised:
        """Draw some tokens of each sequence anew; levels are spread over the batch."""
        step = 1 + stratified(len(clean), self.steps, generator)
        drawn = generator.integers(self.vocab_size, size=clean.shape)
        kept = generator.random(clean.shape) < self.kept[step][:, None]
        return self.at_step(clean, np.where(kept, clean, drawn).astype(np.int64), step)

    def at_step(self, clean: Tokens, seen: Int[np.ndarray, "rows length"], step: Int[np.ndarray, "rows"]) -> Noised:
        """Sequences seen as others, each at its level 1..steps."""
        return Noised(clean, seen, 1 - self.kept[step], np.full(clean.shape, float(self.steps)), step)

    def targets(
        self, oracle: Any, noised: Noised, threads: int | None = None, *, first: int = 0
    ) -> Float[np.ndarray, "rows length vocab_size"]:
        """q(x_0 | x_t) at every position."""
        assert noised.step is not None
        tokens = noised.seen[:, noised.noised_positions()].astype(token_dtype(self.vocab_size))
        kept = self.kept[noised.step]
        rows = [UniformEvidence(tokens[[i]], float(kept[i]), self.vocab_size) for i in range(len(tokens))]
        return posteriors(oracle, rows, noised, threads)

    def log_likelihood(self, noised: NoisedTensors) -> Tensor:
        """log(kept*1[v = token] + (1 - kept)/V)."""
        import torch

        own = torch.nn.functional.one_hot(noised.seen, self.vocab_size)
        lost = noised.level[:, None, None]
        return ((1 - lost) * own + lost / self.vocab_size).log()

    def costs(self, log_probs: Tensor, noised: NoisedTensors) -> Tensor:
        """KL(q(x_s | x_t, x_0 = v) || p(x_s | x_t)) at each position for every v, in O(V) a position.

        q(x_s = z | x_t, v) is forth(z) (kept_s 1[z = v] + fresh)/reach(v), with forth(z) = q(x_t | x_s = z),
        reach(v) = q(x_t | x_0 = v) and fresh = (1 - kept_s)/V.
        """
        import torch

        levels = torch.as_tensor(self.kept, dtype=log_probs.dtype, device=log_probs.device)
        kept, before = levels[noised.step][:, None, None], levels[noised.step - 1][:, None, None]
        stay, fresh = kept / before, (1 - before) / self.vocab_size
        own = torch.nn.functional.one_hot(noised.seen, self.vocab_size)
        reach = kept * own + (1 - kept) / self.vocab_size
        forth = stay * own + (1 - stay) / self.vocab_size
        ratio = log_probs - reach.log()
        anything = fresh.log() + ratio.logsumexp(dim=2, keepdim=True)
        said = forth.log() + torch.logaddexp(before.log() + ratio, anything)
        others = torch.where(fresh > 0, fresh * forth * said, 0.0)
        cross = (before * forth * said + others.sum(dim=2, keepdim=True)) / reach
        # The same with q in the place of p: of z = v, and of all others.
        same, other = forth * (before + fresh) / reach, forth * fresh
        apart = torch.xlogy(other, other).sum(dim=2, keepdim=True) - other.sum(dim=2, keepdim=True) * reach.log()
        entropies = torch.xlogy(same, same) - torch.xlogy(other / reach, other / reach) + apart / reach
        return entropies - cross
