"""A cell: what one point of a curve is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdmtheory.core.integers import LAST_SEED, WholeNumber, whole_number
from mdmtheory.core.limits import MOST_LENGTH, MOST_SEQUENCES, check_limit
from mdmtheory.denoisers import DENOISERS
from mdmtheory.languages.presets import FILE_ENDINGS
from mdmtheory.metrics.registry import as_metrics, built_in_metrics
from mdmtheory.models import MODELS
from mdmtheory.prompts.registry import OWN

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language
    from mdmtheory.metrics.metric import Metric

DEFAULTS = {"model": "masked", "denoiser": "oracle", "sampler": "ancestral", "schedule": "linear"}
"""What is taken where nothing is typed, and what goes unsaid where cells are named."""


@dataclass(frozen=True)
class Cell:
    """One language, length, model and seed, what is measured of them and on how many sequences.

    `language` is a spec, the path of a language file, or a language; `denoiser`, `sampler`, `schedule` and `steps` are
    None where the model has no such choice. `samples` is the number of sequences of each measurement; with `max_errors`
    drawing stops earlier, at the first prefix of chunks with so many wrong sequences. `check` adds SER by scoring
    plans. `prompt` says which positions are given (prompts/kinds.py), by default what the language says itself: prompt
    i is then the given part of sequence i of the language's stream of prompts, and all numbers are of the answer given
    the prompt.
    `rule` is the text that made `steps`, as `L/4`, or several with commas between; cells differ by the number alone.
    """

    language: str | Language
    length: WholeNumber
    model: str
    denoiser: str | None
    sampler: str | None
    schedule: str | None
    steps: WholeNumber | None
    seed: WholeNumber
    metrics: tuple[str, ...] = ("ser", "ter")
    samples: WholeNumber = 2000
    max_errors: WholeNumber | None = None
    check: bool = False
    prompt: str = OWN
    rule: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("length", "samples", "steps", "max_errors"):
            if name in ("length", "samples") or getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(getattr(self, name), name, 1))
        check_limit(self.length, MOST_LENGTH, "MOST_LENGTH", f"length is {self.length:,}", "use shorter sequences")
        check_limit(
            self.samples, MOST_SEQUENCES, "MOST_SEQUENCES", f"samples is {self.samples:,}", "draw fewer sequences"
        )
        object.__setattr__(self, "seed", whole_number(self.seed, "seed", 0, LAST_SEED))
        if not self.metrics:
            raise ValueError("metrics is empty; give at least one, such as ser")
        self.shown()

    def shown(self) -> tuple[Metric, ...]:
        """The metrics of its rows: those asked for, what they bring along, and those of its check; ValueError."""
        asked = as_metrics(self.metrics)
        for metric in asked:
            if not metric.asked:
                raise ValueError(f"metric {metric.name} cannot be asked for; it comes with check")
        brought = [name for metric in asked for name in metric.brings]
        brought += [name for metric in asked for name in metric.brings_of_learned if self._learned]
        return as_metrics(
            [*self.metrics, *brought, *(each for each in built_in_metrics() if self.check and not each.asked)]
        )

    @property
    def _learned(self) -> bool:
        """Whether a trained network is named that is asked for laws of tokens; nothing else is looked up."""
        said, model = None if self.denoiser is None else DENOISERS.known(self.denoiser), MODELS.known(self.model)
        return said is not None and said.learned and (model is None or model.laws)

    def also(self, other: Cell) -> Cell:
        """The same cell with the rules of both."""
        rules = dict.fromkeys(each for rule in (self.rule, other.rule) if rule for each in rule.split(","))
        return replace(self, rule=",".join(rules) or None)

    @property
    def shown_language(self) -> str:
        """The language as results name it: a file by its name without folder and ending, an object by its spec."""
        if not isinstance(self.language, str):
            return str(self.language.spec)
        return Path(self.language).stem if self.language.endswith(FILE_ENDINGS) else self.language

    def __str__(self) -> str:
        named = ("model", "denoiser", "sampler", "schedule")
        parts = [
            str(getattr(self.language, "spec", self.language)),
            f"length {self.length}",
            *(getattr(self, name) for name in named),
        ]
        parts += [f"{self.steps} steps" if self.steps else None, f"seed {self.seed}"]
        parts += [f"prompt {self.prompt}" if self.prompt != OWN else None]
        return ", ".join(part for part in parts if part)


def sort_key(values: Iterable[Any]) -> tuple[tuple[int, Any], ...]:
    """A key that orders cells: what does not apply comes first, numbers by size, texts by letter."""
    return tuple((0, 0) if value is None else (1, value) for value in values)
