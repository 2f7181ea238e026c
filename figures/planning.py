"""Planning distance against sight: who sees h edges draws the way of path left to right, at random, easy first.

Exact: probabilities along the right answer, over all orders. Names are alike: one graph of each distance does.

python figures/planning.py [FILE.png|svg|pdf]      # seconds
"""

import itertools
import sys

import numpy as np

import mdmtheory as mt
from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import handle, say_once
from mdmtheory.plots.series import Scale, Series, draw_all, scale_x

NODES, DISTANCES, SIGHTS = 10, (1, 2, 3, 4), (1, 2, 3, 4)
ORDERS = {"left_to_right": "left to right", "first_hitting": "random order", "confidence": "easy first"}


def chances(distance, edges, nodes=NODES):
    """Of all sets of revealed positions of the right answer, the probability of the right token at each position."""
    task = mt.as_language(f"path:nodes={nodes},distance={distance}")
    [row] = task.sample(1, task.length, 0)
    answered = np.flatnonzero(~task.given)
    sets = np.array(list(itertools.product([False, True], repeat=len(answered))))
    rows = np.repeat(row[None], len(sets), axis=0)
    rows[:, answered] = np.where(sets, row[answered], task.vocab_size)
    laws = mt.Hops(task, edges=edges).conditionals(rows)[:, answered, row[answered]]
    return dict(zip(map(tuple, sets.tolist()), laws, strict=True))


def right(distance, edges, nodes=NODES):
    """P(the right way) in the orders, one token a call; and the calls of easy first, all that is certain in one."""
    law = chances(distance, edges, nodes)
    size = len(next(iter(law)))
    left = np.prod([law[(True,) * k + (False,) * (size - k)][k] for k in range(size)])
    at_random = {(True,) * size: 1.0}
    for shown in sorted(law, key=sum, reverse=True)[1:]:
        after = [(law[shown][k], (*shown[:k], True, *shown[k + 1 :])) for k in range(size) if not shown[k]]
        at_random[shown] = np.mean([chance * at_random[then] for chance, then in after])
    shown, easy, calls = np.zeros(size, dtype=bool), 1.0, 0
    while not shown.all():
        chance = np.where(shown, 0.0, law[tuple(shown.tolist())])
        chosen = chance == chance.max()
        # What is certain comes at once; of what is not, one token.
        chosen &= (chance == 1) | (np.cumsum(chosen) == 1)
        easy, calls, shown = easy * chance[chosen].prod(), calls + 1, shown | chosen
    return (left, at_random[(False,) * size], easy), calls


def main(out: str = "results/planning.pdf") -> None:
    look = looks("sampler", list(ORDERS))
    found = {edges: [right(distance, edges) for distance in DISTANCES] for edges in SIGHTS}
    drawn = {
        edges: [
            Series(label, look[name], np.array(DISTANCES, dtype=float), *[np.array([p[k] for p, _ in each])] * 3)
            for k, (name, label) in enumerate(ORDERS.items())
        ]
        for edges, each in found.items()
    }
    with figure_style():
        picture = Picture(7.0, 2.3)
        cells = picture.grid(1, len(SIGHTS))
        scale = Scale.of([each for some in drawn.values() for each in some], from_zero=True, log=False)
        for axes, (edges, some) in zip(cells, drawn.items(), strict=True):
            scale.on(axes)
            scale_x(axes, list(DISTANCES), log=False, inches=1.3)
            draw_all(axes, some, scale)
            axes.set(xlabel="planning distance", ylabel="P(right way)", title=f"sees {edges} edge{'s'[: edges > 1]}")
        say_once(cells, len(SIGHTS))
        calls = "; ".join(f"{edges}: {', '.join(str(n) for _, n in each)}" for edges, each in found.items())
        notes = [
            f"Exact; path of {NODES} nodes, one token a call. Easy first needs, where all that is certain comes in one "
            f"call, at distance 1 to {DISTANCES[-1]} and sight {calls} calls."
        ]
        picture.explain([handle(look[name], label) for name, label in ORDERS.items()], notes)
    save_figure(picture, out)
    for edges, each in found.items():
        for distance, (chance, calls) in zip(DISTANCES, each, strict=True):
            print(edges, distance, *(f"{value:.4f}" for value in chance), calls)


if __name__ == "__main__":
    main(*sys.argv[1:])
