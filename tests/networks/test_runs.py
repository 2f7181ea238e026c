from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.networks.runs import WEIGHTS
from tests.networks.runs import written_run


def test_a_run_is_read_as_it_was_written(tmp_path):
    written = written_run(tmp_path / "run")
    read = mt.Run.open(tmp_path / "run")
    assert read.record == written.record
    assert read.language.digest == mt.as_language("ngram:order=2").digest
    assert set(read.weights()) == set(written.weights())


def test_a_tilde_is_the_home_of_its_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    written = written_run(tmp_path / "run")
    assert mt.Run.open("~/run").digest == mt.Network("~/run").run.digest == written.digest
    with pytest.raises(ValueError, match="no run ~nobody-at-all/run"):
        mt.Run.open("~nobody-at-all/run")


def test_the_digest_is_of_weights_architecture_and_noise(tmp_path):
    variants = [{}, {"seed": 1}, {"attention": "causal"}, {"noise": "uniform"}, {"length": 9}]
    digests = [written_run(tmp_path / str(number), **each).digest for number, each in enumerate(variants)]
    assert len(set(digests)) == len(digests)
    assert written_run(tmp_path / "again").digest == digests[0]


def test_a_folder_that_is_no_whole_run_is_refused_in_a_line(tmp_path):
    with pytest.raises(ValueError, match="it is not a folder; make one with"):
        mt.Run.open(tmp_path / "nowhere")
    for name in ("run.json", "weights.safetensors"):
        written_run(tmp_path / name)
        (tmp_path / name / name).unlink()
        with pytest.raises(ValueError, match=f"is incomplete, it has no {name}; resume its training"):
            mt.Run.open(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "another"}, "does not tell of a run"),
        ({"version": 2}, "has format version 2, and this version of mdmtheory reads 1"),
        ({"digest": 5}, "something else as its digest"),
        ({"more": 5}, "lacks or adds more"),
        ({"architecture": {}}, "an architecture has"),
        ({"noise": "pink"}, "something else as its noise"),
    ],
)
def test_a_record_that_says_something_else_is_refused_in_a_line(tmp_path, change, said):
    written_run(tmp_path)
    file = tmp_path / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ValueError, match=said) as refused:
        mt.Run.open(tmp_path)
    assert "\n" not in str(refused.value)


def test_damaged_and_exchanged_weights_are_refused_in_a_line(tmp_path):
    written_run(tmp_path / "one")
    written_run(tmp_path / "other", seed=1)
    file = tmp_path / "one" / "weights.safetensors"
    whole = file.read_bytes()
    for wrong, said in (
        (whole[:-10], "truncated or damaged"),
        (b"", "truncated or damaged"),
        ((tmp_path / "other" / file.name).read_bytes(), "are not those that its run.json tells of"),
    ):
        file.write_bytes(wrong)
        with pytest.raises(ValueError, match=said) as refused:
            mt.Run.open(tmp_path / "one")
        assert "\n" not in str(refused.value)
    (tmp_path / "one" / "run.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged, it is no JSON"):
        mt.Run.open(tmp_path / "one")


def test_a_run_of_a_language_that_became_another_is_refused(tmp_path):
    written_run(tmp_path)
    mt.as_language("ngram:order=1").save(tmp_path / "language.npz")
    with pytest.raises(ValueError, match="trained on another language"):
        _ = mt.Run.open(tmp_path).language


def test_a_network_has_the_weights_whose_digest_was_computed_from_one_reading_of_their_file(tmp_path, monkeypatch):
    written_run(tmp_path / "one")
    written_run(tmp_path / "other", seed=1)
    other = (tmp_path / "other" / WEIGHTS).read_bytes()
    read, names = Path.read_bytes, []
    monkeypatch.setattr(Path, "read_bytes", lambda path: names.append(path.name) or read(path))
    kept, exchanged = (mt.Network(tmp_path / "one", device="cpu") for _ in range(2))
    context = np.full((1, 8), kept.vocab_size)
    expected = kept.conditionals(context)
    (tmp_path / "one" / WEIGHTS).write_bytes(other)
    np.testing.assert_array_equal(exchanged.conditionals(context), expected)
    assert names.count(WEIGHTS) == 2, "once by each"
