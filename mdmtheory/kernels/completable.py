"""Tokens that are drawn together, each by its own law, given that a sequence of the language can still be made of them.

An automaton reads a sequence: sets of its states are 64-bit words. `successors` and `predecessors` (S, W) hold the
states that come after and before each, `emitters` (V + 1, W) those that emit each token (the mask: all of them), `ends`
(W,) those in which a sequence may end. `seen` (rows, T) are the tokens in the order in which they are read,
`ahead` (rows, T, W) the states in which the automaton may be before it reads each of them, given those read before,
and `behind` (rows, T, W) the states from which the rest can be read. No probability is in any of these.
"""

from __future__ import annotations

import math

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT, LEAST_TOTAL

FINE, OUTGROWN, FAINT, IMPOSSIBLE = 0, 1, 2, 3
"""What became of a row: all is well, more sets of states than are allowed, numbers too small, or nothing possible."""

_BYTE, _EIGHT, _ONE, _ZERO = np.uint64(255), np.uint64(8), np.uint64(1), np.uint64(0)
_MULTIPLIER, _FOLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


@part
def move(members, table, out):
    """`out` becomes the union of the rows of `table` that belong to the members of a set."""
    for w in range(len(out)):
        out[w] = _ZERO
    for w in range(len(members)):
        bits = members[w]
        s = w * 64
        while bits != _ZERO:
            if bits & _BYTE == _ZERO:
                bits >>= _EIGHT
                s += 8
                continue
            if bits & _ONE:
                for x in range(len(out)):
                    out[x] |= table[s, x]
            bits >>= _ONE
            s += 1


@part
def renew_ahead(successors, emitters, seen, ahead, t, alive, image):
    """Carry what is seen at time t forwards, until a set comes out as it was."""
    words = len(image)
    for u in range(t, len(seen) - 1):
        for w in range(words):
            alive[w] = ahead[u, w] & emitters[seen[u], w]
        move(alive, successors, image)
        same = True
        for w in range(words):
            same = same and ahead[u + 1, w] == image[w]
            ahead[u + 1, w] = image[w]
        if same:
            return


@part
def renew_behind(predecessors, emitters, ends, seen, behind, t, image):
    """Carry what is seen at time t backwards, until a set comes out as it was."""
    words = len(image)
    for u in range(t, -1, -1):
        if u == len(seen) - 1:
            for w in range(words):
                image[w] = ends[w]
        else:
            move(behind[u + 1], predecessors, image)
        same = True
        for w in range(words):
            found = image[w] & emitters[seen[u], w]
            same = same and behind[u, w] == found
            behind[u, w] = found
        if same:
            return


@kernel
def open_sets(start, successors, predecessors, emitters, ends, seen, ahead, behind):
    """Fill `ahead` and `behind`, which are zeros, for rows of what is `seen`."""
    words, last = len(start), seen.shape[1] - 1
    alive, image = np.empty(words, dtype=np.uint64), np.empty(words, dtype=np.uint64)
    for row in range(len(seen)):
        for w in range(words):
            ahead[row, 0, w] = start[w]
        for t in range(last):
            for w in range(words):
                alive[w] = ahead[row, t, w] & emitters[seen[row, t], w]
            move(alive, successors, image)
            for w in range(words):
                ahead[row, t + 1, w] = image[w]
        for t in range(last, -1, -1):
            if t == last:
                for w in range(words):
                    image[w] = ends[w]
            else:
                move(behind[row, t + 1], predecessors, image)
            for w in range(words):
                behind[row, t, w] = image[w] & emitters[seen[row, t], w]


@part
def place(image, sets, size, table, stamps, stamp, most):
    """Where a set of states stands among the first `size` of `sets`, behind which it is put if it is new; -1: no room.

    `table` and `stamps` are a hash table of a power of two places, in which a place is taken if it has this stamp.
    """
    words = len(image)
    key = _ZERO
    for w in range(words):
        key = (key ^ image[w]) * _MULTIPLIER
        key ^= key >> _FOLD
    at = np.int64(key & np.uint64(len(table) - 1))
    while stamps[at] == stamp:
        n = table[at]
        same = True
        for w in range(words):
            same = same and sets[n, w] == image[w]
        if same:
            return n
        at = (at + 1) & (len(table) - 1)
    if size == most:
        return np.int64(-1)
    stamps[at] = stamp
    table[at] = size
    for w in range(words):
        sets[size, w] = image[w]
    return np.int64(size)


@part
def meets(ahead, behind, out):
    """`out` becomes what two sets have in common; whether that is anything."""
    anything = _ZERO
    for w in range(len(out)):
        out[w] = ahead[w] & behind[w]
        anything |= out[w]
    return anything != _ZERO


@part
def is_meeting(members, ahead, behind):
    """Whether a set is all that two others have in common."""
    same = True
    for w in range(len(members)):
        same = same and members[w] == ahead[w] & behind[w]
    return same


@part
def look_back(edges, edges_from, nodes_from, entry_of, layers, laws, best, survive):
    """Fill `survive` from the last layer of sets to the first: what is left of the mass of each by all that follows.

    Up to a factor for each layer, in which the largest is 1; with `best` of the most probable tokens alone.
    """
    vocab_size = laws.shape[1]
    for node in range(nodes_from[layers], nodes_from[layers + 1]):
        survive[node] = 1.0
    for layer in range(layers - 1, -1, -1):
        here_from, next_from, entry = nodes_from[layer], nodes_from[layer + 1], entry_of[layer]
        width = 1 if entry < 0 else vocab_size
        largest = 0.0
        for n in range(next_from - here_from):
            total = 0.0
            for v in range(width):
                target = edges[edges_from[layer] + n * width + v]
                if target >= 0:
                    mass = survive[next_from + target] * (1.0 if entry < 0 else laws[entry, v])
                    total = max(total, mass) if best else total + mass
            survive[here_from + n] = total
            largest = max(largest, total)
        if largest > 0.0:
            for node in range(here_from, next_from):
                survive[node] /= largest


@part
def all_is_there(reached, survive, nodes_from, layers):
    """Whether in every layer so much is left of the mass that reached it that what was too small for float64 is none.

    Each layer's `reached` sums to 1, and its `survive` has 1 for its largest.
    """
    for layer in range(layers + 1):
        total = 0.0
        for node in range(nodes_from[layer], nodes_from[layer + 1]):
            total += reached[node] * survive[node]
        if total < LEAST_TOTAL:
            return False
    return True


@kernel
def complete(
    successors,
    predecessors,
    emitters,
    ends,
    ahead,
    behind,
    seen,
    rows,
    first,
    times,
    laws,
    uniforms,
    best,
    most,
    tokens,
    log_kept,
    trouble,
    widest,
):
    """Draw, or score, the tokens that one step sets in some rows, given that they can be completed; and write them.

    Entries first[k]..first[k+1]-1 are of row rows[k], at rising `times` (n,), with `laws` (n, V) of any positive sum.
    Tokens are drawn from the product of these laws on what can be completed, one uniform each; without `uniforms`
    (none of them) they are given in `tokens`, and with `best` the most probable ones that can be completed are taken,
    of equal ones the first. log_kept[e] is the log of 1 - d_e, where d_e is what dies at entry e of the product's mass
    that is left there, entries before it taken together with what is seen: d_e is a sum of positive terms, and
    where it is small the logarithm is log1p(-d_e), so that no digit of it is lost. The sum over a row is log Z.

    Weighted sets of states are carried from left to right through the sequence, each cut to `behind`, so that mass dies
    where a token is set and nowhere else; equal sets are one. Between tokens that do not know of one another only one
    set is left, all that can be there, and what lies between is skipped. `most` sets at a time are allowed, and
    `widest` (rows,) says how many there were. Cost: sets x V x (positions between the first and last that are bound).
    """
    words, vocab_size, last = len(ends), laws.shape[1], seen.shape[1] - 1
    drawing = len(uniforms) > 0
    now, then = np.empty((most, words), dtype=np.uint64), np.empty((most, words), dtype=np.uint64)
    weights, sums = np.empty(most), np.empty(most)
    places = 16
    while places < 2 * most:
        places *= 2
    table, stamps, stamp = np.empty(places, dtype=np.int64), np.zeros(places, dtype=np.int64), 0
    alive, image = np.empty(words, dtype=np.uint64), np.empty(words, dtype=np.uint64)
    edges, reached, survive = np.empty(1 << 12, dtype=np.int32), np.empty(1 << 10), np.empty(1 << 10)
    edges_from, nodes_from = np.empty(last + 3, dtype=np.int64), np.empty(last + 3, dtype=np.int64)
    entry_of = np.empty(last + 3, dtype=np.int64)
    for k in range(len(rows)):
        row, stop = rows[k], first[k + 1]
        entry, t = first[k], times[first[k]]
        trouble[k], widest[k] = FINE, 1
        if not meets(ahead[row, t], behind[row, t], image):
            trouble[k] = IMPOSSIBLE
            continue
        for w in range(words):
            now[0, w] = image[w]
        weights[0] = 1.0
        size, layers, edge, node = 1, 0, 0, 0
        lost = False
        while entry < stop and trouble[k] == FINE:
            if size == 1 and t < times[entry] and is_meeting(now[0], ahead[row, t], behind[row, t]):
                t = times[entry]
                meets(ahead[row, t], behind[row, t], image)
                for w in range(words):
                    now[0, w] = image[w]
            here = t == times[entry]
            width = vocab_size if here else 1
            if edge + size * width > len(edges):
                more = np.empty(2 * (edge + size * width), dtype=np.int32)
                for e in range(edge):
                    more[e] = edges[e]
                edges = more
            if node + size > len(reached):
                longer = np.empty(2 * (node + size))
                for n in range(node):
                    longer[n] = reached[n]
                reached = longer
            for n in range(size):
                reached[node + n] = weights[n]
            edges_from[layers], nodes_from[layers], entry_of[layers] = edge, node, entry if here else -1
            stamp += 1
            found, dead, total = 0, 0.0, 0.0
            for n in range(size):
                for v in range(width):
                    share = laws[entry, v] if here else 1.0
                    target = -1
                    if share > 0.0:
                        mass = weights[n] * share
                        lost = lost or mass < LEAST_PRODUCT
                        token = v if here else seen[row, t]
                        for w in range(words):
                            alive[w] = now[n, w] & emitters[token, w]
                        if t == last:
                            possible = meets(alive, ends, image)
                        else:
                            move(alive, successors, image)
                            possible = meets(image, behind[row, t + 1], image)
                        if possible:
                            if entry == stop - 1 and here:  # what comes to be of it no longer matters
                                target = 0
                            else:
                                target = place(image, then, found, table, stamps, stamp, most)
                                if target < 0:
                                    trouble[k] = OUTGROWN
                                    break
                            if target == found:
                                found += 1
                                sums[target] = 0.0
                            sums[target] += mass
                            total += mass
                        else:
                            dead += mass
                    edges[edge + n * width + v] = target
                if trouble[k] != FINE:
                    break
            if trouble[k] != FINE:
                break
            if total == 0.0:
                trouble[k] = IMPOSSIBLE
                break
            if here:
                share = dead / (total + dead)
                log_kept[entry] = math.log1p(-share) if share < 0.5 else math.log(total / (total + dead))
                entry += 1
            for n in range(found):
                sums[n] /= total
            edge, node, layers, t = edge + size * width, node + size, layers + 1, t + 1
            now, then = then, now
            weights, sums = sums, weights
            size = found
            widest[k] = max(widest[k], size)
        if trouble[k] != FINE:
            continue
        # Behind the last entry one set stands for all that is possible.
        nodes_from[layers], nodes_from[layers + 1] = node, node + 1
        if node + 1 > len(survive):
            survive = np.empty(2 * (node + 1))
        if node + 1 > len(reached):
            longer = np.empty(node + 1)
            for n in range(node):
                longer[n] = reached[n]
            reached = longer
        reached[node] = 1.0
        if lost:
            look_back(edges, edges_from, nodes_from, entry_of, layers, laws, False, survive)
            if not all_is_there(reached, survive, nodes_from, layers):
                trouble[k] = FAINT
                continue
        if drawing or best:
            look_back(edges, edges_from, nodes_from, entry_of, layers, laws, best, survive)
            n = 0
            for layer in range(layers):
                entry, next_from = entry_of[layer], nodes_from[layer + 1]
                if entry < 0:
                    n = edges[edges_from[layer] + n]
                    continue
                edge = edges_from[layer] + n * vocab_size
                total, largest, token = 0.0, 0.0, -1
                for v in range(vocab_size):
                    if edges[edge + v] >= 0:
                        mass = survive[next_from + edges[edge + v]] * laws[entry, v]
                        if best:
                            if mass > largest:
                                largest, token = mass, v
                        else:
                            total += mass
                if not best:
                    height, so_far = uniforms[entry] * total, 0.0
                    for v in range(vocab_size):
                        if edges[edge + v] >= 0:
                            mass = survive[next_from + edges[edge + v]] * laws[entry, v]
                            so_far += mass
                            if mass > 0.0:
                                token = v
                                if so_far > height:
                                    break
                if token < 0:
                    trouble[k] = FAINT
                    break
                tokens[entry] = token
                n = edges[edge + token]
            if trouble[k] != FINE:
                continue
        for entry in range(first[k], stop):
            seen[row, times[entry]] = tokens[entry]
        for entry in range(first[k], stop):
            renew_ahead(successors, emitters, seen[row], ahead[row], times[entry], alive, image)
        for entry in range(stop - 1, first[k] - 1, -1):
            renew_behind(predecessors, emitters, ends, seen[row], behind[row], times[entry], image)
