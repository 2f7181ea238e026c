"""Languages in files: one .npz with a JSON header, a format version, and no pickles; or as people write them down.

A file may come from anywhere. What it asks for is checked before it is done: its size before it is read, the kind and
the names of what it holds before any array, and the shape of each array before it is made.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import math
import re
import struct
import zipfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mdmtheory.core.evaluable import call
from mdmtheory.core.limits import MOST_HEADER_BYTES, MOST_UNPACKED_BYTES
from mdmtheory.core.printable import shortened
from mdmtheory.core.protocols import Language
from mdmtheory.core.spec import Spec
from mdmtheory.core.writing import write_whole
from mdmtheory.languages.digest import language_digest
from mdmtheory.languages.kinds import built_in_kind, kinds
from mdmtheory.languages.written import HOW_MADE, from_tables, read_json

FORMAT = "mdmtheory language"
VERSION = 1

_FIELDS: dict[str, type] = {"format": str, "version": int, "kind": str, "spec": str, "digest": str, "values": dict}
_LAYOUT = re.compile(
    rb"\{'descr': '([<>][fi][48]|\|u1)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \} *\n"
)
"""What numpy writes before an array; a saved file holds float64 alone and, in its header, bytes."""
_OF_NUMBERS = ("f8", "f4", "i8", "i4")
_DIRECTORY_END = struct.Struct("<4s4x2H4x4x2x")
"""The last 22 bytes of a zip file: its mark, and twice the number of its members."""


def save_language(language: Any, path: str | PathLike[str]) -> None:
    """Write a language to one .npz file, whole or not at all; OSError where it cannot be, ValueError for a plug-in."""
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"{path} does not end in .npz; languages are saved as .npz files")
    kind = built_in_kind(language)
    if kind is None:
        raise ValueError(
            f"{language.spec} is a plug-in, of no kind that a file can hold ({', '.join(kinds())}); name it by its spec"
        )
    arrays, values = split_parameters(language.parameters())
    header = {
        "format": FORMAT,
        "version": VERSION,
        "kind": kind,
        "spec": str(language.spec),
        "digest": language.digest,
        "values": values,
    }
    text = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, header=text, **arrays)
    write_whole(path, content.getbuffer())


def load_language(path: str | PathLike[str]) -> Language:
    """Read a language that `save` wrote, or that somebody wrote down; no code is run but that of its kind, one of ours.

    Besides saved files: JSON, `{"kind": "hmm", "initial": [...], ...}`, and an .npz of plain arrays by name.
    ValueError, in one line, for a file that is truncated, of another version, not a language, too large, or changed.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"no language file {path}; make one with {HOW_MADE}")
    if not path.is_file():
        raise ValueError(f"{path} is not a file; pass a language file, as `language new` writes it")
    language = read_json(path) if path.suffix == ".json" else _read_npz(path)
    made: Any = language
    shown: Language = made.made_by(call("load_language", str(path)))
    return shown


def _read_npz(path: Path) -> Language:
    with path.open("rb") as file, _damage_said(path):
        _check_directory(file, path)
        with zipfile.ZipFile(file) as archive:
            members = _members(archive, path)
            if members and members.keys() in [set(each.arrays) for each in kinds().values()]:
                plain = {name: _array(archive, each, path, _OF_NUMBERS) for name, each in members.items()}
                return from_tables(plain, str(path))
            header = _header(archive, members, path)
            kind = kinds()[header["kind"]]
            if members.keys() != {"header", *kind.arrays}:
                raise _other(path)
            arrays = {name: _array(archive, members[name], path, ("f8",)) for name in kind.arrays}
    parameters = {**arrays, **_numbers(header["values"], kind, path)}
    try:
        language: Language = kind.from_parameters(parameters, Spec.parse(header["spec"]))
    except ValueError as error:
        raise ValueError(f"{path} holds no language: {shortened(str(error))}") from error
    if language_digest(header["kind"], parameters) != header["digest"]:
        raise ValueError(f"{path} was changed after it was saved (its digest differs); save the language again")
    return language


def split_parameters(parameters: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters that are arrays, and those that are plain values."""
    arrays = {key: value for key, value in parameters.items() if isinstance(value, np.ndarray)}
    return arrays, {key: value for key, value in parameters.items() if key not in arrays}


class _Refused(ValueError):
    """A file that is not read, with the line that says why."""


@contextlib.contextmanager
def _damage_said(path: Path) -> Iterator[None]:
    """One line for whatever zipfile, zlib, json and numpy raise about damaged bytes; errors of the disk go on."""
    try:
        yield
    except _Refused as refused:
        raise ValueError(str(refused)) from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's beginning, which the damaged directory names
            raise
        raise ValueError(str(_truncated(path))) from None
    except Exception:  # noqa: BLE001  # these libraries raise over a dozen kinds
        raise ValueError(str(_truncated(path))) from None


def _truncated(path: Path) -> _Refused:
    return _Refused(f"{path} is truncated or is no language file; save the language again, or make one with {HOW_MADE}")


def _other(path: Path) -> _Refused:
    return _Refused(
        f"{path} has no header of a language, nor the arrays of one by name; make a language file with {HOW_MADE}"
    )


def _check_directory(file: BinaryIO, path: Path) -> None:
    """Refuse a zip file of many members before its directory is read."""
    file.seek(-_DIRECTORY_END.size, 2)
    mark, count, in_all = _DIRECTORY_END.unpack(file.read(_DIRECTORY_END.size))
    if mark != b"PK\5\6" or count != in_all:
        raise _truncated(path)
    if count > 1 + max(len(kind.arrays) for kind in kinds().values()):
        raise _other(path)


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The members by name without `.npy`, if they are plain and together no larger than a language file may be."""
    found = archive.infolist()
    members = {info.filename.removesuffix(".npy"): info for info in found if info.filename.endswith(".npy")}
    if len(members) < len(found) or any(info.flag_bits & 1 for info in found):  # renamed, twice there, or encrypted
        raise _other(path)
    size, unpacked = path.stat().st_size, sum(info.file_size for info in found)
    if unpacked > max(size, MOST_UNPACKED_BYTES):
        raise _Refused(
            f"{path} has {size:,} bytes and unpacks to {unpacked:,}, more than the {MOST_UNPACKED_BYTES:,} of "
            "MOST_UNPACKED_BYTES (mdmtheory.core.limits); save the language again, uncompressed as `language new` does"
        )
    return members


def _header(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: Path) -> dict[str, Any]:
    """The header, of this version, of a known kind and with every field of its type."""
    if "header" not in members or members["header"].file_size > MOST_HEADER_BYTES:
        raise _other(path)
    text = _array(archive, members["header"], path, ("u1",)).tobytes()
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise _other(path) from None
    if not isinstance(header, dict) or header.get("format") != FORMAT or type(header.get("version")) is not int:
        raise _other(path)
    if header["version"] != VERSION:
        raise _Refused(
            f"{path} has format version {shortened(str(header['version']))}; this version of mdmtheory reads "
            f"{VERSION}: use the one that wrote it, or save the language again"
        )
    if {name: type(value) for name, value in header.items()} != _FIELDS or not header["spec"].isprintable():
        raise _other(path)
    if header["kind"] not in kinds():
        raise _Refused(
            f"{path} holds a language of the kind {shortened(repr(header['kind']))}, which this version of mdmtheory "
            f"does not know; known: {', '.join(kinds())}"
        )
    return header


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, types: tuple[str, ...]) -> Any:
    """An array of one of the types, as numpy wrote it, whose layout accounts for every byte of the member."""
    with archive.open(info) as stream:
        start = stream.read(10)
        layout = stream.read(int.from_bytes(start[8:], "little"))
        fields = _LAYOUT.fullmatch(layout)
        if start[:8] != b"\x93NUMPY\1\0" or fields is None or fields[1][1:].decode() not in types:
            raise _truncated(path)
        shape = tuple(int(size) for size in fields[3].replace(b" ", b"").split(b",") if size)
        dtype = np.dtype(fields[1].decode())
        if len(start) + len(layout) + math.prod(shape) * dtype.itemsize != info.file_size:
            raise _truncated(path)
        data = stream.read()  # zipfile gives no more than the directory says, and compares the checksum at the end
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise _truncated(path)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fields[2] == b"True" else "C")


def _numbers(values: dict[str, Any], kind: Any, path: Path) -> dict[str, int]:
    known = values.keys() == set(kind.numbers)
    least = kind.least_number
    if not known or any(type(value) is not int or not least <= value < 1 << 63 for value in values.values()):
        raise ValueError(f"{path} has other values than {', '.join(kind.numbers) or 'none'}; save the language again")
    return values
