from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mdmtheory.metrics.sums import Sums
from mdmtheory.sweeps import collect, merge, read
from mdmtheory.sweeps.store import Store, load
from tests.sweeps.small import one_line, rows_of, small_cells


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two stores that share a task: one has more of its chunks, the other has tasks of its own."""
    folder = tmp_path_factory.mktemp("halves")
    collect(small_cells(steps=4), out=folder / "a.sqlite")
    collect(small_cells(samples=100), out=folder / "b.sqlite")
    return folder / "a.sqlite", folder / "b.sqlite"


def altered(path: Path, folder: Path, **changes: object) -> Path:
    """A store with the same tasks, and one chunk of one scoring task changed (with a good checksum)."""
    contents = load(path)
    out = folder / "altered.sqlite"
    with Store(out) as store:
        store.add([each.task for each in contents.tasks.values()], contents.languages.values())
        for sha, stored in contents.tasks.items():
            chunks = list(stored.chunks)
            if stored.task.measure == "score":
                sums = chunks[1].sums
                changed = {key: value(sums[key]) for key, value in changes.items()}
                chunks[1] = replace(chunks[1], sums=Sums(sums, **changed), seconds=2 * chunks[1].seconds)
            store.append({sha: chunks})
    return out


def test_the_union_is_what_one_sweep_would_have_written(halves, tmp_path):
    merge(halves, tmp_path / "c.sqlite")
    collect(small_cells(samples=100), out=tmp_path / "whole.sqlite")
    collect(small_cells(steps=4), out=tmp_path / "whole.sqlite")
    assert rows_of(tmp_path / "c.sqlite") == rows_of(tmp_path / "whole.sqlite")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["c.sqlite", "whole.sqlite"]


def test_the_order_of_the_stores_does_not_matter_nor_does_naming_one_twice(halves, tmp_path):
    a, b = halves
    merge([a, b, a], tmp_path / "ab.sqlite")
    merge([b, a], tmp_path / "ba.sqlite")
    assert rows_of(tmp_path / "ab.sqlite") == rows_of(tmp_path / "ba.sqlite")


def test_a_sweep_goes_on_from_a_merged_store(halves, collected, tmp_path):
    merge(halves, tmp_path / "c.sqlite")
    collect(small_cells(), out=tmp_path / "c.sqlite")
    assert rows_of(tmp_path / "c.sqlite") == rows_of(collected)


def test_last_bits_of_nats_may_differ(collected, tmp_path):
    other = altered(
        collected, tmp_path, nats=lambda nats: nats * (1 + 5e-13), nats_cubed=lambda cubes: cubes * (1 + 5e-13)
    )
    assert rows_of(other) != rows_of(collected)
    merge([collected, other], tmp_path / "c.sqlite")
    assert rows_of(tmp_path / "c.sqlite") == rows_of(collected)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("nats", lambda nats: nats * (1 + 5e-12)),
        ("nats_cubed", lambda cubes: cubes * (1 + 1e-10)),
        ("nats", lambda nats: math.inf),
        ("gap", lambda gap: gap + 1e-6),
        ("gap_cubed", lambda cubes: 1.001 * cubes + 10),
        ("tokens", lambda tokens: tokens + 1),
    ],
)
def test_stores_that_disagree_are_not_merged(collected, tmp_path, field, change):
    other = altered(collected, tmp_path, **{field: change})
    with pytest.raises(ValueError, match=rf"chunk 1 of task .*: score.* contradicts .*{field} ") as caught:
        merge([collected, other], tmp_path / "c.sqlite")
    assert str(other) in one_line(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == [other.name]


@pytest.mark.parametrize("squares", [1e300, math.inf, -1.0])
def test_sums_too_large_for_their_third_powers_are_told_as_well(collected, tmp_path, squares):
    changes = {
        "nats_squared": lambda _: squares,
        "gap_squared": lambda _: squares,
        "nats_cubed": lambda cubes: cubes + 1,
    }
    other = altered(collected, tmp_path, **changes)
    for both in ([other, collected], [collected, other]):
        with pytest.raises(ValueError, match=r"chunk 1 of task .*: score.* contradicts"):
            merge(both, tmp_path / "c.sqlite")


def test_a_file_that_is_there_is_not_written_over(collected, store):
    before = store.read_bytes()
    with pytest.raises(ValueError, match="exists already") as caught:
        merge([collected], store)
    one_line(caught.value)
    assert store.read_bytes() == before


def test_nothing_to_merge_and_a_damaged_store(store, tmp_path):
    with pytest.raises(ValueError, match="no stores"):
        merge([], tmp_path / "c.sqlite")
    store.write_bytes(store.read_bytes()[:5000])
    with pytest.raises(ValueError, match="damaged") as caught:
        merge([store], tmp_path / "c.sqlite")
    assert str(store) in one_line(caught.value)
    assert not (tmp_path / "c.sqlite").exists()


def test_languages_of_one_name_are_told_apart(tmp_path, collected):
    from mdmtheory.languages.presets import as_language
    from mdmtheory.sweeps import cells, read

    paths = []
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        as_language(f"hmm:states=4,vocab_size=3,seed={seed}").save(tmp_path / str(seed) / "mine.npz")
        paths.append(str(tmp_path / str(seed) / "mine.npz"))
    out = tmp_path / "store.sqlite"
    found = collect(cells(paths, steps=4, samples=10, metrics="ser,cross_entropy"), out=out)
    assert found["language"].nunique() == 2
    assert found["language"].str.fullmatch("mine@[0-9a-f]{8}").all()
    shutil.copy(out, tmp_path / "copy.sqlite")
    alone = collect(cells(paths[:1], steps=4, samples=10, metrics="ser,cross_entropy"), out=tmp_path / "alone.sqlite")
    assert set(alone["language"]) == {"mine"}
    assert read(tmp_path / "alone.sqlite").equals(alone)


def test_it_says_what_was_new_and_what_was_equal(halves, tmp_path):
    a, b = halves
    first, second, again = merge([a, b, a], tmp_path / "c.sqlite")
    assert str(first) == f"{a}: 2 cells, 2 new and 0 equal; 16 chunks, 16 new and 0 equal"
    # Two cells are those of the first store, with fewer chunks.
    assert (second.cells_new, second.cells_equal, second.chunks_new, second.chunks_equal) == (2, 2, 8, 8)
    assert (again.cells_new, again.cells_equal, again.chunks_new, again.chunks_equal) == (0, 2, 0, 16)


def test_a_filter_takes_over_the_cells_that_it_chooses_alone(halves, collected, tmp_path):
    a, b = halves
    found = merge([a, b], tmp_path / "c.sqlite", where='sampler == "stride" and steps >= 64')
    assert [(each.cells_new, each.left) for each in found] == [(0, 2), (1, 3)]
    assert str(found[0]).endswith("; 2 cells left, which the filter does not choose")
    frame = read(tmp_path / "c.sqlite")
    assert set(zip(frame["sampler"], frame["steps"], strict=True)) == {("stride", 64)}
    assert set(rows_of(tmp_path / "c.sqlite")) < set(rows_of(b))
    with pytest.raises(ValueError, match="no row has steps > 64; steps here: 4, 64"):
        merge([a, b], tmp_path / "d.sqlite", where="steps > 64")
    with pytest.raises(ValueError, match="no column 'metric'; known: language"):
        merge([a, b], tmp_path / "d.sqlite", where='metric == "ser"')
    # Every cell that contradicts is counted; what is not chosen is in nobody's way.
    other = altered(collected, tmp_path, nats=lambda nats: 2 * nats)
    with pytest.raises(ValueError, match=r"; and 1 more; 4 cells refused, and nothing is merged"):
        merge([collected, other], tmp_path / "d.sqlite")
    with pytest.raises(ValueError, match="; 1 cell refused"):
        merge([collected, other], tmp_path / "d.sqlite", where='sampler == "stride" and steps == 4')
    assert not (tmp_path / "d.sqlite").exists()
