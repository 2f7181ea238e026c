"""What a measure is: a way of taking sequences, and the sums that it makes of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from mdmtheory.core.given import Given
from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.presets import as_language
from mdmtheory.metrics.sums import Sums
from mdmtheory.models.fitting import check_takes_prompts, held_to
from mdmtheory.prompts.drawing import drawn_prompts
from mdmtheory.prompts.registry import given_positions


@dataclass(frozen=True)
class Sequences:
    """Sequences first..first+count-1 of the stream that a model or a language, a length and a seed name.

    `prompt` says which positions are `given` (`given_positions`; here nothing unless said): then each drawn sequence is
    an answer to a prompt of its own, and each scored one is split into prompt and answer.
    """

    language: Language
    length: WholeNumber
    seed: WholeNumber
    first: WholeNumber
    count: WholeNumber
    prompt: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "language", as_language(self.language))
        for name, least in (("length", 1), ("seed", 0), ("first", 0), ("count", 0)):
            object.__setattr__(self, name, whole_number(getattr(self, name), name, least))
        object.__setattr__(self, "prompt", given_positions(self.prompt, self.language, self.length))

    @property
    def given(self) -> Given | None:
        """The positions that are given; None where none is."""
        found: Given | None = self.prompt
        return found

    @property
    def answer_length(self) -> int:
        """Tokens that are drawn or scored of a sequence."""
        return self.length if self.given is None else self.given.answer_length

    def tokens(self, threads: int | None) -> Tokens:
        """Those of the language."""
        return self.language.sample(self.count, self.length, self.seed, first=self.first, threads=threads)

    def held(self, models: Iterable[Any]) -> list[Any]:
        """Models as they are held to the language; ValueError where something is given that one cannot be told of."""
        found = [held_to(model, self.language)[0] for model in models]
        if self.given is not None:
            for model in found:
                check_takes_prompts(model)
        return found

    def to_draw(self, threads: int | None) -> dict[str, Any]:
        """What a model is told besides count, length and seed to draw them: the prompts, where something is given."""
        if self.given is None:
            return {}
        prompts = drawn_prompts(self.language, self.given, self.count, self.seed, first=self.first, threads=threads)
        return {"prompt": prompts}

    def to_score(self, tokens: Tokens) -> dict[str, Any]:
        """What a model is told besides tokens and seed to score them: what of them is given, where something is."""
        return {} if self.given is None else {"prompt": self.given.prompts_of(tokens, self.language.vocab_size)}

    def log_q(self, tokens: Tokens, threads: int | None) -> Float[np.ndarray, "count"]:
        """log q of the answers given their prompts in nats, of whole sequences where nothing is given."""
        # Exact numbers are loaded where there are sequences to score: a page of results needs none.
        from mdmtheory.exact.prompts import answer_log_prob

        return answer_log_prob(self.language, tokens, self.given, threads=threads)


class Measure(ABC):
    """One way of measuring models; its objects have no state, and `name` and `version` stand in the names of tasks.

    `whole` names its counts and `real` its other sums; what is in `later` was not always summed, and chunks may lack
    it. `facts` names what `facts_of` says of a model. `stops` tells whether a number of errors may end it, and
    `costs_since` from which version on it counts calls and rounds of sequences drawn to their end (None: from none).
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    whole: ClassVar[tuple[str, ...]]
    real: ClassVar[tuple[str, ...]]
    later: ClassVar[tuple[str, ...]] = ()
    facts: ClassVar[tuple[str, ...]] = ()
    stops: ClassVar[bool] = False
    costs_since: ClassVar[int | None] = None

    def version_for(self, model: Any, language: Language) -> int:
        """Its version where it measures this model on this language."""
        return self.version

    def facts_of(self, model: Any) -> dict[str, Any]:
        """What metrics must know of the model besides the sums; ValueError where it cannot be measured so."""
        return {}

    def check_fits(self, model: Any, language: Language, length: int) -> None:  # noqa: B027  # most take any
        """ValueError where sequences of this language and length cannot be taken so of a model that `facts_of` took."""

    def shares_pass(self, model: Any, language: Language) -> bool:
        """Whether models of one denoiser are measured at once for little more than the price of one."""
        return False

    @abstractmethod
    def count(self, models: Sequence[Any], of: Sequences, threads: int | None = 1) -> list[Sums]:
        """The sums over these sequences for each model."""
