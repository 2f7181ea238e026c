"""One token a step is exact as long as the choice of the next position does not look at draws that are thrown away.

Setting. The exact denoiser. (a) Any law over plans and any rule that looks at the context only (marginals included),
one position a step. (b), (c) `draw_confidence`, one position a step: a token is drawn at every masked position and the
one that was most probable is kept; (b) independent tokens with one mode of probability p, (c) any two positions.
Measured. (a) The total variation distance of p and q. (b) The expected fraction of modes, and the probability that all
tokens are modes. (c) The distance of p from the law below. By enumeration; of rules that look, of all their draws.
Guarantee. (a) It is 0. (b) The fraction is 1 - (1/L) sum_{m=1..L} (1-p)^m, which tends to 1, and the probability
prod_m (1 - (1-p)^m): with m masked positions the step writes the mode unless none was drawn. (c) The more
probable of two draws is kept, and the other drawn again; [[.4,.1],[.2,.3]] becomes [[.56,.04],[.28,.12]].
Constants. None.
Source. (a) 2110.02037 for plans, 2603.01367 for rules that look; the others ours, of which 2510.04525 has the limit of
many positions; docs/theory.md 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.exact.enumeration import Law, all_sequences, joint
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.oracles.token_laws import DECIMALS
from mdmtheory.samplers.drawing import ALIKE_DECIMALS
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, full_support, hmm2x3, independent, small_languages, trigram2
from mdmtheory.theory.kept_draws import best_kept
from mdmtheory.theory.orders import chosen_order, distance_from_language, drawn_law
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin

_SEARCH = Ours(
    "MaskGIT LLaDA drawn confidence keeps most probable sample biased entropy loss closed form "
    "independent tokens order statistics",
    "2026-11-29",
)


def _requires_one_at_a_time(setting: Setting) -> None:
    order = chosen_order(setting)
    if order.changed:
        raise HypothesisError(f"{order.spec} draws no token from its marginal; it is about samplers that do")
    if order.oblivious:
        single = order.one_at_a_time
    elif not order.context_only or order.remasks:
        raise HypothesisError(
            f"{order.spec} looks at what it draws, or changes tokens; it is about samplers that do not"
        )
    else:
        single = order.uses_schedule and len(setting.schedule.sizes(setting.length, setting.steps)) == setting.length
    if not single:
        raise HypothesisError(f"{order.spec} may reveal several positions in a step; pass {setting.length} steps")


def _one_at_a_time(setting: Setting) -> Sides:
    return Sides(distance_from_language(setting, chosen_order(setting)), Estimate.exact(0.0))


def _one_at_a_time_settings() -> list[Setting]:
    orders = ("left_to_right", "first_hitting", "3-1-5-2-4", "confidence", "margin", "entropy")
    languages = (*small_languages(), Parity(), EqualPairs(vocab_size=2))
    return [ONE_AT_A_TIME.setting(language, 5, 5, order=order) for order in orders for language in languages]


def _mode(setting: Setting) -> tuple[int, float]:
    """The most probable token of independent ones, and its probability; HypothesisError where there is none."""
    language = setting.language
    if not isinstance(language, NGram) or language.order != 1:
        raise HypothesisError(f"it is about independent tokens, not {language.spec}")
    first, second = np.sort(language.conditional)[:-3:-1].round(ALIKE_DECIMALS)
    if first == second:
        raise HypothesisError(f"two tokens are equally probable, {first:g} each; it is about tokens with one mode")
    return int(language.conditional.argmax()), float(language.conditional.max())


def _requires_mode(setting: Setting) -> None:
    _mode(setting)


def _modes(setting: Setting) -> Float[np.ndarray, "counts"]:
    """The law of the number of modes under drawn confidence."""
    mode, _ = _mode(setting)
    sequences = all_sequences(setting.language.vocab_size, setting.length)
    p = drawn_law(setting, "draw_confidence", setting.length).reshape(-1)
    return np.bincount((sequences == mode).sum(axis=1), weights=p, minlength=setting.length + 1)


def _fraction(setting: Setting) -> Sides:
    _, p = _mode(setting)
    law = _modes(setting)
    measured = float(law @ np.arange(len(law)) / setting.length)
    expected = best_kept(p, np.ones(setting.length, dtype=np.int64)) / setting.length
    note = f"exact sampling gives {p:.6g}"
    return Sides(Estimate.exact(measured), Estimate.exact(expected), note)


def _all_modes(setting: Setting) -> Sides:
    _, p = _mode(setting)
    missed = (1 - p) ** np.arange(1, setting.length + 1)
    note = f"exact sampling gives {p**setting.length:.6g}"
    return Sides(Estimate.exact(float(_modes(setting)[-1])), Estimate.exact(float((1 - missed).prod())), note)


def _independent_languages() -> list[tuple[NGram, int]]:
    three = NGram(1.0, [0.2, 0.5, 0.3], spec=Spec.of("three_tokens"))
    return [(independent(0.7), 6), (independent(0.55), 5), (independent(0.99), 4), (three, 4)]


def two_draws(q: Law) -> Law:
    """The law over two positions when both are drawn from their marginals and the more probable draw is kept.

    The other position is then drawn from its conditional; of equally probable draws either is kept, each half the time.
    """
    first, second = q.sum(axis=1), q.sum(axis=0)
    ranks = [each.round(DECIMALS).round(ALIKE_DECIMALS) for each in (first, second)]
    ahead = (1 + np.sign(ranks[0][:, None] - ranks[1][None])) / 2
    keep_first = first * (ahead @ second)
    keep_second = second * (first @ (1 - ahead))
    with np.errstate(invalid="ignore", divide="ignore"):
        rest = np.where(first[:, None] > 0, q / first[:, None], 0.0)
        start = np.where(second[None] > 0, q / second[None], 0.0)
    return keep_first[:, None] * rest + keep_second[None] * start


def _requires_two(setting: Setting) -> None:
    if setting.length != 2:
        raise HypothesisError(f"length is {setting.length}; it is about two positions")


def _two(setting: Setting) -> Sides:
    q = joint(setting.language, 2)
    p, expected = drawn_law(setting, "draw_confidence", 2), two_draws(q)
    note = f"TV(p, q) = {np.abs(p - q).sum() / 2:.6g}"
    return Sides(Estimate.exact(float(np.abs(p - expected).sum()) / 2), Estimate.exact(0.0), note)


def biased_pair() -> NGram:
    """q = [[.4, .1], [.2, .3]] over two positions."""
    return NGram([0.5, 0.5], [[0.8, 0.2], [0.4, 0.6]], spec=Spec.of("biased_pair"))


def _first_two_together(setting: Setting) -> Sides:
    order = "-".join(str(max(place, 2)) for place in range(1, setting.length + 1))
    return _one_at_a_time(replace(setting, options={"order": order}))


def _of_mode(broken: str, formula: Callable[[float, int], float], teaches: str) -> Twin:
    return twins.bounded(
        broken,
        lambda setting, bound: formula(_mode(setting)[1], setting.length),
        lambda it: it.setting(independent(0.7), 4),
        teaches,
    )


def _of_law(broken: str, claimed: Callable[[Law], Law], teaches: str) -> Twin:
    def sides(setting: Setting) -> Sides:
        p, q = drawn_law(setting, "draw_confidence", 2), joint(setting.language, 2)
        return Sides(Estimate.exact(float(np.abs(p - claimed(q)).sum()) / 2), Estimate.exact(0.0))

    return twins.claiming(broken, sides, lambda it: it.setting(biased_pair(), 2), teaches)


ONE_AT_A_TIME = Statement(
    id="one_at_a_time",
    number=15,
    says="TV(p, q) = 0 for one position a step, chosen without a look at draws",
    source="2110.02037 for plans, 2603.01367 for rules that look; docs/theory.md 6",
    sources=("hoogeboom2022", "turok2026"),
    direction="=",
    sides=_one_at_a_time,
    settings=_one_at_a_time_settings,
    hypotheses="any language, exact denoiser, one position a step, choices that look at the context at most",
    requires=_requires_one_at_a_time,
    options={"order": "first_hitting"},
    twins=(
        twins.beyond(
            "rules that look at draws too",
            twins.anywhere,
            lambda it: it.setting(bigram3(), 3, 3, order="draw_confidence"),
            "to throw a draw away because of what it was changes the law",
        ),
        twins.claiming(
            "the first two positions together",
            _first_two_together,
            lambda it: it.setting(bigram3(), 3, 3, order="left_to_right"),
            "a single step of two is enough to err",
        ),
    ),
)


def _on_independent(statement: Statement) -> list[Setting]:
    return [statement.setting(language, length) for language, length in _independent_languages()]


def _fraction_settings() -> list[Setting]:
    return _on_independent(DRAWN_MODES)


def _all_modes_settings() -> list[Setting]:
    return _on_independent(DRAWN_ALL_MODES)


def _two_settings() -> list[Setting]:
    languages = (biased_pair(), bigram3(), trigram2(), hmm2x3(), full_support(), EqualPairs(vocab_size=3))
    return [DRAWN_PAIR.setting(language, 2) for language in languages]


DRAWN_MODES = Statement(
    id="drawn_modes",
    number=15,
    says="drawn confidence writes a fraction 1 - (1/L) sum_m (1-p)^m of modes",
    source="ours; 2510.04525 has the limit of many positions; docs/theory.md 6",
    sources=("hayakawa2026", _SEARCH),
    direction="=",
    sides=_fraction,
    settings=_fraction_settings,
    hypotheses="independent tokens with one mode, exact denoiser, one position a step; small enough to enumerate",
    requires=_requires_mode,
    twins=(
        _of_mode(
            "the mode's own probability", lambda p, length: p, "drawn confidence writes modes more often than that"
        ),
        _of_mode(
            "m = 0 .. L-1 in place of 1 .. L",
            lambda p, length: float(1 - np.mean((1 - p) ** np.arange(length))),
            "the last position has one draw, not none",
        ),
        _of_mode(
            "m = 2 .. L+1 in place of 1 .. L",
            lambda p, length: float(1 - np.mean((1 - p) ** np.arange(2, length + 2))),
            "the first step has L draws, not one more",
        ),
    ),
)

DRAWN_ALL_MODES = Statement(
    id="drawn_all_modes",
    number=15,
    says="drawn confidence writes modes alone with probability prod_m (1 - (1-p)^m)",
    source="ours; 2510.04525 has the limit of many positions; docs/theory.md 6",
    sources=("hayakawa2026", _SEARCH),
    direction="=",
    sides=_all_modes,
    settings=_all_modes_settings,
    hypotheses="independent tokens with one mode, exact denoiser, one position a step; small enough to enumerate",
    requires=_requires_mode,
    twins=(
        _of_mode(
            "p^L, as of an exact sampler", lambda p, length: p**length, "drawn confidence writes modes more often"
        ),
        _of_mode(
            "m = 1 .. L-1 in place of 1 .. L",
            lambda p, length: float(np.prod(1 - (1 - p) ** np.arange(1, length))),
            "the first step errs too",
        ),
        _of_mode(
            "m = 2 .. L+1 in place of 1 .. L",
            lambda p, length: float(np.prod(1 - (1 - p) ** np.arange(2, length + 2))),
            "the last position has one draw alone",
        ),
    ),
)

DRAWN_PAIR = Statement(
    id="drawn_pair",
    number=15,
    says="TV(p, law of keeping the likelier of two draws) = 0 under drawn confidence",
    source="ours; 2510.04525 has the limit of many positions; docs/theory.md 6",
    sources=("hayakawa2026", _SEARCH),
    direction="=",
    sides=_two,
    settings=_two_settings,
    hypotheses="any language at length 2, exact denoiser",
    requires=_requires_two,
    twins=(
        _of_law("the language itself", lambda q: q, "two positions are enough for drawn confidence to be biased"),
        _of_law("the less probable of two draws", lambda q: 2 * q - two_draws(q), "q is halfway between the two laws"),
    ),
)
