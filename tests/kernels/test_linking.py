"""Parts are put together into kernels without being compiled on the way."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.caching import NullCache

from mdmtheory.kernels.compiling import kernel, part, scratch_maker, subroutine


def uncached(function):
    """A kernel whose machine code is not kept."""
    compiled = kernel(function)
    compiled._cache = NullCache()
    return compiled


@part
def add_into(total, values, start):
    for k in range(start, len(values)):
        total[0] += values[k]


@subroutine
def add_twice(total, values, start):
    add_into(total, values, start)
    add_into(total, values, start)


@scratch_maker
def zeros(count):
    made = np.empty(count)
    for k in range(count):
        made[k] = 0.0
    return made


def sum_of_all(values):
    total, start = zeros(1), 0
    while start < len(values):
        add_twice(total, values, start)
        add_twice(total, values, 0)
        start = len(values)
    return total[0]


def test_a_kernel_runs_what_its_parts_say():
    assert uncached(sum_of_all)(np.arange(5.0)) == 40.0


def test_a_part_is_compiled_once_for_numbers_and_constants_alike():
    uncached(sum_of_all)(np.arange(5.0))
    assert len(add_twice.overloads) == len(add_into.overloads) == 1


def test_no_part_becomes_machine_code_of_its_own():
    total = uncached(sum_of_all)
    total(np.arange(5.0))
    for each in (add_into, add_twice, zeros):
        (compiled,) = each.overloads.values()
        with pytest.raises(RuntimeError, match="no compiled object"):
            compiled.library._get_compiled_object()
    (compiled,) = total.overloads.values()
    assert compiled.library._get_compiled_object()


def test_only_subroutines_are_called_and_parts_are_gone():
    total = uncached(sum_of_all)
    total(np.arange(5.0))
    (compiled,) = total.overloads.values()
    names = [each.name for each in compiled.library.get_defined_functions()]
    assert not any("add_into" in name for name in names)
