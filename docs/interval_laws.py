"""The terms of every sampled number and their exact law, for docs/intervals.py: what a sequence adds, and how often.

On languages small enough to list every sequence, every plan and every order, so that the truth is known and a sample
of terms is a draw from a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

import mdmtheory as mt
from mdmtheory.core.estimate import Ends, Estimate, WithheldError
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.core.means import Moments, mean_interval, price
from mdmtheory.core.protocols import Language
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.exact.first_order_constant import estimated_constant
from mdmtheory.exact.information import estimated_curve
from mdmtheory.exact.reveals import all_plans
from mdmtheory.metrics.cross_entropy import CrossEntropy
from mdmtheory.metrics.distances import divergence, divergence_on_support, squared_hellinger, total_variation
from mdmtheory.metrics.kl_parts import Unfaithful, Wrong
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.pricing import curve_weights
from mdmtheory.metrics.ser_scored import SerScored
from mdmtheory.metrics.ser_shared import SerShared
from mdmtheory.metrics.ser_sharp import SerSharp
from mdmtheory.metrics.sums import Sums, moments
from mdmtheory.plans import Ancestral
from mdmtheory.theory.ser_of_steps import STATEMENT as WHOLE_STEPS
from mdmtheory.theory.ser_of_steps import walks
from mdmtheory.theory.shared_steps import TILTED as SHARED
from mdmtheory.theory.shared_steps import tilted_terms

LENGTH = 5
STEPS = 2

Terms = Float[np.ndarray, "outcomes"]
Drawn = Int[np.ndarray, "count"]


@dataclass(frozen=True)
class Form:
    """A sampled number: the law of what a sequence adds, the true value, and the interval that outcomes drawn get.

    `interval` takes the numbers of the outcomes drawn and a level; WithheldError where it gives none. `terms` are what
    the mean is taken of, for the normal interval beside it; None where it is no mean. `call` is the public function on
    so many sequences of the seed.
    """

    name: str
    made_by: str
    weights: Terms
    truth: float
    interval: Callable[[Drawn, float], Ends]
    terms: Terms | None = None
    call: Callable[[int, int], Estimate | None] | None = None


def _ends(estimate: Estimate | None, count: int) -> Ends:
    if estimate is None:
        raise WithheldError("withheld", count)
    return estimate.cut_from or (estimate.value, estimate.low, estimate.high)


def _mean(terms: Terms, nats: Terms, *, cubes: bool = True) -> Callable[[Drawn, float], Ends]:
    """What is made of the sums of some terms, and of what their sequences cost."""

    def interval(drawn: Drawn, level: float) -> Ends:
        sums = {"sequences": len(drawn), "nats": float(nats[drawn].sum()), **moments("gap", terms[drawn])}
        if not cubes:
            del sums["gap_cubed"]
        return Measured(Sums(sums), 1).mean("gap", level)

    return interval


def forms(language: Language, steps: int = STEPS, length: int = LENGTH) -> list[Form]:
    """Every form at one number of steps."""
    return [
        *_scored(language, steps, length),
        *_mixture(language, steps, length),
        *_drawn(language, steps, length),
        *_parts(language, steps, length),
    ]


def _support(language: Language, length: int) -> tuple[np.ndarray, Terms]:
    """Every sequence of the language and its probability."""
    law = joint(language, length).reshape(-1)
    return all_sequences(language.vocab_size, length)[law > 0], law[law > 0]


def _scored(language: Language, steps: int, length: int) -> list[Form]:
    """Sequences of the language scored by a curve, by one random plan each, and by the plan of stride."""
    tokens, weights = _support(language, length)
    log_q = np.log(weights)
    entropy = -float(weights @ log_q)
    oracle = mt.Oracle(language)

    def models(sampler: str) -> mt.MaskedDiffusion:
        return mt.MaskedDiffusion(oracle, sampler=sampler, steps=steps)

    def one_by_one() -> tuple[Terms, Terms, Terms]:
        """The same as the curve prices ancestral plans: from what each reveal costs, in every order."""
        plans, chances = all_plans(mt.MaskedDiffusion(oracle, sampler="first_hitting"), length)
        each = np.repeat(plans.astype(np.int32), len(tokens), axis=0)
        shown = np.tile(tokens, (len(plans), 1))
        costs = -mt.MaskedDiffusion(oracle, sampler="first_hitting").run(each, tokens=shown).log_probs
        costs = np.take_along_axis(costs, np.argsort(each, axis=1), axis=1)
        nats = costs @ curve_weights(models("ancestral"), length)
        return nats, np.outer(chances, weights).reshape(-1), nats + np.tile(log_q, len(plans))

    found = [
        Form(
            "entropy of a language",
            "language.entropy",
            weights,
            entropy,
            lambda drawn, level: mean_interval(
                Moments.of(-log_q[drawn]), level, unseen=price(-float(log_q[drawn].mean()))
            ),
            -log_q,
            lambda count, seed: language.entropy(length, count, seed),
        )
    ]
    laws = {
        "random order": ("ancestral", one_by_one()),
        "one plan a sequence": ("fixed", _under_each_plan(models("fixed"), language, length)),
        "stride": ("stride", _under_each_plan(models("stride"), language, length)),
    }
    for words, (sampler, (nats, chances, gap)) in laws.items():
        for name, function, terms in (("TER", mt.ter, nats), ("TER ratio", mt.ter_ratio, gap)):
            truth = float(chances @ terms)

            def call(count: int, seed: int, function: Any = function, sampler: str = sampler) -> Estimate:
                return _in_nats(function(models(sampler), language, length, count=count, seed=seed), length)

            made_by = f"mt.{function.__name__}"
            found.append(Form(f"{name}, {words}", made_by, chances, truth, _mean(terms, nats), terms, call))
        if sampler == "fixed":
            old = _mean(gap, nats, cubes=False)
            found.append(Form(f"TER ratio, {words}, no cubes", "older stores", chances, float(chances @ gap), old, gap))
            found.append(_by_scoring(np.exp(-gap), chances))
    return found


def _under_each_plan(model: mt.MaskedDiffusion, language: Language, length: int) -> tuple[Terms, Terms, Terms]:
    """-log p of every sequence under every plan, its probability, and -log p + log q."""
    tokens, weights = _support(language, length)
    plans, chances = all_plans(model, length)
    each = np.repeat(plans.astype(np.int32), len(tokens), axis=0)
    nats = -model.run(each, tokens=np.tile(tokens, (len(plans), 1))).log_probs.sum(axis=1)
    return nats, np.outer(chances, weights).reshape(-1), nats + np.tile(np.log(weights), len(plans))


def _in_nats(estimate: Estimate, length: int) -> Estimate:
    """A TER or a ratio of two as nats a sequence, as it was measured."""
    value, low, high = (length * math.log(each) for each in estimate.cut_from or _ends(estimate, 0))
    return Estimate(value, low, high, estimate.level, estimate.kind, estimate.count)


def _by_scoring(ratios: Terms, chances: Terms) -> Form:
    def interval(drawn: Drawn, level: float) -> Ends:
        sums = Sums(sequences=len(drawn), **moments("ratio", ratios[drawn]))
        return _ends(SerScored().estimate(Measured(sums, 1), level), len(drawn))

    return Form("SER by scoring", "sweep --check", chances, 1 - float(chances @ ratios), interval, -ratios)


def _mixture(language: Language, steps: int, length: int) -> list[Form]:
    """What rests on log p(x) of the mixture over plans, with 1 - SER known."""
    weights = _support(language, length)[1]
    model = mt.MaskedDiffusion(mt.Oracle(language), steps=steps)
    law = mt.exact.law(model, language, length)
    inside = law[joint(language, length) > 0]
    support = float(inside.sum())
    log_ratio, own = np.log(inside / weights), inside / support
    price = -float(weights @ np.log(weights))
    kl, on_support = -float(weights @ log_ratio), float(own @ (log_ratio - math.log(support)))
    variation, hellinger = float(np.maximum(weights - inside, 0).sum()), 1 - float(np.sqrt(inside * weights).sum())

    def divergence_of(drawn: Drawn, level: float) -> Ends:
        return _ends(divergence(log_ratio[drawn], support, level, "estimate", price), len(drawn))

    def on_support_of(drawn: Drawn, level: float) -> Ends:
        found = divergence_on_support(log_ratio[drawn], len(drawn), support, level, price)
        return _ends(found, len(drawn))

    def variation_of(drawn: Drawn, level: float) -> Ends:
        return _ends(total_variation(log_ratio[drawn], level, "estimate"), len(drawn))

    def hellinger_of(drawn: Drawn, level: float) -> Ends:
        return _ends(squared_hellinger(log_ratio[drawn], level, "estimate"), len(drawn))

    def call(count: int, seed: int) -> Estimate:
        return _in_nats(mt.ter_ratio(model, language, length, count=count, seed=seed, method="mixture"), length)

    return [
        Form("TER ratio, the mixture", "mt.ter_ratio", weights, kl, divergence_of, -log_ratio, call),
        Form(
            "KL on the support, the mixture",
            "mt.distances",
            own,
            on_support,
            on_support_of,
            log_ratio - math.log(support),
        ),
        Form("total variation", "mt.distances", weights, variation, variation_of),
        Form("Hellinger²", "mt.distances", weights, hellinger, hellinger_of),
    ]


def _drawn(language: Language, steps: int, length: int) -> list[Form]:
    """What rests on sequences drawn from the model: SER, and the cross-entropy of what is right."""
    model = mt.MaskedDiffusion(mt.Oracle(language), steps=steps)
    law, q = mt.exact.law(model, language, length).reshape(-1), joint(language, length).reshape(-1)
    right = float(law[q > 0].sum())
    own, nats = law[q > 0] / right, -np.log(q[q > 0])

    def cross_entropy(drawn: Drawn, level: float) -> Ends:
        sums = Sums(sequences=len(drawn), errors=0, **moments("nats", nats[drawn]))
        return _ends(CrossEntropy().estimate(Measured(sums, 1), level), len(drawn))

    def ser(drawn: Drawn, level: float) -> Ends:
        errors = int(drawn.sum())
        return (errors / len(drawn), *clopper_pearson(errors, len(drawn), level))

    def call(count: int, seed: int) -> Estimate:
        return mt.ser(model, language, length, count=count, seed=seed)

    def called_cross_entropy(count: int, seed: int) -> Estimate:
        found = mt.cross_entropy(model, language, length, count=round(count / right), seed=seed)
        value, low, high = (length * end for end in (found.value, found.low, found.high))
        return Estimate(value, low, high, found.level, found.kind, found.count)

    return [
        Form("cross-entropy", "mt.cross_entropy", own, float(own @ nats), cross_entropy, nats, called_cross_entropy),
        Form("SER", "mt.ser", np.array([right, 1 - right]), 1 - right, ser, None, call),
    ]


def _parts(language: Language, steps: int, length: int) -> list[Form]:
    """The two parts of KL(q || p): what is wrong, of drawn sequences, and what is unfaithful, of scored ones too."""
    found = []
    for words, sampler in (("stride", "stride"), ("one plan a sequence", "fixed")):
        model = mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=steps)
        nats, chances, gap = _under_each_plan(model, language, length)
        right = float(mt.exact.law(model, language, length)[joint(language, length) > 0].sum())
        drawn_chances = np.array([right, 1 - right]).clip(0, 1)

        def unfaithful(drawn: Drawn, level: float, nats: Terms = nats, gap: Terms = gap) -> Ends:
            # One sequence is drawn for each that is scored, apart from it.
            scored, errors = np.divmod(drawn, 2)
            sums = {"sequences": len(drawn), "nats": float(nats[scored].sum()), **moments("gap", gap[scored])}
            measured = Measured(Sums(sums), 1, besides={"draw": _errors(errors)})
            return _ends(Unfaithful().estimate(measured, level), len(drawn))

        both, truth = np.outer(chances, drawn_chances).reshape(-1), float(chances @ gap) + math.log(right)
        found.append(Form(f"unfaithful, {words}", "sweep", both, truth, unfaithful))
    return [Form("wrong, one plan a sequence", "sweep", drawn_chances, -math.log(right), _wrong), *found]


def _wrong(drawn: Drawn, level: float) -> Ends:
    return _ends(Wrong().estimate(_errors(drawn), level), len(drawn))


def _errors(drawn: Drawn) -> Measured:
    """Sequences drawn, 1 where one is wrong."""
    return Measured(Sums(sequences=len(drawn), errors=int(drawn.sum())), 1)


def walk_forms(language: Language, steps: int, length: int) -> list[Form]:
    """What walks that make no error tell of SER: of stride and of random order, and by the plans with a shared step."""
    found = []
    for sampler in ("stride", "ancestral"):
        setting = WHOLE_STEPS.setting(language, length, steps, denoiser="oracle", sampler=sampler)
        chances, products = walks(setting)
        terms = 1 - products.reshape(-1)

        def sharp(drawn: Drawn, level: float, terms: Terms = terms) -> Ends:
            sums = Sums(sequences=len(drawn), **moments("wrong", terms[drawn]))
            return _ends(SerSharp().estimate(Measured(sums, 1), level), len(drawn))

        truth = float(chances.reshape(-1) @ terms)
        found.append(Form(f"{sampler}, whole steps", "ser_sharp", chances.reshape(-1), truth, sharp, terms))
    model = mt.MaskedDiffusion(mt.Oracle(language), steps=steps)
    tilted = Ancestral().shared_steps(length, steps, model.schedule)
    drawn_plans, ratios, _ = tilted_terms(SHARED.setting(language, length, steps))
    there = drawn_plans > 0
    tilted_chances = (
        chances * np.divide(drawn_plans, chances.sum(axis=1), out=np.zeros(len(there)), where=there)[:, None]
    )
    weighted = np.where(there, ratios, 0.0)[:, None] * (1 - products)

    def shared(drawn: Drawn, level: float) -> Ends:
        own = weighted.reshape(-1)[drawn]
        sums = Sums(sequences=len(drawn), most=tilted.most * len(drawn), **moments("wrong", own))
        return _ends(SerShared().estimate(Measured(sums, 1), level), len(drawn))

    by_shared = tilted_chances.reshape(-1)
    truth = float(by_shared @ weighted.reshape(-1))
    found.append(Form("ancestral, shared steps", "ser_shared", by_shared, truth, shared, weighted.reshape(-1)))
    return found


def calls_alone(language: Language, length: int = LENGTH) -> dict[str, tuple[Callable[[int, int, float], Ends], float]]:
    """Sampled numbers whose terms have no table: the call at a count, a seed and a level, and the truth."""
    constant, curve = mt.exact.first_order(language, length).value, mt.exact.information_curve(language, length)
    middle = length // 2

    def first_order(count: int, seed: int, level: float) -> Ends:
        return _ends(estimated_constant(language, length, count, seed, level, 1), count)

    def point(count: int, seed: int, level: float) -> Ends:
        # Each context has length - middle masked positions, whose entropies `count` is of.
        found = estimated_curve(language, length, count * (length - middle), seed, level, 1)
        return found.values[middle], found.low[middle], found.high[middle]

    return {
        "first-order constant": (first_order, constant),
        f"point {middle} of an information curve": (point, float(curve.values[middle])),
    }
