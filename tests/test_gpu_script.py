"""experiments/gpu.sh: what it needs, what it skips, and how it counts, without a GPU and without training anything."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mdmtheory.networks.architecture import Architecture
from mdmtheory.networks.transformer import Transformer

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "experiments" / "gpu.sh"


@pytest.fixture
def gpu(monkeypatch):
    spec = importlib.util.spec_from_file_location("experiments_gpu", ROOT / "experiments" / "gpu.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    for name, value in {"SIZE": "nano", "MINUTES": "0.1", "DEVICE": "cpu"}.items():
        monkeypatch.setenv(name, value)
    threads = torch.get_num_threads()
    yield module
    torch.set_num_threads(threads)


def started(*words, **environment):
    return subprocess.run([str(SCRIPT), *words], env=environment, capture_output=True, text=True, check=False)


def test_what_is_missing_is_said_in_one_line_before_anything_is_done(tmp_path):
    bare = tmp_path / "python3"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    ended = started(str(tmp_path / "out"), PYTHON=str(bare), PATH="/usr/bin:/bin")
    assert ended.returncode == 1
    assert re.fullmatch(r"experiments/gpu.py needs torch, safetensors, .*filelock, which .* lacks: .*\n", ended.stderr)
    assert "platformdirs" not in ended.stderr
    assert not (tmp_path / "out").exists()
    assert "usage: experiments/gpu.sh OUT" in started(PATH="/usr/bin:/bin").stderr


def test_what_is_missing_has_platformdirs_only_where_no_cache_folder_is_named(gpu, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "platformdirs" else found(name))
    monkeypatch.setenv("MDMTHEORY_CACHE", "a folder")
    assert gpu.missing() == []
    monkeypatch.delenv("MDMTHEORY_CACHE")
    assert gpu.missing() == ["platformdirs"]


def test_nothing_imports_platformdirs_before_a_cache_folder_is_needed():
    code = "import sys; sys.modules['platformdirs'] = None; import mdmtheory.core.kernel_cache"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_parts_whose_files_are_there_are_skipped_and_others_are_written_whole(gpu, tmp_path, monkeypatch, capsys):
    done = []

    def part(name):
        return lambda asked: done.append(name) or {"number": np.float32(0.5), "minutes": asked.minutes}

    monkeypatch.setattr(gpu, "PARTS", {name: part(name) for name in gpu.PARTS})
    (tmp_path / "b-hmm-64.json").write_text("kept")
    gpu.main(str(tmp_path))
    assert done == [name for name in gpu.PARTS if name != "b-hmm-64"]
    assert (tmp_path / "b-hmm-64.json").read_text() == "kept"
    said = json.loads((tmp_path / "a-throughput.json").read_text())
    assert said["result"] == {"number": 0.5, "minutes": 0.1}
    assert said["command"] == f"SIZE=nano MINUTES=0.1 DEVICE=cpu experiments/gpu.sh {tmp_path.name}"
    assert {"machine", "versions", "seconds", "size"} < said.keys()
    gpu.main(str(tmp_path))
    assert len(done) == 4
    assert capsys.readouterr().out.count("there already") == 1 + 5


@pytest.mark.parametrize(
    ("name", "value"), [("MINUTES", "soon"), ("MINUTES", "0"), ("SIZE", "nona"), ("DEVICE", "gpu")]
)
def test_what_is_no_size_time_or_device_is_refused_in_one_line(gpu, tmp_path, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=rf"^experiments/gpu\.py: [^\n]*{value}[^\n]*$"):
        gpu.main(str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_flops_are_those_that_torch_counts(gpu):
    architecture = Architecture(8, 32, layers=2, width=64, heads=4)
    network, tokens = Transformer(architecture, seed=0), torch.zeros((3, 32), dtype=torch.int64)
    with FlopCounterMode(display=False) as counted, sdpa_kernel(SDPBackend.MATH):
        network(tokens).sum().backward()
    assert counted.get_total_flops() == 3 * 32 * gpu.flops_a_token(architecture)


def test_the_shares_of_the_minutes_leave_a_fifth_for_the_long_training(gpu):
    assert sum(gpu.SHARES.values()) <= 0.8


def test_targets_are_counted_of_every_way_to_make_them(gpu, tmp_path):
    asked = gpu.Asked(tmp_path, "nano", 0.01, "cpu", 0.0)
    lines = gpu.targets(asked)["lines"]
    assert [(each["states"], each["by"], each["dtype"]) for each in lines] == [
        (states, by, dtype)
        for states in (8, 32)
        for by, dtype in (("kernels", "float64"), ("cpu", "float64"), ("cpu", "float32"))
    ]
    assert all(each["targets_a_second"] > 0 and each["sequences"] > 0 for each in lines)
