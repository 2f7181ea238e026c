"""Writes docs/statements.md: every statement, its hypotheses and constants, its hardest instances, and its twins.

python docs/statements.py      # part of `make checks`; about a minute
"""

from __future__ import annotations

from pathlib import Path

from mdmtheory.theory import BoundCheck, Setting, Statement, TwinCheck, check_twins, statements
from mdmtheory.theory.table import rounded

PAGE = Path(__file__).parent / "statements.md"

HEAD = """# Statements that can fail

Made by `make checks`; the numbers are those of `mdmtheory bounds --conjectures`. A statement compares two numbers in
every setting that its hypotheses admit. The tests search for settings that refute it, steered towards small slack.
*Hardest* is what such a search found and what stands in the table ever since; slack is bound minus measured, in the
direction of the claim.

A check that nothing fails shows nothing. So each statement has *twins*, near misses of it: a constant too small, a
direction turned round, an index off by one, a hypothesis dropped. Each is refuted in the setting that is told, where
the statement itself holds or, with a hypothesis dropped, says nothing (`mdmtheory bounds --twins`); the tests' search
must find such settings by itself.
"""


def main() -> None:
    """Check every setting of every statement and write the page."""
    lines = [HEAD]
    number = 0
    for statement in statements().values():
        if statement.number != number:
            number = statement.number
            lines.append(f"## {number}\n")
        checks = [statement.check_setting(each) for each in statement.settings()]
        lines.append(section(statement, checks, check_twins(statement)))
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def section(statement: Statement, checks: list[BoundCheck], twins: list[TwinCheck]) -> str:
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
    lines += [
        f"- hardest: {_where(check.setting)}: {_sides(check)}, slack {rounded(check.slack, '>=', 3)}" for check in hard
    ]
    lines.append(f"- {len(twins)} twin{'s' if len(twins) > 1 else ''}:")
    lines += [f"    - {_twin(each)}" for each in twins]
    return "\n".join([*lines, ""])


def _twin(found: TwinCheck) -> str:
    """What is broken, where that shows, by how much, and what it teaches."""
    verdict = "off by" if found.refuted else "not refuted:"
    violation = f"{verdict} {rounded(found.violation.value, '>=', 3)}"
    options = ", ".join(f"{name} {value}" for name, value in found.check.setting.options.items())
    where = ", ".join(filter(None, (_where(found.check.setting), options)))
    return f"{found.twin.broken}: {_sides(found.check)}, {violation} ({where}): {found.twin.teaches}"


def _where(setting: Setting) -> str:
    steps = f", {setting.steps} steps, {setting.schedule.spec}" if setting.steps is not None else ""
    return f"{setting.language.spec}, length {setting.length}{steps}"


def _sides(check: BoundCheck) -> str:
    measured, bound = _value(check, check.measured.value), _value(check, check.bound.value)
    return f"{measured} {check.statement.direction} {bound}"


def _value(check: BoundCheck, value: float) -> str:
    return rounded(value, check.statement.direction, 6)


def code(text: str) -> str:
    """As Markdown prints it unchanged."""
    return f"`{text}`"


if __name__ == "__main__":
    main()
