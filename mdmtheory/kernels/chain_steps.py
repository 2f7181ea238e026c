"""Messages of a chain between revealed places: hops over a distance, and taking in a token where they arrive.

A message is that of some states, start..stop-1, in an array of whole eights of all states, aligned; eights are worked
on whole. Sums are those of kernels/chain.py, in the same order.
"""

from __future__ import annotations

from mdmtheory.kernels.compiling import part, subroutine
from mdmtheory.kernels.doubt import LEAST_TOTAL
from mdmtheory.kernels.rows import in_pairs
from mdmtheory.kernels.state_steps import in_two_eights, move_some
from mdmtheory.kernels.vectors import farther, load, numbers, spread, store


@part
def copy_into(source, out, start, stop):
    """out[start:stop] = source[start:stop], and the rest of the eights that these lie in."""
    for s in range(start - start % 8, stop, 8):
        store(out, s, load(source, s))


@part
def fill(out, value, start, stop):
    """out[start:stop] = value, and the rest of the eights that these lie in."""
    values = spread(value)
    for s in range(start - start % 8, stop, 8):
        store(out, s, values)


@part
def hop(message, first, last, distance, powers, giants, spare, out, start, stop):
    """out[start:stop] = message[first:last] times the matrix to the power `distance`.

    powers[k] is its power k + 1; giants[k] its power small * (k + 1), small = len(powers), for distances beyond.
    """
    if distance <= len(powers):
        # By far the most hops.
        move_some_there(message, powers[distance - 1], first, last, out, start, stop)
    else:
        _hop_far(message, first, last, distance, powers, giants, spare, out, start, stop)


@subroutine
def move_some_there(message, matrix, first, last, out, start, stop):
    """`move_some`, called where it stands."""
    move_some(message, matrix, first, last, out, start, stop)


@subroutine
def _hop_far(message, first, last, distance, powers, giants, spare, out, start, stop):
    far = distance // len(powers)
    near = distance - far * len(powers)
    if near == 0:
        move_some_there(message, giants[far - 1], first, last, out, start, stop)
    else:
        size = powers.shape[1]
        move_some_there(message, giants[far - 1], first, last, spare, 0, size)
        move_some_there(spare, powers[near - 1], 0, size, out, start, stop)


@part
def hop_forward(message, first, last, distance, chain, spare, out, start, stop):
    """Predict out[start:stop] at `distance` from a forward message (sum 1) on states first..last-1."""
    if distance >= chain.settled:
        copy_into(chain.limit, out, start, stop)
    else:
        hop(message, first, last, distance, chain.powers, chain.giants, spare, out, start, stop)


@part
def hop_backward(message, first, last, distance, chain, spare, out, start, stop):
    """The likelihood out[start:stop] at `distance` before a backward message on states first..last-1."""
    if distance >= chain.settled:
        total = 0.0
        for s in range(first, last):
            total += message[s] * chain.limit[s]
        fill(out, total, start, stop)
    else:
        hop(message, first, last, distance, chain.back_powers, chain.back_giants, spare, out, start, stop)


@part
def condition(message, evidence, start, stop):
    """Multiply message[start:stop] by the evidence and scale it to sum 1; returns the sum it had.

    The rest of the eights that these lie in becomes 0, as the evidence is there.
    """
    first = start - start % 8
    for s in range(first, stop, 8):
        store(message, s, load(message, s) * load(evidence, s))
    total = _total(message, start, stop)
    if total > 0.0:
        scale = spread(1.0 / total)
        for s in range(first, stop, 8):
            store(message, s, load(message, s) * scale)
    return total


@part
def _total(message, start, stop):
    """The sum of message[start:stop], in eight partial sums that begin with its first eight."""
    a = b = c = d = e = f = g = h = 0.0
    whole = stop - (stop - start) % 8
    if start % 8 == 0:
        sums = spread(0.0)
        for s in range(start, whole, 8):
            sums = sums + load(message, s)
        a, b, c, d, e, f, g, h = numbers(sums)
    else:
        # Eights across two lines would wait until both are written.
        for s in range(start, whole, 8):
            a += message[s]
            b += message[s + 1]
            c += message[s + 2]
            d += message[s + 3]
            e += message[s + 4]
            f += message[s + 5]
            g += message[s + 6]
            h += message[s + 7]
    for s in range(whole, stop):
        a += message[s]
    return in_pairs((a, b, c, d, e, f, g, h))


@part
def meet(ahead, behind, start, stop, unsure):
    """Messages from both sides meet; unsure[0] becomes True where what one of them lost may be all that matters.

    Their sum of products is what the revealed tokens have together, in the scale of the two messages. One of them has
    taken in its token: it is 0 from `stop` to a whole eight.
    """
    sums = spread(0.0)
    for s in range(start - start % 8, stop, 8):
        sums = sums + load(ahead, s) * load(behind, s)
    doubt_little(in_pairs(numbers(sums)), unsure)


@part
def narrow(chain, distance, low, high):
    """Whether `renew_narrow` serves: the states lie in two eights, and there is a table for the distance."""
    span = high - low + low % 8
    return 8 < span <= 16 and distance <= len(chain.powers) and distance < chain.settled


@part
def renew_narrow(message, first, last, matrix, evidence, other, kept, new, start, stop, unsure):
    """`hop`, `meet` with the `other` side, `condition`, and put into `kept` unless it is as it was, all at once.

    Of states that lie in two eights, which stay in registers: as long as one step alone takes otherwise. Returns the
    sum that `condition` does, and whether the message changed.
    """
    j = start - start % 8
    a, b = in_two_eights(message, matrix, first, last, j)
    doubt_little(in_pairs(numbers(a * load(other, j) + b * load(other, j + 8))), unsure)
    a, b = a * load(evidence, j), b * load(evidence, j + 8)
    store(new, 0, a)
    store(new, 8, b)
    total = _total(new, start - j, stop - j)
    doubt_little(total, unsure)
    scale, share = spread(1.0 / total if total > 0.0 else 1.0), spread(1e-15)
    a, b = a * scale, b * scale
    changed = farther(a, load(kept, j), share) or farther(b, load(kept, j + 8), share)
    if changed:
        store(kept, j, a)
        store(kept, j + 8, b)
    return total, changed


@part
def doubt_little(total, unsure):
    """unsure[0] becomes True where the sum is so small that what was lost may be all that matters."""
    if total < LEAST_TOTAL:
        unsure[0] = True
