"""Carries against sight: who sees few columns of addition draws the sum left to right, at random, easy first.

Exact over orders, by all sets of revealed digits of the right sum; means over problems drawn of each carry distance.

python figures/carries.py [FILE.png|svg|pdf]      # a minute
"""

import itertools
import sys

import numpy as np
from scipy.special import entr

import mdmtheory as mt
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import bar_handle, handle
from mdmtheory.plots.series import Scale, Series, draw_all, scale_x
from mdmtheory.plots.style import REFERENCE, shades

DIGITS, SIGHTS, PROBLEMS, TIE = 6, (1, 2, 3), 1000, 1e-12
DISTANCES = tuple(range(1, DIGITS + 1))
ORDERS = {
    "left_to_right": "left to right",
    "first_hitting": "random order",
    "entropy_bound:gamma=0": "in each call what is certain, and one digit more",
    "confidence": "easy first, or in each call what is certain",
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
    drawn = np.where(nines[..., None], those[rng.integers(10, size=nines.shape)], others[rng.integers(90, size=nines.shape)])
    return drawn.transpose(0, 2, 1).reshape(count, -1)


def right(observer, problems):
    """P(the right sum) of each problem in the orders, and in one call; calls where all that is certain comes at once.

    One digit a call from left to right, at random and easy first: certain digits do not draw on each other, so that
    the last is also right as often where they come together. Ties are broken at random.
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
        easy[shown] = mean_over_ties(np.where(hidden, confidence[:, shown], -1), (law * easy[then].T))
        certain = hidden & (confidence[:, shown] == 1)
        after = shown + certain @ bits
        open_ = hidden & ~certain
        ranked = np.where(open_, -entropy[:, shown], -np.inf)
        following = np.minimum(after[:, None] + bits, last)
        more = mean_over_ties(ranked, law * one_more[following, each[:, None]])
        one_more[shown] = np.where(open_.any(axis=1), more, 1)
        calls[shown] = np.where(certain.any(axis=1), 1 + calls[after, each], np.nan)
    chances = dict(zip(ORDERS, (left[0], at_random[0], one_more[0], easy[0]), strict=True))
    return chances, chance[:, 0].prod(axis=1), calls[0]


def mean_over_ties(scores, values):
    """The mean of the values whose scores are highest, of each row."""
    tied = scores >= scores.max(axis=1, keepdims=True) - TIE
    return np.where(tied, values, 0).sum(axis=1) / tied.sum(axis=1)


def measured(columns, left=0, digits=DIGITS, count=PROBLEMS):
    """By carry distance, the name of an order, "one call" and "calls": mean, low and high over problems."""
    observer = mt.Carry(f"addition:digits={digits},addends=2", columns=columns, left=left)
    found = []
    for distance in range(1, digits + 1):
        chances, at_once, calls = right(observer, problems_at(distance, digits, count, np.random.default_rng(distance)))
        numbers = {**chances, "one call": at_once, "calls": calls}
        found.append({name: mean_interval(Moments.of(value), 0.95) for name, value in numbers.items()})
    return found


def series(label, look, name, found):
    return Series(label, look, np.array(DISTANCES, dtype=float), *np.array([each[name] for each in found]).T)


def main(out: str = "results/carries.pdf") -> None:
    look, dark = looks("sampler", list(ORDERS)), shades([str(columns) for columns in SIGHTS])
    found = {columns: measured(columns) for columns in SIGHTS}
    seen = {columns: f"sees {columns} column{'s'[: columns > 1]} to the right" for columns in SIGHTS}
    with figure_style():
        picture = Picture(7.0, 2.6)
        *cells, other = picture.grid(1, len(SIGHTS) + 1)
        drawn = {c: [series(ORDERS[n], look[n], n, each) for n in ORDERS] for c, each in found.items()}
        scale = Scale.of([each for some in drawn.values() for each in some], from_zero=True, log=False)
        for axes, (columns, some) in zip(cells, drawn.items(), strict=True):
            scale.on(axes)
            scale_x(axes, list(DISTANCES), log=False, inches=1.3)
            draw_all(axes, some, scale)
            axes.set(xlabel="carry distance", ylabel="P(right sum)", title=seen[columns])
        needed = [series(seen[c], dark[str(c)], "calls", each) for c, each in found.items()]
        scale = Scale.of(needed, from_zero=True, log=False)
        scale.on(other)
        scale_x(other, list(DISTANCES), log=False, inches=1.3)
        draw_all(other, needed, scale)
        other.set(xlabel="carry distance", ylabel="calls", title="what is certain in each call")
        for axes in cells[1:]:
            axes.set_ylabel("")
        marks = [handle(look[name], label) for name, label in ORDERS.items()]
        marks += [handle(dark[str(columns)], label) for columns, label in seen.items()]
        notes = [
            f"Two numbers of {DIGITS} digits; exact over orders, {PROBLEMS:,} problems drawn of each carry distance: how "
            "many columns to the right must be seen to know every carry."
        ]
        picture.explain([*marks, bar_handle([0.95])], notes)
    save_figure(picture, out)
    for (columns, left), each in {**{(c, 0): each for c, each in found.items()}, (0, 0): measured(0), (1, 1): measured(1, 1)}.items():
        for distance, numbers in zip(DISTANCES, each, strict=True):
            said = (f"{name} {value:.4f} [{low:.4f}, {high:.4f}]" for name, (value, low, high) in numbers.items())
            print(f"columns={columns},left={left} distance {distance}:", "; ".join(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
