"""From the words of a cell to a language and a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mdmtheory.core.contracts import as_denoiser, as_model, check_vocabularies
from mdmtheory.core.limits import MOST_ENTRIES_AT_ONCE, check_limit
from mdmtheory.core.protocols import Denoiser, Language, SequenceModel
from mdmtheory.models.fitting import check_takes_prompts
from mdmtheory.prompts.registry import given_positions
from mdmtheory.sweeps.cell import DEFAULTS, Cell
from mdmtheory.sweeps.choices import registries


def check_whole_cells(cells: Iterable[Cell], what: str) -> None:
    """ValueError where something is given in a cell, for what speaks of whole sequences alone; builds languages."""
    builder = Builder()
    for language, prompt, length in dict.fromkeys((cell.language, cell.prompt, cell.length) for cell in cells):
        if given_positions(prompt, builder.language(language), length) is not None:
            raise ValueError(
                f"{what} are of whole sequences, and {prompt} of {language} gives a prompt at length {length}; use "
                "prompt=none"
            )


class Builder:
    """Builds cells; those with the same language or denoiser share it, and with it its tables."""

    def __init__(self) -> None:
        self._languages: dict[str | Language, Language] = {}
        self._denoisers: dict[tuple[str | Language, str], Denoiser] = {}

    def build(self, cell: Cell) -> tuple[Language, SequenceModel]:
        """The language and the model of a cell; ValueError says what in it does not fit together."""
        language: Any = self.language(cell.language)
        language.validate_length(cell.length)
        width, entries = language.width, cell.length * language.width
        at_once = f"length {cell.length:,} times {width:,} states or tokens is {entries:,} numbers at once"
        check_limit(entries, MOST_ENTRIES_AT_ONCE, "MOST_ENTRIES_AT_ONCE", at_once, "use shorter sequences")
        # A model without a choice takes the default, which changes nothing.
        denoiser = self._denoiser(cell.language, cell.denoiser or DEFAULTS["denoiser"])
        denoiser.validate_length(cell.length)
        arguments: tuple[Any, ...] = (
            language,
            denoiser,
            cell.sampler or DEFAULTS["sampler"],
            cell.steps,
            cell.schedule or DEFAULTS["schedule"],
        )
        built = registries()["model"].build(cell.model, *arguments)
        model = as_model(built, f"model {cell.model}")
        check_vocabularies(model, language)
        given = given_positions(cell.prompt, language, cell.length)
        if given is not None:
            check_takes_prompts(model)
        model.validate_length(cell.length if given is None else given.answer_length)
        model.validate_whole(cell.length)
        return language, model

    def language(self, text: str | Language) -> Language:
        """The language of a spec or a file, or itself."""
        from mdmtheory.languages.presets import as_language

        if text not in self._languages:
            self._languages[text] = as_language(text)
        return self._languages[text]

    def _denoiser(self, language: str | Language, text: str) -> Any:
        key = (language, text)
        if key not in self._denoisers:
            built = registries()["denoiser"].build(text, self.language(language))
            self._denoisers[key] = as_denoiser(built, f"denoiser {text}")
        return self._denoisers[key]
