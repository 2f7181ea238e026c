"""`mdmtheory language`: make, look at and sample the target laws."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdmtheory.cli.terminal import Terminal
from mdmtheory.core.integers import LAST_SEED

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language

app = typer.Typer(help="Make, look at and sample languages.")

_Spec = Annotated[str, typer.Argument(metavar="SPEC", help="NAME[:key=value,...] or a saved file.")]

_AT_ONCE = 1 << 18  # tokens drawn before they are printed, so that long outputs start soon and need little memory


@app.command()
def new(
    context: typer.Context,
    spec: _Spec,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write (.npz).")],
) -> None:
    """Write a language to one file, which every --lang accepts."""
    from mdmtheory.languages.files import save_language
    from mdmtheory.languages.presets import as_language

    save_language(as_language(spec), out)
    Terminal.of(context).say(f"{spec} is in {out}")


@app.command()
def show(context: typer.Context, spec: _Spec) -> None:
    """Print what a language is: its sizes, its entropy rate and its digest."""
    from mdmtheory.languages.presets import as_language

    with Terminal.of(context).announcing_compilation():
        language = as_language(spec)
        rate = _entropy_rate(language)
    facts = {"language": str(language.spec), "vocab_size": str(language.vocab_size)}
    for name, value in language.parameters().items():
        shape = getattr(value, "shape", ())
        facts[name] = f"array {'×'.join(map(str, shape))}, {_zeros(value)}" if shape else str(value)
    facts["entropy rate"] = rate
    facts["digest"] = language.digest
    width = max(len(name) for name in facts)
    for name, fact in facts.items():
        print(f"{name:{width}}  {fact}")


def _entropy_rate(language: Language) -> str:
    from mdmtheory.core.estimate import WithheldError

    try:
        rate = language.entropy_rate()
    except WithheldError as withheld:
        return withheld.kind
    return "not known in closed form" if rate is None else f"{rate} nats a token"


@app.command()
def sample(
    context: typer.Context,
    spec: _Spec,
    count: Annotated[int, typer.Option(min=1, help="How many sequences.")] = 10,
    length: Annotated[int, typer.Option(min=1, help="Tokens in each.")] = 64,
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Names the random stream.")] = 0,
) -> None:
    """Draw sequences from a language: one a line, tokens separated by spaces."""
    from mdmtheory.languages.presets import as_language

    language = as_language(spec)
    language.validate_length(length)
    step = max(1, _AT_ONCE // length)
    for first in range(0, count, step):
        with Terminal.of(context).announcing_compilation():
            tokens = language.sample(min(step, count - first), length, seed, first=first)
        sys.stdout.writelines(" ".join(map(str, row)) + "\n" for row in tokens.tolist())


def _zeros(array: object) -> str:
    import numpy as np

    return f"{float(np.mean(np.asarray(array) == 0)):.1%} of entries zero"
