"""What SER would be if a denoiser's impossible mass were the same everywhere, beside what it is."""

from __future__ import annotations

import math
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from typing import Any

from mdmtheory.core.differences import difference
from mdmtheory.core.estimate import HEADINGS, Ends, Estimate
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import within_its_threads
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.metrics.impossible_mass import AskedContexts, ImpossibleMass
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.pricing import is_ancestral
from mdmtheory.metrics.ser import ser
from mdmtheory.models.autoregressive import Autoregressive
from mdmtheory.models.fitting import held_to
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.prompts.registry import OWN, given_positions


@dataclass(frozen=True)
class SerFromZ:
    """SER as z has it, `expected` = 1 - (1 - `oracle`) exp(-L `z`), beside the `measured` one.

    `oracle` is SER of the same model with the exact posterior, `z` the denoiser's mean impossible mass. `expected` is
    an approximation, also where its interval is short: `miss` is measured less expected, and what it is off by.
    """

    oracle: Estimate
    z: Estimate
    expected: Estimate
    measured: Estimate
    miss: Estimate

    def _repr_html_(self) -> str:
        named = ("oracle", "z", "expected", "measured", "miss")
        return html_table(["", *HEADINGS], [[name, *getattr(self, name).cells] for name in named])


@whole_numbers(length=1, count=1, contexts=2, seed=0, threads=1)
@shows_progress
@within_its_threads
def ser_from_z(
    model: Any,
    language: LanguageLike,
    length: int,
    *,
    count: int = 1000,
    contexts: int = 4000,
    seed: int = 0,
    method: str = "walk",
    level: float = 0.95,
    threads: int | None = None,
    prompt: Any = OWN,
    progress: bool | None = None,
) -> SerFromZ:
    """1 - (1 - SER_oracle) exp(-L z), an approximation, with its measured miss (docs/theory.md, 5.1; ours).

    SER is measured by `method` with `count` sequences (`ser`), z with so many `contexts`, and the exact posterior's SER
    is exact for its ancestral plans where `exact.ser` has it and for one position at a time, else measured likewise.
    Intervals are each of the level; that of the miss is of a difference of independent numbers. Where something is
    given (`prompt`, as for `ser`), all this is of answers, and L their length. ValueError for a model without a
    denoiser.
    """
    model, language = held_to(model, language)
    of = Sequences(language, length, seed, 0, contexts, given_positions(prompt, language, length))
    own: dict[str, Any] = {"count": count, "seed": seed, "method": method, "level": level, "threads": threads}
    own["prompt"] = of.given
    [sums] = AskedContexts().count([model], of, threads)
    z = ImpossibleMass().estimate(Measured(sums, of.answer_length), level)
    oracle = _of_the_oracle(model, language, length, own)
    measured = ser(model, language, length, **own)
    expected = _expected(oracle, z, of.answer_length, level)
    miss = difference(_ends(measured), _ends(expected))
    return SerFromZ(oracle, z, expected, measured, Estimate(*miss, level, "estimate", measured.count))


def _of_the_oracle(model: Any, language: Language, length: int, own: dict[str, Any]) -> Estimate:
    """SER of the same model with the exact posterior."""
    from mdmtheory import exact

    if isinstance(model, Autoregressive):
        return Estimate.exact(0.0)
    same = copy(model)
    same.denoiser = language.oracle()
    if isinstance(same, MaskedDiffusion) and same.exact_by_order(length):
        return Estimate.exact(0.0)
    if is_ancestral(same) and own["prompt"] is None:
        options: Any = {"steps": same.steps, "schedule": same.schedule, "block": same.block}
        with suppress(ValueError):  # too large for an exact law
            return exact.ser(language, length, threads=own["threads"], **options)
    return ser(same, language, length, **own)


def _expected(oracle: Estimate, z: Estimate, length: int, level: float) -> Estimate:
    """Each end of both ends: it rises in both, and is surer than the level."""
    value, low, high = (
        1 - (1 - one) * math.exp(-length * two) for one, two in zip(_ends(oracle), _ends(z), strict=True)
    )
    return Estimate(value, low, high, level, "estimate", z.count)


def _ends(number: Estimate) -> Ends:
    return number.value, number.low, number.high
