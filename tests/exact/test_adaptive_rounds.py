"""Rules that look and may err: the search, against rules listed one by one and against closed programs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from mdmtheory import Balanced, EqualPairs, Parity, Permutation
from mdmtheory.exact.adaptive_rounds import AllRules, MeanRounds, adaptive_rounds, mean_rounds
from mdmtheory.exact.enumeration import joint
from mdmtheory.exact.rounds_of_bits import (
    balanced_depth,
    balanced_rules,
    many_block_rules,
    one_block_rules,
    one_hot_depth,
    opening_cost,
)
from mdmtheory.exact.rounds_of_walks import WalkSpans
from mdmtheory.exact.serial_depth import serial_depth
from mdmtheory.languages.one_hot import one_hot
from mdmtheory.languages.walk import walk
from mdmtheory.theory.instances import bigram3, hmm2x3

NATS = (0.0, 0.05, 0.3, 1.0)


def of_all_rules(q, shown):
    """Mean rounds and nats of every deterministic rule, `shown` being the tokens by position: for tiny languages."""
    masked = [place for place in range(q.ndim) if place not in shown]
    if not masked:
        return {(0.0, 0.0)}
    here = q[tuple(shown.get(place, slice(None)) for place in range(q.ndim))]
    here = here / here.sum()
    found = set()
    for size in range(1, len(masked) + 1):
        for together in itertools.combinations(range(len(masked)), size):
            law = here.sum(axis=tuple(k for k in range(len(masked)) if k not in together))
            alone = [law.sum(axis=tuple(j for j in range(size) if j != k)) for k in range(size)]
            cost = sum(entropy(each) for each in alone) - entropy(law)
            outcomes = [tokens for tokens in np.ndindex(*law.shape) if law[tokens] > 0]
            after = [
                of_all_rules(q, {**shown, **{masked[k]: t for k, t in zip(together, tokens, strict=True)}})
                for tokens in outcomes
            ]
            for chosen in itertools.product(*after):
                weights = [law[tokens] for tokens in outcomes]
                rounds = 1 + sum(w * each[0] for w, each in zip(weights, chosen, strict=True))
                nats = cost + sum(w * each[1] for w, each in zip(weights, chosen, strict=True))
                found.add((round(rounds, 12), round(nats, 12)))
    return found


def entropy(law):
    law = law[law > 0]
    return float(-(law * np.log(law)).sum())


@pytest.mark.parametrize(
    ("language", "length"), [(bigram3(), 2), (Balanced(), 3), (Parity(), 3), (walk(vocab_size=4), 2)]
)
@pytest.mark.parametrize("nats", [0.0, 0.1, 0.4])
def test_the_hull_is_that_of_all_rules(language, length, nats):
    points = of_all_rules(joint(language, length), {})
    # The lower hull at `nats`: the least over all pairs of rules, one at least within the error.
    hull = min(
        one[0] if one[1] <= nats else other[0] + (one[0] - other[0]) * (nats - other[1]) / (one[1] - other[1])
        for one in points
        for other in points
        if other[1] <= nats + 1e-9 and (one[1] <= nats or one[1] > other[1])
    )
    found = adaptive_rounds(language, length, nats)
    assert found.least == pytest.approx(hull, abs=1e-9)
    assert any(abs(each[0] - found.reached) < 1e-9 and each[1] <= nats + 1e-9 for each in points)


@pytest.mark.parametrize(
    ("language", "length"),
    [
        (bigram3(), 4),
        (hmm2x3(), 3),
        (Parity(), 5),
        (EqualPairs(vocab_size=2), 4),
        (Permutation(items=4), 4),
        (walk(vocab_size=6), 5),
    ],
    ids=str,
)
def test_without_an_error_it_is_the_serial_depth(language, length):
    depth = serial_depth(language, length).value
    found = adaptive_rounds(language, length)
    assert found.least == found.reached == pytest.approx(depth, abs=1e-12)


def test_a_rule_drawn_by_chance_is_on_the_line_between_two():
    """Two equal bits: one round costs log 2, two cost nothing."""
    pair = EqualPairs(vocab_size=2)
    found = adaptive_rounds(pair, 2, 0.25 * math.log(2))
    assert found.least == pytest.approx(1.75, abs=1e-12)
    assert found.reached == 2.0
    assert adaptive_rounds(pair, 2, math.log(2) + 1e-12) == MeanRounds(1.0, 1.0)


@pytest.mark.parametrize("length", range(1, 6))
def test_balanced_bits(length):
    ones = length // 2
    rules = balanced_rules(ones, length - ones)
    search = AllRules(Balanced(), length)
    for nats in NATS:
        assert mean_rounds(rules, nats).least == pytest.approx(mean_rounds(search.best, nats).least, abs=1e-9)
    assert rules(math.inf)[0] == pytest.approx(balanced_depth(ones, length - ones), abs=1e-12)


@pytest.mark.parametrize(("block", "blocks"), [(2, 1), (2, 2), (3, 1), (2, 3), (5, 1)])
def test_one_hot_blocks(block, blocks):
    search = AllRules(one_hot(block=block), block * blocks)
    rules = many_block_rules(block, blocks)
    for nats in NATS:
        least = mean_rounds(rules, nats).least
        assert least == pytest.approx(mean_rounds(search.best, nats).least, abs=1e-9)
        alone = mean_rounds(one_block_rules(block), nats / blocks).least
        assert alone == pytest.approx(least, abs=1e-9) if blocks == 1 else alone <= least + 1e-9
    assert rules(math.inf)[0] == pytest.approx(one_hot_depth(block, blocks), abs=1e-12)


def test_what_opening_bits_of_a_block_costs():
    law = np.array([[0.5, 0.25], [0.25, 0.0]])
    assert opening_cost(4, 2) == pytest.approx(2 * entropy(law.sum(axis=0)) - entropy(law), abs=1e-12)
    assert opening_cost(4, 1) == 0.0


@pytest.mark.parametrize("length", range(1, 6))
def test_spans_of_walks_are_a_bound_from_below(length):
    spans, search = WalkSpans(length), AllRules(walk(vocab_size=8), length)
    for nats in NATS:
        assert 1 <= mean_rounds(spans.best, nats).least <= mean_rounds(search.best, nats).least + 1e-9


@pytest.mark.parametrize("price", [0.0, 0.3, 3.0, math.inf])
def test_spans_of_walks_by_enumeration(price):
    """Rounds by the share of hidden positions, with the search over all sets in place of a path through each span."""
    length = 4
    values = {2**length - 1: np.zeros(2**length)}
    for shown, reveals in reversed([*enumerate(AllRules(walk(vocab_size=5), length).reveals)]):
        ways = []
        for each in reveals:
            paid = np.where(each.cost > 1e-12, math.inf, 0.0) if price == math.inf else price * each.cost
            ways.append(paid + each.mean(values[each.after]))
        values[shown] = (length - shown.bit_count()) / length + np.min(ways, axis=0)
    rounds, nats = WalkSpans(length).best(price)
    assert rounds + (0 if price == math.inf else price * nats) == pytest.approx(float(values[0][0]), abs=1e-12)


def test_what_is_too_large_is_refused_in_one_line():
    with pytest.raises(ValueError, match="sequences in contexts of 16 positions"):
        adaptive_rounds("parity", 16)
    for nats in (-0.1, math.nan):
        with pytest.raises(ValueError, match=f"nats is {nats}; pass 0"):
            adaptive_rounds("parity", 3, nats)
    with pytest.raises(ValueError, match="length is 65; pass 1 to 64"):
        WalkSpans(65)
