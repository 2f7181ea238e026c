"""What a training is asked for, with every default filled in: all that decides its numbers but the machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from mdmtheory.core.integers import LAST_SEED, whole_number


@dataclass(frozen=True)
class Settings:
    """A training's settings as they are stored; `minutes` were turned into `steps` when it began."""

    objective: str
    language: str
    language_digest: str
    length: int
    size: str
    level: bool
    data: str
    targets: str
    batch: int
    steps: int
    minutes: float | None
    learning_rate: float
    seed: int
    given: str | None = None
    """The positions that are given, as `Given` writes them; None where none is."""

    def __post_init__(self) -> None:
        for name in ("length", "batch", "steps"):
            object.__setattr__(self, name, whole_number(getattr(self, name), name, 1))
        object.__setattr__(self, "seed", whole_number(self.seed, "seed", 0, LAST_SEED))

    @property
    def tokens(self) -> int:
        """Tokens that it learns from, those that are given among them."""
        return self.steps * self.batch * self.length

    def to_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Settings:
        """What `to_json` wrote."""
        return cls(**said)


_TYPED = {
    "given": "--prompt",
    "learning_rate": "--lr",
    "language": "--lang",
    "language_digest": "--lang",
    "steps": "--tokens",
}


def check_same(asked: Settings, begun: Settings, folder: str) -> None:
    """ValueError that names the first setting in which a training to be resumed differs from how it was begun."""
    for each in fields(Settings):
        now, then = getattr(asked, each.name), getattr(begun, each.name)
        if now != then and each.name != "language":  # a name is a label, the digest decides
            option = _TYPED.get(each.name, "--" + each.name)
            raise ValueError(
                f"the run {folder} was begun with {each.name} {then}, and is to be resumed with {now}; "
                f"pass the same {option}, or begin another run with another --out"
            )
