"""What exact posteriors are known by, however they are computed: a language, and how far it trusts what is revealed."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.protocols import Denoiser
from mdmtheory.core.spec import Spec


class Posterior(DenoiserDefaults):
    """The exact posterior of a language; `trust` below 1 takes a revealed token for evidence of itself alone.

    ValueError for a trust that is no probability above 0. A class that answers says `exact_for = Posterior.exact_for`
    itself: what is only inherited speaks of other answers (core.contracts.exact_for).
    """

    language: Any
    trust: float

    def __init__(self, language: Any, trust: float = 1.0) -> None:
        if not 0 < trust <= 1:
            raise ValueError(f"trust is {trust}; pass a number above 0 and at most 1")
        self.language, self.trust = language, float(trust)
        self.vocab_size: int = language.vocab_size
        self.spec = Spec.of("oracle") if trust == 1 else Spec.of("oracle", trust=trust)

    def __repr__(self) -> str:
        return f"Oracle({self.language!r}, trust={self.trust})" if self.trust < 1 else f"Oracle({self.language!r})"

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["oracle", self.trust, self.language.digest]

    @property
    def exact_for(self) -> str | None:
        """The language's digest; None where a revealed token is no more than evidence."""
        digest: str = self.language.digest
        return digest if self.trust == 1 else None

    def trusting(self, trust: float) -> Denoiser:
        """The oracle that trusts what is revealed so far; this one where it trusts less already."""
        found: Denoiser = self.language.oracle(min(trust, self.trust))
        return found
