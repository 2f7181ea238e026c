"""Every published statement, and ours, as something that can fail."""

from mdmtheory.theory.registry import chosen_statements, statements
from mdmtheory.theory.statement import BoundCheck, Constant, HypothesisError, Setting, Sides, Statement

__all__ = [
    "BoundCheck",
    "Constant",
    "HypothesisError",
    "Setting",
    "Sides",
    "Statement",
    "chosen_statements",
    "statements",
]
