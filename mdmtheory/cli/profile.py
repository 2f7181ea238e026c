"""`mdmtheory profile`: the loss of a network by mask ratio on held-out text, which `schedule --curve` prices."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mdmtheory.cli.held_out import Lang, Length, Lines, Model, Text
from mdmtheory.cli.outputs import check_ending, check_file
from mdmtheory.cli.terminal import Terminal, print_table, writable
from mdmtheory.core.integers import LAST_SEED

if TYPE_CHECKING:
    from mdmtheory.metrics.bounds_of_text import Bound
    from mdmtheory.metrics.held_out import HeldOut
    from mdmtheory.metrics.loss_by_ratio import MeasuredProfile


def profile(
    context: typer.Context,
    model: Model,
    text: Text = None,
    lines: Lines = False,
    lang: Lang = None,
    length: Length = None,
    samples: Annotated[int, typer.Option(help="Sequences, at most.", min=2)] = 256,
    ratios: Annotated[
        str | None, typer.Option(help="Mask ratios, 0.15,0.5; by default 1/32, 3/32, ... and 1, which is always there.")
    ] = None,
    masks: Annotated[int, typer.Option(help="Masks of a sequence at each ratio.", min=1)] = 1,
    elbo: Annotated[
        bool, typer.Option("--elbo", help="Also the bound that papers quote, and tighter numbers beside it.")
    ] = False,
    plans: Annotated[int, typer.Option(help="Of a sequence, for the importance-weighted bound.", min=1)] = 16,
    seed: Annotated[int, typer.Option(help="Names the random streams.", min=0, max=LAST_SEED)] = 0,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the CSV that schedule --curve reads.")] = None,
    format: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", "-f", help="How to print it.")
    ] = "table",
) -> None:
    """Measure the loss of a masked token at several mask ratios, with standard errors, on text that you hold out.

    Warns where the loss with every token masked exceeds what frequencies alone cost: such a model never saw that, and
    the price of its first steps is not its own.
    """
    from mdmtheory.core.intervals import check_level
    from mdmtheory.core.notices import notice
    from mdmtheory.metrics.bounds_of_text import bounds_of_text
    from mdmtheory.metrics.held_out import held_out
    from mdmtheory.metrics.loss_by_ratio import RATIOS, loss_by_ratio

    check_level(level)
    terminal = Terminal.of(context)
    if out is not None:
        check_ending(out, "table")
        check_file(out, "table", "--out")
    chosen = RATIOS if ratios is None else _ratios(ratios)
    with terminal.announcing_compilation():
        held = held_out(model, text=text, lines=lines, lang=lang, length=length, samples=samples, seed=seed)
        found = loss_by_ratio(held.denoiser, held.tokens, ratios=chosen, masks=masks, seed=seed, level=level)
        bounds = bounds_of_text(held, plans=plans, seed=seed, level=level) if elbo else []
    for each in found.warnings:
        notice(f"{model}: {each}")
    about = _about(model, held, found)
    if out is not None:
        from mdmtheory.schedules.loss_files import write_losses

        write_losses(found.profile, out, about)
        terminal.say(f"losses: {out}")
    if format == "table":
        _print(found, about)
        if bounds:
            _print_bounds(bounds)
    else:
        _print_data(found, bounds, about, format, terminal)


def _ratios(typed: str) -> list[float]:
    try:
        return [float(each) for each in typed.split(",")]
    except ValueError:
        raise ValueError(f"ratios is {typed!r}; give mask ratios, as --ratios 0.15,0.5") from None


def _about(model: str, held: HeldOut, found: MeasuredProfile) -> dict[str, str]:
    """What the losses hold for, in words."""
    size = "" if held.bytes_a_token is None else f", {held.bytes_a_token:.4g} bytes a token"
    return {
        "model": held.model(model),
        "text": f"{held.said}{size}; {held.novelty}",
        "masks": "each token masked by itself, -log p averaged over masked tokens, in nats; temperature 1",
        "errors": "of independent sequences; masks spread evenly over their law",
        "at ratio 1": f"{found.at_one:.4g}; log V = {math.log(found.vocab_size):.4g}, frequencies alone "
        f"{found.unigrams:.4g}, over them by {found.over_unigrams:.3g}",
    }


def _print(found: MeasuredProfile, about: dict[str, str]) -> None:
    from mdmtheory.core.estimate import decimals_of

    errors = found.profile.errors
    assert errors is not None
    rows = []
    for ratio, loss, error in zip(found.profile.ratios, found.profile.losses, errors, strict=True):
        digits = decimals_of(error) if error > 0 else 6
        rows.append([f"{ratio:.5g}", f"{loss:.{digits}f}", f"{error:.{digits}f}"])
    print_table(["mask ratio", "loss\nnats a masked token", "stderr"], rows, right=[True, True, True])
    for name, words in about.items():
        print(writable(f"{name}: {words}"))


def _print_bounds(bounds: list[Bound]) -> None:
    def number(each: Any) -> str:
        return each if isinstance(each, str) else f"{each:.4f}"

    print_table(
        ["log p(x)", "of", "calls a sequence", "nats a token", "bits a byte"],
        [
            [each.kind, each.sampler, f"{each.calls:,}", number(each.nats_a_token), number(each.bits_a_byte)]
            for each in bounds
        ],
        right=[False, False, True, False, False],
    )


def _print_data(
    found: MeasuredProfile, bounds: list[Bound], about: dict[str, str], format: str, terminal: Terminal
) -> None:
    import pandas as pd

    from mdmtheory.cli.tables import print_data

    profile = found.profile
    frame = pd.DataFrame({"mask_ratio": profile.ratios, "loss": profile.losses, "stderr": profile.errors})
    said = {f"{each.kind} of {each.sampler}": f"{each.nats_a_token} nats a token" for each in bounds}
    print_data(frame, format, {**about, **said}, terminal.say)
