"""What a measure is: a way of taking sequences, and the sums that it makes of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.presets import as_language
from mdmtheory.metrics.sums import Sums


@dataclass(frozen=True)
class Sequences:
    """Sequences first..first+count-1 of the stream that a model or a language, a length and a seed name."""

    language: Language
    length: WholeNumber
    seed: WholeNumber
    first: WholeNumber
    count: WholeNumber

    def __post_init__(self) -> None:
        object.__setattr__(self, "language", as_language(self.language))
        for name, least in (("length", 1), ("seed", 0), ("first", 0), ("count", 0)):
            object.__setattr__(self, name, whole_number(getattr(self, name), name, least))

    def tokens(self, threads: int | None) -> Tokens:
        """Those of the language."""
        return self.language.sample(self.count, self.length, self.seed, first=self.first, threads=threads)


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

    def shares_pass(self, model: Any, language: Language) -> bool:
        """Whether models of one denoiser are measured at once for little more than the price of one."""
        return False

    @abstractmethod
    def count(self, models: Sequence[Any], of: Sequences, threads: int | None = 1) -> list[Sums]:
        """The sums over these sequences for each model."""
