"""The law of an adaptive sampler by enumerating what it may draw, whether or not it looks at its draws."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.exact.enumeration import Law, all_sequences, check_feasible, power
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import PlanLawBase
from mdmtheory.samplers.base import SamplerBase, check_whole
from mdmtheory.samplers.protocol import Order, State
from mdmtheory.samplers.ties import all_orders, shuffle_count


@dataclass(frozen=True)
class _Mass:
    """Where sequences may stand after some steps, no two alike, and with what probability."""

    tokens: Tokens
    state: State
    mass: Float[np.ndarray, "rows"]

    def take(self, rows: np.ndarray) -> _Mass:
        return _Mass(self.tokens[rows], self.state.take(rows), self.mass[rows])


@whole_numbers(length=1, threads=1)
def law_by_draws(model: MaskedDiffusion, length: int, *, threads: int | None = None) -> Law:
    """p(x) of every sequence, shape (V,)*length, of masked diffusion with any adaptive sampler.

    Step by step, every place where a sequence may stand (tokens set and what the sampler remembers) is given all
    coins and tokens that may fall there, and equal outcomes are added up: some (2V)^L outcomes for one position a
    step. For a sampler that is shown an order, from each of the L! orders, as far as they differ at masked positions.
    ValueError with the cost where it is not feasible.
    """
    vocab_size = model.vocab_size
    places = vocab_size ** np.arange(length)[::-1]
    out = np.zeros(vocab_size**length)
    for tokens, mass, done in after_each_step(model, length, threads=threads):
        np.add.at(out, tokens[done].astype(np.int64) @ places, mass[done])
    return out.reshape((vocab_size,) * length)


@whole_numbers(length=1, threads=1)
def after_each_step(
    model: MaskedDiffusion, length: int, *, threads: int | None = None
) -> Iterator[tuple[Tokens, Float[np.ndarray, "rows"], Bool[np.ndarray, "rows"]]]:
    """Where sequences may stand before the first step and after each, masks included; how likely; and if finished.

    Finished ones are listed once. What is missing in all to 1 went to impossible contexts. Errors as `law_by_draws`.
    """
    sampler = model.sampler
    if sampler.oblivious:
        raise ValueError(f"the draws of {model.spec} cannot be enumerated; pass an adaptive sampler")
    require_closed_law(sampler)
    vocab_size = model.vocab_size
    what = f"what {sampler.spec} may draw in {vocab_size}^{length} sequences"
    check_feasible(draws_cost(model, length), 8 * 4 * draws_cost(model, length), what)
    order = all_orders(length) if sampler.sees_order else None
    count = 1 if order is None else len(order)
    start = np.full((count, length), vocab_size, dtype=token_dtype(vocab_size))
    begun = replace(sampler.init(count, length, vocab_size, model.steps, model.schedule), order=order)
    now = _Mass(start, begun, np.full(count, 1 / count))
    while len(now.mass):
        done = sampler.finished(now.state, now.tokens)
        check_whole(sampler, now.tokens[done], vocab_size)
        yield now.tokens, now.mass, done
        now = _next(model.denoiser, sampler, now.take(~done), threads)


def require_closed_law(sampler: PlanLawBase | SamplerBase) -> None:
    """ValueError where a sampler draws with noise of too few bits, so that its law is known from draws alone."""
    if not sampler.has_closed_law:
        raise ValueError(f"sampler {sampler.spec} draws with float32 noise, whose law has no closed form; draw from it")


@whole_numbers(length=1)
def draws_cost(model: MaskedDiffusion, length: int) -> float:
    """Operations of `law_by_draws`, about: every subset of positions set, with all tokens there and all draws.

    Where tokens may change, from everywhere to everywhere, in every step; where masks are drawn too, in every step from
    everywhere to what has the same tokens and perhaps others. Times the orders, where the sampler is shown one: of m
    masked positions m!, so L!/0! + L!/1! + ... + L!/L! in the place of 2^L.
    """
    sampler, vocab_size = model.sampler, model.vocab_size
    shown = not sampler.oblivious and sampler.sees_order
    orders = shuffle_count(length) if shown else 1.0
    if sampler.remasks:
        return model.steps * length * power((vocab_size + 1) ** 2, length) * orders
    if not sampler.oblivious and sampler.leaves_masked:
        return model.steps * length * power(2 * vocab_size + 1, length) * orders
    if shown:
        at_masks = orders * sum(1 / math.factorial(k) for k in range(min(length, 20) + 1))
        return length * power(vocab_size, length) * at_masks
    return length * power(2 * vocab_size, length)


def _next(denoiser: Any, sampler: SamplerBase, now: _Mass, threads: int | None) -> _Mass:
    """One step from everywhere; mass in impossible contexts is dropped."""
    now = _tossed(sampler, now)
    wanted = sampler.wants(now.state, now.tokens)
    every = denoiser.conditionals(now.tokens, threads=threads)
    possible = (every.sum(axis=2) > 0).all(axis=1, where=wanted)
    now, wanted, every = now.take(possible), wanted[possible], every[possible]
    if sampler.sees_pairs:
        now = _Mass(now.tokens, replace(now.state, pairs=denoiser.pairs(now.tokens, threads=threads)), now.mass)
    found = []
    # Rows that want equally many positions have equally many outcomes.
    for size in np.unique(wanted.sum(axis=1)):
        here = wanted.sum(axis=1) == size
        some, asked = now.take(here), wanted[here]
        marginals = every[here][asked]
        law = sampler.law_in(some.state, some.tokens, asked, marginals)
        drawn, chance, rows = _all_draws(law.reshape(len(asked), size, law.shape[1]))
        repeated = np.repeat(marginals.reshape(len(asked), size, every.shape[2]), chance.shape[1], axis=0)
        likely = chance.reshape(-1) > 0
        state, tokens = sampler.step(
            some.state.take(rows[likely]),
            some.tokens[rows[likely]],
            asked[rows[likely]],
            repeated[likely].reshape(-1, every.shape[2]),
            drawn[likely].reshape(-1),
        )
        if some.state.order is not None:  # a sampler may make its states anew
            state = replace(state, order=some.state.order[rows[likely]])
        mass = (some.mass[:, None] * chance).reshape(-1)[likely]
        found.append(_merged(sampler, every.shape[2], _Mass(tokens, state, mass)))
    if not found:
        return now
    order = None if now.state.order is None else np.concatenate([each.state.order for each in found])
    states = State(np.concatenate([each.state.memory for each in found]), found[0].state.shared, order=order)
    tokens = np.concatenate([each.tokens for each in found])
    return _merged(sampler, every.shape[2], _Mass(tokens, states, np.concatenate([each.mass for each in found])))


def _tossed(sampler: SamplerBase, now: _Mass) -> _Mass:
    """Everywhere with all coins that may fall there, if any are tossed."""
    chances = sampler.chances(now.state, now.tokens)
    if chances is None:
        return now
    fallen = all_sequences(2, chances.shape[1]).astype(np.bool_)
    mass = now.mass[:, None] * np.where(fallen, chances[:, None], 1 - chances[:, None]).prod(axis=2)
    rows, which = np.nonzero(mass > 0)
    some = now.take(rows)
    return _Mass(some.tokens, replace(some.state, coins=fallen[which]), mass[rows, which])


def _all_draws(
    law: Float[np.ndarray, "rows size outcomes"],
) -> tuple[Int[np.ndarray, "found size"], Float[np.ndarray, "rows draws"], Int[np.ndarray, "found"]]:
    """All outcomes that the positions of a row may draw, their probabilities, and the row of each outcome."""
    rows, size, outcomes = law.shape
    grid = all_sequences(outcomes, size).astype(np.int64) if size else np.zeros((1, 0), dtype=np.int64)
    chance = np.ones((rows, len(grid)))
    for position in range(size):
        chance *= law[:, position, grid[:, position]]
    return np.tile(grid, (rows, 1)), chance, np.repeat(np.arange(rows), len(grid))


def _merged(sampler: SamplerBase, mask: int, mass: _Mass) -> _Mass:
    """The same with equal places added up."""
    columns = [mass.tokens, mass.state.memory.reshape(len(mass.mass), -1)]
    if mass.state.order is not None:
        # How set positions compare decides nothing any more, unless tokens may change.
        compared = np.ones(mass.tokens.shape, dtype=np.bool_) if sampler.remasks else mass.tokens == mask
        columns.append(_ranks(mass.state.order, compared))
    _, first, index = np.unique(_numbered(columns), return_index=True, return_inverse=True)
    total = np.bincount(index, weights=mass.mass, minlength=len(first))
    return _Mass(mass.tokens[first], mass.state.take(first), total)


def _numbered(columns: list[np.ndarray]) -> Int[np.ndarray, "rows"]:
    """A number for each row, in the order of the rows and the same for equal ones.

    Numbers are sorted many times faster than rows, which numpy compares entry by entry.
    """
    numbers, bound = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in (each[:, k] for each in columns for k in range(each.shape[1])):
        values, ranks = np.unique(column, return_inverse=True)
        if bound * len(values) > np.iinfo(np.int64).max:
            known, numbers = np.unique(numbers, return_inverse=True)
            bound = len(known)
        numbers, bound = numbers * len(values) + ranks, bound * len(values)
    return numbers


def _ranks(order: Order, compared: Bool[np.ndarray, "rows length"]) -> Order:
    """The rank of each of the positions compared among these, -1 elsewhere."""
    lower = order[:, :, None] > order[:, None, :]
    return np.where(compared, (lower & compared[:, None, :]).sum(axis=2), -1)
