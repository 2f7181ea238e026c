"""Uniform diffusion: tokens are drawn anew from all of them, and may change at every step of the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, UInt64

from mdmtheory.core.long_calls import counted
from mdmtheory.core.protocols import Denoiser, Language, NoisyCanvas
from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.models.noised import NoisedDiffusion, per_sequence
from mdmtheory.oracles.evidence import UniformEvidence

UPDATES = ("ancestral", "tweedie")


class UniformDiffusion(NoisedDiffusion):
    """Uniform noise (D3PM-uniform, 2107.03006; SEDD-uniform, 2310.16834): a token is kept with probability `kept[t]`.

    Each of the N steps draws every position anew, independently, from q(x_s^i | x_t), the q(x_s^i | x_t^i, x_0^i)
    averaged over the denoiser's posterior of x_0^i. `update` "ancestral" takes that average, "tweedie" goes by concrete
    scores, SEDD's analytic step; they are one law (docs/theory.md, section 8), reached in two ways. One call and one
    round a step, also where nothing changes. `schedule` and `steps` as for MaskedDiffusion: `kept` is the revealed
    fractions backwards.
    """

    noise = "uniform"

    def __init__(
        self, denoiser: Denoiser, *, steps: Any = None, schedule: Any = "linear", update: str = "ancestral"
    ) -> None:
        if update not in UPDATES:
            raise ValueError(f"unknown update {update!r} of uniform diffusion; known: {', '.join(UPDATES)}")
        self.update = update
        super().__init__(denoiser, steps, schedule, {"update": update})

    def _own_options(self) -> dict[str, Any]:
        return {"update": self.update}

    def reverse_laws(
        self, canvas: NoisyCanvas, tokens: Tokens, level: int
    ) -> Iterator[tuple[slice, Float[np.ndarray, "rows length vocab_size"]]]:
        """The laws from which the step from noise level `level` to `level` - 1 draws each position of noisy tokens.

        Of some sequences after the other (`posteriors`).
        """
        from mdmtheory.kernels import noised

        kernel: Callable[..., None] = (
            noised.uniform_reverse if self.update == "ancestral" else noised.uniform_reverse_by_scores
        )
        kept, kept_after = self.kept[level], self.kept[level - 1]
        evidence = UniformEvidence(tokens, float(kept), self.vocab_size)
        for rows, posterior in self.posteriors(canvas, evidence, *tokens.shape):
            out = np.empty(posterior.shape)
            kernel(tokens[rows], posterior, kept, kept_after, out)
            yield rows, out

    def _draw(self, canvas: NoisyCanvas, states: UInt64[np.ndarray, "count 4"], length: int) -> Tokens:
        from mdmtheory.kernels.marginals import draw_rows
        from mdmtheory.kernels.noised import noise_tokens
        from mdmtheory.kernels.random import fill_uniforms

        tokens = np.zeros((len(states), length), dtype=token_dtype(self.vocab_size))
        noise_tokens(tokens, 0.0, states, tokens, self.vocab_size)
        uniforms, drawn = np.empty(tokens.shape), np.empty(tokens.shape, dtype=np.int64)
        for level in counted(range(self.steps, 0, -1), "steps"):
            fill_uniforms(states, uniforms)
            for rows, laws in self.reverse_laws(canvas, tokens, level):
                draw_rows(laws.reshape(-1, self.vocab_size), uniforms[rows].reshape(-1), drawn[rows].reshape(-1))
            tokens = drawn.astype(tokens.dtype)
        return tokens

    def _weigh(
        self, canvas: NoisyCanvas, tokens: Tokens, states: UInt64[np.ndarray, "count 4"]
    ) -> Float[np.ndarray, "count"]:
        """-L log V + sum over steps and positions of log p(x_s | x_t) - log q(x_t | x_s)."""
        from mdmtheory.kernels.noised import noise_tokens

        weight = np.full(len(tokens), -tokens.shape[1] * np.log(self.vocab_size))
        less = tokens
        for level in counted(range(1, self.steps + 1), "steps"):
            noisy = np.empty_like(tokens)
            noise_tokens(less, self.kept[level] / self.kept[level - 1], states, noisy, self.vocab_size)
            for rows, laws in self.reverse_laws(canvas, noisy, level):
                gains = self.step_gains(laws, noisy[rows], level)
                weight[rows] += per_sequence(np.take_along_axis(gains, less[rows, :, None].astype(np.int64), axis=2))
            less = noisy
        return weight

    def step_gains(
        self, laws: Float[np.ndarray, "count length vocab_size"], noisy: Tokens, level: int
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """log p(x_s = z | x_t) - log q(x_t | x_s = z) in nats for every z at every position; -inf where p is 0."""
        stay = self.kept[level] / self.kept[level - 1]
        forth = np.full(laws.shape, (1 - stay) / self.vocab_size)
        own = noisy[:, :, None].astype(np.int64)
        np.put_along_axis(forth, own, stay + (1 - stay) / self.vocab_size, axis=2)
        with np.errstate(divide="ignore"):
            gains: Float[np.ndarray, "count length vocab_size"] = np.log(laws) - np.log(forth)
        return gains


@registered(
    "model",
    "uniform",
    version=1,
    place=2,
    said="uniform noise",
    family="other noise",
    needs=("denoiser", "schedule", "steps"),
    sources=("austin2021", "lou2024"),
)
def named(
    language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any, *, update: str = "ancestral"
) -> UniformDiffusion:
    """Uniform noise: every step draws every token anew, given all; update=ancestral or tweedie; no sampler."""
    return UniformDiffusion(denoiser, steps=steps, schedule=schedule, update=update)
