"""Language files that were damaged or made by hand: the language that was saved, or one line; no code and no hang."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.corruption import CANARY
from tests.faults.host import Host, Line
from tests.faults.judging import Tally

LANGUAGE = "hmm:states=3,vocab_size=3"
AT_ONCE = 25
_NO_TEXTS = (None, [], {}, 1, -1, 1.5, True, [[[]]], {"a": {}})
_MEMORY = 1 << 29  # what a file may cost on top of what the program has in use


def damaged_files(host: Host, folder: Path, truncations: int, flips: int, bomb: int = 1 << 27) -> Tally:
    """Cut off after every `truncations`-th byte, every `flips`-th byte changed, and all that are made by hand.

    A bomb unpacks to so many numbers of eight bytes.
    """
    tally = Tally("language files cut off, changed and made by hand")
    (folder / "canary.py").write_text(CANARY)
    saved = folder / "saved.npz"
    genuine = host.run(["language", "new", LANGUAGE, "-o", str(saved)], ["language", "show", str(saved)]).lines[1]
    assert genuine.code == 0
    batch: list[tuple[str, Path]] = []
    for case, data in files(saved, truncations, flips, bomb):
        path = folder / f"{tally.tried}.npz"
        path.write_bytes(data)
        batch.append((case, path))
        tally.tried += 1
        if len(batch) == AT_ONCE:
            _show(tally, host, folder, batch, genuine)
    _show(tally, host, folder, batch, genuine)
    if (folder / "executed").exists():
        tally.wrong.append("code was executed")
    return tally


def _show(tally: Tally, host: Host, folder: Path, batch: list[tuple[str, Path]], genuine: Line) -> None:
    ended = host.run(
        *(["language", "show", str(path)] for _, path in batch), folder=folder, limits={"RLIMIT_AS": _MEMORY}
    )
    for (case, _), line in zip(batch, ended.lines, strict=False):
        tally.judge_line(case, line)
        # The name that it goes by stands in the file, and is no more than a name.
        if line.code == 0 and line.out.split("\n")[1:] != genuine.out.split("\n")[1:]:
            tally.wrong.append(f"{case}: {line.out}")
    if len(ended.lines) < len(batch):
        tally.judge_end(batch[len(ended.lines)][0], ended, len(batch))
    for _, path in batch:
        path.unlink()
    batch.clear()


def files(saved: Path, truncations: int, flips: int, bomb_size: int) -> Iterator[tuple[str, bytes]]:
    whole = saved.read_bytes()
    for size in range(0, len(whole), truncations):
        yield f"the first {size} bytes", whole[:size]
    chance = random.Random(0)
    for at in range(0, len(whole), flips):
        value = chance.randrange(1, 256)
        yield f"byte {at} changed by {value}", whole[:at] + bytes([whole[at] ^ value]) + whole[at + 1 :]
    with np.load(saved) as file:
        arrays = dict(file)
    header = json.loads(arrays.pop("header").tobytes())
    yield from with_headers(header, arrays)
    yield from with_members(header, arrays, bomb_size)
    yield from with_arrays(header, arrays)
    yield "no zip", pickle.dumps({"header": "canary"})
    yield "an .npy under another name", npy(np.ones(3))
    yield "a pickle in an .npy", npy(np.array([{"a": 1}], dtype=object), pickled=True)


# ------------------------------------------------------------------------------------------------------- made by hand


def packed(header: Any, arrays: dict[str, Any]) -> bytes:
    """A language file of these; a header that is no bytes is written as JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file = io.BytesIO()
    np.savez(file, header=np.frombuffer(text, dtype=np.uint8), **arrays)
    return file.getvalue()


def npy(array: Any, *, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=pickled)
    return file.getvalue()


def with_headers(header: dict[str, Any], arrays: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Every field missing, null and of a wrong type; headers that are none."""
    for name, own in header.items():
        without = {key: value for key, value in header.items() if key != name}
        yield f"a header without {name}", packed(without, arrays)
        for value in (
            None,
            [],
            {},
            1,
            -1,
            1.5,
            True,
            "",
            "canary:Language",
            "x" * 10_000,
            [[[]]],
            {"a": {}},
            "hmm\n\x1b[0m",
        ):
            if own != value:
                yield f"{name} = {str(value)[:20]!r}", packed({**header, name: value}, arrays)
    whole_headers = (
        b"",
        b"[1]",
        b"null",
        b"1e999",
        b"{}",
        b"\xff\xfe",
        b"[" * 20_000,
        b'{"a":' * 20_000,
        b'"' + b"x" * 10**6 + b'"',
    )
    for text in whole_headers:
        yield f"the header {text[:10]!r}", packed(text, arrays)
    for value in (10**400, float("nan"), float("inf"), -0.0, "1" * 5000):
        yield f"a value of {str(value)[:10]}", packed({**header, "values": {"states": value}}, arrays)
    yield "a header of numbers", packed({**header, "values": dict.fromkeys(arrays, 1)}, {})


def with_members(header: dict[str, Any], arrays: dict[str, Any], bomb_size: int) -> Iterator[tuple[str, bytes]]:
    """Zip files that numpy would not write."""

    def zipped(change: Callable[[zipfile.ZipFile], None], compression: int = zipfile.ZIP_STORED) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", compression) as archive:
            archive.writestr("header.npy", npy(np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)))
            for name, array in arrays.items():
                archive.writestr(f"{name}.npy", npy(array))
            change(archive)
        return file.getvalue()

    yield "more arrays", zipped(lambda archive: archive.writestr("more.npy", npy(np.ones(3))))
    yield "a member that is no array", zipped(lambda archive: archive.writestr("more.txt", b"text"))
    yield "a name that leaves the folder", zipped(lambda archive: archive.writestr("../executed", b""))
    yield "a folder", zipped(lambda archive: archive.writestr("folder/", b""))
    yield "a name without end", zipped(lambda archive: archive.writestr("x" * 60_000 + ".npy", npy(np.ones(1))))
    yield (
        "ten thousand members",
        zipped(lambda archive: [archive.writestr(f"{n}.npy", b"") for n in range(10_000)] and None),
    )
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"compressed by method {method}", zipped(lambda archive: None, method)
    bomb = npy(np.zeros(bomb_size))
    yield "a bomb beside", zipped(lambda archive: archive.writestr("more.npy", bomb), zipfile.ZIP_DEFLATED)
    yield "a bomb in place", bombed(header, arrays, bomb)
    whole = zipped(lambda archive: None)
    yield (
        "encrypted members",
        whole.replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0").replace(
            b"PK\3\4\x14\0\0\0", b"PK\3\4\x14\0\1\0"
        ),
    )
    yield "an unknown compression", whole.replace(b"\x14\0\0\0\0\0", b"\x14\0\0\0\x63\0")
    yield "a file in front", b"#!/bin/sh\n" + whole
    yield "a file behind", whole + bytes(70_000)
    yield "a comment", whole[:-2] + b"\x05\0hello"
    yield "no members", b"PK\5\6" + bytes(18)
    with warnings.catch_warnings(action="ignore"):  # zipfile's own, of a name that is there twice
        twice = zipped(lambda archive: archive.writestr("header.npy", npy(np.zeros(2, dtype=np.uint8))))
    yield "a header twice", twice


def _crowd(archive: zipfile.ZipFile) -> None:
    for number in range(10_000):
        archive.writestr(f"{number}.npy", b"")


def bombed(header: dict[str, Any], arrays: dict[str, Any], bomb: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.npy", npy(np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)))
        for number, (name, array) in enumerate(arrays.items()):
            archive.writestr(f"{name}.npy", npy(array) if number else bomb)
    return file.getvalue()


def with_arrays(header: dict[str, Any], arrays: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Each parameter with another shape, type or value, or an .npy whose head says what is not there."""
    for name, array in arrays.items():
        yield f"no {name}", packed(header, {key: value for key, value in arrays.items() if key != name})
        for label, other in {
            "empty": array[:0],
            "flat": array.ravel()[:-1],
            "deeper": array[None],
            "integers": array.astype(np.int64),
            "bool": array.astype(bool),
            "complex": array.astype(complex),
            "float16": array.astype(np.float16),
            "text": array.astype(str),
            "bytes": array.astype("S"),
            "dates": array.astype("datetime64[s]"),
            "records": array.astype([("a", float)]),
            "another order": np.asfortranarray(array),
            "big-endian": array.astype(">f8"),
            "a number": np.float64(1.0),
            "negative": -array,
            "nan": array * np.nan,
            "inf": array + np.inf,
            "nearly": array * (1 + 1e-12),
            "tiny": array * 1e-300,
        }.items():
            yield f"{name} {label}", packed(header, {**arrays, name: other})
        for label, head in {
            "a shape beyond memory": "{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846976, 9), }",
            "a negative shape": "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 3), }",
            "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
            "no head": "{",
            "code for a head": "__import__('canary')",
            "a deep head": "(" * 5000,
            "an unknown type": "{'descr': 'canary', 'fortran_order': False, 'shape': (3,), }",
        }.items():
            yield f"{name} with {label}", with_raw_member(header, arrays, name, head)


def with_raw_member(header: dict[str, Any], arrays: dict[str, Any], name: str, head: str) -> bytes:
    file = io.BytesIO()
    text = head.encode() + b"\n"
    raw = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(72)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("header.npy", npy(np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)))
        for key, array in arrays.items():
            archive.writestr(f"{key}.npy", raw if key == name else npy(array))
    return file.getvalue()


def links(host: Host, folder: Path) -> Tally:
    """What is no file at all under the name of one."""
    tally = Tally("language files that are folders, devices, pipes and links to nowhere")
    (folder / "folder.npz").mkdir()
    os.mkfifo(folder / "pipe.npz")
    (folder / "nowhere.npz").symlink_to("nowhere")
    (folder / "round.npz").symlink_to("round.npz")
    (folder / "zeros.npz").symlink_to("/dev/zero")
    with (folder / "hole.npz").open("wb") as hole:
        hole.truncate(1 << 40)
    for path in sorted(folder.glob("*.npz")):
        ended = host.run(["language", "show", str(path)], limits={"RLIMIT_AS": _MEMORY})
        tally.tried += 1
        if tally.judge_end(path.name, ended, 1) and ended.lines[0].code == 0:
            tally.wrong.append(f"{path.name} is shown")
    shutil.rmtree(folder)
    folder.mkdir()
    return tally
