"""The measure `draw`: sequences of the model, held against the language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Samples
from mdmtheory.core.register import registered
from mdmtheory.metrics.measure import Measure, Sequences
from mdmtheory.metrics.sums import Sums, moments


@registered("measure", place=1)
class Draw(Measure):
    """Over x ~ p: `errors` counts what is outside the language, `impossible` what was given up before its end.

    `nats` sums -log q(x) over what is in the language; `calls` and `rounds` are of what was drawn to its end. Where
    something is given x is a prompt drawn from q with the answer that p draws to it, and `nats` is of the answer.
    """

    name = "draw"
    version = 2  # 2: right sequences are scored under q; calls and rounds of sequences drawn to their end
    whole = ("sequences", "errors", "impossible", "tokens", "calls", "rounds")
    real = ("nats", "nats_squared", "nats_cubed")
    later = ("nats_cubed",)
    stops = True
    costs_since = 2

    @whole_numbers(threads=1)
    def count(self, models: Sequence[Any], of: Sequences, threads: int | None = 1) -> list[Sums]:
        """Draw sequences of each model, count those outside the language and score the others."""
        return [sums_of(samples, of, threads) for samples in drawn(models, of, threads)]


def drawn(models: Sequence[Any], of: Sequences, threads: int | None, **how: Any) -> Iterator[Samples]:
    """The sequences of each model; `how` is told to it besides, such as `finish`, which changes no sum."""
    for model in of.held(models):
        told = {**of.to_draw(threads), **how}
        yield model.sample(of.count, of.length, of.seed, first=of.first, threads=threads, **told)


def sums_of(samples: Samples, of: Sequences, threads: int | None) -> Sums:
    """What is summed of drawn sequences."""
    finished = ~samples.impossible
    # What was given up is wrong, whatever stands in its place.
    right = of.language.in_support(samples.tokens) & finished
    return Sums(
        sequences=of.count,
        errors=int(of.count - right.sum()),
        impossible=int(samples.impossible.sum()),
        tokens=of.count * of.answer_length,
        calls=int(samples.calls[finished].sum()),
        rounds=int(samples.rounds[finished].sum()),
        **moments("nats", -of.log_q(samples.tokens[right], threads)),
    )
