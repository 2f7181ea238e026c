"""`mdmtheory steps`: how many sampling steps a target quality needs, and by what power of the length they grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mdmtheory.cli.terminal import Terminal, print_table, writable
from mdmtheory.core.integers import LAST_SEED

if TYPE_CHECKING:
    from mdmtheory.analysis.steps_needed import StepsNeeded


def steps(
    context: typer.Context,
    lang: Annotated[str | None, typer.Option(help="NAME[:key=value,...] or a saved file.")] = None,
    length: Annotated[
        str | None,
        typer.Option(help="Tokens in a sequence: 64,128 or 64..1024 (doubling). A task's own, else 512."),
    ] = None,
    ser: Annotated[float | None, typer.Option(help="The target: at most this part of all sequences is wrong.")] = None,
    rate: Annotated[float | None, typer.Option(help="Or -log(1 - SER)/L, the rate of errors a token.")] = None,
    gap: Annotated[float | None, typer.Option(help="Or KL(q || p) in nats a sequence.")] = None,
    excess: Annotated[float | None, typer.Option(help="Or TER(p)/TER(q) - 1.")] = None,
    sampler: Annotated[str, typer.Option(help="One that has steps (list samplers).")] = "ancestral",
    schedule: Annotated[str, typer.Option(help="A family: linear, cosine, ...")] = "linear",
    denoiser: Annotated[str, typer.Option(help="oracle, perturbed:epsilon=0.01, ... or a run's folder.")] = "oracle",
    method: Annotated[
        Literal["auto", "exact", "first-order", "measured"],
        typer.Option(help="auto: exact where that is quick, else by the first-order law, else measured."),
    ] = "auto",
    count: Annotated[int, typer.Option(help="Sequences drawn for each number of steps; 0: none.", min=0)] = 2000,
    seed: Annotated[int, typer.Option(help="Names the random streams.", min=0, max=LAST_SEED)] = 0,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    fit: Annotated[bool, typer.Option("--fit", help="Also fit steps ∝ length^b, to 3 lengths or more.")] = False,
    format: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", "-f", help="How to print it.")
    ] = "table",
) -> None:
    """Find the least number of steps that reaches a target, for every length, and what is reached there.

    mdmtheory steps --lang hmm --length 64..1024 --ser 0.01 --fit
    """
    from mdmtheory.analysis.fit import fit as fitted
    from mdmtheory.analysis.steps import steps_for
    from mdmtheory.languages.presets import own_length
    from mdmtheory.sweeps.cells import DEFAULT_LENGTH
    from mdmtheory.sweeps.ranges import numbers

    terminal = Terminal.of(context)
    if lang is None:
        raise ValueError("no language; give --lang, as --lang hmm")
    if length is None:
        length = str(own_length(lang) or DEFAULT_LENGTH)
    if fit and len(numbers(length, "length")) < 3:
        raise ValueError(f"--fit needs 3 lengths or more, and --length {length} has fewer; give a range, as 64..1024")
    with terminal.announcing_compilation():
        found = steps_for(
            lang, length, ser=ser, rate=rate, gap=gap, excess=excess, sampler=sampler, schedule=schedule,
            denoiser=denoiser, method=method, count=count, seed=seed, level=level,
        )  # fmt: skip
    law = fitted(found, "steps", "length", level=level) if fit else None
    if format == "table":
        _print(found)
        if law is not None:
            print(writable(str(law)))
        return
    from mdmtheory.cli.tables import print_data

    print_data(found.frame, format, found.about | ({"fit": str(law)} if law else {}), terminal.say)


def _print(found: StepsNeeded) -> None:
    first = found.frame.iloc[0]
    names = ("language", "denoiser", "sampler", "schedule")
    print(writable(f"{', '.join(str(first[name]) for name in names if first[name])}; {found.about['target']}"))
    print_table(found.headings, found.rows(), right=[True, *[False] * 5])
    for name, text in found.about.items():
        if name != "target":
            print(writable(f"{name}: {text}"))
