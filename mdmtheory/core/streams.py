"""Random streams: one for each sequence, keyed by what the sequence depends on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from jaxtyping import UInt64

from mdmtheory.core.integers import whole_numbers

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def canonical_json(value: Any) -> str:
    """One text for equal values: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def check_states(states: Any, count: int) -> None:
    """ValueError unless these are the states of so many streams, which kernels move on in place."""
    array = np.asarray(states)
    if array.shape != (count, 4) or array.dtype != np.uint64:
        raise ValueError(
            f"streams have shape {array.shape} and dtype {array.dtype}; pass ({count}, 4) of uint64, from stream_states"
        )


@whole_numbers(first=0, count=0)
def stream_states(key: Any, first: int, count: int) -> UInt64[np.ndarray, "count 4"]:
    """The xoshiro256++ states of streams first..first+count-1 of a key (any JSON value).

    Each word of a state is a bijection (splitmix64's finaliser) of the sequence's number, offset by 64 bits of the
    key's SHA-256, so streams of one key never share a state and streams of two keys are unrelated.

    >>> bool((stream_states("key", 2, 1) == stream_states("key", 0, 3)[2:]).all())
    True
    """
    words = np.frombuffer(hashlib.sha256(canonical_json(key).encode()).digest(), dtype="<u8").astype(np.uint64)
    number = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    z = words[None, :] + number[:, None] * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
