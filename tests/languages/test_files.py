"""Saved languages: what is read is what was written, and every damage is named in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mdmtheory as mt


@pytest.mark.parametrize(
    "lang",
    [
        "hmm:states=4",
        "ngram:order=3,vocab_size=3",
        "ngram:order=1",
        "dyck:depth=2",
        "copy:distance=3",
        "equal_pairs",
        "permutation",
        "parity",
        "repetition",
    ],
)
def test_a_saved_language_is_read_back_equal(lang, tmp_path):
    q = mt.as_language(lang)
    q.save(tmp_path / "language.npz")
    read = mt.load_language(tmp_path / "language.npz")
    assert type(read) is type(q)
    assert read == q
    assert read.digest == q.digest
    assert str(read.spec) == lang
    assert (mt.as_language(tmp_path / "language.npz").sample(3, 6, seed=1) == q.sample(3, 6, seed=1)).all()


def rewrite(path, **changes):
    with np.load(path) as file:
        contents = dict(file)
    header = json.loads(contents["header"].tobytes())
    header.update({key: value for key, value in changes.items() if key in header})
    contents["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    contents.update({key: value for key, value in changes.items() if key not in header})
    np.savez(path, **contents)


def test_damaged_files_are_named_in_one_line(tmp_path):
    path = tmp_path / "language.npz"
    mt.as_language("hmm:states=4").save(path)
    whole = path.read_bytes()

    def message():
        with pytest.raises(ValueError, match=".") as error:
            mt.load_language(path)
        assert "\n" not in str(error.value)
        return str(error.value)

    path.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in message()
    path.write_text("not a language")
    assert "truncated or is no language file; save" in message()
    np.savez(path, other=np.ones(3))
    assert "no header" in message()
    path.write_bytes(whole)
    rewrite(path, version=99)
    assert "version 99" in message()
    path.write_bytes(whole)
    rewrite(path, initial=np.array([0.0, 0.0, 0.0, 1.0]))
    assert "changed after it was saved" in message()
    path.write_bytes(whole)
    rewrite(path, initial=np.array([0.5, 0.0, 0.0, 0.0]))
    assert "initial sums to 0.5" in message()
    path.write_bytes(whole)
    rewrite(path, digest=0)
    assert "no header" in message()
    path.unlink()
    path.mkdir()
    assert "is not a file" in message()
    path.rmdir()
    assert "no language file" in message()


def test_saving_needs_the_right_suffix(tmp_path):
    with pytest.raises(ValueError, match=r"does not end in \.npz"):
        mt.as_language("hmm").save(tmp_path / "language.txt")
