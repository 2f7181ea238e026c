"""What the benchmark measured, written into benchmarks/README.md between markers, so that nothing is copied by hand."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.timing import Row

PAGE = Path(__file__).parent / "README.md"


def write(section: str, text: str) -> None:
    """Replace what stands between `<!-- section -->` and `<!-- /section -->`."""
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{PAGE} has no place for {section}; put {begin} and {end} on lines of their own")
    PAGE.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    rule = ["---", *["--:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, rule, *lines))


def ratio_table(rows: Iterable[Row]) -> str:
    """One line a row: medians with the least and the greatest round, the requirement, and whether it is met."""
    return table(
        ["job", "against", "ratio (least, greatest)", "required", "met", "sequences/s", "other's", "measured on"],
        [_ratio_line(row) for row in rows],
    )


def _ratio_line(row: Row) -> list[str]:
    ratio, required = row.ratio, "–"
    if row.at_least is not None:
        required = f"≥ {row.at_least:g}"
    if row.at_most is not None:
        required = f"≤ {row.at_most:g}"
    return [
        row.job,
        row.against,
        f"{number(ratio.median)}× ({number(min(ratio.ratios))}, {number(max(ratio.ratios))})",
        required,
        {True: "yes", False: "NO", None: "–"}[row.met],
        number(1 / ratio.ours.typical),
        number(1 / ratio.other.typical),
        f"{ratio.ours.count:,} and {ratio.other.count:,}",
    ]


def number(value: float) -> str:
    """Three digits, thousands apart.

    >>> number(12345.6), number(6.789), number(0.00123)
    ('12,300', '6.79', '0.00123')
    """
    if value == 0 or value < 1000:
        return f"{value:.3g}"
    digits = 10 ** (len(str(int(value))) - 3)
    return f"{round(value / digits) * digits:,}"


def machine(packages: Sequence[str]) -> str:
    """Processor, processors in use and versions, in one sentence."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{processor()}, {len(os.sched_getaffinity(0))} processors in use, "
        f"{platform.system()}, Python {platform.python_version()}, {versions}."
    )


def vector_width() -> str:
    """How wide the vectors are that kernels are compiled for, in a sentence."""
    from llvmlite import binding

    has = binding.get_host_cpu_features()
    width = 512 if has.get("avx512f") else 256 if has.get("avx2") else 128
    return f"Vectors of {width} bits."


def processor() -> str:
    """The processor's name."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
