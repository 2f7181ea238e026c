"""The loss of a masked token by mask ratio on given sequences: the loss profile of somebody's model.

Each token is masked by itself with probability t, and -log p averaged over masked tokens (docs/theory.md, 2.7). Of a
masked token the others that are masked are Bin(L - 1, t) many: so a sequence with n masked ones, n - 1 drawn from that
law, says with the mean over them what the loss at t is, without bias. The n of all sequences are spread evenly over
their law (stratified), which no mean varies more by; standard errors are of independent sequences, and so no smaller
than they have to be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.core.long_calls import counted, shows_progress
from mdmtheory.core.means import LEAST_TERMS
from mdmtheory.core.reveal_plans import in_single_steps
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import TokensLike, as_tokens
from mdmtheory.metrics.open_means import mean_or_open
from mdmtheory.models.contexts import score_contexts
from mdmtheory.models.noise import uniforms_of
from mdmtheory.schedules import LossProfile, from_losses

RATIOS = (*((np.arange(16) + 0.5) / 16).tolist(), 1.0)
"""Mask ratios of a profile, unless said."""


@dataclass(frozen=True, eq=False)
class MeasuredProfile:
    """Losses by mask ratio of one denoiser on one set of sequences; nats a masked token.

    `at_one` is the loss where every token is masked. `over_unigrams` is by how much it exceeds what a model pays that
    knows nothing but how frequent each token is in the other sequences (Krichevsky and Trofimov's estimate), and
    `unigrams` that price.
    """

    profile: LossProfile
    vocab_size: int
    at_one: Estimate
    unigrams: Estimate
    over_unigrams: Estimate

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the price of the first steps is not that of a diffusion language model."""
        found = []
        because = "it was not trained with all tokens masked, and the price of its first steps is not its own"
        if self.at_one.low > math.log(self.vocab_size):
            found.append(
                f"the loss at mask ratio 1, {self.at_one.value:.4g} nats, exceeds log {self.vocab_size} = "
                f"{math.log(self.vocab_size):.4g}, what knowing nothing costs: {because}"
            )
        elif self.over_unigrams.low > 0:
            found.append(
                f"the loss at mask ratio 1, {self.at_one.value:.4g} nats, exceeds the {self.unigrams.value:.4g} of "
                f"knowing how frequent tokens are: {because}"
            )
        return tuple(found)


@whole_numbers(masks=1, seed=0, threads=1)
@shows_progress
def loss_by_ratio(
    denoiser: Any,
    tokens: TokensLike,
    *,
    ratios: Sequence[float] = RATIOS,
    masks: int = 1,
    seed: int = 0,
    level: float = 0.95,
    threads: int | None = None,
    progress: bool | None = None,
) -> MeasuredProfile:
    """Measure the loss profile of a denoiser on sequences (count, length), with so many masks of each at each ratio.

    A call a sequence, mask and ratio. `ratios` lie above 0 and up to 1, at which the loss is measured in any case.
    ValueError for fewer than 50 sequences, of which no interval holds.
    """
    denoiser = as_denoiser(denoiser)
    tokens = as_tokens(tokens, denoiser.vocab_size)
    check_level(level)
    asked = sorted({*map(float, ratios), 1.0})
    if not all(0 < each <= 1 for each in asked):
        raise ValueError(f"mask ratios are {', '.join(f'{each:g}' for each in asked)}; pass some above 0, up to 1")
    if len(tokens) < LEAST_TERMS:
        raise ValueError(
            f"there are {len(tokens)} sequences, and {LEAST_TERMS} are the fewest that give an interval; give a longer "
            "text or a smaller length, or draw more samples"
        )
    losses = np.stack(
        [_losses(denoiser, tokens, ratio, masks, seed, threads) for ratio in counted(asked, "mask ratios")]
    )
    errors = losses.std(axis=1, ddof=1) / math.sqrt(len(tokens))
    unigrams = _unigram_losses(tokens, denoiser.vocab_size)
    name = f"losses of {denoiser.spec}"
    profile = from_losses(asked, losses.mean(axis=1), errors, name=name, vocab_size=denoiser.vocab_size)
    at_one = losses[-1]
    return MeasuredProfile(
        profile, denoiser.vocab_size, *(mean_or_open(each, level) for each in (at_one, unigrams, at_one - unigrams))
    )


def _losses(
    denoiser: Any, tokens: np.ndarray, ratio: float, masks: int, seed: int, threads: int | None
) -> Float[np.ndarray, "count"]:
    """The loss at a ratio, of each sequence the mean over its masks."""
    from scipy.stats import binom

    count, length = tokens.shape
    key = ["loss by ratio", denoiser.identity, length, seed, ratio]
    states = stream_states(key, 0, count)
    found = np.empty((masks, count))
    for k in range(masks):
        drawn = uniforms_of(states, np.arange(count), length + 2)
        # One sequence in each of `count` parts of equal probability, in a random order: so every mask is spread alone.
        uniform = (in_single_steps(drawn[:, 0]) - 1 + drawn[:, 1]) / count
        masked = 1 + binom.ppf(uniform, length - 1, ratio).clip(0, length - 1).astype(np.int64)
        hidden = in_single_steps(drawn[:, 2:]) <= masked[:, None]
        plan = np.where(hidden, 2, 1).astype(np.int32)
        log_probs = score_contexts(denoiser, plan, tokens, only=hidden, threads=threads).log_probs
        found[k] = -np.where(hidden, log_probs, 0.0).sum(axis=1) / masked
    return found.mean(axis=0)


def _unigram_losses(tokens: np.ndarray, vocab_size: int) -> Float[np.ndarray, "count"]:
    """Nats a token of each sequence under the frequencies in the others, 1/2 added to each count."""
    counts = np.bincount(tokens.reshape(-1).astype(np.int64), minlength=vocab_size)
    out = np.empty(len(tokens))
    for row, own in enumerate(tokens):
        values, often = np.unique(own, return_counts=True)
        others = counts[values] - often + 0.5
        out[row] = -(often * np.log(others / (counts.sum() - len(own) + vocab_size / 2))).sum() / len(own)
    return out
