"""Latent diffusion: Gaussian noise on the latents of an answer, taken back in steps and then decoded."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Float, UInt64

from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.defaults import ModelDefaults
from mdmtheory.core.estimate import Kind
from mdmtheory.core.evaluable import shown
from mdmtheory.core.integers import WholeNumber, whole_number, whole_numbers
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.plugins import conforms
from mdmtheory.core.prompts import Prompt, as_prompt, with_answers
from mdmtheory.core.protocols import Denoiser, Language, LogProb, Samples
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens, TokensLike, token_dtype
from mdmtheory.denoisers.latent import LatentNetwork
from mdmtheory.models.asking import home, in_batches
from mdmtheory.models.finishing import finishing_trust
from mdmtheory.models.fitting import check_noise
from mdmtheory.models.noise_steps import STEPS, cosine_kept, denoised, levels_visited
from mdmtheory.networks.runs import LATENT

DECODES = ("argmax", "draw")
USUAL_STEPS = 64


class LatentDiffusion(ModelDefaults):
    """Answers that are decoded from latents, drawn by diffusion given the prompt (2212.09462; DiT, 2212.09748).

    `run` is the folder of a run that `train latent` wrote, or the run, or a `LatentNetwork`. `steps` of the T levels
    that it was trained with are visited, evenly spread from the most noise: `update` "ddpm" draws each from
    q(x_s | x_t, x_0) at the estimate of x_0, "ddim" adds no noise. `guidance` w takes the estimate without the prompt
    plus w times what the prompt changes (2207.12598, where w is one less): 0 knows no prompt, 1 is the conditional
    law's. `decode` takes the likeliest token of each position, or draws it.

    One call a step, two where the guidance is neither 0 nor 1, and one to decode; a round a step and one more. There is
    no log p. ValueError for what is no such run, and for prompts at other positions than it was trained with.
    """

    takes_prompts = finishes = True
    noise = LATENT

    def __init__(
        self,
        run: str | PathLike[str] | Any,
        *,
        steps: WholeNumber | None = None,
        update: str = "ddpm",
        guidance: float = 1.0,
        decode: str = "argmax",
    ) -> None:
        for name, value, known in (("update", update, tuple(STEPS)), ("decode", decode, DECODES)):
            if value not in known:
                raise ValueError(f"unknown {name} {value!r} of latent diffusion; known: {', '.join(known)}")
        if not np.isfinite(guidance):
            raise ValueError(f"guidance is {guidance}; pass a finite number, as 1 or 2.5")
        self.denoiser: Any = as_denoiser(run) if conforms(run, Denoiser) else LatentNetwork(run)
        check_noise(self.denoiser, self.noise)
        architecture = self.denoiser.architecture
        if guidance != 1 and not len(architecture.prompt):
            raise MisfitError(f"guidance is {guidance}, and {self.denoiser.spec} was trained with no prompt; pass 1")
        usual = min(USUAL_STEPS, architecture.levels)
        self.steps = whole_number(usual if steps is None else steps, "steps", 1)
        if self.steps > architecture.levels:
            raise MisfitError(
                f"steps is {self.steps}, and {self.denoiser.spec} was trained with {architecture.levels} levels of "
                "noise; pass so many steps or fewer"
            )
        self.update, self.guidance, self.decode = update, float(guidance), decode
        self.kept, self.visited = cosine_kept(architecture.levels), levels_visited(architecture.levels, self.steps)
        self.vocab_size = self.denoiser.vocab_size
        self.own_spec = Spec.of("latent", **self._options)
        self.spec = Spec.of("latent", **self._options, denoiser=str(self.denoiser.spec), steps=self.steps)

    @property
    def _options(self) -> dict[str, Any]:
        return {"update": self.update, "guidance": self.guidance, "decode": self.decode}

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={shown(value)}" for key, value in self._options.items())
        return f"LatentDiffusion({self.denoiser!r}, steps={self.steps}, {options})"

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["latent", self._options, self.denoiser.identity, self.steps]

    @property
    def log_prob_kind(self) -> Kind:
        """ValueError: there is none."""
        raise ValueError(
            f"{self.own_spec} has no log p: an answer is a function of latents that are drawn, and no bound is known "
            "that holds; measure ser"
        )

    def log_prob(
        self, tokens: TokensLike, seed: int = 0, *, first: int = 0, plans: int = 1, threads: int | None = None
    ) -> LogProb:
        """ValueError: there is none."""
        kind = self.log_prob_kind
        raise AssertionError(kind)

    def validate_length(self, length: int) -> None:
        """ValueError for answers of another length than those it was trained on."""
        answered = len(self.denoiser.architecture.answer)
        if length != answered:
            raise ValueError(
                f"{self.denoiser.spec} was trained on answers of {answered} tokens, not of {length}; give what was "
                "given in its training"
            )

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(
        self,
        count: int,
        length: int,
        seed: int,
        *,
        first: int = 0,
        prompt: TokensLike | None = None,
        finish: bool = False,
        trust: float | None = None,
        threads: int | None = None,
    ) -> Samples:
        """Sequences first..first+count-1 of the stream that (model, length, seed) names.

        No context is impossible, and `finish` has nothing to do.
        """
        asked, ended = as_prompt(prompt, count, length, self.vocab_size), finishing_trust(finish, trust)
        self.denoiser.check_prompt(asked, count, length)
        states = stream_states(["draw", self.identity, length, seed], first, count)
        tokens = np.empty((count, length), dtype=token_dtype(self.vocab_size))
        calls, rounds = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)

        def work(rows: slice, own_threads: int | None) -> None:
            own: Prompt | None = asked and asked.take(rows)
            given = None if own is None else own.tokens
            canvas = self.denoiser.open(rows.stop - rows.start, length, noise=self.noise, prompt=given)
            tokens[rows] = with_answers(own, self._drawn(canvas, states[rows]))
            calls[rows], rounds[rows] = canvas.calls, canvas.rounds

        in_batches(work, self.denoiser, self.denoiser.batch(length), count, length, threads)
        return Samples(tokens, calls, rounds, np.zeros(count, dtype=np.bool_), ended)

    def _drawn(self, canvas: Any, states: UInt64[np.ndarray, "count 4"]) -> Tokens:
        """Answers from the streams, which move on."""
        from mdmtheory.kernels.marginals import draw_rows
        from mdmtheory.kernels.random import fill_normals, fill_uniforms

        architecture, count = self.denoiser.architecture, len(states)

        def normals() -> Float[np.ndarray, "count latents dim"]:
            out = np.empty((count, architecture.latents * architecture.dim))
            fill_normals(states, out)
            return out.reshape(count, architecture.latents, architecture.dim)

        def clean(values: Float[np.ndarray, "count latents dim"], level: int) -> Float[np.ndarray, "count latents dim"]:
            found: Float[np.ndarray, "count latents dim"] = canvas.clean(values, level, guidance=self.guidance)
            return found

        laws = home(canvas.answers(denoised(clean, normals, self.kept, self.visited, self.update)))
        answered = len(architecture.answer)
        if self.decode == "argmax":
            drawn = laws.argmax(axis=1)
        else:
            uniforms, drawn = np.empty((count, answered)), np.empty(count * answered, dtype=np.int64)
            fill_uniforms(states, uniforms)
            draw_rows(laws, uniforms.reshape(-1), drawn)
        return drawn.reshape(count, answered).astype(token_dtype(self.vocab_size))


@registered(
    "model",
    "latent",
    version=1,
    place=7,
    said="latent diffusion",
    family="other noise",
    needs=("denoiser", "steps"),
    examples=(),
    laws=False,
    sources=("latent", "lovelace2023", "peebles2023", "ho2022"),
)
def named(
    language: Language,
    denoiser: Denoiser,
    sampler: str,
    steps: int | None,
    schedule: Any,
    *,
    update: str = "ddpm",
    guidance: float = 1.0,
    decode: str = "argmax",
) -> LatentDiffusion:
    """Diffusion of latents that a trained run (train latent) decodes; update=ddpm or ddim, guidance=w, decode=draw."""
    return LatentDiffusion(denoiser, steps=steps, update=update, guidance=guidance, decode=decode)
