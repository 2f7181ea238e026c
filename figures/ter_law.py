"""The excess of TER over TER(q) against steps, on log axes where 1/N is a straight line.

mdmtheory sweep experiments/ter_ser_vs_steps.toml && python figures/ter_law.py [FILE.png|svg|pdf]
"""

import sys

import mdmtheory as mt
from mdmtheory.plots import metric_figure, save_figure


def main(out: str = "results/ter_law.pdf") -> None:
    save_figure(metric_figure(mt.read("results/ter_ser_vs_steps.sqlite"), "steps", "ter_excess", "lang"), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
