"""`mdmtheory merge`: the union of stores, such as two machines wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdmtheory.cli.outputs import WHERE, check_ending
from mdmtheory.cli.terminal import Terminal


def merge(
    context: typer.Context,
    stores: Annotated[list[Path], typer.Argument(help="The stores to unite.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The store to write.")],
    where: Annotated[str | None, typer.Option(help=WHERE)] = None,
) -> None:
    """Unite stores, or the cells of them that --where chooses, and say how many cells of each were new or equal.

    Chunks that two of them hold must agree, or an error names the chunk of every cell that is refused.
    """
    from mdmtheory.sweeps.merging import merge as merge_stores

    check_ending(out, "store")
    terminal = Terminal.of(context)
    for each in merge_stores(stores, out, where=where):
        terminal.say(str(each))
    terminal.say(f"merged {len(stores)} stores into {out}")
