"""Vectors that stand for tokens where the noise is Gaussian."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import Register, registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import digest, stream_states
from mdmtheory.languages.laws import GRAIN

EMBEDDINGS = Register("embedding", "mdmtheory.models")


@whole_numbers(vocab_size=1)
def as_embedding(embedding: Any, vocab_size: int) -> tuple[Float[np.ndarray, "vocab dim"], dict[str, Any]]:
    """The (V, d) vectors that a name, a spec or an array stands for, and the options that say which they are.

    ValueError for another shape and for what is not finite.
    """
    if isinstance(embedding, str | Spec):
        spec = Spec.parse(embedding) if isinstance(embedding, str) else embedding
        found: Float[np.ndarray, "vocab dim"] = EMBEDDINGS.build(spec, vocab_size)
        defaults = {key: each.default for key, each in EMBEDDINGS.options(spec.name).items()}
        return found, {"embedding": spec.name, **defaults, **dict(spec.options)}
    as_given = np.asarray(embedding)
    if as_given.dtype.kind not in "fiu":
        raise ValueError(f"the embedding holds {as_given.dtype}; pass real numbers")
    given = np.array(as_given, dtype=np.float64)
    if given.ndim != 2 or len(given) != vocab_size or given.shape[1] < 1:
        raise ValueError(f"the embedding has shape {given.shape}; pass ({vocab_size}, dim), one row for each token")
    if not np.isfinite(given).all():
        raise ValueError("the embedding holds NaN or infinity; pass finite numbers")
    return given, {"embedding": f"given@{digest([list(given.shape), given.tobytes().hex()])[:12]}"}


def embedding_named(name: str | None, dim: int | None, seed: int | None) -> Spec | None:
    """The embedding of a name, onehot unless said, with those options that are said; None where nothing is said."""
    given = {key: value for key, value in (("dim", dim), ("seed", seed)) if value is not None}
    return None if name is None and not given else Spec.of(name or "onehot", **given)


@registered("embedding")
@whole_numbers(vocab_size=1)
def onehot(vocab_size: int) -> Float[np.ndarray, "vocab vocab"]:
    """Unit vectors, one for each token."""
    return np.eye(vocab_size)


@registered("embedding")
@whole_numbers(vocab_size=1)
def simplex(vocab_size: int) -> Float[np.ndarray, "vocab vocab"]:
    """1 for the token and -1 for all others: logits that are almost one-hot, up to their scale (SSD-LM, 2210.17432)."""
    return 2 * np.eye(vocab_size) - 1


@registered("embedding")
@whole_numbers(vocab_size=1, dim=1, seed=0)
def random(vocab_size: int, *, dim: int = 16, seed: int = 0) -> Float[np.ndarray, "vocab dim"]:
    """Normal vectors of mean squared length 1, rounded to multiples of 2^-30 so that they are the same everywhere."""
    from mdmtheory.kernels.random import fill_normals

    out = np.empty((vocab_size, dim))
    fill_normals(stream_states(["embedding", vocab_size, dim, seed], 0, vocab_size), out)
    return np.round(out / np.sqrt(dim) / GRAIN) * GRAIN
