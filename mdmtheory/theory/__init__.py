"""Every published statement, and ours, as something that can fail."""

from mdmtheory.theory.registry import chosen_statements, statements
from mdmtheory.theory.statement import BoundCheck, Constant, HypothesisError, Setting, Sides, Statement, Twin
from mdmtheory.theory.twins import TwinCheck, check_twins

__all__ = [
    "BoundCheck",
    "Constant",
    "HypothesisError",
    "Setting",
    "Sides",
    "Statement",
    "Twin",
    "TwinCheck",
    "check_twins",
    "chosen_statements",
    "statements",
]
