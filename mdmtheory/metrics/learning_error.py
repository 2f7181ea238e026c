"""What a denoiser has not learned: KL(exact || denoiser) at the contexts that it was made for, and impossible mass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.contracts import as_denoiser, check_vocabularies
from mdmtheory.core.estimate import HEADINGS, Estimate
from mdmtheory.core.given import Given
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.means import LEAST_TERMS
from mdmtheory.core.protocols import Answers, Language
from mdmtheory.core.streams import stream_states
from mdmtheory.core.threads import within_its_threads
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.metrics.contexts import (
    NOISES,
    Batch,
    BlockContexts,
    Contexts,
    Laws,
    MaskedSets,
    NoisedContexts,
    Prefixes,
)
from mdmtheory.metrics.strata import (
    Numbers,
    Strata,
    StratifiedMeans,
    shares_of,
    spread,
    strata_of,
    weighted_quantiles,
)
from mdmtheory.models.asking import home
from mdmtheory.prompts.registry import OWN, given_positions
from mdmtheory.schedules import LossProfile

QUANTILES = (0.5, 0.9, 0.99, 0.999)

ENTRIES = 1 << 21
"""Float64 numbers, 16 MiB, of exact laws that are held at a time; what is worked out of them is four times that."""


@dataclass(frozen=True)
class AtRatio:
    """Of contexts of which `low` to `high` is hidden, in nats a token that is asked for: means, and what was seen.

    `quantiles` and `largest` are of the KL of single tokens, as those over all contexts.
    """

    low: float
    high: float
    error: Estimate
    loss: Estimate
    quantiles: Mapping[float, float]
    largest: float


@dataclass(frozen=True, eq=False)
class LearningError:
    """KL(exact || denoiser) in nats a token that is asked for, `mean`, over the `contexts` of that name.

    `loss` is the cross-entropy of the denoiser's law under the exact one: the mean above the exact entropy. `z` is the
    mass on what is impossible, in the mean over contexts; L times it is the expected sum of that mass along a walk.
    `quantiles` and `largest` are of the KL of single tokens, as they were seen. `losses` are those by mask ratio, for
    random order, with which `compare_schedules` prices schedules; None for other contexts, and where there are fewer
    contexts than positions. `proper` says whether the exact law is what the denoiser was trained for.

    An interval up to infinity says that so few contexts carry a mean that no other would hold (core/means.py).
    """

    mean: Estimate
    loss: Estimate
    z: Estimate
    by_mask_ratio: tuple[AtRatio, ...]
    quantiles: Mapping[float, float]
    largest: float
    losses: LossProfile | None
    proper: bool
    contexts: str

    def __repr__(self) -> str:
        doubt = "" if self.proper else ", not proper"
        return f"<LearningError {self.mean:.3g} nats a token over {self.contexts}, z {self.z:.3g}{doubt}>"

    def _repr_html_(self) -> str:
        rows = [["learning error", *self.mean.cells], ["loss", *self.loss.cells], ["z", *self.z.cells]]
        rows += [
            [f"learning error, {each.low:.3g} to {each.high:.3g} hidden", *each.error.cells]
            for each in self.by_mask_ratio
        ]
        seen = ", ".join(f"{100 * share:g} %: {nats:.3g}" for share, nats in self.quantiles.items())
        doubt = "" if self.proper else "; not proper: the exact law is not what it was trained for"
        note = f"nats a token over {self.contexts}; quantiles of tokens {seen}, largest {self.largest:.3g}{doubt}"
        return html_table(["", *HEADINGS], rows, note=note)


@whole_numbers(length=1, count=1, seed=0, threads=1)
@shows_progress
@within_its_threads
def learning_error(
    denoiser: Any,
    language: LanguageLike,
    length: int,
    *,
    count: int = 1024,
    seed: int = 0,
    noise: str | None = None,
    embedding: Any = None,
    level: float = 0.95,
    threads: int | None = None,
    prompt: Any = OWN,
    progress: bool | None = None,
) -> LearningError:
    """KL(exact || denoiser), from the exact posteriors of the language, in nats a token that is asked for.

    Over `count` contexts x ~ q of the kind that the denoiser was made for, each token of a context counting alike:
    masked sets of n positions, n uniform on 1..L; where it sees the left alone all prefixes of each x; where it sees
    blocks, one block with n of its positions masked; under `noise` uniform or gaussian (that of `embedding`) 16 levels.
    By default `noise` is masked, or the one that it takes, and `embedding` its own, or onehot. The numbers n are spread
    evenly (stratified), and intervals are those of core/means.py, with strata. L times the mean is the loss of the
    denoiser above its floor, which this has with far less noise; L times z the mass on impossible tokens along a walk
    (docs/theory.md, 2.9; ours).

    `prompt` says what is given (`prompts.registry.given_positions`), by default what the language says itself. It is
    shown, and all this is of answers: L is how many tokens these have.

    Infinite where the denoiser excludes a token that is possible. ValueError for other vocabularies, lengths or noises
    than its own, for a language that has no such posterior, and below 50 contexts.

    >>> import mdmtheory as mt
    >>> q = mt.NGram.random(order=2, vocab_size=3, seed=1)
    >>> print(f"{learning_error(mt.Perturbed(mt.Oracle(q), epsilon=0.003), q, 8, count=64).mean.value:.9f}")
    0.003000000
    """
    denoiser, language = as_denoiser(denoiser), as_language(language)
    check_vocabularies(denoiser, language)
    language.validate_length(length)
    given = given_positions(prompt, language, length)
    check_level(level)
    if count < LEAST_TERMS:
        raise ValueError(
            f"count is {count}; pass {LEAST_TERMS} contexts or more, below which no interval of a mean holds"
        )
    asked = contexts_of(denoiser, language, length, seed, noise, embedding, threads, given)
    return _found(asked, strata_of(len(asked.ratios), count), count, level)


def contexts_of(
    denoiser: Any,
    language: Language,
    length: int,
    seed: int,
    noise: str | None,
    embedding: Any,
    threads: int | None,
    given: Given | None = None,
    *,
    support: bool = False,
) -> Contexts:
    """The contexts that a denoiser was made for, exact laws telling no more than their `support` where that is enough.

    ValueError for a noise that it does not take.
    """
    known = ", ".join(sorted(denoiser.noises))
    if noise is None:
        if "masked" not in denoiser.noises and len(denoiser.noises) != 1:
            raise ValueError(f"the denoiser {denoiser.spec} takes {known} noise; pass noise, one of them")
        noise = "masked" if "masked" in denoiser.noises else next(iter(denoiser.noises))
    if noise not in denoiser.noises:
        raise ValueError(f"the denoiser {denoiser.spec} takes no {noise!r} noise; it takes {known}")
    if noise not in NOISES:
        raise ValueError(f"{denoiser.spec} says no laws of tokens under {noise} noise, so there is no error of them")
    of = (denoiser, language, length, seed, threads, given)
    if noise != "masked":
        own = "onehot" if denoiser.noise_embedding is None else denoiser.noise_embedding
        return NoisedContexts(*of, noise=noise, embedding=own if embedding is None else embedding, support=support)
    kinds: dict[str, type[Contexts]] = {"all": MaskedSets, "left": Prefixes, "block": BlockContexts}
    return kinds[denoiser.sees](*of)


def _found(asked: Contexts, strata: Strata, count: int, level: float) -> LearningError:
    """Ask `count` rows and put together what they gave."""
    steps = np.zeros(count, dtype=np.int64) if asked.whole else spread(strata, count, _offsets(asked, len(strata)))
    stratum = np.repeat(np.arange(len(strata)), [len(some) for some in strata])
    shape = (count, len(strata))
    pairs_in, (error, loss, impossible) = np.zeros(shape), (np.zeros(shape) for _ in range(3))
    nats, cells = [], []
    for batch in asked.batches(steps):
        for pairs, compared in compared_batch(batch):
            cell = (batch.first + batch.rows[pairs]) * len(strata) + stratum[batch.steps[pairs]]
            np.add.at(pairs_in.reshape(-1), cell, 1.0)
            for total, values in zip((error, loss, impossible), compared, strict=True):
                np.add.at(total.reshape(-1), cell, values)
            nats.append(compared[0])
            cells.append(cell)
    there, shares = pairs_in > 0, shares_of(strata)
    error, loss, impossible = (
        np.divide(total, pairs_in, out=np.full(shape, np.nan), where=there) for total in (error, loss, impossible)
    )
    row_weights = np.where(there, shares / there.sum(axis=0), 0.0)
    pair_weights = np.divide(row_weights, pairs_in, out=np.zeros(shape), where=there).reshape(-1)
    errors, losses = (StratifiedMeans(values, shares, level) for values in (error, loss))
    tokens, cell = np.concatenate(nats), np.concatenate(cells)
    weights, of = pair_weights[cell], cell % len(strata)
    return LearningError(
        errors.over_all(),
        losses.over_all(),
        StratifiedMeans(impossible, shares, level, most=1.0).over_all(),
        tuple(
            AtRatio(
                float(asked.ratios[some[0]]),
                float(asked.ratios[some[-1]]),
                errors.in_stratum(k),
                losses.in_stratum(k),
                *_spread(tokens[of == k], weights[of == k]),
            )
            for k, some in enumerate(strata)
        ),
        *_spread(tokens, weights),
        asked.losses(steps, np.nansum(loss, axis=1), row_weights.sum(axis=1)),
        asked.denoiser.proper,
        asked.name,
    )


def _spread(tokens: Numbers, weights: Numbers) -> tuple[Mapping[float, float], float]:
    """Quantiles and the largest of what was seen of single tokens."""
    return MappingProxyType(weighted_quantiles(tokens, weights, QUANTILES)), float(tokens.max())


def _offsets(asked: Contexts, strata: int) -> Float[np.ndarray, "strata"]:
    from mdmtheory.kernels.random import fill_uniforms

    key = ["learning error strata", asked.language.digest, asked.length, asked.seed]
    uniforms = np.empty((strata, 1))
    fill_uniforms(stream_states(key, 0, strata), uniforms)
    return uniforms[:, 0]


def compared_batch(batch: Batch) -> Iterator[tuple[slice, tuple[Numbers, Numbers, Numbers]]]:
    """KL, cross-entropy and impossible mass of (row, position) pairs, of some rows after the other."""
    count = batch.last - batch.first
    size = max(1, ENTRIES * count // (len(batch.rows) * batch.answers.vocab_size))
    for a in range(0, count, size):
        rows = slice(a, min(a + size, count))
        pairs = slice(*(int(end) for end in np.searchsorted(batch.rows, [rows.start, rows.stop])))
        answers = batch.answers.take(np.arange(pairs.start, pairs.stop))
        yield pairs, compared_laws(batch.exact(rows), answers)


def compared_laws(exact: Laws, answers: Answers) -> tuple[Numbers, Numbers, Numbers]:
    """KL(exact || answer), cross-entropy of the answer, in nats, and the mass that it puts on what is impossible."""
    from scipy.special import xlogy

    said = home(answers)
    with np.errstate(divide="ignore"):
        logs = np.log(said)
    # Denoisers that answer in logits know the logarithms of probabilities that are too small for float64.
    rows, tokens = np.nonzero((exact > 0) & (said == 0))
    if len(rows):
        logs[rows, tokens] = answers.take(rows).log_prob_of(tokens)
    logs[exact == 0] = 0.0
    impossible = np.where(exact == 0, said, 0.0).sum(axis=1)
    # Both are laws, and each term is 0 or more: where they nearly agree no digits are lost to cancelling ones.
    error = (xlogy(exact, exact) - exact * logs - exact + said).sum(axis=1)
    return error, -(exact * logs).sum(axis=1), impossible
