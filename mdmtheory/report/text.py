"""Numbers and tables as Markdown writes them: value ± half-width, two digits of the half-width."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mdmtheory.core.estimate import TAIL_UNSEEN, bare_kind, decimals_of

_DECIMALS = 4
_NARROW = 0.5 * 10.0**-_DECIMALS
"""An interval whose half-width rounds to nothing at the decimals shown is not shown."""
_SIGNS = {"upper bound": "≤ ", "lower bound": "≥ "}


def number(value: float, low: float, high: float, kind: str = "estimate", *, signed: bool = False) -> str:
    """A number with its interval; a bound has its sign, a number known to four decimals no interval, no number no text.

    The half-width is the wider side of the interval, so that value ± half-width holds all of it. An estimate whose tail
    was not seen has its upper end beside it.

    >>> number(0.297, 0.278, 0.318), number(0.0, 0.0, 0.0018), number(2.5, 2.5, 2.5, "upper bound")
    ('0.297 ± 0.021', '0.0000 ± 0.0018', '≤ 2.5')
    >>> number(2e-9, 1e-9, 0.0018, "estimate (tail unseen)")
    '2e-09, at most 0.0018'
    """
    if math.isnan(value):
        return ""
    if kind == TAIL_UNSEEN:
        return f"{value:.2g}, at most {high:.2g}"
    plus = "+" if signed else ""
    half = max(high - value, value - low) if math.isfinite(value) else math.inf
    if math.isinf(value):
        text = "∞" if value > 0 else "−∞"
    elif _NARROW <= half < math.inf:
        digits = decimals_of(half)
        text = f"{round(value, digits) + 0.0:{plus}.{digits}f} ± {half:.{digits}f}"
    else:
        shown = round(value, _DECIMALS)
        text = f"{shown:{plus}.6g}" if shown else "0"
    sign, cut = _SIGNS.get(bare_kind(kind), ""), "" if kind == bare_kind(kind) else " (cut)"
    return f"{sign}{text.replace('-', '−')}{cut}"


def plain(value: float) -> str:
    """A mean of whole numbers: one decimal where it is none itself.

    >>> plain(16.0), plain(15.73), plain(512.04)
    ('16', '15.7', '512')
    """
    return f"{value:.1f}".removesuffix(".0")


def code(name: str) -> str:
    """As Markdown prints it unchanged."""
    return f"`{name}`"


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(code(name) for name in names)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A table; its first `left` columns are aligned left, the others right."""
    body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    rule = [":--" if column < left else "--:" for column in range(len(headers))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(headers), rule, *body])


def folded(summary: str, content: str) -> str:
    """Content that a page shows when its summary is clicked."""
    return f"<details>\n<summary>{summary}</summary>\n\n{content}\n\n</details>"


def folded_below(section: str, summary: str = "tables") -> str:
    """A section of which the heading alone is shown until its summary is clicked; empty as it is."""
    heading, _, content = section.partition("\n\n")
    return f"{heading}\n\n{folded(summary, content)}" if section else ""
