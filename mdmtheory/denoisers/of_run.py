"""What denoisers from a run folder have in common: where and in what precision and batches they compute."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path

from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Identity
from mdmtheory.core.spec import Spec
from mdmtheory.networks.devices import as_precision
from mdmtheory.networks.runs import Run
from mdmtheory.oracles.tensors.devices import as_device

TOKENS_AT_ONCE = {"cpu": 1 << 13, "cuda": 1 << 17}


class OfRun(DenoiserDefaults, ABC):
    """A trained network, at the length that it was trained at.

    `device` is `auto`, `cpu` or `cuda:0`, `precision` that of its matrices there (bfloat16 on CUDA alone; what it says
    is float32), `batch` how many sequences it takes at once. Its identity is the digest of its weights and
    architecture. ValueError in one line for what is no run, another length, a device that is not there.
    """

    @whole_numbers(batch=1)
    def __init__(
        self,
        run: str | PathLike[str] | Run,
        *,
        device: str = "auto",
        batch: int | None = None,
        precision: str | None = None,
    ) -> None:
        self.run = run if isinstance(run, Run) else Run.open(run)
        self.length: int = self.run.record.length
        self.noises, self.proper = frozenset({self.run.record.noise}), self.run.record.proper
        self.device = as_device(device)
        self.precision = as_precision(precision, self.device)
        self._batch = batch
        asked = {"device": None if device == "auto" else device, "batch": batch, "precision": precision}
        typed = {key: value for key, value in asked.items() if value is not None}
        self.spec = Spec.of("network", run=str(Path(fspath(self.run.path))), **typed)
        self.recorded = Spec.of("network", digest=self.run.digest)  # wherever its folder lies
        self.computed = {"precision": self.precision, "batch": self.batch(self.length)}
        self._take_over()

    @abstractmethod
    def _take_over(self) -> None:
        """Say of itself what its run's architecture says."""

    @contextmanager
    def _loading(self) -> Iterator[None]:
        """ValueError in one line where weights are not those of the architecture."""
        try:
            yield
        except RuntimeError:
            raise ValueError(
                f"the weights in {self.run.path} are not those of its architecture; train it anew"
            ) from None

    def __repr__(self) -> str:
        batch = "" if self._batch is None else f", batch={self._batch}"
        where = f"device={self.device!r}{batch}, precision={self.precision!r}"
        return f"{type(self).__name__}({str(self.run.path)!r}, {where})"

    @property
    def identity(self) -> Identity:
        """The digest of its weights and architecture."""
        return Identity("network", 1, self.run.digest)

    def batch(self, length: int) -> int:
        """How many sequences it takes at once: as was asked, or so many that memory stays small."""
        at_once = TOKENS_AT_ONCE["cpu" if self.device == "cpu" else "cuda"]
        return max(1, at_once // max(1, length)) if self._batch is None else self._batch

    def validate_length(self, length: int) -> None:
        """ValueError for another length than the network was trained at."""
        if length != self.length:
            raise ValueError(
                f"the network {self.run.path} was trained at length {self.length}, not {length}; use --length "
                f"{self.length}, or train one at {length}"
            )
