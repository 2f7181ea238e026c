"""`mdmtheory cite`: where things are from, as BibTeX."""

from __future__ import annotations

from typing import Annotated

import typer


def cite(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Samplers, statements, languages, tasks, …; all by default."),
    ] = None,
) -> None:
    """Print the BibTeX of what samplers, statements, languages, tasks, denoisers, noises and schedules are from.

    A name that stands for several things stands for all of them. What was searched for and not found is ours: it cites
    this program, and a comment has the search. `annote`, which is not printed in bibliographies, says where no more
    than an abstract was at hand.
    """
    from mdmtheory.citations.citing import cite as cited_as
    from mdmtheory.cli.terminal import writable

    print(writable(cited_as(*names or ())))
