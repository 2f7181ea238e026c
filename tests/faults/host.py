"""A process that has imported and compiled everything once, and forks a child for each case.

A child runs lines of the command line as a user would type them, perhaps under the library of `shim.c` and under
limits; what it said, how each line ended and which chunks the store acknowledged stands in a report that outlives it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent
WRITE, SYNC, UNLINK, READ, OPEN, LOCK, OPEN_TO_WRITE = (1 << bit for bit in range(7))
EVERY_CALL = (1 << 7) - 1
FAIL_ONCE, FAIL_FROM_THEN_ON, SHORT_ONCE, SHORT_THEN_FAIL, KILL_BEFORE, KILL_INSIDE = range(1, 7)

CHUNK_TOKENS = 512
"""So small that a sweep of a tenth of a second has a dozen chunks, each committed by itself."""

_CPU_SECONDS = 20
_LARGEST_FILE = 1 << 28  # what no case needs and no disk of a tester is filled with
_GUARD_SECONDS = 1800  # of the clock: a child that waits for ever, using no processor; no busy machine is so slow

WARM_UP = ["sweep", "--lang", "parity", "--length", "8", "--steps", "4", "--samples", "4", "--workers", "1"]


@dataclass(frozen=True)
class Fault:
    """The `at`-th call of `kinds` to a file under the watched folder meets `action`; `error` is the errno it sees."""

    kinds: int = EVERY_CALL
    at: int = 0
    action: int = 0
    error: int = 0
    tape: str | None = None


@dataclass(frozen=True)
class Line:
    """How one line of the command line ended; a code of None is an exception that nobody caught."""

    code: int | None
    out: str
    err: str

    @property
    def is_clear(self) -> bool:
        """Done, or refused with status 2 and one line that says why; no traceback and no warning of another's."""
        lines = self.err.splitlines()
        if any(word in self.err for word in ("Traceback", "Warning:", "fault of the program")):
            return False
        errors = [line for line in lines if line.startswith("mdmtheory: error: ")]
        return not errors if self.code == 0 else self.code == 2 and len(errors) == 1 and lines[-1] == errors[0]


@dataclass
class Ended:
    """What a child left: the lines that ended, how often the store acknowledged, and the status of the process."""

    status: int
    lines: list[Line] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    seen: int = 0

    @property
    def hung(self) -> bool:
        return self.status in (-signal.SIGXCPU, -signal.SIGALRM)

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL

    @property
    def stopped(self) -> bool:
        return self.status == -signal.SIGSTOP


class Child:
    """A child that may still run."""

    def __init__(self, host: Host, pid: int, report: Path) -> None:
        self._host, self.pid, self._report = host, pid, report

    def wait(self) -> Ended:
        """Until it ends, or stops itself."""
        ended = Ended(self._host.ask({"wait": self.pid})["status"])
        for text in self._report.read_text().splitlines():
            said = json.loads(text)
            if "acknowledged" in said:
                ended.acknowledged.update(said["acknowledged"])
            elif "seen" in said:
                ended.seen = said["seen"]
            else:
                ended.lines.append(Line(**said))
        if not ended.stopped:
            self._report.unlink()
        return ended

    def send(self, number: int) -> None:
        os.kill(self.pid, number)


class Host:
    """The parent of the children, under the shim: with every kernel that they need, or with none `compiled`.

    `scratch` gets their reports, and `temporary` in it what they keep in temporary files.
    """

    def __init__(self, shim: Path, scratch: Path, *, compiled: bool = True) -> None:
        self.scratch, self.temporary = scratch, scratch / "temporary"
        self.temporary.mkdir(parents=True)
        self._numbers = count()
        environment = {name: value for name, value in os.environ.items() if name != "MDMTHEORY_DEBUG"}
        environment |= {"LD_PRELOAD": str(shim), "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        environment |= {"TMPDIR": str(self.temporary), "MPLBACKEND": "agg", "PYTHONHASHSEED": "0"}
        words = ["compiled"] if compiled else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.host", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def start(
        self,
        *lines: Sequence[str],
        under: Path | None = None,
        fault: Fault | None = None,
        limits: dict[str, int] | None = None,
        environment: dict[str, str] | None = None,
        folder: Path | None = None,
        stop_after: int | None = None,
    ) -> Child:
        """A child that runs `lines`; `limits` by name of resource, memory and files on top of what is used.

        It stops itself after so many acknowledged commits; `under` is the folder that a fault watches.
        """
        report = self.scratch / f"report-{next(self._numbers)}"
        request = {
            "lines": [list(line) for line in lines],
            "report": str(report),
            "folder": str(folder or self.scratch),
        }
        request |= {"limits": limits or {}, "environment": environment or {}, "stop_after": stop_after}
        request |= {"fault": {**vars(fault), "under": str(under)} if fault else None}
        return Child(self, self.ask(request)["pid"], report)

    def run(self, *lines: Sequence[str], **how: Any) -> Ended:
        """`start`, waited for."""
        return self.start(*lines, **how).wait()

    @property
    def limits(self) -> dict[str, tuple[int, int]]:
        """The soft and hard limits of the host itself."""
        names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_FSIZE")
        return {name: resource.prlimit(self._process.pid, getattr(resource, name)) for name in names}

    def ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the host of the fault tests has ended with status {self._process.wait()}")
        return json.loads(line)


# ------------------------------------------------------------------------------------------- inside the other process


def serve() -> None:
    """Import, compile, and answer requests, a line of JSON each."""
    if "compiled" in sys.argv:
        prepare()
    else:
        for name in ("mdmtheory.cli.main", "numba", "pandas", "scipy"):
            importlib.import_module(name)
    answer({"ready": True})
    for text in sys.stdin:
        request = json.loads(text)
        if "wait" in request:
            answer({"status": waited(request["wait"])})
            continue
        pid = os.fork()
        if pid == 0:
            try:
                obey(request)
            except BaseException:  # noqa: BLE001  # whatever it is, it must not go on as a second host
                traceback.print_exc()
            os._exit(70)
        answer({"pid": pid})


def answer(said: dict[str, Any]) -> None:
    sys.__stdout__.write(json.dumps(said) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def waited(pid: int) -> int:
    _, status = os.waitpid(pid, os.WUNTRACED)
    return -os.WSTOPSIG(status) if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)


def prepare() -> None:
    """Everything that is the same in every child: imports, kernels, a commit for each small chunk, little patience."""
    typer = importlib.import_module("typer.main")
    typer.get_command = cache(typer.get_command)  # a third of the time of a short line, and the same each time
    importlib.import_module("mdmtheory.sweeps.tasks").CHUNK_TOKENS = CHUNK_TOKENS
    importlib.import_module("mdmtheory.sweeps.collect")._COMMIT_SECONDS = 0
    with contextlib.suppress(ModuleNotFoundError):  # the package of before, in `make refutations`, has none
        importlib.import_module("mdmtheory.sweeps.opening").PATIENCE = 0.2
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/warm.sqlite"
        for line in ([*WARM_UP, "-o", store], ["show", store], ["plot", store, "-o", f"{folder}/figure.png"]):
            code, said = run_line(line, {})[:2]
            assert code == 0, said
    gc.freeze()


def obey(request: dict[str, Any]) -> None:
    """The life of a child."""
    report = os.open(request["report"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["folder"])
    sys.path.insert(0, "")
    os.environ.update(request["environment"])

    def say(**said: Any) -> None:
        os.write(report, (json.dumps(said) + "\n").encode())

    library = ctypes.CDLL(None)
    acknowledge(say, library, request["stop_after"])
    if request["fault"]:
        arm(library, **request["fault"])
    signal.alarm(_GUARD_SECONDS)
    for line in request["lines"]:
        code, out, err = run_line(line, request["limits"])
        say(code=code, out=out, err=err)
    say(seen=library.fault_seen())
    os._exit(0)


def acknowledge(say: Any, library: ctypes.CDLL, stop_after: int | None) -> None:
    """Report every commit once the store has returned from it, on the tape too."""
    store = importlib.import_module("mdmtheory.sweeps.store").Store
    append = store.append
    commits = count(1)

    def appended(self: Any, chunks: Any) -> None:
        append(self, chunks)
        written = {sha: each[-1].index + 1 for sha, each in chunks.items() if each}
        say(acknowledged=written)
        library.fault_note(json.dumps(written).encode())
        if next(commits) == stop_after:
            os.kill(os.getpid(), signal.SIGSTOP)

    store.append = appended


def arm(library: ctypes.CDLL, *, under: str, kinds: int, at: int, action: int, error: int, tape: str | None) -> None:
    log = os.open(tape, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) if tape else -1
    library.fault_arm(under.encode(), kinds, ctypes.c_long(at), action, error, log)


def limit(limits: dict[str, int]) -> None:
    """Soft limits alone, so that they can be lifted to report."""
    used = {"RLIMIT_AS": address_space, "RLIMIT_NOFILE": lambda: len(os.listdir("/proc/self/fd"))}  # noqa: PTH208
    always = {"RLIMIT_CPU": _CPU_SECONDS, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": _LARGEST_FILE}
    for name, least in {**always, **limits}.items():
        number = getattr(resource, name)
        wanted = least + (used[name]() if name in used else 0)
        resource.setrlimit(number, (wanted, resource.getrlimit(number)[1]))


def lift() -> None:
    # The host runs lines too, when it warms up, and lives for as long as there are cases.
    for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_FSIZE"):
        number = getattr(resource, name)
        resource.setrlimit(number, (resource.getrlimit(number)[1],) * 2)


def address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def run_line(line: Sequence[str], limits: dict[str, int]) -> tuple[int | None, str, str]:
    """Code, stdout and stderr of one line, whatever the descriptors behind Python's streams were told included."""
    from mdmtheory.cli.main import main

    kept = os.dup(1), os.dup(2)
    caught = os.memfd_create("out"), os.memfd_create("err")
    for stream, descriptor in zip((1, 2), caught, strict=True):
        os.dup2(descriptor, stream)
    code: int | None = None
    limit(limits)
    try:
        code = main(line)
    except BaseException:  # noqa: BLE001  # that nothing escapes is what is tested
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        lift()
        for stream, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, stream)
            os.close(descriptor)
    said = [os.pread(descriptor, 1 << 24, 0).decode(errors="replace") for descriptor in caught]
    for descriptor in caught:
        os.close(descriptor)
    return code, said[0], said[1]


if __name__ == "__main__":
    serve()
