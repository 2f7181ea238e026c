"""The digest of a network, by which results know it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mdmtheory.core.streams import canonical_json

if TYPE_CHECKING:
    from torch import Tensor


def digest_of(said: Any, state: Mapping[str, Tensor]) -> str:
    """SHA-256, in hex, of a JSON value and of each tensor: name, type, shape and bytes, by name."""
    import torch

    found = hashlib.sha256(canonical_json(said).encode())
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        found.update(canonical_json([name, str(tensor.dtype), list(tensor.shape)]).encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)  # not copied: there may be gigabytes
    return found.hexdigest()
