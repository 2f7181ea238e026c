"""SER against length with steps in proportion to it.

mdmtheory sweep experiments/ser_vs_length.toml && python figures/ser_vs_length.py [FILE.png|svg|pdf]
"""

import sys

import mdmtheory as mt
from mdmtheory.plots import metric_figure, save_figure


def main(out: str = "results/ser_vs_length.pdf") -> None:
    save_figure(metric_figure(mt.read("results/ser_vs_length.sqlite"), "length", "ser", "lang"), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
