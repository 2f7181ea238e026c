"""Which noises an exact posterior takes, and the canvases that it opens under them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Evidence, Language, MarginalsCanvas, NoisyCanvas
from mdmtheory.core.tokens import Tokens
from mdmtheory.oracles.canvas import ConditionalsCanvas, EvidenceCanvas
from mdmtheory.oracles.posterior import Posterior

Laws = Float[np.ndarray, "count length vocab_size"]


class UnderNoise(Posterior, ABC):
    """An exact posterior under masked, uniform and Gaussian noise, but for those that it refuses with a reason."""

    def __init__(self, language: Language, trust: float = 1.0) -> None:
        super().__init__(language, trust)
        self.refusals = self._refused_noises()
        self.noises = frozenset({"masked", "uniform", "gaussian"} - self.refusals.keys())

    @abstractmethod
    def posterior(self, evidence: Evidence | Laws, *, leave_one_out: bool = False, threads: int | None = None) -> Laws:
        """q(x_i = v | evidence at every position); of one's own position left out with `leave_one_out`."""

    @whole_numbers(count=0, length=1, threads=1)
    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> MarginalsCanvas | NoisyCanvas:
        """A canvas of `count` masked sequences, with the prompt's tokens revealed; under other noises a NoisyCanvas."""
        self._check_noise(noise)
        self.language.validate_length(length)
        if noise == "masked":
            return self._canvas(count, length, prompt, threads)
        if prompt is not None:
            raise ValueError(
                f"no exact posterior given a prompt is known under {noise} noise; use masked noise, or a network that "
                "was trained on it"
            )
        return EvidenceCanvas(self, count, threads)

    def _canvas(self, count: int, length: int, prompt: Tokens | None, threads: int | None) -> MarginalsCanvas:
        """A canvas that computes everything afresh; a language that can keep what did not change does."""
        return ConditionalsCanvas(self, count, length, prompt, threads)

    def _refused_noises(self) -> dict[str, str]:
        """Why there is no posterior under a noise, for each of which that is so."""
        if self.trust == 1:
            return {}
        reason = f"trust {self.trust} is about revealed tokens, and under this noise none is; use trust 1"
        return {"uniform": reason, "gaussian": reason}

    def _check_noise(self, noise: str) -> None:
        if noise not in self.noises:
            reason = f": {self.refusals[noise]}" if noise in self.refusals else ""
            raise ValueError(
                f"the oracle of {self.language.spec} takes no {noise!r} noise{reason}; "
                f"known: {', '.join(sorted(self.noises))}"
            )

    def _log_likelihoods(self, evidence: Evidence | Laws) -> Laws:
        """What evidence says of each token, in nats; ValueError for what is none, or of another length."""
        logs = evidence if isinstance(evidence, np.ndarray) else evidence.log_likelihood()
        logs = np.ascontiguousarray(logs, dtype=np.float64)
        if logs.ndim != 3 or logs.shape[2] != self.vocab_size:
            raise ValueError(f"evidence has shape {logs.shape}; pass (count, length, {self.vocab_size})")
        self.language.validate_length(logs.shape[1])
        if not (logs < np.inf).all():
            raise ValueError("evidence holds NaN or +inf; pass log likelihoods, -inf where a token is excluded")
        return logs
