"""Writes docs/statements.md: every statement, its hypotheses and constants, and how near to refuting it instances come.

python docs/statements.py      # part of `make checks`; about a minute
"""

from __future__ import annotations

from pathlib import Path

from mdmtheory.theory import BoundCheck, Statement, statements
from mdmtheory.theory.table import rounded

PAGE = Path(__file__).parent / "statements.md"

HEAD = """# Statements that can fail

Made by `make checks`; the numbers are those of `mdmtheory bounds --conjectures`. A statement compares two numbers in
every setting that its hypotheses admit. The tests search for settings that refute it, steered towards small slack, and
the same search must refute a broken twin of it (a constant too small, a direction reversed, an index off by one).
*Hardest* is what such a search found and what stands in the table ever since; slack is bound minus measured, in the
direction of the claim.
"""


def main() -> None:
    """Check every setting of every statement and write the page."""
    lines = [HEAD]
    number = 0
    for statement in statements().values():
        if statement.number != number:
            number = statement.number
            lines.append(f"## {number}\n")
        lines.append(section(statement, [statement.check_setting(each) for each in statement.settings()]))
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def section(statement: Statement, checks: list[BoundCheck]) -> str:
    """What the page says of one statement."""
    verdicts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in ("yes", "not refuted", "no")}
    counted = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items() if count)
    kind = "conjecture" if statement.conjecture else "theorem"
    lines = [
        f"**`{statement.id}`** ({kind}): {code(statement.says)}",
        "",
        f"- source: {statement.source}",
        f"- hypotheses: {statement.hypotheses}",
        f"- settings in the table: {len(checks)} ({counted}); an equality in {sum(each.tight for each in checks)}",
    ]
    if statement.constants:
        lines.append("- constants: " + "; ".join(f"{c.name} = {c.value:.9g} ({c.origin})" for c in statement.constants))
    hard = [check for check in checks if check.setting.name.startswith("hardest")]
    for check in hard:
        where = f"{check.setting.language.spec}, length {check.setting.length}"
        if check.setting.steps is not None:
            where += f", {check.setting.steps} steps, {check.setting.schedule.spec}"
        lines.append(
            f"- hardest: {where}: {_value(check, check.measured.value)} {statement.direction} "
            f"{_value(check, check.bound.value)}, slack {rounded(check.slack, '>=', 3)}"
        )
    return "\n".join([*lines, ""])


def _value(check: BoundCheck, value: float) -> str:
    return rounded(value, check.statement.direction, 6)


def code(text: str) -> str:
    """As Markdown prints it unchanged."""
    return f"`{text}`"


if __name__ == "__main__":
    main()
