"""Messages of problems that are drawn with their answers, held against the list of all of them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.tasks.listing import ListedOracle


def are_the_average_over_all_problems(spec, data, *others):
    """In a context of drawn tokens, with masks, tokens as they were and `others` in the place of some."""
    task = mt.as_language(spec)
    context = task.sample(1, task.length, data.draw(st.integers(0, 50)))
    for position in data.draw(st.sets(st.integers(0, task.length - 1), min_size=1)):
        context[0, position] = data.draw(st.sampled_from([task.vocab_size, int(context[0, position]), *others]))
    trust = data.draw(st.sampled_from([1.0, 0.9]))
    where = np.arange(task.length)
    found, listed = (
        oracle.open(1, task.length, prompt=context) for oracle in (task.oracle(trust), ListedOracle(task, trust))
    )
    laws = [canvas.marginals(np.zeros_like(where), where) for canvas in (found, listed)]
    assert np.allclose(*laws, atol=1e-12)
    assert found.impossible.tolist() == listed.impossible.tolist()
