"""Gaussian noise on logits of tokens, block by block, each step from tokens that are decided anew (SSD-LM)."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, UInt64

from mdmtheory.core.estimate import Kind
from mdmtheory.core.integers import whole_number
from mdmtheory.core.long_calls import counted
from mdmtheory.core.prompts import Prompt
from mdmtheory.core.protocols import Denoiser, Language, NoisyCanvas
from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.models.beside import CanvasBesideTokens
from mdmtheory.models.gaussian import GaussianDiffusion
from mdmtheory.oracles.token_laws import truncated
from mdmtheory.samplers.by_block import block_lengths

PROJECTIONS = ("draw", "argmax", "multihot")


class SimplexDiffusion(GaussianDiffusion):
    """Blocks of `block` tokens from left to right, each by Gaussian noise on logits that are 1 or -1 (2210.17432).

    The denoiser sees the blocks before and the noised logits of the own one. Each of the N steps of a block projects
    its laws on logits x̂ and noises these anew: x_s = √kept[s] x̂ + √(1 - kept[s]) ε. `projection` "draw" sets the logit
    of a token that is drawn from the `nucleus` of the law, "argmax" that of the likeliest, "multihot" those of the
    whole nucleus. The last one decodes (`decode`), by the likeliest token or by a draw. N calls a block. K of the paper
    scales logits and noise alike, so it is no option here: how far a network's softmax of them is sharp is its own.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        block: Any,
        projection: str = "draw",
        nucleus: float = 1.0,
        steps: Any = None,
        schedule: Any = "linear",
        decode: str = "argmax",
    ) -> None:
        if projection not in PROJECTIONS:
            raise ValueError(f"unknown projection {projection!r} of logits; known: {', '.join(PROJECTIONS)}")
        if not 0 < nucleus <= 1:
            raise ValueError(f"nucleus is {nucleus}; pass a number above 0 and at most 1")
        self.block = whole_number(block, "block", 1)
        self.projection, self.nucleus = projection, float(nucleus)
        super().__init__(denoiser, embedding="simplex", steps=steps, schedule=schedule, decode=decode)
        self.own_spec, self.spec = (self._named(each) for each in (self.own_spec, self.spec))

    def _named(self, spec: Any) -> Any:
        own = {"size": self.block, "projection": self.projection, "nucleus": self.nucleus, "decode": self.decode}
        rest = {key: value for key, value in spec.options if key in ("denoiser", "steps", "schedule")}
        return type(spec).of("ssd", **own, **rest)

    def _own_options(self) -> dict[str, Any]:
        own = ("block", "projection", "nucleus", "decode")
        return {key: getattr(self, key) for key in own}

    @property
    def log_prob_kind(self) -> Kind:
        """ValueError: tokens that are decided on the way are no part of a path of the noise."""
        raise ValueError("ssd has no likelihood bound: its steps go through tokens that are decided anew; measure ser")

    def _answers(
        self, canvas: NoisyCanvas, prompt: Prompt | None, states: UInt64[np.ndarray, "count 4"], answered: int
    ) -> tuple[Tokens, NoisyCanvas]:
        """Block after block, each beside the prompts and the blocks before it."""
        assert self.block is not None
        if prompt is None:
            known = np.full((len(states), answered), self.vocab_size, dtype=token_dtype(self.vocab_size))
            places = np.arange(answered)
        else:
            known, places = prompt.tokens.copy(), prompt.answer
        seen, first = canvas, 0
        impossible = np.zeros(len(states), dtype=np.bool_)
        for length in block_lengths(answered, self.block):
            where = places[first : first + length]
            seen = CanvasBesideTokens(canvas, where, known.copy(), self.vocab_size)
            known[:, where] = self._draw(seen, states, length)
            impossible |= seen.impossible
            first += length
        seen.impossible = impossible
        return np.ascontiguousarray(known[:, places]), seen

    def _draw(self, canvas: NoisyCanvas, states: UInt64[np.ndarray, "count 4"], length: int) -> Tokens:
        values = self._normals(states, length)
        for level in counted(range(self.steps, 1, -1), "steps"):
            projected = self._projected(canvas, values, level, states)
            kept = self.kept[level - 1]
            values = np.sqrt(kept) * projected + np.sqrt(1 - kept) * self._normals(states, length)
        return self._tokens(canvas, values, 1, states, self.decode, 1.0).astype(token_dtype(self.vocab_size))

    def _projected(
        self, canvas: NoisyCanvas, values: Any, level: int, states: UInt64[np.ndarray, "count 4"]
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """Logits 1 and -1 of what the laws at a level are projected on."""
        if self.projection != "multihot":
            how = self.projection
            return self.embedding[self._tokens(canvas, values, level, states, how, self.nucleus)]
        found = np.empty(values.shape)
        for rows, law in self._posteriors(canvas, values, level):
            flat = law.reshape(-1, self.vocab_size)
            found[rows] = np.where(truncated(flat, self.nucleus, lowest=True) > 0, 1.0, -1.0).reshape(law.shape)
        return found


@registered(
    "model",
    "ssd",
    version=1,
    place=9,
    said="noised logits, blocks of {size}",
    family="block by block",
    examples=("size=2",),
    blocks="size",
    needs=("denoiser", "schedule", "steps"),
    sources=("han2023",),
)
def named(
    language: Language,
    denoiser: Denoiser,
    sampler: str,
    steps: int | None,
    schedule: Any,
    *,
    size: int,
    projection: str = "draw",
    nucleus: float = 1.0,
    decode: str = "argmax",
) -> SimplexDiffusion:
    """Gaussian noise on logits by blocks of `size`; projection=draw, argmax or multihot of a nucleus (2210.17432)."""
    size = whole_number(size, "size", 1)  # refused by the word that was typed
    return SimplexDiffusion(
        denoiser, block=size, projection=projection, nucleus=nucleus, steps=steps, schedule=schedule, decode=decode
    )
