"""2502.09622, Theoretical Benefit and Limitation of Diffusion Language Model (Feng et al., NeurIPS 2025)."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import mdmtheory as mt
from mdmtheory.core.estimate import Estimate
from mdmtheory.plots import save_figure
from paper_checks.brackets import LANGUAGES, OTHERS_LENGTH, brackets, others
from paper_checks.claims import Claim, Number, PaperCheck, Picture, Table, shown
from paper_checks.feng2025_figures import Brackets, Elsewhere, ser_figure, ter_figure
from paper_checks.feng2025_trained import LENGTH, beyond_sampling, cause_table, trained_table
from paper_checks.published import (
    AR_SECONDS,
    HALF_STEP,
    IMPLIED_TER,
    LENGTHS,
    MDM_SECONDS,
    ORDERS,
    STEPS,
    TIME_LENGTHS,
    Cell,
    Standing,
    ter_cells,
    working_steps,
)
from paper_checks.theorems import theorem


def check(folder: Path) -> PaperCheck:
    """Everything; figures go into `folder`."""
    found = {order: brackets(order) for order in ORDERS}
    elsewhere = {order: others(order) for order in ORDERS}
    cells = list(ter_cells())
    theorems = [theorem(number, says, published) for number, says, published in _THEOREMS]
    save_figure(ser_figure(found), folder / "feng2025_ser.png")
    save_figure(ter_figure(found, elsewhere, cells), folder / "feng2025_ter.png")
    return PaperCheck(
        "2502.09622",
        "Theoretical Benefit and Limitation of Diffusion Language Model",
        [
            falls_with_steps(found),
            does_not_grow_with_length(found),
            *(order_claim(order, found[order], elsewhere[order], cells) for order in ORDERS),
            beyond_any_sampler(cells),
            beyond_sampling(found, cells),
            steps_follow_length(found),
            generation_time(),
            *theorems,
        ],
        _SETTINGS,
        [
            ter_table(found, cells),
            cause_table(found, cells),
            trained_table(found, cells),
            others_table(elsewhere),
            time_table(),
        ],
        [
            Picture(
                "feng2025_ter.png",
                "What sampling alone costs a token, against the published table. Bands: between the lower and the "
                "upper bound for the oracle on our language of the same entropy, intervals included. Marks: "
                "published, with the width of their rounding, hollow where that includes 0. Grey: the average over "
                "plans on other languages of the same entropy, with their number of tokens. Orange: networks of ours, "
                f"trained at L = {LENGTH}.",
            ),
            Picture(
                "feng2025_ser.png", "SER against steps at length 512, oracle, ancestral sampling, linear schedule."
            ),
        ],
    )


_THEOREMS = (
    (
        1,
        "N = O((n-1)/ε^(n+0.5)) steps, whatever the length, bring log TER of an n-gram within 4ε log V of its floor.",
        "log TER(p) ≤ log TER(q) + ε_learning + 4ε log|V|",
    ),
    (
        2,
        "For any HMM, a learning error below O(δ/L) and enough steps give SER ≤ δ.",
        "SER ≤ δ",
    ),
    (
        3,
        "There is an HMM over 16 symbols on which every schedule needs N = C·L steps to bring SER below 1/2.",
        "SER > 1/2 with N = C·L, ε_learning < 1/128; C not given",
    ),
)

_SETTINGS = (
    *(f"The {order}-gram is `{LANGUAGES[order]}`, with TER(q) near {IMPLIED_TER[order]}." for order in ORDERS),
    "These entropies are inferred from the steps in which the table's cells come; vocabulary, pruning and seed are "
    "ours.",
    "The HMM is the preset `hmm`: 32 states, 8 tokens.",
    "Ancestral sampling on the linear schedule.",
    f"Trained networks are small ones of ours at L = {LENGTH} (docs/trained.md); the learning error of the paper's is "
    "not known to us.",
    "How the paper computed TER(p), from a bound or from the mixture itself, is not known to us.",
)


def falls_with_steps(found: Mapping[int, Brackets]) -> Claim:
    """TER comes down with N in every language and at every length."""
    falls = all(
        found[order][length, more].high.high < found[order][length, fewer].high.low
        for order in ORDERS
        for length in LENGTHS
        for fewer, more in itertools.pairwise(STEPS)
    )
    ours = [
        Number(f"{order}-gram, L = 512, N = {steps}", found[order][512, steps].high, percent=True)
        for order in ORDERS
        for steps in (64, 2048)
    ]
    why = "the upper bound falls as 1/N: by half with each doubling of N."
    return Claim(
        "TER of an MDM comes down to TER(q) as steps grow, on 2-, 3- and 4-grams.",
        "relative excess from 2.7 to 5.3 % at N = 64 down to 0.02 to 0.07 % at N = 2048 (L = 512)",
        ours,
        "agrees" if falls else "fails",
        why if falls else "the upper bound does not fall everywhere, so nothing says that TER does.",
    )


def does_not_grow_with_length(found: Mapping[int, Brackets], tolerance: float = 0.1) -> Claim:
    """At a fixed N the excess is the same at every length."""
    same = True
    for order in ORDERS:
        for steps in STEPS:
            high = [found[order][length, steps].high for length in LENGTHS]
            same &= max(each.low for each in high) <= (1 + tolerance) * min(each.high for each in high)
    ours = [
        Number(f"{order}-gram, N = 64, L = {length}", found[order][length, 64].high, percent=True)
        for order in ORDERS
        for length in LENGTHS
    ]
    why = f"at each N the upper bounds at the three lengths differ by less than {100 * tolerance:g} %."
    return Claim(
        "The number of steps that a given TER needs does not depend on the length.",
        "at N = 64: 2.72, 2.72, 2.46 % (2-gram), 4.58, 4.56, 4.56 % (3-gram), 5.26, 5.33, 5.37 % (4-gram) at L = "
        "256, 512, 1024",
        ours,
        "agrees" if same else "fails",
        why if same else "our upper bounds grow with the length.",
    )


def standings(order: int, found: Brackets, cells: Sequence[Cell]) -> dict[Cell, Standing]:
    """Where each published cell of an order stands to our bracket."""
    return {each: each.standing(*found[each.length, each.steps].ends) for each in cells if each.order == order}


def order_claim(
    order: int, found: Brackets, elsewhere: Mapping[str, Mapping[int, Estimate]], cells: Sequence[Cell]
) -> Claim:
    """The cells of one order against the perfect denoiser's bracket on a language of the same entropy."""
    counted = Counter(standings(order, found, cells).values())
    ours = []
    for steps in (64, 512):
        ours.append(Number(f"L = 512, N = {steps}", found[512, steps].low, percent=True))
        true = found[512, steps].true
        ours += [] if true is None else [Number("itself", true, percent=True)]
        ours.append(Number("and", found[512, steps].high, percent=True))
    total = sum(counted.values())
    spread = [each[64].value for each in elsewhere.values()]
    why = (
        f"{counted['above']} of {total} cells lie above what a perfect denoiser gives on our language, which could "
        f"only be learning error or another language; {counted['within']} are within the bracket; "
        f"{counted['below']} below it, impossible unless the language differs. The vocabulary is not given and "
        f"matters: on other languages of the same entropy the upper bound at N = 64 is {100 * min(spread):.2f} to "
        f"{100 * max(spread):.2f} %."
    )
    if len(spread) == 1:
        why = why.replace(f"is {100 * min(spread):.2f} to {100 * max(spread):.2f} %", f"is {100 * spread[0]:.2f} %")
    row = [each.percent for each in cells if each.order == order and each.length == 512]
    agree = counted["within"] == total
    return Claim(
        f"TER(p)/TER(q) − 1 of {order}-grams, 18 cells.",
        f"L = 512: {', '.join(f'{each:g}' for each in row)} %, each ± {HALF_STEP:g}",
        ours,
        "agrees" if agree else "cannot be compared",
        why,
    )


def beyond_any_sampler(cells: Sequence[Cell]) -> Claim:
    """Which cells cannot be sampling error in any language of reasonable vocabulary."""
    worst = sorted(cells, key=lambda each: -each.smallest_vocabulary)[:3]
    small = [each for each in cells if each.smallest_vocabulary <= 8]
    ours = [
        Number(
            f"{each.order}-gram, L = {each.length}, N = {each.steps}, {each.percent:g} %: tokens needed",
            Estimate(value, value, value, 1.0, "lower bound", 0),
        )
        for each in worst
        for value in (each.smallest_vocabulary,)
    ]
    why = (
        "with the oracle TER(p)/TER(q) ≤ V^(1/N) in every language (docs/theory.md, 2), so a cell needs V ≥ "
        f"(TER(p)/TER(q))^N tokens, taken at the low end of its rounding. {len(small)} of {len(cells)} cells could "
        "be sampling error with 8 tokens or fewer; those named need so many that sampling does not account for "
        "them. The paper's vocabulary is not given."
    )
    return Claim(
        "All of the table's excess, as the cost of sampling alone.", "54 cells", ours, "cannot be compared", why
    )


def steps_follow_length(found: Mapping[int, Brackets], tolerance: float = 0.15) -> Claim:
    """SER depends on N/L: the expected number of errors, -log(1 - SER), is the same for equal N/L."""
    same = True
    ours = []
    for order in ORDERS:
        for length in LENGTHS:
            ser = found[order][length, length].ser
            ours.append(Number(f"{order}-gram, N = L = {length}", ser))
        for ratio in (1, 2):
            sers = [found[order][length, ratio * length].ser for length in LENGTHS]
            same &= max(each.low for each in sers) <= (1 + tolerance) * min(each.high for each in sers)
    kappa = mt.exact.kappa(mt.as_language(LANGUAGES[2]))
    ours.append(Number("2-gram, κ", kappa))
    limit = -math.expm1(-kappa.value)
    why = (
        "along N = L and N = 2L it stays the same, within its intervals, as 1 − exp(−κL/N) says; for the 2-gram "
        f"that is {limit:.3f} at N = L."
    )
    return Claim(
        "SER, unlike TER, needs steps in proportion to the length.",
        "figures at L = 512 only, no numbers that we had",
        ours,
        "agrees" if same else "fails",
        why if same else "SER at N = L changes with the length.",
    )


def generation_time() -> Claim:
    """Times of 512 steps against the number of steps that reveal anything."""
    at = TIME_LENGTHS.index(2048)
    scale = MDM_SECONDS[at] / working_steps(2048, 512)
    ours = [
        Number(f"L = {length}", Estimate.exact(working_steps(length, 512)), unit="calls") for length in TIME_LENGTHS
    ]
    off = [scale * working_steps(length, 512) / s - 1 for length, s in zip(TIME_LENGTHS, MDM_SECONDS, strict=True)]
    near = max(abs(each) for each in off[:5])
    why = (
        "hardware and batch are not given. But the expected number of steps that reveal anything, N(1 − (1 − "
        f"1/N)^L), times one duration (taken at L = 2048) meets the published seconds within {100 * near:.0f} % up "
        f"to L = 4096, and at 8192 they are {1 / (1 + off[5]):.1f} times as long: idle steps seem to have been "
        "skipped, and the network's own cost to show only at the end."
    )
    return Claim(
        "512 steps take nearly the same time at every length, autoregression time in proportion to it.",
        "MDM " + ", ".join(f"{s:g}" for s in MDM_SECONDS) + " s at L = 256 … 8192",
        ours,
        "cannot be compared",
        why,
    )


def ter_table(found: Mapping[int, Brackets], cells: Sequence[Cell]) -> Table:
    """All 54 cells."""
    rows = []
    for each in cells:
        bracket = found[each.order][each.length, each.steps]
        vocabulary = each.smallest_vocabulary
        rows.append(
            [
                str(each.order),
                str(each.length),
                str(each.steps),
                f"{each.percent:.2f} ± {HALF_STEP:g} %",
                shown(bracket.low, percent=True),
                "" if bracket.true is None else shown(bracket.true, percent=True),
                shown(bracket.high, percent=True),
                shown(bracket.ser),
                each.standing(*bracket.ends),
                "any" if vocabulary <= 2 else f"≥ {vocabulary:,.0f}",
            ]
        )
    note = (
        "TER(p)/TER(q) − 1. *At least*: exp(−log(1 − SER)/L) − 1 at the lower end of SER's interval. *Itself*: of "
        "the mixture, where the recursion for bigrams gives it within a minute. *At most*: the average over plans. "
        "*Published is*: against our bracket, intervals and rounding included. *V*: the fewest tokens with which "
        "sampling alone could cost what is published, in any language."
    )
    heads = ("n", "L:", "N:", "published:", "at least:", "itself:", "at most:", "SER:", "published is", "V:")
    return Table("TER, cell by cell", heads, rows, note)


def others_table(elsewhere: Elsewhere) -> Table:
    """The upper bound on other languages of the same entropies."""
    rows = [
        [str(order), f"`{spec}`", *(shown(found[steps], percent=True) for steps in STEPS)]
        for order, specs in elsewhere.items()
        for spec, found in specs.items()
    ]
    note = (
        f"TER(p)/TER(q) − 1 at L = {OTHERS_LENGTH}, the average over plans: more tokens at the same entropy cost more."
    )
    return Table(
        "Other languages of the same entropy", ("n", "language", *(f"N = {each}:" for each in STEPS)), rows, note
    )


def time_table() -> Table:
    """The generation times beside the calls that they could have paid for."""
    rows = [
        [
            str(length),
            f"{mdm:g} s",
            f"{ar:g} s",
            f"{working_steps(length, 512):.1f} (exact)",
            f"{mdm / working_steps(length, 512) * 1000:.1f} ms",
        ]
        for length, mdm, ar in zip(TIME_LENGTHS, MDM_SECONDS, AR_SECONDS, strict=True)
    ]
    heads = (
        "L:",
        "published, MDM with 512 steps:",
        "published, AR:",
        "steps that reveal anything:",
        "published time by these:",
    )
    return Table("Generation time", heads, rows)
