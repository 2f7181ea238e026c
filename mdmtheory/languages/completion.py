"""What a language says of how its steps are completed, whatever knows it: an automaton, or a closed form."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens

Rows = Int[np.ndarray, "n"]
Laws = Float[np.ndarray, "n vocab_size"]
Numbers = Float[np.ndarray, "n"]
Kept = Float[np.ndarray, "n"]


@runtime_checkable
class CompletableRows(Protocol):
    """Partly revealed sequences to which steps are added, so that a sequence of the language can still come of each.

    A step is (row, position) pairs with a law each, in any order; what it writes is seen by the steps that follow. Of
    each pair there is log(1 - d): d is the share of the mass of the row's product of laws that dies at the position, of
    what was left there, a sum of positive terms. Over a row they sum to log Z, Z being what the product has on tokens
    with which the row can be completed. Where Z is 0 the row's tokens are the mask, and one logarithm is -inf.
    """

    def draw(self, rows: Rows, positions: Rows, laws: Laws, uniforms: Numbers) -> tuple[Rows, Kept]:
        """Tokens of the product on condition that the row can be completed, of a uniform each; and log(1 - d)."""

    def best(self, rows: Rows, positions: Rows, laws: Laws) -> tuple[Rows, Kept]:
        """The tokens of the largest product that can be completed, of equal ones the first; logarithms as `draw`."""

    def score(self, rows: Rows, positions: Rows, laws: Laws, tokens: Rows) -> Kept:
        """As `draw`, of the tokens given, which are the language's: the logarithms alone."""


@runtime_checkable
class Completion(Protocol):
    """The sequences of one length that a language has, in a form that says what a step leaves of them."""

    @property
    def exact_alone(self) -> bool:
        """Whether it knows this of the laws of the language's exact denoiser alone, and not of any."""

    def rows(self, shown: Tokens, spec: Spec) -> CompletableRows:
        """What is shown (rows, length), the mask elsewhere, ready for a step; `spec` names the language in errors."""
