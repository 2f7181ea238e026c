"""TER and SER of masked diffusion against steps, four languages, beside autoregression.

mdmtheory sweep experiments/ter_ser_vs_steps.toml && python figures/ter_ser_vs_steps.py [FILE.png|svg|pdf]
"""

import sys

import mdmtheory as mt
from mdmtheory.plots import metric_figure, save_figure


def main(out: str = "results/ter_ser_vs_steps.pdf") -> None:
    save_figure(metric_figure(mt.read("results/ter_ser_vs_steps.sqlite"), "steps", ["ter", "ser"], "lang"), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
