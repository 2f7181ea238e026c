"""Cross-entropy of drawn sequences under the language: what SER does not say of the law of a sampler."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.register import registered
from mdmtheory.core.sources import SOFTWARE
from mdmtheory.core.threads import within_its_threads
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.metrics.draw import Draw
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured, Metric
from mdmtheory.prompts.registry import OWN, given_positions

LEAST_RIGHT = 20
"""A cross-entropy of fewer right sequences is withheld; from so many on its interval holds on four languages."""


@registered("metric", place=4, sources=(SOFTWARE,))
class CrossEntropy(Metric):
    """E[-log q(x) | x in the language]/L over x ~ p, from the drawn sequences that are right."""

    name, short, unit = "cross_entropy", "cross-entropy", "nats per token"
    label = "cross-entropy under $q$ of what\nis right (nats per token)"
    needs, sums, optional = "draw", ("sequences", "errors", "nats", "nats_squared"), ("nats_cubed",)
    since = 2
    form = 2  # 2: Student's interval, corrected for skewness; withheld where none holds
    column = 6.0

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """Withheld for fewer than LEAST_RIGHT right sequences."""
        count = measured.sums.whole("sequences")
        right = count - measured.sums.whole("errors")
        if right < LEAST_RIGHT:
            raise WithheldError(f"{right} right of {count} < {LEAST_RIGHT}", right)
        value, low, high = (end / measured.length for end in measured.mean("nats", level, right, LEAST_RIGHT))
        return Estimate(value, low, high, level, "estimate", right).within(least=0.0)


@whole_numbers(length=1, count=1, seed=0, threads=1)
@shows_progress
@within_its_threads
def cross_entropy(
    model: Any,
    language: LanguageLike,
    length: int,
    *,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    threads: int | None = None,
    prompt: Any = OWN,
    progress: bool | None = None,
) -> Estimate:
    """E[-log q(x) | x in the language]/L in nats per token, over x ~ p: the other direction than TER.

    From those of `count` drawn sequences that are in the language; over all of p it is infinite as soon as p errs, so
    read it beside SER. L times it is an upper bound of the entropy of p given the support (Gibbs): below q.entropy(L)/L
    it proves that p has lost entropy, above it that p writes what is rare in q. ValueError where fewer than
    20 sequences are right: their interval would be too short. With a `prompt`, as for `ser`, it is of the answers given
    their prompts, per token of the answer.

    >>> import mdmtheory as mt
    >>> q = mt.NGram.random(order=1, vocab_size=2, seed=0)
    >>> p = mt.MaskedDiffusion(mt.Oracle(q), sampler="draw_confidence", steps=64)
    >>> bool(cross_entropy(p, q, 64, count=100).high < q.entropy(64).value / 64)
    True
    """
    if count < LEAST_RIGHT:
        raise ValueError(f"count is {count}; pass {LEAST_RIGHT} or more")
    language = as_language(language)
    of = Sequences(language, length, seed, 0, count, given_positions(prompt, language, length))
    [sums] = Draw().count([model], of, threads)
    right = count - sums.whole("errors")
    if right < LEAST_RIGHT:
        raise ValueError(
            f"{right} of {count} sequences are in the language; draw more, {LEAST_RIGHT} right ones give an interval"
        )
    return CrossEntropy().estimate(Measured(sums, of.answer_length), level)
