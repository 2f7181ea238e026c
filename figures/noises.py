"""Three noises with the exact posterior: how far their whole law is from the language, against steps.

Masked and uniform diffusion by enumeration. Gaussian diffusion has no law that can be enumerated: of its draws one half
chooses the set on which p seems to exceed q, the other says how much p has there, and whatever the set, p(set) - q(set)
is at most the total variation.

python figures/noises.py [FILE.png|svg|pdf]      # about two minutes
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import mdmtheory as mt
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.exact import error_rate, joint
from mdmtheory.metrics.distances import distances_of_laws
from mdmtheory.plots import figure_style, looks, save_figure
from mdmtheory.plots.style import REFERENCE
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


def main(out: str = "results/noises.pdf", doublings: int = 5, count: int = 200_000) -> None:
    taken = [2**k for k in range(1, int(doublings) + 1)]
    look = looks("sampler", list(NOISES))
    with figure_style():
        figure = Figure(figsize=(6.9, 4.2))
        grid = figure.subplots(2, len(CASES), sharex=True, sharey="row")
        for column, (language, length) in zip(grid.T, CASES, strict=True):
            oracle = mt.Oracle(language)
            for name, label in NOISES.items():
                style = look[name]
                line = {"color": style.colour, "marker": style.marker, "linestyle": style.dashes, "label": label}
                if name == "gaussian":
                    found = np.array([list(gaussian_distances(language, length, n, int(count))) for n in taken])
                    for axes, (value, low, high) in zip(column, found.transpose(1, 2, 0), strict=True):
                        axes.errorbar(taken, value, [value - low, high - value], **{**line, "marker": "s"})
                    continue
                models = {"ancestral": mt.MaskedDiffusion, "uniform": mt.UniformDiffusion}
                built = [models[name](oracle, steps=n) for n in taken]
                for axes, values in zip(
                    column, zip(*(exact_distances(m, language, length) for m in built), strict=True), strict=True
                ):
                    axes.plot(taken, values, **line)
            column[0].set_title(f"{language.spec}, L = {length}", loc="left")
            column[1].set_xlabel("steps N")
        for axes in grid.ravel():
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set_xticks(taken, [str(n) for n in taken])
            axes.minorticks_off()
            guide = np.array([taken[0], taken[-1]], dtype=float)
            axes.plot(guide, 1.2 / guide, color=REFERENCE, linewidth=0.7, linestyle=":", label="slope 1/N")
        for axes, label in zip(grid[:, 0], ("SER", "total variation"), strict=True):
            axes.set_ylabel(label)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, columnspacing=1.2)
    save_figure(figure, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
