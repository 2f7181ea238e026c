"""Laws over plans with the options of all samplers: where a token is drawn is the plan's choice, how is not."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory import plans as laws
from mdmtheory.core.evaluable import call, name_of
from mdmtheory.core.register import Register, about
from mdmtheory.core.spec import Spec
from mdmtheory.plans import PlanLawBase, Plans, States
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.contracts import guarded_sampler
from mdmtheory.samplers.drawing import SHARED_OPTIONS, TokenOptions
from mdmtheory.samplers.protocol import Marginals
from mdmtheory.samplers.race import Race
from mdmtheory.samplers.registry import SAMPLERS
from mdmtheory.schedules import Schedule

Laws = Float[np.ndarray, "*places vocab_size"]
PLAN_LAWS = Register("plan law", "mdmtheory.plans")


@dataclass(frozen=True, repr=False)
class Planned(TokenOptions, PlanLawBase):
    """A law over plans whose tokens are drawn at a temperature, from a nucleus, above min_p, or with float32 noise.

    To everything that asks for plans it is the law itself; what it changes is one marginal at a time, so that log p(x)
    given a plan is the sum of log `law` on its way. With no option changed it draws what the law draws. A law that is
    `one_at_a_time` has p = q no longer, as tokens are not drawn from the marginals.

    Plans are drawn in float64 whatever the precision; the ancestral sampler by name draws both in float32 (`Race`).

    >>> str(Planned(laws.Stride(), temperature=0.5).spec)
    'stride:temperature=0.5'
    """

    plans: PlanLawBase

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "plans", guarded_sampler(self.plans))
        self._as(self.plans)

    def __repr__(self) -> str:
        name = name_of(self, SAMPLERS)
        if name is not None:
            return call("samplers.as_sampler", name)
        return call("samplers.Planned", plans=self.plans, **self._changed, **self._ties("lowest"))

    @property
    def spec(self) -> Spec:
        """The law's, and the options that are not the default."""
        return Spec(self.plans.spec.name, (*self.plans.spec.options, *self.changed.items()))

    @property
    def recorded(self) -> Spec:
        """`spec` with the ties that are the default, and without those that were the only ones."""
        inside = self.plans.recorded
        return Spec(inside.name, (*inside.options, *self._changed.items(), *self._ties("random").items()))

    @property
    def identity(self) -> Any:
        """The law's, and the options that are not the default."""
        return ["planned", self.plans.identity, {**self._changed, **self._ties("random")}]

    @property
    def stream_identity(self) -> Any:
        """As the identity, whatever decides between equals."""
        return ["planned", self.plans.stream_identity, self._changed]

    @property
    def subset_law(self) -> Any:  # type: ignore[override]  # the law's here, on the class elsewhere
        """The law's."""
        return self.plans.subset_law

    def draw(self, states: States, length: int, steps: int, schedule: Schedule) -> Plans:
        """The law's plans."""
        return self.plans.draw(states, length, steps, schedule)

    def steps_taken(self, length: int, steps: int) -> int:
        """The law's."""
        return self.plans.steps_taken(length, steps)


def plans_alone(law: PlanLawBase) -> PlanLawBase:
    """The law over plans, whatever tokens are drawn from."""
    return law.plans if isinstance(law, Planned) else law


def token_laws(law: PlanLawBase, marginals: Laws) -> Laws:
    """What tokens are drawn from where the marginals are these; rows of zeros (impossible contexts) stay."""
    if not isinstance(law, Planned):
        return marginals
    rows: Marginals = marginals.reshape(-1, marginals.shape[-1])
    totals = rows.sum(axis=1, keepdims=True)
    possible = totals[:, 0] > 0
    found = np.zeros_like(rows)
    found[possible] = law.law(rows[possible] / totals[possible])
    return found.reshape(marginals.shape)


def with_options(
    build: Callable[..., PlanLawBase], in_float32: Callable[..., SamplerBase] | None = None
) -> Callable[..., PlanLawBase | SamplerBase]:
    """What builds a law over plans, with the options of all samplers besides its own.

    What the law says of itself is said of it too. With no option changed it builds the law itself, whose plans are run
    in fused kernels. `in_float32` builds, from the same options, what takes its place where published programs draw
    plan and tokens with the same noise.
    """
    own = [each for each in inspect.signature(build).parameters.values() if each.kind is each.KEYWORD_ONLY]
    shared = [each for each in inspect.signature(TokenOptions).parameters.values() if each.name in SHARED_OPTIONS]

    @wraps(build, updated=())
    def built(**options: Any) -> PlanLawBase | SamplerBase:
        if in_float32 is not None and options.get("precision") == "float32":
            return in_float32(**options)
        changing = {key: options.pop(key) for key in SHARED_OPTIONS if key in options}
        plain = build(**options)
        planned = Planned(plain, **changing)
        return planned if planned.changed else plain

    if in_float32 is not None:
        inside = (in_float32.__doc__ or "").partition("\n")[0]
        built.__doc__ = f"{(build.__doc__ or '').rstrip('.')}. With precision=float32: {inside}"
    said = about(build)
    built.about = said and replace(said, kind="sampler")  # type: ignore[attr-defined]  # read by registers
    built.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]  # read by `inspect`
    return built


_IN_FLOAT32: dict[Any, Callable[..., SamplerBase]] = {laws.Ancestral: Race}

SAMPLERS_OF_PLANS = tuple(with_options(law, _IN_FLOAT32.get(law)) for law in map(PLAN_LAWS.builder, PLAN_LAWS.built_in))
"""Every law over plans that is registered, as a sampler."""
