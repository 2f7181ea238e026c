"""What `profile` and `audit` take alike: a model, and the sequences on which it is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="hf:FOLDER or hf:NAME; a run's folder; or a denoiser of --lang.")
]
Text = Annotated[Path | None, typer.Option(help="Held-out text for hf:, in UTF-8.")]
Lines = Annotated[bool, typer.Option("--lines", help="Each line of the text is a text of its own.")]
Lang = Annotated[str | None, typer.Option(help="Draw from this language in the place of a text.")]
Length = Annotated[int | None, typer.Option(help="Tokens in a sequence; of a run or a task its own, else 256.", min=1)]
