"""What a training goes on from after it was stopped, in safetensors and JSON, and the one before in case of need.

A checkpoint is a folder of two files. The second one, which has the digest of the first, is written when that is safe,
so that a folder without it is one that was being written when the program was killed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from mdmtheory.core.notices import notice
from mdmtheory.core.streams import digest
from mdmtheory.core.writing import write_whole

FORMAT = "mdmtheory checkpoint"
VERSION = 1
_KEPT = 2
_TENSORS, _ABOUT = "state.safetensors", "state.json"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A training before `step`: its tensors by name, and what JSON can hold of it.

    There is no state of random numbers besides the seed, which `about` has: whatever is drawn is a function of seed
    and step.
    """

    step: int
    tensors: dict[str, Tensor]
    about: dict[str, Any]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint beside the last finished one, and then remove all others; OSError where it cannot be."""
    from safetensors.torch import save

    content = save({name: each.detach().cpu().contiguous() for name, each in checkpoint.tensors.items()})
    own = folder / _name(checkpoint.step)
    _remove(own)
    write_whole(own / _TENSORS, content)
    about = {
        "format": FORMAT,
        "version": VERSION,
        "step": checkpoint.step,
        "tensors": hashlib.sha256(content).hexdigest(),
        "about": checkpoint.about,
    }
    write_whole(own / _ABOUT, json.dumps({**about, "digest": digest(about)}, indent=1, sort_keys=True).encode())
    finished = [each for each in _newest_first(folder) if (each / _ABOUT).exists()]
    for other in set(_newest_first(folder)) - set(finished[:_KEPT]):
        _remove(other)


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole; a notice for each one after it, that is not. None where there is none."""
    said = []
    for own in _newest_first(folder):
        try:
            found = _read(own)
        except _Damaged as damaged:
            said.append(f"checkpoint {own} {damaged}")
            continue
        for each in said:
            notice(f"{each}; going on from the one before, of step {found.step:,}")
        return found
    for each in said:
        notice(f"{each}; there is none before it")
    return None


def remove_later(folder: Path, step: int) -> None:
    """Take away what comes after the checkpoint that a training goes on from: it is damaged."""
    for each in _newest_first(folder):
        if each.name > _name(step):
            _remove(each)


class _Damaged(Exception):
    """A checkpoint that cannot be gone on from."""


def _name(step: int) -> str:
    return f"step-{step:012}"


def _newest_first(folder: Path) -> list[Path]:
    return sorted((each for each in folder.glob("step-*") if each.is_dir()), key=lambda each: each.name, reverse=True)


def _read(own: Path) -> Checkpoint:
    from safetensors import SafetensorError
    from safetensors.torch import load

    if not (own / _ABOUT).exists():
        raise _Damaged("was not finished")
    try:
        about = json.loads((own / _ABOUT).read_bytes())
        said = about.pop("digest")
        if digest(about) != said or about["format"] != FORMAT or own.name != _name(about["step"]):
            raise _Damaged("is damaged")
        if about["version"] != VERSION:
            raise _Damaged(f"has format version {about['version']}, and this version of mdmtheory reads {VERSION}")
        content = (own / _TENSORS).read_bytes()
        if hashlib.sha256(content).hexdigest() != about["tensors"]:
            raise _Damaged("is truncated or damaged")
        return Checkpoint(about["step"], load(content), about["about"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError):
        raise _Damaged("is damaged") from None


def _remove(own: Path) -> None:
    """Take away the file that says that it is whole first."""
    (own / _ABOUT).unlink(missing_ok=True)
    shutil.rmtree(own, ignore_errors=True)
