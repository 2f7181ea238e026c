"""z: the mean mass that a denoiser puts on what is impossible, which stands beside the SER of what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.guards import unguarded
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Language
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.core.streams import stream_states
from mdmtheory.metrics.contexts import NOISES, Contexts
from mdmtheory.metrics.learning_error import compared_batch, contexts_of
from mdmtheory.metrics.measure import Measure, Sequences
from mdmtheory.metrics.metric import PROBABILITY, Measured, Metric
from mdmtheory.metrics.ser_walk import mean_of_share
from mdmtheory.metrics.sums import Sums, moments
from mdmtheory.models.asking import together

_SEARCH = Ours(
    "probability mass a language model puts on tokens that make the sequence impossible, mean over "
    "contexts, metric for learned masked diffusion on synthetic language",
    "2026-11-29",
)


@registered("measure", place=5)
class AskedContexts(Measure):
    """Over one context of each x ~ q: `impossible` sums the mean mass on what q excludes, over the tokens asked for.

    Contexts are those of `learning_error`, of the kind that the denoiser was made for, each of its steps equally likely
    (all of them where it sees the left alone): one call a sequence, whatever the sampler and its steps. Where something
    is given they are of the answers.
    """

    name = "contexts"
    whole = ("sequences",)
    real = ("impossible", "impossible_squared", "impossible_cubed")

    def facts_of(self, model: Any) -> dict[str, Any]:
        """Nothing, where a denoiser is there to be asked."""
        if model.denoiser is None:
            raise ValueError(f"{model.spec} has no denoiser, and metric z is of one; leave it out")
        if model.noise not in NOISES:
            raise ValueError(f"{model.spec} asks for no laws of tokens, and metric z is of them; leave it out")
        return {}

    def shares_pass(self, model: Any, language: Language) -> bool:
        """What it says is its denoiser's: samplers and steps make no other number."""
        return model.noise == "masked"

    @whole_numbers(threads=1)
    def count(self, models: Sequence[Any], of: Sequences, threads: int | None = 1) -> list[Sums]:
        """Ask the denoiser of each model, each once."""
        found: dict[tuple[int, str, int], Sums] = {}
        sums = []
        for model in of.held(models):
            self.facts_of(model)
            key = (id(unguarded(model.denoiser)), model.noise, id(model.embedding))
            if key not in found:
                own = (of.language, of.length, of.seed, model.noise, model.embedding, threads, of.given)
                asked = contexts_of(model.denoiser, *own, support=True)
                values = _masses(asked, of.first, of.count)
                found[key] = Sums(sequences=of.count, **moments("impossible", values))
            sums.append(found[key])
        return sums


@registered("metric", place=8, sources=(_SEARCH,))
class ImpossibleMass(Metric):
    """z, the mean mass on impossible tokens, a token that is asked for (ours, docs/theory.md 2.9)."""

    name, short, unit = "z", "z", PROBABILITY
    label = "z (mass on impossible tokens)"
    needs, sums = "contexts", ("sequences", "impossible", "impossible_squared", "impossible_cubed")
    fewest = 2
    column = 2.7

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """Student's interval, corrected for skewness; Bernstein's where so few contexts carry the mean."""
        return mean_of_share(measured, "impossible", level)


def _masses(asked: Contexts, first: int, count: int) -> Float[np.ndarray, "count"]:
    """The mean impossible mass in rows first..first+count-1, whose steps are drawn from streams of their own."""
    steps = _steps(asked, first, count)
    size = together(asked.denoiser, asked.length)
    # What a noise leaves has one level in all that is asked at once.
    cuts = np.flatnonzero(np.diff(steps, prepend=-1)) if asked.one_step else np.array([0])
    found = np.empty(count)
    for begin, end in zip(cuts, [*cuts[1:], count], strict=True):
        for a in range(begin, end, size):
            rows = slice(a, min(a + size, end))
            batch = asked.batch(first + a, steps[rows])
            totals, pairs = np.zeros((2, rows.stop - rows.start))
            for some, (_, _, impossible) in compared_batch(batch):
                np.add.at(totals, batch.rows[some], impossible)
                np.add.at(pairs, batch.rows[some], 1.0)
            found[rows] = totals / pairs
    return found


def _steps(asked: Contexts, first: int, count: int) -> Int[np.ndarray, "count"]:
    from mdmtheory.kernels.random import fill_uniforms

    if asked.whole:
        return np.zeros(count, dtype=np.int64)
    uniforms = np.empty((count, 1))
    fill_uniforms(stream_states(["z", asked.language.digest, asked.length, asked.seed], first, count), uniforms)
    return (uniforms[:, 0] * len(asked.ratios)).astype(np.int64)
