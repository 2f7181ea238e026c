"""`mdmtheory train`: a network into a run folder, with a live line, and in the end what it has not learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mdmtheory.cli.outputs import was_typed
from mdmtheory.cli.progress import LiveBar
from mdmtheory.cli.terminal import Interrupted, Terminal, print_table
from mdmtheory.core.long_calls import clock

if TYPE_CHECKING:
    from mdmtheory.core.estimate import Estimate
    from mdmtheory.networks.runs import Run
    from mdmtheory.training.progress import Progress

_NEEDED = {"objective": "mdm", "lang": "--lang hmm", "length": "--length 64", "out": "--out runs/NAME"}
"""What must be said, and how it is."""
_CONTEXTS, _CONTEXTS_A_POSITION = 1024, 4


def train(
    context: typer.Context,
    objective: Annotated[
        str | None,
        typer.Argument(help="mdm, ar, encdec, latent, block:size=8, uniform, gaussian, mgdm ...; or a TOML file."),
    ] = None,
    lang: Annotated[str | None, typer.Option(help="NAME[:key=value,...] or a saved file.")] = None,
    length: Annotated[int | None, typer.Option(help="Tokens in a sequence.")] = None,
    prompt: Annotated[
        str, typer.Option(help="What is given: own (a task's), none, prefix:size=8 ...; the rest is learnt.")
    ] = "own",
    size: Annotated[str, typer.Option(help="nano, tiny, small, base or layers=4,width=128,heads=4.")] = "nano",
    tokens: Annotated[str | None, typer.Option(help="How many to learn from: 4M, 0.5M, 20k.")] = None,
    minutes: Annotated[float | None, typer.Option(help="How long to learn instead.")] = None,
    data: Annotated[str, typer.Option(help="fresh or fixed:samples=1000000,epochs=20.")] = "fresh",
    targets: Annotated[str | None, typer.Option(help="oracle (the exact posterior, if known) or tokens.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The run folder.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in the folder.")] = False,
    seed: Annotated[int, typer.Option(help="Names the random streams.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:0.")] = "auto",
    threads: Annotated[int, typer.Option(help="Threads of torch on a processor.")] = 1,
    batch: Annotated[int | None, typer.Option(help="Sequences a step; by default 512 tokens on a processor.")] = None,
    lr: Annotated[float | None, typer.Option(help="The highest learning rate; by default by width.")] = None,
    level: Annotated[bool | None, typer.Option("--level/--no-level", help="Tell the network the noise.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32, or bfloat16 on CUDA.")] = None,
    checkpoint_minutes: Annotated[float, typer.Option(help="Minutes between checkpoints.")] = 5.0,
) -> None:
    """Train a network; stopped at any moment, it goes on with --resume. Needs the extra `neural`."""
    from mdmtheory.training.trainer import train as train_network

    terminal = Terminal.of(context)
    settings = _settings(context)
    folder = settings["out"]
    with terminal.announcing_compilation(), TrainingProgress(terminal) as progress:
        try:
            run = train_network(**settings, resume=resume, report=progress)
        except KeyboardInterrupt:
            if not (folder / "checkpoint").is_dir():
                raise
            raise Interrupted(f"interrupted; the checkpoint in {folder} is kept, go on with --resume") from None
    _print_results(run, progress.last, terminal)
    _draw(run, terminal)
    terminal.say(f"run: {folder}")


def _settings(context: typer.Context) -> dict[str, Any]:
    """What was typed, else what the file says, else the defaults; ValueError for what is missing."""
    from mdmtheory.languages.presets import own_length
    from mdmtheory.training.files import KEYS, read_training

    options = {key: context.params[key] for key in KEYS}
    given = options["objective"]
    file = {}
    if given is not None and given.endswith(".toml"):
        file = read_training(given)
        options["objective"] = None
    typed = {key: value for key, value in options.items() if was_typed(context, key) and value is not None}
    if {"tokens", "minutes"} & typed.keys():
        file = {key: value for key, value in file.items() if key not in ("tokens", "minutes")}
    found = {**options, **file, **typed}
    if found["length"] is None and found["lang"] is not None:
        found["length"] = own_length(found["lang"])
    missing = {key: example for key, example in _NEEDED.items() if found[key] is None}
    if missing:
        if found["tokens"] is None and found["minutes"] is None and found["data"] == "fresh":
            missing["tokens"] = "--tokens 4M"
        raise ValueError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; give {' '.join(missing.values())}"
        )
    return {**found, "out": Path(found["out"])}


def _print_results(run: Run, last: Progress | None, terminal: Terminal) -> None:
    """What the run's averaged weights come to, and its losses by mask ratio beside it."""
    from mdmtheory.denoisers.network import Network
    from mdmtheory.metrics.learning_error import learning_error
    from mdmtheory.schedules.loss_files import write_losses

    record = run.record
    rows = [["learned from", f"{record.trained_tokens:,} tokens"]]
    rows += [
        [name.replace("_", " "), f"{value:.6g}"]
        for name, value in record.results.items()
        if name in ("loss", "floor", "reconstruction") and value is not None
    ]
    try:
        count = max(_CONTEXTS, _CONTEXTS_A_POSITION * record.length)
        net = Network(run, device=record.device)
        found = learning_error(net, run.language, record.length, count=count, seed=record.seed, prompt=run.given)
    except ValueError as reason:
        terminal.say(f"no learning error: {reason}")
    else:
        doubt = "" if found.proper else " (not proper)"
        rows.append([f"learning error, nats a token{doubt}", _shown(found.mean)])
        rows.append(["z, mass on what is impossible", _shown(found.z)])
        if found.losses is not None:
            write_losses(found.losses, run.path / "losses.csv")
    if last is not None:
        rows.append(["tokens a second", f"{last.tokens_per_second:,.0f}"])
    print_table([f"{record.objective}, {record.language}, length {record.length}", ""], rows)


def _draw(run: Run, terminal: Terminal) -> None:
    """The figure of the history; none, with the reason, where the floor is not known."""
    import pandas as pd

    from mdmtheory.languages.presets import LANGUAGES
    from mdmtheory.plots import save_figure
    from mdmtheory.plots.training import training_figure

    record = run.record
    try:
        title = f"{record.objective}, {LANGUAGES.reader_name(record.language)}, $L$ = {record.length}"
        figure = training_figure(pd.read_csv(run.path / "history.csv"), title)
    except ValueError as reason:
        terminal.say(f"no figure: {reason}")
    else:
        terminal.say(f"figure: {save_figure(figure, run.path / 'history.png')}")


def _shown(estimate: Estimate) -> str:
    return f"{estimate:.3g}".partition(" (")[0]


class TrainingProgress(LiveBar):
    """Call it with each Progress of a training, inside a `with` block: a live line, on a terminal alone."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal, "said", width=15)
        self.last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Show the newest progress."""
        self.last = progress
        name = f"step {progress.step:,}/{progress.steps:,}"
        self.tell(name, progress.steps, progress.step, said=line(progress))


def line(progress: Progress) -> str:
    """Loss, floor, learning error, speed and the time that is left, of what is known."""
    numbers = (("loss", progress.loss), ("floor", progress.floor), ("learning error", progress.learning_error))
    said = [f"{name} {value:.4g}" for name, value in numbers if value is not None]
    said.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    return "  ".join([*said, *([] if progress.seconds_left is None else [f"{clock(progress.seconds_left)} left"])])
