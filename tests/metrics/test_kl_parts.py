"""Wrong and unfaithful of sampled models: against exact laws, from what a store has already, withheld where unknown."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.metrics import check_metric
from mdmtheory.core.differences import difference
from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.exact.kl_parts import kl_parts
from mdmtheory.metrics import distances as module
from mdmtheory.metrics.kl_parts import Unfaithful, Wrong
from mdmtheory.metrics.metric import Measured, estimated
from mdmtheory.metrics.sums import Sums, moments
from mdmtheory.sweeps import cells, collect, read

Q = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]])
LENGTH = 4


def stride(steps: int = 2) -> mt.MaskedDiffusion:
    return mt.MaskedDiffusion(mt.Oracle(Q), sampler="stride", steps=steps)


def measured(errors: int, count: int, gaps: np.ndarray, kind: str = "estimate") -> Measured:
    drawn = Measured(Sums(sequences=count, errors=errors, impossible=0), LENGTH)
    sums = Sums(sequences=len(gaps), nats=6.0 * len(gaps), **moments("gap", gaps))
    return Measured(sums, LENGTH, kind, besides={"draw": drawn})


def test_intervals_of_both_parts_hold_the_exact_ones():
    """500 samples from the exact laws, each with 400 drawn and 400 scored sequences; 95 % of them are to hold."""
    p, q = mt.exact.law(stride(), Q, LENGTH), mt.exact.joint(Q, LENGTH)
    truth, inside = kl_parts(p, q), q > 0
    gaps, weights = np.log(q[inside] / p[inside]), q[inside]
    generator = np.random.default_rng(0)
    held = np.zeros(2)
    for _ in range(500):
        drawn = generator.choice(gaps, 400, p=weights / weights.sum())
        of = measured(int(generator.binomial(400, -math.expm1(-truth.wrong))), 400, drawn)
        found = Wrong().estimate(of.besides["draw"]), Unfaithful().estimate(of)
        held += [each.low <= exact <= each.high for each, exact in zip(found, truth, strict=True)]
    assert truth.unfaithful > 0.005
    assert (held >= 0.935 * 500).all()


def test_the_difference_is_of_the_kind_of_kl_and_not_below_0():
    gaps = np.linspace(0.4, 0.6, 100)
    found = Unfaithful().estimate(measured(100, 400, gaps, "upper bound"))
    wrong = Wrong().estimate(measured(100, 400, gaps).besides["draw"])
    assert wrong.value == pytest.approx(-math.log(0.75))
    assert (found.kind, found.value) == ("upper bound", pytest.approx(0.5 + math.log(0.75)))
    assert found.low == pytest.approx(
        difference((0.5, 0.4886, 0.5114), (wrong.value, wrong.low, wrong.high))[1], abs=1e-3
    )
    cut = Unfaithful().estimate(measured(200, 400, gaps))
    assert (cut.value, cut.cut_from[0]) == (0.0, pytest.approx(0.5 - math.log(2)))


def test_nothing_is_said_where_nothing_was_right_or_nothing_was_drawn():
    of = measured(400, 400, np.linspace(0.4, 0.6, 100))
    with pytest.raises(WithheldError, match=r"0 right of 400; at least 4\.6"):
        Wrong().estimate(of.besides["draw"])
    with pytest.raises(WithheldError, match="0 right"):
        estimated(Unfaithful(), of, 0.95)
    with pytest.raises(WithheldError, match="sequences of draw, errors of draw not summed, measure anew"):
        estimated(Unfaithful(), replace(of, besides={}), 0.95)


def test_a_store_has_them_of_chunks_that_were_counted_for_other_metrics(tmp_path: Path):
    out = tmp_path / "s.sqlite"
    asked = {"lang": "parity", "length": 8, "steps": "2", "samples": 4096}
    collect(cells(**asked, sampler="ancestral,stride", metrics="ser,ter"), out=out)
    before = read(out, metrics="ser,ter_ratio").set_index(["sampler", "metric"])
    found = read(out, metrics="wrong,unfaithful").set_index(["sampler", "metric"])
    for sampler, kind in (("ancestral", "upper bound"), ("stride", "estimate")):
        ser, ratio = before.loc[(sampler, "ser")], before.loc[(sampler, "ter_ratio")]
        wrong, rest = found.loc[(sampler, "wrong")], found.loc[(sampler, "unfaithful")]
        ends = [[one[end] for end in ("value", "low", "high")] for one in (ser, wrong)]
        assert ends[1] == pytest.approx([-math.log1p(-each) for each in ends[0]])
        assert rest["kind"].startswith(kind)
        assert rest["low"] <= max(8 * math.log(ratio["value"]) - wrong["value"], 0) <= rest["high"]
    assert found.loc[("stride", "unfaithful")]["low"] == 0, "parity's right sequences are all alike"
    rows = collect(cells(**asked, sampler="stride", metrics="unfaithful"), out=tmp_path / "alone.sqlite")
    assert rows["metric"].tolist() == ["unfaithful"]
    numbers = ["value", "low", "high", "kind", "count"]
    assert rows.iloc[0][numbers].tolist() == found.loc[("stride", "unfaithful")][numbers].tolist()


def test_distances_have_the_second_part_where_they_are_sampled(monkeypatch):
    exact = mt.distances(stride(), Q, LENGTH)
    monkeypatch.setattr(module, "CHEAP", -1.0)
    found = mt.distances(stride(), Q, LENGTH, count=4000, level=0.999)
    assert found.unfaithful.kind == "estimate"
    assert found.unfaithful.low <= exact.unfaithful.value <= found.unfaithful.high
    bound = mt.distances(mt.MaskedDiffusion(mt.Oracle(Q), steps=2), Q, LENGTH, count=400)
    assert bound.unfaithful.kind == "upper bound"
    none = replace(found, ser=Estimate(1.0, 0.99, 1.0, 0.999, "estimate", 4000))
    assert none.unfaithful is None


class ReadsMore(Unfaithful):
    name = "reads_more"

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        found = super().estimate(measured, level)
        return replace(found, high=found.high + measured.besides["draw"].sums.get("tokens", 0))


def test_a_metric_that_reads_unnamed_sums_of_another_measure_is_refuted():
    assert check_metric("unfaithful").passed
    assert check_metric("wrong").passed
    assert {each.name for each in check_metric(ReadsMore()).failures} == {"sums"}
