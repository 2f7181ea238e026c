"""A metric of counts that every store has (docs/plugins.md)."""

from mdmtheory import Estimate
from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.intervals import clopper_pearson


class GivenUp:
    """The share of sequences that met an impossible context."""

    name, needs, sums = "given_up", "draw", ("sequences", "impossible")
    label = "share given up"

    def estimate(self, measured, level):
        count, lost = measured.sums["sequences"], measured.sums["impossible"]
        if measured.max_errors is not None:
            raise WithheldError("drawing stopped at errors", count)
        return Estimate(lost / count, *clopper_pearson(lost, count, level), level, "estimate", count)
