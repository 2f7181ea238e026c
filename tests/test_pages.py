"""What pages tell to type does what they show: run in order, in a folder that has what a fresh clone has."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import typer

from mdmtheory.cli.main import app
from tests.cli.test_info import SHORTER

ROOT = Path(__file__).parent.parent
pages = runpy.run_path(str(ROOT / "docs" / "pages.py"))
TASKS = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
PLUGINS = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
FRESH = {Path(name).parts[0] for name in pages["NEEDED"]}


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
        *FRESH, "results", "initial.csv", "transition.csv", "emission.csv",
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


README = (ROOT / "README.md").read_text(encoding="utf-8")
SCHEDULE = (ROOT / "docs" / "schedule.md").read_text(encoding="utf-8")
PARSED = ("leaderboard", "train", "bounds")
"""Verbs whose lines are read to their last option and not run: hours, minutes, and half a minute, tested elsewhere."""
NEEDS_A_RUN = "runs/bigram"


def parsed(words: list[str]) -> None:
    """Reads a command line as the program does; an error of usage where it is none."""
    program = typer.main.get_command(app)
    context = program.make_context("mdmtheory", words[1:], resilient_parsing=False)
    name, verb, rest = program.resolve_command(context, [*context._protected_args, *context.args])
    verb.make_context(name, rest, parent=context)


def less(words: list[str]) -> list[str] | None:
    """The same command with options behind its own that make it shorter; None where it is only read."""
    typed = " ".join(words)
    if (words[1] in PARSED and "results/mine.npz" not in typed) or NEEDS_A_RUN in typed:
        parsed(words)
        return None
    if words[1] == "sweep":
        drawn = typed.endswith("--lang hmm --steps 64..2048")  # the first line says that it makes a figure
        length = "16..64" if "L/4" in typed else "64" if "file:path" in typed else "32"
        more = ["--samples", "20"] if drawn else ["--samples", "4", "--no-figure"]
        return [*words, "--workers", "1", "--length", length, *more, *(["--steps", "4,8"] if ".toml" in typed else [])]
    more = {"steps": ["--length", "8..32", "--ser", "0.1", "--count", "50"], "schedule": ["--length", "64"]}
    steps = ["--steps", "8,16,64"] if "256" in typed and words[1] == "schedule" else []
    return [*words, *more.get(words[1], []), *steps]


def shorter(code: str) -> str:
    return re.sub(r"\b\d+\b", lambda number: SHORTER.get(number[0], number[0]), code)


@pytest.mark.parametrize("page", [README, SCHEDULE], ids=["README", "schedule"])
@pytest.mark.usefixtures("fresh")
def test_every_line_runs_in_order_in_a_fresh_clone_and_leaves_nothing_that_git_sees(page):
    _, runs = pages["run_page"](page, less, shorter)
    assert len(runs) > 4
    assert {each.name for each in Path().iterdir()} <= {*FRESH, "results"}
    assert [path for path in pages["NEEDED"] if not Path(path).exists()] == []


def test_what_is_only_read_is_refused_where_no_such_option_is():
    parsed(["mdmtheory", "leaderboard", "--anew"])
    with pytest.raises(Exception, match="No such option"):
        parsed(["mdmtheory", "leaderboard", "--again"])
