"""One constant for TER and SER: N SER and N KL(q||p) against steps, and what the plan-averaged bound says instead.

python figures/first_order_law.py [FILE.png|svg|pdf]      # exact numbers by enumeration, about 20 seconds
"""

import sys

import numpy as np

import mdmtheory as mt
from mdmtheory.exact import entropy_nats, enumerated_information_curve, error_rate, expected_nll, joint
from mdmtheory.metrics.pricing import curve_weights
from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import handle, say_once
from mdmtheory.plots.series import Scale, Series, draw, level_line, scale_x
from mdmtheory.plots.words import X_LABELS, said_of
from mdmtheory.theory.instances import bigram3, full_support, hmm2x3, trigram2

CASES = ((bigram3(), 5), (trigram2(), 6), (hmm2x3(), 4), (full_support(), 5))
NAMES = ("$N$ KL($q$‖$p$), the mixture", "$N$ SER", "$N$ (plan-averaged gap), an upper bound of $N$ KL")


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
    look = looks("curve", NAMES)
    with figure_style():
        picture = Picture(7.0, 2.7)
        cells = picture.grid(1, len(CASES))
        for axes, (language, length) in zip(cells, CASES, strict=True):
            steps, ser, kl, averaged = np.array(list(rows(language, length, taken))).T
            curves = zip(NAMES, (kl, ser, averaged), strict=True)
            drawn = [Series(name, look[name], steps, values, values, values) for name, values in curves]
            constant = float(mt.exact.first_order(language, length))
            scale = Scale(
                "linear", -0.1 * max(each.high.max() for each in drawn), 1.05 * max(each.high.max() for each in drawn)
            )
            scale.on(axes)
            level_line(axes, constant, f"$C$ = {constant:.4g}", right=True)
            for each in drawn:
                draw(axes, each, scale)
            scale_x(axes, taken, log=True, inches=1.2)
            title = f"{said_of('language', str(language.spec))}, $L$ = {length}"
            axes.set(title=title, xlabel=X_LABELS["steps"], ylabel="nats (KL), probability (SER), times $N$")
        say_once(cells, len(cells))
        note = "All numbers exact, by enumeration. Dashed: C, the first-order constant. Titles: language and length."
        picture.explain([handle(look[name], name) for name in NAMES], [note])
    save_figure(picture, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
