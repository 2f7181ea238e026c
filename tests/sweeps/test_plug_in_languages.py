"""Languages of somebody else's in a store: the protocol is enough, and their package is not needed to read."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from mdmtheory.sweeps import cells, collect, merge, read, schema
from tests.modules import forget_modules
from tests.sweeps.small import rows_of

MODULE = """
from mdmtheory.core.spec import Spec
from mdmtheory.languages.parity import Parity


class Mine:
    vocab_size, spec, digest = 2, Spec.of("mine"), "a digest of my own"

    def __init__(self):
        own = Parity()
        for name in ("sample", "log_prob", "in_support", "entropy", "entropy_rate", "oracle", "validate_length"):
            setattr(self, name, getattr(own, name))

    def parameters(self):
        return {"a function": print}


class Other(Mine):
    digest = "a digest of my own too"


class OfAKind(Mine):
    kind = "mine:OfAKind"

    def parameters(self):
        return {"size": 3}


class Borrowing(Mine):
    kind = "hmm"
"""
NAMES = ("mine:Mine", "mine:OfAKind", "mine:Borrowing")


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package of the languages, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    return path


def swept(*languages: str, out: str = "s.sqlite", steps: str = "2"):
    chosen = cells(list(languages), length=6, steps=steps, samples=20, metrics="ser,ter,cross_entropy")
    return collect(chosen, out=out, workers=1)


@pytest.mark.refutes("4.4")
@pytest.mark.parametrize("name", NAMES)
def test_a_plug_in_beside_a_good_cell_is_stored_shown_and_resumed(name: str) -> None:
    frame = swept(name, "parity")
    assert set(frame["language"].str.partition("@")[0]) == {name, "parity"}
    of_it = frame["language"] != "parity"
    columns = ["metric", "value", "low", "high", "count"]
    assert frame[of_it][columns].reset_index(drop=True).equals(frame[~of_it][columns].reset_index(drop=True))
    assert read("s.sqlite").equals(frame)
    before = rows_of(Path("s.sqlite"))
    swept(name, steps="2,3")
    after = rows_of(Path("s.sqlite"))
    assert set(before) < set(after)
    assert read("s.sqlite").merge(frame, how="inner").shape == frame.shape  # not measured again, to the second


@pytest.mark.refutes("4.4")
@pytest.mark.parametrize("name", NAMES)
def test_where_its_package_is_absent_it_is_shown_by_name_and_digest(name: str, package: Path) -> None:
    frame = swept(name, "parity")
    package.unlink()
    forget_modules(package.parent)
    found = read("s.sqlite")
    assert found.equals(frame)
    assert set(found["language"]) == {"parity", f"{name}@a digest of "}
    assert len(swept("parity", steps="2,3")) == len(frame)
    assert "mine" not in sys.modules


@pytest.mark.refutes("4.4")
def test_plug_ins_are_merged() -> None:
    one, other = swept(*NAMES[:1], out="a.sqlite"), swept(*NAMES[:1], "parity", out="b.sqlite", steps="3")
    merge(["a.sqlite", "b.sqlite"], "c.sqlite")
    assert len(read("c.sqlite")) == len(one) + len(other)
    swept(NAMES[0], "parity", out="c.sqlite", steps="3")
    assert len(rows_of(Path("c.sqlite"))) == len(rows_of(Path("a.sqlite"))) + len(rows_of(Path("b.sqlite")))


@pytest.mark.refutes("4.4")
def test_what_only_its_package_can_read_is_not_stored() -> None:
    swept(*NAMES)
    connection = sqlite3.connect("s.sqlite")
    assert connection.execute("SELECT name, kind, parameters FROM language").fetchall() == [(NAMES[0], "", "")]
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.USER_VERSION,)
    connection.close()


@pytest.mark.refutes("4.4")
def test_two_plug_ins_of_one_name_are_told_apart(package: Path) -> None:
    swept("mine:Mine")
    package.write_text(MODULE.replace("class Mine:", "class Was:").replace("Other(Mine)", "Mine(Was)"))
    forget_modules(package.parent)
    swept("mine:Mine")
    assert set(read("s.sqlite")["language"]) == {"mine:Mine@a digest of my own", "mine:Mine@a digest of my own "}


@pytest.mark.refutes("4.4")
@pytest.mark.parametrize("digest", ["7", '""', '"\\u00e9"', "None"])
def test_a_digest_that_is_none_is_refused_by_name_before_anything_is_measured(package: Path, digest: str) -> None:
    package.write_text(MODULE.replace('"a digest of my own"', digest))
    with pytest.raises((ValueError, RuntimeError), match="digest") as caught:
        swept("mine:Mine")
    assert "mine:Mine" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not Path("s.sqlite").exists()
