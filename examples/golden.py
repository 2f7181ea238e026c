"""A sampler with a budget of steps that repeats at no distance (docs/plugins.md)."""

import numpy as np

from mdmtheory.plans import PlanLawBase

RATIO = 0.6180339887498949  # the golden ratio less 1


class Golden(PlanLawBase):
    """Position i at step 1 + floor(N frac(i φ)): those of one step are far apart, and at no fixed distance."""

    name, version, family = "golden", 1, "chosen order"
    fixed = True

    def plan(self, length, steps):
        return (1 + np.floor(steps * (np.arange(length) * RATIO % 1))).astype(np.int32)

    def draw(self, states, length, steps, schedule):
        return np.tile(self.plan(length, steps), (len(states), 1))

    def steps_taken(self, length, steps):
        return int(self.plan(length, steps).max())
