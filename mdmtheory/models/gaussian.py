"""Gaussian diffusion on embeddings of tokens, decoded in the last step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, UInt64

from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.estimate import Kind
from mdmtheory.core.long_calls import counted
from mdmtheory.core.protocols import Denoiser, Language, NoisyCanvas
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.models.embedding import as_embedding, embedding_named
from mdmtheory.models.noise_steps import ddpm_step, denoised
from mdmtheory.models.noised import NoisedDiffusion, per_sequence
from mdmtheory.oracles.evidence import GaussianEvidence
from mdmtheory.oracles.token_laws import truncated

UPDATES = ("ddpm", "ddim")
DECODES = ("draw", "argmax")

Values = Float[np.ndarray, "count length dim"]


class GaussianDiffusion(NoisedDiffusion):
    """Gaussian noise on embeddings (Diffusion-LM, 2205.14217): x_t = √kept[t] e(x_0) + √(1 - kept[t]) ε.

    `kept[t]` (ᾱ_t of 2006.11239) is the schedule's revealed fractions backwards: ᾱ_N = 0, and linear is 1 - t/N. Each
    step but the last takes the posterior mean of e(x_0) and moves towards it, `update` "ddpm" with the variance of
    q(x_s | x_t, x_0), "ddim" (2010.02502) without noise. The last step decodes the posterior at the least noise,
    ᾱ_1 = a_{N-1}: `decode` "draw" draws each position from it, "argmax" takes the likeliest token. N calls and rounds.

    `embedding` is "onehot", "random:dim=16,seed=0" or an array (V, dim); unless said the one that the denoiser was
    trained with, and "onehot" where it knows any.
    """

    noise = "gaussian"

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        embedding: str | Spec | Any = None,
        steps: Any = None,
        schedule: Any = "linear",
        update: str = "ddpm",
        decode: str = "draw",
    ) -> None:
        for name, value, known in (("update", update, UPDATES), ("decode", decode, DECODES)):
            if value not in known:
                raise ValueError(f"unknown {name} {value!r} of Gaussian diffusion; known: {', '.join(known)}")
        self.update, self.decode = update, decode
        if embedding is None:
            own = as_denoiser(denoiser).noise_embedding
            embedding = "onehot" if own is None else own
        self.embedding, named = as_embedding(embedding, denoiser.vocab_size)
        self._embedding = str(embedding) if isinstance(embedding, str | Spec) else self.embedding
        super().__init__(denoiser, steps, schedule, {**named, "update": update, "decode": decode})

    def _own_options(self) -> dict[str, Any]:
        return {"embedding": self._embedding, "update": self.update, "decode": self.decode}

    @property
    def log_prob_kind(self) -> Kind:
        """A lower bound; ValueError for steps without noise and for decoding without a draw."""
        if self.update != "ddpm" or self.decode != "draw":
            what = f"update={self.update}" if self.update != "ddpm" else f"decode={self.decode}"
            raise ValueError(
                f"Gaussian diffusion with {what} has no likelihood bound; measure ser, or use update=ddpm, decode=draw"
            )
        return "lower bound"

    def _draw(self, canvas: NoisyCanvas, states: UInt64[np.ndarray, "count 4"], length: int) -> Tokens:
        values = denoised(
            lambda values, level: self._mean(canvas, values, level),
            lambda: self._normals(states, length),
            self.kept,
            np.arange(self.steps, 0, -1),
            self.update,
        )
        return self._tokens(canvas, values, 1, states, self.decode, 1.0).astype(token_dtype(self.vocab_size))

    def _tokens(
        self,
        canvas: NoisyCanvas,
        values: Any,
        level: int,
        states: UInt64[np.ndarray, "count 4"],
        how: str,
        nucleus: float,
    ) -> Tokens:
        """The likeliest token at each position, or one drawn from the nucleus."""
        from mdmtheory.kernels.marginals import draw_rows
        from mdmtheory.kernels.random import fill_uniforms

        assert how in DECODES
        uniforms, found = np.empty(values.shape[:2]), np.empty(values.shape[:2], dtype=np.int64)
        if how == "draw":
            fill_uniforms(states, uniforms)
        for rows, law in self._posteriors(canvas, values, level):
            if how == "argmax":
                found[rows] = law.argmax(axis=2)
            else:
                among = np.require(
                    truncated(law.reshape(-1, self.vocab_size), nucleus, lowest=True), requirements=["C", "W"]
                )
                draw_rows(among, uniforms[rows].reshape(-1), found[rows].reshape(-1))
        return found

    def _weigh(
        self, canvas: NoisyCanvas, tokens: Tokens, states: UInt64[np.ndarray, "count 4"]
    ) -> Float[np.ndarray, "count"]:
        """log p(x_0 | x_1) + sum over steps log p(x_s | x_t) - log q(x_s | x_t, x_0), + log p(x_N) - log q(x_N | x_0).

        ᾱ_N = 0 leaves nothing of the last two. Its mean over the path is the bound with
        -½(SNR_s - SNR_t)|e(x_0) - mean|² for each step.
        """
        clean = self.embedding[tokens]
        length = tokens.shape[1]
        values = np.sqrt(self.kept[1]) * clean + np.sqrt(1 - self.kept[1]) * self._normals(states, length)
        weight = np.empty(len(tokens))
        for rows, posterior in self._posteriors(canvas, values, 1):
            with np.errstate(divide="ignore"):
                own = np.log(np.take_along_axis(posterior, tokens[rows, :, None].astype(np.int64), axis=2))
            weight[rows] = per_sequence(own)
        for level in counted(range(2, self.steps + 1), "steps"):
            stay = self.kept[level] / self.kept[level - 1]
            less = values
            values = np.sqrt(stay) * less + np.sqrt(1 - stay) * self._normals(states, length)
            towards, back, variance = self._ddpm(level)
            # How far the mean of the step lies from that of the step that knows x_0, and the values from the latter.
            off = towards * (self._mean(canvas, values, level) - clean)
            missed = less - (towards * clean + back * values)
            weight += per_sequence(off * (missed - off / 2)) / variance
        kept = self.kept[self.steps]
        if kept > 0:
            noise = (values - np.sqrt(kept) * clean) / np.sqrt(1 - kept)
            weight += per_sequence(noise**2 - values**2 + np.log(1 - kept)) / 2
        return weight

    def _ddpm(self, level: int) -> tuple[float, float, float]:
        """q(x_s | x_t, x_0) from `level` to the one below: what of e(x_0) and of x_t its mean takes, its variance."""
        return ddpm_step(float(self.kept[level]), float(self.kept[level - 1]))

    def _posteriors(
        self, canvas: NoisyCanvas, values: Values, level: int
    ) -> Iterator[tuple[slice, Float[np.ndarray, "rows length vocab_size"]]]:
        """The posteriors given the values at a noise level, of some sequences after the other."""
        evidence = GaussianEvidence(values, float(self.kept[level]), self.embedding)
        return self.posteriors(canvas, evidence, *values.shape[:2])

    def _mean(self, canvas: NoisyCanvas, values: Values, level: int) -> Values:
        """The posterior mean of the embedding at each position."""
        from mdmtheory.kernels.noised import mean_embedding

        out, embedding = np.empty(values.shape), np.require(self.embedding, requirements=["C", "W"])
        for rows, posterior in self._posteriors(canvas, values, level):
            mean_embedding(posterior, embedding, out[rows])
        return out

    def _normals(self, states: UInt64[np.ndarray, "count 4"], length: int) -> Values:
        from mdmtheory.kernels.random import fill_normals

        dim = self.embedding.shape[1]
        out = np.empty((len(states), length * dim))
        fill_normals(states, out)
        return out.reshape(len(states), length, dim)


@registered(
    "model",
    "gaussian",
    version=1,
    place=3,
    said="Gaussian noise",
    family="other noise",
    needs=("denoiser", "schedule", "steps"),
    sources=("ho2020", "song2021", "li2022"),
)
def named(
    language: Language,
    denoiser: Denoiser,
    sampler: str,
    steps: int | None,
    schedule: Any,
    *,
    embedding: str | None = None,
    dim: int | None = None,
    seed: int | None = None,
    update: str = "ddpm",
    decode: str = "draw",
) -> GaussianDiffusion:
    """Gaussian noise on embeddings (own, onehot or random); update=ddpm or ddim, decode=draw or argmax; no sampler."""
    return GaussianDiffusion(
        denoiser,
        embedding=embedding_named(embedding, dim, seed),
        steps=steps,
        schedule=schedule,
        update=update,
        decode=decode,
    )
