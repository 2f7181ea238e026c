"""What both sides tell of a token beside its left alone, and SER against calls of samplers that may change tokens.

python figures/correction.py [FILE.png|svg|pdf]      # from experiments/smoothing.csv and experiments/correction.csv
"""

import runpy
import sys
from pathlib import Path

import pandas as pd
from matplotlib.lines import Line2D

from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import bar_handle, handle, say_once
from mdmtheory.plots.series import Scale, Series, draw_all, scale_x, strip_note
from mdmtheory.plots.style import DASHES, REFERENCE, Look
from mdmtheory.plots.words import said_of

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
SIDES = {"left": "given those left of it", "both": "given those on both sides"}
LOOKS = {"left": Look("#222222", "o", DASHES[0]), "both": Look("#909090", "s", DASHES[0])}
SEEN = {
    ("hmm:", "oracle"): "HMM",
    ("lists:kind=replace", "oracle"): "replace an item",
    ("sudoku", "oracle"): "sudoku",
    ("countdown:numbers=4", "oracle"): "countdown of 4",
    ("path", "hops:edges=1"): "path, sees 1 edge",
}
"""How names of languages begin, and who looks, with titles."""
DRAWN = {
    ("sudoku", "oracle"): "sudoku",
    ("countdown", "oracle"): "countdown of 3",
    ("lists", "oracle"): "shuffle",
    ("sat", "oracle"): "3-SAT",
    ("sat", "propagate:depth=1"): "3-SAT, units once",
}
LAST = ("sat", "propagate:depth=1")
"""Has a scale of its own."""


def of(frame: pd.DataFrame, name: str, denoiser: str) -> pd.DataFrame:
    """The rows of one panel."""
    return frame[frame["language"].str.startswith(name) & frame["denoiser"].str.contains(denoiser, regex=False)]


def main(out: str = "results/correction.pdf") -> None:
    smoothing, correction = (runpy.run_path(str(EXPERIMENTS / f"{each}.py")) for each in ("smoothing", "correction"))
    sides, calls = pd.read_csv(smoothing["SIDES"]), pd.read_csv(correction["CALLS"]).assign(kind="estimate")
    samplers = [*correction["ONCE"], *correction["AGAIN"]]
    look = looks("sampler", samplers)
    names = {sampler: said_of("sampler", sampler) for sampler in samplers}
    with figure_style():
        picture = Picture(7.0, 4.4)
        cells = picture.grid(2, 5)
        above = {
            (name, who): [
                Series.of(label, LOOKS[side], own[own["context"] == side], "share")
                for side, label in SIDES.items()
                if len(own := of(sides, name, who))
            ]
            for name, who in SEEN
        }
        below = {
            (name, who): [
                Series.of(names[sampler], look[sampler], own.sort_values("calls"), "calls")
                for sampler in samplers
                if len(own := of(calls[calls["sampler"] == sampler], name, who))
            ]
            for name, who in DRAWN
        }
        scale = Scale.of([each for some in above.values() for each in some], from_zero=True, log=False)
        for axes, (panel, some) in zip(cells, above.items(), strict=False):
            scale.on(axes)
            scale_x(axes, [0, 0.5, 1], log=False, inches=1.0)
            axes.axhline(some[0].value[-1], color=REFERENCE, linewidth=0.7, linestyle=":", zorder=1)
            draw_all(axes, some, scale)
            axes.set(xlabel="share revealed", ylabel="nats a token", title=SEEN[panel])
        every = [each for panel, some in below.items() if panel != LAST for each in some]
        scales = [Scale.of(every, from_zero=True, log=True, probability=True), Scale.of(below[LAST], from_zero=False)]
        for axes, (panel, some) in zip(cells[5:], below.items(), strict=True):
            scale = scales[panel == LAST]
            scale.on(axes)
            scale_x(axes, [1, 2, 4, 8, 16, 32, 64], log=True, inches=1.0)
            draw_all(axes, some, scale, list(names.values()))
            axes.set(xlabel="calls", ylabel="SER", title=DRAWN[panel])
        say_once(cells[:5], 5)
        say_once(cells[5:9], 4)
        marks = [handle(LOOKS[side], label) for side, label in SIDES.items()]
        marks += [Line2D([], [], color=REFERENCE, linewidth=0.7, linestyle=":", label="all of the left")]
        marks += [handle(look[sampler], name) for sampler, name in names.items()]
        notes = [
            "Above: the entropy of a token given others, each revealed with probability x; of path what the observer's "
            "law costs. Below: exact posteriors, trusted to 0.999 where tokens may change; the last panel an observer "
            "of one unit propagation, who is asked a call for each revealed token that is judged.",
            strip_note(every),
        ]
        picture.explain([*marks, bar_handle([0.95])], notes)
    save_figure(picture, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
