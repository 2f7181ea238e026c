"""A denoiser with a known learning error."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.canvases import ChangedCanvas, at_home
from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.origin import is_built_in
from mdmtheory.core.plugins import conforms
from mdmtheory.core.protocols import Canvas, Denoiser, Language, MarginalsCanvas, NoisyCanvas, PlanRun
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.oracles.answers import LawAnswers
from mdmtheory.oracles.base import OracleBase
from mdmtheory.oracles.oracle import Oracle


class Perturbed(DenoiserDefaults):
    """A denoiser mixed with the uniform law so that at every context KL(denoiser || perturbed) = epsilon nats.

    Where even the uniform law is nearer than that, it is the uniform law. With the oracle inside, epsilon is the
    learning error of 2502.09622 at every context (the most attainable where that is less).
    """

    def __init__(self, denoiser: Denoiser, *, epsilon: float) -> None:
        if not 0 < epsilon < np.inf:
            raise ValueError(f"epsilon is {epsilon}; pass a positive number of nats")
        self.base: Any = as_denoiser(denoiser)
        self.epsilon = float(epsilon)
        self.vocab_size, self.noises = self.base.vocab_size, self.base.noises
        self.device, self.computed, self.reveals = self.base.device, self.base.computed, self.base.reveals
        self.sees, self.block, self.told_level = self.base.sees, self.base.block, self.base.told_level
        self.length, self.noise_embedding = self.base.length, self.base.noise_embedding
        self.noise_ends = self.base.noise_ends
        self.refusals, self.trust, self.language = self.base.refusals, self.base.trust, self.base.language
        of_language = isinstance(self.base, OracleBase) and is_built_in(self.base)
        self.fused = of_language and self.base.fused
        inside = () if of_language and not self.base.spec.options else (("of", str(self.base.spec)),)
        self.spec = Spec("perturbed", (("epsilon", self.epsilon), *inside))

    def __repr__(self) -> str:
        return f"Perturbed({self.base!r}, epsilon={self.epsilon})"

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["perturbed", self.epsilon, self.base.identity]

    def trusting(self, trust: float) -> Perturbed | None:
        """The denoiser inside where it trusts what is revealed so far, perturbed as this one."""
        base = self.base.trusting(trust)
        return None if base is None else Perturbed(base, epsilon=self.epsilon)

    def batch(self, length: int) -> int | None:
        """As the denoiser inside."""
        asked: int | None = self.base.batch(length)
        return asked

    def validate_length(self, length: int) -> None:
        """ValueError where the denoiser inside is for sequences of another length."""
        self.base.validate_length(length)

    @whole_numbers(threads=1)
    def conditionals(
        self, tokens: TokensLike, *, threads: int | None = None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """Perturbed marginals at masked positions; rows of revealed tokens stay one-hot."""
        from mdmtheory.kernels.marginals import perturb_rows

        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        marginals: Float[np.ndarray, "count length vocab_size"] = self.base.conditionals(tokens, threads=threads)
        masked = tokens == self.vocab_size
        rows = marginals[masked]
        perturb_rows(rows, self.epsilon)
        marginals[masked] = rows
        return marginals

    @whole_numbers(count=0, length=1, threads=1)
    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> MarginalsCanvas | NoisyCanvas:
        """A canvas of the denoiser inside, its marginals perturbed."""
        inside = self.base.open(count, length, noise=noise, prompt=prompt, threads=threads)
        changed = _ChangedAnswers if conforms(inside, Canvas) else ChangedCanvas
        return changed(inside, partial(_perturbed, self.epsilon))

    def run_plan(self, *arguments: Any, **options: Any) -> PlanRun:
        """As the `run_plan` of the oracle inside."""
        run: PlanRun = self.base.run_plan(*arguments, **options, epsilon=self.epsilon)
        return run


def _perturbed(
    epsilon: float, laws: Float[np.ndarray, "*places vocab_size"]
) -> Float[np.ndarray, "*places vocab_size"]:
    from mdmtheory.kernels.marginals import perturb_rows

    laws = np.require(laws, requirements=["C", "W"])
    perturb_rows(laws.reshape(-1, laws.shape[-1]), epsilon)
    return laws


class _ChangedAnswers(ChangedCanvas):
    """Of a canvas that answers: told and asked as that one is."""

    settle_before = property(attrgetter("inside.settle_before"))

    def ask(self, rows: Any, positions: Any, **told: Any) -> LawAnswers:
        return LawAnswers.of(self.change(at_home(self.inside.ask(rows, positions, **told))))


@registered(
    "denoiser", "perturbed", version=1, place=2, examples=("epsilon=0.05", "epsilon=2.0"), sources=("feng2025",)
)
def named(language: Language, *, epsilon: float) -> Denoiser:
    """The oracle moved epsilon nats towards uniform at every context."""
    return Perturbed(Oracle(language), epsilon=epsilon)
