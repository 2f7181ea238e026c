"""Figures of stored results. Each takes the frame of `mdmtheory.read`."""

from mdmtheory.plots.curves import metric_figure, sweep_figure
from mdmtheory.plots.samplers import sampler_figures
from mdmtheory.plots.schedules import schedule_figure
from mdmtheory.plots.style import figure_format, figure_style, looks, save_figure

__all__ = [
    "figure_format",
    "figure_style",
    "looks",
    "metric_figure",
    "sampler_figures",
    "save_figure",
    "schedule_figure",
    "sweep_figure",
]
