"""Schedules are told apart by what they are, in every cache and in every stored task, whatever they are called."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.metrics.pricing import curve_weights
from mdmtheory.plans import Ancestral
from mdmtheory.schedules import Schedule, as_schedule
from mdmtheory.sweeps import cells, collect
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.tasks import tasks_of

BIGRAM = mt.NGram.random(order=2, vocab_size=3, seed=1)
WITH_ZEROS = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.55, 0, 0.45]])
MINE = mt.Spec.of("mine")


def cell_run_twice() -> tuple[Schedule, Schedule]:
    """What a notebook has in its hands when a cell was changed and run again."""
    return Schedule(MINE, curve=lambda times: times**3), Schedule(MINE, curve=lambda times: 1 - (1 - times) ** 3)


def as_a_class() -> tuple[Schedule, Schedule]:
    def version(power: float) -> Schedule:
        class Mine(Schedule):
            def revealed_fractions(self, steps: int | None = None) -> np.ndarray:
                return (np.arange((steps or 4) + 1) / (steps or 4)) ** power

            def __eq__(self, other: object) -> bool:
                return isinstance(other, Schedule) and self.spec == other.spec

            def __hash__(self) -> int:
                return hash(self.spec)

        return Mine(MINE, curve=np.array)

    return version(3.0), version(0.5)


def under_a_known_name() -> tuple[Schedule, Schedule]:
    return as_schedule("cosine"), Schedule(mt.Spec.of("cosine"), curve=lambda times: 1 - (1 - times) ** 3)


BOTH = pytest.mark.parametrize("make", [cell_run_twice, as_a_class, under_a_known_name])


@pytest.mark.refutes("1.6")
@BOTH
@pytest.mark.parametrize("sampler", ["ancestral", "fixed"])
def test_two_schedules_of_one_name_weigh_and_draw_as_each_does(make, sampler):
    first, second = make()
    p, r = (mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=sampler, steps=4, schedule=each) for each in (first, second))
    curve_weights(p, 16)
    explicit = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=sampler, steps=4, schedule=second.revealed_fractions(4))
    np.testing.assert_array_equal(curve_weights(r, 16), curve_weights(explicit, 16))
    states = stream_states("plans", 0, 500)
    Ancestral().draw(states.copy(), 16, 4, first)
    np.testing.assert_array_equal(
        Ancestral().draw(states.copy(), 16, 4, second),
        Ancestral().draw(states.copy(), 16, 4, as_schedule(second.revealed_fractions(4))),
    )
    assert mt.ter(r, BIGRAM, 16, count=400).value == pytest.approx(
        mt.ter(explicit, BIGRAM, 16, count=400).value, rel=0.05
    )
    assert p.identity != r.identity


@pytest.mark.refutes("1.6")
@BOTH
def test_equal_schedules_have_equal_content(make):
    first, second = make()
    assert first.identity_at(4) != second.identity_at(4)
    if make is not as_a_class:
        assert first != second
        assert first.identity != second.identity


@pytest.mark.refutes("1.6")
def test_a_builder_that_was_changed_measures_anew(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebook_cell.py").write_text(
        "from mdmtheory import Spec\nfrom mdmtheory.schedules import Schedule\nPOWER = [3.0]\n"
        "def mine():\n    power = POWER[0]\n    return Schedule(Spec.of('mine'), lambda times: times**power)\n"
    )
    given = {"length": 16, "steps": 4, "samples": 100, "schedule": "notebook_cell:mine"}
    asked = cells("ngram:order=2,vocab_size=4,prune=1", **given)
    before = collect(asked, out=tmp_path / "store.sqlite")
    import notebook_cell  # in the folder that the test is in

    notebook_cell.POWER[0] = 0.5
    after = collect(asked, out=tmp_path / "store.sqlite")
    alone = collect(asked, out=tmp_path / "alone.sqlite")
    assert after["value"].tolist() == alone["value"].tolist()
    assert (after["value"] != before["value"]).all()


@pytest.mark.refutes("1.6")
def test_closed_forms_of_a_family_are_not_those_of_what_borrows_its_name():
    borrowed = Schedule(mt.Spec.of("linear"), curve=lambda times: 1 - (1 - times) ** 2)
    assert mt.exact.kappa(WITH_ZEROS, schedule=borrowed).value == pytest.approx(
        mt.exact.kappa(WITH_ZEROS, schedule="polynomial:power=2").value, rel=1e-6
    )


@pytest.mark.refutes("1.6")
def test_a_comparison_loses_no_schedule_for_its_name():
    with pytest.raises(ValueError, match="two schedules go by the name mine"):
        mt.compare_schedules(BIGRAM, 16, [4], count=50, schedules=cell_run_twice())


@pytest.mark.refutes("1.6")
def test_the_tables_of_an_oracle_are_those_of_its_trust():
    language = mt.as_language("hmm:states=4")
    oracle, context = mt.Oracle(language), [[0, 8, 1, 8]]
    plan = np.array([[1, 2, 2, 3]], dtype=np.int32)
    oracle.run_plan(plan, tokens=language.sample(1, 4, 0))
    oracle.trust = 0.5
    tokens = language.sample(1, 4, 0)
    fresh = mt.Oracle(language, trust=0.5)
    np.testing.assert_array_equal(
        oracle.run_plan(plan, tokens=tokens).log_probs, fresh.run_plan(plan, tokens=tokens).log_probs
    )
    np.testing.assert_array_equal(oracle.conditionals(context), fresh.conditionals(context))


@pytest.mark.parametrize("name", ["linear", "cosine", "polynomial:power=2", "geometric", "geometric:min=0.01,max=5"])
def test_what_is_built_in_goes_by_its_name(name):
    schedule = as_schedule(name)
    assert schedule.identity == schedule.identity_at(7) == [schedule.spec.name, dict(schedule.spec.options)]
    assert schedule == as_schedule(name)
    assert hash(schedule) == hash(as_schedule(name))
    [cell] = cells("parity", length=8, steps=4, schedule=name)
    assert all("plug_ins" not in task.description for task in tasks_of(cell, *Builder().build(cell)))
