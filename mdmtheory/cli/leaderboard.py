"""`mdmtheory leaderboard`: measure what a file asks for, then write the page, its figures and its rows."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mdmtheory.cli.measuring import measured
from mdmtheory.cli.outputs import FIGURE, PAGE, check_distinct, check_ending, check_file, not_ours, was_typed
from mdmtheory.cli.terminal import Terminal, print_table, writable
from mdmtheory.core.writing import write_whole

if TYPE_CHECKING:
    import pandas as pd

_FILE = Path("experiments/samplers.toml")


def leaderboard(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help=f"TOML files of sweeps, as `mdmtheory sweep` takes them; {_FILE}.", show_default=False),
    ] = None,
    page: Annotated[Path, typer.Option(help="The page, FILE.md; all rows go beside it, into FILE.csv.")] = Path(
        "docs/leaderboard.md"
    ),
    figures: Annotated[
        Path | None, typer.Option(help="The folder of the figures; by default beside the page, of its name.")
    ] = None,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Draw no figures.")] = False,
    no_laws: Annotated[
        bool, typer.Option("--no-laws", help="Leave out the whole laws of small languages, half a minute's work.")
    ] = False,
    budgets: Annotated[
        str, typer.Option(help="Calls within which samplers are compared: 16,32,64 or parts of the length.")
    ] = "L/4,L/2,L",
    no_sweep: Annotated[bool, typer.Option("--no-sweep", help="Measure nothing; take what there is.")] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Take no numbers from an earlier FILE.csv; measure what the store lacks.")
    ] = False,
    level: Annotated[float | None, typer.Option(help="Confidence level of the intervals; 0.95.")] = None,
    workers: Annotated[str | None, typer.Option(help="Threads; auto: all processors allowed.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The store; by default the file's.")] = None,
    where: Annotated[
        str | None, typer.Option(help="Rows to rank, as 'length == 64' (mdmtheory show); goes with --page.")
    ] = None,
    format: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", "-f", help="How to print who stands where.")
    ] = "table",
) -> None:
    """Rank all samplers with a perfect denoiser: measure the cells of a file, write a page, its figures and rows.

    Stopped at any moment and run again, it goes on; run once more, it writes the same bytes. What the store lacks and
    an earlier FILE.csv has, measured by the same versions of everything, is taken from there. A sampler of your own
    takes part where a TOML file of your own names it (docs/plugins.md says how it gets a name).

    Trained networks, named as denoisers by their folders, have a section of their own. Those that no file names stay
    on the page as FILE.csv has them: a network need not be where the page is made. Where to keep what is measured,
    and the level, the first file says.
    """
    import pandas as pd

    from mdmtheory.report.distances import rows_of_networks
    from mdmtheory.report.learned import apart
    from mdmtheory.report.page import Contents, budgets_at, ranked_entries
    from mdmtheory.report.page import page as page_of
    from mdmtheory.report.summary import summary
    from mdmtheory.sweeps.building import check_whole_cells
    from mdmtheory.sweeps.files import cells_of, read_toml
    from mdmtheory.sweeps.filters import Filter
    from mdmtheory.sweeps.published import published_text
    from mdmtheory.sweeps.ranges import steps_of
    from mdmtheory.sweeps.results import check_level

    terminal = Terminal.of(context)
    files = files or [_FILE]
    read = [read_toml(each) for each in files]
    keys = {"level": 0.95, "workers": "auto", "out": f"results/{files[0].stem}.sqlite", **read[0]}
    typed = {"level": level, "workers": workers, "out": out}
    keys |= {key: value for key, value in typed.items() if value is not None}
    check_level(keys["level"])
    chosen = list(dict.fromkeys(cell for each in read for cell in cells_of(each)))
    wanted, folder = steps_of(budgets, "budgets"), figures or page.with_suffix("")
    check_whole_cells(chosen, "leaderboards")
    for length in sorted({cell.length for cell in chosen}):
        budgets_at(wanted, length)
    store, rows = Path(keys["out"]), page.with_suffix(".csv")
    check_distinct({"the store": store, "the page": page, "the file of rows": rows})
    check_ending(store, "store", other="--figures FOLDER")
    _check_outputs(page, None if no_figures else folder)
    named = was_typed(context, "page")
    asked = None if where is None else Filter.parse(where)
    if asked is not None and not named:
        raise ValueError("--where ranks a part of the rows, and docs/leaderboard.md is of all; name a --page for it")
    _check_ours(page, rows, named)
    terminal.detail(f"{len(chosen)} cells into {store}")
    earlier = None if anew or not rows.exists() else rows
    if no_sweep:
        from mdmtheory.sweeps.stored import stored

        if not store.exists() and earlier is None:
            raise ValueError(f"there is no store {store} to take from; run the same command without --no-sweep")
        frame = stored(chosen, store, keys["level"], earlier)
    else:
        frame = measured(chosen, store, keys["workers"], keys["level"], terminal, earlier)
    frame = frame if asked is None else asked.of(frame)
    frame, learned = apart(frame)
    if frame.empty and len(learned):
        raise ValueError("all cells are of trained networks; give a file beside it that measures them with the oracle")
    learned = rows_of_networks(learned, chosen, frame, rows, level=keys["level"], anew=anew)
    entries = ranked_entries(frame)
    standing = summary(entries[1], wanted)
    links = {} if no_figures else _draw(frame, folder, page, terminal)
    words = [] if files == [_FILE] else [each.as_posix() for each in files]
    words += [] if where is None else ["--where", where]
    command = shlex.join(["mdmtheory", "leaderboard", *words])
    laws, corrections = (None, None) if no_laws else _laws(terminal)
    text = page_of(Contents(frame, entries, command, wanted, laws, corrections, links, rows.name, learned))
    _check_ours(page, rows, named)
    write_whole(rows, published_text(pd.concat([frame, learned] if len(learned) else [frame])).encode())
    write_whole(page, text.encode())
    _print(standing, format)
    terminal.say(f"store: {store}\nrows: {rows}\npage: {page}")


def _check_outputs(page: Path, figures: Path | None) -> None:
    """ValueError for what cannot be written, before hours are spent on it."""
    if page.suffix != ".md":
        raise ValueError(f"page {page} does not end in .md; write --page FILE.md")
    check_file(page, "page", "--page")
    check_file(page.with_suffix(".csv"), "file of rows", "--page")
    if figures is not None:
        check_file(figures / "figure.png", "figure", "--figures")


def _check_ours(page: Path, rows: Path, named: bool) -> None:
    """ValueError where another's file has a name that nobody typed."""
    from mdmtheory.sweeps.published import MARK

    for path, mark in {rows: MARK.encode(), **({} if named else {page: PAGE})}.items():
        theirs = not_ours(path, mark)
        if theirs is not None:
            raise ValueError(f"{theirs}; move it away, or choose another --page")


def _draw(frame: pd.DataFrame, folder: Path, page: Path, terminal: Terminal) -> dict[str, tuple[str, str]]:
    """Draws what can be drawn, and says what cannot; links from the page and captions, by title."""
    from mdmtheory.plots import sampler_figures, save_figure
    from mdmtheory.report.ties import without_twins

    links: dict[str, tuple[str, str]] = {}
    try:
        drawn = sampler_figures(without_twins(frame), terminal.say)
    except ValueError as error:
        terminal.say(f"no figures: {error}")
        return links
    for stem, figure in drawn.items():
        path = folder / f"{stem}.png"
        theirs = not_ours(path, FIGURE)
        if theirs is not None:
            terminal.say(f"no figure: {theirs}; move it away, or choose another --figures")
            continue
        terminal.say(f"figure: {save_figure(figure, path)}")
        link = Path(os.path.relpath(path, page.parent)).as_posix()
        links[stem.replace("_", " ")] = link, figure.caption.replace("$", "")
    return links


def _laws(terminal: Terminal) -> tuple[pd.DataFrame, pd.DataFrame]:
    from mdmtheory.report.exact_laws import correction_rows, exact_rows

    terminal.detail("whole laws of small languages ...")
    with terminal.announcing_compilation():
        return exact_rows(), correction_rows()


def _print(standing: pd.DataFrame, format: str) -> None:
    if format in ("csv", "json"):
        from mdmtheory.cli.tables import print_data

        print_data(standing, format)
    else:
        for length, own in standing.groupby("length", sort=True):
            print(f"length {length}")
            _print_length(own)


def _print_length(own: pd.DataFrame) -> None:
    budgets = list(dict.fromkeys(own["budget"]))
    ranks: dict[Any, dict[int, str]] = {}
    for sampler, budget, rank in zip(own["sampler"], own["budget"], own["mean_rank"], strict=True):
        ranks.setdefault(sampler, {})[budget] = f"{rank:.1f}"
    with_kl = own["kl_frontiers"].notna()
    without = "no log p" if with_kl.any() else "not measured"
    own = own.assign(kl=own["kl_frontiers"].astype(object).where(with_kl, without))
    rows = [
        [
            writable(str(row["sampler"])),
            f"{row['ser_frontiers']} of {row['languages']}",
            str(row["kl"]),
            *(ranks[row["sampler"]][budget] for budget in budgets),
        ]
        for row in own.drop_duplicates("sampler").to_dict(orient="records")
    ]
    headers = ["sampler", "frontiers\nof SER", "frontiers\nof KL", *(f"mean rank,\n{each} calls" for each in budgets)]
    print_table(headers, rows, right=[False, *[True] * (len(headers) - 1)])
