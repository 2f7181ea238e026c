"""Rules that look, on languages of bits where a context is a few numbers: balanced strings, and one-hot blocks.

`adaptive_rounds.mean_rounds` makes of these what an error is worth in rounds.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from functools import cache, partial

import numpy as np
from jaxtyping import Float

from mdmtheory.exact.adaptive_rounds import Point, Rules, weighed
from mdmtheory.languages.laws import row_entropies

Unread = tuple[int, ...]
"""How many positions are unread of each block whose one has not come, the most first."""

Openings = tuple[tuple[int, int, int], ...]
"""What a round opens: (so many blocks, of so many unread positions, so many of them each)."""


def balanced_rules(ones: int, zeros: int) -> Rules:
    """Of a uniform string with so many ones and zeros: a context is how many of each are left."""
    return partial(_balanced, ones, zeros)


def balanced_depth(ones: int, zeros: int) -> float:
    """L + 1 - E[length of the last run] mean rounds: one bit a round until all that are left are equal.

    Two bits that may be unequal are dependent. The last t bits are ones with probability C(L-t, zeros)/C(L, zeros), and
    over all t these sum to ones/(zeros + 1).

    >>> balanced_depth(2, 2)
    3.6666666666666665
    """
    return ones + zeros + 1 - ones / (zeros + 1) - zeros / (ones + 1)


def _balanced(ones: int, zeros: int, price: float) -> Point:
    """Of s among n bits, r of which are ones, TC = s h(r/n) - log C(n, r) + E log C(n - s, r').

    So `nats` below hold log C(n, r) more than the KL that is still to come, and revealing costs s h(r/n). By
    exchangeability the mean over s bits is that over one, of the mean over the s - 1 that follow: row s of the tables,
    in O(L^2 ones) in all. Column r has r ones left.
    """
    left = np.arange(ones + 1.0)
    rounds, nats = np.zeros((1, ones + 1)), np.zeros((1, ones + 1))
    for n in range(1, ones + zeros + 1):
        share = np.minimum(left / n, 1.0)
        rounds, nats = _after_one_more(rounds, share), _after_one_more(nats, share)
        sizes = np.arange(1, n + 1)[:, None]
        taken, lost = 1 + rounds[1:], sizes * row_entropies(np.stack([share, 1 - share], axis=1)) + nats[1:]
        total = weighed(taken, lost, price, (sizes == 1) | (share == 0) | (share == 1))
        best = total.argmin(axis=0), np.arange(ones + 1)
        rounds[0], nats[0] = taken[best], lost[best]
    log_count = math.lgamma(ones + zeros + 1) - math.lgamma(ones + 1) - math.lgamma(zeros + 1)
    return float(rounds[0, ones]), 0.0 if price == math.inf else max(float(nats[0, ones]) - log_count, 0.0)


def _after_one_more(
    means: Float[np.ndarray, "sizes ones"], share: Float[np.ndarray, "ones"]
) -> Float[np.ndarray, "more ones"]:
    """Means over s bits of what is then to come, row s, from those of one bit fewer in all; row 0 is left open."""
    found = np.empty((len(means) + 1, len(share)))
    found[1:] = (1 - share) * means
    found[1:, 1:] += share[1:] * means[:, :-1]
    return found


def opening_cost(unread: int, size: int) -> float:
    """TC in nats of so many of the unread bits of a block whose one is among them: s f(1/n) - f(s/n).

    f(x) = -(1 - x) log(1 - x): the joint entropy is -(s/n) log(1/n) + f(s/n).
    """
    return size * _rest(1 / unread) - _rest(size / unread)


def _rest(share: float) -> float:
    """-(1 - x) log(1 - x)."""
    return -(1 - share) * math.log1p(-share) if share < 1 else 0.0


def one_hot_depth(block: int, blocks: int) -> float:
    """m - sum_(r=1..m-1) ((r-1)/m)^b mean rounds: one position a round of each block whose one has not come.

    Two positions of such a block are dependent, blocks are independent. A block whose one comes in round u < m needs
    one round more, for its zeros, so that r rounds are enough for it with probability (r-1)/m, where r < m.

    >>> one_hot_depth(2, 1), one_hot_depth(3, 1)
    (2.0, 2.6666666666666665)
    """
    return block - math.fsum(((r - 1) / block) ** blocks for r in range(1, block))


def one_block_rules(block: int) -> Rules:
    """Of one block: a context is how many positions are unread, its one not having come."""
    return partial(_one_block, block)


def _one_block(block: int, price: float) -> Point:
    rounds, nats = np.zeros(block + 1), np.zeros(block + 1)
    for unread in range(1, block + 1):
        sizes = np.arange(1, unread + 1)
        cost = np.array([opening_cost(unread, size) for size in sizes.tolist()])
        # Zeros behind the one take a round more.
        taken = 1 + (1 - sizes / unread) * rounds[unread - sizes] + sizes / unread * (sizes < unread)
        lost = cost + (1 - sizes / unread) * nats[unread - sizes]
        best = weighed(taken, lost, price, sizes == 1).argmin()
        rounds[unread], nats[unread] = taken[best], lost[best]
    return float(rounds[block]), float(nats[block])


def many_block_rules(block: int, blocks: int) -> Rules:
    """Of several blocks: a context is how many positions are unread of each whose one has not come. Exact.

    All sizes are tried in each of C(b+m, m) contexts: for a few small blocks.
    """
    return partial(_many_blocks, block, blocks)


def _many_blocks(block: int, blocks: int, price: float) -> Point:
    @cache
    def best(unread: Unread) -> Point:
        least, chosen = math.inf, (math.inf, math.inf)
        for openings in _openings(unread):
            cost = math.fsum(count * opening_cost(n, size) for count, n, size in openings)
            if price == math.inf and any(min(n, size) > 1 for _, n, size in openings):
                continue
            taken, lost = 1.0, cost
            for chance, after, zeros in _outcomes(openings):
                # The zeros of blocks that are done are opened by whatever round comes next.
                to_come = best(after) if after else (float(zeros), 0.0)
                taken, lost = taken + chance * to_come[0], lost + chance * to_come[1]
            total = taken if price == math.inf else taken + price * lost
            if total < least:
                least, chosen = total, (taken, lost)
        return chosen

    return best((block,) * blocks)


def _openings(unread: Unread) -> Iterator[Openings]:
    """All that a round may open: of blocks with as much unread only how many open how much counts."""
    alike = Counter(unread)
    choices = [itertools.combinations_with_replacement(range(n + 1), count) for n, count in alike.items()]
    for sizes in itertools.product(*choices):
        if any(map(any, sizes)):
            yield tuple(
                (count, n, size)
                for n, chosen in zip(alike, sizes, strict=True)
                for size, count in Counter(chosen).items()
            )


def _outcomes(openings: Openings) -> Iterator[tuple[float, Unread, bool]]:
    """The chance of each number of ones that come, what is then unread, and whether zeros are behind them."""
    for found in itertools.product(*(range(count + 1) for count, _, _ in openings)):
        chance, after, zeros = 1.0, [], False
        for came, (count, n, size) in zip(found, openings, strict=True):
            share = size / n
            chance *= math.comb(count, came) * share**came * (1 - share) ** (count - came)
            after += [n - size] * (count - came)
            zeros = zeros or (came > 0 and size < n)
        if chance > 0:
            yield chance, tuple(sorted(after, reverse=True)), zeros
