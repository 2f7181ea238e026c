"""Laws over plans with the options of all samplers: where a token is drawn is the plan's choice, how is not."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import wraps
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory import plans as laws
from mdmtheory.core.evaluable import call, name_of
from mdmtheory.core.protocols import Answers
from mdmtheory.core.register import Register, about
from mdmtheory.core.sources import Sources
from mdmtheory.core.spec import Spec, Value
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
CONSTRAINED_SOURCES: Sources = ("dang2026", "su2026", "suresh2025", "mundler2025")
"""Where steps that are drawn from their product given an automaton, or a grammar, are from."""


@dataclass(frozen=True, repr=False)
class Planned(TokenOptions, PlanLawBase):
    """A law over plans whose tokens are drawn at a temperature, from a nucleus, above min_p, or with float32 noise.

    To everything that asks for plans it is the law itself; what it changes is one marginal at a time, so that log p(x)
    given a plan is the sum of log `law` on its way. With no option changed it draws what the law draws. A law that is
    `one_at_a_time` has p = q no longer, as tokens are not drawn from the marginals.

    Plans are drawn in float64 whatever the precision; the ancestral sampler by name draws both in float32 (`Race`).

    `constrained`: the tokens of a step are drawn from the product of their laws *given that a sequence of the language
    can still come of it* (2607.07026; docs/theory.md, 5.2), and at temperature 0 its most probable tokens of which one
    can (2505.23061). Then tokens of a step have no laws of their own: log p(x) given a plan is the sum of log `law`
    less log Z of every step, and a model has to know the language. ValueError with options of which there is no such
    law.

    >>> str(Planned(laws.Stride(), temperature=0.5).spec)
    'stride:temperature=0.5'
    """

    plans: PlanLawBase
    _: KW_ONLY
    constrained: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "plans", guarded_sampler(self.plans))
        self._as(self.plans)
        self._check_constrained()

    def _check_constrained(self) -> None:
        """ValueError for options with which steps cannot be drawn together."""
        if type(self.constrained) is not bool:
            raise ValueError(f"constrained is {self.constrained!r}; pass true or false")
        if not self.constrained:
            return
        whose = f"constrained=true of sampler {self.plans.spec}"
        if self.precision != "float64":
            raise ValueError(f"{whose} draws the tokens of a step together, without float32 noise; use float64")
        if self.temperature > 0:
            return
        if self.ties != "lowest":
            raise ValueError(
                f"{whose} takes at temperature 0 the first of equally probable steps, and this one decides between "
                "equal tokens by chance; add ties=lowest"
            )
        if self.nucleus < 1 or self.min_p > 0:
            raise ValueError(
                f"{whose} takes at temperature 0 the best step that can be completed, whatever a nucleus or min_p "
                "would cut; leave these out"
            )

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
    def _changed(self) -> dict[str, Value]:
        """The shared options that are not the default, but for `ties`, and whether it is constrained."""
        return super()._changed | ({"constrained": True} if self.constrained else {})

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


def is_constrained(sampler: Any) -> bool:
    """Whether the tokens of a step are drawn together, given that the language can complete them."""
    return isinstance(sampler, Planned) and sampler.constrained


def constrained(law: PlanLawBase) -> Planned:
    """The same law over plans and options, with steps that are drawn together."""
    return replace(law, constrained=True) if isinstance(law, Planned) else Planned(law, constrained=True)


def each_alone(law: PlanLawBase | None, answers: Answers) -> Answers:
    """What each token is drawn from, under the options of a law; ValueError where a step is drawn together."""
    if not isinstance(law, Planned):
        return answers
    if law.constrained:
        raise ValueError(f"sampler {law.spec} draws the tokens of a step together; run the model that it makes")
    return answers.under(law)


def token_laws(law: PlanLawBase, marginals: Laws) -> Laws:
    """What tokens are drawn from where the marginals are these; rows of zeros (impossible contexts) stay.

    Where steps are `constrained`: what their products are made of, before these are conditioned.
    """
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
    known = (*SHARED_OPTIONS, "constrained")
    shared = [each for each in inspect.signature(Planned).parameters.values() if each.name in known]

    @wraps(build, updated=())
    def built(**options: Any) -> PlanLawBase | SamplerBase:
        if in_float32 is not None and options.get("precision") == "float32" and not options.get("constrained"):
            options.pop("constrained", None)
            return in_float32(**options)
        changing = {key: options.pop(key) for key in known if key in options}
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
