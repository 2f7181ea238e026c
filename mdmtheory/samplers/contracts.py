"""What samplers and laws over plans that are plugged in have to keep to, whenever they are called."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from mdmtheory.core.contracts import identity_of, spec_of
from mdmtheory.core.guards import Contract, floats, guarded, integers, laws, returned, unguarded
from mdmtheory.core.integers import whole_number
from mdmtheory.core.plugins import conforms
from mdmtheory.core.reveal_plans import LAST_STEP
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.oracles.answers import as_answers
from mdmtheory.plans import PlanLaw, PlanLawBase
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.protocol import Marginals, Outcomes, Positions, Said, State
from mdmtheory.schedules import Schedule


def _begun(sampler: Any, found: Any, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
    return _state(found, count)


def _state(found: Any, count: int) -> State:
    if not isinstance(found, State):
        raise ValueError(
            f"returned a {type(found).__name__} as state; return a mdmtheory.samplers.protocol.State, with `take`"
        )
    if np.shape(found.memory)[:1] != (count,):
        raise ValueError(f"returned a state without one row of `memory` for each of {count} sequences")
    return found


def _rows(sampler: Any, found: Any, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
    return returned(found, "b", (len(tokens),))


def _positions(sampler: Any, found: Any, state: State, tokens: Tokens) -> Positions:
    return returned(found, "b", tokens.shape)


def _law(sampler: Any, found: Any, marginals: Marginals) -> Marginals:
    return _scaled(found, marginals, 0)


def _law_in(sampler: Any, found: Any, state: State, tokens: Tokens, wanted: Any, marginals: Marginals) -> Outcomes:
    return _scaled(found, marginals, sampler.leaves_masked)


def _scaled(found: Any, marginals: Marginals, masks: int) -> Outcomes:
    """Laws that sum to 1 as nearly as they can, so that tokens have the probabilities that they are drawn with."""
    shape = (len(marginals), marginals.shape[1] + masks)
    if np.shape(found) != shape:
        raise ValueError(
            f"made laws of shape {np.shape(found)} from marginals of {marginals.shape}; return one law for each"
            f"{', with a column for the mask' if masks else ''}"
        )
    array = laws(found, shape)
    return array / array.sum(axis=1, keepdims=True)


def _chances(sampler: Any, found: Any, state: State, tokens: Tokens) -> np.ndarray | None:
    if found is None:
        return None
    chances = floats(found, tokens.shape)
    if chances.size and not (chances.min() >= 0 and chances.max() <= 1):
        raise ValueError(f"returned chances from {chances.min():g} to {chances.max():g}; return probabilities")
    return chances


def _charges(sampler: Any, found: Any, state: State, tokens: Tokens) -> tuple[np.ndarray, np.ndarray] | None:
    if found is None:
        return None
    calls, rounds = found
    most = np.iinfo(np.int64).max
    return integers(calls, (len(tokens),), 0, most, np.int64), integers(rounds, (len(tokens),), 0, most, np.int64)


def _stepped(
    sampler: Any, found: Any, state: State, tokens: Tokens, wanted: Any, said: Said, drawn: Any
) -> tuple[State, Tokens]:
    after_state, after = found
    mask = as_answers(said).vocab_size
    return _state(after_state, len(tokens)), integers(after, tokens.shape, 0, mask, token_dtype(mask))


def _scored_as(sampler: Any, found: Any) -> Any:
    """The guard itself where a plug-in names itself, so that nothing comes out from behind it."""
    if found is None or found is unguarded(sampler):
        return None if found is None else sampler
    return guarded(found, SAMPLER)


SAMPLER = Contract(
    "sampler",
    {
        "init": _begun,
        "finished": _rows,
        "wants": _positions,
        "law": _law,
        "law_in": _law_in,
        "step": _stepped,
        "chances": _chances,
        "charges": _charges,
    },
    {"spec": spec_of, "identity": identity_of, "scored_as": _scored_as},
    refuse=frozenset({"init"}),
    defaults=SamplerBase,
)


def _plans(law: Any, found: Any, states: Any, length: int, steps: int, schedule: Any) -> np.ndarray:
    return integers(found, (len(states), length), 1, LAST_STEP, np.int32)


def _steps_taken(law: Any, found: Any, length: int, steps: int) -> int:
    return whole_number(found, "the number of steps", 1, LAST_STEP)


def _subset_law(law: Any, found: Any, length: int, steps: int, schedule: Any) -> np.ndarray:
    shape = np.shape(found)
    if len(shape) != 3 or shape[1:] != (length + 1, length + 1):
        raise ValueError(f"returned an array of shape {shape}; return (steps, {length + 1}, {length + 1})")
    return floats(found, shape)


PLAN_LAW = Contract(
    "sampler",
    {"draw": _plans, "steps_taken": _steps_taken, "subset_law": _subset_law},
    {"spec": spec_of, "identity": identity_of},
    refuse=frozenset({"draw", "steps_taken", "subset_law", "plan"}),
    streams=frozenset({"draw"}),
    defaults=PlanLawBase,
)


def guarded_sampler(sampler: Any, name: str | None = None) -> Any:
    """A law over plans or a sampler that looks, behind a guard if it is a plug-in."""
    return guarded(sampler, PLAN_LAW if conforms(sampler, PlanLaw) else SAMPLER, name)
