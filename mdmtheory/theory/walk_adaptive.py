"""The walk, of rules that look and may err: about a round for each doubling of the length.

Setting. `walk` with more tokens than positions, L >= 2; the exact denoiser; deterministic rules that may look at what
is revealed, or such a rule drawn by chance, apart from the tokens.
Measured. The least mean number of rounds with KL(q || p) <= eps in the mean over rules. Exact by search over all
contexts and sets up to L = 6; else a lower bound, that of `WalkSpans`, where rounds are counted by how much is hidden.
Guarantee. At least (L/(L-1)) (log2 L - 2 sqrt(12 eps)) - 2. Proof in docs/theory.md 6: at each position that a span of
D bits between known tokens hides, the bits before and after it differ with the same probability Z, D/(2 (D-1)) at most.
So a round pays 1 >= 2 Z (D-1)/D, and to open tokens at u < v of a span costs rho^2 Z/2 nats or more,
rho^2 = u (D-v)/(v (D-u)). D log2 D - 2 (D-1) - K D^2, with the right K, falls by no more than a round pays.
Constants. 12 = 2^2 + 8 ours: (h - 1)^2 <= 4 rho^2 (1 - sum p^2) for three parts of a span, none of the outer two above
a half, h their entropy in bits, is by number; the rest is proved.
Source. 2608.25505, theorem 5, has log2(L)/3 - log2 log2(L)/3 - c2 - c3 eps for every deterministic rule that looks; of
which language was not at hand, and is the walk by where it stands, nor c2 and c3: it is held as a shape. What stands
here implies it with c2 = 9, c3 = 7. Ours, docs/theory.md 6.
"""

from __future__ import annotations

import math

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.adaptive_rounds import adaptive_rounds, mean_rounds
from mdmtheory.exact.rounds_of_walks import WalkSpans
from mdmtheory.languages.walk import walk
from mdmtheory.theory import twins
from mdmtheory.theory.balanced_adaptive import requires_nats
from mdmtheory.theory.searches import LOOKING
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement, steps_of_a_sequence
from mdmtheory.theory.walk_rounds import requires_walk

SPREAD = Constant("spread", 12.0, "ours")

MOST_SEARCHED = 6
"""Length up to which all contexts and sets are searched."""


def _requires(setting: Setting) -> None:
    requires_walk(setting)
    if setting.length < 2:
        raise HypothesisError("length is 1; it is about several tokens")
    requires_nats(setting)


def rounds_below(length: int, error: float) -> float:
    """(L/(L-1)) (log2 L - 2 sqrt(12 eps)) - 2."""
    return length / (length - 1) * (math.log2(length) - 2 * math.sqrt(SPREAD.value * error)) - 2


def _sides(setting: Setting) -> Sides:
    length, error = setting.length, setting.options["eps"]
    shape = (math.log2(length) - math.log2(math.log2(length))) / 3
    bound = Estimate.exact(rounds_below(length, error))
    note = f"theorem 5: {shape:.3g} - c2 - c3 eps"
    if length <= MOST_SEARCHED:
        return Sides(Estimate.exact(adaptive_rounds(setting.language, length, error).least), bound, note)
    least = mean_rounds(WalkSpans(length).best, error).least
    return Sides(Estimate(least, least, least, level=1.0, kind="lower bound", count=0), bound, note)


STATEMENT: Statement = Statement(
    id="walk_adaptive",
    number=26,
    says="least mean rounds of rules with KL(q||p) <= eps at least L/(L-1) (log2 L - 2 sqrt(12 eps)) - 2",
    source="ours, after 2608.25505, theorem 5; docs/theory.md 6",
    sources=("wen2026", LOOKING),
    direction=">=",
    known=steps_of_a_sequence,
    constants=(SPREAD,),
    sides=_sides,
    settings=lambda: [
        STATEMENT.setting(walk(vocab_size=17), length, eps=error)
        for length in (3, 8, 16)
        for error in (0.0, 0.001, 0.01)
    ],
    hypotheses="walk with more tokens than positions, two or more, exact denoiser, rules that look or not",
    requires=_requires,
    options={"eps": 0.1},
    twins=(
        twins.bounded(
            "without the 2",
            lambda setting, bound: bound + 2,
            lambda it: it.setting(walk(vocab_size=4), 3, eps=0.0),
            "the last round of a span costs no halving, and half of the tokens come in it",
        ),
        twins.bounded(
            "no price for an error",
            lambda setting, bound: rounds_below(setting.length, 0.0),
            lambda it: it.setting(walk(vocab_size=7), 6, eps=4.0),
            "all at once is one round, whatever the length",
        ),
        twins.equality(lambda it: it.setting(walk(vocab_size=4), 3, eps=0.0), "there is room above it"),
    ),
)
