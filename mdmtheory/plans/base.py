"""What a law over reveal plans is: it chooses the step of each position without looking at tokens."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int32, UInt64

from mdmtheory.core.evaluable import call
from mdmtheory.core.register import about
from mdmtheory.core.spec import Spec, Value
from mdmtheory.schedules import Schedule

States = UInt64[np.ndarray, "count 4"]
Plans = Int32[np.ndarray, "count length"]
SubsetLaw = Float[np.ndarray, "steps revealed size"]


class Chooser:
    """What laws over plans and samplers that look have in common, in so far as they may leave it unsaid.

    `facts` names what it says of itself, True or False.
    """

    facts: ClassVar[tuple[str, ...]]

    @property
    def precision(self) -> str:
        """In which numbers tokens are drawn: "float64" or "float32"."""
        return "float64"

    @property
    def has_closed_law(self) -> bool:
        """Whether tokens are drawn from their laws themselves, not with noise of too few bits."""
        return self.precision == "float64"

    @property
    def changed(self) -> Mapping[str, Value]:
        """The options of how tokens are drawn that are not the default: with none, from the marginals themselves."""
        return {}

    @property
    def recorded(self: Any) -> Spec:
        """The name under which results of it are kept: `spec`, unless names came to mean something else."""
        name: Spec = self.spec
        return name

    @property
    def stream_identity(self: Any) -> Any:
        """What streams are keyed by: `identity`, but for what is to leave them where they are."""
        return self.identity

    def _as(self, inside: Chooser) -> None:
        """Take over what another one says of itself."""
        for name in self.facts:
            object.__setattr__(self, name, getattr(inside, name))


@runtime_checkable
class PlanLaw(Protocol):
    """What chooses a reveal plan for each sequence, without looking at tokens.

    `uses_steps` and `uses_schedule`: whether they change the plans. `fixed`: every sequence gets the same plan.
    `one_at_a_time`: no step ever reveals two positions.
    """

    @property
    def spec(self) -> Spec:
        """The name it goes by."""

    @property
    def identity(self) -> Any:
        """What its plans depend on besides length, steps, schedule and stream, as a JSON value."""

    @property
    def uses_steps(self) -> bool: ...  # noqa: D102  # described above
    @property
    def uses_schedule(self) -> bool: ...  # noqa: D102
    @property
    def fixed(self) -> bool: ...  # noqa: D102
    @property
    def one_at_a_time(self) -> bool: ...  # noqa: D102

    @abstractmethod
    def draw(self, states: States, length: int, steps: int, schedule: Schedule) -> Plans:
        """One plan a row; row i uses stream states[i] alone and moves it on in place (fixed laws leave it alone)."""

    @abstractmethod
    def steps_taken(self, length: int, steps: int) -> int:
        """The largest step number that a plan can have."""


class PlanLawBase(Chooser, PlanLaw):
    """A law over plans with all that it may leave unsaid; one that a name alone describes has that `name`.

    `subset_law(length, steps, schedule)`: P(step k + 1 reveals just this set of s masked positions | m revealed before)
    at [k, m, s], None for laws that have no such probabilities. `shared_steps(length, steps, schedule)`: the law tilted
    by which positions share a step (plans/shared_steps.py), None where that is not known.
    """

    facts = ("uses_steps", "uses_schedule", "fixed", "one_at_a_time")
    oblivious: ClassVar[Literal[True]] = True
    remasks: ClassVar[Literal[False]] = False
    uses_steps: bool = True
    uses_schedule: bool = False
    fixed: bool = False
    one_at_a_time: bool = False
    subset_law: Callable[[int, int, Schedule], SubsetLaw] | None = None
    shared_steps: Callable[[int, int, Schedule], Any] | None = None
    name: ClassVar[str]

    def __repr__(self) -> str:
        # Those that are named have nothing to choose; others may, and tell of it themselves.
        return call(f"plans.{type(self).__name__}") if about(type(self)) else object.__repr__(self)

    @property
    def spec(self) -> Spec:
        """The name."""
        return Spec.of(self.name)

    @property
    def identity(self) -> Any:
        """The name."""
        return [self.name]
