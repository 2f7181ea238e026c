"""The project's own files agree with each other."""

from __future__ import annotations

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


def test_everything_installed_has_one_exact_version():
    extras = PROJECT["optional-dependencies"].values()
    wanted = {canonical(each) for group in (PROJECT["dependencies"], *extras) for each in group}
    assert wanted - set(pins()) == set()
    assert pins()["torch"] == "2.13.0"


def test_the_citation_names_the_version():
    assert f"version: {mdmtheory.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
