"""What a network is made of: its sizes, what it looks at and what goes in, as a value that files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np

from mdmtheory.core.integers import whole_number
from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.spec import pieces

ATTENTIONS = ("bidirectional", "causal", "block")


@dataclass(frozen=True)
class Size:
    """Layers, numbers a position carries, and attention heads.

    >>> as_size("nano")
    Size(layers=2, width=64, heads=4)
    """

    layers: int
    width: int
    heads: int

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, whole_number(getattr(self, each.name), each.name, 1))
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} does not share out to {self.heads} heads of an even number each; pass a multiple "
                f"of {2 * self.heads}"
            )

    def __str__(self) -> str:
        return ",".join(f"{key}={value}" for key, value in asdict(self).items())


SIZES: Mapping[str, Size] = MappingProxyType(
    {"nano": Size(2, 64, 4), "tiny": Size(6, 64, 4), "small": Size(4, 256, 8), "base": Size(8, 512, 8)}
)
"""Some 0.1, 0.3, 3 and 25 million parameters."""


def as_size(size: str | Size) -> Size:
    """A size by name, or `layers=4,width=128,heads=4`; ValueError for what is neither."""
    if isinstance(size, Size):
        return size
    if size in SIZES:
        return SIZES[size]
    given = dict(piece.partition("=")[::2] for piece in pieces(size))
    if given.keys() == {each.name for each in fields(Size)} and all(value.isdecimal() for value in given.values()):
        return Size(**{key: int(value) for key, value in given.items()})
    raise ValueError(
        f"unknown size {size!r}{did_you_mean(size, SIZES)}; known: {', '.join(SIZES)}, or layers=4,width=128,heads=4"
    )


@dataclass(frozen=True)
class Architecture:
    """A transformer over `vocab_size` tokens and sequences of `length` positions.

    What goes in are tokens, `vocab_size` being the mask (and what stands before the first token of a causal network),
    or values of `dim` numbers a position. `attention` says what a position looks at: all positions, those to its left,
    or those of its own block of `block` positions and of the blocks before it. `level`: whether it is told the level of
    noise.

    With `evidence` it is given the logarithm of each token's likelihood at each position, all that a noise leaves to be
    seen, and learns what the other positions add to it: its law is the product of both (Plaid's output prior,
    2305.18619).

    With `simplex` a network by blocks is told noised logits of the tokens of a block, of which it takes the softmax at
    that scale (SSD-LM, 2210.17432), and the level goes with them alone; blocks before are tokens.

    With `embeds` its tokens have vectors of so many numbers, which are learnt with it, for noise to be put on
    (networks.learned_noise); what goes in is the evidence of them.

    With `places` each position has a vector of its own, which is learnt: rotations tell how far apart positions are,
    and where positions have roles, as those of a prompt, a network that sees all around has to know which is which.

    With `encoded` an encoder reads so many first positions all around, and a decoder writes the others from the left.
    """

    vocab_size: int
    length: int
    layers: int
    width: int
    heads: int
    attention: str = "bidirectional"
    block: int | None = None
    level: bool = False
    dim: int | None = None
    rotary_base: float = 100.0
    evidence: bool = False
    places: bool = False
    encoded: int = 0
    embeds: int | None = None
    simplex: float | None = None

    def __post_init__(self) -> None:
        Size(self.layers, self.width, self.heads)
        for name in ("vocab_size", "length"):
            object.__setattr__(self, name, whole_number(getattr(self, name), name, 1))
        if self.attention not in ATTENTIONS:
            raise ValueError(f"unknown attention {self.attention!r}; known: {', '.join(ATTENTIONS)}")
        if (self.block is None) is (self.attention == "block"):
            raise ValueError(f"attention {self.attention!r} with block {self.block}; a block is for attention 'block'")
        for name in ("block", "dim", "embeds"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(getattr(self, name), name, 1))
        if self.dim is not None and self.attention != "bidirectional":
            raise ValueError(f"values of {self.dim} numbers go into bidirectional networks alone, not {self.attention}")
        if self.evidence and (self.dim is not None or self.attention != "bidirectional"):
            raise ValueError(
                f"evidence goes into bidirectional networks in the place of values, not with attention "
                f"{self.attention!r} and dim {self.dim}"
            )
        object.__setattr__(self, "encoded", whole_number(self.encoded, "encoded", 0))
        if self.encoded and (self.attention != "causal" or self.level or not self.places):
            raise ValueError(
                f"an encoder of {self.encoded} positions goes with a causal decoder that has places and is told no "
                f"level, not with attention {self.attention!r}, places {self.places} and level {self.level}"
            )
        if self.encoded >= self.length:
            raise ValueError(
                f"an encoder of {self.encoded} positions leaves nothing of {self.length} to write; encode fewer"
            )
        if self.simplex is not None and not (self.attention == "block" and self.level and 0 < self.simplex < np.inf):
            raise ValueError(
                f"simplex is {self.simplex}; pass a scale above 0, attention 'block' and level=True, or leave it out"
            )
        if self.embeds is not None and not self.evidence:
            raise ValueError(
                f"vectors of {self.embeds} numbers are learnt for noise whose evidence goes in; pass evidence"
            )
        if not self.rotary_base > 1:
            raise ValueError(f"rotary_base is {self.rotary_base}; pass a number above 1")

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON values; those of _LATER where it has them, as no run from before them does."""
        return {key: value for key, value in asdict(self).items() if key not in _LATER or value}

    @classmethod
    def from_json(cls, said: Any) -> Architecture:
        """What `to_json` wrote; ValueError where something is missing, unknown or of another type."""
        known = {each.name for each in fields(cls)}
        if isinstance(said, dict):
            known -= _LATER - said.keys()
        if not isinstance(said, dict) or said.keys() != known:
            got = sorted(said) if isinstance(said, dict) else type(said).__name__
            raise ValueError(f"an architecture has {', '.join(sorted(known))}; got {got}")
        wrong = [
            key
            for key, value in said.items()
            if type(value) not in _TYPES.get(key, (int,)) or (type(value) is float and value != value)
        ]
        if wrong:
            raise ValueError(f"{wrong[0]} of an architecture is {said[wrong[0]]!r}; no run has that")
        return cls(**said)


_LATER = frozenset({"evidence", "places", "embeds", "encoded", "simplex"})
"""Fields that not every run has: those from before them lack them."""
_TYPES: Mapping[str, tuple[type, ...]] = {
    "attention": (str,),
    "block": (int, type(None)),
    "dim": (int, type(None)),
    "embeds": (int, type(None)),
    "simplex": (float, int, type(None)),
    "level": (bool,),
    "evidence": (bool,),
    "places": (bool,),
    "rotary_base": (float, int),
}
