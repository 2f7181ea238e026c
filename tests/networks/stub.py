"""Stub networks: what any network brings along (a device, half precision, gradients, a large vocabulary), untrained."""

from __future__ import annotations

import hashlib
import weakref
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import mdmtheory as mt
from mdmtheory.core.protocols import Identity
from mdmtheory.networks.canvas import NetworkCanvas


class Stub:
    """Logits from both neighbours, or the left one alone, and the position; counts its forward passes."""

    noises = frozenset({"masked", "uniform", "gaussian"})
    device = "cpu:0"
    tolerance = 2e-2
    told_level = True

    def __init__(self, vocab_size: int, batch: int, *, sees: str = "all", dtype: Any = torch.bfloat16, width: int = 3):
        generator = torch.Generator().manual_seed(vocab_size)
        drawn = torch.randn((2 * vocab_size + 1, width), generator=generator, dtype=torch.float64)
        self.vocab_size, self.sees, self._batch = vocab_size, sees, batch
        self.embedding = drawn[: vocab_size + 1].to(dtype).requires_grad_()
        self.out = drawn[vocab_size + 1 :].to(dtype).requires_grad_()
        self.spec = mt.Spec.of("stub", sees=sees)
        weights = drawn.numpy().tobytes() + f"{sees} {width}".encode()
        self.identity = Identity("stub", 1, hashlib.sha256(weights).hexdigest())
        self.computed = {"precision": str(dtype).removeprefix("torch.")}
        self.forwards: list[int] = []
        self.settled: list[int] = []

    def batch(self, length: int) -> int:
        return self._batch

    def logits(self, tokens: torch.Tensor, level: torch.Tensor | None = None) -> torch.Tensor:
        self.forwards.append(len(tokens))
        seen = self.embedding[tokens]
        hidden = torch.zeros_like(seen)
        hidden[:, 1:] = hidden[:, 1:] + seen[:, :-1]
        if self.sees == "all":
            hidden[:, :-1] = hidden[:, :-1] - seen[:, 1:]
        places = torch.arange(tokens.shape[1], dtype=torch.float64)[:, None] * torch.tensor([0.3, -0.2, 0.1])
        return (hidden + places.to(seen.dtype)) @ self.out.T

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        if noise not in self.noises:
            raise ValueError(f"no noise {noise}")
        if noise == "masked":
            return _Recorded(self, count, length, prompt)
        return _Noisy(self, count, length)


class InSweeps(Stub):
    """A stub as it is named in sweeps: of a language's tokens, asked at a few of its reveals."""

    def __init__(self, language: Any, *, reveals: int = 3):
        super().__init__(language.vocab_size, 16)
        self.reveals = reveals


class _Recorded(NetworkCanvas):
    def __init__(self, stub: Stub, count: int, length: int, prompt: Any) -> None:
        super().__init__(stub.logits, count, length, stub.vocab_size, stub.device, prompt)
        self._stub = stub

    def settle_before(self, position: int) -> None:
        self._stub.settled.append(position)


class _Noisy:
    """Looks at noisy tokens as if they were clean; of values, at their first coordinates."""

    def __init__(self, stub: Stub, count: int, length: int) -> None:
        self.calls, self.rounds = np.zeros((2, count), dtype=np.int64)
        self.impossible = np.zeros(count, dtype=np.bool_)
        self._stub, self._shape = stub, (count, length)

    def posterior(self, evidence: Any) -> torch.Tensor:
        self.calls += 1
        self.rounds += 1
        if evidence.noise == "uniform":
            tokens = evidence.tokens.astype(np.int64)
        else:
            tokens = (np.abs(evidence.values[..., 0]) * 10).astype(np.int64) % self._stub.vocab_size
        return self._stub.logits(torch.from_numpy(tokens)).softmax(dim=2)


class Twin:
    """The same laws as a stub's, as arrays of float64, from a canvas that has `marginals` alone."""

    def __init__(self, stub: Stub) -> None:
        self.stub, self.vocab_size, self.sees = stub, stub.vocab_size, stub.sees
        self.spec, self.identity, self.noises = stub.spec, stub.identity, frozenset({"masked"})

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        return _TwinCanvas(self.stub, count, length, prompt)


class _TwinCanvas:
    def __init__(self, stub: Stub, count: int, length: int, prompt: Any) -> None:
        self._stub = stub
        self._tokens = np.full((count, length), stub.vocab_size, dtype=np.int64)
        if prompt is not None:
            self._tokens[:] = prompt
        self.calls, self.rounds = np.zeros((2, count), dtype=np.int64)
        self.impossible = np.zeros(count, dtype=np.bool_)

    def write(self, rows, positions, tokens):
        self._tokens[rows, positions] = tokens

    def marginals(self, rows, positions):
        asked, index = np.unique(rows, return_inverse=True)
        self.calls[asked] += 1
        self.rounds[asked] += 1
        logits = self._stub.logits(torch.from_numpy(self._tokens[asked])).detach().double().numpy()[index, positions]
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)


class Peak(TorchDispatchMode):
    """The most bytes that float64 tensors took at once, of those that were made inside the block."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        found = function(*arguments, **(options or {}))
        for each in found if isinstance(found, list | tuple) else [found]:
            if isinstance(each, torch.Tensor) and each.dtype == torch.float64:
                self._count(each)
        return found

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if key in self._known or not size:
            return
        self._known.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size
