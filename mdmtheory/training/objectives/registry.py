"""The objectives that can be named."""

from __future__ import annotations

from typing import cast

from mdmtheory.core.register import Register
from mdmtheory.core.spec import Spec
from mdmtheory.training.objectives.base import Objective

OBJECTIVES = Register("objective", "mdmtheory.training.objectives")


def as_objective(objective: str | Spec | Objective, vocab_size: int) -> Objective:
    """The objective that a name or spec stands for, over so many tokens; ValueError for what is none.

    >>> as_objective("mdm", 8)
    MaskedObjective(vocab_size=8)
    """
    if isinstance(objective, Objective):
        return objective
    return cast(Objective, OBJECTIVES.build(objective, vocab_size))
