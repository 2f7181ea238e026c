"""Where a network computes, and in what precision."""

from __future__ import annotations

from mdmtheory.oracles.tensors.devices import check_installed

PRECISIONS = ("float32", "bfloat16")
_NEEDED = ("torch", "safetensors")


def check_torch() -> None:
    """ValueError that names the extra to install where torch, or what reads its files, is missing."""
    check_installed("networks", _NEEDED)


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
