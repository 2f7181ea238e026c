"""All statements, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.register import things_in
from mdmtheory.theory.statement import Statement


@cache
def statements() -> dict[str, Statement]:
    """Every statement of this room by its id, in the order of their numbers."""
    found = [each for each in things_in("mdmtheory.theory") if isinstance(each, Statement)]
    return {each.id: each for each in sorted(found, key=lambda each: each.number)}


def chosen_statements(ids: Iterable[str], *, conjectures: bool = False) -> list[Statement]:
    """The statements with these ids or numbers; all of them (conjectures only if asked for) where none is given.

    ValueError for an id that is not known.
    """
    known = statements()
    last = max(each.number for each in known.values())
    chosen: list[Statement] = []
    for each in ids:
        found = [known[each]] if each in known else [one for one in known.values() if each in _other_names(one)]
        if not found:
            hint = did_you_mean(each, known) or "; mdmtheory list statements says what they are"
            raise ValueError(
                f"there is no statement {each!r}{hint}; known: {', '.join(known)}, and numbers 1 to {last}"
            )
        chosen += [one for one in found if one not in chosen]
    return chosen or [each for each in known.values() if conjectures or not each.conjecture]


def _other_names(statement: Statement) -> tuple[str, ...]:
    """What else a statement may be asked for by; a number stands for all that have it."""
    return (str(statement.number), *statement.aliases)
