"""Uniform diffusion on small languages, from everything that its paths can be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import counted, shows_progress
from mdmtheory.core.protocols import SequenceModel
from mdmtheory.core.threads import over_rows, within_its_threads
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.enumeration import Law, all_sequences, check_feasible, power
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.models.fitting import held_to
from mdmtheory.models.uniform import UniformDiffusion

_PIECE_BYTES = 1 << 25
_MOST_BLOCKS = 16


@whole_numbers(length=1, threads=1)
def uniform_law(model: UniformDiffusion, length: int, *, threads: int | None = None) -> Law:
    """p(x) of every sequence, shape (V,)*length: N transition matrices over all V^L sequences, O(N V^2L).

    Each row of a matrix is the product of its positions' laws. ValueError with the cost where it is not feasible.
    """
    sequences = _all(model, length)
    law = np.full(len(sequences), 1 / len(sequences))
    for level in counted(range(model.steps, 0, -1), "steps"):
        after = np.zeros((_blocks(len(sequences)), len(sequences)))

        def work(start: int, stop: int, law: np.ndarray = law, level: int = level, after: np.ndarray = after) -> None:
            for block in range(start, stop):
                for rows in _pieces(block, len(sequences)):
                    laws = _reverse_laws(model, sequences[rows], level)
                    after[block] += law[rows] @ _products(laws)

        over_rows(work, len(after), threads)
        law = after.sum(axis=0)
    return law.reshape((model.vocab_size,) * length)


@whole_numbers(length=1, threads=1)
@shows_progress
@within_its_threads
def elbo(
    model: SequenceModel,
    language: LanguageLike,
    length: int,
    *,
    threads: int | None = None,
    progress: bool | None = None,
) -> Law:
    """The evidence lower bound of log p(x) in nats of every sequence, exactly, shape (V,)*length: uniform diffusion.

    -inf where the model cannot draw x. With the oracle its mean over x ~ q is -H(q) less the total correlations that
    the steps ignore (docs/theory.md, section 8; ours). O(N V^2L); ValueError with the cost where it is not feasible.
    """
    model, language = held_to(model, language)
    language.validate_length(length)
    if not isinstance(model, UniformDiffusion):
        raise ValueError(f"the bound of {model.spec} is not enumerated; pass a UniformDiffusion, or use its `elbo`")
    sequences, vocab_size = _all(model, length), model.vocab_size
    total = np.full(len(sequences), -length * np.log(vocab_size))
    for level in counted(range(1, model.steps + 1), "steps"):
        share = model.kept[level]
        forth = share * np.eye(vocab_size) + (1 - share) / vocab_size
        terms = np.zeros((_blocks(len(sequences)), len(sequences)))

        def work(
            start: int, stop: int, level: int = level, forth: np.ndarray = forth, terms: np.ndarray = terms
        ) -> None:
            for block in range(start, stop):
                for rows in _pieces(block, len(sequences)):
                    terms[block] += _level_terms(model, sequences[rows], sequences, level, forth)

        over_rows(work, len(terms), threads)
        total += terms.sum(axis=0)
    return total.reshape((vocab_size,) * length)


def _level_terms(
    model: UniformDiffusion,
    noisy: Tokens,
    sequences: Integer[np.ndarray, "all length"],
    level: int,
    forth: Float[np.ndarray, "vocab vocab"],
) -> Float[np.ndarray, "all"]:
    """Sum over noisy sequences of q(noisy | x) times the mean gain of the step from `level`, for every x."""
    gains = model.step_gains(_reverse_laws(model, noisy, level), noisy, level)
    # q(noisy | x) position by position, laid out as the sequences are.
    reach = _products(forth[:, noisy].transpose(1, 2, 0))
    out = np.zeros(len(sequences))
    for i in range(sequences.shape[1]):
        by_token = [_mean_gains(model, gains, noisy, clean, level)[:, i] for clean in range(model.vocab_size)]
        found = np.stack(by_token)[sequences[:, i]].T
        out += np.multiply(reach, found, out=np.zeros(reach.shape), where=reach > 0).sum(axis=0)
    return out


def _mean_gains(
    model: UniformDiffusion,
    gains: Float[np.ndarray, "count length vocab_size"],
    noisy: Tokens,
    clean: int,
    level: int,
) -> Float[np.ndarray, "count length"]:
    """The mean of the gains over x_s given x_t and x_0 = `clean` at each position."""
    from mdmtheory.kernels.noised import uniform_reverse

    sure, between = np.zeros(gains.shape), np.empty(gains.shape)
    sure[:, :, clean] = 1.0
    uniform_reverse(noisy, sure, model.kept[level], model.kept[level - 1], between)
    terms = np.multiply(between, gains, out=np.zeros(gains.shape), where=between > 0)
    found: Float[np.ndarray, "count length"] = terms.sum(axis=2)
    return found


@whole_numbers(length=1)
def uniform_cost(model: UniformDiffusion, length: int) -> float:
    """Operations that `uniform_law` takes, about."""
    return 2 * length * model.steps * power(model.vocab_size, length) ** 2


def _all(model: UniformDiffusion, length: int) -> Tokens:
    number = power(model.vocab_size, length)
    what = f"{model.steps} transitions between {model.vocab_size}^{length} sequences"
    check_feasible(uniform_cost(model, length), 8 * _MOST_BLOCKS * number, what)
    return all_sequences(model.vocab_size, length)


def _blocks(number: int) -> int:
    """Parts whose sums are added in order, so that the result does not depend on the threads."""
    return min(_MOST_BLOCKS, number)


def _pieces(block: int, number: int) -> Iterator[slice]:
    """The rows of a block, a few at a time."""
    start, stop = (number * each // _blocks(number) for each in (block, block + 1))
    piece = max(1, _PIECE_BYTES // (8 * number))
    for a in range(start, stop, piece):
        yield slice(a, min(a + piece, stop))


def _reverse_laws(model: UniformDiffusion, noisy: Tokens, level: int) -> Float[np.ndarray, "count length vocab_size"]:
    canvas = model.denoiser.open(len(noisy), noisy.shape[1], noise="uniform", threads=1)
    return np.concatenate([laws for _, laws in model.reverse_laws(canvas, noisy, level)])


def _products(laws: Float[np.ndarray, "count length vocab_size"]) -> Float[np.ndarray, "count sequences"]:
    """The probability of every sequence under each row's independent positions."""
    out = np.ones((len(laws), 1))
    for i in range(laws.shape[1]):
        out = (out[:, :, None] * laws[:, i, None, :]).reshape(len(laws), -1)
    return out
