"""Languages in files: one .npz with a JSON header, a format version, and no pickles."""

from __future__ import annotations

import json
import zipfile
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from mdmtheory.core.protocols import Language
from mdmtheory.core.spec import Spec

FORMAT = "mdmtheory language"
VERSION = 1


def save_language(language: Any, path: str | PathLike[str]) -> None:
    """Write a language to one .npz file; OSError where the folder cannot be written."""
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"{path} does not end in .npz; languages are saved as .npz files")
    arrays, values = split_parameters(language.parameters())
    header = {
        "format": FORMAT,
        "version": VERSION,
        "kind": language.kind,
        "spec": str(language.spec),
        "digest": language.digest,
        "values": values,
    }
    text = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, header=text, **arrays)


def load_language(path: str | PathLike[str]) -> Language:
    """Read a language that `save` wrote.

    ValueError, in one line, for a file that is truncated, of another version, not a language, or changed.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            contents = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise ValueError(f"no language file {path}; make one with `mdmtheory language new SPEC -o FILE`") from None
    except (zipfile.BadZipFile, ValueError, EOFError):
        raise ValueError(f"{path} is truncated or is no language file; save the language again") from None
    try:
        header = json.loads(contents.pop("header").tobytes())
        if header["format"] != FORMAT:
            raise KeyError
    except (KeyError, ValueError):
        raise ValueError(
            f"{path} has no header of a language; pass a file that `save` or `language new` wrote"
        ) from None
    if header["version"] != VERSION:
        raise ValueError(
            f"{path} has format version {header['version']}; this version of mdmtheory reads {VERSION}: "
            "use the one that wrote it, or save the language again"
        )
    language = language_from_parameters(header["kind"], {**contents, **header["values"]}, Spec.parse(header["spec"]))
    if language.digest != header["digest"]:
        raise ValueError(f"{path} was changed after it was saved (its digest differs); save the language again")
    return language


def split_parameters(parameters: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters that are arrays, and those that are plain values."""
    arrays = {key: value for key, value in parameters.items() if isinstance(value, np.ndarray)}
    return arrays, {key: value for key, value in parameters.items() if key not in arrays}


def language_from_parameters(kind: str, parameters: dict[str, Any], spec: Spec | None = None) -> Language:
    """The language of a kind with the parameters that its `parameters()` gave."""
    from mdmtheory.languages.presets import KINDS

    language: Language = KINDS.builder(kind).from_parameters(parameters, spec)  # type: ignore[attr-defined]  # a class
    return language
