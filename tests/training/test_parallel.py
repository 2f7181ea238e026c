"""Two processes that share a batch have the gradient of the whole batch."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from mdmtheory.training.parallel import Processes, joined

# In a text, since processes of their own run it, and load nothing but torch.
GRADIENT = """
import torch
from torch import nn

ROWS = 6

def gradient(processes):
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(4, 3, generator=generator, requires_grad=True)
    inputs, wanted = torch.randn(ROWS, 4, generator=generator), torch.randn(ROWS, 3, generator=generator)
    own = processes.rows(ROWS)
    loss = (torch.tanh(inputs[own] @ weights) - wanted[own]).square().sum() / ROWS
    loss.backward()
    processes.add_up(weights.grad)
    return weights.grad
"""
WORKER = (
    GRADIENT
    + """
import json, os, sys
from mdmtheory.training.parallel import joined
with joined("cpu") as processes:
    found = gradient(processes)
    said = [processes.any(False), processes.any(processes.rank == 1)]
    heavy = sorted({"numba", "pandas", "mdmtheory.languages"} & set(sys.modules))
    print(json.dumps([processes.rank, processes.count, processes.first, found.tolist(), said, heavy]))
"""
)


def test_the_gradient_of_two_processes_is_that_of_one_with_the_whole_batch():
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER], env={**shared, "RANK": str(rank)}, stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    found = [json.loads(worker.communicate()[0]) for worker in workers]
    alone: dict = {}
    exec(GRADIENT, alone)
    whole = alone["gradient"](Processes())
    for rank, (said_rank, count, first, gradient, told, heavy) in enumerate(found):
        assert (said_rank, count, first) == (rank, 2, rank == 0)
        torch.testing.assert_close(torch.tensor(gradient), whole, rtol=1e-6, atol=1e-7)
        assert told == [False, True]
        assert heavy == []


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_the_parts_of_processes_are_the_batch_each_row_once():
    rows = [row for rank in range(3) for row in range(12)[Processes(rank, 3).rows(12)]]
    assert rows == list(range(12))


def test_a_batch_that_cannot_be_shared_evenly_is_refused_with_one_that_can():
    with pytest.raises(ValueError, match="8 sequences a step cannot be shared evenly by 3 processes; pass --batch 9"):
        Processes(0, 3).rows(8)


def test_one_process_alone_adds_nothing_up(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined("cpu") as processes:
        numbers = torch.ones(3)
        processes.add_up(numbers)
        assert (processes, numbers.tolist(), processes.any(True)) == (Processes(), [1, 1, 1], True)
