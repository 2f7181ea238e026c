"""Sequences that a sweep keeps: the very ones that were counted, there whenever their chunk is, and safe to open."""

from __future__ import annotations

import random
import shutil
import sqlite3
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.metrics.sums import Sums
from mdmtheory.models.finishing import TRUST
from mdmtheory.prompts.drawing import drawn_prompts
from mdmtheory.prompts.registry import given_positions
from mdmtheory.sweeps import collect, merge, samples_file
from mdmtheory.sweeps.forecast import forecast
from mdmtheory.sweeps.samples_file import Row, SamplesFile, beside
from mdmtheory.sweeps.schema import Contents
from mdmtheory.sweeps.store import Store, load
from mdmtheory.sweeps.work import Work
from tests.sweeps.small import LANGUAGE, one_line, rows_of, small_cells

COUNT = 250
FIELDS = ("tokens", "calls", "rounds", "impossible")


def cells(**changed: Any) -> list[mt.Cell]:
    """Two cells of four chunks, most of whose sequences go wrong, and one that never does."""
    given = {"steps": "16,64", "sampler": "ancestral,stride", "length": 512, "samples": COUNT, "metrics": "ser"}
    return small_cells(**{**given, **changed})


def kept_rows(path: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(beside(path))
    rows = connection.execute('SELECT * FROM samples ORDER BY task, "index"').fetchall()
    connection.close()
    return rows


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose sequences are kept, to be copied and not to be changed."""
    path = tmp_path_factory.mktemp("kept") / "store.sqlite"
    collect(cells(), out=path, workers=2, keep_samples=True)
    return path


@pytest.fixture
def store(measured: Path, tmp_path: Path) -> Path:
    shutil.copy(beside(measured), tmp_path / "store.samples.sqlite")
    return Path(shutil.copy(measured, tmp_path / "store.sqlite"))


def same(one: Any, other: Any) -> bool:
    return all((getattr(one, name) == getattr(other, name)).all() for name in FIELDS)


def test_what_is_kept_are_the_very_sequences_and_no_number_changes(measured, tmp_path):
    collect(cells(), out=tmp_path / "plain.sqlite", workers=1)
    assert rows_of(tmp_path / "plain.sqlite") == rows_of(measured)
    assert not beside(tmp_path / "plain.sqlite").exists()
    q = mt.as_language(LANGUAGE)
    found = list(mt.kept_samples(measured))
    assert [(row["sampler"], row["steps"]) for row, _ in found] == [
        (sampler, steps) for sampler in ("ancestral", "stride") for steps in (16, 64)
    ]
    for row, samples in found:
        drawn = mt.MaskedDiffusion(mt.Oracle(q), sampler=row["sampler"], steps=row["steps"]).sample(
            len(samples.tokens), 512, seed=0
        )
        assert same(samples, drawn)
        assert samples.tokens.dtype == np.uint8
        assert row["count"] == len(samples.tokens) == 256
        assert row["value"] == 1 - (q.in_support(samples.tokens) & ~samples.impossible).mean()
        assert row["calls"] is None if samples.unfinished.all() else float(samples.calls[~samples.impossible].mean())


@pytest.mark.parametrize("prompt", ["prefix:size=8", "infill:size=L/2"])
def test_prompts_are_kept_with_their_answers(tmp_path, prompt):
    collect(cells(steps=16, samples=20, prompt=prompt), out=tmp_path / "a.sqlite", keep_samples=True)
    q = mt.as_language(LANGUAGE)
    for row, samples in mt.kept_samples(tmp_path / "a.sqlite"):
        assert row["prompt"] == prompt
        given = given_positions(prompt, q, 512)
        own = drawn_prompts(q, given, len(samples.tokens), 0)
        where = own[0] < q.vocab_size
        assert where.any()
        assert (samples.tokens[:, where] == own[:, where]).all()


def test_a_sweep_goes_on_and_ends_with_the_same_file(measured, tmp_path):
    out = tmp_path / "a.sqlite"
    for samples, steps in ((70, 16), (130, "16,64"), (COUNT, "16,64")):
        collect(cells(samples=samples, steps=steps), out=out, keep_samples=True)
    assert kept_rows(out) == kept_rows(measured)
    assert rows_of(out) == rows_of(measured)


def test_where_errors_stop_the_drawing_so_many_are_kept(tmp_path):
    out = tmp_path / "a.sqlite"
    chosen = cells(steps=16, sampler="ancestral", max_errors=70, samples=2000)
    collect(chosen, out=out, workers=2, keep_samples=True)
    [(row, samples)] = mt.kept_samples(out)
    assert len(samples.tokens) == row["count"] == 192
    collect(chosen, out=out, keep_samples=True)
    assert len(kept_rows(out)) == len(rows_of(out)) == 3


# ----------------------------------------------------------------------------------------- measured before, kept later


def test_what_was_measured_without_is_drawn_again_and_the_store_stays(measured, tmp_path):
    out = tmp_path / "a.sqlite"
    collect(cells(), out=out)
    before = out.read_bytes()
    collect(cells(samples=100), out=out, keep_samples=True)  # fewer than are there
    assert out.read_bytes() == before
    assert len(kept_rows(out)) == 2 * 4
    asked = forecast(cells(), out, keep_samples=True)
    assert [(each.stored_chunks, each.missing_chunks) for each in asked.cells] == [(2, 2)] * 4
    assert {each.missing_chunks for each in forecast(cells(), out).cells} == {0}
    collect(cells(), out=out, keep_samples=True)
    assert out.read_bytes() == before
    assert kept_rows(out) == kept_rows(measured)


def changed(path: Path, **sums: int) -> None:
    """One chunk of the store with other sums, and a good checksum."""
    contents = load(path)
    path.unlink()
    with Store(path) as store:
        store.add([each.task for each in contents.tasks.values()], contents.languages.values())
        for number, (sha, stored) in enumerate(sorted(contents.tasks.items())):
            chunks = list(stored.chunks)
            if number == 0:
                chunks[2] = replace(chunks[2], sums=Sums(chunks[2].sums, **sums))
            store.append({sha: chunks})


def test_a_store_that_is_contradicted_by_what_is_drawn_is_told_of(tmp_path):
    out = tmp_path / "a.sqlite"
    collect(cells(), out=out)
    first = min(load(out).tasks)
    wrong = load(out).tasks[first].chunks[2].sums["calls"] + 1
    changed(out, calls=wrong)
    before = rows_of(out)
    with pytest.raises(
        ValueError, match=rf"^chunk 2 of task {first[:12]}.* contradicts the store \(calls {wrong}"
    ) as told:
        collect(cells(), out=out, keep_samples=True)
    one_line(told.value)
    assert rows_of(out) == before
    assert (first, 2) not in {row[:2] for row in kept_rows(out)}


def test_rows_that_were_published_are_measured_where_their_sequences_are_asked_for():
    plain, keeping = Work.of(cells()), Work.of(cells())
    plain.resume(Contents(), plain.drawing)
    assert not plain.passes
    keeping.resume(Contents(), keeping.drawing, keeps="drawn", kept={})
    assert len(keeping.passes) == 4
    assert {each.work.keeps for each in keeping.passes} == {"drawn"}


# -------------------------------------------------------------------------------------------------- drawn to their end


def test_sequences_are_kept_that_were_drawn_to_their_end(measured, tmp_path):
    out, chosen = tmp_path / "a.sqlite", cells(samples=60, steps=16)
    collect(chosen, out=out, keep_samples=True)
    before = rows_of(out)
    plain = [samples for _, samples in mt.kept_samples(out)]
    assert any(samples.unfinished.any() for samples in plain)
    collect(chosen, out=out, keep_samples=True, finish=True)
    assert rows_of(out) == before
    for one, (row, whole) in zip(plain, mt.kept_samples(out), strict=True):
        assert (whole.tokens < 4).all()
        assert whole.trust == TRUST
        assert (whole.impossible == one.impossible).all()
        right = ~one.impossible
        assert (whole.tokens[right] == one.tokens[right]).all()
        drawn = mt.MaskedDiffusion(mt.Oracle(LANGUAGE), sampler=row["sampler"], steps=16).sample(
            64, 512, seed=0, finish=True
        )
        assert same(whole, drawn)
    finished = kept_rows(out)
    collect(chosen, out=out, keep_samples=True, finish=True)
    assert kept_rows(out) == finished


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"finish": True}, "finish is about sequences that are kept, and none are; give keep_samples=True as well"),
        ({"keep_samples": True, "metrics": "ter"}, "no metric asked for draws sequences that could be kept; add one"),
        (
            {"keep_samples": True, "finish": True, "model": "tests.sweeps.slow:OwnModel"},
            "its model does not say `finishes`; leave finish out",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_there(tmp_path, options, said):
    keeping = {key: options.pop(key) for key in ("keep_samples", "finish") if key in options}
    chosen = cells(**options)
    with pytest.raises(ValueError, match=said) as told:
        collect(chosen, out=tmp_path / "a.sqlite", **keeping)
    one_line(told.value)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------------------- in step


def test_sequences_are_written_before_the_chunks_that_count_them(tmp_path, monkeypatch):
    out = tmp_path / "a.sqlite"

    def full(store: Store, chunks: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "append", full)
        with pytest.raises(OSError, match="full"):
            collect(cells(), out=out, keep_samples=True)
    assert kept_rows(out)
    assert rows_of(out) == []
    with pytest.raises(ValueError, match="no row"):
        mt.kept_samples(out, where="steps == 16")


def test_where_sequences_cannot_be_written_no_chunk_is(tmp_path, monkeypatch):
    out = tmp_path / "a.sqlite"

    def full(file: SamplesFile, rows: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(SamplesFile, "add", full)
    with pytest.raises(OSError, match="full"):
        collect(cells(), out=out, keep_samples=True)
    assert rows_of(out) == []


# ------------------------------------------------------------------------------------------- read, and not believed


def test_cells_are_chosen_and_those_without_are_told_of(measured, tmp_path):
    [(row, samples)] = mt.kept_samples(measured, where='sampler == "stride" and N == 16')
    assert (row["sampler"], row["steps"], len(samples.tokens)) == ("stride", 16, 256)
    out = tmp_path / "a.sqlite"
    collect(cells(samples=50), out=out)
    with pytest.raises(ValueError, match=r"of 4 of 4 cells no sequences are kept in .*a\.samples\.sqlite; sweep them"):
        mt.kept_samples(out)
    collect(cells(steps=16, samples=50), out=out, keep_samples=True)
    with pytest.warns(UserWarning, match="of 2 of 4 cells no sequences are kept"):
        assert len(list(mt.kept_samples(out))) == 2


def test_what_is_damaged_is_named_left_out_and_drawn_again(store):
    genuine, before = {row["steps"]: samples for row, samples in of_ancestral(store)}, kept_rows(store)
    task = next(sha for sha, each in load(store).tasks.items() if is_of(each, 16, "ancestral"))
    connection = sqlite3.connect(beside(store))
    [[packed]] = connection.execute('SELECT packed FROM samples WHERE task = ? AND "index" = 1', (task,)).fetchall()
    plain = bytearray(zlib.decompress(packed))
    plain[0] ^= 1
    connection.execute('UPDATE samples SET packed = ? WHERE task = ? AND "index" = 1', (zlib.compress(plain), task))
    connection.execute('UPDATE samples SET "index" = 7 WHERE task = ? AND "index" = 3', (task,))
    connection.commit()
    connection.close()
    with pytest.warns(UserWarning, match=rf"task {task[:12]}: .*chunk 1 \(its digest differs\); chunk 3 \(not kept\)"):
        found = {row["steps"]: samples for row, samples in of_ancestral(store)}
    assert (found[16].tokens == np.delete(genuine[16].tokens, [*range(64, 128), *range(192, 256)], axis=0)).all()
    assert same(found[64], genuine[64])
    collect(cells(), out=store, keep_samples=True)
    assert [row for row in kept_rows(store) if row[1] < 4] == before


def is_of(stored: Any, steps: int, sampler: str) -> bool:
    return (stored.task.description["steps"], stored.task.names["sampler"]) == (steps, sampler)


def of_ancestral(path: Path) -> Any:
    return mt.kept_samples(path, where='sampler == "ancestral"')


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sequences": 1 << 40}, "it says that it unpacks to"),
        ({"sequences": -1}, "a field is none"),
        ({"itemsize": 8}, "a field is none"),
        ({"packed": b"no zlib"}, "it cannot be unpacked"),
        ({"packed": zlib.compress(bytes(1 << 24))}, "its digest differs"),
        ({"trust": 0.9}, "its digest differs"),
        ({"chunk": 5}, "its digest differs"),
        ({"task": "another"}, "its digest differs"),
        ({"packed": "text"}, "a field is none"),
    ],
)
def test_a_row_that_says_something_else_is_not_believed(changes, said):
    samples = mt.MaskedDiffusion(mt.Oracle("parity"), steps=2).sample(5, 4, seed=0)
    row = Row.of("task", 0, samples)
    assert row.fault is None
    assert same(row.samples(), samples)
    assert said in (row._replace(**changes).fault or "")


@pytest.mark.parametrize("size", [2, 300, 70_000])
def test_tokens_take_no_more_bytes_than_they_need(size):
    tokens = np.array([[0, size - 1]], dtype=mt.core.tokens.token_dtype(size))
    one = np.ones(1, dtype=np.int64)
    row = Row.of("task", 0, mt.core.protocols.Samples(tokens, one, one, one == 0, 0.5))
    assert row.itemsize == tokens.itemsize
    assert row.samples().tokens.dtype == tokens.dtype
    assert row.samples().trust == 0.5


def test_a_bit_flipped_anywhere_is_found_or_changes_nothing(store):
    path = beside(store)
    whole, chance, found = path.read_bytes(), random.Random(0), 0
    genuine = {sha: samples_file.kept(path, sha)[0] for sha in samples_file.tasks(path)}
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            kept = {sha: samples_file.kept(path, sha) for sha in samples_file.tasks(path)}
        except (ValueError, OSError) as error:
            one_line(error)
            found += 1
            continue
        found += any(left_out for _, left_out in kept.values()) or kept.keys() != genuine.keys()
        for sha in kept.keys() & genuine.keys():
            for index, samples in kept[sha][0].items():
                assert same(samples, genuine[sha][index])
    assert found > 20


@pytest.mark.parametrize("content", [b"years of work", None])
def test_another_file_in_its_place_stays_and_nothing_is_measured(tmp_path, content):
    out = tmp_path / "a.sqlite"
    if content is None:
        sqlite3.connect(beside(out)).execute("CREATE TABLE mine (x)").connection.close()
    else:
        beside(out).write_bytes(content)
    before = beside(out).read_bytes()
    with pytest.raises(
        ValueError, match=r"a\.samples\.sqlite is (not a store|where the sequences of a store are kept)"
    ):
        collect(cells(), out=out, keep_samples=True)
    assert beside(out).read_bytes() == before
    assert rows_of(out) == []


# --------------------------------------------------------------------------------------------------------------- merged


def test_merged_stores_have_all_that_was_kept(measured, tmp_path):
    for name, changes in (("a", {"steps": 16}), ("b", {"samples": 100}), ("c", {"sampler": "stride"})):
        collect(cells(**changes), out=tmp_path / f"{name}.sqlite", keep_samples=name != "c")
    merge([tmp_path / f"{name}.sqlite" for name in "abc"], tmp_path / "d.sqlite")
    found = {row[:2]: row for row in kept_rows(tmp_path / "d.sqlite")}
    assert found == {row[:2]: row for name in "ab" for row in kept_rows(tmp_path / f"{name}.sqlite")}
    assert set(found.values()) <= set(kept_rows(measured))
    collect(cells(), out=tmp_path / "d.sqlite", keep_samples=True)
    assert kept_rows(tmp_path / "d.sqlite") == kept_rows(measured)
    beside(tmp_path / "e.sqlite").touch()
    with pytest.raises(ValueError, match=r"e\.samples\.sqlite exists already"):
        merge([measured], tmp_path / "e.sqlite")
    assert not (tmp_path / "e.sqlite").exists()


def test_what_was_kept_otherwise_is_left_and_told_and_what_contradicts_is_refused(store, measured, tmp_path):
    other, chosen = tmp_path / "other.sqlite", cells(steps=16, sampler="ancestral")
    collect(chosen, out=other, keep_samples=True, finish=True)
    with pytest.warns(UserWarning, match="others of the task were finished otherwise"):
        merge([store, other], tmp_path / "both.sqlite")
    assert kept_rows(tmp_path / "both.sqlite") == kept_rows(measured)
    row = Row(*kept_rows(store)[1])
    samples = row.samples()
    samples.tokens[0, 0] ^= 1
    with SamplesFile(beside(store)) as file:
        file.add([Row.of(row.task, row.chunk, samples)])
    with pytest.raises(
        ValueError, match=r"sequences of chunk 1 of task .* are not those of the stores before it"
    ) as told:
        merge([measured, store], tmp_path / "c.sqlite")
    one_line(told.value)
    assert not (tmp_path / "c.sqlite").exists()
    assert not beside(tmp_path / "c.sqlite").exists()
