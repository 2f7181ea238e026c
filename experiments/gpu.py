"""What a GPU is needed for, part by part; experiments/gpu.sh runs it and says how.

Each part writes a file of JSON into the results folder, with the machine, the versions and the command, and is skipped
where that file is there. Networks that were trained are put beside them, as tar files.
"""

from __future__ import annotations

import importlib.util
import io
import json
import math
import os
import platform
import shutil
import sys
import tarfile
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

NEEDED = ("torch", "safetensors", "numpy", "scipy", "numba", "jaxtyping", "filelock")
LANGUAGE = "hmm"
SHORT, LONG = 64, 512
STEPS = (512, 64, 2048, 128, 256, 1024)
"""Of which SER is measured at the long length, in the order in which they are asked for."""
TOKENS_A_STEP = (1 << 14, 1 << 16)
MAKERS = (1, 2, 4, 8)
SHEET_PEAK = {"H200": 989e12, "H100": 989e12}
"""Dense bfloat16 FLOP/s by the vendor's data sheets."""
SHARES = {
    "throughput": 0.16,
    "targets": 0.02,
    "masked, short": 0.25,
    "ar, short": 0.125,
    "generation": 0.12,
    "measuring": 0.08,
}
"""Of all minutes; what is left is for the masked network at the long length."""


@dataclass(frozen=True)
class Asked:
    """How all of it is run: the environment's SIZE, MINUTES and DEVICE."""

    out: Path
    size: str
    minutes: float
    device: str
    began: float

    @property
    def toy(self) -> bool:
        """Whether it is only tried: on a processor."""
        return self.device == "cpu"

    @property
    def work(self) -> Path:
        """Where what is no result is kept."""
        return self.out.with_name(self.out.name + ".work")

    @property
    def left(self) -> float:
        """Minutes."""
        return self.minutes - (time.monotonic() - self.began) / 60

    def share(self, of: str) -> float:
        """Seconds that something may take."""
        return SHARES[of] * self.minutes * 60

    @property
    def command(self) -> str:
        """As it was typed, but for the folder."""
        return f"SIZE={self.size} MINUTES={self.minutes:g} DEVICE={self.device} experiments/gpu.sh {self.out.name}"


def missing() -> list[str]:
    """Packages that this Python lacks; platformdirs only where no cache folder is named."""
    cache = () if os.environ.get("MDMTHEORY_CACHE") else ("platformdirs",)
    return [name for name in (*NEEDED, *cache) if importlib.util.find_spec(name) is None]


def throughput(asked: Asked) -> dict[str, Any]:
    """Tokens a second that a masked network learns, made on the fly, against one fixed batch, eager and compiled."""
    from mdmtheory.training.data import MadeAhead
    from mdmtheory.training.training import makers as makers_of

    peak = matrix_peak(asked)
    window = max(0.5, asked.share("throughput") / (24 * len(TOKENS_A_STEP)))
    deadline = time.monotonic() + asked.share("throughput")
    found: dict[str, Any] = {"matrix_flops_measured": peak, "matrix_flops_of_the_data_sheet": sheet_peak(asked)}
    rows: list[dict[str, Any]] = []
    longest = 0.0
    for tokens in TOKENS_A_STEP[: 1 if asked.toy else None]:
        training = fresh_training(asked, tokens // LONG)
        live = training.batches
        one = OneBatch(live.objective, live.training(0))
        for compiled in (False, True):
            row: dict[str, Any] = {"tokens_a_step": training.settings.batch * LONG, "compiled": compiled}
            rows.append(row)
            if tokens != TOKENS_A_STEP[0] and time.monotonic() + longest > deadline:
                row["left_out"] = "no time was left"
                continue
            begun = time.monotonic()
            try:
                if compiled:
                    training.network.compile(dynamic=False)
                learnt(training, one, 0.0)
            except Exception as error:
                if not compiled:
                    raise
                row["failed"] = f"{type(error).__name__}: {error}"[:500]  # a machine without a compiler has the rest
                continue
            row["first_steps_seconds"] = time.monotonic() - begun
            longest = max(longest, row["first_steps_seconds"])
            speeds: dict[str, list[float]] = {"on_the_fly": [], "one_batch": []}
            for _ in range(2 if asked.toy else 3):
                for name, batches in (("on_the_fly", live), ("one_batch", one)):
                    speeds[name].append(learnt(training, batches, window))
            flops = flops_a_token(training.network.architecture)
            row["tokens_a_second"] = {name: [round(each) for each in some] for name, some in speeds.items()}
            row["on_the_fly_over_one_batch"] = median(a / b for a, b in zip(*speeds.values(), strict=True))
            row["flops_a_token"] = flops
            row["share_of_measured_peak"] = median(speeds["on_the_fly"]) * flops / peak
    made = {}
    batches = fresh_training(asked, TOKENS_A_STEP[0] // LONG).batches
    for makers in [each for each in MAKERS if each <= (os.cpu_count() or 1)]:
        begun = time.monotonic()
        with MadeAhead(batches.training, 0, 1 << 40, makers=makers) as steps:
            done = next(step for step, _ in steps if time.monotonic() - begun > window)
        made[makers] = round((done + 1) * batches.rows * LONG / (time.monotonic() - begun))
    return {
        **found,
        "language": LANGUAGE,
        "length": LONG,
        "flops_counted": flops_a_token.__doc__,
        "loops": rows,
        "tokens_made_a_second_by_threads": made,
        "threads_that_make_them_in_training": makers_of(asked.device),
    }


@dataclass(frozen=True)
class OneBatch:
    """Batches that are always the same one, on the device already."""

    objective: Any
    batch: Any

    def training(self, step: int) -> Any:
        """That batch."""
        return self.batch


def fresh_training(asked: Asked, rows: int) -> Any:
    """A masked training at the long length before its first step, as `mt.train` makes it, in memory alone."""
    import mdmtheory as mt
    from mdmtheory.networks.architecture import as_size
    from mdmtheory.networks.devices import as_precision
    from mdmtheory.training.asked import Asked as Wanted
    from mdmtheory.training.parallel import Processes
    from mdmtheory.training.running import Place, begun

    size, batch = as_size(asked.size), max(1, rows // (16 if asked.toy else 1))
    wanted = Wanted(
        "mdm", mt.as_language(LANGUAGE), LONG, size, tokens=1e12, minutes=None, data="fresh", targets="oracle",
        batch=batch, lr=None, level=None, seed=0,
    )  # fmt: skip
    place = Place(asked.device, as_precision(None, asked.device), 1)
    return begun(wanted.settings(on_cuda=not asked.toy), wanted, place, Processes(device=asked.device))


def learnt(training: Any, batches: Any, seconds: float) -> float:
    """Tokens a second that a training learns from such batches in about so long, after three steps."""
    training.batches = batches
    with closing(training.go_on()) as steps:
        for _ in range(3):
            next(steps)
        training.wait()
        first, begun = training.step, time.monotonic()
        done = next(step for step in steps if time.monotonic() - begun > seconds)
        training.wait()
        took = time.monotonic() - begun
    return (done - first) * training.settings.batch * training.settings.length / took


def flops_a_token(architecture: Any) -> float:
    """FLOPs forth and back: 6 for each weight of a matrix, 12 a layer for each position and number of width."""
    layers, width, length = architecture.layers, architecture.width, architecture.length
    weights = 12 * layers * width**2 + width * architecture.vocab_size
    return 6.0 * weights + 12.0 * layers * width * length


def matrix_peak(asked: Asked) -> float:
    """FLOP/s of the product of two square matrices: the peak that a share is taken of."""
    import torch

    from benchmarks.generation import Place

    side, dtype = (1024, torch.float32) if asked.toy else (8192, torch.bfloat16)
    one = torch.randn((side, side), device=asked.device, dtype=dtype)
    other = torch.randn((side, side), device=asked.device, dtype=dtype)
    place = Place(asked.device)
    place.seconds_of(lambda: [one @ other for _ in range(3)])
    return 2.0 * 10 * side**3 / place.seconds_of(lambda: [one @ other for _ in range(10)])


def sheet_peak(asked: Asked) -> float | None:
    """What the vendor says, where we know it."""
    name = device_name(asked)
    return next((peak for chip, peak in SHEET_PEAK.items() if chip in name), None)


def short(asked: Asked) -> dict[str, Any]:
    """How far a masked and a causal network are from the exact posterior after minutes, at the short length."""
    found = {}
    for objective, of in (("mdm", "masked, short"), ("ar", "ar, short")):
        run = trained(asked, f"{LANGUAGE}-{SHORT}-{objective}", objective, SHORT, asked.share(of) / 60)
        found[objective] = {**described(run), "learning_error": learning_errors(asked, run, SHORT)}
    return found


def long(asked: Asked) -> dict[str, Any]:
    """The same of a masked network at the long length, in the minutes that are left; and its SER against steps."""
    import mdmtheory as mt

    minutes = max(0.01 * asked.minutes, asked.left - asked.share("measuring") / 60)
    run = trained(asked, f"{LANGUAGE}-{LONG}-mdm", "mdm", LONG, minutes)
    q, net = run.language, mt.Network(run, device=asked.device)
    count = 8 if asked.toy else 512
    sers = []
    for steps in (8,) if asked.toy else STEPS:
        if sers and asked.left < 0:
            sers.append({"steps": steps, "left_out": "no time was left"})
            continue
        of = {"network": net, "oracle": mt.Oracle(q)}
        measured = {
            name: said(mt.ser(mt.MaskedDiffusion(each, steps=steps), q, LONG, count=count)) for name, each in of.items()
        }
        sers.append({"steps": steps, **measured})
    return {**described(run), "learning_error": learning_errors(asked, run, LONG), "ser": sers}


def trained(asked: Asked, name: str, objective: str, length: int, minutes: float) -> Any:
    """A run in the folder of work, begun or gone on with, and packed among the results."""
    import mdmtheory as mt
    from mdmtheory.core.writing import write_whole

    folder = asked.work / name
    resume = (folder / "checkpoint").is_dir()
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)  # killed before there was anything to go on from
    run = mt.train(
        objective, lang=LANGUAGE, length=length, size=asked.size, minutes=None if resume else minutes, out=folder,
        resume=resume, device=asked.device, checkpoint_minutes=0.5,
    )  # fmt: skip
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for each in sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith(".")):
            tar.add(each, f"{name}/{each.name}", filter=without_owner)
    write_whole(asked.out / f"{name}.tar", packed.getvalue())
    return run


def without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A file of an archive that does not tell whose it was."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def described(run: Any) -> dict[str, Any]:
    """What a run's record says of how it was made, and what came of it."""
    kept = ("objective", "language", "length", "trained_tokens", "trained_steps", "batch", "minutes", "seconds",
            "precision", "finished", "results", "digest")  # fmt: skip
    record = run.record.to_json()
    return {**{key: record[key] for key in kept}, "architecture": dict(record["architecture"])}


def learning_errors(asked: Asked, run: Any, length: int) -> dict[str, Any]:
    """KL(exact || network) and z in each precision that a network answers in on this device."""
    import mdmtheory as mt

    count = 256 if asked.toy else max(512, 4096 * SHORT // length)
    found = {}
    for precision in ("float32",) if asked.toy else ("float32", "bfloat16"):
        net = mt.Network(run, device=asked.device, precision=precision)
        error = mt.learning_error(net, run.language, length, count=count, seed=1)
        found[precision] = {"nats_a_token": said(error.mean), "z": said(error.z), "largest": error.largest}
    return {**found, "contexts": count}


def said(estimate: Any) -> dict[str, Any]:
    """A number with what it is."""
    keys = ("value", "low", "high", "level", "kind", "count")
    return {key: getattr(estimate, key) for key in keys}


def generation(asked: Asked) -> dict[str, Any]:
    """Autoregression counted in masked calls, length by length as far as the time goes."""
    from benchmarks import generation as bench

    if asked.toy:
        place, lengths = bench.Place(seconds=1.0, tokens=1 << 9, bytes_kept=1 << 20), bench.LENGTHS[:2]
    else:
        place = bench.Place(asked.device, "bfloat16", tokens=1 << 19, bytes_kept=1 << 34, seconds=5.0)
        lengths = bench.LENGTHS
    deadline = time.monotonic() + asked.share("generation")
    lines, left_out = [], []
    for length in lengths:
        if lines and time.monotonic() > deadline:
            left_out.append(length)
            continue
        rounds = bench.FEWEST_ROUNDS if asked.toy else bench.ROUNDS
        lines += [line.row() for line in bench.measured(place, sizes=[asked.size], lengths=[length], rounds=rounds)]
    table = [dict(zip(bench.HEADS, line, strict=True)) for line in lines]
    return {"precision": place.precision, "lines": table, "left_out_for_want_of_time": left_out}


def targets(asked: Asked) -> dict[str, Any]:
    """Exact laws a second that trainings could learn from, of small and large languages, by kernels and where it is."""
    from benchmarks.on_device import LENGTH, VOCAB, targets_a_second

    states = (8, 32) if asked.toy else (32, 1024)
    lines = list(targets_a_second(asked.device, asked.share("targets") / (6 * len(states)), states))
    return {"length": LENGTH, "vocab_size": VOCAB, "lines": lines}


PARTS: dict[str, Callable[[Asked], dict[str, Any]]] = {
    "a-throughput": throughput,
    "e-targets": targets,
    "b-hmm-64": short,
    "d-generation": generation,
    "c-hmm-512": long,
}
"""In the order in which they are run: the last one takes what time is left."""


def device_name(asked: Asked) -> str:
    """The name of what computes."""
    import torch

    from benchmarks.page import processor

    return processor() if asked.toy else torch.cuda.get_device_name(asked.device)


def about(asked: Asked) -> dict[str, Any]:
    """On what, with what and how."""
    import numba
    import numpy
    import torch

    import mdmtheory

    versions = {each.__name__: each.__version__ for each in (mdmtheory, torch, numpy, numba)}
    machine = {"device": device_name(asked), "processors": os.cpu_count(), "system": platform.system()}
    cuda = {} if asked.toy else {"cuda": torch.version.cuda}
    return {"machine": machine, "versions": {**versions, **cuda, "python": platform.python_version()},
            "command": asked.command, "size": asked.size}  # fmt: skip


def as_minutes(text: str) -> float:
    """What MINUTES says; ValueError unless it is a positive number."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise ValueError(f"MINUTES is {text!r}; pass a positive number, as 8")
    return found


def main(folder: str) -> None:
    """All parts that are not there yet."""
    if lacking := missing():
        raise SystemExit(
            f"experiments/gpu.py needs {', '.join(lacking)}, which {sys.executable} (Python "
            f"{platform.python_version()}) lacks: bring {'it' if len(lacking) == 1 else 'them'} along on PYTHONPATH, "
            "or name another Python in PYTHON"
        )
    import torch

    from mdmtheory.core.writing import write_whole
    from mdmtheory.networks.architecture import as_size
    from mdmtheory.oracles.tensors.devices import as_device

    size, minutes, device = (
        os.environ.get(*each) for each in (("SIZE", "small"), ("MINUTES", "8"), ("DEVICE", "auto"))
    )
    out = Path(folder)
    try:
        as_size(size)  # refused before anything is done
        asked = Asked(out, size, as_minutes(minutes), as_device(device), time.monotonic())
    except ValueError as error:
        raise SystemExit(f"experiments/gpu.py: {error}") from error
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # as in a training: several makers of batches would take the processors from one another
    asked.work.mkdir(parents=True, exist_ok=True)
    failed = []
    for name, part in PARTS.items():
        file = out / f"{name}.json"
        if file.exists():
            print(f"{name}: there already", flush=True)
            continue
        begun = time.monotonic()
        print(f"{name}: begun with {max(asked.left, 0):.1f} minutes left", flush=True)
        try:
            result = part(asked)
        except Exception:  # noqa: BLE001  # the others need not fail too
            traceback.print_exc()
            failed.append(name)
            continue
        seconds = round(time.monotonic() - begun, 1)
        whole = {"part": name, **about(asked), "seconds": seconds, "result": result}
        write_whole(file, (json.dumps(whole, indent=1, default=float) + "\n").encode())
        print(f"{name}: {seconds:g} s", flush=True)
    if failed:
        raise SystemExit(
            f"experiments/gpu.py: {', '.join(failed)} failed, as said above; start it again to try once more"
        )


if __name__ == "__main__":
    main(sys.argv[1])
