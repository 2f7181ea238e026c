"""What a user asks of a training, and the settings that come of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, cast

from mdmtheory.core.given import Given
from mdmtheory.core.integers import LAST_SEED, whole_number
from mdmtheory.core.notices import notice
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.protocols import Language
from mdmtheory.core.spec import Spec
from mdmtheory.exact.prompts import answer_log_prob
from mdmtheory.networks.architecture import Size
from mdmtheory.prompts.registry import OWN, given_positions
from mdmtheory.training.batches import first_answered, noised_answers
from mdmtheory.training.data import Data, as_data, noise_generator
from mdmtheory.training.objectives.base import Objective
from mdmtheory.training.objectives.registry import as_objective
from mdmtheory.training.settings import Settings, check_same

TARGETS = ("oracle", "tokens")
TOKENS_A_STEP = 512
"""On a processor, where the number of steps counts, not that of tokens."""
TOKENS_A_STEP_ON_CUDA = 1 << 14


@dataclass(frozen=True, eq=False)
class Asked:
    """The arguments of `train` that decide its numbers; what is None is left to us, or to how a run was begun."""

    objective: str | Spec
    language: Language
    length: int
    size: Size
    tokens: float | None
    minutes: float | None
    data: str | Spec
    targets: str | None
    batch: int | None
    lr: float | None
    level: bool | None
    seed: int
    prompt: Any = OWN

    def settings(self, *, on_cuda: bool) -> Settings:
        """What a training begins with; by `minutes` it has one step until it is known how fast it is."""
        length = self.length
        self.language.validate_length(length)
        objective, data = self.aim(), self.source()
        given = self.given()
        objective.validate_length(length if given is None else given.answer_length)
        objective.check_given(given)
        usual = TOKENS_A_STEP_ON_CUDA if on_cuda else TOKENS_A_STEP
        batch = max(1, usual // length) if self.batch is None else self.batch
        return Settings(
            objective=str(objective.spec),
            language=str(self.language.spec),
            language_digest=self.language.digest,
            length=length,
            size=str(self.size),
            level=objective.told_level if self.level is None else self.level,
            data=str(data.spec),
            targets=self._targets(objective, data),
            batch=batch,
            steps=self._steps(data, batch),
            minutes=self.minutes,
            learning_rate=default_rate(self.size) if self.lr is None else float(self.lr),
            seed=self.seed,
            given=None if given is None else given.text,
        )

    def resumed(self, begun: Settings, folder: str) -> Settings:
        """The settings that a training was begun with; ValueError where something else is asked for now."""
        given = self.given()
        # A prompt decides what else fits, so it is compared before that is asked.
        check_same(replace(begun, given=None if given is None else given.text), begun, folder)
        unsaid = self.tokens is None and self.minutes is None
        filled = replace(
            self,
            minutes=None,
            tokens=begun.tokens if self.tokens is None and self.source().steps(1) is None else self.tokens,
            targets=self.targets or begun.targets,
            batch=begun.batch if self.batch is None else self.batch,
            lr=begun.learning_rate if self.lr is None else self.lr,
            level=begun.level if self.level is None else self.level,
        )
        now = replace(filled.settings(on_cuda=False), minutes=begun.minutes if unsaid else self.minutes)
        check_same(now, begun, folder)
        return begun

    def aim(self) -> Objective:
        """The objective."""
        return as_objective(self.objective, self.language.vocab_size)

    def given(self) -> Given | None:
        """The positions that are given; None where none is."""
        return given_positions(self.prompt, self.language, self.length)

    def source(self) -> Data:
        """The data."""
        return as_data(self.data, self.language, self.length, whole_number(self.seed, "seed", 0, LAST_SEED))

    def _steps(self, data: Data, batch: int) -> int:
        fixed = data.steps(batch)
        said = [f"--{name}" for name in ("tokens", "minutes") if getattr(self, name) is not None]
        if fixed is not None:
            if said:
                raise ValueError(f"{data.spec} says how long the training is; leave {said[0]} out")
            return fixed
        if len(said) != 1:
            raise ValueError(
                f"how long the training is {'is said twice' if said else 'is not said'}; pass --tokens or --minutes"
            )
        budget = cast(float, self.tokens if self.minutes is None else self.minutes)
        if not 0 < budget < math.inf:
            raise ValueError(f"{said[0]} is {budget}; pass a positive number")
        return 1 if self.tokens is None else math.ceil(self.tokens / (batch * self.length))

    def _targets(self, objective: Objective, data: Data) -> str:
        """As asked for, or else the exact posterior where that is known and data is fresh."""
        if self.targets not in (None, *TARGETS):
            raise ValueError(
                f"unknown targets {self.targets!r}{did_you_mean(self.targets, TARGETS)}; known: {', '.join(TARGETS)}"
            )
        if not data.may_be_exact:
            if self.targets == "oracle":
                raise ValueError(f"data {data.spec} is learnt token by token; pass --targets tokens, or --data fresh")
            return "tokens"
        if self.targets == "tokens" or (self.targets is None and not objective.known_targets):
            return "tokens"
        refusal = why_not_exact(objective, self.language, data, self.given())
        if refusal is None:
            return "oracle"
        if self.targets == "oracle":
            raise ValueError(f"the exact posterior cannot be the target: {refusal}; pass --targets tokens")
        notice(f"learning from the tokens that are drawn, since their exact posterior is not known: {refusal}")
        return "tokens"


def why_not_exact(objective: Objective, language: Language, data: Data, given: Given | None) -> str | None:
    """Why a language does not tell what an objective's networks should say, or lose at least; None where it does."""
    generator = noise_generator(language, data.length, data.seed, 0, "trial")
    noised = noised_answers(objective, language.sample(1, data.length, 0, threads=1), given, generator)
    try:
        if not objective.known_targets:
            answer_log_prob(language, noised.clean, given, threads=1)
            return None
        objective.targets(language.oracle(), noised, threads=1, first=first_answered(given))
    except (ValueError, NotImplementedError, ProtocolError) as error:
        return str(error) or type(error).__name__
    return None


def default_rate(size: Size) -> float:
    """The highest learning rate that a size is trained with unless said otherwise: 0.003 at width 64, less if wider.

    It falls with the width, as updates of AdamW add up over it (2203.03466).

    >>> [default_rate(Size(2, width, 4)) for width in (32, 64, 256)]
    [0.003, 0.003, 0.00075]
    """
    return 3e-3 * min(1.0, 64 / size.width)
