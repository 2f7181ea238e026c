"""Trained networks of four noises beside their oracles: SER against steps at length 64, and the floor of each network.

mdmtheory sweep experiments/noises.toml && python experiments/noises.py networks rows      # the two CSV files
python figures/trained_noises.py [FILE.png|svg|pdf]
"""

import math
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
from matplotlib.lines import Line2D

from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import bar_handle, handle, say_once
from mdmtheory.plots.series import Scale, Series, draw_all, scale_x
from mdmtheory.plots.style import REFERENCE
from mdmtheory.plots.words import X_LABELS, said_of

LENGTH = 64
RESULTS = Path(__file__).parents[1] / "experiments"
CURVES = {
    "masked, random order": ("masked", "ancestral"),
    "masked, stride": ("masked", "stride"),
    "uniform": ("uniform", None),
    "Gaussian": ("gaussian", None),
    "autoregressive": ("ar", None),
}
STEPS = [4, 8, 16, 32, 64, 128, 256]


def curve(frame: pd.DataFrame, model: str, sampler: str | None) -> pd.DataFrame:
    """The rows of one curve by steps: linear schedule, options as they are unless told."""
    own = frame[(frame["model"] == model) & ((frame["sampler"] == sampler) if sampler else frame["sampler"].isna())]
    own = own[own["schedule"].isna() | (own["schedule"] == "linear")]
    return own[own["steps"].isna() | own["steps"].isin(STEPS)].sort_values("steps")


def main(out: str = "results/trained_noises.pdf") -> None:
    """Draw it."""
    ser = pd.read_csv(RESULTS / "noises_ser.csv")
    ser = ser[ser["metric"] == "ser"]
    networks = pd.read_csv(RESULTS / "noises_networks.csv").set_index(["language", "noise"])
    names = dict(
        zip(CURVES, looks("sampler", ["ancestral", "stride", "uniform", "gaussian", "ar"]).values(), strict=True)
    )
    look = {label: replace(each, dashes="-") for label, each in names.items()}
    trained = ser[ser["denoiser"] != "oracle"]
    languages = list(trained["language"].unique())[::-1]
    series = {
        language: [
            Series.of(label, look[label], own, "steps")
            for label, which in CURVES.items()
            if len(own := curve(trained[trained["language"] == language], *which))
        ]
        for language in languages
    }
    with figure_style():
        picture = Picture(7.0, 3.3)
        cells = picture.grid(1, len(languages))
        scale = Scale.of([each for own in series.values() for each in own], from_zero=True, log=True, probability=True)
        for axes, language in zip(cells, languages, strict=True):
            scale.on(axes)
            scale_x(axes, STEPS, log=True, inches=2.6)
            exact = ser[(ser["language"] == language) & (ser["denoiser"] == "oracle")]
            for label, which in CURVES.items():
                own = curve(exact, *which)
                own = own[own["value"] > 0]
                dashed = {"linestyle": (0, (3, 2)), "linewidth": 1.0, "alpha": 0.65}
                axes.plot(own["steps"], own["value"], color=look[label].colour, zorder=1.5, **dashed)
            z = float(networks.loc[(language, "mdm"), "z"])
            level = 1 - math.exp(-LENGTH * z)
            dotted = {"linestyle": (0, (1, 1.6)), "linewidth": 1.1, "zorder": 1.2}
            axes.plot([STEPS[0], STEPS[-1]], [level, level], color=look["masked, random order"].colour, **dotted)
            for each in series[language]:
                if each.label == "Gaussian":
                    axes.plot([STEPS[0], STEPS[-1]], [each.value[-1]] * 2, color=each.look.colour, **dotted)
            draw_all(axes, series[language], scale, list(CURVES))
            axes.set(xlabel=X_LABELS["steps"], ylabel="SER")
            axes.set_title(f"{said_of('language', language)}, $L$ = {LENGTH}")
        say_once(cells, len(languages))
        handles = [handle(look[label], f"{label}, trained") for label in CURVES]
        handles.append(Line2D([], [], color=REFERENCE, linestyle=(0, (3, 2)), linewidth=1.0, label="exact posterior"))
        handles.append(
            Line2D([], [], color=REFERENCE, linestyle=(0, (1, 1.6)), linewidth=1.1, label="floor of a network")
        )
        handles.append(bar_handle([0.95]))
        note = (
            "Dashed, in the colour of the noise: the exact posterior in the network's place, as far as an error was "
            "seen. Dotted: for masks 1 - exp(-L z), for Gaussian noise SER at the most steps."
        )
        picture.explain(handles, [note])
    save_figure(picture, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
