"""What pages tell to type does what they show: run in order, in a folder that has what a fresh clone has."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
pages = runpy.run_path(str(ROOT / "docs" / "pages.py"))
TASKS = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
PLUGINS = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages read, in which the test is run."""
    pages["fresh_copy"](tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cells(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


def without_seconds(text: str) -> list[Any]:
    """The lines of a page, cell by cell, but for seconds, which no two runs have alike."""
    lines: list[Any] = []
    at: int | None = None  # counted from the right, since cells on the left may be empty
    for line in text.splitlines():
        found = cells(line)
        if "seconds" in found:
            at = found.index("seconds") - len(found)
        elif len(found) < 2 or line.startswith("$"):
            at = None
        elif at is not None:
            del found[at]
        lines.append(found)
    return lines


@pytest.mark.usefixtures("fresh")
def test_the_tasks_print_what_their_page_shows_and_leave_what_they_name():
    written, runs = pages["run_page"](TASKS)
    assert without_seconds(written) == without_seconds(TASKS)
    named = {name for run in runs for name in re.findall(r"(?:-o|--out|--sizes-out) (results/\S+)", run.code)}
    assert len(named) == 13
    assert [name for name in named if Path(name).stat().st_size < 100] == []
    assert {each.name for each in Path().iterdir()} == {
        "docs", "examples", "experiments", "results", "initial.csv", "transition.csv", "emission.csv",
    }  # fmt: skip


def test_seconds_alone_may_differ():
    table = "steps  calls  seconds\n   16  15.76    0.646\n   32         0.901\n"
    assert without_seconds(table) == without_seconds(table.replace("0.901", "12"))
    assert without_seconds(table) != without_seconds(table.replace("15.76", "15.77"))
    middle = "steps  seconds  method\n 16  0.1  exact"
    assert without_seconds(middle) == without_seconds(middle.replace("0.1", "0.2"))
    assert without_seconds(middle) != without_seconds(middle.replace("exact", "measured"))


def test_each_task_is_three_commands_or_ten_lines():
    tasks = re.split(r"^## \d\. ", TASKS, flags=re.MULTILINE)[1:]
    assert len(tasks) == 6
    for task in tasks:
        consoles = re.findall(r"```console\n(.*?)```", task, flags=re.DOTALL)
        assert 1 <= sum(len(pages["COMMAND"].findall(each)) for each in consoles) <= 3, task
        for code in re.findall(r"```python\n(.*?)```", task, flags=re.DOTALL):
            assert len([line for line in code.splitlines() if line.strip()]) <= 10


def test_the_figures_of_the_tasks_are_those_that_they_draw():
    for link in re.findall(r"!\[[^]]*\]\(([^)]+)\)", TASKS):
        assert (ROOT / "docs" / link).exists()
        assert f"-o results/{Path(link).name}\n" in TASKS


@pytest.mark.usefixtures("fresh")
def test_a_sampler_with_a_budget_gains_what_its_page_says():
    """And is certified: its first command ends with exit status 0."""
    part = pages["section"](PLUGINS, "A budget of steps, well spent")
    written, runs = pages["run_page"](part)
    assert without_seconds(written) == without_seconds(part)
    assert runs[1].code == "mdmtheory certify examples.golden:Golden"
    found = {(row[0], row[1], row[2]): float(row[3].split()[0]) for row in map(cells, runs[2].printed.splitlines()[3:])}
    golden, stride = (
        {key[::2]: value for key, value in found.items() if key[1] == name}
        for name in ("examples.golden:Golden", "stride")
    )
    assert golden["copy:distance=16", "16"] == 0
    assert stride["copy:distance=16", "16"] == 1
    assert golden["hmm", "8"] > stride["hmm", "8"]  # the price


@pytest.mark.parametrize("name", ["golden", "given_up"])
def test_examples_are_the_code_of_their_page(name):
    text = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    code = text.split('"""', 2)[2].lstrip()
    assert f"```python\n{code}```" in PLUGINS


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("```sh\nmdmtheory show missing.sqlite\n```", "ended with exit status 2"),
        ("```console\n$ rm results\n```", "pages run mdmtheory alone"),
    ],
)
def test_a_command_that_fails_ends_the_page(block, message):
    with pytest.raises(SystemExit, match=message):
        pages["run_page"](block)
