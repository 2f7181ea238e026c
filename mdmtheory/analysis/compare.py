"""Models compared on one language: by the same sequences, with the same uniforms, or at the same number of calls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.analysis.calls import mean_calls, steps_at_calls
from mdmtheory.analysis.common_draws import check_can_share, common_errors, how_shared
from mdmtheory.analysis.differences import BOUNDS, Contrast, Differences, tabled
from mdmtheory.core.differences import difference_of_paired_shares, difference_of_shares
from mdmtheory.core.estimate import Ends, Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.core.limits import MOST_LENGTH, check_limit
from mdmtheory.core.long_calls import counted, shows_progress
from mdmtheory.core.means import Moments, mean_interval, price
from mdmtheory.core.protocols import Language
from mdmtheory.core.reveal_plans import LAST_STEP
from mdmtheory.core.threads import within_its_threads
from mdmtheory.denoisers import DENOISERS
from mdmtheory.metrics.draw import Draw
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.score import nats_of
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.models.fitting import held_to
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.prompts.registry import check_no_prompt
from mdmtheory.sweeps.ranges import texts

METRICS = ("ser", "nats")
INDEPENDENT = "no: draws of their own"
SAME_SEQUENCES = "yes: the same sequences of q"


@whole_numbers(length=1, count=1, seed=0, threads=1)
@shows_progress
@within_its_threads
def compare(
    *models_and_language: Any,
    length: int,
    at: str = "steps",
    metrics: Any = METRICS,
    count: int = 1000,
    seed: int = 0,
    common: bool = False,
    level: float = 0.95,
    threads: int | None = None,
    progress: bool | None = None,
) -> Differences:
    """Differences of models on a language, of every pair: give the models, then the language, p1, p2, q.

    `metrics`: "ser", the difference of the shares of wrong sequences; "nats", the mean difference of -log p(x) over x ~
    q, and with it the ratio TER(p1)/TER(p2). `nats` is always paired, all models scoring the same `count` sequences of
    q. Draws of two models share nothing, and their SERs are independent, unless `common` has them made of the same
    uniforms for each position: for masked diffusion over laws of plans alone, and slower. `pairing` and `gain` say what
    was done and how much smaller it made the variance of the difference.

    `at` "calls" gives each further model the number of steps at which its mean calls come nearest to those of the first
    (by bisection; calls as `analysis.calls.mean_calls` counts them); "steps" leaves them as they are.

    Intervals of all rows hold together at `level`, p-values are corrected for all of them (core/differences.py).
    ValueError for fewer than two models, where steps cannot be chosen, and where nothing can be scored.
    """
    check_level(level)
    if len(models_and_language) < 3:
        raise ValueError("give two models or more and then the language, as compare(p1, p2, q, length=512)")
    *given, language = models_and_language
    held = [held_to(model, language) for model in given]
    q = held[0][1]
    check_limit(length, MOST_LENGTH, "MOST_LENGTH", f"length is {length:,}", "use shorter sequences")
    q.validate_length(length)
    check_no_prompt(q, length, "compare")
    chosen = texts(metrics, "metrics")
    if unknown := [each for each in chosen if each not in METRICS]:
        raise ValueError(f"metric {unknown[0]!r} is not compared; use one of {', '.join(METRICS)}, or both")
    if at not in ("steps", "calls"):
        raise ValueError(f"at is {at!r}; use steps or calls")
    models = [model for model, _ in held]
    options = {"count": min(count, 500), "seed": seed, "level": level, "threads": threads}
    about = {"language": f"{q.spec}, length {length}"}
    if at == "calls":
        models, calls, about["calls"] = at_equal_calls(models, length, options)
    else:
        calls = [_calls_or_none(model, length, options) for model in models]
    compared = [_Compared(name, m, c) for name, m, c in zip(labels(models), models, calls, strict=True)]
    contrasts: list[Contrast] = []
    if "ser" in chosen:
        contrasts += _of_errors(compared, q, length, count, seed, common, threads)
    if "nats" in chosen:
        scored, told = _of_nats(compared, Sequences(q, length, seed, 0, count), threads)
        contrasts += scored
        about |= told
    if not contrasts:
        raise ValueError(f"nothing to compare: {about.get('nats', 'no metric was chosen')}")
    return tabled(contrasts, level, about)


@dataclass(frozen=True)
class _Compared:
    name: str
    model: Any
    calls: Estimate | None

    @property
    def steps(self) -> float:
        return _steps_of(self.model) or math.nan


def _pair(first: _Compared, second: _Compared) -> dict[str, float]:
    calls = {
        which: math.nan if c.calls is None else c.calls.value for which, c in (("first", first), ("second", second))
    }
    steps = {"first_steps": first.steps, "second_steps": second.steps}
    return {**steps, "first_calls": calls["first"], "second_calls": calls["second"]}


def _of_errors(
    compared: Sequence[_Compared], language: Language, length: int, count: int, seed: int, common: bool,
    threads: int | None,
) -> Iterator[Contrast]:  # fmt: skip
    models = [each.model for each in compared]
    wrong = np.empty((0, count), dtype=np.bool_)
    if common:
        check_can_share(models)
        wrong = common_errors(models, language, length, count, seed, threads)
        totals = [int(each.sum()) for each in wrong]
    else:
        of = Sequences(language, length, seed, 0, count)
        totals = [Draw().count([each], of, threads)[0].whole("errors") for each in counted(models, "models")]
    for (i, first), (j, second) in combinations(enumerate(compared), 2):
        gain, pairing = math.nan, INDEPENDENT
        interval = partial(difference_of_shares, totals[i], count, totals[j], count)
        if common:
            alone, other = int((wrong[i] & ~wrong[j]).sum()), int((wrong[j] & ~wrong[i]).sum())
            interval = partial(difference_of_paired_shares, alone, other, count)
            apart = sum(k / count * (1 - k / count) for k in (totals[i], totals[j]))
            together = (alone + other) / count - ((alone - other) / count) ** 2
            gain, pairing = (
                apart / together if together else math.nan,
                f"yes: {how_shared([first.model, second.model])}",
            )
        yield Contrast(
            "ser", first.name, second.name, (totals[i] / count, totals[j] / count), interval, "estimate", pairing, gain,
            count, 0, _pair(first, second),
        )  # fmt: skip


def _of_nats(
    compared: Sequence[_Compared], of: Sequences, threads: int | None
) -> tuple[list[Contrast], dict[str, str]]:
    kinds: dict[str, str] = {}
    told: dict[str, str] = {}
    for each in compared:
        try:
            kinds[each.name] = each.model.log_prob_kind
        except ValueError as reason:
            told["nats"] = f"none of {each.name}: {reason}"
    able = [each for each in compared if each.name in kinds]
    if len(able) < 2:
        return [], told
    tokens = of.tokens(threads)
    nats = list(nats_of([each.model for each in able], of, tokens, threads))
    found = []
    for (i, first), (j, second) in combinations(enumerate(able), 2):
        exact = kinds[first.name] == kinds[second.name] == "exact"
        apart, together = nats[i].var() + nats[j].var(), (nats[i] - nats[j]).var()
        gain = apart / together if together > 1e-20 * apart else math.nan
        found.append(
            Contrast(
                "nats", first.name, second.name, (float(nats[i].mean()), float(nats[j].mean())),
                partial(_paired_mean, nats[i] - nats[j], float(nats[i].mean())), "estimate" if exact else BOUNDS,
                SAME_SEQUENCES, float(gain), of.count, of.length, _pair(first, second),
            )
        )  # fmt: skip
    return found, told


def _paired_mean(differences: Float[np.ndarray, "count"], nats: float, level: float) -> Ends:
    return mean_interval(Moments.of(differences), level, unseen=price(nats))


def at_equal_calls(
    models: Sequence[Any], length: int, options: dict[str, Any]
) -> tuple[list[Any], list[Estimate | None], str]:
    """The models with the steps at which their mean calls are nearest to those of the first, and how near in words."""
    reference, of = mean_calls(models[0], length, **options)
    found, calls, words = [models[0]], [reference], [f"{reference.value:.5g} ({of})"]
    for model in models[1:]:

        @cache
        def calls_at(steps: int, model: Any = model) -> tuple[Estimate, str]:
            return mean_calls(with_steps(model, steps), length, **options)

        nearest = model
        if _steps_of(model) is not None:
            most = min(LAST_STEP, 64 * length)
            nearest = with_steps(model, steps_at_calls(lambda n: calls_at(n)[0].value, reference.value, most))
        there, of = mean_calls(nearest, length, **options)
        found.append(nearest)
        calls.append(there)
        interval = f" [{there.low:.5g}, {there.high:.5g}]" if there.low < there.high else ""
        words.append(f"{there.value:.5g}{interval} ({of}), {there.value - reference.value:+.3g}")
    return found, list(calls), "; ".join(words)


def with_steps(model: Any, steps: int) -> Any:
    """The same model with another number of steps; ValueError for those that are not masked or block diffusion."""
    if type(model) not in (MaskedDiffusion, BlockDiffusion):
        raise ValueError(f"{model.spec} is given no other steps here; make it with those that cost as many calls")
    if model.schedule.steps is not None:
        raise ValueError(f"schedule {model.schedule.spec} has a number of steps of its own; name a family, as linear")
    options = {"sampler": model.sampler, "steps": steps, "schedule": model.schedule, "language": model.language}
    if type(model) is BlockDiffusion:
        return BlockDiffusion(model.denoiser, block=model.block, **options)
    return MaskedDiffusion(model.denoiser, **options)


def _steps_of(model: Any) -> int | None:
    """The model's number of steps, None where it has none."""
    sampler = getattr(model, "sampler", None)
    if sampler is not None and not sampler.uses_steps:
        return None
    found: int | None = getattr(model, "steps", None)
    return found


def _calls_or_none(model: Any, length: int, options: dict[str, Any]) -> Estimate | None:
    """Mean calls where they are known without drawing."""
    return mean_calls(model, length, **options)[0] if getattr(model, "plan_law", None) is not None else None


def labels(models: Sequence[Any]) -> list[str]:
    """Names by what differs: one option of all specs where that tells them apart, else several, else a number too."""
    options = [{"model": model.spec.name, **dict(model.spec.options)} for model in models]
    for each in options:
        if "denoiser" in each:
            each["denoiser"] = DENOISERS.written(DENOISERS.read(str(each["denoiser"])))
    names = ("sampler", "schedule", "denoiser", "model")
    found = [""]
    for tried in (*((name,) for name in names), names, (*names, "steps")):
        differing = [name for name in tried if len({str(each.get(name)) for each in options}) > 1]
        found = [
            " ".join(f"N={each[name]}" if name == "steps" else str(each[name]) for name in differing if name in each)
            for each in options
        ]
        if len({*found, ""}) > len(found):
            return found
    return [name if name and found.count(name) == 1 else f"{name} #{i + 1}".strip() for i, name in enumerate(found)]
