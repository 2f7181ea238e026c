"""The measures `score` and `score_plans`: sequences of the language under the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.guards import unguarded
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Language
from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.metrics.measure import Measure, Sequences
from mdmtheory.metrics.pricing import curve_priced, curve_weights, is_ancestral, reveal_costs, scored, ter_kind
from mdmtheory.metrics.sums import Sums, moments

SCORED_PLAN_BY_PLAN = 1
"""What is added to the version of `score` where ancestral plans run over independent tokens.

One drawn plan scores them without noise; before, the curve priced them as it does all others.
"""


@registered("measure", place=2)
class Score(Measure):
    """Over x ~ q: `nats` sums -log p(x), `gap` log q(x) - log p(x); of answers to prompts where something is given."""

    name = "score"
    whole = ("sequences", "tokens")
    real = ("nats", "nats_squared", "nats_cubed", "gap", "gap_squared", "gap_cubed")
    later = ("nats_cubed", "gap_cubed")
    facts = ("kind",)

    def version_for(self, model: Any, language: Language) -> int:
        """Higher where it scores plan by plan what the curve once priced."""
        by_plan = is_ancestral(model) and not curve_priced(model, language)
        return self.version + (SCORED_PLAN_BY_PLAN if by_plan else 0)

    def facts_of(self, model: Any) -> dict[str, Any]:
        """`kind`: what the mean is to TER."""
        return {"kind": ter_kind(model)}

    def shares_pass(self, model: Any, language: Language) -> bool:
        """Those that the curve prices do."""
        return curve_priced(model, language)

    @whole_numbers(threads=1, plans=1)
    def count(self, models: Sequence[Any], of: Sequences, threads: int | None = 1, plans: int = 1) -> list[Sums]:
        """Score sequences of the language under each model.

        Models with one denoiser and one size of blocks that `curve_priced` holds for share one pass (`nats_of`).
        """
        models = of.held(models)
        tokens = of.tokens(threads)
        log_q = of.log_q(tokens, threads)
        return [
            scores(nats, nats + log_q, of.answer_length) for nats in nats_of(models, of, tokens, threads, plans=plans)
        ]


@registered("measure", place=3)
class ScorePlans(Measure):
    """Over x ~ q under one drawn plan each: the sums of `score`, and `ratio` sums p_plan(x)/q(x), of mean 1 - SER."""

    name = "score_plans"
    whole = Score.whole
    real = (*Score.real, "ratio", "ratio_squared", "ratio_cubed")
    later = (*Score.later, "ratio_cubed")

    def facts_of(self, model: Any) -> dict[str, Any]:
        """Nothing, where the model has a log p."""
        ter_kind(model)
        return {}

    @whole_numbers(threads=1)
    def count(self, models: Sequence[Any], of: Sequences, threads: int | None = 1) -> list[Sums]:
        """Score sequences of the language under one plan of each model (ours)."""
        models = of.held(models)
        tokens = of.tokens(threads)
        log_q = of.log_q(tokens, threads)
        results = []
        for model in models:
            log_p = scored(model, tokens, of.seed, first=of.first, threads=threads, **of.to_score(tokens))
            # A ratio beyond float64 becomes infinite here and is withheld where it is reported.
            with np.errstate(over="ignore"):
                ratios = moments("ratio", np.exp(log_p - log_q))
            results.append(Sums(scores(-log_p, log_q - log_p, of.answer_length), **ratios))
        return results


def nats_of(
    models: Sequence[Any], of: Sequences, tokens: Tokens, threads: int | None, *, plans: int = 1
) -> Iterator[Float[np.ndarray, "count"]]:
    """-log p(x) in nats of the sequences' own tokens (of answers where something is given), model by model.

    Models with one denoiser and one size of blocks that `curve_priced` holds for share one pass, in which every
    sequence is revealed one position at a time in random order (block by block): the expectation over their own plans
    is a weighted sum of what each reveal cost.
    """
    own = {"first": of.first, "threads": threads, **of.to_score(tokens)}
    profiles: dict[tuple[int, int | None], Float[np.ndarray, "count length"]] = {}
    for model in models:
        if plans == 1 and curve_priced(model, of.language):
            # By the denoiser itself: another one may go by the same name.
            key = (id(unguarded(model.denoiser)), model.block)
            if key not in profiles:
                profiles[key] = reveal_costs(
                    model.denoiser, tokens, of.seed, of.first, threads, block=model.block, given=of.given
                )
            # Not a matrix product: BLAS may sum in another order for another number of rows.
            yield (profiles[key] * curve_weights(model, of.answer_length)).sum(axis=1)
        else:
            yield -scored(model, tokens, of.seed, plans=plans, **own)


def scores(nats: Float[np.ndarray, "count"], gap: Float[np.ndarray, "count"], length: int) -> Sums:
    """The sums of `score`, from -log p(x) and log q(x) - log p(x) of each sequence."""
    whole = {"sequences": len(nats), "tokens": len(nats) * length}
    return Sums(whole, **moments("nats", nats), **moments("gap", gap))
