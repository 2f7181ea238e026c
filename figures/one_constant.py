"""SER against steps, and what the first-order constant of each language predicts, with nothing fitted.

mdmtheory sweep experiments/ter_ser_vs_steps.toml && python figures/one_constant.py [FILE.png|svg|pdf]
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import mdmtheory as mt
from mdmtheory.plots import figure_style, looks, save_figure

LANGUAGES = ("hmm", "ngram:order=2", "ngram:order=3")


def main(out: str = "results/one_constant.pdf", store: str = "results/ter_ser_vs_steps.sqlite") -> None:
    found = mt.read(store).query("metric == 'ser' and model == 'masked'")
    look = looks("language", LANGUAGES)
    with figure_style():
        figure = Figure(figsize=(4.6, 3.1))
        axes = figure.subplots()
        for language in LANGUAGES:
            rows, style = found[found["language"] == language], look[language]
            length = int(rows["length"].iloc[0])
            constant = mt.exact.first_order(mt.as_language(language), length, count=4000)
            steps = np.geomspace(rows["steps"].min(), rows["steps"].max(), 200)
            axes.plot(steps, -np.expm1(-constant.value / steps), color=style.colour, linestyle=style.dashes)
            axes.fill_between(
                steps,
                -np.expm1(-constant.low / steps),
                -np.expm1(-constant.high / steps),
                color=style.colour,
                alpha=0.3,
            )
            errors = np.abs(rows[["low", "high"]].to_numpy().T - rows["value"].to_numpy())
            known = (
                f"{constant.value:.1f}" if constant.kind == "exact" else f"{constant.value:.0f} ± {_half(constant):.0f}"
            )
            axes.errorbar(
                rows["steps"],
                rows["value"],
                errors,
                color=style.colour,
                marker=style.marker,
                linestyle="",
                linewidth=1,
                label=f"{language}: C = {known} ({constant.kind})",
            )
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        ticks = sorted(found["steps"].unique())
        axes.set_xticks(ticks, [f"{each:.0f}" for each in ticks])
        axes.set_yticks([0.1, 0.2, 0.5, 1], ["0.1", "0.2", "0.5", "1"])
        axes.minorticks_off()
        axes.set_xlabel(f"steps N (ancestral, linear, L = {length})")
        axes.set_ylabel("SER")
        axes.legend(title="marks: drawn, 95 % interval\nlines: 1 − exp(−C/N)", alignment="left", loc="lower left")
    save_figure(figure, out)


def _half(estimate: mt.Estimate) -> float:
    return (estimate.high - estimate.low) / 2


if __name__ == "__main__":
    main(*sys.argv[1:])
