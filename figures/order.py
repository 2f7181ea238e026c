"""SER against steps for four orders of revealing, a panel for each language: the order decides.

mdmtheory sweep experiments/order.toml && python figures/order.py [FILE.png|svg|pdf]
"""

import sys

import mdmtheory as mt
from mdmtheory.plots import metric_figure, save_figure


def main(out: str = "results/order.pdf") -> None:
    save_figure(metric_figure(mt.read("results/order.sqlite"), "steps", "ser", "sampler"), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
