"""`references.bib`: each work that the program cites, read as it is printed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from unicodedata import normalize

from mdmtheory import __version__
from mdmtheory.core.printable import printable
from mdmtheory.core.sources import SOFTWARE

_HEAD = re.compile(r"@(\w+)\{([\w-]+),")
_GIVEN = re.compile(r"@\w+\s*\{\s*([^\s,{}]+)\s*,")
_FIELD = re.compile(r"  (\w+) = \{(.*)\},")


_ACCENT = re.compile(r"""\{\\(['v"]) ?(\w)\}""")
_MARKS = {"'": "\u0301", "v": "\u030c", '"': "\u0308"}
_MOST_NAMES = 3


@dataclass(frozen=True)
class Entry:
    """A work: what kind of one, its key, and its fields by name."""

    kind: str
    key: str
    fields: Mapping[str, str]

    def __str__(self) -> str:
        fields = "".join(f"  {name} = {{{value}}},\n" for name, value in self.fields.items())
        return f"@{self.kind}{{{self.key},\n{fields}}}"

    @property
    def reading(self) -> str:
        """As a page of Markdown has it: who, when, what, where, with links to where it can be had."""
        who, year = _people(self.plain("author")), self.plain("year")
        said = [
            f"{who} ({year})" if who and year else who or year,
            f"*{self.plain('title')}*" if "title" in self.fields else "",
        ]
        said += [self.plain(each) for each in ("booktitle", "journal", "publisher", "note")]
        said += [f"[arXiv:{self.eprint}](https://arxiv.org/abs/{self.eprint})"] if self.eprint else []
        said += [f"[doi:{self.fields['doi']}](https://doi.org/{self.fields['doi']})"] if "doi" in self.fields else []
        return ", ".join(filter(None, said))

    def plain(self, field: str) -> str:
        """A field without what only TeX reads; empty where there is none."""
        accented = _ACCENT.sub(lambda found: normalize("NFC", found[2] + _MARKS[found[1]]), self.fields.get(field, ""))
        return accented.replace("{", "").replace("}", "").replace("--", "–")

    @property
    def eprint(self) -> str | None:
        """Its number at arXiv; None where it has none."""
        return self.fields.get("eprint") if "archiveprefix" in self.fields else None


def as_given(text: str) -> tuple[str, str]:
    """Key and text of one entry that somebody else wrote; ValueError where it cannot be one.

    >>> as_given(" @misc{me2026, title = {Mine}} ")
    ('me2026', '@misc{me2026, title = {Mine}}')
    """
    entry = text.strip()
    head, depth, ends = _GIVEN.match(entry), 0, []
    for place, letter in enumerate(entry):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "}" and depth == 0:
            ends.append(place)
    if head is None or ends != [len(entry) - 1]:
        raise ValueError(f"{printable(entry)[:60]!r} is no entry of BibTeX; write @misc{{key, title = {{...}}, ...}}")
    return head[1], entry


def parsed(text: str) -> dict[str, Entry]:
    r"""Entries by key, in their order: a line for the head, one for each field, one that closes; blank lines between.

    ValueError with the line that is none of these, and for a key or a field that is there twice.

    >>> str(parsed("@misc{a2026,\n  title = {A},\n}")["a2026"])
    '@misc{a2026,\n  title = {A},\n}'
    """
    found: dict[str, Entry] = {}
    head: re.Match[str] | None = None
    fields: dict[str, str] = {}
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        opens, field = _HEAD.fullmatch(line), _FIELD.fullmatch(line)
        if head is None and opens is not None and opens[2] not in found:
            head, fields = opens, {}
        elif head is not None and field is not None and field[1] not in fields:
            fields[field[1]] = field[2]
        elif head is not None and line == "}":
            found[head[2]], head = Entry(head[1], head[2], MappingProxyType(fields)), None
        elif head is not None or line:
            raise ValueError(f"line {number} of the references, {line!r}, is not what comes next in an entry")
    return found


def _people(authors: str) -> str:
    """Last names: all of three at most, else the first and the others.

    >>> _people("Wen, Chuling and Liang, Weijie and Lu, Jian")
    'Wen, Liang and Lu'
    """
    names = [each.partition(",")[0] for each in authors.split(" and ")]
    if len(names) > _MOST_NAMES:
        return f"{names[0]} et al."
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


@cache
def references() -> Mapping[str, Entry]:
    """Every work that is cited, by its key, and the program itself."""
    text = files("mdmtheory.citations").joinpath("references.bib").read_text(encoding="utf-8")
    return MappingProxyType({**parsed(text), SOFTWARE: _software()})


def _software() -> Entry:
    """This program, in the version that runs; as CITATION.cff has it."""
    fields = {
        "title": "{mdmtheory: exact study of masked diffusion language models}",
        "author": "{mdmtheory authors}",
        "version": __version__,
    }
    return Entry("software", SOFTWARE, MappingProxyType(fields))
