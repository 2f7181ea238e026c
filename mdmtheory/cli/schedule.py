"""`mdmtheory schedule`: the best reveal sizes for a language or a real model, and what every schedule costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mdmtheory.cli.outputs import (
    FIGURE,
    SIZES,
    check_distinct,
    check_ending,
    check_figure,
    check_file,
    not_ours,
    was_typed,
)
from mdmtheory.cli.terminal import Terminal
from mdmtheory.core.integers import LAST_SEED
from mdmtheory.core.writing import write_whole

if TYPE_CHECKING:
    from mdmtheory.metrics.compare_schedules import Comparison


def schedule(
    context: typer.Context,
    lang: Annotated[str | None, typer.Option(help="NAME[:key=value,...] or a saved file.")] = None,
    curve: Annotated[
        Path | None, typer.Option(help="A real model's losses: CSV with mask_ratio,loss[,stderr].")
    ] = None,
    unit: Annotated[Literal["nats", "bits"], typer.Option(help="With --curve: the unit of the losses.")] = "nats",
    per: Annotated[
        Literal["masked", "all", "weighted"],
        typer.Option(
            help="With --curve: averaged over masked tokens; over all, the others as 0; or over all, by 1/mask_ratio."
        ),
    ] = "masked",
    vocab: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="With --curve: tokens V in the vocabulary; losses above log V are noticed, and log V is taken for the "
            "most at mask ratio 1 where the losses end below it.",
        ),
    ] = None,
    bound: Annotated[
        bool,
        typer.Option(
            "--bound",
            help="With --curve: fixed sizes as ≤, the most that any falling curve with these losses costs, not as ≈.",
        ),
    ] = False,
    steps: Annotated[str | None, typer.Option(help="16,64,256; 8..256 (doubling); 8..256:9 (points); L/4.")] = None,
    length: Annotated[int | None, typer.Option(help="Tokens in a sequence. A task's own, else 512.")] = None,
    schedules: Annotated[
        str | None,
        typer.Option(
            "--schedule",
            help="The families to compare with the optimal sizes; by default linear,cosine,geometric,odds:span=LENGTH.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="With --lang: entropies a point of the curve, and sequences.")] = 1000,
    seed: Annotated[int, typer.Option(help="Names the random streams.", min=0, max=LAST_SEED)] = 0,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    sizes_out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", "--sizes-out", help="The optimal sizes, for --schedule file:path=FILE; one file per N."
        ),
    ] = None,
    figure: Annotated[Path, typer.Option(help="FILE.png, .svg or .pdf.")] = Path("results/schedule.png"),
    no_figure: Annotated[bool, typer.Option("--no-figure", help="Draw no figure.")] = False,
    format: Annotated[
        Literal["table", "csv", "json", "latex", "markdown"], typer.Option("--format", "-f", help="How to print it.")
    ] = "table",
) -> None:
    """Price schedules and find the optimal reveal sizes, for positions revealed in random order.

    What is optimal here is the mean over plans, an upper bound; a chosen order such as stride can do far better, and
    with --lang is measured beside it. With --curve, a real model's losses at a few mask ratios price its sampling:
    i.i.d. steps by an upper bound, fixed sizes by an estimate with its range, or by an upper bound with --bound.
    """
    from mdmtheory.core.intervals import check_level
    from mdmtheory.languages.presets import own_length
    from mdmtheory.metrics.compare_schedules import compare_schedules
    from mdmtheory.sweeps.cells import DEFAULT_LENGTH
    from mdmtheory.sweeps.ranges import texts

    terminal = Terminal.of(context)
    if (lang is None) == (curve is None):
        both = "both --lang and --curve are given; give one of them" if lang else "no language; give --lang or --curve"
        raise ValueError(both)
    if curve is None and (unit, per, vocab) != ("nats", "masked", None):
        raise ValueError("--unit, --per and --vocab go with --curve; the curve of a language is in nats a masked token")
    if curve is None and bound:
        raise ValueError("--bound goes with --curve; the prices of a language are upper bounds by themselves")
    check_level(level)
    if length is None:
        length = (None if lang is None else own_length(lang)) or DEFAULT_LENGTH
    chosen = _steps(steps, length)
    files = {} if sizes_out is None else {n: _numbered(sizes_out, n, len(chosen) > 1) for n in chosen}
    read = {} if curve is None else {"the curve": curve}
    drawn = {} if no_figure else {"the figure": figure}
    check_distinct({**read, **{f"the sizes for {n} steps": path for n, path in files.items()}, **drawn})
    for path in files.values():
        check_file(path, "file of sizes", "--sizes-out")
        check_ending(path, "list of sizes", also=("table",), other="--figure")
        theirs = not_ours(path, SIZES) if len(files) > 1 else None
        if theirs is not None:
            raise ValueError(f"file of sizes {theirs}; choose another --sizes-out or move it away")
    if not no_figure:
        check_figure(figure)
    with terminal.announcing_compilation():
        compared = compare_schedules(
            _source(lang, curve, unit, per, vocab),
            length,
            chosen,
            count=count,
            seed=seed,
            level=level,
            schedules=None if schedules is None else texts(schedules, "schedule"),
            bound=bound,
        )
    _print(compared, format, terminal)
    for n, path in files.items():
        _write_sizes(path, compared, length, n)
        terminal.say(f"optimal sizes for {n} steps: {path}")
    if no_figure:
        return
    theirs = None if was_typed(context, "figure") else not_ours(figure, FIGURE)
    if theirs is not None:
        terminal.say(f"no figure: {theirs}; name it with --figure to replace it")
    else:
        from mdmtheory.plots import save_figure, schedule_figure

        terminal.say(f"figure: {save_figure(schedule_figure(compared.frame, compared.about), figure)}")


def _source(lang: str | None, curve: Path | None, unit: str, per: str, vocab: int | None) -> Any:
    if curve is not None:
        from mdmtheory.schedules import read_losses

        return read_losses(curve, unit=unit, per=per, vocab_size=vocab)
    from mdmtheory.languages.presets import as_language

    return as_language(str(lang))


def _steps(steps: str | None, length: int) -> list[int]:
    from mdmtheory.core.limits import MOST_LENGTH, check_limit
    from mdmtheory.sweeps.ranges import PartOfLength, steps_of

    if steps is None:
        raise ValueError("steps is missing; give --steps 16,64,256 or 8..256")
    if length < 2:
        raise ValueError(f"length is {length}; it must be 2 or more")
    check_limit(length, MOST_LENGTH, "MOST_LENGTH", f"length is {length:,}", "use shorter sequences")
    chosen = [each.at(length) if isinstance(each, PartOfLength) else each for each in steps_of(steps)]
    over = [each for each in chosen if each > length]
    if over:
        raise ValueError(f"steps is {over[0]}, more than the length {length}; one token a step takes {length}")
    return sorted(set(chosen))


def _numbered(path: Path, steps: int, several: bool) -> Path:
    return path.with_name(f"{path.stem}-{steps}{path.suffix}") if several else path


def _write_sizes(path: Path, compared: Comparison, length: int, steps: int) -> None:
    """A file that `--schedule file:path=...` loads; what it is for, and what it is predicted to cost, in comments."""
    from mdmtheory.cli.schedule_tables import kind_of, predicted
    from mdmtheory.schedules.prices import holds_for

    source = str(compared.frame["source"].iloc[0])
    told = [holds_for(kind_of(compared.frame, steps)), predicted(compared.frame, steps)]
    told += [f"{name}: {compared.about[name]}" for name in ("UNKNOWN",) if name in compared.about]
    heading = f"{SIZES.decode()}{steps} steps, length {length}, {source}\n" + "".join(f"# {words}\n" for words in told)
    write_whole(path, (heading + " ".join(map(str, compared.best[steps])) + "\n").encode())


def _print(compared: Comparison, format: str, terminal: Terminal) -> None:
    from mdmtheory.cli.schedule_tables import print_schedules
    from mdmtheory.cli.tables import print_data

    frame = compared.frame
    if format in ("csv", "json"):
        print_data(frame, format, compared.about, terminal.say)
    else:
        print_schedules(frame, compared.about, "TER" if "language" in compared.about else "perplexity", format)
