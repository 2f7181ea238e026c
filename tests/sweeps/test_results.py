from __future__ import annotations

import math

import pandas as pd
import pytest
from scipy.stats import beta

from mdmtheory.core.intervals import anytime_binomial
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.metrics.cross_entropy import CrossEntropy
from mdmtheory.metrics.draw import Draw
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.registry import built_in_metrics
from mdmtheory.metrics.sums import Sums
from mdmtheory.sweeps import cells, collect, read
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.choices import typed_today
from mdmtheory.sweeps.chunks import Chunk, total, until_stopped
from mdmtheory.sweeps.results import COLUMNS, estimates
from mdmtheory.sweeps.store import load
from mdmtheory.sweeps.tasks import Task, tasks_of
from tests.sweeps.small import LANGUAGE, small_cells
from tests.sweeps.versions import raise_version


def task(measure: str, **changed: object) -> Task:
    [cell] = cells("parity", **{"length": 8, "steps": 4, "check": True, **changed})
    return next(each for each in tasks_of(cell, *Builder().build(cell)) if each.measure == measure)


def rows(measure: str, sums: Sums, level: float = 0.95, **changed: object) -> dict[str, dict[str, object]]:
    found = estimates(task(measure, **changed), sums, level, built_in_metrics())
    return {metric.name: row for metric, row in found}


def drawn(**sums: float) -> Sums:
    """The sums of `draw` of which some are 0."""
    return Sums({**dict.fromkeys(("impossible", "calls", "rounds"), 0), "nats": 0.0, "nats_squared": 0.0, **sums})


def test_columns_are_those_that_scripts_rely_on(collected):
    frame = read(collected)
    assert ",".join(frame.columns) == (
        "language,length,model,denoiser,sampler,schedule,steps,seed,metric,value,low,high,level,kind,count,calls,rounds,seconds,"
        "form,task,prompt,rule,tag,date,code,host,language.prune_emission,language.prune_transition,language.states,"
        "language.vocab_size"
    )
    assert tuple(frame.columns[: len(COLUMNS)]) == COLUMNS
    first = frame.to_csv(index=False).splitlines()[1]
    assert first.startswith(f'"{LANGUAGE}",512,masked,oracle,ancestral,linear,4,0,ser,0.9')
    assert frame.dtypes["steps"] == pd.Int64Dtype()


ALWAYS = ("ser", "ter", "ter_ratio", "cross_entropy")
"""The metrics that these tests speak of; there may come to be others."""


def test_there_is_one_row_for_each_cell_and_metric_in_a_fixed_order(collected):
    frame = read(collected, metrics=ALWAYS[::-1])
    found = list(zip(frame["sampler"], frame["steps"], frame["metric"], strict=True))
    cells_in_order = [("ancestral", 4), ("ancestral", 64), ("stride", 4), ("stride", 64)]
    assert found == [(*cell, metric) for cell in cells_in_order for metric in ALWAYS]
    assert set(frame["count"][frame["metric"] != "cross_entropy"]) == {256}
    # The cross-entropy is that of the sequences that are right.
    right = frame[frame["metric"] == "cross_entropy"]["count"].to_numpy(int)
    assert list(right) == [round(256 * (1 - value)) for value in frame[frame["metric"] == "ser"]["value"]]


def test_what_does_not_apply_is_empty(tmp_path):
    frame = collect(cells(LANGUAGE, length=64, model="ar", samples=10, metrics="ser"), out=tmp_path / "store.sqlite")
    [line] = (
        frame[list(COLUMNS)]
        .drop(columns=["seconds", "task", "date", "code", "host"])
        .round(6)
        .to_csv(index=False)
        .splitlines()[1:]
    )
    assert line == f'"{LANGUAGE}",64,ar,,,,,0,ser,0.0,0.0,0.007179,0.95,estimate,512,64.0,64.0,1,,,'


def test_every_number_has_its_kind(collected):
    frame = read(collected, metrics=ALWAYS)
    told = frame[frame["value"].notna()]
    assert len(frame) == len(told) + 1  # four steps leave too few right sequences for a cross-entropy
    frame = told
    kinds = frame["kind"].str.partition(", cut from ")[0]
    assert set(zip(frame["sampler"], frame["metric"], kinds, strict=True)) == {
        ("ancestral", "ser", "estimate"),
        ("ancestral", "ter", "upper bound"),
        ("ancestral", "ter_ratio", "upper bound"),
        ("ancestral", "cross_entropy", "estimate"),
        ("stride", "ser", "estimate"),
        ("stride", "ter", "estimate"),
        ("stride", "ter_ratio", "estimate"),
        ("stride", "cross_entropy", "estimate"),
    }
    assert (frame["low"] <= frame["value"]).all()
    assert (frame["value"] <= frame["high"]).all()


def test_calls_and_rounds_are_means_over_the_sequences_drawn_to_their_end(collected):
    frame = read(collected, metrics=ALWAYS)
    stride = frame[(frame["sampler"] == "stride") & (frame["steps"] == 64)]
    # Each of the 64 steps reveals something, and those that were given up before are not counted.
    assert list(stride["calls"]) == [64.0] * 4
    assert list(stride["rounds"]) == [64.0] * 4
    random = frame[(frame["sampler"] == "ancestral") & (frame["steps"] == 64)]
    assert random["calls"].between(63.9, 64).all()  # a step is idle with probability (1 - 1/64)^512
    given_up = [total(each.chunks).get("impossible", 0) for each in load(collected).tasks.values()]
    assert max(given_up) > 100


def test_seconds_are_those_of_the_counts(collected):
    frame = read(collected).set_index(["sampler", "steps", "metric"])["seconds"]
    for stored in load(collected).tasks.values():
        about = stored.task.description
        metric = "ser" if stored.task.measure == "draw" else "ter"
        expected = sum(chunk.seconds for chunk in stored.chunks)
        assert frame[stored.task.names["sampler"], about["steps"], metric] == expected


def test_the_level_is_chosen_when_reading(collected):
    wide, narrow = (
        read(collected, level=level)[lambda rows: rows["value"].notna()].reset_index() for level in (0.99, 0.5)
    )
    assert set(wide["level"]) == {0.99}
    assert wide["value"].equals(narrow["value"])
    assert (wide["low"] <= narrow["low"]).all()
    assert (wide["high"] > narrow["high"]).any()
    for level in (0, 1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="level"):
            read(collected, level=level)


def test_a_fixed_count_has_clopper_pearson_and_a_stopped_one_the_anytime_interval():
    counts = drawn(sequences=100, errors=7, tokens=800)
    row = rows("draw", counts)["ser"]
    assert row["low"] == pytest.approx(beta.ppf(0.025, 7, 94))
    assert row["high"] == pytest.approx(beta.ppf(0.975, 8, 93))
    row = rows("draw", counts, max_errors=7)["ser"]
    assert (row["low"], row["high"]) == anytime_binomial(7, 100, 0.95)


def test_scores_give_ter_and_its_ratio():
    nats = {"nats": 360.0, "nats_squared": 2200.0, "nats_cubed": 13_700.0}
    counts = Sums(nats, sequences=60, tokens=480, gap=30.0, gap_squared=22.0, gap_cubed=20.0)
    found = rows("score", counts)
    mean, low, high = mean_interval(Moments.from_sums(60, *nats.values()), 0.95)
    assert [found["ter"][key] for key in ("value", "low", "high")] == [math.exp(each / 8) for each in (mean, low, high)]
    assert found["ter_ratio"]["value"] == math.exp(0.5 / 8)


def test_sums_without_cubes_need_more_sequences():
    for count, given in ((499, False), (500, True)):
        plain = {"sequences": count, "tokens": 8 * count, "nats": 6.0 * count, "nats_squared": 37.0 * count}
        row = rows("score", Sums(plain, gap=0.5 * count, gap_squared=0.3 * count))["ter"]
        assert (row["value"] is not None) == given
    assert rows("score", Sums({**plain, "sequences": 499, "nats": 2994.0}, gap=1.0, gap_squared=1.0))["ter"][
        "kind"
    ] == ("withheld (499 sequences of unknown skewness (no sums of cubes), draw 500 or more)")


@pytest.mark.parametrize("count", [1, 49])
def test_too_few_sequences_are_withheld_with_the_count_that_is_needed(count):
    few = Sums(sequences=count, tokens=8, nats=5.0, nats_squared=25.0, gap=0.0, gap_squared=0.0)
    plural = "s" if count > 1 else ""
    for name in ("ter", "ter_ratio"):
        row = rows("score", few)[name]
        assert row["value"] is None
        assert row["kind"] == f"withheld ({count} sequence{plural}, draw 50 or more)"


def test_where_two_sequences_carry_a_mean_it_is_withheld():
    heavy = Sums(
        {"nats": 1000.0, "nats_squared": 1001.0, "nats_cubed": 1003.0},
        sequences=1000,
        tokens=8000,
        gap=2.0,
        gap_squared=2.0,
        gap_cubed=2.0,
    )
    assert rows("score", heavy)["ter_ratio"]["kind"] == "withheld (skewness 22.3 of 1000 sequences, draw 1247 or more)"


def test_ser_by_scoring_is_withheld_below_an_effective_size_of_100_and_says_so():
    heavy = Sums(sequences=1000, tokens=8000, ratio=800.0, ratio_squared=78_048.8)
    found = rows("score_plans", heavy)
    assert found["ser_scored"]["value"] is None
    assert found["ser_scored"]["kind"] == "withheld (effective size 8.2 < 100)"
    assert found["effective_size"]["value"] == pytest.approx(8.2)
    assert found["effective_size"]["kind"] == "exact"
    light = Sums(sequences=1000, tokens=8000, ratio=800.0, ratio_squared=700.0)
    found = rows("score_plans", light)
    assert found["ser_scored"]["value"] == pytest.approx(0.2)
    assert found["ser_scored"]["kind"] == "estimate"
    assert found["effective_size"]["value"] == pytest.approx(914.2857142857143)


def test_one_sequence_has_no_interval_and_infinite_scores_are_shown():
    one = Sums(sequences=1, tokens=8, nats=5.0, nats_squared=25.0, gap=0.0, gap_squared=0.0)
    assert rows("score", one)["ter"]["kind"] == "withheld (1 sequence, draw 50 or more)"
    scored = rows("score_plans", Sums(one, ratio=1.0, ratio_squared=1.0))
    assert {name: (row["kind"], row["count"]) for name, row in scored.items()} == {
        "ser_scored": ("withheld (1 sequence, draw 500 or more)", 1)
    }
    infinite = Sums(sequences=10, tokens=80, nats=math.inf, nats_squared=math.inf, gap=math.inf, gap_squared=math.inf)
    assert rows("score", infinite)["ter"]["value"] == math.inf
    assert rows("draw", drawn(sequences=0, errors=0)) == {}


def test_a_cell_measured_twice_over_by_changed_code_is_shown_once(store, monkeypatch):
    before = read(store, metrics=ALWAYS)
    raise_version(monkeypatch, "sampler ancestral", 2)
    frame = collect(small_cells(samples=10), out=store)
    assert len(load(store).tasks) == 12
    assert len(frame) == len(before)
    scored = read(store)[lambda rows: rows["metric"] == "ter"]
    assert dict(zip(scored["sampler"], scored["count"], strict=True)) == {"ancestral": 64, "stride": 256}


def test_both_ways_of_breaking_ties_are_shown_side_by_side_whichever_has_the_newer_version(store, monkeypatch):
    given = {"steps": "4", "length": 16, "samples": 10, "sampler": "confidence,confidence:ties=lowest"}
    both = collect(small_cells(**given), out=store)
    assert set(both["sampler"]) == {"confidence", "confidence:ties=lowest"}
    kinds = both[both["metric"] == "ter"].set_index("sampler")["kind"].to_dict()
    assert kinds == {"confidence": "upper bound", "confidence:ties=lowest": "estimate"}
    raise_version(monkeypatch, "sampler confidence", 2)
    collect(small_cells(**{**given, "sampler": "confidence"}), out=store)
    assert len([each for each in load(store).tasks.values() if "confidence" in each.task.json]) == 6
    shown = read(store, metrics=ALWAYS)
    shown = shown[shown["sampler"].str.startswith("confidence")]
    assert shown.groupby("sampler").size().to_dict() == {"confidence": 4, "confidence:ties=lowest": 4}


@pytest.mark.parametrize(
    ("typed", "recorded", "today"),
    [
        ("confidence", "confidence", "confidence:ties=lowest"),
        ("confidence", "confidence:ties=random", "confidence"),
        ("confidence:ties=lowest", "confidence", "confidence:ties=lowest"),
        ("entropy_bound:gamma=1", "entropy_bound:gamma=1.0", "entropy_bound:gamma=1,ties=lowest"),
        ("stride:temperature=0", "stride:temperature=0.0", "stride:temperature=0,ties=lowest"),
        ("plan:file=a.txt,nucleus=0.5", "plan:nucleus=0.5", "plan:file=a.txt,nucleus=0.5,ties=lowest"),
        ("stride:nucleus=0.5", "stride:nucleus=0.5,ties=random", "stride:nucleus=0.5"),
        ("ancestral", "ancestral", "ancestral"),
        ("redraw:tau=0.1", "redraw:tau=0.1", "redraw:tau=0.1"),
        ("nothing:Known", "nothing:Known", "nothing:Known"),
        ("no name", "=", "no name"),
    ],
)
def test_rows_from_before_ties_had_a_choice_are_shown_by_what_is_typed_today(typed, recorded, today):
    assert typed_today(typed, recorded) == today


def test_the_cross_entropy_is_that_of_what_is_right(store):
    nats = {"nats": 200.0, "nats_squared": 1040.0, "nats_cubed": 5605.0}
    counts = drawn(sequences=100, errors=60, tokens=800, **nats)
    row = rows("draw", counts)["cross_entropy"]
    mean, low, high = mean_interval(Moments.from_sums(40, *nats.values()), 0.95, unseen=5.0, least=20)
    assert (row["value"], row["low"], row["high"]) == (mean / 8, low / 8, high / 8)
    assert row["count"] == 40
    assert CrossEntropy().estimate(Measured(counts, 8)).value == 5 / 8
    row = rows("draw", drawn(sequences=100, errors=81, tokens=800, nats=95.0, nats_squared=480.0))["cross_entropy"]
    assert row["value"] is None
    assert row["kind"] == "withheld (19 right of 100 < 20)"


def test_where_every_sequence_was_given_up_calls_are_unknown(tmp_path):
    frame = collect(cells("permutation:items=256", length=256, steps=16, samples=10, metrics="ser"), out=tmp_path / "s")
    assert frame["value"].tolist() == [1.0]
    assert frame["calls"].isna().all()


def test_draws_that_an_older_version_counted_have_no_cross_entropy_and_no_calls(tmp_path, monkeypatch):
    monkeypatch.setattr(Draw, "version", 1)
    out = tmp_path / "store.sqlite"
    collect(small_cells(steps=64, sampler="stride", samples=60), out=out)
    frame = read(out, metrics=ALWAYS)
    assert set(frame["metric"]) == {"ser", "ter", "ter_ratio"}
    assert frame["calls"].isna().all()


def test_metrics_that_were_not_asked_for_are_not_returned(tmp_path):
    out = tmp_path / "store.sqlite"
    given = {"steps": 64, "sampler": "stride", "samples": 60}
    assert list(collect(small_cells(**given, metrics="ter"), out=out)["metric"]) == ["ter", "ter_ratio"]
    assert list(collect(small_cells(**given, metrics="ter_ratio"), out=out)["metric"]) == ["ter_ratio"]
    assert list(collect(small_cells(**given, metrics="ser"), out=out)["metric"]) == ["ser"]
    assert list(collect(small_cells(**given, metrics="cross_entropy"), out=out)["metric"]) == ["cross_entropy"]
    found = collect(small_cells(**given, metrics="ser", check=True), out=out)
    assert list(found["metric"]) == ["ser", "ser_scored", "effective_size"]
    checked = [*ALWAYS, "ser_scored", "effective_size"]
    assert list(read(out, metrics=checked)["metric"]) == checked
    assert set(read(out)["metric"]) >= set(checked)


def chunk(index: int, **sums: float) -> Chunk:
    return Chunk(index, Sums(sums), 0.0, "", "")


def test_counts_add_up_without_losing_bits_whatever_their_order():
    values = [1e16, 1.0, -1e16, 2.0**-40] * 10
    chunks = [chunk(index, sequences=2, nats=value) for index, value in enumerate(values)]
    assert total(chunks) == total(chunks[::-1]) == Sums(sequences=80, nats=10 * (1 + 2.0**-40))
    assert type(total(chunks)["sequences"]) is int
    assert total([chunk(0, nats=1.7e308), chunk(1, nats=1.7e308)])["nats"] == math.inf
    assert total([chunk(0, nats=math.inf), chunk(1, nats=1.0)])["nats"] == math.inf


def test_a_total_has_the_sums_that_all_chunks_have():
    assert total([chunk(0, sequences=1, nats=1.0, nats_cubed=1.0), chunk(1, sequences=2, nats=1.0)]) == Sums(
        sequences=3, nats=2.0
    )
    assert total([]) == Sums()


def test_errors_beyond_the_stop_are_not_counted():
    chunks = [chunk(index, errors=errors) for index, errors in enumerate([1, 0, 2, 5])]
    assert until_stopped(chunks, 3) == chunks[:3]
    assert until_stopped(chunks, 100) == until_stopped(chunks, None) == chunks
    assert until_stopped([], 3) == []
