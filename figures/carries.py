"""Carries against sight: who sees few columns of addition draws the sum left to right, at random, easy first.

Exact over orders, by all sets of revealed digits of the right sum; means over problems drawn of each carry distance.

python figures/carries.py [FILE.png|svg|pdf]      # half a minute
"""

import itertools
import sys

import numpy as np
from matplotlib.ticker import MultipleLocator
from scipy.special import entr

import mdmtheory as mt
from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import handle, say_once
from mdmtheory.plots.series import Scale, Series, draw_all, scale_x
from mdmtheory.plots.style import shades

DIGITS, SIGHTS, PROBLEMS, TIE = 6, (1, 2, 3), 1000, 1e-12
DISTANCES = tuple(range(1, DIGITS + 1))
ORDERS = {
    "left_to_right": "left to right",
    "first_hitting": "random order",
    "entropy_bound:gamma=0": "certain, and one more",
    "confidence": "easy first",
}
PAIRS = np.stack(np.divmod(np.arange(100), 10), axis=1)


def carry_distance(nines):
    """How many columns to the right must be seen for all carries to be known; nines[c]: column c comes to 9.

    Of two addends a column passes on what is carried into it where it comes to 9, and else says what it carries.
    """
    distance = run = 1
    for column, nine in enumerate(nines):
        # Nothing is carried into the first column, as from a column before it that does not come to 9.
        run = run + 1 if nine and column else 1
        distance = max(distance, run)
    return distance


def problems_at(distance, digits, count, rng):
    """Problems of two addends, uniform among those of a carry distance."""
    every = np.array(list(itertools.product([False, True], repeat=digits)))
    every = every[[carry_distance(nines) == distance for nines in every]]
    weights = 0.1 ** every.sum(axis=1) * 0.9 ** (~every).sum(axis=1)
    nines = every[rng.choice(len(every), count, p=weights / weights.sum()), ::-1]
    comes_to_nine = PAIRS.sum(axis=1) == 9
    those, others = PAIRS[comes_to_nine], PAIRS[~comes_to_nine]
    drawn = np.where(nines[..., None], *(each[rng.integers(len(each), size=nines.shape)] for each in (those, others)))
    return drawn.transpose(0, 2, 1).reshape(count, -1)


def right(observer, problems):
    """P(the right sum) of each problem in the orders and in one call; calls where what is certain comes in each.

    One digit a call from left to right, at random and easy first; certain digits may come together, which changes
    nothing. Ties are broken at random. NaN: what is certain ends before the sum does.
    """
    task = observer.language
    count, places = len(problems), task.places
    answers = np.array([task.answers(problem).tokens[0] for problem in problems])
    sets = np.array(list(itertools.product([False, True], repeat=places)))
    rows = np.repeat(np.hstack([problems, answers]), len(sets), axis=0)
    rows[:, ~task.given] = np.where(np.tile(sets, (count, 1)), rows[:, ~task.given], task.vocab_size)
    laws = observer.conditionals(rows)[:, ~task.given].reshape(count, len(sets), places, -1)
    chance = np.take_along_axis(laws, answers[:, None, :, None], axis=3)[..., 0]
    confidence, entropy = laws.max(axis=3), entr(laws).sum(axis=3)
    bits, each, last = 1 << np.arange(places)[::-1], np.arange(count), len(sets) - 1
    left, at_random, easy, one_more = (np.ones((len(sets), count)) for _ in range(4))
    calls = np.zeros((len(sets), count))
    for shown in range(last - 1, -1, -1):
        hidden = ~sets[shown]
        law, then = chance[:, shown], np.minimum(shown + bits, last)
        first = int(np.argmax(hidden))
        left[shown] = law[:, first] * left[then[first]]
        at_random[shown] = np.mean([law[:, k] * at_random[then[k]] for k in np.flatnonzero(hidden)], axis=0)
        easy[shown] = mean_over_ties(np.where(hidden, confidence[:, shown], -1), law * easy[then].T)
        certain = hidden & (confidence[:, shown] == 1)
        after = shown + certain @ bits
        open_ = hidden & ~certain
        ranked = np.where(open_, -entropy[:, shown], -np.inf)
        following = np.minimum(after[:, None] + bits, last)
        more = mean_over_ties(ranked, law * one_more[following, each[:, None]])
        one_more[shown] = np.where(open_.any(axis=1), more, 1)
        calls[shown] = np.where(certain.any(axis=1), 1 + calls[after, each], np.nan)
    chances = dict(zip(ORDERS, (left[0], at_random[0], one_more[0], easy[0]), strict=True))
    return {**chances, "one call": chance[:, 0].prod(axis=1), "calls": calls[0]}


def mean_over_ties(scores, values):
    """The mean of the values whose scores are highest, of each row."""
    tied = scores >= scores.max(axis=1, keepdims=True) - TIE
    return np.where(tied, values, 0).sum(axis=1) / tied.sum(axis=1)


def mean(values, proven):
    """The mean of probabilities or calls with its interval; of what theory says to be alike everywhere, exact.

    Where too few problems carry it for an interval, its ends are NaN.
    """
    if not proven:
        try:
            return mean_interval(Moments.of(values), 0.95)
        except WithheldError:
            return values.mean(), np.nan, np.nan
    assert np.ptp(values) < TIE
    return (values[0],) * 3


def measured(columns, left=0, problems=PROBLEMS):
    """By carry distance and name of an order, of "one call" and of "calls", the mean over problems with its ends."""
    observer, found = mt.Carry(f"addition:digits={DIGITS},addends=2", columns=columns, left=left), []
    for distance in DISTANCES:
        numbers = right(observer, problems_at(distance, DIGITS, problems, np.random.default_rng(distance)))
        # docs/theory.md, 14: with a column to the right what is certain never ends before the sum does.
        proven = {*numbers} if distance <= columns else {"confidence"} if columns else set()
        found.append(
            {name: mean(values, name in proven) for name, values in numbers.items() if np.isfinite(values).all()}
        )
    return found


def by_longest_carry(columns, count=6 * PROBLEMS, at_once=PROBLEMS):
    """As `measured`, from left to right, of uniform problems by the longest run of columns that carry."""
    observer = mt.Carry(f"addition:digits={DIGITS},addends=2", columns=columns)
    rows = observer.language.sample(count, observer.language.length, seed=0)
    problems = np.split(rows[:, observer.language.given].astype(int), count // at_once)
    chances = np.concatenate([right(observer, each)["left_to_right"] for each in problems])
    strata = np.array(observer.language.strata(rows))
    return {name: mean(chances[strata == name], False) for name in sorted(set(strata))}


def series(label, look, name, found):
    return Series(label, look, np.array(DISTANCES, dtype=float), *np.array([each[name] for each in found]).T)


def main(out: str = "results/carries.pdf", problems: int = PROBLEMS) -> None:
    look, dark = looks("sampler", list(ORDERS)), shades([str(columns) for columns in SIGHTS])
    found = {columns: measured(columns, problems=problems) for columns in SIGHTS}
    seen = {columns: f"sees {columns} column{'s'[: columns > 1]}" for columns in SIGHTS}
    with figure_style():
        picture = Picture(7.0, 2.4)
        cells = picture.grid(1, len(SIGHTS) + 1)
        drawn = {c: [series(ORDERS[n], look[n], n, each) for n in ORDERS] for c, each in found.items()}
        needed = [series(seen[c], dark[str(c)], "calls", each) for c, each in found.items()]
        panels = {
            **{seen[c]: ("P(right sum)", some, list(drawn.values())) for c, some in drawn.items()},
            "certain in each call": ("calls", needed, [needed]),
        }
        for axes, (title, (ylabel, some, alike)) in zip(cells, panels.items(), strict=True):
            scale = Scale.of([each for those in alike for each in those], from_zero=True, log=False)
            scale.on(axes)
            scale_x(axes, list(DISTANCES), log=False, inches=1.3)
            draw_all(axes, some, scale)
            axes.set(xlabel="carry distance", ylabel=ylabel, title=title)
        cells[-1].yaxis.set_major_locator(MultipleLocator(1))
        say_once(cells, len(cells))
        cells[-1].set_ylabel("calls")
        marks = [handle(look[name], label) for name, label in ORDERS.items()]
        marks += [handle(dark[str(columns)], label) for columns, label in seen.items()]
        notes = [
            f"Two numbers of {DIGITS} digits, columns seen to the right of a digit's own; exact over orders, mean over "
            f"{problems:,} problems of each carry distance, drawn uniformly; 95 % intervals are within the marks. "
            "Certain, and one more: in each call all digits that are certain and the most certain other. Easy first is "
            "the same one by one and all that is certain in each call; calls are of the latter.",
        ]
        picture.explain(marks, notes)
    save_figure(picture, out)
    told = {(columns, 0): each for columns, each in found.items()} | {
        (0, 0): measured(0, problems=problems),
        (1, 1): measured(1, 1, problems),
    }
    for (columns, left), each in told.items():
        for distance, numbers in zip(DISTANCES, each, strict=True):
            said = (f"{name} {value:.4f} [{low:.4f}, {high:.4f}]" for name, (value, low, high) in numbers.items())
            print(f"columns={columns},left={left}, distance {distance}:", "; ".join(said))
    for name, (value, low, high) in by_longest_carry(1, 6 * problems, problems).items():
        print(f"columns=1, {name}: left_to_right {value:.4f} [{low:.4f}, {high:.4f}]")


if __name__ == "__main__":
    main(*sys.argv[1:])
