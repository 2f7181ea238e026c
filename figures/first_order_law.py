"""One constant for TER and SER: N SER and N KL(q||p) against steps, and what the plan-averaged bound says instead.

python figures/first_order_law.py [FILE.png|svg|pdf]      # exact numbers by enumeration, about 20 seconds
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import mdmtheory as mt
from mdmtheory.exact import entropy_nats, enumerated_information_curve, error_rate, expected_nll, joint
from mdmtheory.metrics.pricing import curve_weights
from mdmtheory.plots import figure_style, looks, save_figure
from mdmtheory.plots.style import REFERENCE
from mdmtheory.theory.instances import bigram3, full_support, hmm2x3, trigram2

CASES = ((bigram3(), 5), (trigram2(), 6), (hmm2x3(), 4), (full_support(), 5))


def rows(language, length, steps_taken):
    """N, N SER, N KL of the mixture and N times the plan-averaged gap, all exact."""
    q = joint(language, length)
    curve, floor = enumerated_information_curve(q), entropy_nats(q)
    for steps in steps_taken:
        model = mt.MaskedDiffusion(mt.Oracle(language), steps=steps)
        p = mt.exact.law(model, language, length)
        averaged = curve_weights(model, length) @ curve - floor
        yield steps * np.array([1, error_rate(p, q), expected_nll(p, q) - floor, averaged])


def main(out: str = "results/first_order_law.pdf", doublings: int = 8) -> None:
    taken = [2**k for k in range(int(doublings) + 1)]
    names = ["N KL(q||p), the mixture", "N SER", "N (plan-averaged gap), an upper bound of N KL"]
    look = looks("curve", names)
    with figure_style():
        figure = Figure(figsize=(6.9, 2.7))
        for axes, (language, length) in zip(figure.subplots(1, len(CASES)), CASES, strict=True):
            steps, ser, kl, averaged = np.array(list(rows(language, length, taken))).T
            for name, values in zip(names, (kl, ser, averaged), strict=True):
                style = look[name]
                axes.plot(steps, values, color=style.colour, marker=style.marker, linestyle=style.dashes, label=name)
            constant = float(mt.exact.first_order(language, length))
            axes.axhline(constant, color=REFERENCE, linewidth=0.8, linestyle=":")
            above = constant == 0
            axes.annotate(
                f"{constant:.4g} (exact)",
                (steps[-1], constant),
                (0, 12 if above else -4),
                textcoords="offset points",
                ha="right",
                va="bottom" if above else "top",
                fontsize=7.5,
            )
            axes.set_xscale("log", base=2)
            axes.set_xticks(taken[::2], [str(each) for each in taken[::2]])
            axes.minorticks_off()
            axes.set_ylim(bottom=-0.04 * axes.get_ylim()[1])
            axes.set_title(f"{language.spec}, L = {length}", loc="left")
            axes.set_xlabel("steps N")
        figure.axes[0].set_ylabel("nats (KL), probability (SER), times N")
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
    save_figure(figure, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
