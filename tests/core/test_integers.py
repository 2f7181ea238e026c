from __future__ import annotations

import numpy as np
import pytest

from mdmtheory.core.integers import whole_number

OTHERS = [True, np.True_, 1.0, np.float64(2), "0", None, [1], np.array([1, 2]), np.array([[1.0]]), 1j]


@pytest.mark.parametrize("kind", [int, np.int8, np.int64, np.uint64, np.array])
def test_integers_of_any_type_are_integers(kind):
    found = whole_number(kind(7), "steps", 1)
    assert type(found) is int
    assert found == 7


@pytest.mark.parametrize("value", OTHERS, ids=repr)
def test_everything_else_is_refused(value):
    with pytest.raises(ValueError, match="steps is .*; pass a whole number 1 or more"):
        whole_number(value, "steps", 1)


@pytest.mark.parametrize(("value", "bounds"), [(0, (1, None)), (5, (None, 4)), (9, (1, 8))])
def test_the_range_is_named(value, bounds):
    with pytest.raises(ValueError, match=rf"steps is {value}; pass"):
        whole_number(value, "steps", *bounds)
