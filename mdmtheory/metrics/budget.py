"""The error budget: what a trained model loses, split into what it did not learn and what drawing together costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.contracts import as_denoiser, exact_for
from mdmtheory.core.estimate import Estimate, Kind
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.core.long_calls import counted, shows_progress
from mdmtheory.core.means import LEAST_TERMS
from mdmtheory.core.plugins import conforms
from mdmtheory.core.protocols import Denoiser, Language
from mdmtheory.core.spec import Spec
from mdmtheory.core.threads import within_its_threads
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.strata import StratifiedMeans
from mdmtheory.metrics.visited import Visited, visited
from mdmtheory.models.autoregressive import Autoregressive
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.models.fitting import held_to
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.prompts.registry import OWN, given_positions
from mdmtheory.samplers.registry import as_sampler

if TYPE_CHECKING:
    import pandas as pd

MOST_OFF = 1e-9
"""Nats a sequence by which a total and its parts, each found by a way of its own, may differ by rounding."""
SHARES = 8
"""Equal parts of the shares that are hidden, at each of which the learning error is told."""

Numbers = Float[np.ndarray, "count"]


@dataclass(frozen=True)
class Parts:
    """total = factorisation + learning, in nats: E log q(x) - log p(x), and what it is made of."""

    total: Estimate
    factorisation: Estimate
    learning: Estimate


@dataclass(frozen=True)
class AtShare:
    """Of tokens that are set while a share `low` to `high` of their sequence is hidden: `tokens` in the mean sequence.

    `learning` is what they have of the learning part, in nats a sequence, so that all shares sum to it; `error` is the
    mean of KL(exact || denoiser) in nats a token there, `z` that of the mass on impossible tokens.
    """

    low: float
    high: float
    tokens: float
    learning: Estimate
    error: Estimate
    z: Estimate


@dataclass(frozen=True, eq=False)
class BudgetRow:
    """The budget of one model: `sequence` in nats a sequence, `token` in nats a token.

    `learning` is made of KL(exact || denoiser) at the contexts visited; `log_ratio` has the same mean with more noise,
    from the probabilities of the tokens themselves (nats a sequence). `z` is the mass on impossible tokens, in the mean
    over tokens, `calls` what such a sequence costs. `off` is the most, over sequences, that the total, found by scoring
    alone, differs from the parts. `steps` and `schedule` are None where nothing depends on them.
    """

    model: str
    sampler: str | None
    schedule: str | None
    steps: int | None
    sequence: Parts
    token: Parts
    log_ratio: Estimate
    z: Estimate
    by_share: tuple[AtShare, ...]
    calls: Estimate
    off: float

    def __repr__(self) -> str:
        parts = self.sequence
        said = f"{parts.total:.3g} = {parts.factorisation:.3g} + {parts.learning:.3g}"
        return f"<BudgetRow of {self.model}: {said} nats a sequence>"


@dataclass(frozen=True, eq=False)
class Budget:
    """Budgets of one denoiser on one language, a row for each sampler, schedule and number of steps.

    `frame` has all numbers as a table, one a row. Where positions are `given` (core.given), a sequence is an answer, of
    `length` tokens.
    """

    rows: tuple[BudgetRow, ...]
    language: str
    denoiser: str
    length: int
    given: str | None = None

    @property
    def of(self) -> str:
        """What it is of: whole sequences of a length, or answers of so many tokens."""
        return f"length {self.length}" if self.given is None else f"answers of {self.length} tokens"

    def __repr__(self) -> str:
        inside = f"{len(self.rows)} models" if len(self.rows) > 1 else repr(self.rows[0])[1:-1]
        return f"<Budget of {self.denoiser} on {self.language}, {self.of}: {inside}>"

    @property
    def off(self) -> float:
        """The most, over sequences, by which a total differs from the sum of its parts, in nats."""
        return max(row.off for row in self.rows)

    @property
    def frame(self) -> pd.DataFrame:
        """A number a row: whose it is, which `part`, its `unit`, at which share `hidden`, and the estimate's fields."""
        import pandas as pd

        records = []
        for row in self.rows:
            own = {"language": self.language, "length": self.length, "denoiser": self.denoiser, "model": row.model}
            own |= {"sampler": row.sampler, "schedule": row.schedule, "steps": row.steps}
            for part, unit, hidden, found in _numbers_of(row):
                said = {name: getattr(found, name) for name in ("value", "low", "high", "level", "count")}
                said |= {"kind": found.said_kind, "off": row.off}
                records.append({**own, "part": part, "unit": unit, "hidden": hidden, **said})
        return pd.DataFrame(records).astype({"steps": "Int64"})

    def _repr_html_(self) -> str:
        heads = ["sampler", "schedule", "steps", "total", "factorisation", "learning", "z", "calls"]
        rows = []
        for row in self.rows:
            parts = row.sequence
            shown = (parts.total, parts.factorisation, parts.learning, row.z, row.calls)
            chosen = ("" if each is None else each for each in (row.sampler, row.schedule, row.steps))
            rows.append([*chosen, *(f"{each:.4g}" for each in shown)])
        return html_table(heads, rows, note=f"nats a sequence; {self.denoiser} on {self.language}, {self.of}")


def _numbers_of(row: BudgetRow) -> Iterator[tuple[str, str, str | None, Estimate]]:
    """Part, unit, share hidden and number, one after the other."""
    for unit, parts in (("nats a sequence", row.sequence), ("nats a token", row.token)):
        for part in ("total", "factorisation", "learning"):
            yield part, unit, None, getattr(parts, part)
    yield "log_ratio", "nats a sequence", None, row.log_ratio
    yield "z", "mass a token", None, row.z
    yield "calls", "calls a sequence", None, row.calls
    for each in row.by_share:
        hidden = f"{each.low:g}..{each.high:g}"
        yield "learning", "nats a sequence", hidden, each.learning
        yield "learning", "nats a token there", hidden, each.error
        yield "z", "mass a token there", hidden, each.z


@whole_numbers(length=1, count=1, seed=0, threads=1)
@shows_progress
@within_its_threads
def budget(
    model: Any,
    language: LanguageLike,
    length: int,
    *,
    steps: Any = None,
    sampler: Any = None,
    schedule: Any = None,
    count: int = 1000,
    seed: int = 0,
    check: bool = False,
    level: float = 0.95,
    threads: int | None = None,
    prompt: Any = OWN,
    progress: bool | None = None,
) -> Budget:
    """How much of log q(x) - log p(x) a denoiser did not learn, and how much drawing tokens together costs.

    Given x ~ q the model's plan, or what its rule chooses by what its denoiser says, sets x's tokens in certain
    contexts. With the exact posterior there, log q_plan(x) is the sum of log q(x_i | context): total = factorisation
    [log q(x) - log q_plan(x)] + learning [log q_plan(x) - log p_plan(x)], in each sequence. The exact posterior is
    never the sampler: a rule that looked at its answers would go elsewhere.

    `model` is a masked, block or autoregressive model, or a denoiser; of a denoiser there is a row for each of
    `sampler` (a name, a sampler, or a list; "ancestral" unless said), `schedule` and `steps` (64 unless said). Over
    `count` sequences; the parts are means, the learning part of KL(exact || denoiser) at the contexts visited.
    Where plans, or ties, are random, total and factorisation are means over them of one plan's: upper bounds of those
    of the mixture. Means that so few sequences carry that no interval holds have one up to infinity.

    The total is what scoring gives, learning what both denoisers said in each context, factorisation the exact
    denoiser's own run of the plan; ValueError where they differ by more than 1e-9 nats in a sequence. With `check` the
    total comes from another run of the scoring, which costs as much again. ValueError too for what has no reveals
    (uniform and Gaussian noise), a sampler that draws from other laws than the denoiser's (temperature), and below 50
    sequences.

    `prompt` says what is given (`prompts.registry.given_positions`), by default what the language says itself: then all
    this is of the answer given the prompt, and `length` of the budget is that of an answer.

    >>> import mdmtheory as mt
    >>> q = mt.NGram.random(order=2, vocab_size=3, seed=1)
    >>> [row] = budget(mt.Perturbed(mt.Oracle(q), epsilon=0.01), q, 8, steps=[2], sampler="stride", count=64).rows
    >>> print(f"{row.sequence.learning.value:.9f}, {row.off < 1e-12}")
    0.080000000, True
    """
    chosen = {"steps": steps, "sampler": sampler, "schedule": schedule}
    [first, *others], language = _held(_models(model, chosen), language)
    language.validate_length(length)
    given = given_positions(prompt, language, length)
    check_level(level)
    if count < LEAST_TERMS:
        raise ValueError(f"count is {count}; pass {LEAST_TERMS} sequences or more, below which no interval holds")
    models = [first, *others]
    of = Sequences(language, length, seed, 0, count, given)
    for each in models:
        _check_split(each, length, of.answer_length)
    tokens = of.tokens(threads)
    log_q = of.log_q(tokens, threads)
    rows = []
    for each in counted(models, "models"):
        seen = visited(each, language, tokens, seed, threads, given)
        log_p = each.log_prob(tokens, seed, threads=threads, **of.to_score(tokens)).values if check else seen.log_p
        rows.append(_row(each, language, seen, log_q, log_p, level, threads))
    return Budget(
        tuple(rows),
        str(language.spec),
        str(first.denoiser.spec),
        of.answer_length,
        None if given is None else given.text,
    )


def _models(given: Any, chosen: dict[str, Any]) -> list[Any]:
    """The model that is given, or those of a denoiser: one for each sampler, schedule and number of steps."""
    if not conforms(given, Denoiser):
        for name, value in chosen.items():
            if value is not None:
                raise ValueError(f"{name} is {value!r}, and the model that is given has its own; pass a denoiser")
        return [given]
    denoiser: Any = as_denoiser(given)
    if "masked" not in denoiser.noises:
        raise ValueError(_no_reveals(denoiser.spec))
    if denoiser.sees == "left":
        for name, value in chosen.items():
            if value is not None:
                raise ValueError(
                    f"{name} is {value!r}, and the denoiser {denoiser.spec} sees the left of a position alone: it is "
                    f"asked one token after the other; leave {name} out"
                )
        return [Autoregressive(denoiser)]
    models: dict[str, Any] = {}
    for sampler in _listed(chosen["sampler"], "ancestral"):
        for schedule in _listed(chosen["schedule"], "linear"):
            for steps in _listed(chosen["steps"], None):
                options = {"sampler": as_sampler(sampler), "schedule": schedule, "steps": steps}
                if denoiser.sees == "block":
                    made: Any = BlockDiffusion(denoiser, block=denoiser.block, **options)
                else:
                    made = MaskedDiffusion(denoiser, **options)
                models.setdefault(str(made.spec), made)  # some have no use for steps, or for a schedule
    return list(models.values())


def _listed(value: Any, default: Any) -> list[Any]:
    """What is given, one or several."""
    if isinstance(value, Sequence | range) and not isinstance(value, str):
        return list(value)
    return [default if value is None else value]


def _held(models: Sequence[Any], language: Any) -> tuple[list[Any], Language]:
    if not models:
        raise ValueError("no models: steps, sampler or schedule is an empty list; give one at least")
    pairs = [held_to(model, language) for model in models]
    return [model for model, _ in pairs], pairs[0][1]


def _no_reveals(spec: Any) -> str:
    return (
        f"{spec} reveals no tokens, so no part of its loss is due to drawing them together; use learning_error for "
        "what its denoiser has not learned, and ser for what it draws"
    )


def _check_split(model: Any, length: int, answered: int) -> None:
    """ValueError, in a line, for a model whose loss has no such parts."""
    if type(model) not in (MaskedDiffusion, BlockDiffusion, Autoregressive):
        raise ValueError(_no_reveals(model.spec))
    if model.denoiser is None:
        raise ValueError(f"{model.spec} is the language itself; pass Autoregressive(denoiser), or a denoiser")
    model.denoiser.validate_length(length)
    _ = model.log_prob_kind  # has a reason where there is none
    model.validate_length(answered)
    if model.sampler is not None and model.sampler.changed:
        changed = ", ".join(f"{name}={value}" for name, value in model.sampler.changed.items())
        raise ValueError(
            f"sampler {model.sampler.spec} draws from other laws than what the denoiser says ({changed}), and a budget "
            "is of what it says; leave such options out"
        )


def _row(
    model: Any,
    language: Language,
    seen: Visited,
    log_q: Numbers,
    log_p: Numbers,
    level: float,
    threads: int | None,
) -> BudgetRow:
    length = seen.tokens.shape[1]
    total, factorisation = log_q - log_p, log_q - seen.log_q_plan(threads)
    off = _most_off(total, factorisation + seen.learning)
    if not off <= MOST_OFF:
        raise ValueError(
            f"total and parts of {model.spec} differ by {off:.2g} nats in a sequence: its sampler draws from other "
            "laws than what its denoiser says, or that says something else when it is asked again; use device='cpu'"
        )
    ordered = model.sampler is None or (model.plan_law is not None and model.plan_law.one_at_a_time)
    exact = exact_for(model.denoiser) == language.digest
    mean: Kind = "estimate" if model.log_prob_kind == "exact" else "upper bound"
    nothing = Estimate.exact(0.0)
    sums = {
        "total": nothing if ordered and exact else _mean((0 if ordered else factorisation) + seen.error.sum(1), level),
        "factorisation": nothing if ordered else _mean(factorisation, level),
        "learning": nothing if exact else _mean(seen.error.sum(axis=1), level),
    }
    for name in ("total", "factorisation"):
        if sums[name].kind == "estimate":
            sums[name] = replace(sums[name], kind=mean)
    used = model.sampler
    return BudgetRow(
        str(Spec.of(model.spec.name, **({} if model.block is None else {"size": model.block}))),
        None if used is None else str(used.spec),
        str(model.schedule.spec) if used is not None and used.uses_schedule else None,
        model.steps if used is not None and used.uses_steps else None,
        Parts(**sums),
        Parts(**{name: scaled(each, length) for name, each in sums.items()}),
        _mean(seen.learning, level),
        _mean(seen.impossible.mean(axis=1), level, most=1.0),
        _by_share(seen, level),
        _mean(seen.run.calls.astype(np.float64), level),
        off,
    )


def _most_off(total: Numbers, parts: Numbers) -> float:
    """The most by which they differ; what is infinite in both agrees."""
    differing = total != parts
    return float(np.abs(total[differing] - parts[differing]).max(initial=0.0))


def _mean(values: Numbers, level: float, most: float | None = None) -> Estimate:
    """Of numbers whose mean is 0 or more."""
    return StratifiedMeans(values[:, None], np.ones(1), level, most).over_all()


def scaled(found: Estimate, length: int) -> Estimate:
    """A number a sequence, as one a token."""
    ends = {name: getattr(found, name) / length for name in ("value", "low", "high")}
    if found.cut_from is None:
        return replace(found, **ends)
    value, low, high = found.cut_from
    return replace(found, **ends, cut_from=(value / length, low / length, high / length))


def _by_share(seen: Visited, level: float) -> tuple[AtShare, ...]:
    """The learning part by the share that is hidden when a token is set, of shares at which any was."""
    length, hidden = seen.tokens.shape[1], seen.hidden
    found = []
    for some in np.array_split(np.arange(1, length + 1), min(SHARES, length)):
        here = (hidden >= some[0]) & (hidden <= some[-1])
        tokens = here.sum(axis=1, dtype=np.float64)
        if tokens.any():
            error, z = (np.where(here, each, 0.0).sum(axis=1) for each in (seen.error, seen.impossible))
            means = (_mean(error, level), _ratio(error, tokens, level), _ratio(z, tokens, level).within(most=1.0))
            found.append(AtShare(float(some[0] / length), float(some[-1] / length), float(tokens.mean()), *means))
    return tuple(found)


def _ratio(sums: Numbers, tokens: Numbers, level: float) -> Estimate:
    """The mean of sums over that of numbers of tokens, to first order in what varies in both (the delta method)."""
    ratio = sums.mean() / tokens.mean()
    with np.errstate(invalid="ignore"):  # of what is infinite
        away = np.where(np.isfinite(sums) & np.isfinite(ratio), sums - ratio * tokens, np.inf)
    return _mean(ratio + away / tokens.mean() if np.isfinite(ratio) else np.full(len(sums), np.inf), level)
