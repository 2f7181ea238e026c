"""`mdmtheory merge`: the union of stores, such as two machines wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdmtheory.cli.outputs import check_ending
from mdmtheory.cli.terminal import Terminal


def merge(
    context: typer.Context,
    stores: Annotated[list[Path], typer.Argument(help="The stores to unite.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The store to write.")],
) -> None:
    """Unite stores. Chunks that two of them hold must agree, or an error names the chunk."""
    from mdmtheory.sweeps.store import merge as merge_stores

    check_ending(out, "store")
    merge_stores(stores, out)
    Terminal.of(context).say(f"merged {len(stores)} stores into {out}")
