"""Where a network computes: what is there is named in full, what is not is refused."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from mdmtheory.networks.devices import as_precision, check_torch
from mdmtheory.oracles.tensors.devices import as_device


@pytest.fixture
def cuda(monkeypatch):
    """A machine with so many graphics processors."""

    def there_are(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return there_are


@pytest.mark.parametrize(
    ("count", "asked", "found"),
    [(0, "auto", "cpu"), (2, "auto", "cuda:0"), (2, "cpu", "cpu"), (2, "cuda", "cuda:0"), (2, "cuda:1", "cuda:1")],
)
def test_a_device_that_is_there(cuda, count, asked, found):
    cuda(count)
    assert as_device(asked) == found


@pytest.mark.parametrize(
    ("count", "asked", "said"),
    [
        (2, "tpu", "unknown device 'tpu'; pass auto, cpu, cuda or cuda:0"),
        (2, "cuda:", "unknown device 'cuda:'"),
        (2, "cuda:one", "unknown device 'cuda:one'"),
        (0, "cuda:0", "'cuda:0' was asked for, and torch finds no CUDA here; pass --device cpu"),
        (2, "cuda:2", "there is no device 'cuda:2': torch finds 2, from cuda:0"),
    ],
)
def test_a_device_that_is_not_there_is_refused(cuda, count, asked, said):
    cuda(count)
    with pytest.raises(ValueError, match=said):
        as_device(asked)


@pytest.mark.parametrize(
    ("asked", "device", "found"),
    [
        (None, "cpu", "float32"),
        (None, "cuda:1", "bfloat16"),
        ("float32", "cuda:1", "float32"),
        ("bfloat16", "cuda:0", "bfloat16"),
    ],
)
def test_a_precision_that_the_device_has(asked, device, found):
    assert as_precision(asked, device) == found


def test_a_precision_that_the_device_has_not_is_refused():
    with pytest.raises(ValueError, match="unknown precision 'float16'; known: float32, bfloat16"):
        as_precision("float16", "cpu")
    with pytest.raises(ValueError, match="precision bfloat16 is for CUDA, not for cpu; pass float32"):
        as_precision("bfloat16", "cpu")


@pytest.mark.parametrize("name", ["torch", "safetensors"])
def test_what_networks_need_is_named_with_its_extra(name, monkeypatch):
    check_torch()
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == name else found(asked))
    with pytest.raises(ValueError, match=rf"networks need {name}, .* pip install 'mdmtheory\[neural\]'"):
        check_torch()
