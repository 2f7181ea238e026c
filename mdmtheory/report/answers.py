"""What is known in closed form of a model on Parity, pairs of equal tokens, Permutation and independent tokens.

Not known, and left out: tokens that may change on Parity and Permutation; `remdm-conf` and `topk_remask` on pairs,
whose choices look at the whole sequence; Gaussian noise, but for the SER of independent tokens; the law of `remdm-conf`
on independent tokens; other temperatures, a nucleus, float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdmtheory.core.origin import plug_ins_in
from mdmtheory.core.protocols import Language, SequenceModel
from mdmtheory.exact.draws import law_by_draws
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.exact.law import law
from mdmtheory.exact.noised import elbo
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import Copy, EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.permutation import Permutation
from mdmtheory.models.gaussian import GaussianDiffusion
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.models.uniform import UniformDiffusion
from mdmtheory.oracles.token_laws import DECIMALS
from mdmtheory.report.courses import (
    Course,
    OnePlan,
    RandomSteps,
    at_defaults,
    course_of,
    exact_denoiser,
    lengths_of_blocks,
)
from mdmtheory.samplers.budgeted import DrawConfidence
from mdmtheory.samplers.correcting import Redraw, TopKRemask
from mdmtheory.samplers.drawing import ALIKE_DECIMALS
from mdmtheory.samplers.remasking import ReMDM
from mdmtheory.schedules import ancestral_weights
from mdmtheory.theory.exact_orders import ancestral_chance_of_no_repeat, chance_of_no_repeat
from mdmtheory.theory.fixed_sizes import fixed_pairs_right
from mdmtheory.theory.kept_draws import best_kept, best_surviving
from mdmtheory.theory.parity_repetition import pair_error, parity_error


@dataclass(frozen=True)
class Answer:
    """A number that a closed form gives, with the formula in short.

    `metric` is "ser"; "kl", KL(q||p) in nats a sequence; "kl_average", the average over plans or paths of the KL given
    each, an upper bound of it; or "cross_entropy", E[-log q(x)] in nats a token over drawn sequences of the language.
    """

    metric: str
    value: float
    formula: str
    source: str


def answers(language: Language, model: SequenceModel, length: int) -> list[Answer]:
    """All that is known of this model on this language; empty where nothing is, as of plug-ins."""
    if plug_ins_in(language, model):
        return []
    if isinstance(language, NGram) and language.order == 1:
        return list(_of_independent(language, model, length))
    if not isinstance(language, Parity | Permutation | EqualPairs | Copy):
        return []
    course = course_of(model, language, length)
    if course is not None:
        return list(_of_course(language, course, length))
    if isinstance(language, EqualPairs | Copy):
        return list(_of_separate_pairs(language, model, length))
    return []


def _of_course(language: Language, course: Course, length: int) -> Iterator[Answer]:
    """1 - SER = exp(-KL), since p is a constant times q on the support (docs/theory.md, section 7).

    Below 10^-308 float64 takes 1 - SER for 0, and KL is left out.
    """
    if isinstance(language, Parity):
        log_right, average, formulas = _parity(course)
    elif isinstance(language, Permutation):
        log_right, average, formulas = _permutation(language, course)
    else:
        assert isinstance(language, EqualPairs | Copy)
        log_right, average, formulas = _pairs(language, course, length)
    orders_alike = isinstance(language, Permutation)
    source = "ours; docs/theory.md 6" if orders_alike else "ours; docs/theory.md 7"
    of_nats = "2608.25505, remark 6; docs/theory.md 6" if orders_alike else "ours; docs/theory.md 7"
    # No negative zeros: 0 - 0.0 is 0.
    yield Answer("ser", 0 - math.expm1(log_right), formulas[0], source)
    if log_right > -math.inf:
        yield Answer("kl", 0 - log_right, "−log(1 − SER)", of_nats)
    if average < math.inf:
        yield Answer("kl_average", average, formulas[1], "ours; docs/theory.md 2.1")


def _parity(course: Course) -> tuple[float, float, tuple[str, str]]:
    if isinstance(course, RandomSteps):
        # Only the last step of the last block knows the parity of the rest.
        error = parity_error(np.array(course.fractions), course.blocks[-1])
        formula = "½(1 − B Σ w_k a_{k−1}^(B−1)), B = L or the last block"
    else:
        last = course.sizes[-1] if isinstance(course, OnePlan) else course.blocks[-1][-1]
        error = 0.0 if last == 1 else 0.5
        formula = "0 if the last step reveals one position, else ½"
    return math.log1p(-error), 2 * error * math.log(2), (formula, "2 SER log 2")


def _permutation(language: Permutation, course: Course) -> tuple[float, float, tuple[str, str]]:
    items = language.items
    if isinstance(course, RandomSteps):
        fractions, log_right, average = np.array(course.fractions), 0.0, 0.0
        for size in course.blocks:
            log_right += _log(ancestral_chance_of_no_repeat(items, size, fractions))
            left = np.log(items - np.arange(size))
            average += float((ancestral_weights(fractions, size) - 1) @ left)
            items -= size
        return log_right, average, ("1 − E ∏ m_k!/((m_k−s_k)! m_k^s_k)", "Σ_m (weight_m − 1) log(items − m)")
    sizes = course.sizes if isinstance(course, OnePlan) else [size for block in course.blocks for size in block]
    log_right = _log(chance_of_no_repeat(items, np.array(sizes)))
    return log_right, 0 - log_right, ("1 − ∏ m_k!/((m_k−s_k)! m_k^s_k)", "−log(1 − SER)")


def _pairs(language: EqualPairs | Copy, course: Course, length: int) -> tuple[float, float, tuple[str, str]]:
    m, partners = language.vocab_size, language.partners(length)
    if isinstance(course, OnePlan):
        first = np.flatnonzero(partners > np.arange(length))
        steps = np.array(course.steps)
        together = int((steps[first] == steps[partners[first]]).sum())
        formulas = ("1 − m^−c, c pairs revealed together", "c log m")
        return -together * math.log(m), together * math.log(m), formulas
    if isinstance(course, RandomSteps):
        fractions = np.array(course.fractions)
        inside = sum(_pairs_inside(partners, course.blocks))
        # Of partners that fall into one step all but 1/m differ.
        error, shared = pair_error(fractions, m), float((np.diff(fractions) ** 2).sum())
        formulas = ("1 − (1 − (1−1/m) Σ w_k²)^pairs", "pairs Σ w_k² log m")
        return inside * math.log1p(-error), inside * shared * math.log(m), formulas
    log_right, together_on_average = 0.0, 0.0
    for sizes, inside in zip(
        course.blocks, _pairs_inside(partners, [sum(sizes) for sizes in course.blocks]), strict=True
    ):
        block = sum(sizes)
        log_right += _log(fixed_pairs_right(m, block, inside, sizes))
        if inside:
            together_on_average += inside * sum(size * (size - 1) for size in sizes) / (block * (block - 1))
    formulas = ("1 − E m^−C, C pairs in one step each", "E[C] log m")
    return log_right, together_on_average * math.log(m), formulas


def _log(chance: float) -> float:
    return math.log(chance) if chance > 0 else -math.inf


def _pairs_inside(partners: np.ndarray, blocks: Any) -> list[int]:
    """How many pairs lie in each block; partners in two blocks are never drawn together."""
    edges = np.cumsum([0, *blocks])
    block_of = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    first = np.flatnonzero(partners > np.arange(len(partners)))
    inside = first[block_of[first] == block_of[partners[first]]]
    return np.bincount(block_of[inside], minlength=len(edges) - 1).tolist()


def _of_separate_pairs(language: EqualPairs | Copy, model: SequenceModel, length: int) -> Iterator[Answer]:
    """Tokens may change, but no pair looks at another: SER = 1 - (1 - e)^pairs, e the error of one pair alone."""
    pairs = int((language.partners(length) > np.arange(length)).sum())
    pair, source = EqualPairs(vocab_size=language.vocab_size), "ours; docs/theory.md 7"
    formula = "1 − (1 − e)^pairs, e of one pair"
    if not exact_denoiser(model, language):
        return
    if isinstance(model, UniformDiffusion):
        alone = UniformDiffusion(pair.oracle(), steps=model.steps, schedule=model.schedule, update=model.update)
        q = joint(pair, 2)
        error = error_rate(law(alone, pair, 2), q)
        bound = elbo(alone, pair, 2)
        gap = -float((q[q > 0] * bound[q > 0]).sum()) - math.log(language.vocab_size)
        yield Answer("ser", 1 - (1 - error) ** pairs, f"{formula}, by its transitions", source)
        yield Answer("kl", -pairs * math.log1p(-error), "−log(1 − SER)", source)
        yield Answer("kl_average", pairs * gap, "pairs × (E[−ELBO] − log m) of one pair", "ours; docs/theory.md 8")
    elif isinstance(model, MaskedDiffusion) and at_defaults(model.sampler):
        differ = _error_of_changing_pair(model, pair)
        if differ is not None:
            how = "e r^sweeps" if isinstance(model.sampler, Redraw) else "by all its draws"
            yield Answer("ser", 1 - (1 - differ) ** pairs, f"{formula}, {how}", source)


def _error_of_changing_pair(model: MaskedDiffusion, pair: EqualPairs) -> float | None:
    """The probability that partners differ in the end, None where it depends on other pairs."""
    sampler, trust, m = model.sampler, model.denoiser.trust, pair.vocab_size
    if isinstance(sampler, ReMDM) and sampler.keeps_fractions:
        alone = MaskedDiffusion(pair.oracle(trust), sampler=sampler, steps=model.steps, schedule=model.schedule)
        return error_rate(law_by_draws(alone, 2), joint(pair, 2))
    if isinstance(sampler, Redraw):
        fractions = model.schedule.revealed_fractions(model.steps)
        return redrawn_pair_error(fractions, m, trust, sampler.tau, sampler.share, sampler.sweeps)
    return None


def redrawn_pair_error(
    fractions: Any, vocab_size: int, trust: float, tau: float, share: float, sweeps: int
) -> float | None:
    """How likely two partners differ after ancestral steps and `redraw`'s sweeps (ours).

    To its partner a token has probability g = trust + (1 - trust)/m if they agree and b = (1 - trust)/m if not. They
    differ at first with probability c(1 - 1/m) + (1 - c)(1 - g), c = sum_k w_k^2. If b < tau <= g a sweep draws just
    those that differ: one alone then agrees with probability g, both with 2gb + (m - 2)b^2. None for another tau.
    """
    low = (1 - trust) / vocab_size
    high = trust + low
    if not np.round(low, DECIMALS) < np.round(tau, DECIMALS) <= np.round(high, DECIMALS):
        return None
    together = float((np.diff(fractions) ** 2).sum())
    error = pair_error(np.asarray(fractions), vocab_size) + (1 - together) * (1 - high)
    both = 2 * high * low + (vocab_size - 2) * low**2
    mended = 2 * share * (1 - share) * high + share**2 * both
    return float(error * (1 - mended) ** sweeps)


def _of_independent(language: NGram, model: Any, length: int) -> Iterator[Answer]:
    """Independent tokens: the marginals never change, so whatever never ranks its draws is exact."""
    changes = model.sampler
    if model.denoiser is not None and not exact_denoiser(model, language):
        return
    if changes is not None and not at_defaults(changes):
        return
    law_of_token = language.conditional
    source = "ours; docs/theory.md 6"
    yield Answer("ser", 0.0, "0: no token of probability 0 is ever drawn", source)
    if isinstance(model, GaussianDiffusion):
        return
    if not _ranks_draws(changes):
        if changes is None or not changes.remasks:
            yield Answer("kl", 0.0, "0: p = q", source)
            yield Answer("kl_average", 0.0, "0: every plan and path has p = q", source)
        yield Answer("cross_entropy", _nats(law_of_token, law_of_token), "H(q)/L", source)
    elif isinstance(changes, Redraw):
        yield Answer("cross_entropy", _nats(redrawn_law(law_of_token, changes), law_of_token), _REDRAWN, source)
    elif isinstance(changes, DrawConfidence | TopKRemask):
        formula = "Σ_v (E kept of v) (−log q_v)/L, by order statistics"
        yield Answer("cross_entropy", _ranked_nats(law_of_token, model, length), formula, source)


_REDRAWN = "Σ_v p_v (−log q_v), tokens below τ thinned by (1 − share (1 − q(below)))^sweeps"


def _ranks_draws(sampler: Any) -> bool:
    """Whether what is kept depends on the tokens drawn: of independent tokens, the rest has the law of all."""
    if isinstance(sampler, ReMDM):
        return not sampler.keeps_fractions
    return isinstance(sampler, DrawConfidence | TopKRemask | Redraw)


def redrawn_law(law_of_token: np.ndarray, sampler: Redraw) -> np.ndarray:
    """The law of each of independent tokens after `redraw`'s sweeps (ours).

    A sweep draws a token of probability below tau anew with probability `share`, so it leaves 1 - share (1 - u) of
    those there were, u being what such tokens have together.
    """
    unlikely = np.round(law_of_token, DECIMALS) < np.round(sampler.tau, DECIMALS)
    together = float(law_of_token[unlikely].sum())
    kept = (1 - sampler.share * (1 - together)) ** sampler.sweeps
    left = together * kept
    others = (1 - left) / (1 - together) if together < 1 else 1.0
    return np.where(unlikely, law_of_token * kept, law_of_token * others)


def _ranked_nats(law_of_token: np.ndarray, model: Any, length: int) -> float:
    """E[-log q] in nats a token where the most probable draws are kept."""
    kept = best_surviving if isinstance(model.sampler, TopKRemask) else best_kept
    blocks = [model.schedule.sizes(size, model.steps) for size in lengths_of_blocks(model, length)]
    total, better, kept_better = 0.0, 0.0, 0.0
    decimals = ALIKE_DECIMALS if model.sampler.sees_order else DECIMALS
    # Tokens of one probability rank alike, so they share what falls on them.
    for chance in np.unique(np.round(law_of_token[law_of_token > 0], decimals))[::-1]:
        here = law_of_token[(law_of_token > 0) & (np.round(law_of_token, decimals) == chance)]
        better += float(here.sum())
        so_far = sum(kept(better, sizes) for sizes in blocks)
        total += (so_far - kept_better) * float(-(here * np.log(here)).sum() / here.sum())
        kept_better = so_far
    return total / length


def _nats(drawn: np.ndarray, law_of_token: np.ndarray) -> float:
    some = law_of_token > 0
    return float(-(drawn[some] * np.log(law_of_token[some])).sum())
