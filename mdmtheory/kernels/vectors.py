"""Eight float64 at a time, side by side in a register: what numba's own vectorising does not find.

A sum that is carried through a loop stays in a register here, where a row of sums would be stored and loaded again in
every turn. Each of the eight is worked out by itself, one operation after the other as it is written, and no two are
joined into one that rounds once: numbers are those of plain loops. Each operation stands here twice, in Python, as it
runs where nothing is compiled, and in LLVM's words, which it turns into what the processor has.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.extending import lower_builtin, models, register_model, type_callable

from mdmtheory.kernels.compiling import scratch_maker

WIDTH = 8
LINE = 64
"""Bytes of a line of the cache: eight float64."""
_VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
_INDICES = ir.VectorType(ir.IntType(32), WIDTH)
_WORDS = ir.VectorType(ir.IntType(64), WIDTH)


@scratch_maker
def aligned_rows(count, width):
    """Zeros (count, width) in memory that begins with a line of the cache, for kernels.

    An eight that lies in two lines is read in twice the time, and read back later when it was just written.
    """
    whole = np.zeros(count * width + WIDTH)
    first = -whole.ctypes.data % LINE // 8
    return whole[first : first + count * width].reshape((count, width))


class _Vector(types.Type):  # type: ignore[misc]  # numba is untyped
    """Eight float64."""

    def __init__(self) -> None:
        super().__init__("float64x8")


_vector = _Vector()


@register_model(_Vector)
class _Model(models.PrimitiveModel):  # type: ignore[misc]  # numba is untyped
    def __init__(self, manager: Any, vector: Any) -> None:
        super().__init__(manager, vector, _VECTOR)


def load(row, first):
    """row[first : first + 8]."""
    return row[first : first + WIDTH].copy()


def load_from(matrix, row, first):
    """matrix[row, first : first + 8]; a row is no slice, which would be asked whether its number is negative."""
    return matrix[row, first : first + WIDTH].copy()


def store(row, first, vector):
    """row[first : first + 8] = vector."""
    row[first : first + WIDTH] = vector


def spread(number):
    """The number eight times."""
    return np.full(WIDTH, number)


def turned(a, b, c, d, e, f, g, h):
    """The eight columns of the matrix whose rows these are."""
    return tuple(np.array([a, b, c, d, e, f, g, h]).T.copy())


def lesser_positive(least, vector):
    """The second of each two where it is above 0 and the smaller, else the first; none is negative."""
    return np.where((vector > 0.0) & (vector < least), vector, least)


def numbers(vector):
    """The eight numbers."""
    return tuple(vector.tolist())


def farther(new, old, share):
    """Whether any of the first differs from its second by more than that share of it."""
    return bool((np.abs(new - old) > share * old).any())


def _compiled(function: Callable[..., Any], *taken: Any, gives: Any = _vector) -> Callable[[Any], None]:
    """Tell numba what of these types a function gives, and what builds that."""

    def typing(context: Any) -> Any:
        @wraps(function)
        def typed(*arguments: Any) -> Any:
            return gives

        return typed

    def given(build: Any) -> None:
        type_callable(function)(typing)
        lower_builtin(function, *taken)(build)

    return given


@_compiled(load, types.Array, types.Integer)
def _load(context, builder, signature, arguments):
    return builder.load(_place(context, builder, signature, arguments), align=8)


@_compiled(load_from, types.Array, types.Integer, types.Integer)
def _load_from(context, builder, signature, arguments):
    return builder.load(_place(context, builder, signature, arguments), align=8)


@_compiled(store, types.Array, types.Integer, _Vector, gives=types.none)
def _store(context, builder, signature, arguments):
    builder.store(arguments[2], _place(context, builder, signature, arguments), align=8)
    return context.get_dummy_value()


@_compiled(spread, types.Float)
def _spread(context, builder, signature, arguments):
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(nothing, arguments[0], ir.Constant(ir.IntType(32), 0))
    return _shuffled(builder, one, one, [0] * WIDTH)


_EVEN, _ODD = (0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15)
_EVEN_PAIRS, _ODD_PAIRS = (0, 1, 4, 5, 8, 9, 12, 13), (2, 3, 6, 7, 10, 11, 14, 15)


@_compiled(turned, *[_Vector] * WIDTH, gives=types.containers.UniTuple(_vector, WIDTH))
def _turned(context, builder, signature, arguments):
    found = list(arguments)
    for masks in ((_EVEN, _ODD), (_EVEN_PAIRS, _ODD_PAIRS), (_EVEN_PAIRS, _ODD_PAIRS)):
        found = [_shuffled(builder, found[k], found[k + 1], mask) for mask in masks for k in range(0, WIDTH, 2)]
    return context.make_tuple(builder, signature.return_type, found)


@_compiled(lesser_positive, _Vector, _Vector)
def _lesser_positive(context, builder, signature, arguments):
    # Floats that are not negative are in the order of their bits, and 0 less 1 is the largest number of all.
    one = ir.Constant(_WORDS, [1] * WIDTH)
    least, other = (builder.sub(builder.bitcast(each, _WORDS), one) for each in arguments)
    lesser = builder.select(builder.icmp_unsigned("<", other, least), other, least)
    return builder.bitcast(builder.add(lesser, one), _VECTOR)


@_compiled(numbers, _Vector, gives=types.containers.UniTuple(types.float64, WIDTH))
def _numbers(context, builder, signature, arguments):
    places = [ir.Constant(ir.IntType(32), k) for k in range(WIDTH)]
    found = [builder.extract_element(arguments[0], place) for place in places]
    return context.make_tuple(builder, signature.return_type, found)


@_compiled(farther, _Vector, _Vector, _Vector, gives=types.boolean)
def _farther(context, builder, signature, arguments):
    new, old, share = arguments
    unsigned = ir.Constant(_WORDS, [2**63 - 1] * WIDTH)
    off = builder.bitcast(builder.and_(builder.bitcast(builder.fsub(new, old), _WORDS), unsigned), _VECTOR)
    flags = builder.bitcast(builder.fcmp_ordered(">", off, builder.fmul(share, old)), ir.IntType(WIDTH))
    return builder.icmp_unsigned("!=", flags, ir.Constant(ir.IntType(WIDTH), 0))


@lower_builtin(operator.add, _Vector, _Vector)
def _add(context, builder, signature, arguments):
    return builder.fadd(*arguments)


@lower_builtin(operator.mul, _Vector, _Vector)
def _mul(context, builder, signature, arguments):
    return builder.fmul(*arguments)


@type_callable(operator.add)
@type_callable(operator.mul)
def _of_two(context):
    return lambda left, right: _vector if left == right == _vector else None


def _shuffled(builder, left, right, mask):
    """Of sixteen numbers those that are named."""
    return builder.shuffle_vector(left, right, ir.Constant(_INDICES, list(mask)))


def _place(context, builder, signature, arguments):
    """Where what begins at the indices is, as that of a vector."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    whole = [
        context.cast(builder, index, kind, types.intp)
        for index, kind in zip(arguments[1:], signature.args[1:], strict=True)
        if isinstance(kind, types.Integer)
    ]
    place = cgutils.get_item_pointer(context, builder, signature.args[0], array, whole, wraparound=False)
    return builder.bitcast(place, _VECTOR.as_pointer())
