"""What is too large is refused by the name of a limit, before anything of that size is made."""

from __future__ import annotations

import threading

import pytest

import mdmtheory as mt
from mdmtheory.languages.presets import LANGUAGES, as_language, own_length
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.ranges import numbers

refutes = pytest.mark.refutes("5.3")


def refused(limit: str, make) -> None:
    with pytest.raises(ValueError, match=rf"more than {limit} = [\d,]+ \(mdmtheory.core.limits\); ") as caught:
        make()
    assert "\n" not in str(caught.value)


@refutes
@pytest.mark.parametrize("name", [name for name in LANGUAGES.built_in if name != "permutation"])
def test_no_language_has_sequences_of_a_billion_tokens(name):
    refused("MOST_LENGTH", lambda: as_language(name).validate_length(10**9))
    if own_length(name) is None:
        as_language(name).validate_length(1 << 20)


@refutes
def test_no_cell_has_them():
    refused("MOST_LENGTH", lambda: mt.cells("parity", length=10**9, steps=2))
    refused("MOST_SEQUENCES", lambda: mt.cells("parity", length=4, steps=2, samples=10**15))


def test_no_comparison_has_them(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("mask_ratio,loss\n0.1,1\n0.9,2\n")
    losses = mt.schedules.read_losses(path)
    refused("MOST_LENGTH", lambda: mt.compare_schedules(losses, (1 << 20) + 1, [2]))


@refutes
def test_a_range_has_no_million_points():
    refused("MOST_VALUES", lambda: numbers("1..1000000000000:1000000", "steps"))


@refutes
def test_lists_do_not_multiply_out_to_more_cells_than_can_be_built():
    refused("MOST_CELLS", lambda: mt.cells("parity", length=4, steps=list(range(1, 1002)), seed=list(range(100))))


@pytest.mark.parametrize(
    ("spec", "limit"),
    [
        ("hmm:states=16384", "MOST_TABLE_ENTRIES"),
        ("hmm:states=5000,vocab_size=65000", "MOST_EMISSIONS"),
        ("ngram:order=6,vocab_size=100", "MOST_TABLE_ENTRIES"),
    ],
)
def test_a_random_language_has_a_table_that_can_be_drawn(spec, limit):
    refused(limit, lambda: as_language(spec))


@refutes
def test_a_sequence_and_all_its_states_fit_the_memory_at_once():
    [cell] = mt.cells("hmm:states=600", length=1 << 20, steps=2)
    refused("MOST_ENTRIES_AT_ONCE", lambda: Builder().build(cell))


@refutes
def test_what_takes_long_says_that_it_is_at_work(monkeypatch):
    from mdmtheory.cli import terminal

    said, lines = threading.Event(), []
    monkeypatch.setattr(terminal, "FIRST_WORD_AFTER", 0.001)
    here = terminal.Terminal(0)
    monkeypatch.setattr(here, "say", lambda line: (lines.append(line), said.set()))
    with here.patience():
        said.wait()
    assert "still at work" in lines[0]
