"""A training in memory: a network, its optimiser and its history, from step to step."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional

from mdmtheory.core.threads import processors
from mdmtheory.networks.latent_architecture import AnyArchitecture
from mdmtheory.training.batches import Batch, Batches
from mdmtheory.training.checkpoints import Checkpoint
from mdmtheory.training.data import MadeAhead
from mdmtheory.training.errors import NotANumber
from mdmtheory.training.optimising import Learner, Optimising
from mdmtheory.training.parallel import Processes
from mdmtheory.training.progress import Line, Progress
from mdmtheory.training.settings import Settings
from mdmtheory.training.stages import Stages

MOST_LINES = 100
FEWEST_STEPS_A_LINE = 40
VALIDATION_TOKENS = 1 << 11
"""Validation tokens behind a line of the history, which then takes some 3 % of the time."""
MAKERS_ON_CUDA = 4
"""One makes 2.4 million tokens a second of the preset HMM with exact targets, and a GPU may learn three times that."""
FINAL_BATCHES = 8
"""Of as many tokens each, others than those, in the end."""


def makers(device: str) -> int:
    """Threads that make batches: on a processor one beside the network, on CUDA as many as may keep up with it.

    A batch is a function of its number, whoever makes it.
    """
    return 1 if device == "cpu" else min(MAKERS_ON_CUDA, processors())


class Training:
    """A training before step `step`, with the lines of its history so far and the seconds that it has taken."""

    def __init__(
        self,
        settings: Settings,
        architecture: AnyArchitecture,
        batches: Batches,
        *,
        device: str,
        precision: str,
        processes: Processes,
    ) -> None:
        self.settings = settings
        self.optimising = Optimising(settings.learning_rate)
        self.batches = batches
        self.device = device
        self.precision = precision
        self.processes = processes
        self.network = batches.objective.network(architecture, seed=settings.seed).to(device)
        self._said = batches.objective.stages(settings.steps)
        self.stages = Stages(self.network, self.optimising, self._said)
        self.step = 0
        self.lines: list[Line] = []
        self.every = min(settings.steps, max(FEWEST_STEPS_A_LINE, -(-settings.steps // MOST_LINES)))
        self._losses: list[Tensor] = []
        self._floors: list[float | None] = []
        self._validated_on: Batch | None = None
        self._rows = max(settings.batch, VALIDATION_TOKENS // settings.length)
        self._seconds = 0.0
        self._began, self._first = time.perf_counter(), 0
        self._kept = 0

    @property
    def finished(self) -> bool:
        """Whether the last step is done."""
        return self.step == self.settings.steps

    @property
    def learner(self) -> Learner:
        """What learns now."""
        return self.stages.at(self.step)

    @property
    def seconds(self) -> float:
        """Seconds of training, before it was stopped and since."""
        return self._seconds + time.perf_counter() - self._began

    def go_on(self, steps: int | None = None) -> Generator[int, None, None]:
        """Do all steps that are left, or so many; the number of steps done after each."""
        stop = self.settings.steps if steps is None else min(self.settings.steps, self.step + steps)
        self.network.train()
        with MadeAhead(self.batches.training, self.step, stop, makers=makers(self.device)) as made:
            for step, batch in made:
                self._learn(step, batch)
                self.step = step + 1
                yield self.step

    def wait(self) -> None:
        """Until the device has done what it was told to do."""
        self.learner.weights.sum().item()

    def line(self) -> Line:
        """Add the line of the steps since the last one to the history; the averaged weights are validated for it."""
        loss, floor = self._newest()
        line = Line(
            self.step,
            self.step * self.settings.batch * self.settings.length,
            loss,
            floor,
            self._learning_error(),
            self.stages.rate(self.step - 1),
            round(self.seconds, 3),
        )
        self._losses, self._floors = [], []
        self.lines.append(line)
        return line

    def progress(self) -> Progress:
        """How far it is, without validating anew."""
        line = self.lines[-1] if self.lines else None
        if self._floors or line is None:
            loss, floor = self._newest()
        else:
            loss, floor = line.loss, line.floor
        done, left = self.step - self._first, self.settings.steps - self.step
        seconds = time.perf_counter() - self._began
        return Progress(
            self.step,
            self.settings.steps,
            self.step * self.settings.batch * self.settings.length,
            loss,
            floor,
            None if line is None else line.learning_error,
            done * self.settings.batch * self.settings.length / seconds,
            seconds / done * left if done else None,
        )

    def checkpoint(self) -> Checkpoint:
        """All that it can go on from, to the bit; NotANumber where that is nothing good."""
        losses = self.checked_losses()
        about = {
            "settings": self.settings.to_json(),
            "lines": [line.to_json() for line in self.lines],
            "losses": losses,
            "floors": self._floors,
            "seconds": round(self.seconds, 3),
        }
        self._kept = self.step
        return Checkpoint(self.step, self.stages.state(), about)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Be as the training was that wrote a checkpoint."""
        self.stages.restore(checkpoint.tensors, checkpoint.step)
        about = checkpoint.about
        self.step = self._first = self._kept = checkpoint.step
        self.lines = [Line(*each) for each in about["lines"]]
        self._floors = about["floors"]
        self._losses = [torch.tensor(each, device=self.device) for each in about["losses"]]
        self._seconds, self._began = about["seconds"], time.perf_counter()

    def checked_losses(self) -> list[float]:
        """The losses since the last line; NotANumber, with its step, where one of them or a weight is no number.

        They stay on the device until they are looked at.
        """
        losses: list[float] = torch.stack(self._losses).tolist() if self._losses else []
        wrong = [place for place, loss in enumerate(losses) if not math.isfinite(loss)]
        if wrong or not self.stages.finite():
            step = self.step - len(losses) + 1 + wrong[0] if wrong else self.step
            raise NotANumber(step, self._kept, self.settings.learning_rate)
        return losses

    def results(self) -> dict[str, float | int | None]:
        """What the averaged weights come to on validation sequences: others than the history's, once it is finished."""
        length = self.settings.length
        if not self.finished:
            error = self.lines[-1].learning_error if self.lines else None
            return {"loss": None, "floor": None, "learning_error": error, "validation_tokens": self._rows * length}
        with self._averaged():
            batches = [self._validation(1 + number) for number in range(FINAL_BATCHES)]
            measured = [self._validated(each) for each in batches]
            before = {
                each.said: sum(self._validated(batch, stage)[0] for batch in batches) / FINAL_BATCHES
                for stage, each in enumerate(self._said[:-1])
            }
        loss = sum(each for each, _ in measured) / FINAL_BATCHES
        floors = [floor for _, floor in measured if floor is not None]
        floor = sum(floors) / FINAL_BATCHES if floors else None
        return {
            "loss": loss,
            "floor": floor,
            "learning_error": None if floor is None else loss - floor,
            "validation_tokens": FINAL_BATCHES * self._rows * length,
            **before,
        }

    def _learn(self, step: int, batch: Batch) -> None:
        part = batch.rows(self.processes.rows(self.settings.batch)) if self.processes.count > 1 else batch
        loss = self._loss(part)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
        self.processes.add_up(self.learner.gradient)
        said = loss.detach()
        self.processes.add_up(said)
        self.stages.update(step)
        self._losses.append(said)
        self._floors.append(batch.floor)

    def _loss(self, batch: Batch) -> Tensor:
        noised = self.batches.objective.through(self.network, batch.noised)
        with self._precise():
            own = self.batches.objective.row_losses(self.network, batch.noised, self.stages.number(self.step))
            if own is not None:
                return own.sum() / (self.settings.batch * self.batches.answered)
            logits = self.batches.objective.logits(self.network, noised)
        log_probs = functional.log_softmax(logits.float(), dim=-1)
        nats = self.batches.objective.loss(log_probs, noised, batch.targets)
        return nats.sum() / (self.settings.batch * self.batches.answered)

    def _newest(self) -> tuple[float, float | None]:
        """Mean loss and floor of the steps since the last line."""
        losses = self.checked_losses()
        floors = [each for each in self._floors if each is not None]
        return sum(losses) / len(losses), (sum(floors) / len(floors) if floors else None)

    def _learning_error(self) -> float | None:
        if self._validated_on is None:
            self._validated_on = self._validation(0)
        with self._averaged():
            loss, floor = self._validated(self._validated_on)
        return None if floor is None else loss - floor

    def _validation(self, number: int) -> Batch:
        return self.batches.validation(number, self._rows)

    def _validated(self, batch: Batch, stage: int | None = None) -> tuple[float, float | None]:
        """Loss and floor in nats a token answered, computed in float64 from the network's logits.

        Where losses are not of laws of tokens, that of a stage, by default the present one.
        """
        assert batch.exact is not None
        noised, laws = batch.exact
        objective = self.batches.objective
        present = self.stages.number(self.step) if stage is None else stage
        seen = objective.through(self.network, batch.noised)
        with self._precise():
            own = objective.row_losses(self.network, batch.noised, present)
            if own is not None:
                return float(own.double().mean()) / self.batches.answered, None
            logits = objective.logits(self.network, seen)
        log_probs = functional.log_softmax(logits.cpu().double(), dim=-1)
        nats = objective.loss(log_probs, objective.through(self.network, noised), laws)
        return float(nats.mean()) / self.batches.answered, batch.floor

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        self.network.eval()
        with torch.no_grad(), self.stages.averaged_weights():
            yield
        self.network.train()

    def _precise(self) -> AbstractContextManager[object]:
        if self.precision == "bfloat16":
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()
