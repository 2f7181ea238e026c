"""Where a network computes, and in what precision."""

from __future__ import annotations

import importlib.util

PRECISIONS = ("float32", "bfloat16")
_NEEDED = ("torch", "safetensors")


def check_torch() -> None:
    """ValueError that names the extra to install where torch, or what reads its files, is missing."""
    for name in _NEEDED:
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"networks need {name}, which is not installed; pip install 'mdmtheory[neural]'")


def as_device(device: str) -> str:
    """`auto` is the first graphics processor, or the processor where there is none; ValueError for what is not there.

    >>> as_device("cpu")
    'cpu'
    """
    import torch

    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        return device
    name, _, number = device.partition(":")
    if name != "cuda" or (number and not number.isdecimal()) or device.endswith(":"):
        raise ValueError(f"unknown device {device!r}; pass auto, cpu, cuda or cuda:0")
    if not torch.cuda.is_available():
        raise ValueError(f"device {device!r} was asked for, and torch finds no CUDA here; pass --device cpu")
    count = torch.cuda.device_count()
    if int(number or 0) >= count:
        raise ValueError(f"there is no device {device!r}: torch finds {count}, from cuda:0; pass one of them")
    return f"cuda:{int(number or 0)}"


def as_precision(precision: str | None, device: str) -> str:
    """The precision of a network's matrices on a device; logits and losses are float32 in any case.

    bfloat16 by default on CUDA, where alone it is: on a processor it is slower, and ValueError says so.

    >>> as_precision(None, "cpu")
    'float32'
    """
    on_cuda = device.startswith("cuda")
    if precision is None:
        return "bfloat16" if on_cuda else "float32"
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
    if precision == "bfloat16" and not on_cuda:
        raise ValueError(f"precision bfloat16 is for CUDA, not for {device}; pass float32")
    return precision
