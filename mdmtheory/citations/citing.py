"""Sources as a file of BibTeX: who is from where in comments, then each work once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mdmtheory.citations.bibtex import references
from mdmtheory.citations.cited import Cited, cited, everything
from mdmtheory.core.sources import SOFTWARE, Sources


def cite(*names: str) -> str:
    """BibTeX of where samplers, statements, languages, tasks, … are from; of all of them where no name is given.

    A name stands for everything that is called so, whatever its kind. What is ours cites this program, and the comment
    above the entries tells the search that found nothing of it. A field that could not be confirmed is left out, and
    `annote`, which styles do not print, tells where a work is known by its abstract only. A plug-in gives its entries
    itself (`sources`). ValueError for a name that nothing has, and where a plug-in's entries are none or take a key
    that stands for another work.

    >>> print(cite("filtering"))
    % filtering (statement): polyanskiy2025
    <BLANKLINE>
    @book{polyanskiy2025,
      title = {{Information Theory: From Coding to Learning}},
      author = {Polyanskiy, Yury and Wu, Yihong},
      publisher = {Cambridge University Press},
      year = {2025},
      doi = {10.1017/9781108966351},
    }
    """
    things = [each for name in names for each in cited(name)] if names else everything()
    things = list(dict.fromkeys(things))
    alike: dict[tuple[str, Sources], list[str]] = {}
    for each in things:
        alike.setdefault((each.kind, each.sources), []).append(each.name)
    comments = [
        line for (kind, sources), own in alike.items() for line in _comment(Cited(kind, ", ".join(own), sources))
    ]
    given = _given(things)
    entries = [given[key] if key in given else str(references()[key]) for key in keys_of(things)]
    return "\n\n".join(["\n".join(comments), *entries])


def _given(things: Iterable[Cited]) -> dict[str, str]:
    """The entries that plug-ins give, by key."""
    found: dict[str, str] = {}
    for thing in things:
        for key, entry in thing.given:
            if found.setdefault(key, entry) != entry:
                raise ValueError(f"sources of {thing.kind} {thing.name}: {key} is the key of two entries; rename one")
    return found


def keys_of(things: Iterable[Cited]) -> list[str]:
    """The works that these are from, in the order of their keys; this program where something is ours."""
    things = list(things)
    found = {key for each in things for key in each.works}
    return sorted(found | ({SOFTWARE} if any(each.ours for each in things) else set()))


def _comment(thing: Cited) -> Iterator[str]:
    """Lines that say where it is from, and of what is ours the search."""
    said = [*thing.works, *([] if thing.ours is None else ["in part ours" if thing.works else "ours"])]
    yield f"% {thing.name} ({thing.kind}): {', '.join(said) or 'a plug-in, which does not say'}"
    if thing.ours is not None:
        yield f"%   not found on {thing.ours.date} by: {thing.ours.query}"
