"""The committed store has what tests of figures look for in it."""

from __future__ import annotations

from mdmtheory.sweeps.store import load
from tests.plots.stores.make import STORE, every_cell


def test_it_is_small_and_whole():
    contents = load(STORE)
    assert STORE.stat().st_size < 400_000
    assert not contents.left_out
    assert len(contents.languages) == 2
    assert all(stored.chunks for stored in contents.tasks.values())


def test_it_holds_the_cells_that_its_maker_names(stored):
    held = stored[["model", "sampler", "length", "steps"]].astype(object)
    wanted = {(str(each.model), str(each.sampler or ""), each.length, each.steps or "") for each in every_cell()}
    assert set(held.where(held.notna(), "").itertuples(index=False, name=None)) == wanted


def test_its_rows_are_of_all_kinds(stored):
    kinds = stored["kind"].str
    assert {"exact", "estimate", "upper bound"} <= set(stored["kind"])
    assert kinds.startswith("withheld").any()
    assert kinds.contains("cut from").any()
    ser = stored[stored["metric"] == "ser"]
    assert (ser["value"] == 0).any()
    assert (ser["value"] > 0.5).any()
    assert set(stored["seed"]) == {0, 1}
    assert set(stored["prompt"].dropna()) == {"prefix:size=16"}
    assert set(stored["denoiser"].dropna()) == {"oracle", "perturbed:epsilon=0.1"}
    parts = stored[stored["length"] == 4 * stored["steps"]]
    assert set(parts["length"]) == {16, 32, 64}
    without_ter = set(stored["sampler"].dropna()) - set(stored.loc[stored["metric"] == "ter", "sampler"])
    assert without_ter == {"draw_confidence"}
