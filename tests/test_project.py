"""The project's own files agree with each other."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

import mdmtheory

ROOT = Path(__file__).parent.parent
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = ["README.md", "CONTRIBUTING.md", "benchmarks/README.md", "paper_checks/README.md"]


def canonical(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement)[0].replace("_", "-").lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("page", [*PAGES, ".ci/run"])
def test_every_target_that_a_page_names_is_in_the_makefile(page):
    # In code only: "make sure" is prose.
    named = re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert named
    assert set(named) <= TARGETS


def test_the_readme_begins_with_the_two_commands():
    blocks = re.findall(r"```\w*\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [line.split("#")[0].strip() for line in blocks[0].splitlines()] == ["make demo", "make test"]


@pytest.mark.parametrize("page", [*PAGES, "docs/findings.md", "docs/leaderboard.md", "docs/samplers.md"])
def test_every_file_that_a_page_links_to_is_there(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_experiments_that_the_readme_names_are_there():
    named = set(re.findall(r"experiments/\w+\.toml", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_public_names_that_the_readme_uses_are_there():
    used = set(re.findall(r"\bmt\.(\w+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert used
    assert [name for name in used if not hasattr(mdmtheory, name)] == []


def named_in(page: str) -> set[str]:
    """The names of the package that a page gives: `mt.x.y`, `mdmtheory.x.y`, and `room.x` in backquotes."""
    text = (ROOT / page).read_text(encoding="utf-8")
    inside = (ROOT / "mdmtheory").iterdir()
    rooms = "|".join(sorted(path.stem for path in inside if path.stem[0] != "_" and path.suffix in ("", ".py")))
    found = re.findall(r"\b(?:mt|mdmtheory)\.((?:\w+\.)*\w+)", text)
    found += re.findall(rf"`((?:{rooms})\.(?!py\b)[\w.]*\w)[`(]", text)
    return set(found) - GONE


GONE = {
    "plans.SAMPLERS",
    "plans.as_plan_law",
    "plans.PLAN_LAWS",
    "sweeps.plan_of",
    "metrics.counts",
    "metrics.estimates",
}
"""Names that the changelog gives as what something was called before."""


def found_by(name: str) -> bool:
    """Whether a dotted name leads to something, importing modules on the way."""
    value: object = mdmtheory
    path = "mdmtheory"
    for part in name.split("."):
        path = f"{path}.{part}"
        if not hasattr(value, part):
            try:
                value = importlib.import_module(path)
            except ModuleNotFoundError:
                return False
        else:
            value = getattr(value, part)
    return True


@pytest.mark.refutes("1.8")
def test_every_name_that_the_changelog_gives_leads_somewhere():
    named = named_in("CHANGELOG.md")
    assert {"samplers.as_sampler", "samplers.SAMPLERS"} <= named
    assert [name for name in sorted(named) if not found_by(name)] == []


@pytest.mark.parametrize("page", [*PAGES[:2], *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_every_name_that_a_page_gives_leads_somewhere(page):
    assert [name for name in sorted(named_in(page)) if not found_by(name)] == []


@pytest.mark.refutes("1.8")
def test_samplers_are_had_by_name():
    assert mdmtheory.samplers.as_sampler("stride").plan(3, 2).tolist() == [1, 2, 1]
    assert "verify" in mdmtheory.samplers.SAMPLERS


@pytest.mark.refutes("4.2")
def test_all_files_are_written_in_one_way():
    # The cache of kernels is no result: it may be lost, and no user's file stands in its place.
    elsewhere = {"core/writing.py", "core/kernel_cache.py"}
    writes = re.compile(r"""\.write_(text|bytes)\(|open\([^)\n]*["'][wax]b?\+?["']|\.(savefig|savez)\((path|out)\b""")
    package = ROOT / "mdmtheory"
    found = [path for path in package.rglob("*.py") if writes.search(path.read_text(encoding="utf-8"))]
    assert {path.relative_to(package).as_posix() for path in found} <= elsewhere


def test_everything_installed_has_one_exact_version():
    extras = PROJECT["optional-dependencies"].values()
    wanted = {canonical(each) for group in (PROJECT["dependencies"], *extras) for each in group}
    assert wanted - set(pins()) == set()
    assert pins()["torch"] == "2.13.0"


def test_the_citation_names_the_version():
    assert f"version: {mdmtheory.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
