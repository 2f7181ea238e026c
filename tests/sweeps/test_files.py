from __future__ import annotations

import pytest

from mdmtheory.sweeps import cells, cells_of, read_toml
from tests.sweeps.small import one_line

TWO = """
length = 32
steps = 4
out = "here.sqlite"

[[sweep]]
lang = "hmm"
sampler = ["ancestral", "stride"]

[[sweep]]
lang = "parity"
steps = "2,8"
"""


def written(tmp_path, text):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return path


def test_every_table_is_a_sweep_that_inherits_what_stands_above(tmp_path):
    keys = read_toml(written(tmp_path, TWO))
    assert keys["out"] == "here.sqlite"
    assert cells_of(keys) == [
        *cells("hmm", length=32, steps=4, sampler="ancestral,stride"),
        *cells("parity", length=32, steps="2,8"),
    ]


def test_what_is_given_wins_over_every_table(tmp_path):
    keys = read_toml(written(tmp_path, TWO))
    found = cells_of(keys, {"steps": "2", "length": "16", "out": "elsewhere.sqlite"})
    assert {(cell.length, cell.steps) for cell in found} == {(16, 2)}
    assert {cell.language for cell in found} == {"hmm", "parity"}


def test_cells_that_two_tables_share_appear_once(tmp_path):
    keys = read_toml(written(tmp_path, TWO + '\n[[sweep]]\nlang = "hmm"\nsampler = "stride"\n'))
    assert len(cells_of(keys)) == 4


def test_a_file_without_tables_is_one_sweep(tmp_path):
    keys = read_toml(written(tmp_path, 'lang = "hmm"\nsteps = 4\n'))
    assert cells_of(keys) == cells("hmm", steps=4)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            '[[sweep]]\nlnag = "hmm"',
            r"\[\[sweep\]\] number 1 has an unknown key 'lnag' .did you mean 'lang'.*; known: lang",
        ),
        ('[[sweep]]\nlang = "hmm"\nout = "x.sqlite"', r"'out' in a \[\[sweep\]\] table; write it above them"),
        ("[[sweep]]\nsamples = true", r"number 1: samples = True is not a whole number"),
        ("sweep = 3", r"sweep is no list of tables; head each of them \[\[sweep\]\]"),
        ('[sweep]\nlang = "hmm"', r"sweep is no list of tables"),
        ("sweep = []", r"sweep is no list of tables"),
    ],
)
def test_a_bad_table_is_refused_in_one_line(tmp_path, text, reason):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=reason) as caught:
        read_toml(path)
    assert str(path) in one_line(caught.value)


def test_a_table_without_a_language_says_which(tmp_path):
    keys = read_toml(written(tmp_path, '[[sweep]]\nlang = "hmm"\nsteps = 2\n[[sweep]]\nsteps = 2\n'))
    with pytest.raises(ValueError, match=r"\[\[sweep\]\] number 2 has no language; give --lang"):
        cells_of(keys)


@pytest.mark.refutes("2.4")
def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'lang = "hmm"\nsteps = 4\n')
    assert read_toml(path) == {"lang": "hmm", "steps": 4}
