"""`mdmtheory sweep`: measure cells, keep them in a store, print the table and draw the figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mdmtheory.cli.measuring import measured
from mdmtheory.cli.outputs import FIGURE, check_distinct, check_ending, check_figure, not_ours, was_typed
from mdmtheory.cli.terminal import Terminal, print_table
from mdmtheory.core.long_calls import clock
from mdmtheory.core.printable import first_few

if TYPE_CHECKING:
    import pandas as pd

    from mdmtheory.sweeps.cell import Cell


def sweep(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A TOML file with these options; those given here win.")] = None,
    example: Annotated[
        str | None, typer.Option(help="A file that comes with the project, by name (list examples), in FILE's place.")
    ] = None,
    lang: Annotated[str | None, typer.Option(help="NAME[:key=value,...] or a saved file.")] = None,
    steps: Annotated[str | None, typer.Option(help="16,64,256; 64..2048 (doubling); 64..2048:9 (points); L/4.")] = None,
    length: Annotated[
        str | None, typer.Option(help="Tokens in a sequence; lists and ranges as --steps. A task's own, else 512.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="masked, block:size=16, uniform, gaussian, ar, jacobi, vdm, ssd:size=8, latent.")
    ] = "masked",
    denoiser: Annotated[
        str,
        typer.Option(
            help="oracle (of trust 0.999 where tokens may change), perturbed:epsilon=0.01, window:width=4; of "
            "tasks hops:edges=2, singles, propagate:depth=1, carry:columns=1; or a network, by its run's folder, "
            "runs/NAME or runs/NAME:batch=64, or hf:PATH, of others; model ar takes runs alone."
        ),
    ] = "oracle",
    sampler: Annotated[
        str,
        typer.Option(help="An order of positions, or a rule that looks, remasks, redraws or verifies (list samplers)."),
    ] = "ancestral",
    schedule: Annotated[str, typer.Option(help="How many positions each step reveals.")] = "linear",
    prompt: Annotated[
        str,
        typer.Option(help="What is given: prefix:size=8, ... (list prompts), none; own: as the language says."),
    ] = "own",
    metrics: Annotated[
        str,
        typer.Option(
            help="ser, ser_shared (brings shared_size), ser_sharp (brings sharp_size, sharp_largest), "
            "ser_tilted (brings tilted_size), ser_walk, ter, ter_ratio, wrong, unfaithful, z, cross_entropy or "
            "my_module:MyMetric, or several as ser,ter."
        ),
    ] = "ser,ter",
    samples: Annotated[int, typer.Option(help="Sequences for each cell, at least.")] = 2000,
    max_errors: Annotated[int | None, typer.Option(help="Draw no more after so many wrong sequences.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Also estimate SER a second way, by scoring.")] = False,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    seed: Annotated[str, typer.Option(help="Names the random streams.")] = "0",
    workers: Annotated[str, typer.Option(help="Threads; auto: all processors allowed.")] = "auto",
    tag: Annotated[
        str | None, typer.Option(help="Words by which these cells are found later, as paper1,figure2 (column tag).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The store; a later run goes on with it. By default results/FILE.sqlite."),
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="FILE.png, .svg or .pdf; by default beside the store.")] = None,
    no_figure: Annotated[bool, typer.Option("--no-figure", help="Draw no figure.")] = False,
    keep_samples: Annotated[
        bool, typer.Option("--keep-samples", help="Keep drawn sequences, in NAME.samples.sqlite beside the store.")
    ] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="Kept sequences are drawn to their end also where they went wrong.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and how long it would take.")
    ] = False,
) -> None:
    """Measure TER and SER of every combination of the options. Stopped at any moment and run again, it goes on.

    Lists multiply out: --lang hmm,ngram:order=3 --sampler ancestral,stride makes four curves. `mdmtheory list` prints
    the names.
    """
    from mdmtheory.cli.tables import print_cells
    from mdmtheory.sweeps.files import cells_of
    from mdmtheory.sweeps.files import example as find_example
    from mdmtheory.sweeps.samples_file import beside

    terminal = Terminal.of(context)
    if example is not None:
        if file is not None:
            raise ValueError(f"both {file} and --example {example} are given; leave one of them out")
        file = find_example(example)
    if file is not None and file.suffix != ".toml" and not file.exists():
        raise ValueError(
            f"there is no file {file}; name languages with --lang, as --lang hmm, and write lists with commas, as "
            "--lang hmm,ngram --steps 16,64"
        )
    settings, typed = _settings(context, file)
    chosen = cells_of(settings, typed)
    store = Path(settings["out"] or f"results/{file.stem if file else 'sweep'}.sqlite")
    check_ending(store, "store", other="--figure")
    keeping: dict[str, Any] = {key: settings[key] for key in ("keep_samples", "finish")}
    if dry_run:
        _print_forecast(chosen, store, settings["workers"], terminal, keeping)
        return
    if no_figure and was_typed(context, "figure"):
        raise ValueError(f"both --figure {figure} and --no-figure are given; leave one of them out")
    picture = None if no_figure else Path(settings["figure"] or store.parent / f"{store.stem}.png")
    if settings["figure"] and picture is not None:
        check_distinct({"the store": store, "the figure": picture})
        check_figure(picture)
    terminal.detail(f"{len(chosen)} cells into {store}")
    asked = {"tag": settings["tag"] or (), **keeping}
    frame = measured(chosen, store, settings["workers"], settings["level"], terminal, **asked)
    print_cells(frame, {metric.name: metric for cell in chosen for metric in cell.shown()}.values())
    terminal.say(f"store: {store}{_others(frame.attrs['others'])}")
    if settings["keep_samples"]:
        terminal.say(f"sequences: {beside(store)}")
    if picture is not None:
        _draw(frame, picture, terminal, wanted=settings["figure"] is not None)


def _settings(context: typer.Context, file: Path | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options: what was typed, else what the file says, else the defaults; and what was typed alone."""
    from mdmtheory.sweeps.files import KEYS, read_toml

    options = {key: context.params[key] for key in KEYS}
    typed = {key: options[key] for key in KEYS if was_typed(context, key)}
    return {**options, **(read_toml(file) if file else {}), **typed}, typed


def _others(found: dict[str, int]) -> str:
    """What the store has besides the cells of this sweep, so that nobody takes all of it for one thing."""
    if not found:
        return ""
    of = first_few([f"{count} of {name}" for name, count in found.items()])
    return f", with {sum(found.values())} other cells ({of}); --where chooses among them, --out names another store"


def _print_forecast(
    chosen: list[Cell], store: Path, workers: int | str, terminal: Terminal, keeping: dict[str, Any]
) -> None:
    from mdmtheory.sweeps.executors import worker_count
    from mdmtheory.sweeps.forecast import forecast

    count = worker_count(workers)
    with terminal.announcing_compilation():
        expected = forecast(chosen, store, **keeping)
    rows = [
        [
            str(each.cell),
            str(each.stored_sequences),
            str(each.missing_sequences),
            "unknown" if each.seconds is None else f"{each.seconds:.2g}",
            each.source,
        ]
        for each in expected.cells
    ]
    headers = ["cell", "sequences\nstored", "sequences\nmissing", "expected\nseconds", "from"]
    print_table(headers, rows, right=[False, True, True, True, False])
    seconds = expected.seconds(count)
    said = "unknown" if seconds is None else clock(seconds)
    print(f"{len(rows)} cells into {store}; expected time with {count} workers: {said}")


def _draw(frame: pd.DataFrame, path: Path, terminal: Terminal, *, wanted: bool) -> None:
    """The default figure; one that nobody asked for may be left out, with the reason, where nothing can be drawn."""
    from mdmtheory.plots import save_figure, sweep_figure

    theirs = None if wanted else not_ours(path, FIGURE)
    if theirs is not None:
        terminal.say(f"no figure: {theirs}; name it with --figure to replace it")
        return
    try:
        drawn = sweep_figure(frame)
    except ValueError as error:
        if wanted:
            raise
        terminal.say(f"no figure: {error}")
        return
    save_figure(drawn, path)
    terminal.say(f"figure: {path}")
