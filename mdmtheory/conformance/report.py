"""What a suite has found: one check for each thing that was tried, with what was seen and what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mdmtheory.core.html_tables import html_table
from mdmtheory.core.threads import within

Subject = TypeVar("Subject")
Tried_contra = TypeVar("Tried_contra", contravariant=True)


class RefutedError(Exception):
    """A check does not hold; the message says what was seen."""


class DoesNotApplyError(Exception):
    """A check says nothing about this subject; the message says why."""


@dataclass(frozen=True)
class Check:
    """One thing that was tried. `passed` is None where it says nothing about the subject; `seen` tells why then.

    `mend` says what to look at where it failed.
    """

    name: str
    passed: bool | None
    seen: str
    expected: str
    mend: str

    @property
    def result(self) -> str:
        """The outcome in a word or two."""
        return {True: "passed", False: "failed", None: "does not apply"}[self.passed]

    def __str__(self) -> str:
        if self.passed is False:
            return f"{self.name}: failed: {self.seen}; expected: {self.expected}; {self.mend}"
        return f"{self.name}: {self.result}: {self.seen}"


@dataclass(frozen=True)
class Report:
    """The checks of one subject; `str` writes one line for each.

    >>> check = Check("law", False, "p = 1e-40", "p > 1e-6", "draw from `law`")
    >>> Report("sampler", "mine", (check,)).passed
    False
    """

    kind: str
    name: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(each for each in self.checks if each.passed is False)

    def __getitem__(self, name: str) -> Check:
        """The check of this name; KeyError where there is none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"no check {name!r}; known: {', '.join(each.name for each in self.checks)}")

    def __str__(self) -> str:
        return "\n".join([self._outcome, *(f"  {check}" for check in self.checks)])

    def _repr_html_(self) -> str:
        rows = [(each.name, each.result, each.seen, each.expected) for each in self.checks]
        return html_table(["check", "result", "seen", "expected"], rows, self._outcome)

    @property
    def _outcome(self) -> str:
        outcome = "passed" if self.passed else f"failed: {', '.join(each.name for each in self.failures)}"
        return f"{self.kind} {self.name}: {outcome}"


@dataclass(frozen=True)
class Trial(Generic[Tried_contra]):
    """A check before it is made. `look` returns what it saw where the check holds.

    It raises RefutedError or DoesNotApplyError with what it saw otherwise; any other exception refutes it too. What
    follows a `gate` cannot be tried on a subject that fails it.
    """

    name: str
    expected: str
    mend: str
    look: Callable[[Tried_contra], str]
    gate: bool = False

    def made(self, subject: Tried_contra) -> Check:
        """The check made."""
        passed: bool | None
        try:
            passed, seen = True, self.look(subject)
        except RefutedError as refuted:
            passed, seen = False, str(refuted)
        except DoesNotApplyError as reason:
            passed, seen = None, str(reason)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a plug-in raises is what was seen of it
            passed, seen = False, f"raised {type(error).__name__}: {one_line(error)}"
        return Check(self.name, passed, seen, self.expected, self.mend)


def make(kind: str, name: str, trials: Iterable[Trial[Subject]], subject: Subject) -> Report:
    """All trials on one subject, except that none is made after a gate that failed.

    In one thread, unless a check names more: what is tried is so small that to start threads takes longer.
    """
    checks: list[Check] = []
    failed: str | None = None
    for trial in trials:
        if failed is not None:
            checks.append(Check(trial.name, None, f"not tried, as {failed} failed", trial.expected, trial.mend))
            continue
        with within(1):
            checks.append(trial.made(subject))
        if trial.gate and checks[-1].passed is False:
            failed = trial.name
    return Report(kind, name, tuple(checks))


def merged(name: str, reports: Iterable[Report]) -> Report:
    """One report on what was checked in several settings: a check passes where it fails in none and holds in one."""
    reports = tuple(reports)
    found = []
    for checks in zip(*(each.checks for each in reports), strict=True):
        made = [check for check in checks if check.passed is not None]
        worst = min(made or checks, key=lambda check: check.passed is not False)
        seen = worst.seen
        if worst.passed is False:
            seen = f"{reports[checks.index(worst)].name}: {seen}"
        elif len(made) > 1:
            seen = f"{seen} (first of {len(made)} settings)"
        found.append(Check(worst.name, worst.passed, seen, worst.expected, worst.mend))
    return Report(reports[0].kind, name, tuple(found))


def one_line(error: BaseException) -> str:
    """An error's message without its line breaks."""
    return "; ".join(part.strip() for part in str(error).splitlines() if part.strip())


def refuses(what: str, act: Callable[[], object]) -> None:
    """RefutedError unless `act` raises a ValueError of one line."""
    try:
        act()
    except ValueError as error:
        if "\n" in str(error) or not str(error).strip():
            raise RefutedError(f"{what} was refused with {len(str(error).splitlines())} lines") from None
        return
    except Exception as error:  # noqa: BLE001  # an error of another kind is no refusal
        raise RefutedError(f"{what} raised {type(error).__name__}: {one_line(error)}") from None
    raise RefutedError(f"{what} was taken without a word")
