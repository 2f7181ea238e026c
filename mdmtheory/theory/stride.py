"""Opening every N-th position together costs little where the language forgets.

Setting. The exact denoiser on `stride` plans of N steps. (a) Bigrams. (b) HMMs and bigrams whose hidden transition P
leaves no step out: all its rows have the same zeros, all outside them is positive. (c) Any language.
Measured. (a), (b) KL(q || p) by enumeration. (c) KL from sequences of the language, whose log p is exact.
Guarantee. (a) KL = sum_j I(X_{(j-1)N}; X_{jN}): only the first step errs. (b) KL <= (L - N) log S rho^N, S the number
of hidden states, rho = tanh(D/4)^2, D = max log P[i,k]P[j,l]/(P[j,k]P[i,l]). The exponent is right: a chain of two
symbols that flips with probability f has I(X_0; X_N) about (1-2f)^(2N)/2 and rho = (1-2f)^2; at N = 1 both sides tend
to (L-1) log 2 as f falls. (c) A conjecture: KL <= C L rho^(N-1). It holds for mixing HMMs and n-grams and fails on long
memory (sticky, copy, dyck, periodic chains).
Constants. (b) none. (c) C and rho come from the language itself, at another length (`fitted_length`): C is KL per token
at N = 1, rho the square root of the rate at which KL falls from N = 1 to N = 4, but at most `slowest` = 0.95, beyond
which we speak of long memory. All ours; the note has them, and the least rho that would have done.
Source. 2506.19037 for the order; the laws ours, docs/theory.md 6.
Proof of (b): given what earlier steps wrote, the hidden path is a Markov chain with kernels proportional to
P[z, z'] h(z'), so D of each is at most that of P. Each of the L - N positions i that have a
predecessor in their step adds at most I(X_{i-N}, X_{i-2N}, ...; X_i | context) <= eta^N log S, eta the strong data
processing constant of one kernel. It is attained by two inputs (2010.01987), for which it is a variance of posterior
odds within a factor e^D: at most tanh(D/4)^2.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.means import Moments, mean_interval, price
from mdmtheory.core.protocols import Language
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.exact.enumeration import entropy_nats, expected_nll, joint
from mdmtheory.exact.law import law
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.presets import as_language
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram, bigram3, cycle3, full_support, golden_chain
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement, Twin

_SEARCH = Ours(
    "dilated evenly spaced unmasking of a Markov chain or hidden Markov model, KL decays exponentially "
    "with spacing, mixing, proof",
    "2026-11-29",
)

LEVEL = 0.999999

Rows = Float[np.ndarray, "rows states"]


def _steps(setting: Setting) -> int:
    if setting.steps is None:
        raise HypothesisError("steps is not given; pass how far apart positions of one step lie")
    return setting.steps


def _requires_steps(setting: Setting) -> None:
    _steps(setting)


def _enumerated(setting: Setting) -> Estimate:
    model = MaskedDiffusion(setting.language.oracle(), sampler="stride", steps=setting.steps)
    q = joint(setting.language, setting.length)
    return Estimate.exact(expected_nll(law(model, setting.language, setting.length), q) - entropy_nats(q))


def _requires_bigram(setting: Setting) -> None:
    _steps(setting)
    if not isinstance(setting.language, NGram) or setting.language.order != 2:
        raise HypothesisError(f"it is about bigrams, not {setting.language.spec}")


def information_across(language: NGram, first: int, apart: int) -> float:
    """I(X_first; X_{first+apart}) of a bigram, in nats."""
    rows = language.conditional
    start = language.initial @ np.linalg.matrix_power(rows, first)
    both = start[:, None] * np.linalg.matrix_power(rows, apart)
    return entropy_nats(both.sum(axis=1)) + entropy_nats(both.sum(axis=0)) - entropy_nats(both)


def _bigram(setting: Setting) -> Sides:
    assert isinstance(setting.language, NGram)
    apart = _steps(setting)
    terms = [information_across(setting.language, first, apart) for first in range(0, setting.length - apart, apart)]
    return Sides(_enumerated(setting), Estimate.exact(math.fsum(terms)))


def hidden_transition(language: Language) -> Rows:
    """P of an HMM, or of a bigram's own symbols; HypothesisError for anything else."""
    if isinstance(language, HMM):
        return language.transition
    if isinstance(language, NGram) and language.order == 2:
        return language.conditional
    raise HypothesisError(f"it is about HMMs and bigrams, not {language.spec}")


def contraction(transition: Rows) -> float:
    """tanh(D/4)^2, D the largest distance of two rows in Hilbert's metric; 1 where they have different zeros.

    >>> round(contraction(np.array([[0.8, 0.2], [0.2, 0.8]])), 12)
    0.36
    """
    positive = transition > 0
    if (positive != positive[0]).any():
        return 1.0
    logs = np.log(transition[:, positive[0]])
    ratios = logs[:, None, :] - logs[None, :, :]
    distance = float((ratios.max(axis=2) - ratios.min(axis=2)).max())
    return math.tanh(distance / 4) ** 2


def _requires_forgetting(setting: Setting) -> None:
    _steps(setting)
    if contraction(hidden_transition(setting.language)) == 1:
        raise HypothesisError(f"rows of the transition of {setting.language.spec} have different zeros")


def _forgetting(setting: Setting) -> Sides:
    transition, steps = hidden_transition(setting.language), _steps(setting)
    rate = contraction(transition)
    bound = max(setting.length - steps, 0) * math.log(len(transition)) * rate**steps
    measured = _enumerated(setting)
    return Sides(measured, Estimate.exact(bound), f"rho {rate:.6g}")


def divergence(language: Language, length: int, steps: int, count: int) -> Estimate:
    """KL(q || p) in nats of the oracle on a stride plan: the mean of log q - log p over sequences of the language."""
    tokens = language.sample(count, length, seed=0)
    model = MaskedDiffusion(language.oracle(), sampler="stride", steps=steps)
    log_p = model.log_prob(tokens).values
    gaps = Moments.of(language.log_prob(tokens) - log_p)
    mean, low, high = mean_interval(gaps, LEVEL, unseen=price(-float(log_p.mean())))
    return Estimate(mean, low, high, LEVEL, "estimate", count)


def _decay(setting: Setting) -> Sides:
    steps, count, options = _steps(setting), setting.options["count"], setting.options
    fitted = options["fitted_length"]
    setting.language.validate_length(fitted)
    whole, fourth = (divergence(setting.language, fitted, each, count) for each in (1, 4))

    def rate(one: float, four: float) -> float:
        # A divergence is 0 or more, whatever its estimate.
        fall = max(four, 0.0) / one if one > 0 else 0.0
        return float(min(fall ** (1 / 6), options["slowest"]))

    def bound(one: float, four: float) -> float:
        return max(one, 0.0) / fitted * setting.length * rate(one, four) ** (steps - 1)

    corners = [bound(one, four) for one in (whole.low, whole.high) for four in (fourth.low, fourth.high)]
    value = bound(whole.value, fourth.value)
    measured = divergence(setting.language, setting.length, steps, count)
    constant = max(whole.value, 0.0) / fitted
    note = f"C {constant:.4g}, rho {rate(whole.value, fourth.value):.4g}"
    if steps > 1 and constant > 0:
        least = (max(measured.value, 0.0) / (constant * setting.length)) ** (1 / (steps - 1))
        note += f"; rho {least:.4g} would do"
    claimed = Estimate(value, min(corners), max(corners), LEVEL, "estimate", count)
    return Sides(measured, claimed, note)


def flipping(flip: float) -> NGram:
    """Two symbols that change with the given probability."""
    return bigram(f"flip{flip:g}", [[1 - flip, flip], [flip, 1 - flip]])


def noisy_flip() -> HMM:
    """Two states that change with probability 0.1, seen through noise."""
    return HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]], spec=Spec.of("noisy_flip"))


def _bigram_settings() -> list[Setting]:
    languages = (bigram3(), golden_chain(), full_support(), cycle3())
    return [BIGRAM.setting(language, 6, steps) for language in languages for steps in (1, 2, 3)]


def _forgetting_settings() -> list[Setting]:
    languages = ((full_support(), 6), (flipping(0.2), 8), (flipping(0.02), 8), (noisy_flip(), 8))
    rows = [FORGETTING.setting(language, length, steps) for language, length in languages for steps in (1, 2, 3)]
    # The constant cannot be smaller either: the rarer the flips, the nearer.
    return [*rows, replace(FORGETTING.setting(flipping(2e-7), 6, 1), name="hardest found")]


def _decay_settings() -> list[Setting]:
    mixing = [("hmm", 8), ("hmm", 16), ("ngram:order=3", 8), ("ngram:order=3", 16), ("ngram:order=4,vocab_size=4", 12)]
    lasting = [("hmm:sticky=0.9", 24), ("hmm:sticky=0.99", 24), ("dyck", 32), ("copy", 16)]
    rows = [DECAY.setting(as_language(name), 128, steps) for name, steps in (*mixing, *lasting)]
    return [*rows, DECAY.setting(as_language("hmm"), 512, 16)]


def _across(broken: str, later: int, further: int, teaches: str) -> Twin:
    """The sum of informations between other positions."""

    def bound(setting: Setting, bound: float) -> float:
        assert isinstance(setting.language, NGram)
        apart = _steps(setting)
        firsts = range(0, setting.length - apart, apart)
        return math.fsum(information_across(setting.language, each + later, apart + further) for each in firsts)

    return twins.bounded(broken, bound, lambda it: it.setting(bigram3(), 5, 2), teaches)


BIGRAM = Statement(
    id="stride_bigram",
    number=17,
    says="KL(q||p) = sum_j I(X_{(j-1)N}; X_{jN})",
    source="2506.19037 for the order, the law ours; docs/theory.md 6",
    sources=("luxembourg2025", _SEARCH),
    direction="=",
    sides=_bigram,
    settings=_bigram_settings,
    hypotheses="bigrams, exact denoiser, stride plans; small enough to enumerate",
    requires=_requires_bigram,
    twins=(
        _across("positions one step further apart", 0, 1, "what is lost is between neighbours of one step, N apart"),
        _across("positions one later", 1, 0, "chains that are not stationary forget where they began"),
    ),
)

FORGETTING = Statement(
    id="stride_forgets",
    number=17,
    says="KL(q||p) <= (L-N) log S rho^N",
    source="2506.19037 for the order, the bound ours, with 2010.01987; docs/theory.md 6",
    sources=("luxembourg2025", "ordentlich2020", _SEARCH),
    direction="<=",
    sides=_forgetting,
    settings=_forgetting_settings,
    hypotheses="HMMs and bigrams whose transition has the same zeros in every row, exact denoiser, stride plans; small",
    requires=_requires_forgetting,
    twins=(
        twins.bounded(
            "forgetting one token sooner",
            lambda setting, bound: bound * contraction(hidden_transition(setting.language)),
            lambda it: it.setting(flipping(0.02), 6, 1),
            "neighbours of a step have N - 1 tokens between them",
        ),
        twins.scaled(0.98, lambda it: it.setting(flipping(0.001), 6, 1), "rare flips keep all of log S"),
        twins.turned(lambda it: it.setting(full_support(), 5, 2), "most chains forget faster than their worst rows"),
    ),
)

DECAY = Statement(
    id="stride_decay",
    number=17,
    says="KL(q||p) <= C L rho^(N-1)",
    source="2506.19037 for the order, the conjecture ours; docs/theory.md 6",
    sources=("luxembourg2025", _SEARCH),
    direction="<=",
    sides=_decay,
    settings=_decay_settings,
    hypotheses="any language, exact denoiser, stride plans",
    requires=_requires_steps,
    constants=(Constant("slowest rho", 0.95, "ours"),),
    options={"fitted_length": 64, "slowest": 0.95, "count": 1000},
    conjecture=True,
    twins=(
        twins.bounded(
            "at the measured rate itself, not its root",
            lambda setting, bound: bound**2 / _decay(replace(setting, steps=1)).bound.value,
            lambda it: it.setting(as_language("hmm"), 128, 8, count=400),
            "KL falls more slowly later than from N = 1 to N = 4",
        ),
    ),
)
