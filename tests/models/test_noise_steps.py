"""Noise on latents: the cosine levels by hand, and the law of the steps back where the posterior is known exactly."""

from itertools import pairwise

import numpy as np
import pytest

from mdmtheory.models.noise_steps import cosine_kept, ddim_step, ddpm_step, denoised, levels_visited

MEAN, VARIANCE = 1.5, 0.36
"""Of the latents of this file: each number is normal, so the mean of x_0 given x_t is linear in x_t."""


def exact_clean(kept):
    """The mean of x_0 given x_t at a level: MEAN + gain (x_t - √ᾱ MEAN), and the gain."""
    gain = np.sqrt(kept) * VARIANCE / (kept * VARIANCE + 1 - kept)
    return gain, lambda values: MEAN + gain * (values - np.sqrt(kept) * MEAN)


def test_the_cosine_levels_are_those_of_the_paper():
    kept = cosine_kept(4)
    f = [np.cos((t / 4 + 0.008) / 1.008 * np.pi / 2) ** 2 for t in range(5)]
    np.testing.assert_allclose(kept[:4], np.array(f[:4]) / f[0], rtol=1e-12)
    assert f[4] < 1e-30  # its last step would leave nothing, so β is cut at 0.999
    assert kept[4] == pytest.approx(kept[3] * 0.001)
    thousand = cosine_kept(1000)
    assert (np.diff(thousand) < 0).all()
    assert thousand[500] == pytest.approx(np.cos((0.5 + 0.008) / 1.008 * np.pi / 2) ** 2 / f[0])


def test_steps_visit_levels_from_the_most_noise_to_none():
    assert levels_visited(10, 3).tolist() == [10, 7, 3, 0]
    assert levels_visited(5, 5).tolist() == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(("level", "after"), [(10, 9), (7, 2), (3, 0), (10, 0)])
def test_a_step_from_the_exact_posterior_leads_to_the_exact_law_of_the_level_below(level, after):
    kept, kept_after = cosine_kept(10)[[level, after]]
    towards, stay, variance = ddpm_step(kept, kept_after)
    gain, _ = exact_clean(kept)
    spread = kept * VARIANCE + 1 - kept  # of x_t
    left = VARIANCE - gain**2 * spread  # of x_0 given x_t
    mean = towards * MEAN + stay * np.sqrt(kept) * MEAN
    assert mean == pytest.approx(np.sqrt(kept_after) * MEAN)
    found = (towards * gain + stay) ** 2 * spread + towards**2 * left + variance
    assert found == pytest.approx(kept_after * VARIANCE + 1 - kept_after)


def test_a_step_without_noise_keeps_the_noise_that_is_there():
    kept, kept_after = cosine_kept(10)[[7, 2]]
    clean, noise = 0.7, -1.3
    towards, stay, variance = ddim_step(kept, kept_after)
    moved = towards * clean + stay * (np.sqrt(kept) * clean + np.sqrt(1 - kept) * noise)
    assert variance == 0
    assert moved == pytest.approx(np.sqrt(kept_after) * clean + np.sqrt(1 - kept_after) * noise)


@pytest.mark.parametrize(("update", "steps"), [("ddpm", 4), ("ddpm", 50), ("ddim", 4), ("ddim", 50)])
def test_what_is_drawn_has_the_law_that_the_steps_make_of_the_exact_means(update, steps):
    kept, visited = cosine_kept(50), levels_visited(50, steps)
    generator, count = np.random.default_rng(0), 20_000
    asked = []

    def clean(values, level):
        asked.append(level)
        return exact_clean(kept[level])[1](values)

    drawn = denoised(clean, lambda: generator.standard_normal((count, 1, 1)), kept, visited, update)
    assert asked == visited[:-1].tolist()
    # Every step is linear, so mean and variance follow from those before it.
    mean, variance = 0.0, 1.0
    for level, after in pairwise(visited):
        towards, stay, noise = (ddpm_step if update == "ddpm" else ddim_step)(kept[level], kept[after])
        gain, estimate = exact_clean(kept[level])
        mean, variance = (
            towards * estimate(mean) + stay * mean,
            (towards * gain + stay) ** 2 * variance + noise,
        )
    assert drawn.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / count))
    assert drawn.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / count))
    # In many steps that is nearly the law of the latents, in few ddpm is too narrow: it steps from means.
    assert mean == pytest.approx(MEAN, abs=0.01)
    assert abs(variance / VARIANCE - 1) < (0.15 if steps == 50 else 1)
    if (update, steps) == ("ddpm", 4):
        assert variance < 0.5 * VARIANCE
