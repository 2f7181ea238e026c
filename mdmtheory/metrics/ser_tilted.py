"""SER of fixed plans by walks through contexts in which mass is likely to die, where plain ones see none die."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.languages.second_reader import SecondReader
from mdmtheory.metrics.metric import PROBABILITY, Measured, Metric
from mdmtheory.metrics.ser_shared import SHARED_SUMS
from mdmtheory.metrics.ser_sharp import effective_size, tail_unseen
from mdmtheory.metrics.ser_walk import WALK_SUMS, WalkMeasure
from mdmtheory.models.completable import check_completes
from mdmtheory.models.tilted_walks import TiltedWalk, check_chain

TILTED_SEARCH = Ours(
    "masked diffusion fixed unmasking order rare invalid sequences importance sampling of contexts, hidden Markov "
    "model conditioned on disjoint reachable state sets, Doob transform on subset automaton",
    "2026-11-30",
)


@registered("measure", place=8)
class TiltedWalks(WalkMeasure):
    """Walks through contexts in which mass is likely to die: what dies, over how much likelier they were made.

    `most` sums what each can be at most.
    """

    name = "tilted_walks"
    real = (*WalkMeasure.real, "most")

    def check_own(self, model: Any) -> None:
        """ValueError where the plan is not fixed, or steps of one token may err."""
        model.check_tilted_walks()

    def check_fits(self, model: Any, language: Any, length: int) -> None:
        """ValueError where the language is no chain of hidden states, or a reader may know too many sets of them."""
        check_chain(language)
        SecondReader.of(language.chain)
        check_completes(language, length, model.denoiser)

    def walked(self, model: Any, *of: Any, **options: Any) -> TiltedWalk:
        """The model's own tilted walks."""
        walk: TiltedWalk = model.walk_tilted(*of, **options)
        return walk

    def sums_of(self, walk: TiltedWalk) -> dict[str, float]:
        """Those of all walks, and the bound."""
        return {**super().sums_of(walk), "most": walk.most * len(walk.wrong)}


@registered("metric", place=16, sources=(TILTED_SEARCH,))
class SerTilted(Metric):
    """SER of a fixed plan by walks through contexts in which mass is likely to die (ours)."""

    name, short, unit = "ser_tilted", "tilted SER", PROBABILITY
    label = "tilted SER (probability\nthat a sequence is wrong)"
    needs, sums = "tilted_walks", SHARED_SUMS
    brings = ("tilted_size",)
    fewest = 2
    column = 2.8

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """As of SerSharp, of terms from 0 to `most`: the upper end is that of half as many walks."""
        sums = measured.sums
        return tail_unseen(sums, level, sums["most"] / sums.whole("sequences"))


@registered("metric", place=17, sources=(TILTED_SEARCH,))
class TiltedSize(Metric):
    """How many walks of equal size the mean of ser_tilted is worth: (sum)^2 / sum of squares of its terms."""

    name, short, label = "tilted_size", "tilted walks' worth", ""
    needs, sums = "tilted_walks", WALK_SUMS
    column = 2.81

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """Of the very walks; all of them where none can go wrong."""
        size = effective_size(measured.sums)
        return Estimate(size, size, size, 1.0, "exact", measured.sums.whole("sequences"))
