"""The law of constrained diffusion, by recursion over what is revealed."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.long_calls import counted
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.enumeration import Law, all_sequences, check_feasible, power
from mdmtheory.models.completable import CompletableRows
from mdmtheory.models.constrained import ConstrainedDiffusion
from mdmtheory.samplers.planned import plans_alone, token_laws

Chances = Float[np.ndarray, "sequences"]


def constrained_law(model: ConstrainedDiffusion, length: int, threads: int | None = None) -> Law:
    """p(x) of every sequence, shape (V,)*length; what it lacks to 1 went to steps without a completion.

    A fixed plan by its steps; random subsets by the recursion of docs/theory.md, section 3, with the products
    prod_{i in U} p(x_i | x_S) divided by Z(S, U), in O((3V)^L). ValueError with the cost where it is not feasible, for
    plans without such a recursion, and at temperature 0.
    """
    _ = model.log_prob_kind
    plans: Any = plans_alone(model.plan_law)
    tokens = all_sequences(model.vocab_size, length)
    inside = tokens[model.language.in_support(tokens)]
    check_feasible(constrained_cost(model, length), len(inside) * power(3, length) * 8, f"the law of {model.spec}")
    if plans.fixed:
        found = np.exp(model.log_prob(inside, threads=threads).values)
    elif plans.subset_law is None:
        raise ValueError(
            f"the law over plans {plans.spec} has no recursion over subsets; pass ancestral or fixed plans"
        )
    else:
        chances = _chances(model, inside, length, threads)
        found = _over_subsets(plans.subset_law(length, model.steps, model.schedule), chances, length, len(inside))
    law = np.zeros((model.vocab_size,) * length)
    law[tuple(inside.T.astype(np.int64))] = found
    return law


def constrained_cost(model: ConstrainedDiffusion, length: int) -> float:
    """Operations that `constrained_law` takes, about."""
    law: Any = plans_alone(model.plan_law)
    return length * power(model.vocab_size if law.fixed else 3 * model.vocab_size, length)


def _chances(
    model: ConstrainedDiffusion, inside: Tokens, length: int, threads: int | None
) -> dict[tuple[int, int], Chances]:
    """prod_{i in U} p(x_i | x_S) / Z(S, U) of each sequence, by the sets S and U as bits; U is not empty."""
    found, position, every = {}, np.arange(length), (1 << length) - 1
    for known in counted(range(every), "sets"):
        shown = np.where(known >> position & 1, inside, model.vocab_size).astype(inside.dtype)
        laws = token_laws(model.plan_law, model.denoiser.conditionals(shown, threads=threads))
        new = left = every & ~known
        while new:
            found[known, new] = _chance(model, inside, shown, laws, np.flatnonzero(new >> position & 1))
            new = (new - 1) & left
    return found


def _chance(model: ConstrainedDiffusion, inside: Tokens, shown: Tokens, laws: Any, positions: Any) -> Chances:
    count, width = len(inside), len(positions)
    tokens = inside[:, positions].astype(np.int64)
    rows, where = np.repeat(np.arange(count), width), np.tile(positions, count)
    kept = CompletableRows(model.language, shown).score(
        rows, where, np.ascontiguousarray(laws[rows, where]), tokens.ravel()
    )
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
