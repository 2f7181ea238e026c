"""Whatever file a user names is read to its end or refused in one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mdmtheory.samplers.registry import as_sampler
from mdmtheory.schedules import as_schedule, read_losses
from mdmtheory.sweeps.files import read_toml

refutes = pytest.mark.refutes("5.3")
READERS: dict[str, Callable[[Path], Any]] = {
    "sweep": read_toml,
    "curve": read_losses,
    "schedule": lambda path: as_schedule(f"file:path={path}"),
    "plan": lambda path: as_sampler(f"plan:file={path}"),
}
each_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


def one_line(read: Callable[[], Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        read()
    assert "\n" not in str(caught.value)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A pipe that nobody writes into; whoever reads it without asking what it is would wait."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@refutes
@each_reader
def test_a_device_is_refused(read):
    one_line(lambda: read(Path("/dev/null")), "cannot read /dev/null: it is a device or a pipe, which may have no end;")


@each_reader
def test_a_pipe_is_refused(read, pipe):
    one_line(lambda: read(pipe), "it is a device or a pipe")


@refutes
@each_reader
def test_a_file_that_is_too_long_is_refused(read, tmp_path):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate((1 << 24) + 1)
    one_line(lambda: read(path), "it has more than 16777216 bytes \\(MOST_TEXT_BYTES\\);")


@refutes
def test_brackets_in_brackets_are_refused(tmp_path):
    path = tmp_path / "deep"
    path.write_text("[" * 100_000)
    for name in ("schedule", "plan"):
        one_line(lambda name=name: READERS[name](path), "is not valid JSON")
    path.write_text("lang = " + "[" * 5_000)
    one_line(lambda: read_toml(path), "is not a TOML file")


@refutes
def test_a_number_with_thousands_of_digits_is_refused_with_the_name_of_the_file(tmp_path):
    path = tmp_path / "long.toml"
    path.write_text("samples = " + "9" * 5_000)
    one_line(lambda: read_toml(path), "long.toml is not a TOML file")


def test_a_text_may_begin_with_a_byte_order_mark_and_end_its_lines_in_every_way(tmp_path):
    path = tmp_path / "plan"
    path.write_bytes(b"\xef\xbb\xbf1\r\n2\r1\n")
    assert as_sampler(f"plan:file={path}").steps_of_positions == (1, 2, 1)
