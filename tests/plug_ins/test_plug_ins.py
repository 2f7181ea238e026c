"""What is somebody else's: one file each, and everything that is done with what is built in is done with it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.plots.board import leaderboard, methods_of
from mdmtheory.plots.style import family_looks, looks
from mdmtheory.sweeps.store import load
from tests.modules import forget_modules

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
[STROLL] = re.findall(
    r"```python\n(import numpy.*?class Stroll.*?)```", (ROOT / "docs" / "plugins.md").read_text(), re.S
)
FILES = ("no_two_ones", "bolder", "bits")
THEIRS = (*FILES, "stroll")
AMBLE = """

class Amble(Stroll):
    spec, identity = Spec.of("amble"), ["amble"]
    version, family = 4, "most confident"
"""
BACKWARDS = """
import numpy as np

from mdmtheory import Spec
from mdmtheory.plans import PlanLawBase


class Backwards(PlanLawBase):
    name = "backwards"
    uses_steps, fixed, one_at_a_time = False, True, True

    def draw(self, states, length, steps, schedule):
        return np.tile(np.arange(length, 0, -1), (len(states), 1))

    def steps_taken(self, length, steps):
        return length
"""
SWEEP = ["sweep", "--lang", "no_two_ones:NoTwoOnes:often=0.4", "--denoiser", "bolder:Bolder:power=1.5"]
SWEEP += ["--sampler", "stroll:Stroll,stroll:Amble,confidence", "--length", "6", "--steps", "3", "--samples", "300"]
SWEEP += ["--metrics", "ser,ter,bits:Bits"]
SWEEP += ["--workers", "1", "--no-figure", "-o", "store.sqlite"]


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with somebody's files, in which the program is started."""
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        shutil.copy(HERE / f"{name}.py", tmp_path)
    (tmp_path / "stroll.py").write_text(STROLL + AMBLE)
    return tmp_path


@pytest.fixture
def swept(theirs: Path, run: Callable[..., str]) -> str:
    return run(*SWEEP)


def test_they_are_swept_resumed_and_shown(swept: str, run: Callable[..., str], theirs: Path) -> None:
    for word in ("no_two_ones:NoTwoOnes", "bolder:Bolder", "stroll:Stroll", "stroll:Amble"):
        assert word in swept
    before = load("store.sqlite")
    assert run(*SWEEP) == swept  # to the second that it took: nothing was measured again
    after = load("store.sqlite")
    assert after.tasks.keys() == before.tasks.keys()
    run(*SWEEP, "--samples", "6000", "--metrics", "ser")
    assert sum(len(each.chunks) for each in load("store.sqlite").tasks.values()) > sum(
        len(each.chunks) for each in before.tasks.values()
    )
    for path in theirs.glob("*.py"):
        path.unlink()
    forget_modules(theirs)
    assert "stroll:Amble" in run("show", "store.sqlite")
    assert not {*THEIRS} & sys.modules.keys()


def test_a_law_over_plans_is_shown_and_drawn_when_it_is_gone(theirs: Path, run: Callable[..., str]) -> None:
    (theirs / "backwards.py").write_text(BACKWARDS)
    sampler = "backwards:Backwards"
    words = ["--lang", "parity", "--length", "4", "--samples", "20", "--sampler", sampler, "--no-figure"]
    swept = run("sweep", *words, "-o", "store.sqlite")
    (theirs / "backwards.py").unlink()
    forget_modules(theirs)
    assert sampler in swept
    assert sampler in run("show", "store.sqlite")
    run("plot", "store.sqlite", "--x", "length", "-o", "figure.png")
    run("merge", "store.sqlite", "-o", "merged.sqlite")


def test_their_metric_is_what_it_says_and_is_drawn(swept: str, run: Callable[..., str], theirs: Path) -> None:
    assert "bits" in swept
    assert "bits" in run("show", "store.sqlite", "--metrics", "ter,bits:Bits")
    frame = mt.read("store.sqlite", metrics=["ter", "bits:Bits"])
    for _, cell in frame.groupby("sampler"):
        ter, bits = (cell[cell["metric"] == name][["value", "low", "high"]].to_numpy(float) for name in ("ter", "bits"))
        assert np.allclose(np.log2(ter), bits)
    run("plot", "store.sqlite", "--y", "bits:Bits", "-o", "bits.png")
    assert (theirs / "bits.png").stat().st_size > 1000


def test_their_versions_stand_in_their_tasks(swept: str) -> None:
    found = [stored.task.description["versions"] for stored in load("store.sqlite").tasks.values()]
    of_others = {"language no_two_ones:NoTwoOnes": 2, "denoiser bolder": 3, "model masked": 1, "schedule linear": 1}
    samplers = {"sampler stroll": 0, "sampler amble": 4, "sampler confidence": 1}
    for versions in found:
        assert of_others.items() <= versions.items() or "schedule linear" not in versions
        assert any(each in samplers.items() for each in versions.items())


def test_they_are_plotted_with_the_look_of_their_family(swept: str, run: Callable[..., str], theirs: Path) -> None:
    run("plot", "store.sqlite", "-o", "figure.png")
    assert (theirs / "figure.png").stat().st_size > 1000
    frame = mt.read("store.sqlite")
    next_of_its_family = family_looks({"stroll:Amble": "most confident"})["stroll:Amble"]
    found = looks("sampler", list(dict.fromkeys(frame["sampler"])), frame.attrs["families"])
    assert (found["stroll:Amble"].colour, found["stroll:Amble"].marker) == (
        next_of_its_family.colour,
        next_of_its_family.marker,
    )
    assert found["stroll:Stroll"].family == "not built in"
    frame["denoiser"] = "oracle"
    assert methods_of(leaderboard(frame))["stroll:Amble"] == next_of_its_family


@pytest.mark.parametrize("name", ["no_two_ones:NoTwoOnes", "bolder:Bolder"])
def test_they_are_certified(theirs: Path, run: Callable[..., str], name: str) -> None:
    assert run("certify", name)  # the sampler is, in tests/cli/test_certify.py


IN_THE_PACKAGE = """
import mdmtheory as mt
from mdmtheory.cli.main import main
from mdmtheory.conformance.subjects import everything_built_in
from mdmtheory.plots.style import family_looks, looks

assert mt.__file__.startswith(__import__("os").getcwd())
sweep = ["sweep", "--lang", "parity", "--sampler", "steady:pace=2,confidence,odd_first:temperature=0.5"]
sweep += ["--length", "4", "--steps", "2", "--samples", "50", "--workers", "1", "--no-figure", "-o", "store.sqlite"]
certify, plot = ["certify", "steady", "odd_first"], ["plot", "store.sqlite", "-o", "figure.png"]
for words in (["list", "samplers"], sweep, certify, plot):
    assert main(words) == 0, words
found = looks("sampler", list(dict.fromkeys(mt.read("store.sqlite")["sampler"])))
for name, look in {"steady": found["steady:pace=2"], "confidence": found["confidence"]}.items():
    own = family_looks()[name]
    print(name, own.family, (own.colour, own.marker) == (look.colour, look.marker), own.marker)
print([each.name for each in everything_built_in() if each.name.startswith("steady")])
"""


def test_a_file_in_its_room_is_all_that_a_new_sampler_needs(
    run_in_a_copy: Callable[[Mapping[str, str], str], str],
) -> None:
    files = {"samplers/steady.py": HERE / "steady.py", "plans/odd_first.py": HERE / "odd_first.py"}
    lines = run_in_a_copy({path: file.read_text() for path, file in files.items()}, IN_THE_PACKAGE).splitlines()
    assert any(re.match(r"steady .*pace=1 +The `pace` positions whose most probable token", line) for line in lines)
    assert any(re.match(r"odd_first .*temperature=1.0.*Odd positions at once", line) for line in lines)
    assert any(re.match(r"odd_first:temperature=0.5 +\d", line) for line in lines)
    assert any(re.match(r"steady:pace=2 +0\.\d+ \[", line) for line in lines)
    assert lines[-3] == "steady most confident True o"
    assert lines[-2] == "confidence most confident True *"
    assert lines[-1] == "['steady', 'steady:pace=2']"
