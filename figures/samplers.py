"""The figures of the samplers' leaderboard: cost, both errors, lengths, entropy, correction, rounds.

mdmtheory sweep experiments/samplers.toml && python figures/samplers.py [FOLDER]
"""

import sys
from pathlib import Path

import mdmtheory as mt
from mdmtheory.plots import sampler_figures, save_figure
from mdmtheory.report.ties import without_twins


def main(folder: str = "results/samplers", store: str = "results/samplers.sqlite") -> None:
    for stem, figure in sampler_figures(without_twins(mt.read(store))).items():
        save_figure(figure, Path(folder) / f"{stem}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
