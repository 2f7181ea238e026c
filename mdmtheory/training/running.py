"""A training in its folder: begun, stopped, gone on with, and at its end a run."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mdmtheory import __version__
from mdmtheory.core.interrupts import interrupts_held
from mdmtheory.core.lock import locked
from mdmtheory.core.long_calls import counting
from mdmtheory.core.notices import notice
from mdmtheory.core.writing import write_whole
from mdmtheory.networks.runs import Run, RunRecord, extras_of, network_digest, write_run
from mdmtheory.training.asked import Asked, why_not_exact
from mdmtheory.training.batches import Batches
from mdmtheory.training.checkpoints import Checkpoint, last_checkpoint, remove_later, write_checkpoint
from mdmtheory.training.errors import memory_told
from mdmtheory.training.parallel import Processes, joined
from mdmtheory.training.progress import Progress, history_text
from mdmtheory.training.settings import Settings
from mdmtheory.training.training import Training

CHECKPOINTS, HISTORY = "checkpoint", "history.csv"
_REPORTS_EVERY = 0.5
_FIRST_STEPS = 5
"""Steps of a trial that are not timed: in the first ones kernels are compiled and memory is found."""
_TRIAL_STEPS = 200
_TRIAL_SECONDS = 3.0
_SHARE_LEARNING = 0.95
"""Of the minutes; the others go into validation and checkpoints."""


@dataclass(frozen=True)
class Place:
    """Where a training is computed."""

    device: str
    precision: str
    threads: int


def run(
    asked: Asked,
    folder: Path,
    place: Place,
    *,
    resume: bool,
    checkpoint_minutes: float,
    report: Callable[[Progress], None] | None,
) -> Run:
    """Begin or resume a training in a folder, and go on until it is finished; see `trainer.train`."""
    with joined(place.device) as processes:
        place = replace(place, device=processes.device)
        check_there(folder, resume)
        settings = None if resume else asked.settings(on_cuda=place.device != "cpu")
        with alone_in(folder, processes):
            check_there(folder, resume)  # nobody began it meanwhile
            last = found_in(folder) if resume else None
            processes.wait()  # all have looked before one of them writes
            if last is not None:
                settings = asked.resumed(Settings.from_json(last.about["settings"]), str(folder))
            settings = settings or asked.settings(on_cuda=place.device != "cpu")
            if last is not None and last.step == settings.steps and is_finished(folder):
                notice(f"the training in {folder} is finished already")
            else:
                with torch_threads(place.threads), memory_told(settings.batch, settings.length, place.device):
                    training = begun_or_resumed(settings, last, asked, place, processes)
                    Keeper(training, folder, asked, place, checkpoint_minutes * 60, resume).run(report)
            processes.wait()
    return Run.open(folder)


@contextmanager
def alone_in(folder: Path, processes: Processes) -> Iterator[None]:
    """Inside the block no other training writes to a folder; all processes are refused where the first one is."""
    path = folder.resolve()
    with ExitStack() as held:
        refused: Exception | None = None
        if processes.first:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(locked(path, "training"))
            except (ValueError, OSError) as error:
                refused = error
        if processes.any(refused is not None):
            raise refused or ValueError(f"the first process cannot write {folder}; it says why")
        yield


def begun_or_resumed(
    settings: Settings, last: Checkpoint | None, asked: Asked, place: Place, processes: Processes
) -> Training:
    """A training as it was at its last checkpoint, or before its first step."""
    processes.rows(settings.batch)
    if last is None and settings.minutes is not None:
        settings = replace(settings, steps=steps_within(settings, asked, place, processes))
    training = begun(settings, asked, place, processes)
    if last is not None:
        training.restore(last)
    return training


def is_finished(folder: Path) -> bool:
    """Whether a folder has a run that was trained to its end."""
    try:
        return Run.open(folder).finished
    except ValueError:
        return False


def check_there(folder: Path, resume: bool) -> None:
    """ValueError where a folder has a training that is not to be resumed, or none that could be."""
    there = folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))
    if there and not resume:
        raise ValueError(f"{folder} is there already; go on with it by --resume, or pass another --out")
    if resume and not (folder / CHECKPOINTS).is_dir():
        raise ValueError(f"there is no training in {folder} that could be resumed; leave --resume out to begin one")


def found_in(folder: Path) -> Checkpoint | None:
    """What a folder has to go on from; None, with a notice, where that is nothing."""
    last = last_checkpoint(folder / CHECKPOINTS)
    if last is None:
        notice(f"{folder} has no checkpoint to go on from: beginning anew")
    return last


def tidied(folder: Path, step: int) -> None:
    """Take away what a kill left unfinished, and damaged checkpoints after the one that a training goes on from."""
    remove_later(folder / CHECKPOINTS, step)
    for unfinished in folder.glob(".mdmtheory-*"):
        shutil.rmtree(unfinished, ignore_errors=True)


def begun(settings: Settings, asked: Asked, place: Place, processes: Processes) -> Training:
    """A training before its first step."""
    objective, data, given = asked.aim(), asked.source(), asked.given()
    batches = Batches(
        objective,
        asked.language,
        data,
        targets=settings.targets,
        known=settings.targets == "oracle" or why_not_exact(objective, asked.language, data, given) is None,
        rows=settings.batch,
        device=place.device,
        given=given,
    )
    architecture = objective.architecture(settings.length, asked.size, level=settings.level, given=given)
    return Training(
        settings, architecture, batches, device=place.device, precision=place.precision, processes=processes
    )


def steps_within(settings: Settings, asked: Asked, place: Place, processes: Processes) -> int:
    """How many steps a training takes in its minutes, by the speed of a few that are then forgotten."""
    if processes.count > 1:
        raise ValueError("how many steps fit into --minutes is measured by one process; pass --tokens")
    trial = begun(replace(settings, steps=_FIRST_STEPS + _TRIAL_STEPS), asked, place, processes)
    for _ in trial.go_on(_FIRST_STEPS):
        pass
    trial.wait()
    began = time.perf_counter()
    with closing(trial.go_on()) as steps:
        for _ in steps:
            if time.perf_counter() - began > _TRIAL_SECONDS:
                break
    trial.wait()
    seconds = (time.perf_counter() - began) / (trial.step - _FIRST_STEPS)
    assert settings.minutes is not None
    return max(1, int(_SHARE_LEARNING * settings.minutes * 60 / seconds))


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Inside the block torch computes in so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Keeper:
    """What is done besides learning: the history, reports, checkpoints, and in the end the run folder."""

    def __init__(
        self, training: Training, folder: Path, asked: Asked, place: Place, checkpoint_seconds: float, resumed: bool
    ) -> None:
        self._training = training
        self._folder = folder
        self._asked = asked
        self._place = place
        self._checkpoint_seconds = checkpoint_seconds
        self._resumed = resumed
        self._saved = self._reported = time.perf_counter()

    def run(self, report: Callable[[Progress], None] | None) -> None:
        """Go on to the end, or to Ctrl-C: then with a checkpoint, and the run as it is, before KeyboardInterrupt.

        A second Ctrl-C waits for neither; what is written is written whole or not at all.
        """
        training = self._training
        try:
            with interrupts_held(most=1) as interrupted:
                self._go_on(interrupted, report)
        except BaseException:
            if training.step == 0 and training.processes.first and not self._resumed:
                shutil.rmtree(self._folder, ignore_errors=True)  # nothing was learnt, and the next try begins anew
            raise

    def _go_on(self, interrupted: Callable[[], int], report: Callable[[Progress], None] | None) -> None:
        training = self._training
        if training.processes.first and self._resumed:
            tidied(self._folder, training.step)
        if training.step == 0:
            self._write_checkpoint()
        self._write_history()
        begun = training.step
        with closing(training.go_on()) as steps, counting("steps", training.settings.steps - begun) as count:
            for _ in steps:
                count(training.step - begun)
                stopping = training.processes.any(interrupted() > 0)
                if training.step % training.every == 0 or training.finished:
                    training.line()
                    self._write_history()
                if training.processes.first:
                    self._keep(report, stopping or training.finished)
                if stopping:
                    break
        if training.processes.first:
            self._write_run()

    def _keep(self, report: Callable[[Progress], None] | None, last: bool) -> None:
        """Report, and write a checkpoint, where it is time to."""
        now = time.perf_counter()
        if last or now - self._saved > self._checkpoint_seconds:
            self._write_checkpoint()
        if report is not None and (last or now - self._reported > _REPORTS_EVERY):
            report(self._training.progress())
            self._reported = time.perf_counter()

    def _write_checkpoint(self) -> None:
        if self._training.processes.first:
            write_checkpoint(self._folder / CHECKPOINTS, self._training.checkpoint())
        self._saved = time.perf_counter()

    def _write_history(self) -> None:
        """All lines; where a training goes on, those after its checkpoint are gone."""
        if self._training.processes.first:
            write_whole(self._folder / HISTORY, history_text(self._training.lines).encode())

    def _write_run(self) -> None:
        training, settings = self._training, self._training.settings
        architecture = training.network.architecture
        objective = training.batches.objective
        constants = {name: torch.from_numpy(np.array(each)) for name, each in objective.constants().items()}
        state = {**training.stages.averaged(), **constants}
        noise, spec = objective.noise, settings.objective
        record = RunRecord(
            objective=spec,
            noise=noise,
            proper=objective.proper,
            architecture=architecture.to_json(),
            language=settings.language,
            language_digest=settings.language_digest,
            length=settings.length,
            targets=settings.targets,
            data=settings.data,
            tokens=settings.tokens,
            steps=settings.steps,
            batch=settings.batch,
            minutes=settings.minutes,
            seed=settings.seed,
            optimiser=training.optimising.to_json(),
            threads=self._place.threads,
            device=self._place.device,
            precision=self._place.precision,
            versions=versions(),
            trained_tokens=training.step * settings.batch * settings.length,
            trained_steps=training.step,
            seconds=round(training.seconds, 3),
            finished=training.finished,
            results=training.results(),
            digest=network_digest(architecture, noise, extras_of(noise, spec), state),
            given=settings.given,
        )
        write_run(self._folder, record, state, self._asked.language)


def versions() -> dict[str, str]:
    """What computed it."""
    import safetensors

    return {
        "mdmtheory": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "safetensors": safetensors.__version__,
    }
