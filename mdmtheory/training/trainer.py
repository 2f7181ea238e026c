"""`train`: a network for a language and an objective, into a run folder, killed and resumed as often as need be."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.notices import notice
from mdmtheory.core.quantities import as_quantity
from mdmtheory.core.spec import Spec
from mdmtheory.core.threads import processors
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.networks.architecture import Size, as_size
from mdmtheory.networks.devices import as_precision, check_torch
from mdmtheory.oracles.tensors.devices import as_device
from mdmtheory.prompts.registry import OWN
from mdmtheory.training.asked import Asked
from mdmtheory.training.progress import Progress

if TYPE_CHECKING:
    from mdmtheory.networks.runs import Run


@whole_numbers(length=1, seed=0, threads=1, batch=1)
@shows_progress
def train(
    objective: str | Spec,
    *,
    lang: LanguageLike,
    length: int,
    prompt: Any = OWN,
    size: str | Size = "nano",
    tokens: int | float | str | None = None,
    minutes: float | None = None,
    data: str | Spec = "fresh",
    targets: str | None = None,
    out: str | PathLike[str],
    seed: int = 0,
    resume: bool = False,
    device: str = "auto",
    threads: int = 1,
    batch: int | None = None,
    lr: float | None = None,
    level: bool | None = None,
    precision: str | None = None,
    checkpoint_minutes: float = 5.0,
    report: Callable[[Progress], None] | None = None,
    progress: bool | None = None,
) -> Run:
    """Train a network for an objective (`mdm`, `ar`, `block:size=8`, ...) on sequences of a language.

    How long is said by `tokens` (4e6 or "4M"), by `minutes` (turned into steps once, by the speed of the first seconds)
    or by `data` that is fixed. `targets` are the exact posterior ("oracle", the default where there is one and data is
    fresh) or the "tokens" that were drawn. `batch` counts sequences a step, `lr` is the highest learning rate, `level`
    tells the network how much noise there is. `prompt` says what is given (`prompts.registry.given_positions`), by
    default what the language says itself: the network is shown it and learns the answers, and nats are those a token of
    an answer. Networks that see the left alone, or blocks, are given the first positions.

    The folder `out` gets a checkpoint every `checkpoint_minutes` and on Ctrl-C, which then goes on as
    KeyboardInterrupt; a second Ctrl-C waits for nothing. With `resume` the training that is there goes on, with the
    same sequences in the same order and, on a processor with as many threads, to the same bits as if it had never been
    stopped; what is left at None is as it was begun. ValueError, in one line, for what does not fit together, for a
    folder that another process trains into, and for a training that cannot go on: a loss that is no number, or too
    little memory.
    """
    if not checkpoint_minutes >= 0:
        raise ValueError(f"checkpoint_minutes is {checkpoint_minutes}; pass 0 (after every step) or more, as 5")
    check_torch()
    _prepare(threads)
    from mdmtheory.training.running import Place, run

    asked = Asked(
        objective,
        as_language(lang),
        length=length,
        size=as_size(size),
        tokens=None if tokens is None else as_quantity(tokens, "tokens"),
        minutes=minutes,
        data=data,
        targets=targets,
        batch=batch,
        lr=lr,
        level=level,
        seed=seed,
        prompt=prompt,
    )
    chosen = as_device(device)
    place = Place(chosen, as_precision(precision, chosen), threads)
    return run(asked, Path(out), place, resume=resume, checkpoint_minutes=checkpoint_minutes, report=report)


def _prepare(threads: int) -> None:
    """Before torch is loaded: what makes several threads wait without taking the processors from one another."""
    if threads > processors():
        raise ValueError(
            f"threads is {threads}; pass {processors()} or fewer, as many processors as this process may use"
        )
    passive = os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE"
    if threads > 1 and not passive:
        if "torch" in sys.modules:
            notice(
                f"{threads} threads may be far slower than one where others compute: set OMP_WAIT_POLICY=PASSIVE "
                "before torch is loaded"
            )
        else:
            os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
