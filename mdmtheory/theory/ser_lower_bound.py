"""With a number of steps below a constant times the length, sequences are wrong more often than not.

Setting. EqualPairs(m), a hidden Markov model over m symbols; any denoiser with KL(q(x_i | context) || p(x_i | context))
at most epsilon; ancestral plans on any schedule of N steps.
Measured. SER: the law of one pair by enumeration, to the power of the number of pairs, which are independent. The
denoiser is the oracle, the perturbed one, or the one that profits most from its epsilon (`Favouring`).
Guarantee. SER >= 1 - (1 - (1 - A)/N)^(L/2), A being the probability with which two draws of one law agree, maximised
over the laws p with KL(uniform || p) <= epsilon. Tight for equal steps with `Favouring`, or with the oracle and
epsilon 0. So m = 16, epsilon = 1/128 and N <= C L give SER > 1/2 for every even L.
Constants. epsilon = 1/128 and m = 16 are the paper's; C = 0.6753 is ours, the paper has "a constant"; its own
16-symbol language is not published.
Source. 2502.09622; the constant and the proof ours, docs/theory.md 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.protocols import MarginalsCanvas
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.denoisers.perturbed import Perturbed
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.exact.law import law
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory import twins
from mdmtheory.theory.searches import ACCURACY
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement, Twin, probability

SYMBOLS, LEARNING_ERROR, STEPS_PER_TOKEN = 16, 1 / 128, 0.6753

SCHEDULES = ("linear", "cosine", "polynomial:power=2", "geometric")


@cache
def favoured_law(vocab_size: int, epsilon: float) -> Float[np.ndarray, "vocab_size"]:
    """The law p whose draws agree most often, sum p^2, among those with KL(uniform || p) <= epsilon nats.

    A maximum solves 2 p = mu + lambda/p, so p has two values, and the larger one falls on k tokens; the best k wins.
    """
    from scipy.optimize import brentq

    best = np.full(vocab_size, 1 / vocab_size)
    for favoured in range(1, vocab_size if epsilon > 0 else 1):
        share = favoured / vocab_size

        def excess(log_rest: float, share: float = share) -> float:
            # The favoured tokens have 1 - exp(log_rest) of the mass together, share of it under the uniform law.
            more = -math.expm1(log_rest)
            return share * math.log(share / more) + (1 - share) * (math.log1p(-share) - log_rest) - epsilon

        # From above the root: never more than epsilon away.
        log_rest = float(brentq(excess, math.log1p(-share) - (epsilon + 1) / (1 - share), math.log1p(-share)))
        rest = math.exp(log_rest)
        law = np.full(vocab_size, rest / (vocab_size - favoured))
        law[:favoured] = (1 - rest) / favoured
        if law @ law > best @ best:
            best = law
    best.setflags(write=False)
    return best


def most_agreement(vocab_size: int, epsilon: float) -> float:
    """A = max sum p^2 under KL(uniform || p) <= epsilon nats, rounded up; at most 1/vocab_size + epsilon.

    >>> round(most_agreement(16, 1 / 128), 9)
    0.06379453
    """
    best = favoured_law(vocab_size, epsilon)
    return min(1.0, float(best @ best) * (1 + 1e-12))


@dataclass(frozen=True)
class Favouring(DenoiserDefaults):
    """The denoiser of EqualPairs that gains most from an error of epsilon nats in each context.

    A token whose partner is masked comes from `favoured_law` instead of the uniform law, the same for all; one whose
    partner is revealed is copied. Its `conditionals` serve `exact.law`; it opens no canvas.
    """

    language: EqualPairs = field()
    epsilon: float = field()
    noises: frozenset[str] = frozenset({"masked"})

    @property
    def vocab_size(self) -> int:
        """As many as the language's."""
        return self.language.vocab_size

    @property
    def spec(self) -> Spec:
        """Its name."""
        return Spec.of("favouring", epsilon=self.epsilon)

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["favouring", self.epsilon, self.language.digest]

    def conditionals(
        self, tokens: TokensLike, *, threads: int | None = None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """The oracle's, with the favoured law in place of the uniform one."""
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        oracle: Any = self.language.oracle()
        marginals: Float[np.ndarray, "count length vocab_size"] = oracle.conditionals(tokens)
        partners = self.language.partners(tokens.shape[1])
        unknown = (tokens == self.vocab_size) & ((partners < 0) | (tokens[:, partners] == self.vocab_size))
        marginals[unknown] = favoured_law(self.vocab_size, self.epsilon)
        return marginals

    def open(self, count: int, length: int, *, noise: str = "masked", prompt: Tokens | None = None) -> MarginalsCanvas:
        """Refused: it exists to be enumerated."""
        raise ValueError("the favouring denoiser draws nothing; take its law with exact.law")


def _requires(setting: Setting) -> None:
    if not isinstance(setting.language, EqualPairs) or setting.language.vocab_size < 2:
        raise HypothesisError(f"it is about equal_pairs with 2 tokens or more, not {setting.language.spec}")
    if setting.options["epsilon"] < 0:
        raise HypothesisError(f"epsilon is {setting.options['epsilon']}; a divergence is 0 or more")


def _requires_half(setting: Setting) -> None:
    _requires(setting)
    if setting.language.vocab_size != SYMBOLS or setting.options["epsilon"] > LEARNING_ERROR:
        raise HypothesisError(f"it is about {SYMBOLS} symbols and epsilon at most 1/128")
    if setting.length % 2 or _half_steps(setting) < 1:
        raise HypothesisError(f"length {setting.length} is odd, or so short that C L is below one step")


def _ser(setting: Setting, steps: int | None) -> float:
    """SER from the law of one pair."""
    language, name, epsilon = setting.language, setting.options["denoiser"], setting.options["epsilon"]
    assert isinstance(language, EqualPairs)
    denoiser: Any = language.oracle()
    if name == "favouring":
        denoiser = Favouring(language, epsilon)
    elif name == "perturbed" and epsilon > 0:
        denoiser = Perturbed(denoiser, epsilon=epsilon)
    elif name not in ("oracle", "perturbed"):
        raise ValueError(f"denoiser is {name!r}; pass oracle, perturbed or favouring")
    model = MaskedDiffusion(denoiser, sampler="ancestral", steps=steps, schedule=setting.schedule)
    of_a_pair = error_rate(law(model, language, 2), joint(language, 2))
    return _of_pairs(of_a_pair, setting.length)


def _of_pairs(of_a_pair: float, length: int) -> float:
    """The probability that one of length // 2 independent pairs is wrong."""
    if of_a_pair >= 1:
        return 1.0 if length > 1 else 0.0
    return -math.expm1((length // 2) * math.log1p(-of_a_pair))


def _sides(setting: Setting) -> Sides:
    assert isinstance(setting.language, EqualPairs)
    steps = len(setting.schedule.revealed_fractions(setting.steps)) - 1
    differ = 1 - most_agreement(setting.language.vocab_size, setting.options["epsilon"])
    bound = _of_pairs(differ / steps, setting.length)
    return Sides(Estimate.exact(_ser(setting, setting.steps)), Estimate.exact(bound))


def _tight(setting: Setting) -> bool:
    epsilon, denoiser = setting.options["epsilon"], setting.options["denoiser"]
    shares = np.diff(setting.schedule.revealed_fractions(setting.steps))
    return bool(np.ptp(shares) < 1e-15) and (denoiser == "favouring" or epsilon == 0)


def _half_steps(setting: Setting) -> int:
    return int(setting.options["C"] * setting.length)


def _half_sides(setting: Setting) -> Sides:
    steps = _half_steps(setting)
    least = (1 - most_agreement(SYMBOLS, setting.options["epsilon"])) / (2 * math.log(2))
    note = f"{steps} steps; any C below {math.floor(least * 1e6) / 1e6:.6f} would do"
    return Sides(Estimate.exact(_ser(setting, steps)), Estimate.exact(0.5), note)


def _settings() -> list[Setting]:
    language, error = EqualPairs(vocab_size=SYMBOLS), LEARNING_ERROR
    return [
        SER_LOWER_BOUND.setting(language, 512, 64, "linear", denoiser="oracle", epsilon=0.0),
        SER_LOWER_BOUND.setting(language, 512, 512, "linear", denoiser="oracle", epsilon=0.0),
        *(
            SER_LOWER_BOUND.setting(language, 512, 345, schedule, denoiser=denoiser, epsilon=error)
            for schedule in SCHEDULES
            for denoiser in ("perturbed", "favouring")
        ),
        SER_LOWER_BOUND.setting(EqualPairs(vocab_size=2), 64, 16, "linear", denoiser="oracle", epsilon=0.0),
    ]


def _half_settings() -> list[Setting]:
    language = EqualPairs(vocab_size=SYMBOLS)
    rows = [SER_HALF.setting(language, length, denoiser="favouring") for length in (2, 16, 512, 8192, 65536)]
    rows += [SER_HALF.setting(language, 512, None, schedule, denoiser="perturbed") for schedule in SCHEDULES]
    return rows


def _claiming(
    broken: str,
    agreement: Callable[[int, float], float],
    pairs: Callable[[int], float],
    witness: twins.Witness,
    teaches: str,
) -> Twin:
    """The bound with another probability that two draws agree, or another number of pairs."""

    def bound(setting: Setting, bound: float) -> float:
        steps = len(setting.schedule.revealed_fractions(setting.steps)) - 1
        differ = 1 - agreement(setting.language.vocab_size, setting.options["epsilon"])
        return 1 - (1 - differ / steps) ** pairs(setting.length)

    return twins.bounded(broken, bound, witness, teaches)


def _pairs_of(length: int) -> float:
    return float(length // 2)


def _worst(it: Statement) -> Setting:
    """The denoiser that gains most, in equal steps."""
    return it.setting(EqualPairs(vocab_size=16), 64, 16)


SER_LOWER_BOUND = Statement(
    id="ser_lower_bound",
    number=3,
    says="SER >= 1 - (1 - (1 - A)/N)^(L/2)",
    source="2502.09622, with constants of ours; docs/theory.md 7",
    sources=("feng2025", ACCURACY),
    direction=">=",
    known=probability,
    sides=_sides,
    settings=_settings,
    hypotheses="equal_pairs, ancestral plans, any schedule, a denoiser within epsilon nats of the exact one",
    requires=_requires,
    tight=_tight,
    constants=(Constant("A(16, 1/128)", 0.0637945304, "ours"),),
    options={"denoiser": "favouring", "epsilon": LEARNING_ERROR},
    twins=(
        _claiming("A = 1/m", lambda m, epsilon: 1 / m, _pairs_of, _worst, "a denoiser can gain from its error"),
        _claiming(
            "A a thousandth smaller",
            lambda m, epsilon: 0.999 * most_agreement(m, epsilon),
            _pairs_of,
            _worst,
            "the most agreement is reached",
        ),
        _claiming(
            "as many pairs as tokens", most_agreement, lambda length: float(length), _worst, "a pair has two tokens"
        ),
        _claiming(
            "half a pair more",
            most_agreement,
            lambda length: length / 2,
            lambda it: it.setting(EqualPairs(vocab_size=16), 65, 16),
            "a token without a partner cannot be wrong",
        ),
        twins.turned(lambda it: it.setting(EqualPairs(vocab_size=16), 64, 16, "cosine"), "uneven steps err more often"),
    ),
)

SER_HALF = Statement(
    id="ser_half",
    number=3,
    says="SER > 1/2 with C L steps",
    source="2502.09622, with C of ours; docs/theory.md 7",
    sources=("feng2025", ACCURACY),
    direction=">=",
    known=probability,
    sides=_half_sides,
    settings=_half_settings,
    hypotheses="equal_pairs over 16 symbols, an even length, ancestral plans, learning error at most 1/128",
    requires=_requires_half,
    constants=(
        Constant("C", STEPS_PER_TOKEN, "ours"),
        Constant("epsilon", LEARNING_ERROR, "paper"),
        Constant("symbols", float(SYMBOLS), "paper"),
    ),
    options={"denoiser": "favouring", "epsilon": LEARNING_ERROR, "C": STEPS_PER_TOKEN},
    twins=(
        twins.claiming(
            "C = 0.6754 in place of 0.6753",
            lambda setting: _half_sides(replace(setting, options={**setting.options, "C": 0.6754})),
            lambda it: it.setting(EqualPairs(vocab_size=16), 100_000),
            "the constant is right to four places",
        ),
    ),
)
