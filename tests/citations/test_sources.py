"""Whatever has a name says where it is from, in works that the file of references has; and the file has no others."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import mdmtheory
from mdmtheory.citations.bibtex import references
from mdmtheory.citations.cited import REGISTERS, Cited, everything
from mdmtheory.core.register import things_in
from mdmtheory.core.sources import SOFTWARE, Ours
from mdmtheory.samplers.planned import PLAN_LAWS
from mdmtheory.tasks.base import Task
from mdmtheory.theory import Statement, statements

PACKAGE = Path(mdmtheory.__file__).parent
NUMBER = re.compile(r"(?<![\d.])((?:0[7-9]|[12]\d)(?:0[1-9]|1[0-2])\.\d{4,5})(?![\d.])")
"""A number of arXiv."""
EPRINTS = {each.eprint: key for key, each in references().items() if each.eprint}
SILENT = {"plan law", "prompt", "data", "measure", "embedding", "oracle"}
"""Registered, and in no register of what is cited: laws over plans are samplers, the rest is nothing to be credited."""


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """The code of the package, each node with its file."""
    code = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    return [(path, node) for path, text in code.items() for node in ast.walk(ast.parse(text))]


def kinds() -> set[str]:
    """What is registered anywhere, by what stands in the code."""
    calls = [node for _, node in nodes() if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return {ast.literal_eval(node.args[0]) for node in calls if node.func.id == "registered"}


def texts() -> list[tuple[str, str]]:
    """Every text in the code, docstrings among them, with its file."""
    constants = [(path, node.value) for path, node in nodes() if isinstance(node, ast.Constant)]
    return [(path, value) for path, value in constants if isinstance(value, str)]


def test_every_kind_of_thing_is_cited_or_left_out_on_purpose():
    assert kinds() == set(REGISTERS) | SILENT


@pytest.mark.parametrize("thing", everything(), ids=lambda each: f"{each.kind} {each.name}")
def test_it_says_its_sources(thing: Cited):
    assert thing.sources, f"say sources=(...) of {thing.kind} {thing.name}: keys of citations/references.bib, or Ours"
    assert [key for key in thing.works if key not in references()] == []
    assert len(set(thing.sources)) == len(thing.sources)
    assert sum(isinstance(each, Ours) for each in thing.sources) <= 1


def test_laws_over_plans_are_from_where_the_samplers_are():
    samplers = REGISTERS["sampler"]
    assert {name: PLAN_LAWS.about(name).sources for name in PLAN_LAWS} == {
        name: samplers.about(name).sources for name in PLAN_LAWS
    }


@pytest.mark.parametrize("statement", statements().values(), ids=lambda each: each.id)
def test_a_statement_tells_in_words_what_its_keys_do(statement: Statement):
    numbers = set(NUMBER.findall(statement.source))
    keys = [each for each in statement.sources if isinstance(each, str)]
    eprints = {eprint for key in keys if (eprint := references()[key].eprint)}
    assert numbers == eprints
    assert ("ours" in statement.source) == (statement.ours is not None)


def test_a_task_that_is_ours_in_part_was_searched_for():
    """Breaks where `ours` is said of a task without a search."""
    tasks = [thing for thing in things_in("mdmtheory.tasks") if isinstance(thing, type) and issubclass(thing, Task)]
    said = {each.kind: "ours" in each.source for each in tasks if hasattr(each, "source")}
    assert sum(said.values()) > 5
    searched = {
        kind: any(isinstance(each, Ours) for each in REGISTERS["language"].about(kind).sources) for kind in said
    }
    assert said == searched


def test_a_task_tells_in_words_what_its_keys_do():
    tasks = [thing for thing in things_in("mdmtheory.tasks") if isinstance(thing, type) and issubclass(thing, Task)]
    told = {each.kind: set(NUMBER.findall(each.source)) for each in tasks if hasattr(each, "source")}
    assert len(told) > 7
    languages = REGISTERS["language"]
    for kind, numbers in told.items():
        keys = [each for each in languages.about(kind).sources if isinstance(each, str)]
        assert numbers == {eprint for key in keys if (eprint := references()[key].eprint)}, kind


def test_every_number_of_arxiv_in_the_package_is_of_a_work_in_the_file():
    found = [(path, number) for path, text in texts() for number in NUMBER.findall(text)]
    assert len(found) > 50
    assert [each for each in found if each[1] not in EPRINTS] == []


def test_every_work_in_the_file_is_cited_somewhere():
    keys = {key for each in everything() for key in each.works}
    whole = "\n".join(text for _, text in texts())
    keys |= {EPRINTS[number] for number in NUMBER.findall(whole)}
    for key in set(references()) - keys:
        entry = references()[key]
        first = entry.plain("author").split(" and ")[0].split(",")[0]
        if re.search(rf"\b{re.escape(first)}\b[^.;]{{0,90}}\b{entry.fields.get('year')}\b", whole):
            keys.add(key)
    assert set(references()) - {SOFTWARE} - keys == set()


def test_what_is_ours_was_searched_for_on_a_day():
    with pytest.raises(ValueError, match="words that were searched for"):
        Ours(" ", "2026-11-29")
    with pytest.raises(ValueError, match="write it as 2026-11-29"):
        Ours("masked diffusion", "November")
