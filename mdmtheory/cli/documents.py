"""Tables as documents take them: LaTeX with booktabs, and Markdown; texts escaped, intervals in math mode."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\^{}",
    "~": r"\~{}",
    **{each: "\\" + each for each in "&%$#_{}"},
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "≈": r"$\approx$",
    "−": "$-$",
    "×": r"$\times$",
    "…": r"\ldots{}",
    "√": r"$\surd$",
    "∞": r"$\infty$",
    '"': "''",
}
_SIGNS = {"≤ ": r"\le ", "≥ ": r"\ge ", "≈ ": r"\approx "}


@dataclass(frozen=True)
class Shown:
    """A number as it is shown: `≤ 3.068 [3.067, 3.069]`, and words behind it."""

    sign: str
    value: str
    ends: tuple[str, str] | None = None
    words: str = ""

    def __str__(self) -> str:
        interval = f" [{self.ends[0]}, {self.ends[1]}]" if self.ends else ""
        return f"{self.sign}{self.value}{interval}{self.words}"

    @property
    def latex(self) -> str:
        r"""The same with the number in math mode.

        >>> Shown("≤ ", "3.068", ("3.067", "3.069")).latex
        '$\\le 3.068\\ [3.067, 3.069]$'
        """
        interval = rf"\ [{_number(self.ends[0])}, {_number(self.ends[1])}]" if self.ends else ""
        return f"${_SIGNS.get(self.sign, '')}{_number(self.value)}{interval}${latex_text(self.words)}"


def _number(text: str) -> str:
    """A number in math mode: powers of ten as such."""
    digits, _, power = text.replace("inf", r"\infty").partition("e")
    return rf"{digits} \times 10^{{{int(power)}}}" if power else digits


def latex_text(text: str) -> str:
    """A text that LaTeX sets as it stands here."""
    return "".join(_LATEX.get(each, each) for each in text)


def latex_table(
    headers: Sequence[str], rows: Sequence[Sequence[str | Shown]], *, right: Sequence[bool], note: str = ""
) -> str:
    """A booktabs tabular, to be put into a document as it is; headers may have several lines, `note` is a comment."""
    columns = "".join("r" if each else "l" for each in right)
    lines = [f"% {line}" for line in note.splitlines()]
    lines += ["% needs \\usepackage{booktabs}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines += [_latex_row(line) for line in heading_lines(headers)]
    lines += [r"\midrule", *map(_latex_row, rows), r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines)


def _latex_row(cells: Sequence[str | Shown]) -> str:
    row = " & ".join(each.latex if isinstance(each, Shown) else latex_text(each) for each in cells) + r" \\"
    # A bracket or a star behind the end of a row would be an option of that end.
    return "{}" + row if row.lstrip()[:1] in ("[", "*") else row


def markdown_table(
    headers: Sequence[str], rows: Sequence[Sequence[str | Shown]], *, right: Sequence[bool], note: str = ""
) -> str:
    """A Markdown table, below `note` if there is one."""
    lines = [markdown_text(note), ""] if note else []
    titles = [" ".join(part for part in each.split("\n") if part) for each in headers]
    lines += [_markdown_row(titles), "|" + "|".join("---:" if each else "---" for each in right) + "|"]
    return "\n".join([*lines, *(_markdown_row([str(cell) for cell in row]) for row in rows)])


TABLES: dict[str, Callable[..., str]] = {"latex": latex_table, "markdown": markdown_table}
"""What writes a table for a document, by its --format."""


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown_text, cells)) + " |"


def markdown_text(text: str) -> str:
    """A text that Markdown shows as it stands here."""
    return re.sub(r"([\\`*_|<>~$#])", r"\\\1", text)


def heading_lines(headers: Sequence[str]) -> list[list[str]]:
    """Headers of several lines as lines of a table, the last of each on the lowest."""
    count = max(header.count("\n") + 1 for header in headers)
    tops = [([""] * count + header.split("\n"))[-count:] for header in headers]
    return [[top[line] for top in tops] for line in range(count)]
