"""A certificate of random order from the information curve: the unmasking gap, and schedules of geometric odds.

Setting. Any language whose information curve is known exactly, the exact denoiser, random order.
h(j) = L (H̄(0) - H̄(j)), h(t) its mean over Bin(L-1, t); H(p, q) the integral of t (1-t) h'(t)
(`schedules.unmasking_gap`), H^card the like sum over numbers revealed; psi(t) = t/(1-t), c = psi(q)/psi(p) - 1.
Measured and guaranteed:
- `certified_gap`. The plan-averaged gap of fixed sizes is at most `schedules.certified_gap`: a drop h(j) - h(j-1) costs
  (b-j)/L of itself in a step from a to b, and b - j <= (psi(b/L)/psi((a+1)/L) - 1) (j/L)(1 - j/L) L.
- `certified_ancestral`. The gap of ancestral plans is at most sum_k c_k H(a_(k-1), a_k) over the steps but the first
  and the last, which are priced exactly: q - t <= c t (1-t) for p <= t <= q.
- `unmasking_identity`. H(p, q) = L/(L+1) E H^card(U_0 - 1, U_0 + U_1), U multinomial of L+1 with p, q-p, 1-q.
- `unmasking_below`, `unmasking_above`. D/c <= H(p, q) <= (1+c) D/c, D = (q-p)(h(q) - h(p)), as
  p (1-q) <= t (1-t) <= q (1-p). Equal only where D is 0. D so is our reading: with the gap of the step from p to q, the
  integral of h(t) - h(p), in its place, the lower side holds and the upper one does not.
- `unmasking_coverage`. From m contexts the upper end of an interval at level 1 - eta by an empirical Bernstein bound is
  at or above H(p, q) with probability 1 - eta or more: the coverage, by so many repetitions.
Constants. None of ours; the source's bound of the last has a moment of order alpha, here all is bounded by log V.
Source. 2608.13520, (17b), (19), lemma 1, proposition 2 (from notes); the proofs and the reading of h and D ours,
docs/theory.md 2; the bound of the mean 0907.3740.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.intervals import bounded_mean, clopper_pearson
from mdmtheory.exact.contexts import drawn_contexts
from mdmtheory.languages.laws import row_entropies
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.repetition import Repetition
from mdmtheory.schedules.certificates import cardinal_gap, odds_of, unmasking_gap
from mdmtheory.theory import twins
from mdmtheory.theory.curves import exact_curve
from mdmtheory.theory.instances import bigram3, independent, known_curves
from mdmtheory.theory.searches import UNMASKING_GAP
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, non_negative, probability

Values = Float[np.ndarray, "length"]


def _curve(setting: Setting) -> Values:
    # Rounding must not leave a rise.
    return np.minimum.accumulate(np.asarray(exact_curve(setting), dtype=np.float64))


def _requires_steps(setting: Setting) -> None:
    if setting.steps is None and setting.schedule.steps is None:
        raise HypothesisError("it is about a number of steps; pass steps, or a schedule of sizes")


def _requires_ends(setting: Setting) -> None:
    start, stop = setting.options["start"], setting.options["stop"]
    if not 0 < start < stop < 1:
        raise HypothesisError(f"start is {start} and stop {stop}; it is about 0 < start < stop < 1")


def _ratio(measured: float, bound: float) -> str:
    return f"{measured / bound:.6g} of the bound" if bound > 1e-12 else ""


def _sizes(setting: Setting) -> Sides:
    curve, sizes = _curve(setting), setting.schedule.sizes(setting.length, setting.steps)
    gap, bound = schedules.plan_averaged_gap(curve, sizes), schedules.certified_gap(curve, sizes)
    return Sides(Estimate.exact(gap), Estimate.exact(bound), _ratio(gap, bound))


def mean_learned(curve: Values, fraction: float) -> float:
    """h(t) in nats: L times how much the mean entropy of a token falls where others are revealed with probability t."""
    from scipy.stats import binom

    length = len(curve)
    law = binom.pmf(np.arange(length), length - 1, fraction)
    return float(length * (curve[0] - law @ curve))


def step_gap(curve: Values, start: float, stop: float) -> float:
    """The integral of h(t) - h(p) from p to q, what the step from p to q loses; a polynomial, by its own quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(len(curve) // 2 + 1)
    times = start + (stop - start) * (nodes + 1) / 2
    learned = np.array([mean_learned(curve, t) for t in times]) - mean_learned(curve, start)
    return float((stop - start) / 2 * (weights @ learned))


def _ancestral(setting: Setting) -> Sides:
    curve, fractions = _curve(setting), setting.schedule.revealed_fractions(setting.steps)
    gap = schedules.ancestral_gap(curve, fractions)
    steps = list(zip(fractions[:-1].tolist(), fractions[1:].tolist(), strict=True))
    bound = 0.0
    for start, stop in steps:
        if start == 0 or stop == 1:
            bound += step_gap(curve, start, stop)
        else:
            bound += (odds_of(stop) / odds_of(start) - 1) * unmasking_gap(curve, start, stop)
    return Sides(Estimate.exact(gap), Estimate.exact(bound), _ratio(gap, bound))


def by_quadrature(curve: Values, start: float, stop: float) -> float:
    """H(p, q) from its definition: t (1-t) h'(t) is a polynomial of degree L, which the rule integrates exactly."""
    from scipy.stats import binom

    length = len(curve)
    if length == 1:
        return 0.0
    nodes, weights = np.polynomial.legendre.leggauss(length // 2 + 1)
    times = start + (stop - start) * (nodes + 1) / 2
    slopes = [binom.pmf(np.arange(length - 1), length - 2, t) @ -np.diff(curve) for t in times]
    terms = length * (length - 1) * times * (1 - times) * np.array(slopes)
    return float((stop - start) / 2 * (weights @ terms))


def by_cards(curve: Values, start: float, stop: float) -> float:
    """L/(L+1) E H^card(U_0 - 1, U_0 + U_1)."""
    from scipy.stats import multinomial

    length = len(curve)
    total = 0.0
    for below in range(length + 2):
        for inside in range(length + 2 - below):
            counts = [below, inside, length + 1 - below - inside]
            chance = multinomial.pmf(counts, length + 1, [start, stop - start, 1 - stop])
            total += chance * cardinal_gap(curve, max(below - 1, 0), min(max(below + inside, 0), length))
    return length / (length + 1) * total


def _identity(setting: Setting) -> Sides:
    curve, ends = _curve(setting), (setting.options["start"], setting.options["stop"])
    return Sides(Estimate.exact(by_quadrature(curve, *ends)), Estimate.exact(by_cards(curve, *ends)))


def _between(setting: Setting) -> tuple[float, float, float]:
    """H(p, q), D and c."""
    curve, start, stop = _curve(setting), setting.options["start"], setting.options["stop"]
    difference = (stop - start) * (mean_learned(curve, stop) - mean_learned(curve, start))
    return unmasking_gap(curve, start, stop), difference, odds_of(stop) / odds_of(start) - 1


def _below(setting: Setting) -> Sides:
    gap, difference, growth = _between(setting)
    return Sides(Estimate.exact(gap), Estimate.exact(difference / growth))


def _above(setting: Setting) -> Sides:
    gap, difference, growth = _between(setting)
    return Sides(Estimate.exact(gap), Estimate.exact((1 + growth) * difference / growth))


def entropy_weights(curve_length: int, start: float, stop: float) -> Values:
    """The v_m with H(p, q) = sum_m v_m H̄(m) for every curve, by summation by parts."""
    return np.array([unmasking_gap(row, start, stop) for row in np.eye(curve_length)])


def certificates(setting: Setting, repetitions: int, contexts: int, eta: float) -> tuple[Values, Values]:
    """Estimates of H(p, q) and upper ends at level 1 - eta, `repetitions` of them, each from its own contexts.

    A context has m revealed tokens with probability |v_m|/sum |v|; the entropy of a masked one, of 0 to log V, with the
    sign of v_m and times sum |v|, is unbiased.
    """
    language, length = setting.language, setting.length
    weights = entropy_weights(length, setting.options["start"], setting.options["stop"])
    total = float(np.abs(weights).sum())
    rng = np.random.default_rng(setting.options["seed"])
    revealed = rng.choice(length, size=repetitions * contexts, p=np.abs(weights) / total)
    entropies = np.empty(len(revealed))
    for drawn in drawn_contexts(language, length, length - revealed, "unmasking gap", setting.options["seed"], 1):
        hidden = drawn.tokens == language.vocab_size
        here = slice(drawn.first, drawn.first + len(hidden))
        of_tokens = row_entropies(drawn.marginals.reshape(-1, language.vocab_size)).reshape(hidden.shape)
        entropies[here] = np.where(hidden, of_tokens, 0.0).sum(axis=1) / hidden.sum(axis=1)
    most = float(np.log(language.vocab_size))
    # Moved to 0..2 log V, where the bound holds.
    values = (np.sign(weights[revealed]) * entropies + most).reshape(repetitions, contexts)
    ends = [bounded_mean(contexts, float(row.sum()), float((row**2).sum()), 1 - eta, 2 * most) for row in values]
    found = total * (np.array(ends) - most)
    return found[:, 0], found[:, 2]


def _covered(setting: Setting, end: int) -> Sides:
    """How often the mean (0) or the upper end (1) is at or above H."""
    repetitions, eta = setting.options["repetitions"], setting.options["eta"]
    truth = unmasking_gap(_curve(setting), setting.options["start"], setting.options["stop"])
    found = certificates(setting, repetitions, setting.options["contexts"], eta)
    covered = int((found[end] >= truth).sum())
    low_high = clopper_pearson(covered, repetitions, 0.999)
    note = f"H {truth:.6g}, mean estimate {found[0].mean():.6g}, mean upper end {found[1].mean():.6g}"
    measured = Estimate(covered / repetitions, *low_high, 0.999, "estimate", repetitions)
    return Sides(measured, Estimate.exact(1 - eta), note)


def _requires_contexts(setting: Setting) -> None:
    _requires_ends(setting)
    if setting.length < 2:
        raise HypothesisError("length is 1; it is about several positions")
    if not np.abs(entropy_weights(setting.length, setting.options["start"], setting.options["stop"])).sum() > 0:
        raise HypothesisError("H is 0 whatever the language")


def _sizes_settings() -> list[Setting]:
    several = [SIZES.setting(language, length, steps) for language, length in known_curves() for steps in (1, 3, 5)]
    in_odds = [SIZES.setting(language, length, 5, "odds:span=20") for language, length in known_curves()]
    return [*several, *in_odds, SIZES.setting(independent(), 6, 2)]


def _ancestral_settings() -> list[Setting]:
    several = [ANCESTRAL.setting(language, length, steps) for language, length in known_curves() for steps in (1, 4)]
    return [*several, *(ANCESTRAL.setting(each, length, 6, "odds:span=20") for each, length in known_curves())]


def _ends_settings(statement: Statement) -> list[Setting]:
    ends = ((0.1, 0.2), (0.3, 0.9), (0.01, 0.99))
    return [
        statement.setting(language, length, start=p, stop=q) for language, length in known_curves() for p, q in ends
    ]


def _later_odds(setting: Setting, bound: float) -> float:
    curve, sizes = _curve(setting), setting.schedule.sizes(setting.length, setting.steps)
    length, ends = len(curve), np.cumsum(sizes)
    starts = ends - sizes
    total = float((curve[starts[-1]] - curve[starts[-1] :]).sum())
    for first, last in zip(starts[:-1].tolist(), ends[:-1].tolist(), strict=True):
        growth = odds_of(last / length) / odds_of((first + 2) / length) - 1
        total += growth * cardinal_gap(curve, first, last)
    return total


def _shifted_cards(setting: Setting, bound: float) -> float:
    curve = _curve(setting)
    return by_cards(np.append(curve[0], curve[:-1]), setting.options["start"], setting.options["stop"])


def _close_ends(it: Statement) -> Setting:
    return it.setting(bigram3(), 5, start=0.5, stop=0.501)


def _gap_of_step(setting: Setting, bound: float) -> float:
    start, stop = setting.options["start"], setting.options["stop"]
    growth = odds_of(stop) / odds_of(start) - 1
    return (1 + growth) / growth * step_gap(_curve(setting), start, stop)


SIZES: Statement = Statement(
    id="certified_gap",
    number=35,
    says="gap of fixed sizes <= sum_k (psi(b_k)/psi(a_k + 1/L) - 1) H^card(a_k, b_k) + last step",
    source="2608.13520, (17b), the proof and the reading of h ours; docs/theory.md 2",
    sources=("wainwright2026", UNMASKING_GAP),
    direction="<=",
    known=non_negative,
    sides=_sizes,
    settings=_sizes_settings,
    hypotheses="any language whose curve is known exactly, exact denoiser, random subsets",
    requires=_requires_steps,
    twins=(
        twins.scaled(0.99, lambda it: it.setting(bigram3(), 4, 1), "the last step is priced exactly"),
        twins.bounded(
            "psi(a_k + 2/L) in place of psi(a_k + 1/L)",
            _later_odds,
            lambda it: it.setting(Repetition(vocab_size=2), 8, 3),
            "the first drop of a step counts in full",
        ),
        twins.turned(
            lambda it: it.setting(bigram3(), 5, 3), "a drop at the end of a step costs less than it is charged"
        ),
    ),
)

ANCESTRAL: Statement = Statement(
    id="certified_ancestral",
    number=35,
    says="gap of ancestral plans <= sum_k (psi(a_k)/psi(a_(k-1)) - 1) H(a_(k-1), a_k) + first and last step",
    source="after 2608.13520, ours; docs/theory.md 2",
    sources=("wainwright2026", UNMASKING_GAP),
    direction="<=",
    known=non_negative,
    sides=_ancestral,
    settings=_ancestral_settings,
    hypotheses="any language whose curve is known exactly, exact denoiser, ancestral plans",
    requires=_requires_steps,
    twins=(
        twins.scaled(0.99, lambda it: it.setting(bigram3(), 4, 1), "the first step is priced exactly"),
        twins.turned(
            lambda it: it.setting(bigram3(), 5, 4), "a drop at the end of a step costs less than it is charged"
        ),
    ),
)

ENDS = {"start": 0.2, "stop": 0.8}

IDENTITY: Statement = Statement(
    id="unmasking_identity",
    number=35,
    says="H(p,q) = L/(L+1) E H^card(U_0 - 1, U_0 + U_1), U multinomial of L+1",
    source="2608.13520, (19), the reading of h ours; docs/theory.md 2",
    sources=("wainwright2026", UNMASKING_GAP),
    direction="=",
    sides=_identity,
    settings=lambda: [each for each in _ends_settings(IDENTITY) if each.length <= 16],
    hypotheses="any language whose curve is known exactly, 0 < p < q < 1",
    requires=_requires_ends,
    options=ENDS,
    twins=(
        twins.scaled(6 / 7, lambda it: it.setting(bigram3(), 5), "L/(L+1), and not L/(L+2) in place of it"),
        twins.bounded(
            "the curve one place later",
            _shifted_cards,
            lambda it: it.setting(bigram3(), 5),
            "the card that is drawn is not among those that are known",
        ),
    ),
)

BELOW: Statement = Statement(
    id="unmasking_below",
    number=35,
    says="H(p,q) >= D/c, D = (q-p)(h(q)-h(p)), c = psi(q)/psi(p) - 1",
    source="2608.13520, lemma 1, the reading of D ours; docs/theory.md 2",
    sources=("wainwright2026", UNMASKING_GAP),
    direction=">=",
    known=non_negative,
    sides=_below,
    settings=lambda: _ends_settings(BELOW),
    hypotheses="any language whose curve is known exactly, 0 < p < q < 1",
    requires=_requires_ends,
    options=ENDS,
    twins=(
        twins.scaled(1.01, _close_ends, "t (1-t) changes little in a short step: both sides meet"),
        twins.turned(lambda it: it.setting(bigram3(), 5), "in a long step they do not"),
    ),
)

ABOVE: Statement = Statement(
    id="unmasking_above",
    number=35,
    says="H(p,q) <= (1+c) D/c, D = (q-p)(h(q)-h(p)), c = psi(q)/psi(p) - 1",
    source="2608.13520, lemma 1, the reading of D ours; docs/theory.md 2",
    sources=("wainwright2026", UNMASKING_GAP),
    direction="<=",
    known=non_negative,
    sides=_above,
    settings=lambda: _ends_settings(ABOVE),
    hypotheses="any language whose curve is known exactly, 0 < p < q < 1",
    requires=_requires_ends,
    options=ENDS,
    twins=(
        twins.scaled(0.99, _close_ends, "t (1-t) changes little in a short step: both sides meet"),
        twins.turned(lambda it: it.setting(bigram3(), 5), "in a long step they do not"),
        twins.bounded(
            "the gap of the step in place of D",
            _gap_of_step,
            lambda it: it.setting(Parity(), 40, start=0.9, stop=0.95),
            "a curve that falls at the end of the step loses next to nothing in it, and all of H",
        ),
    ),
)

COVERAGE: Statement = Statement(
    id="unmasking_coverage",
    number=35,
    says="P(upper end from m contexts >= H(p,q)) >= 1 - eta",
    source="after 2608.13520, proposition 2, by the bound of 0907.3740; with entropies ours, docs/theory.md 2",
    sources=("wainwright2026", "maurer2009", UNMASKING_GAP),
    direction=">=",
    known=probability,
    sides=lambda setting: _covered(setting, 1),
    settings=lambda: [COVERAGE.setting(language, length) for language, length in known_curves()[2:]],
    hypotheses="any language whose curve is known exactly, 0 < p < q < 1, contexts drawn from it",
    requires=_requires_contexts,
    options={**ENDS, "contexts": 100, "eta": 0.1, "repetitions": 300, "seed": 0},
    twins=(
        twins.claiming(
            "the mean in place of the upper end",
            lambda setting: _covered(setting, 0),
            lambda it: it.setting(EqualPairs(vocab_size=4), 8),
            "an estimate without its width is below the truth half of the time",
        ),
    ),
)
