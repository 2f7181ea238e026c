"""Where tensors are, and whether there are any."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence


def check_installed(who: str, packages: Sequence[str]) -> None:
    """ValueError that names the extra to install where one of the packages that somebody needs is missing."""
    for name in packages:
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"{who} need {name}, which is not installed; pip install 'mdmtheory[neural]'")


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
