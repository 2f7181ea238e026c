"""Language files from anywhere: reading one runs no code of anybody's, takes no more memory than it says, and what is
damaged or made up is refused in one line."""

from __future__ import annotations

import hashlib
import io
import json
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mdmtheory as mt
from tests.trap import trap


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return trap(tmp_path, monkeypatch)


def contents_of(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and arrays of a good file."""
    with np.load(path) as file:
        arrays = dict(file)
    return json.loads(arrays.pop("header").tobytes()), arrays


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def write(path: Path, header: Any, arrays: dict[str, Any], compression: int = zipfile.ZIP_STORED) -> None:
    """A file with whatever header (bytes as they are) and members (bytes as they are)."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    with zipfile.ZipFile(path, "w", compression, compresslevel=1) as archive:
        archive.writestr("header.npy", npy(np.frombuffer(text, np.uint8)))
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", array if isinstance(array, bytes) else npy(array))


def digest_of(kind: str, parameters: dict[str, Any]) -> str:
    """The digest as design and stores have it."""

    def known_by(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        data = np.ascontiguousarray(value, dtype="<f8")
        return [list(data.shape), hashlib.sha256(data.tobytes()).hexdigest()]

    text = json.dumps(
        [kind, {key: known_by(value) for key, value in parameters.items()}], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def refusal(path: Path) -> str:
    with pytest.raises(ValueError, match=".") as caught:
        mt.load_language(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    assert len(text) < 1000
    return text


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.npz"
    mt.as_language("hmm:states=4").save(path)
    return path


@pytest.mark.refutes("3.1")
@pytest.mark.parametrize("kind", ["trap:Trap", "trap:Trap.from_parameters", "sprung"])
@pytest.mark.parametrize("open_file", [mt.load_language, mt.as_language])
def test_the_kind_in_a_file_is_never_imported_or_called(
    good: Path, mark: Path, kind: str, open_file: Callable[[Path], Any]
) -> None:
    header, arrays = contents_of(good)
    write(good, {**header, "kind": kind}, arrays)
    with pytest.raises(ValueError, match="kind") as caught:
        open_file(good)
    assert kind in str(caught.value)
    assert all(f" {kind}" in str(caught.value) for kind in ("affine", "balanced", "hmm", "ngram", "forest", "pdfa"))
    assert not mark.exists()


@pytest.mark.parametrize(
    "kind",
    ["", "HMM", "os:system", "builtins:exec", "hmm.__class__", "__class__", "mdmtheory.languages.hmm:HMM", "x" * 999],
)
def test_no_other_kinds_than_ours_are_known(good: Path, kind: str) -> None:
    header, arrays = contents_of(good)
    write(good, {**header, "kind": kind}, arrays)
    assert "kind" in refusal(good)


@pytest.mark.refutes("3.1")
def test_kind_and_header_are_checked_before_arrays_are_read(good: Path) -> None:
    header, arrays = contents_of(good)
    damaged = {name: npy(array)[:-8] for name, array in arrays.items()}
    write(good, {**header, "kind": "unheard_of"}, damaged)
    assert "unheard_of" in refusal(good)
    write(good, {**header, "version": 7}, damaged)
    assert "version 7" in refusal(good)


@pytest.mark.refutes("3.2")
def test_a_small_file_that_unpacks_to_much_is_refused_by_a_limit_that_has_a_name(good: Path) -> None:
    header, arrays = contents_of(good)
    zeros = npy(np.zeros(0)).replace(b"(0,), }", b"(6000, 6000), }")[:128] + bytes(6000 * 6000 * 8)
    write(good, header, {**arrays, "transition": zeros}, zipfile.ZIP_DEFLATED)
    assert good.stat().st_size < 1 << 21
    assert "MOST_UNPACKED_BYTES" in refusal(good)


def test_a_size_that_the_directory_understates_is_found_and_never_read(good: Path) -> None:
    header, arrays = contents_of(good)
    zeros = npy(np.zeros(0)).replace(b"(0,), }", b"(1000, 1000), }")[:128] + bytes(1000 * 1000 * 8)
    write(good, header, {**arrays, "transition": zeros}, zipfile.ZIP_DEFLATED)
    size = struct.pack("<I", len(zeros))
    assert good.read_bytes().count(size) == 2  # beside the member and in the directory
    good.write_bytes(good.read_bytes().replace(size, struct.pack("<I", 128 + 4 * 4 * 8)))
    tracemalloc.start()
    refusal(good)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("shape", [(10**6, 10**6), (2**40,), (4, 5), (0,), (4, 4, 1, 10**9)])
def test_a_shape_is_compared_with_what_is_there_before_room_is_made(good: Path, shape: tuple[int, ...]) -> None:
    header, arrays = contents_of(good)
    layout = str({"descr": "<f8", "fortran_order": False, "shape": shape})[:-1] + ", }"
    start = b"\x93NUMPY\1\0" + struct.pack("<H", 118) + layout.encode().ljust(117) + b"\n"
    write(good, header, {**arrays, "transition": start + bytes(4 * 4 * 8)})
    assert "truncated" in refusal(good)


def test_a_file_of_many_members_is_refused_before_its_directory_is_read(good: Path) -> None:
    with zipfile.ZipFile(good, "a") as archive:
        for number in range(2000):
            archive.writestr(f"{number}.npy", b"")
    assert "no header" in refusal(good)


def renamed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"emission.npy", b"emission.txt"))


def encrypted(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + place] |= 1
    path.write_bytes(data)


def packed_strangely(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        data[data.index(mark) + place] = 99
    path.write_bytes(data)


def doubled(path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("emission.npy", npy(np.eye(4)))


def cases(table: dict[str, Any], refused_before: set[str]) -> list[Any]:
    """The rows of a table, those marked that were no refusals before."""
    refutes = pytest.mark.refutes("3.2")
    return [pytest.param(row, id=name, marks=() if name in refused_before else refutes) for name, row in table.items()]


@pytest.mark.parametrize(
    "damage", cases({each.__name__: each for each in (renamed, encrypted, packed_strangely, doubled)}, {"doubled"})
)
def test_archives_that_are_not_as_we_write_them(good: Path, damage: Callable[[Path], None]) -> None:
    damage(good)
    refusal(good)


HEADERS: dict[str, Any] = {
    "a list": [1],
    "a number": 7,
    "nothing": None,
    "deep": b"[" * 60_000,
    "deep inside": b'{"format": "mdmtheory language", "values": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "long": b" " * (1 << 17),
    "no text": b"\xff\xfe\x00",
    "not a number": {"values": {"items": float("nan")}},
    "huge version": {"version": 10**400},
    "version of another type": {"version": [1]},
    "true as version": {"version": True},
    "null spec": {"spec": None},
    "list spec": {"spec": ["hmm"]},
    "broken spec": {"spec": ":::"},
    "spec that talks to the terminal": {"spec": "hmm\x1b[2J"},
    "null kind": {"kind": None},
    "list kind": {"kind": ["hmm"]},
    "null values": {"values": None},
    "text as values": {"values": "spec"},
    "more values": {"values": {"spec": "hmm", "states": 3}},
    "values of an array's name": {"values": {"initial": [1.0]}},
    "null digest": {"digest": None},
    "one field too many": {"more": 1},
}


REFUSED_BEFORE = {"huge version", "long", "no text", "null digest", "version of another type"}


@pytest.mark.parametrize("changes", cases(HEADERS, REFUSED_BEFORE))
def test_headers_made_by_hand(good: Path, changes: Any) -> None:
    header, arrays = contents_of(good)
    write(good, {**header, **changes} if isinstance(changes, dict) else changes, arrays)
    refusal(good)


@pytest.mark.parametrize("field", ["format", "version", "kind", "spec", "digest", "values"])
def test_every_field_must_be_there(good: Path, field: str) -> None:
    header, arrays = contents_of(good)
    write(good, {key: value for key, value in header.items() if key != field}, arrays)
    refusal(good)


ARRAYS: dict[str, Any] = {
    "one more": {"more": np.eye(4)},
    "a parameter of the constructor": {"spec": np.eye(4)},
    "float32": {"emission": np.eye(4, dtype=np.float32)},
    "whole numbers": {"emission": np.eye(4, dtype=np.int64)},
    "complex": {"emission": np.eye(4, dtype=complex)},
    "texts": {"emission": np.array(["a", "b"])},
    "records": {"emission": np.zeros(4, dtype=[("a", float)])},
    "pickles": {"emission": np.array([{}], dtype=object)},
    "a header of parentheses": {"emission": b"\x93NUMPY\1\0" + struct.pack("<H", 9000) + b"(" * 9000},
    "nothing": {"emission": b""},
}


OTHER_TYPES = {"float32", "whole numbers", "complex", "pickles", "a header of parentheses", "nothing"}


@pytest.mark.parametrize("changes", cases(ARRAYS, OTHER_TYPES))
def test_arrays_made_by_hand(good: Path, changes: dict[str, Any]) -> None:
    header, arrays = contents_of(good)
    write(good, header, {**arrays, **changes})
    refusal(good)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("hmm", {"initial": np.array([np.nan]), "transition": np.eye(1), "emission": np.eye(1)}),
        ("hmm", {"initial": np.ones(1), "transition": np.array(1.0), "emission": np.eye(1)}),
        ("hmm", {"initial": np.ones(1), "transition": np.ones(1), "emission": np.eye(1)}),
        ("hmm", {"initial": np.zeros(0), "transition": np.zeros((0, 0)), "emission": np.zeros((0, 2))}),
        ("hmm", {"initial": np.ones(1), "transition": np.eye(1), "emission": np.ones(1)}),
        ("hmm", {"initial": np.ones(1), "transition": np.eye(1), "emission": np.array([[np.inf]])}),
        ("hmm", {"initial": np.array([-1.0, 2.0]), "transition": np.eye(2), "emission": np.eye(2)}),
        ("ngram", {"initial": np.ones(1), "conditional": np.array(1.0)}),
        ("ngram", {"initial": np.ones((1,) * 9), "conditional": np.ones((1,) * 10)}),
        ("ngram", {"initial": np.array(2.0), "conditional": np.array([0.5, 0.5])}),
        ("copy", {"distance": 0, "vocab_size": 2}),
        ("copy", {"distance": True, "vocab_size": 2}),
        ("copy", {"distance": 10**400, "vocab_size": 2}),
        ("copy", {"distance": 1}),
        ("repetition", {"vocab_size": 1.5}),
        ("repetition", {"vocab_size": "2"}),
        ("repetition", {"vocab_size": 10**10}),
        ("permutation", {"items": [3]}),
        ("permutation", {"items": None}),
    ],
)
def test_parameters_that_make_no_language_are_refused_also_with_their_digest(
    tmp_path: Path, kind: str, parameters: dict[str, Any]
) -> None:
    path = tmp_path / "made.npz"
    arrays = {key: value for key, value in parameters.items() if isinstance(value, np.ndarray)}
    values = {key: value for key, value in parameters.items() if key not in arrays}
    header = {"format": "mdmtheory language", "version": 1, "kind": kind, "spec": "made", "values": values}
    write(path, {**header, "digest": digest_of(kind, parameters)}, arrays)
    refusal(path)


def damages(whole: bytes, count: int) -> list[bytes]:
    """Copies with a bit flipped, a run of bytes overwritten, cut out or doubled, or the end cut off; seeded."""
    chance = random.Random(9)
    found = []
    for number in range(count):
        data, place = bytearray(whole), chance.randrange(len(whole))
        stop = place + chance.randrange(1, 40)
        if number % 5 == 0:
            data[place] ^= 1 << chance.randrange(8)
        elif number % 5 == 1:
            data[place:stop] = chance.randbytes(len(data[place:stop]))
        elif number % 5 == 2:
            del data[place:stop]
        elif number % 5 == 3:
            data[place:place] = data[place:stop]
        else:
            del data[place:]
        found.append(bytes(data))
    return found


@pytest.mark.refutes("3.2")
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("lang", ["hmm:states=3,vocab_size=2", "ngram:order=1", "copy:distance=3"])
def test_a_damaged_file_is_refused_in_one_line_or_holds_the_same(tmp_path: Path, lang: str, compressed: bool) -> None:
    path, q = tmp_path / "language.npz", mt.as_language(lang)
    q.save(path)
    if compressed:
        with np.load(path) as file:
            contents = dict(file)
        np.savez_compressed(path, **contents)
    refused = same = 0
    for data in damages(path.read_bytes(), 200):
        path.write_bytes(data)
        try:
            read = mt.load_language(path)
        except ValueError as error:
            refused += len(str(error).splitlines()) == 1
        else:
            assert read == q
            same += 1
    assert refused + same == 200
    assert refused > 100


def test_every_kind_is_what_the_list_of_kinds_says() -> None:
    from mdmtheory.languages.kinds import built_in_kind, kinds
    from mdmtheory.languages.presets import LANGUAGES

    built = {mt.as_language(name).kind: mt.as_language(name) for name in LANGUAGES.built_in}
    assert built.keys() == kinds().keys()
    for name, q in built.items():
        kind, parameters = kinds()[name], q.parameters()
        assert type(q) is kind
        assert {key for key, value in parameters.items() if isinstance(value, np.ndarray)} == set(kind.arrays)
        assert {key for key, value in parameters.items() if isinstance(value, int)} == set(kind.numbers)
        assert q.digest == digest_of(name, parameters)
        assert built_in_kind(q) == name


class Borrowed(mt.HMM):
    """An HMM of somebody else's that is more than its parameters."""

    digest = "ab" * 32


@pytest.mark.refutes("4.4")
def test_a_plug_in_is_not_saved_under_a_name_that_it_took(tmp_path: Path) -> None:
    borrowed = Borrowed([1.0], [[1.0]], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="plug-in, of no kind that a file can hold"):
        borrowed.save(tmp_path / "language.npz")
    assert not list(tmp_path.iterdir())
