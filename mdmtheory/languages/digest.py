"""What identifies a language: a digest of its kind and its parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from mdmtheory.core.streams import digest


def language_digest(kind: str, parameters: Mapping[str, Any]) -> str:
    """The digest of the language of a kind with these parameters; the language itself need not be built."""
    return digest([kind, {key: _fingerprint(value) for key, value in parameters.items()}])


def _fingerprint(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value, dtype="<f8")
        # No copy of the bytes: an array may have a gigabyte of them.
        return [list(array.shape), hashlib.sha256(array.reshape(-1).view(np.uint8).data).hexdigest()]
    return value
