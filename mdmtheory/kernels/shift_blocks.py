"""Steps of an n-gram over masked tokens: a block of laws for each `newer`, and messages that are scaled.

Where a vocabulary is whole eights, eight tokens or eight contexts stand side by side in a register, and a block is read
where it lies; sums are in the order of the plain loops, so numbers are the same. See kernels/shift.py.
"""

from __future__ import annotations

from mdmtheory.kernels.compiling import part
from mdmtheory.kernels.rows import add_eight_rows, add_scaled, dot, in_pairs, total_of
from mdmtheory.kernels.state_steps import lowest
from mdmtheory.kernels.vectors import WIDTH, farther, lesser_positive, load, numbers, spread, store, turned


@part
def push_blocks(shift, source, start, stop, first, last, new):
    """new = what moves to each token from contexts of the newer tokens from `start` to `stop`; returns the sum of it.

    `first` and `last` say what the oldest token may be: a single one, or any.
    """
    vocab_size = shift.laws.shape[1]
    if vocab_size % WIDTH == 0:
        return _push_octets(shift, source, start, stop, first, last, new)
    _push_rows(shift, source, start, stop, first, last, new)
    return total_of(new[start * vocab_size : stop * vocab_size])


@part
def _push_octets(shift, source, start, stop, first, last, new):
    """As `push_blocks`, eight tokens at a time."""
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    total = spread(0.0)
    for newer in range(start, stop):
        laws = shift.blocks[newer]
        for v in range(0, vocab_size, 8):
            if last == first + 1:
                moved = spread(source[first * keep + newer]) * load(laws[first], v)
            else:
                moved = _weighed_rows(source, newer, keep, laws, v)
            total = total + moved
            store(new, newer * vocab_size + v, moved)
    return in_pairs(numbers(total))


@part
def _push_rows(shift, source, start, stop, first, last, new):
    """The plain loops of `push_blocks`, for any vocabulary."""
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    for newer in range(start, stop):
        out, laws = new[newer * vocab_size : (newer + 1) * vocab_size], shift.blocks[newer]
        for v in range(vocab_size):
            out[v] = 0.0
        o, c = first, first * keep + newer
        while o + 8 <= last:
            a, b, d, e = source[c], source[c + keep], source[c + 2 * keep], source[c + 3 * keep]
            c += 4 * keep
            f, g, h, k = source[c], source[c + keep], source[c + 2 * keep], source[c + 3 * keep]
            add_eight_rows(a, b, d, e, f, g, h, k, laws, o, 0, out)
            c += 4 * keep
            o += 8
        while o < last:
            add_scaled(out, source[c], laws[o])
            c += keep
            o += 1


@part
def pull_blocks(shift, source, start, stop, first, last, new, spare):
    """new = the likelihood of contexts of the newer tokens from `start` to `stop`, which begin and end whole runs."""
    if shift.laws.shape[1] % WIDTH == 0 and stop > start + 1:
        _pull_octets(shift, source, start, stop, first, last, new)
    else:
        _pull_rows(shift, source, start, stop, first, last, new, spare)


@part
def _pull_octets(shift, source, start, stop, first, last, new):
    """As `pull_blocks`, eight contexts at a time."""
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    for newer in range(start, stop, 8):
        if last == first + 1:
            store(new, first * keep + newer, in_pairs(_of_eight(_products, shift.blocks, newer, source, first)))
            continue
        for o in range(0, vocab_size, 8):
            found = _of_eight(_likelihoods, shift.turned, newer, source, o)
            for k in range(8):
                store(new, (o + k) * keep + newer, found[k])


@part
def _pull_rows(shift, source, start, stop, first, last, new, spare):
    """The plain loops of `pull_blocks`."""
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    found = spare[:vocab_size]
    for newer in range(start, stop):
        after = source[newer * vocab_size : (newer + 1) * vocab_size]
        if last == first + 1:
            new[first * keep + newer] = dot(shift.blocks[newer, first], after)
            continue
        laws = shift.turned[newer]
        for o in range(vocab_size):
            found[o] = 0.0
        v = 0
        while v + 8 <= vocab_size:
            p = after[v : v + 8]
            add_eight_rows(p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], laws, v, 0, found)
            v += 8
        while v < vocab_size:
            add_scaled(found, after[v], laws[v])
            v += 1
        for o in range(vocab_size):
            new[o * keep + newer] = found[o]


@part
def scale_run(new, start, stop, factor, old, out, faint):
    """out = factor * new from `start` to `stop`; whether that differs from `old` anywhere by more than 1e-15 of it.

    And whether any of it is faint: positive and below `faint`. `old` and `out` may be one array.
    """
    whole = stop - (stop - start) % 8
    scale, share, least = spread(factor), spread(1e-15), spread(faint)
    changed = False
    for k in range(start, whole, 8):
        scaled = scale * load(new, k)
        if not changed:
            changed = farther(scaled, load(old, k), share)
        least = lesser_positive(least, scaled)
        store(out, k, scaled)
    fainter = lowest(least) < faint
    for k in range(whole, stop):
        scaled_one = factor * new[k]
        changed |= abs(scaled_one - old[k]) > 1e-15 * old[k]
        fainter |= (scaled_one > 0.0) & (scaled_one < faint)
        out[k] = scaled_one
    return changed, fainter


@part
def _weighed_rows(weights, at, stride, matrix, column):
    """Eight columns of the sum of all rows, weighed by numbers that stand `stride` apart, as `add_eight_rows` adds."""
    total = spread(0.0)
    for s in range(0, len(matrix), 8):
        k = at + s * stride
        a, b = spread(weights[k]), spread(weights[k + stride])
        c, d = spread(weights[k + 2 * stride]), spread(weights[k + 3 * stride])
        total = total + (
            (a * load(matrix[s], column) + b * load(matrix[s + 1], column))
            + (c * load(matrix[s + 2], column) + d * load(matrix[s + 3], column))
        )
        k += 4 * stride
        a, b = spread(weights[k]), spread(weights[k + stride])
        c, d = spread(weights[k + 2 * stride]), spread(weights[k + 3 * stride])
        total = total + (
            (a * load(matrix[s + 4], column) + b * load(matrix[s + 5], column))
            + (c * load(matrix[s + 6], column) + d * load(matrix[s + 7], column))
        )
    return total


@part
def _of_eight(row, laws, newer, source, place):
    """What `row` makes of eight newer tokens, one after the other, turned."""
    return turned(
        row(laws[newer], newer, source, place),
        row(laws[newer + 1], newer + 1, source, place),
        row(laws[newer + 2], newer + 2, source, place),
        row(laws[newer + 3], newer + 3, source, place),
        row(laws[newer + 4], newer + 4, source, place),
        row(laws[newer + 5], newer + 5, source, place),
        row(laws[newer + 6], newer + 6, source, place),
        row(laws[newer + 7], newer + 7, source, place),
    )


@part
def _likelihoods(laws, newer, source, oldest):
    """Of eight oldest tokens; `laws` are those of next and oldest token."""
    return _weighed_rows(source, newer * len(laws), 1, laws, oldest)


@part
def _products(laws, newer, source, oldest):
    """The terms of the likelihood for one oldest token, in eight partial sums as `dot` has them."""
    total = spread(0.0)
    for v in range(0, len(laws), 8):
        total = total + load(laws[oldest], v) * load(source, newer * len(laws) + v)
    return total
