"""A theorem of a paper, as the statements of `mdmtheory.theory` that hold it against languages."""

from __future__ import annotations

from collections.abc import Sequence

from mdmtheory.theory import BoundCheck, chosen_statements
from paper_checks.claims import Claim, Number

ROUNDING = 1e-9
"""Numbers below it say nothing about how near to failing a statement is."""


def theorem(number: int, says: str, published: str) -> Claim:
    """The claim that all statements with this number hold on all of their settings."""
    checks = [each.check_setting(setting) for each in chosen_statements([str(number)]) for setting in each.settings()]
    return theorem_claim(number, says, published, checks)


def theorem_claim(number: int, says: str, published: str, checks: Sequence[BoundCheck]) -> Claim:
    """One claim from the checks of its statements; fails where any is refuted."""
    hardest = min(checks, key=_room)
    where = f"{hardest.statement.id}, {hardest.setting.language.spec}, L = {hardest.setting.length}"
    if hardest.setting.steps is not None:
        where += f", N = {hardest.setting.steps}"
    ours = (
        Number(f"hardest of {len(checks)} settings ({where}): measured", hardest.measured),
        Number(f"bound, {_SIGNS[hardest.statement.direction]}", hardest.bound),
    )
    ids = ", ".join(f"`{each}`" for each in dict.fromkeys(check.statement.id for check in checks))
    printed = f"`mdmtheory bounds {number}` prints each; the least slack, of the hardest, is {hardest.slack:.2g}."
    failed = sum(not each.holds for each in checks)
    if failed:
        return Claim(
            says, published, ours, "fails", f"{failed} of {len(checks)} settings of {ids} refute it; {printed}"
        )
    proved = sum(each.verdict == "yes" for each in checks)
    left = (
        f", {len(checks) - proved} more are not refuted by sampled or one-sided numbers" if proved < len(checks) else ""
    )
    constants = dict.fromkeys(
        f"{one.name} = {one.value:.6g} ({one.origin})" for check in checks for one in check.statement.constants
    )
    used = f" Constants: {'; '.join(constants)}." if constants else ""
    return Claim(
        says,
        published,
        ours,
        "agrees",
        f"{proved} of {len(checks)} settings of {ids} establish it{left}; {printed}{used}",
    )


_SIGNS = {"<=": "≤", ">=": "≥", "=": "="}


def _room(check: BoundCheck) -> tuple[bool, bool, float]:
    """A key by which refuted checks come first, then those of an inequality with little room that is not rounding."""
    size = max(abs(check.measured.value), abs(check.bound.value))
    trivial = check.statement.direction == "=" or check.tight or not size > ROUNDING
    return (check.holds, trivial, check.slack / max(size, ROUNDING))
