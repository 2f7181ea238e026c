"""Figures of stored results. Each takes the frame of `mdmtheory.read`."""

from mdmtheory.plots.metric import metric_figure, sweep_figure
from mdmtheory.plots.picture import Picture, figure_format, save_figure
from mdmtheory.plots.samplers import sampler_figures
from mdmtheory.plots.schedules import schedule_figure
from mdmtheory.plots.style import figure_style, looks

__all__ = [
    "Picture",
    "figure_format",
    "figure_style",
    "looks",
    "metric_figure",
    "sampler_figures",
    "save_figure",
    "schedule_figure",
    "sweep_figure",
]
