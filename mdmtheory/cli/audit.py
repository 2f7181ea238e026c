"""`mdmtheory audit`: what each decoding rule costs a model on held-out text, and how far the model can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mdmtheory.cli.held_out import Lang, Length, Lines, Model, Text
from mdmtheory.cli.outputs import check_file
from mdmtheory.cli.terminal import Terminal, print_table, writable
from mdmtheory.core.integers import LAST_SEED

if TYPE_CHECKING:
    from mdmtheory.report.audit_tables import Table


def audit(
    context: typer.Context,
    model: Model,
    text: Text = None,
    lines: Lines = False,
    lang: Lang = None,
    length: Length = None,
    steps: Annotated[str, typer.Option(help="16,64; 8..64 (doubling); L/4.")] = "L/16,L/4",
    sampler: Annotated[
        str | None, typer.Option(help="Rules that look at the context alone (ties=lowest), or draw a plan.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Held-out sequences, at most.", min=2)] = 256,
    draws: Annotated[int, typer.Option(help="Sequences drawn by each rule, together and one by one.", min=2)] = 64,
    threshold: Annotated[
        float, typer.Option(help="Nats that tokens a safe stride apart may say of each other at most.")
    ] = 0.01,
    check: Annotated[
        bool, typer.Option("--check", help="Also predict, measure, and say whether it is inside or out.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Names the random streams.", min=0, max=LAST_SEED)] = 0,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    page: Annotated[Path | None, typer.Option(help="Write all of it as a page, FILE.html.")] = None,
    format: Annotated[Literal["table", "json"], typer.Option("--format", "-f", help="How to print it.")] = "table",
) -> None:
    """Price decoding rules on held-out text by exact replay, in pairs, and say what else the model is.

    Beside the prices stand what drawing together costs along the model's own chain, how far orders contradict each
    other, how far apart tokens still say something of each other, and how varied what is drawn is.
    """
    from mdmtheory.metrics.audit import audit as audited
    from mdmtheory.metrics.held_out import held_out
    from mdmtheory.metrics.rule_prices import RULES
    from mdmtheory.report.audit_tables import audit_page, card, tables
    from mdmtheory.sweeps.ranges import PartOfLength, steps_of, texts

    terminal = Terminal.of(context)
    if page is not None:
        if page.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"--page {page} is a page of HTML; name it FILE.html")
        check_file(page, "page", "--page")
    if not threshold > 0:
        raise ValueError(f"threshold is {threshold}; pass nats above 0, as --threshold 0.01")
    rules = list(RULES) if sampler is None else texts(sampler, "sampler")
    numbers = steps_of(steps)
    with terminal.announcing_compilation():
        held = held_out(model, text=text, lines=lines, lang=lang, length=length, samples=samples, seed=seed)
        count = held.tokens.shape[1]
        chosen = sorted({each.at(count) if isinstance(each, PartOfLength) else each for each in numbers})
        found = audited(
            held.denoiser, held.tokens, steps=chosen, rules=rules, draws=draws, check=check, language=held.language,
            level=level, seed=seed,
        )  # fmt: skip
    shown, about = tables(found, level, threshold), card(model, held, found, level, threshold)
    if page is not None:
        from mdmtheory.core.writing import write_whole

        write_whole(page, audit_page(model, shown, about).encode())
        terminal.say(f"page: {page}")
    if format == "json":
        _print_json(shown, about)
        return
    for each in shown:
        print_table(each.headings, each.rows, right=[False] * len(each.headings))
        print()
    for name, words in about.items():
        print(writable(f"{name}: {words}"))


def _print_json(shown: list[Table], about: dict[str, str]) -> None:
    import json

    said = {each.name: [dict(zip(each.headings, row, strict=True)) for row in each.rows] for each in shown}
    print(json.dumps({"about": about, **said}, indent=1, ensure_ascii=False))
