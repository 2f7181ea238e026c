"""What a page tells to type, run in order; and what is printed, written below it: `python docs/pages.py docs/tasks.md`.

Of a page's blocks of code those are run that say so in their first line: `console` (lines after `$ `, and below them
what they print), `sh` (commands, nothing shown), `python` (one namespace for the page); `text` right after Python has
what that printed. A second word is a file, which is written: `csv transition.csv`.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.MULTILINE)
NEEDED = ("README.md", "docs/losses.csv", "experiments", "examples")
"""What of a clone the commands of pages read."""


@dataclass(frozen=True)
class Run:
    """A command or a piece of Python, and what it printed."""

    code: str
    printed: str


def commands(block: str) -> Iterator[list[str]]:
    """The words of each command of an `sh` block, lines that end in a backslash joined, comments left out."""
    for line in block.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def run_command(words: list[str]) -> str:
    """What the program prints, run in this process; SystemExit where it fails."""
    from mdmtheory.cli.main import main

    if words[0] != "mdmtheory":
        raise SystemExit(f"{shlex.join(words)} is not run; pages run mdmtheory alone")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = main(words[1:])
    if code != 0:
        raise SystemExit(f"{shlex.join(words)} ended with exit status {code}")
    return printed.getvalue()


def run_python(code: str, space: dict[str, Any]) -> str:
    """What a piece of Python prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "page", "exec", dont_inherit=True), space)
    return printed.getvalue()


def run_page(
    text: str, typed: Callable[[list[str]], list[str] | None] = lambda words: words, code: Callable[[str], str] = str
) -> tuple[str, list[Run]]:
    """Runs a page in the current folder: the page with what was printed, and all that was run.

    `typed` and `code` may shrink a command and a piece of Python before they are run; a command that becomes None is
    left out.
    """
    runs: list[Run] = []
    space: dict[str, Any] = {"__name__": "page"}
    after_python = ""

    def command(words: list[str]) -> str:
        wanted = typed(words)
        if wanted is None:
            return ""
        runs.append(Run(shlex.join(wanted), run_command(wanted)))
        return runs[-1].printed

    def block(found: re.Match[str]) -> str:
        nonlocal after_python
        kind, file, body = found.groups()
        before, after_python = after_python, ""
        if file:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(body, encoding="utf-8")
        elif kind == "console":
            shown = COMMAND.findall(body)
            body = "".join(f"$ {each}\n{command(next(commands(each)))}" for each in shown)
        elif kind == "sh":
            for words in commands(body):
                command(words)
        elif kind == "python":
            runs.append(Run(body, run_python(code(body), space)))
            after_python = runs[-1].printed
        elif kind == "text" and before:
            body = before
        return f"```{kind}{f' {file}' if file else ''}\n{body}```"

    return BLOCK.sub(block, text), runs


def fresh_copy(folder: Path) -> None:
    """Puts what the pages read into a folder."""
    for name in NEEDED:
        (shutil.copytree if (ROOT / name).is_dir() else copied)(ROOT / name, folder / name)


def copied(source: Path, target: Path) -> None:
    """A file in a folder that may not be there yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def section(text: str, heading: str) -> str:
    """What stands below a heading of second rank, up to the next one; all of it where there is no heading."""
    if not heading:
        return text
    return re.split(r"^## ", text.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]


def main(*pages: str) -> None:
    """Each, FILE or FILE#HEADING, in a folder of its own, as in a fresh clone; figures are taken from its results/."""
    for each in pages:
        file, _, heading = each.partition("#")
        page = Path(file).resolve()
        text = page.read_text(encoding="utf-8")
        part = section(text, heading)
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            fresh_copy(Path(folder))
            written, _ = run_page(part)
            for link in re.findall(r"!\[[^]]*\]\(([^)]+)\)", part):
                if (drawn := Path("results", Path(link).name)).exists():
                    copied(drawn, page.parent / link)
        page.write_text(text.replace(part, written), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
