"""A file is written whole or not at all, and what it replaces is kept until the disk has the new one."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import mdmtheory as mt
from mdmtheory.plots import save_figure

OLD = b"the older file"


def saved_language(path: Path) -> Path:
    path = path.with_suffix(".npz")
    mt.as_language("hmm:states=4").save(path)
    return path


def saved_figure(path: Path) -> Path:
    return save_figure(Figure(), path.with_suffix(".png"))


@contextmanager
def full_disk() -> Iterator[None]:
    """Files of this process cannot grow beyond some bytes: writes fail half-way, as on a disk that fills."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def both(*, refuting: str = "") -> pytest.MarkDecorator:
    """Over what Python saves; of those named, the package did otherwise before."""
    marks = {each: [pytest.mark.refutes("4.2")] if each in refuting else [] for each in ("language", "figure")}
    saving = {"language": saved_language, "figure": saved_figure}
    return pytest.mark.parametrize("save", [pytest.param(saving[each], marks=marks[each], id=each) for each in saving])


@both(refuting="language")
def test_on_a_full_disk_the_older_file_is_kept_and_named(tmp_path, save: Callable[[Path], Path]):
    path = save(tmp_path / "a")
    path.write_bytes(OLD)
    with full_disk(), pytest.raises(OSError, match=rf"{path.name}.*File too large"):
        save(path)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(path.name, OLD)]


@pytest.mark.parametrize("there", [True, False])
def test_the_message_says_what_is_left(tmp_path, there):
    from mdmtheory.core.writing import write_whole

    path = tmp_path / "a"
    if there:
        path.write_bytes(OLD)
    left = "the file that was there is unchanged" if there else "choose another file"
    with full_disk(), pytest.raises(OSError, match=rf"^cannot write {path} \(File too large\); {left}$"):
        write_whole(path, bytes(1000))
    assert path.exists() == there


@both(refuting="language figure")
def test_the_disk_has_the_new_file_before_its_name_and_then_the_name(tmp_path, monkeypatch, save):
    path = save(tmp_path / "a")
    path.write_bytes(OLD)
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink()
        done.append("folder" if name == tmp_path else "new file" if name.stat().st_size > 20 else str(name))
        fsync(descriptor)

    def replaced(source: str, target: str) -> None:
        assert path.read_bytes() == OLD
        done.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    save(path)
    assert done == ["new file", "name", "folder"]


@both(refuting="figure")
def test_a_link_is_written_through(tmp_path, save):
    path = save(tmp_path / "a")
    (tmp_path / "elsewhere").mkdir()
    target = path.rename(tmp_path / "elsewhere" / path.name)
    whole = target.read_bytes()
    target.write_bytes(OLD)
    path.symlink_to(target)
    save(path)
    assert path.is_symlink()
    assert target.read_bytes() == whole


@both(refuting="figure")
def test_a_file_that_is_replaced_keeps_its_permissions_and_a_new_one_has_the_usual(tmp_path, save):
    path = save(tmp_path / "a")
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    path.chmod(0o604)
    save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_another_name_of_the_file_keeps_the_old_content(tmp_path):
    from mdmtheory.core.writing import write_whole

    path = tmp_path / "a"
    path.write_bytes(OLD)
    os.link(path, tmp_path / "b")
    write_whole(path, b"new")
    assert (path.read_bytes(), (tmp_path / "b").read_bytes()) == (b"new", OLD)


def test_a_file_that_is_read_only_is_not_replaced(tmp_path, monkeypatch):
    from mdmtheory.core.writing import write_whole

    path = tmp_path / "a"
    path.write_bytes(OLD)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everything
    with pytest.raises(OSError, match="cannot write .*it is read-only.*unchanged"):
        write_whole(path, b"new")
    assert path.read_bytes() == OLD


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    from mdmtheory.core.writing import write_whole

    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(path, b"new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert path.is_fifo()


def test_what_interrupts_leaves_nothing_behind(tmp_path, monkeypatch):
    from mdmtheory.core.writing import write_whole

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "a"
    path.write_bytes(OLD)
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [OLD]


@pytest.mark.parametrize(("number", "is_said"), [(5, True), (22, False)])
def test_a_name_that_the_disk_has_not_confirmed_is_said_so_where_it_could(tmp_path, monkeypatch, number, is_said):
    from mdmtheory.core.writing import write_whole

    fsync = os.fsync

    def of_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", of_files)
    if is_said:
        with pytest.raises(OSError, match="is written, but not yet safe from a power cut"):
            write_whole(tmp_path / "a", b"new")
    else:
        write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
