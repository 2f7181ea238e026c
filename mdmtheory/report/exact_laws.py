"""Exact laws of every sampler and model on languages small enough to enumerate: tables without sampling noise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.protocols import Language
from mdmtheory.core.spec import Spec
from mdmtheory.exact.enumeration import Law, entropy_nats, joint
from mdmtheory.exact.law import law
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.permutation import Permutation
from mdmtheory.metrics.distances import Distances, distances_of_laws
from mdmtheory.models.gaussian import GaussianDiffusion
from mdmtheory.sweeps.cell import DEFAULTS
from mdmtheory.sweeps.choices import choices_of, fitting_denoiser, registries
from mdmtheory.theory.instances import bigram3, hmm2x3, trigram2

if TYPE_CHECKING:
    import pandas as pd

SAMPLERS = (
    "ancestral",
    "fixed",
    "stride",
    "bisection",
    "bit_reversed",
    "blocks",
    "left_to_right",
    "ancestral:constrained=true",
    "stride:constrained=true",
    "blocks:constrained=true",
    "confidence",
    "draw_confidence",
    "margin",
    "entropy",
    "entropy_bound:gamma=0.5",
    "entropy_sum:h=1.0",
    "threshold:tau=0.9",
    "independent:mu=0.01",
    "topk_remask",
    "remdm-cap",
    "remdm-rescale",
    "remdm-conf",
    "remdm-loop",
    "redraw",
    "verify:k=2",
)
"""Samplers of masked diffusion in the table; those that may change tokens with an oracle of trust 0.999.

What is registered besides comes after them, with the first of its examples.
"""

LEFT_OUT = ("first_hitting",)
"""It is `fixed` with sizes of one."""

MODELS = ("block:size=2", "uniform", "uniform:update=tweedie", "gaussian", "ar")
"""Other models in the table; block diffusion with the sampler ancestral."""

CORRECTING = ("ancestral", "topk_remask", "remdm-cap", "remdm-rescale", "remdm-conf", "remdm-loop", "redraw")
"""Samplers that may change tokens, after the one that all but the first of them are made of."""

DELTAS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)

COLUMNS = ("language", "length", "model", "denoiser", "sampler", "schedule", "steps")
MEASURES = ("ser", "total_variation", "kl", "wrong", "unfaithful", "kl_on_support", "entropy", "entropy_of_language")

Cases = Sequence[tuple[Language, int]]


@dataclass(frozen=True)
class _Asked:
    """One row that is asked for: names as in a sweep's frame."""

    model: str
    denoiser: str
    sampler: str
    steps: int
    choices: frozenset[str]

    @property
    def names(self) -> dict[str, Any]:
        """The columns that say what the model is, None where it has no such choice."""
        given = {"denoiser": self.denoiser, "sampler": self.sampler, "schedule": "linear", "steps": self.steps}
        return {
            "model": self.model,
            **{name: value if name in self.choices else None for name, value in given.items()},
        }


def small_cases() -> Cases:
    """Six languages and the lengths at which every law takes at most some seconds.

    A bigram, a trigram and a hidden Markov model with zeros, pairs of equal bits, parity, and three of four items.
    """
    return (
        (bigram3(), 4),
        (trigram2(), 4),
        (hmm2x3(), 4),
        (EqualPairs(vocab_size=2), 4),
        (Parity(), 4),
        (Permutation(items=4), 3),
    )


@whole_numbers(threads=1)
def exact_rows(
    cases: Cases | None = None,
    samplers: Iterable[str] | None = None,
    models: Iterable[str] | None = None,
    steps: Iterable[int] | None = None,
    *,
    threads: int | None = None,
) -> pd.DataFrame:
    """The exact law of each sampler and model on each language and length, as distances from the language.

    Columns: COLUMNS as in a sweep's frame; `ser`; `total_variation`; `kl`, KL(q||p), and its parts `wrong`,
    -log(1 - SER), and `unfaithful`, KL(q || p given the support); `kl_on_support`, KL(p given the support || q);
    `entropy`, that of p given the support, and `entropy_of_language`, in nats a sequence; `reason`, empty but where
    there is no law, as for Gaussian noise, or for steps that nothing says how to complete. With `steps` None, 2 steps
    and one for each token (of block diffusion, in each block). What has no choice of steps has one row.
    """
    samplers = every("sampler", SAMPLERS) if samplers is None else tuple(samplers)
    models = every("model", MODELS) if models is None else tuple(models)
    given = None if steps is None else tuple(steps)
    rows = [
        _row(language, length, asked, threads)
        for language, length in (small_cases() if cases is None else cases)
        for asked in _asked(samplers, models, (2, length) if given is None else given)
    ]
    return _frame(rows, (*COLUMNS, *MEASURES, "reason"))


@whole_numbers(steps=1, threads=1)
def correction_rows(
    cases: Cases | None = None,
    samplers: Iterable[str] = CORRECTING,
    deltas: Iterable[float] = DELTAS,
    steps: int = 4,
    *,
    threads: int | None = None,
) -> pd.DataFrame:
    """The same of samplers that may change tokens, against delta = 1 - trust of the oracle: a column more.

    Those that never change one have a row at each delta too: what the oracle's doubt alone costs. By default on the
    trigram and on pairs of equal bits.
    """
    if cases is None:
        cases = ((trigram2(), 4), (EqualPairs(vocab_size=2), 4))
    rows = []
    for language, length in cases:
        for sampler in samplers:
            for delta in deltas:
                choices = choices_of("masked", sampler)
                asked = _Asked("masked", f"oracle:trust={1 - delta!r}", sampler, steps, choices)
                rows.append({**_row(language, length, asked, threads), "delta": delta})
    return _frame(rows, (*COLUMNS, "delta", *MEASURES, "reason"))


def every(kind: str, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """What is chosen, and what is built in besides, with the first of its examples where a text can say one."""
    register = registries()[kind]
    known = {Spec.parse(each).name for each in (*chosen, *LEFT_OUT, DEFAULTS["model"])}
    # What has no example is of trained networks alone.
    examples = {name: register.about(name).examples for name in register.built_in if name not in known}
    firsts = {name: given[0] for name, given in examples.items() if given}
    return (
        *chosen,
        *(
            str(Spec.parse(f"{name}:{each}")) if each else name
            for name, each in firsts.items()
            if isinstance(each, str)
        ),
    )


def entropy_on_support(p: Law, q: Law) -> float:
    """H(p given the support of q) in nats; NaN where p never meets it."""
    inside = p[q > 0]
    total = float(inside.sum())
    return entropy_nats(inside / total) if total > 0 else math.nan


def _asked(samplers: tuple[str, ...], models: tuple[str, ...], steps: tuple[int, ...]) -> Iterator[_Asked]:
    for model, sampler in [*(("masked", each) for each in samplers), *((each, "ancestral") for each in models)]:
        choices = choices_of(model, sampler)
        denoiser = fitting_denoiser(sampler, "oracle") if "sampler" in choices else "oracle"
        for number in steps if "steps" in choices else steps[:1]:
            yield _Asked(model, denoiser, sampler, number, choices)


def _row(language: Language, length: int, asked: _Asked, threads: int | None) -> dict[str, Any]:
    q = joint(language, length)
    row = {"language": str(language.spec), "length": length, **asked.names, "entropy_of_language": entropy_nats(q)}
    known = registries()
    denoiser = known["denoiser"].build(asked.denoiser, language)
    model = known["model"].build(asked.model, language, denoiser, asked.sampler, asked.steps, "linear")
    try:
        model.validate_whole(length)
    except MisfitError as misfit:
        return {**row, "reason": str(misfit)}
    if isinstance(model, GaussianDiffusion):
        return {**row, "reason": "Gaussian noise is continuous, so its law is an integral and not a sum"}
    p = law(model, language, length, threads=threads)
    return {**row, **_measures(distances_of_laws(p, q)), "entropy": entropy_on_support(p, q), "reason": ""}


def _measures(found: Distances) -> Mapping[str, float]:
    names = ("ser", "total_variation", "kl", "wrong", "unfaithful", "kl_on_support")
    values = {name: getattr(found, name) for name in names}
    return {name: math.nan if value is None else value.value for name, value in values.items()}


def _frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(columns))
    return frame.astype({"length": "Int64", "steps": "Int64", **dict.fromkeys(MEASURES, np.float64)})
