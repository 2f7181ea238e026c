"""A sampler that inherits nothing has every ability by default: the one of docs/plugins.md, as it stands there.

It is certified in tests/cli/test_certify.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.guards import unguarded
from mdmtheory.exact.draws import law_by_draws
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.plans import Ancestral, PlanLawBase
from mdmtheory.samplers.base import SamplerBase
from mdmtheory.samplers.budgeted import Confidence
from mdmtheory.samplers.by_block import by_block
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.samplers.verifying import Verify
from mdmtheory.schedules import as_schedule

BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.95, 0.05, 0], [0, 0.08, 0.92], [0.55, 0, 0.45]])


@pytest.fixture(scope="module")
def stroll():
    """What the page's own code block makes."""
    page = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    names = {"__name__": "stroll"}
    exec(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)[0], names)  # our own page
    return names["Stroll"]


def test_it_inherits_nothing_and_is_wrapped_once_at_the_door(stroll):
    assert stroll.__bases__ == (object,)
    sampler = as_sampler(stroll())
    assert as_sampler(sampler) is sampler
    assert isinstance(sampler, SamplerBase)
    assert isinstance(sampler, stroll)
    assert {name: getattr(sampler, name) for name in SamplerBase.facts} == {
        name: name in ("context_only", "sees_laws", "makes_laws", "keeps_fractions") for name in SamplerBase.facts
    }
    assert (sampler.oblivious, sampler.precision, sampler.has_closed_law, sampler.changed) == (
        False,
        "float64",
        True,
        {},
    )
    tokens = np.full((2, 4), 3, dtype=np.uint8)
    state = sampler.init(2, 4, 3, 1, as_schedule("linear"))
    assert sampler.chances(state, tokens) is sampler.charges(state, tokens) is None
    assert sampler.fractions(3, as_schedule("linear")) is None
    assert sampler.scored_as is sampler


@pytest.mark.parametrize("block", [None, 2, 4])
def test_it_samples_replays_and_goes_block_by_block(stroll, block):
    denoiser = mt.Oracle(BIGRAM)
    model = (
        mt.MaskedDiffusion(denoiser, sampler=stroll())
        if block is None
        else BlockDiffusion(denoiser, block=block, steps=None, sampler=stroll())
    )
    samples = model.sample(500, 4, 0)
    assert (samples.calls == samples.rounds).all()
    assert set(samples.calls[~samples.impossible].tolist()) <= {2, 3, 4}
    assert samples.calls.min() < 4
    law = mt.exact.law(model, BIGRAM, 4)
    np.testing.assert_allclose(law, law_by_draws(model if block is None else model.masked, 4), rtol=1e-12, atol=1e-15)
    sequences = mt.exact.all_sequences(3, 4)
    assert model.log_prob_kind == "exact"
    np.testing.assert_allclose(np.exp(model.log_prob(sequences).values), law.reshape(-1), rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(model.replay(sequences).tokens, sequences)
    assert mt.ser(model, BIGRAM, 4, count=200).high < 0.2


def test_one_that_inherits_the_base_need_not_say_what_it_is_not(stroll):
    needed = ("spec", "identity", "init", "finished", "wants", "law", "step")
    short = type("Short", (SamplerBase,), {name: vars(stroll)[name] for name in needed})
    ours, theirs = (
        mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=kind()).sample(40, 6, 0).tokens for kind in (short, stroll)
    )
    np.testing.assert_array_equal(ours, theirs)
    half = type("Half", (SamplerBase,), {name: vars(stroll)[name] for name in needed[:-1]})
    with pytest.raises(TypeError, match="abstract"):
        half()


class Halves:
    """A law over plans that inherits nothing: the second half of the positions after the first."""

    spec, identity = mt.Spec.of("halves"), ["halves"]
    uses_steps = uses_schedule = one_at_a_time = False
    fixed = True

    def draw(self, states, length, steps, schedule):
        return np.tile(1 + 2 * np.arange(length) // length, (len(states), 1))

    def steps_taken(self, length, steps):
        return 2


def test_a_law_over_plans_that_inherits_nothing_is_as_much_one_as_any():
    law = as_sampler(Halves())
    assert isinstance(law, PlanLawBase)
    assert (law.oblivious, law.remasks, law.precision, law.changed) == (True, False, "float64", {})
    assert law.subset_law is None
    inside = by_block(law, 3)
    assert [getattr(inside, name) for name in PlanLawBase.facts] == [False, False, True, False]
    assert inside.draw(np.zeros((1, 4), dtype=np.uint64), 6, 1, as_schedule("linear")).tolist() == [[1, 1, 2, 3, 3, 4]]


def test_what_an_own_sampler_inherits_stays_behind_its_guard():
    class Mine(Confidence):
        """Confidence in a class of one's own, which names itself as what it is scored as."""

    class Drafts(Verify):
        """A class of one's own that names another object of it."""

    class Never(Ancestral):
        """A law of one's own that says that it has no probabilities of subsets."""

        subset_law = None

    mine, drafts = as_sampler(Mine()), as_sampler(Drafts(k=3))
    assert mine.scored_as is mine
    assert mine.chances(mine.init(1, 4, 2, 2, as_schedule("linear")), np.full((1, 4), 2, dtype=np.uint8)) is None
    assert unguarded(drafts.scored_as) == Drafts(k=1) != drafts
    assert drafts.scored_as is not unguarded(drafts.scored_as)
    assert as_sampler(Never()).subset_law is None
