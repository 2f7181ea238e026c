"""`mdmtheory budget`: what a network loses, split into what it has not learned and what drawing together costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mdmtheory.cli.outputs import was_typed
from mdmtheory.cli.terminal import Terminal, print_table, writable
from mdmtheory.core.integers import LAST_SEED

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language
    from mdmtheory.metrics.budget import Budget

_PARTS = ("total", "factorisation", "learning")
_NAMES = ("model", "sampler", "schedule", "steps")
_LENGTH = 64

Columns = dict[str, list[Any]]


def budget(
    context: typer.Context,
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's folder; or a denoiser, window:width=2, of --lang.")
    ],
    steps: Annotated[str, typer.Option(help="16,64,256; 8..256 (doubling); 8..256:9 (points); L/4.")] = "8..256",
    sampler: Annotated[
        str, typer.Option(help="Orders of positions, or rules that look at the context (list samplers).")
    ] = "ancestral",
    schedule: Annotated[str, typer.Option(help="How many positions each step reveals.")] = "linear",
    lang: Annotated[str | None, typer.Option(help="NAME[:key=value,...] or a saved file; of a run its own.")] = None,
    length: Annotated[
        int | None, typer.Option(help="Tokens in a sequence; of a run or a task its own, else 64.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Sequences of the language that are scored.")] = 1000,
    check: Annotated[
        bool, typer.Option("--check", help="Score once more, and print the most that total and parts differ by.")
    ] = False,
    shares: Annotated[
        bool, typer.Option("--shares", help="Also the learning part by the share that is hidden when a token is set.")
    ] = False,
    per: Annotated[Literal["sequence", "token"], typer.Option(help="Nats a sequence, or a token.")] = "sequence",
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Names the random streams.", min=0, max=LAST_SEED)] = 0,
    format: Annotated[
        Literal["table", "csv", "json", "latex", "markdown"], typer.Option("--format", "-f", help="How to print it.")
    ] = "table",
) -> None:
    """Split log q(x) - log p(x) of a network into what it has not learned and what drawing tokens together costs.

    x ~ q; the exact posterior is asked in the contexts that the network's own choices visit. CSV and JSON have all
    numbers, nats a sequence and a token and every share. Lists multiply out, as for sweep.
    """
    from mdmtheory.core.means import LEAST_TERMS
    from mdmtheory.metrics.budget import budget as budget_of

    if samples < LEAST_TERMS:
        raise ValueError(f"samples is {samples}; give --samples {LEAST_TERMS} or more, below which no interval holds")
    terminal = Terminal.of(context)
    with terminal.announcing_compilation():
        denoiser, language, length = _asked(run, lang, length)
        found = budget_of(
            denoiser, language, length, **_choices(context, denoiser, length), count=samples, seed=seed, check=check,
            level=level,
        )  # fmt: skip
    checked = f"the most that a total and its parts differ by: {found.off:.2g} nats in a sequence, of {samples:,} a row"
    if format in ("csv", "json"):
        from mdmtheory.cli.tables import print_data

        print_data(found.frame, format, {"check": checked} if check else {}, terminal.say)
        return
    _print(found, per, format, checked if check else "", shares=shares)


def _asked(run: str, lang: str | None, length: int | None) -> tuple[Any, Language, int]:
    """The denoiser that was typed, the language, and the length."""
    from mdmtheory.core.limits import MOST_ENTRIES_AT_ONCE, check_limit
    from mdmtheory.denoisers import DENOISERS
    from mdmtheory.denoisers.network import network_of
    from mdmtheory.languages.presets import as_language, own_length

    spec = DENOISERS.typed(run)
    DENOISERS.builder(spec.name)  # refuses an unknown name
    net = network_of(run)
    own = None if net is None else net.run
    asked = own.language if lang is None and own is not None else lang
    if asked is None:
        raise ValueError(f"{run} is no run, which has a language of its own; give --lang, as --lang hmm")
    language: Any = as_language(asked)
    if length is None:
        length = own_length(language) or _LENGTH if own is None else own.record.length
    entries = max(length, 0) * language.width
    check_limit(entries, MOST_ENTRIES_AT_ONCE, "MOST_ENTRIES_AT_ONCE", f"length {length:,}", "use shorter sequences")
    return DENOISERS.build(spec, language), language, length


def _choices(context: typer.Context, denoiser: Any, length: int) -> dict[str, Any]:
    """Samplers, schedules and steps; of a network that sees the left alone only what was typed, to be refused."""
    from mdmtheory.core.contracts import as_denoiser
    from mdmtheory.sweeps.ranges import PartOfLength, steps_of, texts

    found: dict[str, Any] = {name: texts(context.params[name], name) for name in ("sampler", "schedule")}
    numbers = steps_of(context.params["steps"])
    found["steps"] = [each.at(length) if isinstance(each, PartOfLength) else each for each in numbers]
    if as_denoiser(denoiser).sees == "left":
        return {name: each for name, each in found.items() if was_typed(context, name)}
    return found


def _print(found: Budget, per: str, format: str, checked: str, *, shares: bool) -> None:
    """A line a model; with `shares` a second table, with a line for each share that is hidden when a token is set."""
    from mdmtheory.metrics.budget import scaled

    varying = [name for name in _NAMES if len({getattr(row, name) for row in found.rows}) > 1]
    first = found.rows[0]
    same = [_said(name, getattr(first, name)) for name in _NAMES if name not in varying]
    about = [found.language, found.denoiser, found.of, *filter(None, same)]
    note = f"{', '.join(about)}; intervals of {100 * first.z.level:g} %"
    note = "\n".join(filter(None, (note, checked)))
    named = {name: [_said("", getattr(row, name)) for row in found.rows] for name in varying}
    parts: Columns = {
        f"{name}, nats a {per}": [getattr(getattr(row, per), name) for row in found.rows] for name in _PARTS
    }
    parts["z, mass a token"] = [row.z for row in found.rows]
    calls = {"calls": [f"{row.calls.value:.4g}" for row in found.rows]}
    _print_columns(named, parts, calls, note, format)
    if shares:
        each = [(place, share) for place, row in enumerate(found.rows) for share in row.by_share]
        named = {name: [cells[place] for place, _ in each] for name, cells in named.items()}
        named["hidden"] = [f"{share.low:.3g} to {share.high:.3g}" for _, share in each]
        parts = {
            f"learning, nats a {per}": [
                share.learning if per == "sequence" else scaled(share.learning, found.length) for _, share in each
            ],
            "nats a token there": [share.error for _, share in each],
            "z there": [share.z for _, share in each],
        }
        print()
        _print_columns(named, parts, {"tokens": [f"{share.tokens:.4g}" for _, share in each]}, "", format)


def _print_columns(named: Columns, numbers: Columns, plain: Columns, note: str, format: str) -> None:
    """A table of names, numbers with their kinds and intervals, and plain numbers, column by column."""
    from mdmtheory.cli.documents import TABLES
    from mdmtheory.cli.tables import shown
    from mdmtheory.core.estimate import bare_kind

    headers, columns = [*named], [*named.values()]
    for name, found in numbers.items():
        kinds = {bare_kind(each.kind) for each in found}
        headers.append("\n".join([*name.split(", "), *(kinds if len(kinds) == 1 else [""])]))
        said = ((each.value, each.low, each.high, each.said_kind) for each in found)
        columns.append([shown(*each, say_kind=len(kinds) > 1) for each in said])
    headers, columns = [*headers, *plain], [*columns, *plain.values()]
    right = [name == "steps" for name in named] + [True] * (len(numbers) + len(plain))
    rows = list(zip(*columns, strict=True))
    if format in TABLES:
        print(writable(TABLES[format](headers, rows, right=right, note=note)))
        return
    if note:
        print(writable(note))
    print_table(headers, rows, right=right)


def _said(name: str, value: Any) -> str:
    words = "" if value is None else str(value)
    return f"{words} steps" if name == "steps" and words else words
