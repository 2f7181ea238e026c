"""A theorem of a paper, as the statements of `mdmtheory.theory` that hold it against languages."""

from __future__ import annotations

from mdmtheory.theory import BoundCheck, chosen_statements
from mdmtheory.theory.table import frame
from paper_checks.claims import Claim, Number, Table

_SHOWN = ("id", "language", "length", "steps", "schedule", "measured", "direction", "bound", "slack", "tight", "holds")


def theorem(number: int, says: str, published: str) -> tuple[Claim, Table]:
    """The claim that all statements with this number hold on all of their settings, and what each measured."""
    checks = [each.check_setting(setting) for each in chosen_statements([str(number)]) for setting in each.settings()]
    return theorem_claim(says, published, checks), theorem_table(number, checks)


def theorem_claim(says: str, published: str, checks: list[BoundCheck]) -> Claim:
    """One claim from the checks of its statements; fails where any is refuted."""
    failed = [each for each in checks if not each.holds]
    proved = sum(each.verdict == "yes" for each in checks)
    closest = min(checks, key=lambda each: (each.holds, each.slack))
    ids = ", ".join(f"`{each}`" for each in dict.fromkeys(check.statement.id for check in checks))
    where = f"{closest.setting.language.spec}, L = {closest.setting.length}"
    if closest.setting.steps is not None:
        where += f", N = {closest.setting.steps}"
    ours = (
        Number(f"nearest to failing ({where})", closest.measured),
        Number(f"to be {closest.statement.direction}", closest.bound),
    )
    if failed:
        why = f"{len(failed)} of {len(checks)} settings of {ids} refute it; the table below shows which."
        return Claim(says, published, ours, "fails", why)
    others = len(checks) - proved
    left = f", and {others} more are not refuted by sampled or one-sided numbers" if others else ""
    constants = "; ".join(
        dict.fromkeys(
            f"{one.name} = {one.value:.6g} ({one.origin})" for check in checks for one in check.statement.constants
        )
    )
    used = f" Constants: {constants}." if constants else ""
    return Claim(
        says, published, ours, "agrees", f"{proved} of {len(checks)} settings of {ids} establish it{left}.{used}"
    )


def theorem_table(number: int, checks: list[BoundCheck]) -> Table:
    """What was measured and what it was held against, as `mdmtheory bounds` prints it."""
    rows = frame(checks, digits=4)[list(_SHOWN)].to_numpy().tolist()
    return Table(f"Statement {number}", _SHOWN, rows, f"As `mdmtheory bounds {number}` prints it.")
