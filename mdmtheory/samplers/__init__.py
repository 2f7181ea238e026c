"""What chooses the positions of each step, by name."""

from mdmtheory.samplers.by_block import by_block
from mdmtheory.samplers.planned import Planned
from mdmtheory.samplers.registry import SAMPLERS, as_sampler

__all__ = ["SAMPLERS", "Planned", "as_sampler", "by_block"]
