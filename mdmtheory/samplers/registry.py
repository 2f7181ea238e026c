"""The samplers that can be named: laws over reveal plans, and rules that look at the sequence."""

from __future__ import annotations

from mdmtheory.core.plugins import conforming
from mdmtheory.core.register import Register
from mdmtheory.core.spec import Spec
from mdmtheory.plans import PlanLaw, PlanLawBase
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.contracts import guarded_sampler
from mdmtheory.samplers.protocol import Sampler

SAMPLERS = Register("sampler")


def as_sampler(sampler: str | Spec | PlanLaw | Sampler) -> PlanLawBase | SamplerBase:
    """The law over plans, or the adaptive sampler, that a name or spec stands for; ValueError for anything else.

    >>> as_sampler("entropy_bound:gamma=0.5").context_only
    True
    >>> as_sampler("stride").plan(5, 2).tolist()
    [1, 2, 1, 2, 1]
    """
    named = isinstance(sampler, str | Spec)
    built: PlanLaw | Sampler = SAMPLERS.build(sampler) if isinstance(sampler, str | Spec) else sampler
    name = f"sampler {sampler}" if named else None
    found = conforming(built, name or f"the sampler {type(sampler).__name__}", PlanLaw, Sampler)
    checked: PlanLawBase | SamplerBase = guarded_sampler(found, name)
    return checked
