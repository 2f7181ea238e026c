"""Three noises with the exact posterior: how far their whole law is from the language, against steps.

Masked and uniform diffusion by enumeration. Gaussian diffusion has no law that can be enumerated: of its draws one half
chooses the set on which p seems to exceed q, the other says how much p has there, and whatever the set, p(set) - q(set)
is at most the total variation.

python figures/noises.py [FILE.png|svg|pdf]      # about two minutes
"""

import sys

import numpy as np
from matplotlib.lines import Line2D

import mdmtheory as mt
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.exact import error_rate, joint
from mdmtheory.metrics.distances import distances_of_laws
from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import bar_handle, handle, say_once
from mdmtheory.plots.series import Scale, Series, draw_all, scale_x, strip_note
from mdmtheory.plots.style import REFERENCE
from mdmtheory.plots.words import X_LABELS, said_of
from mdmtheory.theory.instances import bigram3, hmm2x3, trigram2

CASES = ((bigram3(), 4), (trigram2(), 4), (hmm2x3(), 4))
NOISES = {
    "ancestral": "masked, random order",
    "uniform": "uniform",
    "gaussian": "Gaussian (drawn; total variation from below)",
}
SEED = 3


def exact_distances(model, language, length):
    """SER and total variation."""
    p, q = mt.exact.law(model, language, length), joint(language, length)
    return error_rate(p, q), distances_of_laws(p, q).total_variation.value


def gaussian_distances(language, length, steps, count):
    """Estimates of SER and of a lower bound of total variation, each as value, low, high."""
    q = joint(language, length).ravel()
    model = mt.GaussianDiffusion(mt.Oracle(language), embedding="onehot", steps=steps)
    tokens = model.sample(2 * count, length, SEED).tokens
    numbers = tokens @ language.vocab_size ** np.arange(length)[::-1]
    choosing, saying = (np.bincount(half, minlength=q.size) for half in np.split(numbers, 2))
    chosen = choosing / count > q
    for there in (q == 0, chosen):
        seen = int(saying[there].sum())
        yield np.array([seen / count, *clopper_pearson(seen, count, 0.95)]) - q[there].sum()


def series(language, length, taken, count, look):
    """Of each noise SER and total variation, in this order."""
    oracle = mt.Oracle(language)
    models = {"ancestral": mt.MaskedDiffusion, "uniform": mt.UniformDiffusion}
    for name, label in NOISES.items():
        if name == "gaussian":
            found = np.array([list(gaussian_distances(language, length, n, count)) for n in taken]).transpose(1, 2, 0)
        else:
            exact = np.array([exact_distances(models[name](oracle, steps=n), language, length) for n in taken])
            found = np.repeat(exact.T[:, None], 3, axis=1)
        yield [Series(label, look[name], np.array(taken, dtype=float), *ends) for ends in found]


def main(out: str = "results/noises.pdf", doublings: int = 5, count: int = 200_000) -> None:
    taken = [2**k for k in range(1, int(doublings) + 1)]
    look = looks("sampler", list(NOISES))
    cases = [list(zip(*series(*case, taken, int(count), look), strict=True)) for case in CASES]
    with figure_style():
        picture = Picture(7.0, 4.2)
        cells = picture.grid(2, len(CASES))
        for row, label in enumerate(("SER", "total variation")):
            scale = Scale.of([each for case in cases for each in case[row]], from_zero=True, log=True)
            for axes, case, (language, length) in zip(cells[row * len(CASES) :], cases, CASES, strict=False):
                scale.on(axes)
                scale_x(axes, taken, log=True, inches=1.7)
                guide = np.array([taken[0], taken[-1]], dtype=float)
                axes.plot(guide, 1.2 / guide, color=REFERENCE, linewidth=0.8, linestyle=":", zorder=1)
                draw_all(axes, case[row], scale)
                axes.set(xlabel=X_LABELS["steps"], ylabel=label)
                axes.set_title("" if row else f"{said_of('language', str(language.spec))}, $L$ = {length}")
        say_once(cells, len(CASES))
        slope = Line2D([], [], color=REFERENCE, linewidth=0.8, linestyle=":", label="slope 1/$N$")
        every = [each for case in cases for row in case for each in row]
        note = f"Masked and uniform: exact. Gaussian: {2 * int(count):,} draws for each mark."
        handles = [handle(look[name], label) for name, label in NOISES.items()]
        picture.explain([*handles, slope, bar_handle([0.95])], [note, strip_note(every)])
    save_figure(picture, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
