"""The lists that multiply out to cells."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from mdmtheory.core.limits import MOST_CELLS, check_limit
from mdmtheory.core.notices import notice
from mdmtheory.core.printable import first_few
from mdmtheory.core.spec import Spec
from mdmtheory.languages.presets import FILE_ENDINGS, as_language, own_length
from mdmtheory.prompts.registry import OWN
from mdmtheory.sweeps.cell import DEFAULTS, Cell
from mdmtheory.sweeps.choices import choices_of, fitting_denoiser, known_languages, known_spec, own_steps, registries
from mdmtheory.sweeps.ranges import PartOfLength, numbers, plain_numbers, steps_of, texts

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language

DEFAULT_LENGTH = 512
"""Tokens of a sequence where nobody says how many and the language has no length of its own."""


def cells(
    lang: Any,
    *,
    length: Any = None,
    steps: Any = None,
    model: Any = DEFAULTS["model"],
    denoiser: Any = DEFAULTS["denoiser"],
    sampler: Any = DEFAULTS["sampler"],
    schedule: Any = DEFAULTS["schedule"],
    metrics: Any = "ser,ter",
    samples: Any = 2000,
    max_errors: Any = None,
    check: bool = False,
    seed: Any = 0,
    prompt: Any = OWN,
) -> list[Cell]:
    """The cells of a sweep: every value takes one, a list, or the command line's text, and lists multiply out.

    `lang` also takes a language of Python, or several: what is measured of it is kept under its digest, and the store
    shows its spec, `hmm:digest=...` where it was given none (`mt.HMM(..., spec=mt.Spec("mine"))`).

    A cell that has no choice of something (autoregression of a denoiser, left to right of a number of steps) appears
    once, not once for each value; but each trained network has an autoregression of its own. A denoiser may be the
    folder of a run. To samplers that may change tokens `oracle` is oracle:trust=0.999. `prompt` names what is given
    (`mdmtheory list prompts`), by default what the language says itself. Where no `length` is given, it is that of a
    task, and of other languages 512. What does not go together, a length with a task or a denoiser with a language that
    it is not for, is left out, which a notice tells; ValueError where nothing is left. Steps that follow the length
    (`L/4`, `3L/4`, `2L`) are rounded down, and a notice says so. ValueError, one line, for what is unknown, out of
    range or missing.

    >>> [cell.steps for cell in cells("hmm", steps="64..256")]
    [64, 128, 256]
    >>> len(cells("hmm", steps="64..256", sampler="ancestral,left_to_right", model="masked,ar"))
    5
    """
    languages = known_languages(lang)
    models, denoisers, samplers, schedules = (
        [known_spec(kind, each) for each in texts(value, kind)]
        for kind, value in (("model", model), ("denoiser", denoiser), ("sampler", sampler), ("schedule", schedule))
    )
    prompts = [known_spec("prompt", each) for each in texts(prompt, "prompt")]
    wanted = None if steps is None else steps_of(steps)
    measured = tuple(texts(metrics, "metrics"))
    most = _one(samples, "samples")
    errors = None if max_errors is None else _one(max_errors, "max_errors")
    lengths, seeds = None if length is None else numbers(length, "length"), plain_numbers(seed, "seed")
    lists: list[list[Any]] = [languages, lengths or [0], models, seeds, denoisers, samplers, schedules, prompts]
    lists.append(wanted or [None])
    count = math.prod(map(len, lists))
    check_limit(count, MOST_CELLS, "MOST_CELLS", f"the lists multiply out to {count:,} cells", "use shorter lists")
    found: dict[Cell, Cell] = {}
    misfits: dict[str, None] = {}
    settings = _settings_of(languages, lengths, misfits)
    for (language, at), given, kind, own_seed in itertools.product(settings, prompts, models, seeds):
        fitting = [each for each in denoisers if _goes_with(each, language, misfits)]
        for denoiser_, sampler_, schedule_ in itertools.product(fitting, samplers, schedules):
            choices = choices_of(kind, sampler_, denoiser_)
            denoiser_ = fitting_denoiser(sampler_, denoiser_) if "sampler" in choices else denoiser_
            own = own_steps(schedule_) if "schedule" in choices else None
            for number, rule in _steps_at(wanted, at, "steps" in choices, own):
                cell = Cell(
                    language=language,
                    length=at,
                    model=kind,
                    denoiser=denoiser_ if "denoiser" in choices else None,
                    sampler=sampler_ if "sampler" in choices else None,
                    schedule=schedule_ if "schedule" in choices else None,
                    steps=number,
                    seed=own_seed,
                    metrics=measured,
                    samples=most,
                    max_errors=errors,
                    check=check and "sampler" in choices,
                    prompt=given,
                    rule=rule,
                )
                found[cell] = found.setdefault(cell, cell).also(cell)
    if not found:
        raise ValueError(f"nothing is left to measure: {'; '.join(misfits)}")
    for misfit in misfits:
        notice(f"left out: {misfit}")
    parts = [each for each in wanted or () if isinstance(each, PartOfLength)]
    used = dict.fromkeys(at for _, at in settings)
    if rounded := [said for each in parts for at in used if (said := each.rounding(at)) is not None]:
        notice(f"steps are rounded down: {first_few(rounded)}")
    return list(found.values())


def _settings_of(
    languages: list[Any], lengths: list[int] | None, misfits: dict[str, None]
) -> list[tuple[str | Language, int]]:
    """Each language with each of the lengths, a task with its own; what does not fit becomes one of the misfits."""
    found = []
    for language in languages:
        # A file is read where there is a choice, or nobody says a length: a cell reads it anyway.
        own = (
            own_length(language)
            if lengths is None or len(languages) * len(lengths) > 1 or _is_named(language)
            else None
        )
        for length in lengths or [own or DEFAULT_LENGTH]:
            if own in (None, length):
                found.append((language, length))
            else:
                misfits[f"{_name_of(language)} has sequences of {own} tokens alone, not of {length}"] = None
    return found


def _goes_with(denoiser: str, language: str | Language, misfits: dict[str, None]) -> bool:
    """Whether a denoiser is one for a language; one that says of which kinds it is, is for no others."""
    of = registries()["denoiser"].about(registries()["denoiser"].read(denoiser).name).of
    if of is None:
        return True
    named = Spec.parse(str(language)).name if _is_named(language) else None
    kind = named or getattr(as_language(language), "kind", "")
    if kind not in of:
        misfits[f"denoiser {denoiser} is for {', '.join(of)}, not for {_name_of(language)}"] = None
    return kind in of


def _is_named(language: str | Language) -> bool:
    return isinstance(language, str) and not language.endswith(FILE_ENDINGS)


def _name_of(language: str | Language) -> str:
    return language if isinstance(language, str) else str(language.spec)


def _one(value: Any, name: str) -> int:
    found = plain_numbers(value, name, least=1)
    if len(found) > 1:
        raise ValueError(f"{name} {value!r} is a list; give one number for the whole sweep")
    return found[0]


def _steps_at(
    wanted: list[int | PartOfLength] | None, length: int, choice: bool, own: int | None
) -> list[tuple[int | None, str | None]]:
    """The numbers of steps of a cell, each with its rule: those wanted, one's own of an explicit schedule, or None."""
    if not choice or own is not None:
        return [(own if choice else None, None)]
    if wanted is None:
        raise ValueError("steps is missing; give the numbers of sampling steps, as 64..2048, 16,64,256, L/4 or 2L")
    return [(each.at(length) if isinstance(each, PartOfLength) else each, str(each)) for each in wanted]
