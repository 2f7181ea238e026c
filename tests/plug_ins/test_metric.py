"""A metric of somebody else's: named in a call it is shown, plotted and certified, and nothing of a store runs it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import mdmtheory as mt
from mdmtheory.conformance.metrics import check_metric
from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.registry import as_metric, as_metrics, measures
from mdmtheory.plots.drawn import drawn_metric
from mdmtheory.sweeps.store import load
from tests.modules import forget_modules

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LANGUAGE = "hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1"
SWEEP = ["sweep", "--lang", LANGUAGE, "--steps", "2,4", "--length", "8", "--samples", "100", "--workers", "1"]
SWEEP += ["--no-figure", "-o", "store.sqlite"]


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with somebody's metric, in which the program is started."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(HERE / "skew.py", tmp_path)
    return tmp_path


def test_it_is_swept_shown_plotted_and_certified_by_name(theirs: Path, run: Callable[..., str]) -> None:
    swept = run(*SWEEP, "--metrics", "ser,skew:Skew")
    assert re.search(r"SER +skew", swept)
    assert len(load("store.sqlite").tasks) == 4  # drawn for one metric, scored for the other
    assert "skew" in run("show", "store.sqlite", "--metrics", "skew:Skew,ter")
    run("plot", "store.sqlite", "--y", "skew:Skew,ter", "-o", "figure.svg")
    assert "skewness of" in (theirs / "figure.svg").read_text()
    assert "passed" in run("certify", "skew:Skew")
    frame = mt.read("store.sqlite", metrics=["skew:Skew", "ter"])
    assert list(dict.fromkeys(frame["metric"])) == ["ter", "skew"]
    language = mt.as_language(LANGUAGE)
    model = mt.MaskedDiffusion(mt.Oracle(language), steps=4)
    [sums] = measures()["score"].count([model], Sequences(language, 8, 0, 0, 4096))
    first, second, third = (sums[name] / 4096 for name in ("nats", "nats_squared", "nats_cubed"))
    found = frame[(frame["metric"] == "skew") & (frame["steps"] == 4)]["value"].item()
    assert found == pytest.approx((third - 3 * first * second + 2 * first**3) / (second - first**2) ** 1.5)


def test_reading_a_store_runs_no_metric_that_was_not_named(theirs: Path, run: Callable[..., str]) -> None:
    run(*SWEEP, "--metrics", "skew:Skew")
    forget_modules(theirs)
    (theirs / "skew.py").write_text("raise RuntimeError('executed')")
    unread = mt.read("store.sqlite")
    assert (len(unread), unread.attrs["not_shown"]) == (0, ["skew:Skew"])
    assert set(mt.read("store.sqlite", metrics="ter,ter_ratio")["metric"]) == {"ter", "ter_ratio"}
    assert "skew" not in run("show", "store.sqlite")
    run("plot", "store.sqlite", "--y", "ter", "-o", "figure.png")
    assert "skew" not in sys.modules


class Mine:
    name, needs, sums = "mine", "score", ("sequences", "nats")

    def __init__(self, **changed: Any) -> None:
        vars(self).update(changed)

    def estimate(self, measured: Any, level: float) -> Any:
        value = measured.sums["nats"] / measured.sums["sequences"]
        return mt.Estimate(value, value - level, value + level, level, "estimate", measured.sums["sequences"])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": "ser"}, "which is taken"),
        ({"name": "two words"}, "one word"),
        ({"needs": "guess"}, "name of a measure: draw, score, score_plans"),
        ({"sums": ("errors",)}, "that measure score makes"),
        ({"sums": "nats"}, "that measure score makes"),
        ({"label": 7}, "give a text"),
        ({"column": "first"}, "`column` is 'first'; give a number"),
        ({"column": float("nan")}, "`column` is nan; give a number"),
        ({"brings": "ser"}, "`brings` is 'ser'; name some of ser, ter"),
        ({"brings": ("nothing",)}, "name some of ser, ter"),
        ({"relative": "yes"}, "give True or False"),
        ({"since": 2}, "measure score has version 1; give that or less"),
    ],
)
def test_what_it_says_of_itself_is_checked_at_the_door(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises((ValueError, ProtocolError), match=reason):
        as_metric(Mine(**changed))


def test_none_is_drawn_by_the_name_of_what_figures_make_of_another() -> None:
    with pytest.raises(ValueError, match="ter_excess is what figures make of ter_ratio"):
        drawn_metric(as_metric(Mine(name="ter_excess")))


class Scaled(Mine):
    label = "scaled"

    def __init__(self, *, by: float = 1.0, about: float = 0.0) -> None:
        self.by = by


def test_two_of_one_name_are_refused_also_where_only_an_option_differs() -> None:
    name = f"{__name__}:Scaled"
    assert len(as_metrics([name, name, "ter", "ter"])) == 2
    for two in ([name, f"{name}:by=2"], [Scaled(by=2.0), Scaled()], [name, Mine()]):
        with pytest.raises(ValueError, match="two metrics go by the name mine"):
            as_metrics(two)


@pytest.fixture
def stored(theirs: Path, run: Callable[..., str]) -> str:
    run(*SWEEP, "--metrics", "ter")
    return "store.sqlite"


def test_one_cell_asked_for_two_of_one_name_is_refused(tmp_path: Path) -> None:
    of_one_name = [f"{__name__}:Scaled", f"{__name__}:Scaled:by=2"]
    both = [cell for name in of_one_name for cell in mt.cells("parity", length=4, steps=2, metrics=name)]
    with pytest.raises(ValueError, match="two metrics go by the name mine"):
        mt.collect(both, out=tmp_path / "store.sqlite")
    assert not (tmp_path / "store.sqlite").exists()


def test_it_is_drawn_with_several_options(stored: str, run: Callable[..., str], theirs: Path) -> None:
    run("plot", stored, "--y", f"{__name__}:Scaled:by=2,about=1,ter", "-o", "figure.svg")
    assert "scaled" in (theirs / "figure.svg").read_text()


@pytest.mark.parametrize(
    ("estimate", "reason"),
    [
        (lambda measured, level: 0.5, "returned a float; return a mdmtheory.Estimate"),
        (lambda measured, level: 1 / 0, "raised ZeroDivisionError"),
        (lambda measured, level: measured.sums["gap"], "raised KeyError: 'gap'"),
        (lambda measured, level: mt.Estimate(0.5, 0.4, 0.6, 0.5, "estimate", 9), "interval of level 0.5"),
        (lambda measured, level: mt.Estimate(0.5, 0.4, float("inf"), level, "estimate", 9), "of finite sums"),
    ],
)
def test_what_it_returns_and_raises_is_its_own_by_name(stored: str, estimate: Any, reason: str) -> None:
    with pytest.raises(ProtocolError, match=f"metric.*{re.escape(reason)}") as caught:
        mt.read(stored, metrics=[Mine(estimate=estimate)])
    assert "\n" not in str(caught.value)


def test_metrics_to_be_read_may_be_a_text_as_in_a_sweep(stored: str) -> None:
    name = f"{__name__}:Scaled:by=2,about=1"
    found, expected = (mt.read(stored, metrics=each) for each in (f"ter,{name}", ["ter", name]))
    assert set(found["metric"]) == {"ter", "mine"}
    assert found.equals(expected)


def test_what_it_withholds_is_said_in_its_row(stored: str) -> None:
    def nothing(measured: Any, level: float) -> Any:
        raise WithheldError("too few", measured.sums["sequences"])

    frame = mt.read(stored, metrics=[Mine(estimate=nothing)])
    assert set(frame["kind"]) == {"withheld (too few)"}
    assert frame["value"].isna().all()


def test_a_sum_that_older_chunks_lack_is_withheld_and_not_guessed() -> None:
    from tests.sweeps.older import FILE

    frame = mt.read(FILE, metrics=[Mine(sums=("sequences", "nats_cubed"))])
    assert set(frame["kind"]) == {"withheld (nats_cubed not summed, measure anew)"}


@pytest.mark.parametrize(
    ("trial", "estimate"),
    [
        ("sums", lambda measured, level: mt.Estimate(len(measured.sums), 0 - level, 99 + level, level, "estimate", 1)),
        ("level", lambda measured, level: mt.Estimate(0.5, 0.4, 0.6, level, "estimate", 1)),
        ("one sequence", lambda measured, level: mt.Estimate(0.5, 0.5, 0.5, level, "estimate", 1)),
    ],
)
def test_a_suite_finds_what_it_does_not_keep(trial: str, estimate: Any) -> None:
    assert check_metric(Mine()).passed
    assert trial in {each.name for each in check_metric(Mine(estimate=estimate)).failures}


IN_THE_PACKAGE = f"""
from mdmtheory.cli.main import main
from mdmtheory.conformance.subjects import everything_built_in

sweep = {[*SWEEP, "--metrics", "skew,ser"]!r}
for words in (["list", "metrics"], sweep, ["certify", "skew"], ["plot", "store.sqlite", "--y", "skew", "-o", "f.svg"]):
    assert main(words) == 0, words
assert "skew" in [each.name for each in everything_built_in() if each.kind == "metric"]
"""


def test_a_file_in_its_room_is_all_that_a_new_metric_needs(
    tmp_path: Path, run_in_a_copy: Callable[[Mapping[str, str], str], str]
) -> None:
    text = (HERE / "skew.py").read_text()
    text = text.replace(
        "from mdmtheory import Estimate\nfrom mdmtheory.core.estimate import WithheldError",
        "\n".join(
            [
                "from mdmtheory.core.estimate import Estimate, WithheldError",
                "from mdmtheory.core.register import registered",
                "from mdmtheory.metrics.metric import Metric",
            ]
        ),
    ).replace("class Skew:", '@registered("metric")\nclass Skew(Metric):')
    printed = run_in_a_copy({"metrics/skew.py": text}, IN_THE_PACKAGE)
    assert re.search(r"^skew +none +The third moment", printed, re.M)
    assert re.search(r"SER +skew", printed)
    assert "skewness of" in (tmp_path / "f.svg").read_text()
