"""Trainings as TOML files: the command line's options as keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.reading import toml_in

_TEXT, _WHOLE, _NUMBER, _TRUTH = (str,), (int,), (int, float), (bool,)
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "objective": (_TEXT, '"mdm"'),
    "lang": (_TEXT, '"ngram:order=2"'),
    "length": (_WHOLE, "64"),
    "prompt": (_TEXT, '"own"'),
    "size": (_TEXT, '"nano"'),
    "tokens": ((int, float, str), '"4M"'),
    "minutes": (_NUMBER, "20"),
    "data": (_TEXT, '"fresh"'),
    "targets": (_TEXT, '"oracle"'),
    "out": (_TEXT, '"runs/bigram-mdm"'),
    "seed": (_WHOLE, "0"),
    "device": (_TEXT, '"auto"'),
    "threads": (_WHOLE, "1"),
    "batch": (_WHOLE, "8"),
    "lr": (_NUMBER, "0.003"),
    "level": (_TRUTH, "true"),
    "precision": (_TEXT, '"float32"'),
    "checkpoint_minutes": (_NUMBER, "5"),
}
KEYS = tuple(_KINDS)
"""The keys of a training, in a file as on the command line."""


def read_training(path: str | Path) -> dict[str, Any]:
    """The keys of a training from a TOML file; ValueError names an unknown key and the nearest known one."""
    found = {}
    for written, value in toml_in(path).items():
        key = written.replace("-", "_")
        if key not in _KINDS:
            raise ValueError(
                f"{path} has an unknown key {written!r}{did_you_mean(key, KEYS)}; known: {', '.join(KEYS)}"
            )
        kinds, example = _KINDS[key]
        if type(value) not in kinds:
            raise ValueError(f"{path}: {written} = {value!r} is of another type; write {key} = {example}")
        found[key] = value
    return found
