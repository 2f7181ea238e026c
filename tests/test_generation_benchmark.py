"""benchmarks/generation.py: which batch is saturating, and what its tables say of times that are known."""

import pytest
import torch

from benchmarks.generation import Generation, Place, csv, measured, network, saturating, steps, stored, tables
from benchmarks.timing import Measured, Ratio
from mdmtheory.networks.cache import Cache


@pytest.mark.parametrize(("overhead", "most", "batch"), [(0.0, 64, 1), (1.0, 1 << 10, 8), (100.0, 16, 16)])
def test_a_batch_saturates_where_twice_as_many_gain_less_than_a_tenth(overhead, most, batch):
    assert saturating(lambda size: overhead + size, most) == batch


def test_tables_have_autoregression_in_masked_calls_and_the_papers_times_in_the_same_unit():
    ratio = Ratio(Measured("masked call", 4, 1, [2.0, 2.0, 4.0]), Measured("ar", 8, 1, [20.0, 10.0, 80.0]))
    line = Generation.of("nano", 256, "saturating", ratio)
    assert csv([line]).splitlines()[1] == "nano,256,saturating,8,4,20,2,10,5,20,3"
    assert stored(csv([line])) == [line]
    said = tables([line])
    assert "| 256 | 20 | 2 | 10 (5, 20) | 8 and 4 |" in said
    # 512 steps reveal something 201.6 times on 256 tokens: 20.2 times the time of autoregression.
    assert "| 256 | 2 | 0.9 | 90.7 | 2.22 |  | 20.2 |" in said


def test_every_line_is_measured_and_steps_keep_all_that_they_drew():
    found = list(measured(Place(tokens=32, bytes_kept=1 << 14, seconds=0.0), sizes=["nano"], lengths=[16], rounds=3))
    assert [(line.length, line.batching, line.rounds) for line in found] == [
        (16, "one", 3), (16, "saturating", 3),
    ]  # fmt: skip
    causal = network(Place(), "nano", 16, "causal")
    cache = Cache(2)
    with torch.inference_mode():
        assert steps(causal, cache, 3, 16).shape == (3, 1)
    assert cache.length == 16
