"""A run folder: a trained network and everything that made it. No file of it is a pickle.

run.json is written last and has the digest of the weights, so that a folder is complete or says that it is not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mdmtheory.core.given import Given
from mdmtheory.core.printable import printable
from mdmtheory.core.protocols import Language
from mdmtheory.core.reading import read_text
from mdmtheory.core.writing import write_whole
from mdmtheory.languages.files import load_language
from mdmtheory.languages.kinds import built_in_kind
from mdmtheory.languages.presets import as_language
from mdmtheory.networks.architecture import Architecture
from mdmtheory.networks.devices import check_torch
from mdmtheory.networks.digest import digest_of
from mdmtheory.networks.latent_architecture import LatentArchitecture

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "mdmtheory run"
VERSION = 1
RUN, WEIGHTS, LANGUAGE = "run.json", "weights.safetensors", "language.npz"
EMBEDDING = "embedding"
"""The tensor of a run that is no weight: the vectors of tokens that Gaussian noise was put on."""
LATENT: Final = "latent"
"""The noise of latent diffusion, which is on latents: its networks say no laws of tokens."""
NOISES = ("masked", "uniform", "gaussian", LATENT)
_WHOLE = ("length", "tokens", "steps", "batch", "seed", "threads", "trained_tokens", "trained_steps")
_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(_WHOLE, (int,)),
    **dict.fromkeys(("architecture", "optimiser", "versions", "results"), (dict,)),
    "minutes": (float, int, type(None)),
    "seconds": (float, int),
    **dict.fromkeys(("finished", "proper"), (bool,)),
}
"""Of the fields of a record, other than texts."""
_RESUME = "resume its training, or train it again"


@dataclass(frozen=True)
class RunRecord:
    """What made a network, and what came of it. `language` is a spec, `digest` that of the network itself.

    `tokens`, `steps` and `batch` (sequences a step) are what was to be done, `trained_tokens` what was; `results` are
    nats a token on validation sequences. `proper`: whether the exact posterior is the only optimum of the objective.
    `given` are the positions that were given (core.given), and nats then those a token of an answer.
    """

    objective: str
    noise: str
    proper: bool
    architecture: Mapping[str, Any]
    language: str
    language_digest: str
    length: int
    targets: str
    data: str
    tokens: int
    steps: int
    batch: int
    minutes: float | None
    seed: int
    optimiser: Mapping[str, Any]
    threads: int
    device: str
    precision: str
    versions: Mapping[str, str]
    trained_tokens: int
    trained_steps: int
    seconds: float
    finished: bool
    results: Mapping[str, float | int | None]
    digest: str
    given: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON values; `given` where something was, as no run from before has it."""
        told = {key: value for key, value in asdict(self).items() if key != "given" or value is not None}
        return {"format": FORMAT, "version": VERSION, **told}

    @classmethod
    def from_json(cls, said: Any, path: Path) -> RunRecord:
        """What `to_json` wrote; ValueError, which names the file, for what is none or of another version."""
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise ValueError(f"{path} does not tell of a run; pass a folder that `mdmtheory train` wrote")
        if said.get("version") != VERSION:
            raise ValueError(
                f"{path} has format version {said.get('version')}, and this version of mdmtheory reads {VERSION}; use "
                "the one that wrote it, or train it again"
            )
        told = {key: value for key, value in said.items() if key not in ("format", "version")}
        odd = sorted({"given", *told} ^ {each.name for each in fields(cls)})
        if odd:
            raise ValueError(f"{path} lacks or adds {printable(odd[0])}; {_RESUME}")
        wrong = [key for key, value in told.items() if type(value) not in _TYPES.get(key, (str,))]
        if wrong or told["noise"] not in NOISES:
            raise ValueError(f"{path} has something else as its {[*wrong, 'noise'][0]} than a run has; {_RESUME}")
        return cls(**told)


@dataclass(frozen=True)
class Run:
    """A folder that `train` wrote, as `Run.open(path)` reads it."""

    path: Path
    record: RunRecord

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Run:
        """The run in a folder; ValueError in one line where it is no folder, incomplete, damaged or another version's.

        Its weights are read, and are those that run.json tells of: their digest is computed. Where torch is missing
        the extra that brings it is named.
        """
        folder = run_folder(path)
        if not folder.is_dir():
            raise ValueError(f"no run {folder}: it is not a folder; make one with `mdmtheory train ... --out {folder}`")
        for name in (RUN, WEIGHTS):
            if not (folder / name).is_file():
                raise ValueError(f"the run {folder} is incomplete, it has no {name}; {_RESUME}")
        try:
            said = json.loads(read_text(folder / RUN, _RESUME))
        except (json.JSONDecodeError, RecursionError):
            raise ValueError(f"{folder / RUN} is damaged, it is no JSON; {_RESUME}") from None
        run = cls(folder, RunRecord.from_json(said, folder / RUN))
        check_torch()
        _ = run._weights
        return run

    @cached_property
    def language(self) -> Language:
        """What it was trained on; ValueError where that cannot be read, or is another one by now."""
        saved = self.path / LANGUAGE
        language = load_language(saved) if saved.is_file() else as_language(self.record.language)
        if language.digest != self.record.language_digest:
            raise ValueError(f"{self.path} was trained on another language than {language.spec} is now; train it again")
        return language

    @cached_property
    def given(self) -> Given | None:
        """The positions that were given in its training; None where none was."""
        try:
            return None if self.record.given is None else Given(self.record.given, self.record.length)
        except ValueError as error:
            raise ValueError(f"{self.path / RUN}: {error}; {_RESUME}") from error

    @property
    def architecture(self) -> Architecture:
        """What the network is made of; ValueError for a run of latent diffusion, which has `latent_architecture`."""
        found = self._made_of
        if isinstance(found, LatentArchitecture):
            raise ValueError(
                f"the run {self.path} is of latent diffusion, whose network says no law of a token given others; give "
                "it to LatentDiffusion (--model latent)"
            )
        return found

    @property
    def latent_architecture(self) -> LatentArchitecture:
        """What the networks of latent diffusion are made of; ValueError for another run."""
        found = self._made_of
        if isinstance(found, Architecture):
            raise ValueError(
                f"the run {self.path} was trained for {self.objective}, and latent diffusion takes what was trained "
                "for latent; train one with `mdmtheory train latent`"
            )
        return found

    @cached_property
    def _made_of(self) -> Architecture | LatentArchitecture:
        kind = LatentArchitecture if self.record.noise == LATENT else Architecture
        try:
            return kind.from_json(dict(self.record.architecture))
        except ValueError as error:
            raise ValueError(f"{self.path / RUN}: {error}") from error

    @property
    def objective(self) -> str:
        """What it was trained for, as it is typed."""
        return self.record.objective

    @property
    def digest(self) -> str:
        """What identifies the network."""
        return self.record.digest

    @property
    def finished(self) -> bool:
        """Whether it was trained to its end."""
        return self.record.finished

    def weights(self) -> dict[str, Tensor]:
        """Tensors by name, as they were when the run was opened, whatever its file is by now; not to be written to."""
        return dict(self._weights)

    @cached_property
    def _weights(self) -> dict[str, Tensor]:
        """ValueError unless they are those that run.json tells of."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            state = load((self.path / WEIGHTS).read_bytes())
        except SafetensorError as error:
            raise ValueError(f"{self.path / WEIGHTS} is truncated or damaged; {_RESUME}") from error
        told = self.record
        if network_digest(self._made_of, told.noise, extras_of(told.noise, told.objective), state) != told.digest:
            raise ValueError(f"the weights in {self.path} are not those that its {RUN} tells of; {_RESUME}")
        return state


def run_folder(path: str | PathLike[str]) -> Path:
    """The folder that a path of a run means, `~/x` in the home of its user; an unknown user's is taken as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  # that of Path raises where a user is not known


def extras_of(noise: str, objective: str) -> dict[str, str]:
    """What a network's answers depend on besides masks: how its objective numbers or embeds its noise."""
    return {} if noise == "masked" else {"objective": objective}


def network_digest(
    architecture: Architecture | LatentArchitecture, noise: str, extras: Mapping[str, Any], state: Mapping[str, Tensor]
) -> str:
    """Of what a network is and of its tensors (`digest_of`)."""
    return digest_of([architecture.to_json(), noise, dict(extras)], state)


def write_run(path: Path, record: RunRecord, state: Mapping[str, Tensor], language: Language) -> None:
    """Write a run's network, language and record; OSError in one line where it cannot be."""
    from safetensors.torch import save

    if built_in_kind(language) is not None:
        language.save(path / LANGUAGE)  # type: ignore[attr-defined]  # what is built in can be saved
    write_whole(path / WEIGHTS, save({name: each.detach().cpu().contiguous() for name, each in state.items()}))
    write_whole(path / RUN, (json.dumps(record.to_json(), indent=1) + "\n").encode())
