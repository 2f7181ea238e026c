"""The denoisers that can be named."""

from __future__ import annotations

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Denoiser, Language
from mdmtheory.core.spec import Registry
from mdmtheory.denoisers.perturbed import Perturbed
from mdmtheory.denoisers.window import Window
from mdmtheory.oracles.oracle import Oracle

DENOISERS = Registry(
    "denoiser",
    {
        "oracle": "mdmtheory.denoisers.registry:build_oracle",
        "perturbed": "mdmtheory.denoisers.registry:build_perturbed",
        "window": "mdmtheory.denoisers.registry:build_window",
    },
)


def build_oracle(language: Language, *, trust: float = 1.0) -> Denoiser:
    """The exact posterior marginals; trust below 1 takes revealed tokens as soft evidence."""
    return Oracle(language, trust)


def build_perturbed(language: Language, *, epsilon: float) -> Denoiser:
    """The oracle moved epsilon nats towards uniform at every context."""
    return Perturbed(Oracle(language), epsilon)


@whole_numbers(width=0)
def build_window(language: Language, *, width: int) -> Denoiser:
    """The exact posterior of an observer who sees only tokens within width positions."""
    return Window(language, width)
