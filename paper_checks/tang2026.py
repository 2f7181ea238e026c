"""2602.19619, Is Your Diffusion Sampler Actually Correct? (ICML 2026): the exact posterior of a bigram, few steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes

import mdmtheory as mt
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.languages.book import corpus
from mdmtheory.plots import Picture as Drawing
from mdmtheory.plots import figure_style, looks, save_figure
from mdmtheory.plots.picture import bar_handle, handle
from mdmtheory.plots.series import Scale, Series, draw, scale_x
from mdmtheory.plots.style import Look
from mdmtheory.plots.words import X_LABELS
from paper_checks.claims import LEVEL, Claim, Number, PaperCheck, Picture, Table, shown
from paper_checks.pairs import pair_law
from paper_checks.text import SMOOTHING, character_bigram
from paper_checks.transitions import measured_kl, noise_floor, transition_kl

STEPS = (8, 16, 32, 64, 128, 256, 512, 1024)
LENGTH = 256
COUNT = 2000

REACH = 4
"""How far the exact law looks: at 64 steps 2 further tokens change the divergence by 2e-6 of itself."""

FIXED_STEPS = 64
LENGTHS = (64, 128, 256, 512, 1024)

ADAPTIVE = ("draw_confidence", "confidence", "entropy")
ADAPTIVE_STEPS = (8, 32, 128, 256)
ADAPTIVE_COUNT = 64
GREEDY = "draw_confidence:temperature=0"

ONE_AT_A_TIME = ("left_to_right", "first_hitting")
LLADA_GREEDY, LLADA_WARM = 3.0, 1.3

Tokens = Int[np.ndarray, "count length"]


@dataclass(frozen=True)
class Sampled:
    """What a sampler's sequences show: transition KL, and -log q(x) per token, both in nats; sequences and calls."""

    sampler: str
    steps: int | None
    length: int
    kl: Estimate
    nll: Estimate
    calls: float

    @property
    def floor(self) -> float:
        """What as many exact pairs would show."""
        return noise_floor(self.kl.count * (self.length - 1), character_bigram().vocab_size)


def check(folder: Path) -> PaperCheck:
    """Everything; the figure goes into `folder`."""
    exact = {steps: exact_kl(steps) for steps in STEPS}
    ancestral = {steps: sampled("ancestral", steps, LENGTH, COUNT) for steps in STEPS}
    lengths = {n: sampled("ancestral", FIXED_STEPS, n, COUNT * LENGTH // n) for n in LENGTHS}
    others = [sampled(each, None, LENGTH, COUNT) for each in (*ONE_AT_A_TIME, "bisection")]
    adaptive = [sampled(each, steps, LENGTH, ADAPTIVE_COUNT) for each in ADAPTIVE for steps in ADAPTIVE_STEPS]
    # At temperature 0 ties alone are left to chance.
    adaptive += [sampled(GREEDY, steps, LENGTH, ADAPTIVE_COUNT) for steps in ADAPTIVE_STEPS]
    truth = reference(LENGTH, COUNT)
    save_figure(figure(exact, ancestral, lengths, adaptive, truth), folder / "tang2026.png")
    everything = [*ancestral.values(), *lengths.values(), *others, *adaptive]
    return PaperCheck(
        "2602.19619",
        "Is Your Diffusion Sampler Actually Correct?",
        [
            few_steps_are_wrong(exact, ancestral, truth),
            random_order_needs_no_length(exact, lengths, others),
            confident_order_needs_the_length(ancestral, adaptive),
            better_nll_says_nothing(ancestral, adaptive, truth),
            llada(adaptive),
        ],
        _SETTINGS,
        [sampled_table(exact, everything, truth)],
        [
            Picture(
                "tang2026.png",
                f"Left: transition KL against steps at L = {LENGTH}; the line is exact, marks are sampled and "
                f"include the noise of their size, which is dotted. Right: the same number of steps, {FIXED_STEPS}, "
                f"at lengths from {LENGTHS[0]} to {LENGTHS[-1]}.",
            )
        ],
    )


_SETTINGS = (
    f"A character bigram (space, a to z) of {len(corpus()):,} characters of public-domain text in "
    f"`mdmtheory/languages/texts`, {SMOOTHING:g} added to every count, so that no pair is impossible and every "
    "divergence finite; the paper's are text8 (V = 27) and BPE (V = 4096).",
    "Transition KL is Σ_y p(y) KL(p(z|y) ‖ q(z|y)) in nats, generated against true, over adjacent tokens: "
    "the paper's exact definition and unit are not known to us.",
    f"Length {LENGTH}; {COUNT:,} sequences of samplers that do not look, {ADAPTIVE_COUNT} of those that do.",
    "`draw_confidence` stands for LLaDA's rule (keep the drawn tokens of highest probability), `ancestral` for "
    "SEDD's and MDLM's masked sampling; ReMDM's is not here.",
    "Rules that look break ties by a random order of the positions, drawn once a sequence: far from all that is known, "
    "the positions of a bigram are alike.",
)


def exact_kl(steps: int, reach: int = REACH) -> float:
    """The transition KL of ancestral sampling inside a long sequence, linear schedule: no sampling, no length."""
    language = character_bigram()
    law = pair_law(language.conditional, language.initial, np.arange(steps + 1) / steps, reach)
    return transition_kl(law, language.conditional)


def sampled(sampler: str, steps: int | None, length: int, count: int) -> Sampled:
    """Draw and measure."""
    language = character_bigram()
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=steps)
    samples = model.sample(count, length, seed=0)
    own = steps if model.sampler.uses_steps else None
    return Sampled(sampler, own, length, *_measures(samples.tokens), float(samples.calls.mean()))


def reference(length: int, count: int) -> Sampled:
    """Sequences of the language itself: the noise floor."""
    tokens = character_bigram().sample(count, length, seed=0)
    return Sampled("the language itself", None, length, *_measures(tokens), 0.0)


def _measures(tokens: Tokens) -> tuple[Estimate, Estimate]:
    """Transition KL and NLL."""
    language = character_bigram()
    nats = -language.log_prob(tokens) / tokens.shape[1]
    mean, low, high = mean_interval(Moments.of(nats), LEVEL)
    return measured_kl(tokens, language.conditional), Estimate(mean, low, high, LEVEL, "estimate", len(nats))


def few_steps_are_wrong(exact: Mapping[int, float], ancestral: Mapping[int, Sampled], truth: Sampled) -> Claim:
    """The oracle's own error at few steps, against the floor."""
    wrong = exact[8] > 0 and ancestral[8].kl.low > truth.kl.high
    ours = [Number(f"N = {steps}", Estimate.exact(exact[steps]), unit="nats") for steps in (8, 64, 1024)]
    ours += [Number("N = 8, sampled", ancestral[8].kl, unit="nats")]
    ours += [Number("as many sequences of the language itself", truth.kl, unit="nats")]
    return Claim(
        "Samplers with few steps are wrong even with the exact posterior in the denoiser's place.",
        "8 to 1024 steps; no numbers that we had",
        ours,
        "agrees" if wrong else "fails",
        "exactly computed, the transition KL is above 0 for every finite number of steps, and at 8 steps far above "
        "the noise floor.",
    )


def random_order_needs_no_length(
    exact: Mapping[int, float], lengths: Mapping[int, Sampled], others: Sequence[Sampled]
) -> Claim:
    """In random order the mismatch depends on N alone; in another order there is none."""
    sizes = [each.kl for each in lengths.values()]
    alone = max(each.low for each in sizes) <= min(each.high for each in sizes)
    bisection = next(each for each in others if each.sampler == "bisection")
    ours = [
        Number(f"N = {FIXED_STEPS}, any long L", Estimate.exact(exact[FIXED_STEPS]), unit="nats"),
        *(
            Number(f"N = {FIXED_STEPS}, L = {n}, sampled", lengths[n].kl, unit="nats")
            for n in (LENGTHS[0], LENGTHS[-1])
        ),
        Number(f"bisection, {bisection.calls:.0f} calls, L = {LENGTH}, sampled", bisection.kl, unit="nats"),
    ]
    slope = np.log(exact[256] / exact[1024]) / np.log(4)
    why = (
        "the law of adjacent tokens has no length in it: the mismatch is a matter of N alone and falls as "
        f"N^−{slope:.1f} (exact, from 256 to 1024 steps). At N = {FIXED_STEPS} samples of equal size agree at all "
        f"lengths from {LENGTHS[0]} to {LENGTHS[-1]}; where a sample stops showing it depends on the sample's size. "
        "Bisection, exact on a bigram, is at the noise floor after a few calls. What does need N in proportion to "
        "L is the whole sequence (SER)."
    )
    return Claim(
        "Transition mismatch vanishes only as steps approach the length: samplers in random order (SEDD, MDLM).",
        _VANISHES,
        ours,
        "fails" if alone else "agrees",
        why if alone else "the sampled mismatch at one N differs between lengths beyond its intervals.",
    )


def confident_order_needs_the_length(ancestral: Mapping[int, Sampled], adaptive: Sequence[Sampled]) -> Claim:
    """Of rules that follow confidence it is true, and too little: where they look at draws it never vanishes."""
    half, whole = LENGTH // 2, LENGTH
    rules = ("confidence", "entropy")
    found = {(each.sampler, each.steps): each for each in adaptive}
    ours = [
        Number(f"{name.replace('_', ' ')}, N = {steps}, L = {LENGTH}", found[name, steps].kl, unit="nats")
        for name in (*rules, "draw_confidence")
        for steps in (half, whole)
    ]
    floor = found["confidence", whole].floor
    late = all(
        found[name, half].kl.low > found[name, whole].kl.high and found[name, whole].kl.low < 1.5 * floor
        for name in rules
    )
    never = found["draw_confidence", whole].kl.low > 10 * floor
    why = (
        "with two tokens a call these rules are still above the noise, and by more than all that ancestral sampling "
        f"shows with as many calls ({shown(ancestral[half].kl)} nats); with one a call they are exact and show the "
        f"noise of {ADAPTIVE_COUNT} sequences, {floor:.2g} nats."
    )
    if never:
        why += " Ranking drawn tokens, as LLaDA does, stays wrong even then: it is biased at one token a call."
    return Claim(
        "Transition mismatch vanishes only as steps approach the length: samplers that follow confidence.",
        _VANISHES,
        ours,
        "agrees" if late else "fails",
        why if late else "the mismatch of the rules that do not look at draws is not as described.",
    )


_VANISHES = "said so; no numbers that we had"


def better_nll_says_nothing(ancestral: Mapping[int, Sampled], adaptive: Sequence[Sampled], truth: Sampled) -> Claim:
    """A sampler whose sequences are more probable than the language's own and whose transitions are worst."""
    drawn = next(each for each in adaptive if each.sampler == "draw_confidence" and each.steps == LENGTH)
    few = ancestral[8]
    shown_by = drawn.nll.high < truth.nll.low < few.nll.low and drawn.kl.low > few.kl.high
    ours = [
        number
        for name, each in (
            (f"drawn confidence, N = {LENGTH}", drawn),
            ("ancestral, N = 8", few),
            ("the language itself", truth),
        )
        for number in (Number(f"{name}: NLL", each.nll, unit="nats"), Number("transition KL", each.kl, unit="nats"))
    ]
    return Claim(
        "A better NLL does not imply correct sampling.",
        "said so of NLL, generative perplexity and MAUVE",
        ours,
        "agrees" if shown_by else "fails",
        "sequences of drawn confidence are more probable under the language than its own (NLL per token below the "
        f"entropy rate, {shown(Estimate.exact(float(_rate())))} nats) and their transitions are far worse than "
        "those of 8 random-order steps. MAUVE was not measured.",
    )


def _rate() -> float:
    rate = character_bigram().entropy_rate()
    assert rate is not None
    return rate.value


def llada(adaptive: Sequence[Sampled]) -> Claim:
    """The two published values of transition KL."""
    warm = [each for each in adaptive if each.sampler == "draw_confidence"]
    greedy = [each for each in adaptive if each.sampler == GREEDY]
    same_order = min(each.kl.value for each in greedy) > max(each.kl.high for each in warm)
    ours = [
        Number(f"temperature {temperature}, N = {each.steps}", each.kl, unit="nats")
        for temperature, family in ((0, greedy), (1, warm))
        for each in family
        if each.steps in (ADAPTIVE_STEPS[0], ADAPTIVE_STEPS[-1])
    ]
    order = (
        "lie in the same order, temperature 0 above 1" if same_order else "do not all lie in the order of the paper's"
    )
    return Claim(
        "LLaDA's transition KL is about 3.0 at temperature 0 and about 1.3 at 1.",
        f"{LLADA_GREEDY:g} and {LLADA_WARM:g}; language, length and steps of these two not given to us",
        ours,
        "cannot be compared",
        f"another corpus, length and smoothing. Ours {order}; both are far above anything that random order does.",
    )


def sampled_table(exact: Mapping[int, float], everything: Sequence[Sampled], truth: Sampled) -> Table:
    """Everything that was sampled, with the floor of its size."""
    rows = []
    for each in (*everything, truth):
        known = exact.get(each.steps) if each.sampler == "ancestral" and each.steps else None
        rows.append(
            [
                f"`{each.sampler}`" if each is not truth else each.sampler,
                "" if each.steps is None else str(each.steps),
                str(each.length),
                f"{each.kl.count:,}",
                f"{each.calls:.1f}" if each is not truth else "",
                "" if known is None else shown(Estimate.exact(known)),
                shown(each.kl),
                f"{each.floor:.2g}",
                shown(each.nll),
            ]
        )
    note = (
        "Nats. *Exact*: inside a long sequence. *Sampled*: of the counted pairs, noise included, with the "
        "jackknife's interval. *Floor*: what as many exact pairs show on average, V(V − 1)/2 over their number, to "
        f"first order. *NLL*: −log q(x) per token of generated sequences; the entropy rate is {_rate():.4g} (exact)."
    )
    heads = ("sampler", "N:", "L:", "sequences:", "calls:", "exact:", "sampled:", "floor:", "NLL:")
    return Table("Transition KL", heads, rows, note)


def figure(
    exact: Mapping[int, float],
    ancestral: Mapping[int, Sampled],
    lengths: Mapping[int, Sampled],
    adaptive: Sequence[Sampled],
    truth: Sampled,
) -> Drawing:
    """Transition KL against steps, and against length at a fixed number of steps."""
    families: dict[str, list[Sampled]] = {"ancestral": list(ancestral.values())}
    for name in ("draw_confidence", GREEDY, "confidence", "entropy"):
        families[name] = [each for each in adaptive if each.sampler == name]
    style = looks("sampler", list(families))
    own = style["ancestral"]
    floor = adaptive[0].floor
    joined = [
        _series(_NAMES.get(name, name), style[name] if name != "ancestral" else replace(own, dashes="none"), points)
        for name, family in families.items()
        for points in [[(each.steps, each.kl) for each in family]]
    ]
    by_length = _series("", replace(own, dashes="none"), [(n, each.kl) for n, each in lengths.items()])
    with figure_style():
        drawing = Drawing(7.0, 3.6)
        left, right = drawing.grid(1, 2, width_ratios=(1.7, 1))
        Scale.of(joined, from_zero=True, log=True, levels=[LLADA_GREEDY, LLADA_WARM, truth.kl.value]).on(left)
        left.set_ylim(0.5 * min(truth.kl.value, floor), 1.5 * max(LLADA_GREEDY, *(each.high.max() for each in joined)))
        scale_x(left, STEPS, log=True, inches=3.6)
        left.plot(STEPS, [exact[n] for n in STEPS], color=own.colour, zorder=1)
        for each in joined:
            draw(left, each, Scale("log", *left.get_ylim()))
        for value, text in ((LLADA_GREEDY, "LLaDA, temperature 0"), (LLADA_WARM, "LLaDA, temperature 1")):
            left.axhline(value, color="0.4", linewidth=0.8, linestyle=(0, (6, 2)))
            _say(left, f"published, {text}", (STEPS[-1], value), 2, "right")
        for value, count in ((truth.kl.value, COUNT), (floor, ADAPTIVE_COUNT)):
            left.axhline(value, color="0.3", linestyle=(0, (1, 1.5)), linewidth=1.0)
            side = "left" if count == COUNT else "right"
            _say(left, f"noise floor of {count:,} sequences", (STEPS[0 if side == "left" else -1], value), -9, side)
        levels = {exact[FIXED_STEPS]: "exact", exact[FIXED_STEPS] + truth.kl.value: "exact + noise floor"}
        below = Scale("linear", 0.0, 1.6 * max(levels), probability=True)
        below.on(right)
        scale_x(right, LENGTHS, log=True, inches=1.7)
        draw(right, by_length, below)
        for (value, text), dashes, up in zip(levels.items(), ("-", (0, (4, 2))), (-9, -24), strict=True):
            right.axhline(value, color=own.colour, linestyle=dashes, linewidth=1.0)
            _say(right, text, (LENGTHS[-1], value), up, "right")
        left.set(title=f"$L$ = {LENGTH}", xlabel=X_LABELS["steps"], ylabel="transition KL (nats)")
        right.set(title=f"ancestral, $N$ = {FIXED_STEPS}", xlabel=X_LABELS["length"])
        entries = [handle(own, "ancestral, exact", mark=False), *(handle(each.look, each.label) for each in joined)]
        drawing.explain([*entries, bar_handle([])], [])
    return drawing


_NAMES = {
    "ancestral": "ancestral, sampled",
    "draw_confidence": "drawn confidence",
    GREEDY: "drawn confidence, temperature 0",
}


def _say(axes: Axes, text: str, place: tuple[float, float], up: float, side: str) -> None:
    axes.annotate(text, place, (0, up), textcoords="offset points", ha=side, fontsize=7, color="0.3")


def _series(label: str, look: Look, points: Sequence[tuple[Any, Estimate]]) -> Series:
    at = np.array([place for place, _ in points], dtype=float)
    ends = (np.array([getattr(each, end) for _, each in points]) for end in ("value", "low", "high"))
    return Series(label, look, at, *ends)
