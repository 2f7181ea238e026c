"""What a product of choices leaves out: two of them that do not go together."""

from __future__ import annotations


class MisfitError(ValueError):
    """A choice is fine by itself and does not go with another: a length with a task, an observer with a language."""
