"""How many sampling steps a target quality needs: by exact numbers, by the first-order law, or by measuring."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdmtheory.analysis.calls import mean_calls
from mdmtheory.analysis.crossing import (
    Crossing,
    exact_crossing,
    first_order_crossing,
    measured_crossing,
    priced_crossing,
)
from mdmtheory.analysis.steps_needed import COLUMNS, StepsNeeded
from mdmtheory.core.contracts import as_denoiser, exact_for
from mdmtheory.core.estimate import Ends, Estimate, Kind, WithheldError
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level, clopper_pearson
from mdmtheory.core.limits import MOST_LENGTH, check_limit
from mdmtheory.core.long_calls import counted, shows_progress
from mdmtheory.core.means import Moments, mean_interval, price
from mdmtheory.core.reveal_plans import LAST_STEP
from mdmtheory.core.threads import allowed_threads, within_its_threads
from mdmtheory.exact import first_order, information_curve, kappa
from mdmtheory.exact import ser as exact_ser
from mdmtheory.exact.bigrams import is_bigram
from mdmtheory.exact.enumeration import power
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.metrics.pricing import curve_priced, curve_weights, reveal_costs, scored
from mdmtheory.models.constraint import needed
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import Ancestral
from mdmtheory.prompts.registry import check_no_prompt
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.schedules import as_schedule
from mdmtheory.sweeps.choices import fitting_denoiser, known_spec, registries
from mdmtheory.sweeps.ranges import numbers

METHODS = ("auto", "exact", "first-order", "measured")
QUICK = 4e9
"""Multiplications of exact error rates up to which `auto` takes them: about half a minute on two cores."""
ENUMERATED = 1e5
"""(2V)^L up to which `auto` enumerates: every N in a moment."""


@whole_numbers(count=0, seed=0, threads=1)
@shows_progress
@within_its_threads
def steps_for(
    language: LanguageLike,
    length: Any,
    *,
    ser: float | None = None,
    rate: float | None = None,
    gap: float | None = None,
    excess: float | None = None,
    sampler: Any = "ancestral",
    schedule: Any = "linear",
    denoiser: Any = "oracle",
    method: str = "auto",
    count: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    threads: int | None = None,
    progress: bool | None = None,
) -> StepsNeeded:
    """The least number of sampling steps that reaches a target, for one length or several (512, [64, 128], "64..1024").

    The target is one of: `ser`, the probability that a sequence is wrong; `rate`, that a token is, -log(1 - SER)/L;
    `gap`, KL(q || p) in nats a sequence; `excess`, TER(p)/TER(q) - 1, a gap of L log(1 + excess).

    `method` "exact" bisects on exact numbers (`exact.ser` for bigrams and what can be enumerated, `ancestral` with the
    oracle; of gaps the plan-averaged bound, from an exact information curve); "first-order" takes SER = 1 - exp(-C/N)
    and KL = C/N, C from `exact.first_order`, of other schedules than linear L `exact.kappa`; "measured" draws `count`
    sequences at each of up to 16 numbers of steps (of gaps: scores the same `count` sequences at each), and its
    interval is that of N. "auto" is the first of these that is known and takes less than about half a minute.
    The interval of a first-order number is that of C, without what the law leaves out; `reached` is then what `count`
    sequences drawn at these steps show (0: none are drawn).

    ValueError for what needs no steps, for targets that are out of reach, and for methods that do not know the model.
    """
    check_level(level)
    language = as_language(language)
    target, at = _target(ser=ser, rate=rate, gap=gap, excess=excess)
    if method not in METHODS:
        raise ValueError(f"method {method!r} is unknown; use one of {', '.join(METHODS)}")
    lengths = numbers(length, "length")
    for each in lengths:
        check_limit(each, MOST_LENGTH, "MOST_LENGTH", f"length is {each:,}", "use shorter sequences")
        language.validate_length(each)
        check_no_prompt(language, each, "steps_for")
    chosen = as_sampler(sampler)
    if not chosen.uses_steps:
        raise ValueError(f"sampler {chosen.spec} has no number of steps; `mdmtheory sweep` measures what it reaches")
    if as_schedule(schedule).steps is not None:
        raise ValueError(f"schedule {as_schedule(schedule).spec} has a number of steps of its own; name a family")
    if isinstance(denoiser, str):
        typed = fitting_denoiser(str(chosen.spec), known_spec("denoiser", denoiser))
        denoiser = registries()["denoiser"].build(typed, language)
    denoiser = as_denoiser(denoiser)
    search = _Search(language, denoiser, chosen, as_schedule(schedule), target, at, method, count, seed, level, threads)
    rows = [search.row(each) for each in counted(lengths, "lengths")]
    import pandas as pd

    return StepsNeeded(pd.DataFrame(rows, columns=list(COLUMNS)), search.about(rows))


def _target(**given: float | None) -> tuple[str, float]:
    asked = {name: value for name, value in given.items() if value is not None}
    if len(asked) != 1:
        there = f"{' and '.join(asked)} are given" if asked else "no target"
        raise ValueError(f"{there}; give one of ser, rate, gap and excess, as ser=0.5")
    [(name, value)] = asked.items()
    if not 0 < value < (1 if name == "ser" else math.inf):
        raise ValueError(f"{name} is {value}; pass a number above 0" + (" and below 1" if name == "ser" else ""))
    return name, float(value)


@dataclass(frozen=True, eq=False)
class _Search:
    """One question, to be answered for each length."""

    language: Any
    denoiser: Any
    sampler: Any
    schedule: Any
    target: str
    at: float
    method: str
    count: int
    seed: int
    level: float
    threads: int | None

    @property
    def of_errors(self) -> bool:
        return self.target in ("ser", "rate")

    def wanted(self, length: int) -> float:
        """-log(1 - SER), or KL, at the target: what is C/N to first order."""
        if self.target == "ser":
            return -math.log1p(-self.at)
        return {"rate": length * self.at, "gap": self.at, "excess": length * math.log1p(self.at)}[self.target]

    def model(self, steps: int) -> MaskedDiffusion:
        own = needed(self.language, self.sampler)
        return MaskedDiffusion(self.denoiser, sampler=self.sampler, steps=steps, schedule=self.schedule, **own)

    @property
    def is_ancestral(self) -> bool:
        """Whether exact numbers speak of it: random order, tokens from the exact marginals."""
        return type(self.sampler) is Ancestral and exact_for(self.denoiser) == self.language.digest

    def row(self, length: int) -> dict[str, Any]:
        about = {
            "language": str(self.language.spec),
            "length": length,
            "denoiser": registries()["denoiser"].written(self.denoiser.spec),
            "sampler": str(self.sampler.spec),
            "schedule": str(self.schedule.spec) if self.sampler.uses_schedule else "",
            "target": self.target,
            "at": self.at,
        }
        nothing = dict.fromkeys(COLUMNS[7:], math.nan) | {"calls_of": "", "method": "", "count": 0}
        try:
            found, reached = self.crossing(length)
        except WithheldError as withheld:
            return {**about, **nothing, "kind": withheld.kind, "count": withheld.count}
        names = ("steps", "low", "high", "level", "kind", "crossing", "method")
        values = {name: getattr(found, name) for name in names}
        return {**about, **nothing, **values, **self.there(length, found, reached)}

    def crossing(self, length: int) -> tuple[Crossing, Ends | None]:
        """The number of steps, and what is reached there if that is known by the way."""
        constant = self.constant(length)
        guess = math.ceil(constant.value / self.wanted(length)) if constant else max(1, length // 8)
        guess = min(max(guess, 1), LAST_STEP)
        exact = self.exact_values(length, guess)
        if self.method == "exact" and exact is None:
            raise ValueError(
                f"no exact numbers are known of sampler {self.sampler.spec} and denoiser {self.denoiser.spec} on "
                f"{self.language.spec} at length {length}; use method=first-order or measured"
            )
        if self.method == "first-order" and constant is None:
            raise ValueError(
                f"no first-order constant above 0 is known of sampler {self.sampler.spec}, schedule "
                f"{self.schedule.spec} and denoiser {self.denoiser.spec} on {self.language.spec}; use method=measured"
            )
        if exact is not None and self.method in ("auto", "exact"):
            return self.exactly(exact, length, guess)
        if constant is not None and self.method in ("auto", "first-order"):
            found = first_order_crossing(constant, self.wanted(length))
            if found.steps > LAST_STEP:
                raise ValueError(f"{found.steps:,} steps are needed to first order, and {LAST_STEP:,} are the most")
            return found, None
        return self.measured(length, guess)

    def constant(self, length: int) -> Estimate | None:
        """C of the first-order law, where it is known and above 0."""
        if not self.is_ancestral or self.method == "measured":
            return None
        try:
            if str(self.schedule.spec) == "linear":
                found = first_order(self.language, length, level=self.level, seed=self.seed, threads=self.threads)
            else:
                found = Estimate.exact(length * kappa(self.language, schedule=self.schedule).value)
        except WithheldError:
            raise
        except ValueError:
            return None
        return found if 0 < found.value < math.inf else None

    def exact_values(self, length: int, guess: int) -> Callable[[int], float] | None:
        """SER, or the gap of the plan average, at any N without sampling; None where not known, or not in a moment."""
        if not self.is_ancestral or self.method not in ("auto", "exact"):
            return None
        if not self.of_errors:
            curve = information_curve(self.language, length, count=64, threads=self.threads)
            if curve.kind != "exact":
                return None
            entropy = curve.values.sum()
            return lambda n: float(max(curve_weights(self.model(n), length) @ curve.values - entropy, 0.0))
        size = self.language.vocab_size
        small = power(2 * size, length) <= ENUMERATED
        quick = is_bigram(self.language) and 5 * guess * 0.5 * length**2 * size**2 * (size + 1) <= QUICK
        if not (small or quick or (self.method == "exact" and (is_bigram(self.language) or small))):
            return None
        return lambda n: exact_ser(self.language, length, steps=n, schedule=self.schedule, threads=self.threads).value

    def exactly(self, value_at: Callable[[int], float], length: int, guess: int) -> tuple[Crossing, Ends]:
        wanted = self.wanted(length)
        if value_at(1) == 0:
            what = "no sequence is wrong" if self.of_errors else "the tokens are independent"
            raise ValueError(f"{what} at any number of steps on {self.language.spec}, length {length}; ask of another")
        if self.of_errors:

            def scale(value: float) -> float:
                return -math.log1p(-value) if value < 1 else math.inf

            found = exact_crossing(value_at, -math.expm1(-wanted), guess, LAST_STEP, scale)
            reached = value_at(found.steps)
        else:
            found = exact_crossing(value_at, wanted, guess, LAST_STEP, float)
            # Of the plan average, which is never below KL(q || p): so many steps are enough.
            found = Crossing(**{**vars(found), "kind": "upper bound", "method": "exact plan average, a bound of KL"})
            reached = self.shown(value_at(found.steps), length)
        return found, (reached, reached, reached)

    def shown(self, nats: float, length: int) -> float:
        """A gap as it was asked for."""
        return math.expm1(nats / length) if self.target == "excess" else nats

    def measured(self, length: int, guess: int) -> tuple[Crossing, Ends | None]:
        if not self.count:
            raise ValueError("count is 0, and nothing is known of this model without measuring; pass count=2000")
        most = min(LAST_STEP, (1024 if self.sampler.oblivious else 16) * length)
        if self.of_errors:
            target = -math.expm1(-self.wanted(length))
            if 1 / self.count > target:
                raise ValueError(
                    f"count is {self.count}, too few to see an SER of {target:.2g}; pass {math.ceil(10 / target)}"
                )
            return (
                measured_crossing(
                    lambda n: self.wrong(self.model(n), length), target, guess, most, self.count, self.level
                ),
                None,
            )
        ends_at = self.gaps(length)
        kind: Kind = "upper bound" if self.model(1).log_prob_kind == "lower bound" else "estimate"
        found = priced_crossing(ends_at, self.wanted(length), guess, most, self.level, kind, self.count)
        value, low, high = (self.shown(each, length) for each in ends_at(found.steps))
        return found, (value, low, high)

    def wrong(self, model: Any, length: int) -> int:
        drawn = model.sample(self.count, length, self.seed, threads=self.threads)
        return int(self.count - (self.language.in_support(drawn.tokens) & ~drawn.impossible).sum())

    def gaps(self, length: int) -> Callable[[int], Ends]:
        """log q(x) - log p(x) over the same sequences of q at any N: mean and interval."""
        tokens = self.language.sample(self.count, length, self.seed, threads=self.threads)
        log_q = self.language.log_prob(tokens, threads=self.threads)
        costs = None
        if curve_priced(self.model(1), self.language):
            costs = reveal_costs(self.denoiser, tokens, self.seed, 0, self.threads)

        def ends(n: int) -> Ends:
            model = self.model(n)
            if costs is None:
                nats = -scored(model, tokens, self.seed, first=0, threads=self.threads)
            else:
                nats = (costs * curve_weights(model, length)).sum(axis=1)
            return mean_interval(Moments.of(nats + log_q), self.level, unseen=price(float(nats.mean())))

        return ends

    def there(self, length: int, found: Crossing, reached: Ends | None) -> dict[str, Any]:
        """What is known at the steps that were found, and what a sequence costs there."""
        model = self.model(found.steps)
        row: dict[str, Any] = {}
        if reached is None and self.of_errors and self.count:
            begun = time.perf_counter()
            errors = self.wrong(model, length)
            seconds = (time.perf_counter() - begun) * allowed_threads(self.threads) / self.count
            reached = (errors / self.count, *clopper_pearson(errors, self.count, self.level))
            row = {"count": self.count, "seconds": seconds}
        if reached is not None:
            with np.errstate(divide="ignore"):
                shown = -np.log1p(-np.array(reached)) / length if self.target == "rate" else np.array(reached)
            row |= dict(zip(("reached", "reached_low", "reached_high"), shown.tolist(), strict=True))
        if model.plan_law is not None or self.count:
            calls, of = mean_calls(model, length, count=min(self.count, 500) or 1, seed=self.seed, threads=self.threads)
            row |= {"calls": calls.value, "calls_of": of}
        return row

    def about(self, rows: list[dict[str, Any]]) -> dict[str, str]:
        methods = {str(row["method"]).partition(":")[0] for row in rows}
        words = {
            "target": {
                "ser": f"SER of {self.at:g} or less",
                "rate": f"-log(1 - SER)/L of {self.at:g} or less",
                "gap": f"KL(q || p) of {self.at:g} nats a sequence or less",
                "excess": f"TER(p)/TER(q) - 1 of {self.at:g} or less",
            }[self.target]
        }
        if self.target == "ser":
            rates = [f"{-math.log1p(-self.at) / row['length']:.3g} at length {row['length']}" for row in rows[:6]]
            words["rate"] = f"as a rate a token, -log(1 - SER)/L: {', '.join(rates)}"
        if "first order" in methods:
            law = "SER = 1 - exp(-C/N)" if self.of_errors else "KL = C/N"
            words["first order"] = f"{law}, up to terms in 1/N²; the interval is that of C alone"
        if any("measured" in each for each in methods):
            words["interval"] = "between numbers of steps whose intervals leave the target out, all of them together"
        if any(row["kind"] == "upper bound" for row in rows):
            words["bound"] = "a mean over plans bounds KL from above: so many steps are enough, fewer may be"
        return words
