"""Small tables of HTML, by which notebooks show a value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

MOST_ROWS = 60
"""Rows of a table that a notebook is shown."""


def html_table(headings: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "", note: str = "") -> str:
    """A table, everything in it escaped; beyond MOST_ROWS it says how many rows are left out.

    >>> html_table(["kind"], [["a < b"]])
    '<table><thead><tr><th>kind</th></tr></thead><tbody><tr><td>a &lt; b</td></tr></tbody></table>'
    """
    rows = list(rows)
    left_out = len(rows) - MOST_ROWS
    notes = [f"{left_out:,} more rows" if left_out > 0 else "", note]
    below = "".join(f"<p>{escape(each)}</p>" for each in notes if each)
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = f"<thead>{_row(headings, 'th')}</thead>" if headings else ""
    return f"<table>{above}{head}<tbody>{''.join(_row(each, 'td') for each in rows[:MOST_ROWS])}</tbody></table>{below}"


def _row(cells: Iterable[Any], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(each))}</{tag}>" for each in cells) + "</tr>"
