"""The two parts of KL(q || p) of a sampled model: what is wrong, and what is unfaithful among the right."""

from __future__ import annotations

import math
from types import MappingProxyType

from mdmtheory.core.differences import difference
from mdmtheory.core.estimate import Ends, Estimate, Kind, WithheldError
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.metrics.metric import Measured, Metric
from mdmtheory.metrics.ser import Ser

PARTS_SEARCH = Ours(
    "KL divergence split log validity plus KL given valid sequences, generative model with support", "2026-11-29"
)


@registered("metric", place=14, sources=(PARTS_SEARCH,))
class Wrong(Metric):
    """-log(1 - SER) in nats, the part of KL(q || p) that errors cost (ours, docs/theory.md 7)."""

    name, short, unit = "wrong", "wrong", "nats per sequence"
    label = "wrong: $-\\log(1-$SER$)$\n(nats per sequence)"
    needs, sums = "draw", ("sequences", "errors")
    column = 4.3

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """With the interval of SER; withheld where no sequence was right, with what it is at least."""
        ser = Ser().estimate(measured, level)
        value, low, high = wrong_nats((ser.value, ser.low, ser.high))
        if value == math.inf:
            raise WithheldError(f"0 right of {ser.count}; at least {low:.3g}", ser.count)
        return Estimate(value, low, high, level, ser.kind, ser.count)


@registered("metric", place=15, sources=(PARTS_SEARCH,))
class Unfaithful(Metric):
    """KL(q || p given the support) = KL(q || p) + log(1 - SER), the other part (ours, docs/theory.md 7)."""

    name, short, unit = "unfaithful", "unfaithful", "nats per sequence"
    label = "unfaithful among the right\n(nats per sequence)"
    needs, sums, optional = "score", ("sequences", "nats", "gap", "gap_squared"), ("gap_cubed",)
    besides = MappingProxyType({"draw": ("sequences", "errors")})
    column = 4.6

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """Of the kind of KL; drawn and scored sequences are independent. Withheld where no sequence was right."""
        wrong = Wrong().estimate(measured.besides["draw"], level)
        ends = (wrong.value, wrong.low, wrong.high)
        count = measured.sums.whole("sequences")
        return unfaithful(measured.mean("gap", level), ends, measured.kind, level, count)


def wrong_nats(ser: Ends) -> Ends:
    """-log(1 - SER), and of the ends of its interval.

    >>> wrong_nats((0.0, 0.0, 1.0))
    (0.0, 0.0, inf)
    """
    value, low, high = (-math.log1p(-each) + 0.0 if each < 1 else math.inf for each in ser)
    return value, low, high


def unfaithful(kl: Ends, wrong: Ends, kind: Kind, level: float, count: int) -> Estimate:
    """KL less its first part, from independent estimates of both, `kind` that of KL; at least 0.

    The interval is that of a difference (`core.differences`). An infinite end of `wrong` leaves its lower end at 0.
    """
    value, low, high = difference(kl, wrong)
    return Estimate(value, low, high, level, kind, count).within(least=0.0)
