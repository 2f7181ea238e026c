"""The law of steps that are drawn together, given that they can be completed: by recursion over what is revealed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.long_calls import counted
from mdmtheory.core.prompts import Answered, Prompt
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.enumeration import Law, all_sequences, check_feasible, power
from mdmtheory.models.completable import completable_rows
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.samplers.planned import plans_alone, token_laws

Chances = Float[np.ndarray, "sequences"]


def constrained_law(
    model: MaskedDiffusion, length: int, threads: int | None = None, *, shown: Tokens | None = None
) -> Law:
    """p(x) of every sequence, shape (V,)*length; what it lacks to 1 went to steps without a completion.

    A fixed plan by its steps; random subsets by the recursion of docs/theory.md, section 3, with the products
    prod_{i in U} p(x_i | x_S) divided by Z(S, U), in O((3V)^L). At temperature 0 a step has one outcome. With a prompt
    `shown`, (1, L) with the mask at `length` positions, of the answers to it. ValueError with the cost where it is not
    feasible, and for plans without such a recursion.
    """
    assert model.constraint is not None
    model.constraint.check(model.denoiser, length if shown is None else shown.shape[1])
    plans: Any = plans_alone(model.plan_law)
    if not plans.fixed and plans.subset_law is None:
        raise ValueError(
            f"the law over plans {plans.spec} has no recursion over subsets; pass ancestral or fixed plans"
        )
    tokens = all_sequences(model.vocab_size, length)
    whole, prompt, inside = tokens, None, tokens
    if shown is not None:
        whole = np.repeat(shown, len(tokens), axis=0)
        whole[:, shown[0] == model.vocab_size] = tokens
    right = model.language.in_support(whole)
    whole, inside = whole[right], tokens[right]
    if shown is not None:
        prompt = Prompt(np.repeat(shown, len(inside), axis=0), model.vocab_size)
    check_feasible(constrained_cost(model, length), len(inside) * power(3, length) * 8, f"the law of {model.spec}")
    if plans.fixed:
        given = None if prompt is None else prompt.tokens
        found = np.exp(model.log_prob(whole, prompt=given, threads=threads).values)
    else:
        chances = _chances(model, inside, prompt, length, threads)
        found = _over_subsets(plans.subset_law(length, model.steps, model.schedule), chances, length, len(inside))
    law = np.zeros((model.vocab_size,) * length)
    law[tuple(inside.T.astype(np.int64))] = found
    return law


def constrained_cost(model: MaskedDiffusion, length: int) -> float:
    """Operations that `constrained_law` takes, about; infinite where it refuses whatever the size."""
    law: Any = plans_alone(model.plan_law)
    if not law.fixed and law.subset_law is None:
        return math.inf
    return length * power(model.vocab_size if law.fixed else 3 * model.vocab_size, length)


def _chances(
    model: MaskedDiffusion, inside: Answered, prompt: Prompt | None, length: int, threads: int | None
) -> dict[tuple[int, int], Chances]:
    """prod_{i in U} p(x_i | x_S) / Z(S, U) of each sequence, by the sets S and U as bits; U is not empty."""
    found, position, every = {}, np.arange(length), (1 << length) - 1
    where = position if prompt is None else prompt.answer
    for known in counted(range(every), "sets"):
        answers = np.where(known >> position & 1, inside, model.vocab_size).astype(inside.dtype)
        shown = answers if prompt is None else prompt.joined(answers)
        laws = model.denoiser.conditionals(shown, threads=threads)[:, where]
        new = left = every & ~known
        while new:
            found[known, new] = _chance(model, inside, shown, laws, np.flatnonzero(new >> position & 1), where)
            new = (new - 1) & left
    return found


def _chance(model: MaskedDiffusion, inside: Answered, shown: Tokens, laws: Any, positions: Any, where: Any) -> Chances:
    """Of one set U, `positions`, which stand at `where[positions]` of what is `shown`."""
    assert model.constraint is not None
    count, width = len(inside), len(positions)
    tokens = inside[:, positions].astype(np.int64)
    rows, at = np.repeat(np.arange(count), width), np.tile(positions, count)
    completed = completable_rows(model.language, shown)
    if model.constraint.greedy:
        best, _ = completed.best(rows, where[at], np.ascontiguousarray(laws[rows, at]))
        return (best.reshape(count, width) == tokens).all(axis=1).astype(np.float64)
    laws = token_laws(model.constraint.law, laws)
    kept = completed.score(rows, where[at], np.ascontiguousarray(laws[rows, at]), tokens.ravel())
    kept = kept.reshape(count, width).sum(axis=1)
    own = np.take_along_axis(laws[:, positions], tokens[:, :, None], axis=2)[:, :, 0].prod(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isneginf(kept), 0.0, own * np.exp(-kept))


def _over_subsets(subset_law: Any, chances: dict[tuple[int, int], Chances], length: int, count: int) -> Chances:
    every = (1 << length) - 1
    then = [np.zeros(count) for _ in range(every)] + [np.ones(count)]
    for step in reversed(range(len(subset_law))):
        now = []
        for known in range(every + 1):
            revealed, left = known.bit_count(), every & ~known
            total, new = subset_law[step, revealed, 0] * then[known], left
            while new:
                weight = subset_law[step, revealed, new.bit_count()]
                if weight > 0:
                    total = total + weight * chances[known, new] * then[known | new]
                new = (new - 1) & left
            now.append(total)
        then = now
    return then[0]
