"""Machine code on disk is loaded only where nobody else can have written it, and is never a reason to stop."""

from __future__ import annotations

import errno
import os
import re
import resource
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mdmtheory.kernels import compiling

NOBODY = 65534
refutes = pytest.mark.refutes("3.3")


def twice(number: float) -> float:
    return 2 * number


def kernel_of_a_new_process() -> Callable[[float], float]:
    compiling.cache_folder.cache_clear()
    return compiling.kernel(twice)


def run(number: float = 21) -> tuple[int, list[str]]:
    """How often a process that starts here compiles `twice`, and what it says."""
    times: list[str] = []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with compiling.announcing_compilation(times.append):
            assert kernel_of_a_new_process()(number) == 2 * number
    return len(times), [str(each.message) for each in said]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that the machine code goes into."""
    chosen = tmp_path / "cache"
    monkeypatch.setenv("MDMTHEORY_CACHE", str(chosen))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    yield chosen
    compiling.cache_folder.cache_clear()


@pytest.fixture
def filled(root: Path) -> list[Path]:
    """The files with the machine code of `twice`."""
    assert run() == (1, [])
    return [path for path in root.rglob("*") if path.is_file()]


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To another user, or, where that is forbidden, as another user sees it."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)


def flip_last(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def move_behind_a_link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_suffix(".elsewhere")))


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "no pickle": lambda path: path.write_bytes(b"\xff" * 400),
    "another byte": flip_last,
}
OPEN: dict[str, Callable[[Path], Any]] = {
    "for the group": lambda path: path.chmod(path.stat().st_mode | stat.S_IWGRP),
    "for all": lambda path: path.chmod(path.stat().st_mode | stat.S_IWOTH),
    "link": move_behind_a_link,
}


@refutes
@pytest.mark.parametrize("change", [*DAMAGE, *OPEN, "second name"])
def test_a_file_that_is_damaged_or_open_is_a_miss_with_a_word_and_is_written_again(filled, tmp_path, change):
    for number, path in enumerate(filled):
        if change == "second name":
            (tmp_path / f"sent-{number}").hardlink_to(path)
        else:
            (DAMAGE | OPEN)[change](path)
    times, said = run()
    assert (times, len(said)) == (1, 1)
    assert "compiled again" in said[0]
    assert run() == (0, [])


@refutes
def test_a_file_of_another_user_is_not_loaded(filled, monkeypatch):
    for path in filled:
        give_away(path, monkeypatch)
    times, said = run()
    assert (times, len(said)) == (1, 1)
    assert "belongs to another user" in said[0]


@refutes
@pytest.mark.parametrize("change", [*OPEN, "another's"])
def test_nothing_is_loaded_from_a_folder_that_others_can_write(filled, monkeypatch, change):
    folder = filled[0].parent
    if change == "another's":
        give_away(folder, monkeypatch)
    else:
        OPEN[change](folder)
    times, said = run()
    assert (times, len(said)) == (1, 1)
    assert "not kept between runs" in said[0]
    assert compiling.cache_folder() is None


@refutes
def test_nor_from_a_folder_within_one_that_all_can_write(filled, root):
    root.chmod(0o777)
    assert run()[0] == 1
    root.chmod(0o1777)  # as /tmp is
    assert run() == (0, [])


@refutes
def test_folders_and_files_are_made_for_the_user_alone(root):
    before = os.umask(0)
    try:
        run()
    finally:
        os.umask(before)
    made = [root, *root.rglob("*")]
    assert len(made) > 3
    assert [path for path in made if path.stat().st_mode & 0o077] == []


@refutes
def test_a_folder_that_was_left_open_by_an_older_version_is_closed(root):
    (root / "kernels").mkdir(parents=True)
    (root / "kernels").chmod(0o775)
    assert run() == (1, [])
    assert (root / "kernels").stat().st_mode & 0o777 == 0o700


@refutes
def test_a_read_only_folder_that_is_filled_is_used(filled, monkeypatch):
    def read_only(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("TemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, read_only)
    assert run() == (0, [])


@refutes
def test_where_nothing_can_be_kept_that_is_said_once_and_nothing_is_left_behind(root, tmp_path):
    root.write_text("no folder")
    times, said = run()
    assert (times, len(said)) == (1, 1)
    assert "MDMTHEORY_CACHE" in said[0]
    assert list((tmp_path / "temporary").iterdir()) == []


@refutes
def test_a_full_disk_is_no_reason_to_stop(root):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        times, said = run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (times, len(said)) == (1, 1)
    assert "not kept between runs" in said[0]
    assert [path for path in root.rglob("*") if path.is_file()] == []


@refutes
def test_two_that_fill_an_empty_cache_at_once_lose_nothing(root, monkeypatch):
    replace = os.replace
    waiting = [kernel_of_a_new_process()]

    def replace_after_the_other(source: Any, target: Any) -> None:
        if waiting:
            waiting.pop()(2.5)
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_after_the_other)
    assert kernel_of_a_new_process()(21) == 42
    assert not waiting
    assert (run(21), run(2.5)) == ((0, []), (0, []))


PROGRAM = """
from mdmtheory.kernels.compiling import announcing_compilation, kernel

def thrice(number):
    return 3 * number

said = []
with announcing_compilation(said.append):
    print(kernel(thrice)(7), len(said))
"""


def test_processes_that_fill_an_empty_cache_at_once_are_right(root, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py"]
    environment = {**os.environ, "PYTHONPATH": str(Path(compiling.__file__).parents[2])}

    def start() -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True)

    at_once = [each.communicate() for each in [start(), start(), start()]]
    assert [out.split()[0] for out, _ in at_once] == ["21"] * 3
    assert [err for _, err in at_once] == [""] * 3
    assert start().communicate() == ("21 0\n", "")


def test_platformdirs_is_asked_only_where_no_folder_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert [run(), run()] == [(1, []), (0, [])]
    monkeypatch.delenv("MDMTHEORY_CACHE")
    compiled, [said] = run()
    assert compiled == 1
    assert re.fullmatch(r"compiled kernels are not kept .*: platformdirs, .* is not installed; name .*", said)
