"""A walk of fair bits: what batches from left to right cost, and how many rounds no exact sampler can do without.

Setting. `walk` with more tokens than positions, so that x_i counts the ones of i fair bits; the exact denoiser.
Measured. (a), (b) KL(q || p) of batches B_1, ..., B_R from left to right, by the chain rule along the plan; (a) also by
enumeration, where that is feasible. (c), (d) D_0, the least mean number of rounds that is exact, by search over all
contexts and all sets (`exact.serial_depth`).
Guarantee. (a) sum_t sum_{j <= B_t} H(Bin(j, 1/2)) - L log 2: given the last token known, the j-th of a batch is
binomial. (b) At least (L/2) log(L/R) - c0 L log 2, c0 = 1 + log2(e/pi)/2; of equal batches the constant that is needed
rises with their size to 3/2 - log2(pi)/2 (by number, up to 4096), and with it the bound is a conjecture. (c) At least
log2 L - E log2(1 + M) - 1, M the longest run of equal bits. (d) At least 1 + log2(L+1) - E log2 max(M, 2), sharper than
(c) by more than one round.
Of (d): between two known tokens the others are dependent, unless they are determined, as all bits between are equal. So
a round opens at most one token in a span that is not determined, and after r rounds there are at most 2^r spans and
2^r - 1 tokens between them. Before the last round every span has one token or is determined, and is then shorter than
M: L <= 2^(R-1) - 1 + 2^(R-1) max(M - 1, 1), for every sequence. Equal at L = 1.
Constants. c0 = 0.896 is the source's, 0.674 ours.
Source. 2608.25505, theorems 3 (ii) and 4; (d) ours, docs/theory.md 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.exact.enumeration import all_sequences, entropy_nats, expected_nll, joint, power
from mdmtheory.exact.law import law
from mdmtheory.exact.serial_depth import serial_depth
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.presets import as_language
from mdmtheory.languages.walk import walk
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import GivenPlan
from mdmtheory.schedules import Schedule
from mdmtheory.theory import twins
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement, Twin, non_negative

C0 = Constant("c0", 1 + math.log2(math.e / math.pi) / 2, "paper")

SHARPER_C0 = Constant("c0", 1.5 - math.log2(math.pi) / 2, "ours")

_SEARCH = Ours(
    "Bernoulli random walk serial depth lower bound rounds longest run of equal bits parallel sampling adaptive",
    "2026-11-29",
)

ENUMERATED = 1e5
"""V^L up to which a divergence is enumerated."""


def requires_walk(setting: Setting) -> None:
    """HypothesisError for another language, and where tokens come round."""
    language, length = setting.language, setting.length
    if not isinstance(language, NGram) or language != walk(vocab_size=max(language.vocab_size, 2)):
        raise HypothesisError(f"it is about walk, not {language.spec}")
    if length >= language.vocab_size:
        raise HypothesisError(f"length is {length}, where walk comes round after {language.vocab_size - 1} positions")


def _requires_steps(setting: Setting) -> None:
    requires_walk(setting)
    if setting.steps is None and setting.schedule.steps is None:
        raise HypothesisError("it is about a number of batches; pass steps, or a schedule of sizes")


def _sizes(setting: Setting) -> Int[np.ndarray, "steps"]:
    return setting.schedule.sizes(setting.length, setting.steps)


def binomial_entropy(bits: int) -> float:
    """H(Bin(j, 1/2)) in nats."""
    from scipy.stats import binom

    return entropy_nats(binom.pmf(np.arange(bits + 1), bits, 0.5))


def cost_of_batches(sizes: Int[np.ndarray, "steps"]) -> float:
    """sum_t sum_{j <= B_t} H(Bin(j, 1/2)) - L log 2 in nats."""
    by_place = np.cumsum([binomial_entropy(j + 1) for j in range(int(sizes.max()))])
    return float(by_place[sizes - 1].sum() - sizes.sum() * math.log(2))


def _divergence(setting: Setting) -> float:
    """KL(q || p) of the batches, from the whole law."""
    sizes = _sizes(setting)
    plan = GivenPlan(tuple(int(step) for step in np.repeat(np.arange(1, len(sizes) + 1), sizes)))
    q = joint(setting.language, setting.length)
    p = law(MaskedDiffusion(setting.language.oracle(), sampler=plan), setting.language, setting.length)
    return expected_nll(p, q) - entropy_nats(q)


def _batches(setting: Setting) -> Sides:
    cost = cost_of_batches(_sizes(setting))
    return Sides(Estimate.exact(_divergence(setting)), Estimate.exact(cost), f"{cost / math.log(2):.7g} bits")


def _batches_below(setting: Setting, constant: Constant) -> Sides:
    length, sizes = setting.length, _sizes(setting)
    feasible = power(setting.language.vocab_size, length) <= ENUMERATED
    cost = _divergence(setting) if feasible else cost_of_batches(sizes)
    growth = length / 2 * math.log(length / len(sizes))
    enough = (growth - cost) / (length * math.log(2))
    note = f"c0 = {enough:.6g} would do"
    return Sides(Estimate.exact(cost), Estimate.exact(growth - constant.value * length * math.log(2)), note)


def longest_runs(length: int) -> Int[np.ndarray, "strings"]:
    """M of all strings of so many bits: the longest run of equal ones."""
    bits = all_sequences(2, length)
    run = np.ones(len(bits), dtype=np.int64)
    longest = run.copy()
    for place in range(1, length):
        run = np.where(bits[:, place] == bits[:, place - 1], run + 1, 1)
        longest = np.maximum(longest, run)
    return longest


def _depth(setting: Setting) -> Sides:
    mean = float(np.log2(1 + longest_runs(setting.length)).mean())
    depth = serial_depth(setting.language, setting.length)
    return Sides(depth, Estimate.exact(math.log2(setting.length) - mean - 1))


def _depth_sharper(setting: Setting) -> Sides:
    mean = float(np.log2(np.maximum(longest_runs(setting.length), 2)).mean())
    depth = serial_depth(setting.language, setting.length)
    return Sides(depth, Estimate.exact(1 + math.log2(setting.length + 1) - mean))


def _rounds_known(setting: Setting) -> tuple[float, float]:
    """One round at least, and a round for each token at most."""
    return 1.0, float(setting.length)


def _batches_settings() -> list[Setting]:
    sizes = ([2, 3], [3, 2], [1, 1, 1, 1, 1], [5], [1, 4], [2, 2, 1])
    return [BATCHES.setting(as_language("walk:vocab_size=6"), 5, None, Schedule.from_sizes(each)) for each in sizes]


def _below_settings(statement: Statement) -> list[Setting]:
    small = [statement.setting(as_language("walk:vocab_size=6"), 5, steps) for steps in (1, 2, 5)]
    large = [statement.setting(as_language("walk:vocab_size=513"), 512, steps) for steps in (1, 8, 64, 512)]
    return [*small, *large]


def _entropies(broken: str, entropy: Callable[[int], float], teaches: str) -> Twin:
    """Another entropy of the j-th of a batch."""

    def bound(setting: Setting, bound: float) -> float:
        total = math.fsum(entropy(j + 1) for size in _sizes(setting).tolist() for j in range(size))
        return total - setting.length * math.log(2)

    return twins.bounded(broken, bound, lambda it: it.setting(walk(vocab_size=6), 4, 2), teaches)


def _depths(broken: str, value: Callable[[int], float], length: int, teaches: str) -> Twin:
    return twins.bounded(
        broken, lambda setting, bound: value(setting.length), lambda it: it.setting(walk(vocab_size=6), length), teaches
    )


BATCHES: Statement = Statement(
    id="walk_batches",
    number=26,
    says="KL(q||p) = sum_t sum_{j<=B_t} H(Bin(j, 1/2)) - L log 2 for batches from left to right",
    source="2608.25505, theorem 3 (ii); docs/theory.md 6",
    sources=("wen2026",),
    direction="=",
    sides=_batches,
    settings=_batches_settings,
    hypotheses="walk with more tokens than positions, exact denoiser; small enough to enumerate",
    requires=_requires_steps,
    twins=(
        _entropies(
            "a bit less in each",
            lambda bits: binomial_entropy(bits - 1) if bits > 1 else 0.0,
            "the first of a batch is a fair bit",
        ),
        _entropies("uniform over j + 1", lambda bits: math.log(bits + 1), "sums of bits are not uniform"),
    ),
)

BATCHES_BELOW: Statement = Statement(
    id="walk_batches_below",
    number=26,
    says="KL(q||p) >= (L/2) log(L/R) - c0 L log 2 for R batches from left to right",
    source="2608.25505, theorem 3 (ii); docs/theory.md 6",
    sources=("wen2026",),
    direction=">=",
    known=non_negative,
    constants=(C0,),
    sides=lambda setting: _batches_below(setting, C0),
    settings=lambda: _below_settings(BATCHES_BELOW),
    hypotheses="walk with more tokens than positions, exact denoiser",
    requires=_requires_steps,
    twins=(
        twins.bounded(
            "c0 = 0.6",
            lambda setting, bound: bound + (C0.value - 0.6) * setting.length * math.log(2),
            lambda it: it.setting(walk(vocab_size=513), 512, 1),
            "one batch of 512 needs 0.669, and longer ones up to 0.674",
        ),
        twins.turned(lambda it: it.setting(walk(vocab_size=6), 5, 2), "the constant of the source has room"),
    ),
)

BATCHES_SHARPER: Statement = Statement(
    id="walk_batches_sharper",
    number=26,
    says="KL(q||p) >= (L/2) log(L/R) - c0 L log 2, c0 = 3/2 - log2(pi)/2",
    source="ours, after 2608.25505, theorem 3 (ii); docs/theory.md 6",
    sources=("wen2026", _SEARCH),
    direction=">=",
    known=non_negative,
    constants=(SHARPER_C0,),
    sides=lambda setting: _batches_below(setting, SHARPER_C0),
    settings=lambda: _below_settings(BATCHES_SHARPER),
    hypotheses="walk with more tokens than positions, exact denoiser",
    requires=_requires_steps,
    conjecture=True,
    twins=(
        twins.bounded(
            "c0 a fiftieth smaller",
            lambda setting, bound: bound + 0.02 * SHARPER_C0.value * setting.length * math.log(2),
            lambda it: it.setting(walk(vocab_size=513), 512, 1),
            "the constant is the limit of what longer batches need",
        ),
    ),
)

DEPTH: Statement = Statement(
    id="walk_depth",
    number=26,
    says="D_0 >= log2 L - E log2(1 + M) - 1, M the longest run of equal bits",
    source="2608.25505, theorem 4; docs/theory.md 6",
    sources=("wen2026",),
    direction=">=",
    known=_rounds_known,
    sides=_depth,
    settings=lambda: [DEPTH.setting(as_language("walk:vocab_size=6"), length) for length in range(1, 6)],
    hypotheses="walk with more tokens than positions; small enough to search",
    requires=requires_walk,
    twins=(
        _depths(
            "without the runs",
            lambda length: 1 + math.log2(length),
            4,
            "where a run of bits is known to be equal, all of it is known",
        ),
        twins.turned(lambda it: it.setting(walk(vocab_size=6), 4), "the source's bound has three rounds of room"),
    ),
)

DEPTH_SHARPER: Statement = Statement(
    id="walk_depth_sharper",
    number=26,
    says="D_0 >= 1 + log2(L+1) - E log2 max(M, 2), M the longest run of equal bits",
    source="ours, after 2608.25505, theorem 4; docs/theory.md 6",
    sources=("wen2026", _SEARCH),
    direction=">=",
    known=_rounds_known,
    sides=_depth_sharper,
    settings=lambda: [DEPTH_SHARPER.setting(as_language("walk:vocab_size=6"), length) for length in range(1, 6)],
    hypotheses="walk with more tokens than positions; small enough to search",
    requires=requires_walk,
    tight=lambda setting: setting.length == 1,
    twins=(
        _depths(
            "without the runs", lambda length: 1 + math.log2(length + 1), 4, "equal bits between known tokens are free"
        ),
        _depths(
            "runs a bit shorter",
            lambda length: (
                1 + math.log2(length + 1) - math.log2(max(float(np.maximum(longest_runs(length) - 1, 1).mean()), 1))
            ),
            3,
            "a span that is not determined is longer than no run",
        ),
        _depths(
            "a round more",
            lambda length: 2 + math.log2(length + 1) - float(np.log2(np.maximum(longest_runs(length), 2)).mean()),
            4,
            "the last round opens several tokens in each span",
        ),
    ),
)
