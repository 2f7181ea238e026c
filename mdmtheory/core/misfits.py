"""What a product of choices leaves out: two of them that do not go together."""

from __future__ import annotations


class MisfitError(ValueError):
    """A choice is fine by itself and does not go with another.

    A length with a task, an observer with a language, a denoiser with a model that has other noise or shows it less, a
    metric with a sampler. `between` names the two choices, as a cell of a sweep does.
    """

    def __init__(self, message: str, between: tuple[str, str] = ("denoiser", "model")) -> None:
        super().__init__(message)
        self.between = between
