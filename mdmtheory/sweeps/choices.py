"""The words that can be typed, and which of them a model has a use for."""

from __future__ import annotations

import math
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from mdmtheory.core.integers import whole_number
from mdmtheory.core.register import Register
from mdmtheory.core.spec import Spec
from mdmtheory.sweeps.cell import DEFAULTS
from mdmtheory.sweeps.ranges import texts

if TYPE_CHECKING:
    import pandas as pd

    from mdmtheory.core.protocols import Language

_ALL = ("denoiser", "sampler", "schedule", "steps")
"""What may have a say in a model."""

LESS_TRUST = 0.999
"""How far `oracle` trusts revealed tokens for samplers that can change them (docs/theory.md, section 4)."""


@cache
def registries() -> dict[str, Register]:
    """The register behind each kind of word that can be typed."""
    from mdmtheory.denoisers import DENOISERS
    from mdmtheory.languages.presets import LANGUAGES
    from mdmtheory.models import MODELS
    from mdmtheory.prompts.registry import PROMPTS
    from mdmtheory.samplers.registry import SAMPLERS
    from mdmtheory.schedules import SCHEDULES

    registers = (MODELS, DENOISERS, SAMPLERS, SCHEDULES, PROMPTS)
    return {"lang": LANGUAGES, **{register.kind: register for register in registers}}


def known_language(text: str) -> str:
    """The text as it names a cell; ValueError for an unknown name. Files are read when the cell is built."""
    from mdmtheory.languages.presets import FILE_ENDINGS, check_no_file_meant

    if text.endswith(FILE_ENDINGS):
        return text
    check_no_file_meant(text)
    return known_spec("lang", text)


def known_languages(value: Any) -> list[str | Language]:
    """Each language that is typed, as it names a cell, or is there as an object; ValueError for a plug-in's object."""
    from mdmtheory.languages.kinds import built_in_kind
    from mdmtheory.languages.presets import as_language

    found: dict[str | Language, None] = {}
    for each in value if isinstance(value, list | tuple) and value else [value]:
        if not hasattr(each, "digest"):
            text = os.fspath(each) if isinstance(each, os.PathLike) else each
            found.update(dict.fromkeys(known_language(text) for text in texts(text, "lang")))
            continue
        language = as_language(each)
        if built_in_kind(language) is None:
            raise ValueError(f"lang {language.spec} is an object of a plug-in; give its name, as module:name")
        found[language] = None
    return list(found)


def known_spec(kind: str, text: str) -> str:
    """A spec written the usual way; ValueError for an unknown name of this kind, with the known ones."""
    register = registries()[kind]
    spec = register.typed(text)
    register.builder(spec.name)
    return register.written(spec)


def choices_of(model: str, sampler: str, denoiser: str = DEFAULTS["denoiser"]) -> frozenset[str]:
    """Which of denoiser, sampler, schedule and steps change what a model with this sampler and denoiser does."""
    from mdmtheory.samplers.registry import as_sampler

    said, trained = registries()["model"].about(Spec.parse(model).name), registries()["denoiser"].known(denoiser)
    choices = frozenset(_ALL if said.needs is None else said.needs)
    if said.of_learned and trained is not None and trained.learned:
        choices |= {"denoiser"}
    if "sampler" not in choices:
        return choices
    built = _fitted(model, as_sampler(sampler))
    unused = {name for name, used in (("schedule", built.uses_schedule), ("steps", built.uses_steps)) if not used}
    return choices - unused


def _fitted(model: str, sampler: Any) -> Any:
    """The sampler as a model runs it, from which it is read what has a say."""
    from mdmtheory.samplers.by_block import by_block

    said, size = registries()["model"].known(model), block_of(model)
    if said is None or said.blocks is None or size is None:
        return sampler
    return by_block(sampler, whole_number(size, said.blocks, 1))  # refused by the word that was typed


def block_of(model: str) -> int | None:
    """The length of the blocks that a built-in model draws one after the other; None where it draws no blocks."""
    said = registries()["model"].known(model)
    size = dict(Spec.parse(model).options).get(said.blocks) if said and said.blocks else None
    return size if isinstance(size, int) else None


def is_exact(model: str) -> bool:
    """Whether a model is the language's own law, so that it scores TER(q) and H(q); plug-ins are not looked up."""
    said = registries()["model"].known(model)
    return said is not None and said.exact


def is_learned(denoiser: Any) -> bool:
    """Whether a denoiser that a row of results names, if it names one, is a trained one; looks up nothing else."""
    said = registries()["denoiser"].known(denoiser) if isinstance(denoiser, str) else None
    return said is not None and said.learned


def is_held(sampler: Any) -> bool:
    """Whether a sampler that a row of results names completes its steps: it writes nothing wrong; looks up nothing."""
    register = registries()["sampler"]
    try:
        spec = Spec.parse(sampler) if isinstance(sampler, str) else None
    except ValueError:
        return False
    return spec is not None and not register.from_outside(spec.name) and dict(spec.options).get("constrained") is True


def reference_rows(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which rows of results are of the language's own law: of a model that is it, with no network in its place."""
    return frame["model"].map(is_exact).astype(bool) & ~frame["denoiser"].map(is_learned).astype(bool)


def fitting_denoiser(sampler: str, denoiser: str) -> str:
    """`oracle` as it serves a sampler: where tokens may change, one that trusts revealed ones less."""
    from mdmtheory.samplers.registry import as_sampler

    return (
        f"{denoiser}:trust={LESS_TRUST}"
        if as_sampler(sampler).remasks and denoiser == DEFAULTS["denoiser"]
        else denoiser
    )


@cache
def typed_today(typed: str, recorded: str) -> str:
    """How the sampler is typed now that results have as `typed`, and record under that name.

    Ties were broken by the lowest number before there was a choice, and that is still what a recorded name without
    `ties` means. Both are data: nothing is looked up but among what is built in.
    """
    register = registries()["sampler"]
    try:
        spec, options = Spec.parse(typed), dict(Spec.parse(recorded).options)
    except ValueError:
        return typed
    if register.from_outside(spec.name) or "ties" in options or "ties" in dict(spec.options):
        return typed
    ranks = getattr(register.builder(spec.name), "ranks", False)
    tokens_tie = options.get("temperature") == 0 or options.get("nucleus", 1) != 1
    return str(Spec(spec.name, (*spec.options, ("ties", "lowest")))) if ranks or tokens_tie else typed


def own_steps(schedule: str) -> int | None:
    """The number of steps that an explicit schedule fixes, None for a family."""
    from mdmtheory.schedules import as_schedule

    return as_schedule(schedule).steps


def most_calls(model: Any, sampler: Any, steps: Any, length: Any) -> float:
    """Calls of a sequence that is not given up, at most: min(steps, length), in every block, or a plan's own steps.

    The arguments are those of a row of results; NaN where a rule decides, and of samplers that are not built in or read
    a file: names in results are data, which neither run code nor open files.
    """
    import pandas as pd

    from mdmtheory.samplers.registry import SAMPLERS, as_sampler

    size = block_of(str(model)) or int(length)
    if not pd.isna(steps):
        whole, rest = divmod(int(length), size)
        return float(whole * min(int(steps), size) + min(int(steps), rest))
    try:
        law = as_sampler(sampler) if isinstance(sampler, str) and SAMPLERS.is_plain(sampler) else None
    except ValueError:
        law = None
    return float(law.steps_taken(int(length), 1)) if law and law.oblivious and size == length else math.nan
