"""`mdmtheory language`: make, look at and sample the target laws."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mdmtheory.cli.examples import examples_of
from mdmtheory.cli.terminal import Terminal
from mdmtheory.core.integers import LAST_SEED

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language

app = typer.Typer(help="Make, look at and sample languages.")

_Spec = Annotated[str, typer.Argument(metavar="SPEC", help="NAME[:key=value,...] or a saved file.")]

_TOKENS = 64
"""Tokens of a sequence where nobody says how many."""

_AT_ONCE = 1 << 18  # tokens drawn before they are printed, so that long outputs start soon and need little memory


@app.command(epilog=examples_of("language new"))
def new(
    context: typer.Context,
    spec: Annotated[str, typer.Argument(help="NAME[:key=value,...]; with tables hmm or ngram; or a language file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write (.npz).")],
    initial: Annotated[Path | None, typer.Option(help="CSV: the law of the first state, or context.")] = None,
    transition: Annotated[Path | None, typer.Option(help="hmm: CSV, a row for each state, over states.")] = None,
    emission: Annotated[Path | None, typer.Option(help="hmm: CSV, a row for each state, over tokens.")] = None,
    conditional: Annotated[Path | None, typer.Option(help="ngram: CSV, a row for each context, over tokens.")] = None,
) -> None:
    """Write a language to one file, which every --lang accepts: a named one, or one of your own from CSV tables.

    Each row of a table sums to 1. The contexts of an n-gram are its rows in order, the last token changing first.
    """
    from mdmtheory.languages.files import save_language
    from mdmtheory.languages.presets import as_language

    terminal = Terminal.of(context)
    given = {"initial": initial, "transition": transition, "emission": emission, "conditional": conditional}
    tables = {name: path for name, path in given.items() if path is not None}
    language = _from_tables(spec, tables, terminal) if tables else as_language(spec)
    save_language(language, out)
    terminal.say(f"{spec} is in {out}; name it as --lang {out}")


def _from_tables(kind: str, tables: dict[str, Path], terminal: Terminal) -> Language:
    from mdmtheory.core.printable import did_you_mean
    from mdmtheory.languages.kinds import kinds
    from mdmtheory.languages.written import from_tables, read_law

    of_tables = {name: each.arrays for name, each in kinds().items() if each.arrays}
    if kind not in of_tables:
        raise ValueError(
            f"{kind!r}{did_you_mean(kind, of_tables)} is not made of tables; "
            f"write {' or '.join(of_tables)} with --initial and the others"
        )
    if tables.keys() != set(of_tables[kind]):
        typed = " ".join(f"--{name} {name}.csv" for name in of_tables[kind])
        raise ValueError(f"{kind} has other tables; write mdmtheory language new {kind} {typed} -o FILE.npz")
    laws = {}
    for name, path in tables.items():
        laws[name], names = read_law(path, whole=name == "initial")
        if names:
            terminal.say(names)
    return from_tables(laws, ", ".join(map(str, tables.values())), kind)


@app.command(epilog=examples_of("language fit"))
def fit(
    context: typer.Context,
    text: Annotated[
        Path, typer.Argument(metavar="TEXT", help="A text file; one that ends in .arpa is a model itself.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write (.npz).")],
    order: Annotated[
        int | None, typer.Option(min=1, help="An n-gram: tokens that it looks at, the next included.")
    ] = None,
    states: Annotated[
        int | None, typer.Option(min=1, help="Instead a hidden Markov model with so many states.")
    ] = None,
    smoothing: Annotated[str, typer.Option(help="With --order: none, kneser_ney or add:0.01.")] = "none",
    units: Annotated[str, typer.Option(help="letters (space, a to z), characters, words, or numbers.")] = "letters",
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="With --states: where the search begins.")] = 0,
    vocab: Annotated[Path | None, typer.Option(help="A JSON file for what the tokens stand for.")] = None,
) -> None:
    """Fit a language to a text, and write it to one file, which every --lang accepts.

    Numbers are tokens themselves, a sequence a line. An n-gram has states for what occurs alone, and may be of any
    order.
    """
    from mdmtheory.core.writing import write_whole
    from mdmtheory.languages.fitted import fitted

    terminal = Terminal.of(context)
    language, pieces = fitted(text, order=order, states=states, smoothing=smoothing, units=units, seed=seed)
    language.save(out)
    terminal.say(f"{language.vocab_size} tokens of {text} are in {out}; name it as --lang {out}")
    if vocab is not None:
        if pieces is None:
            raise ValueError(f"numbers are tokens themselves; leave out --vocab {vocab}")
        write_whole(vocab, (json.dumps(pieces, ensure_ascii=False) + "\n").encode())
        terminal.say(f"what its tokens stand for is in {vocab}, in their order")


@app.command(epilog=examples_of("language show"))
def show(context: typer.Context, spec: _Spec) -> None:
    """Print what a language is: its sizes, its entropy rate and its digest; of a task an example as people write it."""
    from mdmtheory.languages.presets import as_language, own_length

    with Terminal.of(context).announcing_compilation():
        language: Any = as_language(spec)
        rate = _entropy_rate(language)
    facts = {"language": str(language.spec), "vocab_size": str(language.vocab_size)}
    for name, value in language.parameters().items():
        shape = getattr(value, "shape", ())
        if shape:
            facts[name] = f"array {'×'.join(map(str, shape))}, {_zeros(value)}"
        else:
            option, said = language.typed(name, value)
            facts[option] = str(said)
    if own_length(language) is None:
        facts["entropy rate"] = rate
    else:
        facts |= _facts_of_task(language)
    facts["digest"] = language.digest
    width = max(len(name) for name in facts)
    for name, fact in facts.items():
        print(f"{name:{width}}  {fact.replace(chr(10), chr(10) + ' ' * (width + 2))}")


def _facts_of_task(task: Any) -> dict[str, str]:
    """What a task has besides: its one length, its source, a sequence that it draws, and how hard that is."""
    drawn = task.sample(1, task.length, 0)
    given, padded = int(task.given.sum()), int(task.padding(drawn)[0])
    padding = f", {padded} of it padding in the example" if task.pad is not None else ""
    return {
        "length": f"{task.length}: a prompt of {given}, an answer of {task.length - given}{padding}",
        "source": task.source,
        "example": task.show(drawn),
        "difficulty": f"{task.strata(drawn)[0]} (of the example)",
    }


def _entropy_rate(language: Language) -> str:
    from mdmtheory.core.estimate import WithheldError
    from mdmtheory.oracles.on_device import has_many_states

    if has_many_states(language):
        return "not estimated, which takes hours with so many hidden states; entropy_rate(count=...) does it in Python"
    try:
        rate = language.entropy_rate()
    except WithheldError as withheld:
        return withheld.kind
    return "not known in closed form" if rate is None else f"{rate} nats a token"


@app.command(epilog=examples_of("language sample"))
def sample(
    context: typer.Context,
    spec: _Spec,
    count: Annotated[int, typer.Option(min=1, help="How many sequences.")] = 10,
    length: Annotated[int | None, typer.Option(min=1, help="Tokens in each: a task's own, else 64.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Names the random stream.")] = 0,
) -> None:
    """Draw sequences from a language: one a line, tokens separated by spaces."""
    from mdmtheory.languages.presets import as_language, own_length

    language = as_language(spec)
    length = length or own_length(language) or _TOKENS
    language.validate_length(length)
    step = max(1, _AT_ONCE // length)
    for first in range(0, count, step):
        with Terminal.of(context).announcing_compilation():
            tokens = language.sample(min(step, count - first), length, seed, first=first)
        sys.stdout.writelines(" ".join(map(str, row)) + "\n" for row in tokens.tolist())


def _zeros(array: object) -> str:
    import numpy as np

    return f"{float(np.mean(np.asarray(array) == 0)):.1%} of entries zero"
