"""Batches as a network learns from them and is measured on: noised sequences, exact targets and the exact floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mdmtheory.core.given import Given
from mdmtheory.core.prompts import Prompt
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.prompts import answer_log_prob
from mdmtheory.oracles.on_device import DeviceOracle, LawsOnDevice, has_many_states
from mdmtheory.training.data import Data, noise_generator, stream_of
from mdmtheory.training.objectives.base import Noised, NoisedTensors, Objective

Laws = Float[np.ndarray, "rows length vocab_size"] | Float[Tensor, "rows length vocab_size"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Noised sequences and the laws that a network should say; `floor` is what those lose, in nats a token answered.

    `exact` is the same in float64 for a loss that is compared with the floor; None in training. Targets and floor are
    None where they are not known, or not asked for.
    """

    noised: NoisedTensors
    targets: Tensor | None
    floor: float | None
    exact: tuple[NoisedTensors, Tensor | None] | None = None

    def rows(self, own: slice) -> Batch:
        """The part of it that one of several processes learns from."""
        parts = [None if each is None else each[own] for each in self.noised]
        return Batch(NoisedTensors(*parts), None if self.targets is None else self.targets[own], self.floor)


class Batches:
    """The batches of a training, each a function of its number; `targets` is "oracle" or "tokens".

    Where positions are `given`, they are seen, and answers alone are noised, asked for and counted.
    With `known` False nothing is asked of the oracle: there are neither targets nor floors.
    """

    def __init__(
        self,
        objective: Objective,
        language: Language,
        data: Data,
        *,
        targets: str,
        known: bool,
        rows: int,
        device: str,
        given: Given | None = None,
    ) -> None:
        self.objective = objective
        self.language = language
        self.data = data
        self.rows = rows
        self.given = given
        self.answered = data.length if given is None else given.answer_length
        self._exact_targets = targets == "oracle"
        self._known = known
        self._oracle = _supplier(objective, language, device) if known and objective.known_targets else None
        self._device = device

    def training(self, step: int) -> Batch:
        """What step `step` learns from."""
        noised = self._noised(self.data.batch(step, self.rows), step, "training")
        # Those of an objective that is not proper have no floor either.
        laws = self._laws(noised) if self._exact_targets or self.objective.proper else None
        kept = laws if self._exact_targets else None
        return Batch(noised.tensors(device=self._device), self._real(kept), self._floor(noised, laws, kept is None))

    def validation(self, number: int, rows: int) -> Batch:
        """So many sequences that are never learnt from."""
        seed = stream_of("validation", self.data.seed)
        clean = self.language.sample(rows, self.data.length, seed, first=number * rows, threads=1)
        noised = self._noised(clean, number, "validation")
        laws = self._laws(noised)
        exact = None if laws is None else torch.as_tensor(laws, dtype=torch.float64).cpu()
        told = noised.tensors(dtype=torch.float64), exact
        return Batch(noised.tensors(device=self._device), None, self._floor(noised, laws, laws is None), told)

    def _noised(self, clean: Tokens, number: int, purpose: str) -> Noised:
        generator = noise_generator(self.language, self.data.length, self.data.seed, number, purpose)
        return noised_answers(self.objective, clean, self.given, generator)

    def _laws(self, noised: Noised) -> Laws | None:
        if self._oracle is None:
            return None
        return self.objective.targets(self._oracle, noised, threads=1, first=first_answered(self.given))

    def _floor(self, noised: Noised, laws: Laws | None, of_tokens: bool) -> float | None:
        """What the exact laws lose, in nats a token: against themselves or against the tokens that were drawn.

        Of a bound -log q of the answers, which nothing loses less than in the mean.
        """
        if self._known and not self.objective.known_targets:
            answers = answer_log_prob(self.language, noised.clean, self.given, threads=1)
            return -float(answers.mean()) / self.answered
        if laws is None or not self.objective.proper:
            return None
        if of_tokens:
            log_probs = torch.as_tensor(laws, dtype=torch.float64).log()
            there = noised.tensors(device=log_probs.device, dtype=torch.float64)
            nats: Any = self.objective.loss(log_probs, there).cpu().numpy()
        else:
            nats = self.objective.floor(noised, laws)
        return float(nats.mean()) / self.answered

    def _real(self, laws: Laws | None) -> Tensor | None:
        return None if laws is None else torch.as_tensor(laws).to(device=self._device, dtype=torch.float32)


def _supplier(objective: Objective, language: Any, device: str) -> Any:
    """The oracle that says the laws to be learnt: where the network is if a chain has many states, else by kernels."""
    if device != "cpu" and objective.of_conditionals and has_many_states(language):
        return LawsOnDevice(DeviceOracle(language, device=device))
    return language.oracle()


def noised_answers(objective: Objective, clean: Tokens, given: Given | None, generator: np.random.Generator) -> Noised:
    """Whole sequences with their answers noised: all of them where nothing is given."""
    if given is None:
        return objective.noised(clean, generator)
    prompt = Prompt(given.prompts_of(clean, objective.vocab_size), objective.vocab_size)
    return objective.answering(objective.noised(prompt.answers_of(clean), generator), prompt)


def first_answered(given: Given | None) -> int:
    """The first position that is not given."""
    return 0 if given is None else int(given.positions.argmin())
