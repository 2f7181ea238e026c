"""Languages of Python in cells: known by their digest, and shown by their spec."""

from __future__ import annotations

import pytest

import mdmtheory as mt

OPTIONS = {"length": 16, "steps": "4,8", "samples": 64, "metrics": "ser"}


def test_cells_of_an_object_are_those_of_its_file(tmp_path):
    q = mt.HMM([0.5, 0.5], [[0.5, 0.5], [1, 0]], [[1, 0], [0, 1]])
    q.save(tmp_path / "q.npz")
    path = tmp_path / "q.npz"
    frames = [
        mt.collect(mt.cells(lang, **OPTIONS), out=tmp_path / f"{number}.sqlite", workers=workers)
        for number, (lang, workers) in enumerate([(q, 1), (q, 2), (str(path), 1), (path, 1)])
    ]
    names = ["seconds", "date", "language", "language.digest"]
    values = [frame.drop(columns=names, errors="ignore") for frame in frames]
    assert all(each.equals(values[0]) for each in values[1:])
    assert set(frames[0]["language"]) == {f"hmm:digest={q.digest[:12]}"}
    assert set(frames[2]["language"]) == {"q"}
    assert "hmm:digest=" in str(mt.cells(q, **OPTIONS)[0])


def test_a_store_goes_on_where_the_language_was_typed_before(tmp_path):
    stored = mt.collect(mt.cells("parity", **OPTIONS), out=tmp_path / "a.sqlite")
    told = []
    again = mt.collect(mt.cells(mt.Parity(), **OPTIONS), out=tmp_path / "a.sqlite", progress=told.append)
    assert told[-1].sequences == 0
    assert again["value"].tolist() == stored["value"].tolist()


def test_objects_and_names_stand_in_one_list_each_language_once():
    named = mt.HMM([1.0], [[1.0]], [[0.5, 0.5]], spec=mt.Spec("coin"))
    found = mt.cells([named, "parity,hmm", named, mt.Parity()], **OPTIONS)
    assert [cell.shown_language for cell in found[::2]] == ["coin", "parity", "hmm", "parity"]
    with pytest.raises(ValueError, match="lang 5 is not a name or a text"):
        mt.cells([5], **OPTIONS)


def test_an_object_of_a_plug_in_is_refused_since_no_store_could_build_it():
    class Mine(mt.Parity):
        pass

    with pytest.raises(ValueError, match="is an object of a plug-in; give its name, as module:name"):
        mt.cells(Mine(), **OPTIONS)
