"""All statements, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module

from mdmtheory.theory.statement import Statement

_MODULES = (
    "accurate_hmm",
    "block_rules",
    "blocks",
    "continuum",
    "correlations",
    "entropy_bound",
    "error_budget",
    "exact_orders",
    "first_order_law",
    "fixed_sizes",
    "growth",
    "jensen",
    "li_cai",
    "order_exactness",
    "parity_repetition",
    "plan_average",
    "replay",
    "scoring",
    "ser_from_kl",
    "ser_lower_bound",
    "smoothing",
    "stride",
    "ter_upper_bound",
    "two_sided_gap",
)
"""The modules with a STATEMENT, or several closely related STATEMENTS."""


@cache
def statements() -> dict[str, Statement]:
    """Every statement by its id, in the order of their numbers."""
    found: list[Statement] = []
    for name in _MODULES:
        module = import_module(f"mdmtheory.theory.{name}")
        found += getattr(module, "STATEMENTS", None) or (module.STATEMENT,)
    return {each.id: each for each in sorted(found, key=lambda each: each.number)}


def chosen_statements(ids: Iterable[str], *, conjectures: bool = False) -> list[Statement]:
    """The statements with these ids or numbers; all of them (conjectures only if asked for) where none is given.

    ValueError for an id that is not known.
    """
    known = statements()
    chosen: list[Statement] = []
    for each in ids:
        found = [known[each]] if each in known else [one for one in known.values() if str(one.number) == each]
        if not found:
            raise ValueError(f"there is no statement {each!r}; known: {', '.join(known)}, and numbers 1 to 23")
        chosen += [one for one in found if one not in chosen]
    return chosen or [each for each in known.values() if conjectures or not each.conjecture]
