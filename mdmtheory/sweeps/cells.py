"""The lists that multiply out to cells."""

from __future__ import annotations

import itertools
import math
from typing import Any

from mdmtheory.core.limits import MOST_CELLS, check_limit
from mdmtheory.core.notices import notice
from mdmtheory.core.printable import first_few
from mdmtheory.prompts.registry import OWN
from mdmtheory.sweeps.cell import DEFAULTS, Cell
from mdmtheory.sweeps.choices import choices_of, fitting_denoiser, known_languages, known_spec, own_steps
from mdmtheory.sweeps.ranges import PartOfLength, numbers, plain_numbers, steps_of, texts


def cells(
    lang: Any,
    *,
    length: Any = 512,
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
    (`mdmtheory list prompts`), by default what the language says itself. Steps that follow the length (`L/4`, `3L/4`,
    `2L`) are rounded down, and a notice says so. ValueError, one line, for what is unknown, out
    of range or left out.

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
    lengths, seeds = numbers(length, "length"), plain_numbers(seed, "seed")
    lists: list[list[Any]] = [languages, lengths, models, seeds, denoisers, samplers, schedules, prompts]
    lists.append(wanted or [None])
    count = math.prod(map(len, lists))
    check_limit(count, MOST_CELLS, "MOST_CELLS", f"the lists multiply out to {count:,} cells", "use shorter lists")
    found: dict[Cell, Cell] = {}
    for language, at, given, kind, own_seed in itertools.product(languages, lengths, prompts, models, seeds):
        for denoiser_, sampler_, schedule_ in itertools.product(denoisers, samplers, schedules):
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
    parts = [each for each in wanted or () if isinstance(each, PartOfLength)]
    if rounded := [said for each in parts for at in lengths if (said := each.rounding(at)) is not None]:
        notice(f"steps are rounded down: {first_few(rounded)}")
    return list(found.values())


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
