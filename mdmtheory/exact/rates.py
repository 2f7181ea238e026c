"""Laws per token of bigrams in closed form: the long information curve, the first-order density, kappa."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.protocols import Language
from mdmtheory.core.spec import Spec
from mdmtheory.core.threads import over_rows
from mdmtheory.exact.forgetting import ForgettingChain, forgetting_chain
from mdmtheory.languages.laws import row_entropies
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.schedules import Numbers, Schedule, as_schedule
from mdmtheory.schedules.families import power_of

Points = Float[np.ndarray, "points"]

MOST_COST = 3e10
"""Multiplications beyond which the clashes of a chain are refused: some seconds' work on one core."""

MOST_BYTES = 1 << 28
"""Memory for both sides of every pair; pairs that take more are carried along together."""

AT_ONCE = 256
"""Powers whose clashes at an end of the sequence, and fractions whose densities, are summed side by side."""

NODES = 24
"""Gauss-Legendre nodes on every piece of an integral; pieces halve towards 0, where the densities bend."""


@shows_progress
def limit_curve(language: LanguageLike, revealed: Points, *, progress: bool | None = None) -> Points:
    """g(α) = E[H(X_0 | each other token revealed with probability α)] in nats, for long sequences of a bigram.

    sum_d h1(d) [2α(1-α)^(d-1) - (d-1)α²(1-α)^(d-2)] with h1(d) = H(X_d | X_0), whose weights sum to 1 (docs/theory.md,
    2.8; ours). g(0) = H(X_0), g(1) = 2h1(1) - h1(2), and its integral is the entropy rate h1(1). ValueError for
    languages other than n-grams of order 1 and 2, and for chains that may end in one of several closed classes, that
    are periodic there, or mix very slowly. Tokens that are left for good do not count.
    """
    alpha = _fractions(revealed)
    chain = forgetting_chain(as_language(language))
    alone = row_entropies(chain.law[None])[0]
    hops = np.arange(chain.settled)
    short = np.array([chain.law @ row_entropies(power) for power in chain.powers]) - alone
    out = np.empty(len(alpha))
    for k, a in enumerate(alpha):
        weights = 2 * a * (1 - a) ** hops
        weights[1:] -= hops[1:] * a**2 * (1 - a) ** hops[:-1]
        out[k] = alone + weights @ short
    return out


@shows_progress
def first_order_density(language: LanguageLike, revealed: Points, *, progress: bool | None = None) -> Points:
    """c(α): SER per token of one short step at revealed fraction α, over the square of the step; a bigram's.

    c(α) = sum_d (1-α)^(d-1) E[τ(A, d, B)], A and B geometric with parameter α (docs/theory.md, section 5; ours). A
    schedule of small steps w_k makes SER = 1 - exp(-L sum_k w_k² c(a_k)), so steps ∝ 1/√c are the best ones. ValueError
    as for `limit_curve`, and where the chain mixes so slowly that it would take minutes.
    """
    alpha = _fractions(revealed)
    return _density(_clashes(as_language(language)), alpha)


@shows_progress
def kappa(
    language: LanguageLike, *, schedule: str | Spec | Schedule | Numbers = "linear", progress: bool | None = None
) -> Estimate:
    """κ = lim N(1 - λ(N)) of a bigram, so that SER ≈ 1 - exp(-κL/N) at N steps (docs/theory.md, section 5; ours).

    Exact. For a schedule family a(u) it is the limit of N sum_k w_k² c(a_k), the integral of c(a(u)) a'(u)² over
    u = 0..1: in closed form for linear and polynomial (infinite at powers up to 1/2 unless neighbours are free), by
    quadrature to about 1e-11 for others. For an explicit schedule of N steps, a runs straight between its fractions:
    N sum_k w_k times the integral of c over step k. Tokens that are left for good do not count. ValueError where
    `first_order_density` raises one: no κ exists where a chain has a period, or ends in one of several closed classes.
    """
    chosen = as_schedule(schedule)
    clashes = _clashes(as_language(language))
    steps = chosen.steps
    if steps is not None:
        edges = chosen.revealed_fractions(steps)
        return Estimate.exact(float(steps * np.diff(edges) @ np.diff(_integral_up_to(clashes, edges))))
    power = power_of(chosen)
    if power is not None:
        # a'(u) = power * (1 - a)^(1 - 1/power), which only shifts the exponents of 1 - α in c.
        return Estimate.exact(power * _closed_integral(clashes, 1 - 1 / power))
    assert chosen.curve is not None
    return Estimate.exact(_integral_over_time(clashes, chosen.curve))


@shows_progress
def optimal_kappa(language: LanguageLike, *, progress: bool | None = None) -> Estimate:
    """(∫√c)², the least κ that any schedule reaches: that of steps ∝ 1/√c (docs/theory.md, section 5; ours).

    By quadrature, to about 1e-11; ValueError where `first_order_density` raises one.
    """
    clashes = _clashes(as_language(language))
    halvings = 0.5 ** np.arange(1, 50)
    edges = np.concatenate([[0.0], _bends(clashes), 1 - halvings[1:], [1.0]])
    return Estimate.exact(_quadrature(lambda alpha: np.sqrt(_density(clashes, alpha)), edges) ** 2)


@dataclass(frozen=True, eq=False)
class Clashes:
    """τ(a, d, b) of a chain, summed over all distances d and what else its weights do not tell apart.

    `spans[n - 3]` is the sum over a + d + b = n, and beyond the last grows by sum(far) a position. `edges[k - 2]` is
    the sum over d + b = k of τ(∞, d, b) + τ(b, d, ∞), and beyond the last stays. far[d - 1] is τ(∞, d, ∞).
    """

    spans: Float[np.ndarray, "spans"]
    edges: Float[np.ndarray, "edges"]
    far: Float[np.ndarray, "distances"]

    def of_spans(self, widths: Int[np.ndarray, "some"]) -> Float[np.ndarray, "some"]:
        """The sum over a + d + b = n for each of `widths` n, 3 or more."""
        last = len(self.spans) + 2
        return self.spans[np.minimum(widths, last) - 3] + np.maximum(widths - last, 0) * self.far.sum()

    def of_edges(self, widths: Int[np.ndarray, "some"]) -> Float[np.ndarray, "some"]:
        """The sum over d + b = k for each of `widths` k, 2 or more, with nothing revealed on the pair's other side."""
        return self.edges[np.minimum(widths - 1, len(self.edges)) - 1]


def _clashes(language: Language) -> Clashes:
    chain = forgetting_chain(language)
    return pair_clashes(chain, str(language.spec))


def stationary_clashes(language: Language) -> Clashes | None:
    """τ of a bigram that starts from its stationary law, within 1e-8, and forgets; None for other languages."""
    if not isinstance(language, NGram) or language.order != 2:
        return None
    if np.abs(language.initial @ language.conditional - language.initial).max() > 1e-8:
        return None
    try:
        return _clashes(language)
    except ValueError:
        return None


@lru_cache(maxsize=8)
def pair_clashes(chain: ForgettingChain, name: str) -> Clashes:
    """The clashes of a chain that forgets in M tokens, O(M V^4); ValueError with the cost if it takes minutes."""
    size, distances = len(chain.law), len(chain.forbidden)
    pairs = sum(int(each.sum()) for each in chain.forbidden)
    # From there on a or b is so large that the chain has forgotten, whatever the other.
    widths = 2 * chain.settled + distances
    carried = float(widths) * size**2 * (2 * size**2 + pairs)
    paired = float(widths) * size**2 * chain.settled * pairs
    few = paired < carried and 16 * widths * size * pairs < MOST_BYTES
    if min(carried, paired if few else carried) > MOST_COST:
        raise ValueError(
            f"the chain of {name} forgets in {chain.settled:,} tokens and forbids pairs at {distances} distance(s), "
            f"which takes {carried:.1e} operations, and at most {MOST_COST:.0e} are allowed; pass a bigram that mixes "
            "faster or has fewer tokens"
        )
    spans = _spans_of_few(chain, widths) if few else _spans_by_carrying(chain, widths)
    far = np.array([chain.law @ each @ chain.law for each in chain.forbidden])
    return Clashes(spans, _edge_clashes(chain), far)


def _spans_by_carrying(chain: ForgettingChain, widths: int) -> Float[np.ndarray, "spans"]:
    """`Clashes.spans`, all pairs carried along together; O(V^2 (V^2 + pairs)) a width."""
    from mdmtheory.kernels.clashes import span_clashes

    pairs = np.array([(d, y, z) for d, each in enumerate(chain.forbidden, 1) for y, z in np.argwhere(each)], np.int64)
    turned = np.ascontiguousarray(chain.powers[0].T)
    by_start = np.empty((len(chain.law), widths))
    over_rows(lambda a, b: span_clashes(chain.powers, turned, pairs, a, by_start[a:b]), len(by_start))
    return chain.law @ by_start


def _spans_of_few(chain: ForgettingChain, widths: int) -> Float[np.ndarray, "spans"]:
    """`Clashes.spans`, both ends of every pair multiplied: cheaper for few pairs; O(M V^2 pairs) a width."""
    spans = np.zeros(max(1, widths))
    for distance, forbidden in enumerate(chain.forbidden, start=1):
        y, z = np.nonzero(forbidden)
        near, far = (chain.power(np.arange(1, widths + 2 - distance) + more) for more in (0, distance))
        before, after = near[:, :, y] * far[:, :, z], far[:, y] * near[:, z]
        for m in range(1, len(near) + 1):
            joint = np.tensordot(before[:m], after[m - 1 :: -1], axes=((0, 2), (0, 1)))
            ends = chain.power(np.array(m + distance + 1))
            spans[m + distance - 2] += chain.law @ np.divide(joint, ends, out=joint, where=joint > 0).sum(axis=1)
    return spans


def _edge_clashes(chain: ForgettingChain) -> Float[np.ndarray, "widths"]:
    """`Clashes.edges`, O(M V^3) a distance."""
    law, powers, settled = chain.law, chain.powers, chain.settled
    edges = np.zeros(max(1, len(chain.forbidden) + settled - 1))
    for distance, pairs in enumerate(chain.forbidden, start=1):
        forbidden = pairs.astype(np.float64)
        beside = np.empty(settled)
        for first in range(0, settled, AT_ONCE):
            near = powers[first : first + AT_ONCE]
            far = chain.power(np.arange(first, first + len(near)) + 1 + distance)
            right = (law[:, None] * far * (forbidden @ (law[:, None] * near))).sum(axis=1) / law
            left = law @ (near @ forbidden * far).sum(axis=2).T
            beside[first : first + len(near)] = right.sum(axis=1) + left
        edges[distance - 1 :] += beside[np.minimum(np.arange(len(edges) - distance + 1), settled - 1)]
    return edges


def _fractions(revealed: Points) -> Points:
    alpha = np.asarray(revealed, dtype=np.float64)
    bad = np.flatnonzero(~((alpha >= 0) & (alpha <= 1)))
    if len(bad):
        raise ValueError(f"revealed[{bad[0]}] is {alpha[bad[0]]}; pass fractions from 0 to 1")
    return alpha


def _density(clashes: Clashes, alpha: Points) -> Points:
    """α² sum_n (1-α)^(n-3) T(n), T(n) being `Clashes.spans`, which ends in a straight line."""
    spans = clashes.spans[:-1]
    # A power for every place in a block and for every block: one for every width would be most of the work.
    width = math.isqrt(len(spans)) + 1
    blocks = np.zeros((-(-len(spans) // width), width))
    blocks.ravel()[: len(spans)] = spans
    out = np.empty(len(alpha))
    for first in range(0, len(alpha), AT_ONCE):
        here = alpha[first : first + AT_ONCE]
        rest = 1 - here[:, None]
        near = (rest ** np.arange(width) @ blocks.T * rest ** (width * np.arange(len(blocks)))).sum(axis=1)
        beyond = here * clashes.spans[-1] + (1 - here) * clashes.far.sum()
        out[first : first + AT_ONCE] = here**2 * near + rest[:, 0] ** len(spans) * beyond
    return out


def _closed_integral(clashes: Clashes, shift: float) -> float:
    """The integral of c(α) (1-α)^shift over 0..1: T(n) is weighted by a Beta function, and its tail telescopes."""
    spans = clashes.spans
    n = np.arange(3, len(spans) + 3) + shift
    if (spans[n <= 2] > 0).any():
        return math.inf
    n[n <= 2] = math.inf
    near = float((2 / (n * (n - 1) * (n - 2)) * spans)[:-1].sum())
    return near + float(spans[-1] / ((n[-1] - 1) * (n[-1] - 2)) + clashes.far.sum() / (n[-1] - 1))


def _bends(clashes: Clashes) -> Points:
    """Halvings of 1/2 down to where even the longest distances of c see nothing but 0."""
    return 0.5 ** np.arange(math.ceil(math.log2(len(clashes.spans))) + 1, 0, -1)


def _integral_up_to(clashes: Clashes, ends: Points) -> Points:
    """The integral of c from 0 to each of the rising `ends`, by the polynomial through the nodes of every piece."""
    edges = np.concatenate([[0.0], _bends(clashes), [1.0]])
    points, _ = _nodes(edges)
    values = _density(clashes, points.ravel()).reshape(points.shape)
    out, before = np.zeros(len(ends)), 0.0
    for low, high, point, value in zip(edges[:-1], edges[1:], points, values, strict=True):
        fitted = np.polynomial.Legendre.fit(point, value, NODES - 1, domain=[low, high]).integ(lbnd=low)
        here = (ends > low) & (ends <= high)
        out[here] = before + fitted(ends[here])
        before += fitted(high)
    return out


def _integral_over_time(clashes: Clashes, curve: Callable[[Points], Points]) -> float:
    """The integral of c(a(u)) a'(u)^2 over u = 0..1; a' is that of the polynomial through a at the nodes."""
    halvings = [0.5]
    while curve(np.array(halvings[-1:]))[0] > _bends(clashes)[0] and len(halvings) < 60:
        halvings.append(halvings[-1] / 2)
    edges = np.array([0.0, *halvings[::-1], 0.75, 1.0])
    times, weights = _nodes(edges)
    fractions = curve(times.ravel()).reshape(times.shape)
    speeds = np.array(
        [
            np.polynomial.Legendre.fit(time, fraction, NODES - 1).deriv()(time)
            for time, fraction in zip(times, fractions, strict=True)
        ]
    )
    density = _density(clashes, np.clip(fractions, 0, 1).ravel()).reshape(times.shape)
    return float((weights * density * speeds**2).sum())


def _nodes(edges: Points) -> tuple[Float[np.ndarray, "pieces nodes"], Float[np.ndarray, "pieces nodes"]]:
    """Gauss-Legendre nodes and weights on every piece between two edges."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges)[:, None] / 2
    return edges[:-1, None] + half * (1 + nodes), half * weights


def _quadrature(function: Callable[[Points], Points], edges: Points) -> float:
    times, weights = _nodes(edges)
    return float((weights.ravel() * function(times.ravel())).sum())
