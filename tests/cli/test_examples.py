"""Lines in the help of verbs, and sweeps that come with the project."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from mdmtheory.cli.examples import EXAMPLES
from mdmtheory.cli.main import app
from mdmtheory.sweeps import files

ROOT = Path(__file__).parents[2]
PROGRAM = typer.main.get_command(app)


def verbs(command=PROGRAM, path=()):
    """Every verb, as it is typed."""
    for name, each in getattr(command, "commands", {}).items():
        yield " ".join([*path, name])
        yield from verbs(each, (*path, name))


@pytest.mark.parametrize("verb", [*verbs()])
def test_the_help_of_every_verb_ends_with_examples_of_it(run, verb):
    said = " ".join(run(*verb.split(), "--help").out.split())
    assert "Examples:" in said
    for line in EXAMPLES[verb]:
        assert line.split()[: 1 + len(verb.split())] == ["mdmtheory", *verb.split()]
        assert line in said


@pytest.mark.parametrize("line", sorted({line for lines in EXAMPLES.values() for line in lines}))
def test_every_example_can_be_parsed(line):
    command, (_, *words) = PROGRAM, shlex.split(line)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    with command.make_context(command.name, words) as context:
        assert context.params


def test_help_is_a_verb_too(run):
    assert run("help", "language", "new").out == run("language", "new", "--help").out
    assert run("help").out == run("--help").out
    assert run("help", "swep").code == 2


def test_an_example_is_swept_by_its_name_and_the_line_without_one_lists_them(run, refused):
    outcome = run("sweep", "--example", "order", "--length", "8", "--steps", "2", "--dry-run")
    assert outcome.code == 0
    assert "bisection" in outcome.out
    names = ", ".join(files.examples())
    assert "requires an argument. A file that comes with the project, by name" in refused("sweep", "--example")
    assert f"Known: {names}" in refused("sweep", "--example")
    assert f"there is no example 'odrer' (did you mean 'order'?); known: {names}" in refused(
        "sweep", "--example", "odrer"
    )
    assert "leave one of them out" in refused("sweep", "a.toml", "--example", "order")


def test_an_installed_package_has_the_sweeps_of_a_clone(tmp_path, monkeypatch):
    """Hatchling puts these files into a wheel; there they are found beside the package's rooms."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    put = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    cloned = files.examples()
    assert put == {f"experiments/{name}.toml": f"mdmtheory/experiments/{name}.toml" for name in cloned}
    assert all((ROOT / source).is_file() for source in put)
    for source, target in put.items():
        (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / target).write_bytes((ROOT / source).read_bytes())
    monkeypatch.setattr(files, "__file__", str(tmp_path / "mdmtheory" / "sweeps" / "files.py"))
    assert files.examples() == {name: tmp_path / f"mdmtheory/experiments/{name}.toml" for name in cloned}
