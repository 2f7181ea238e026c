"""What chooses the positions of each step, by name."""

from mdmtheory.samplers.registry import SAMPLERS, as_sampler

__all__ = ["SAMPLERS", "as_sampler"]
