"""Parts of a network that are learnt one after the other."""

import pytest
import torch
from torch import nn

from mdmtheory.training.objectives.base import Stage
from mdmtheory.training.optimising import Optimising
from mdmtheory.training.stages import Stages

FIRST, SECOND = 4, 6


def two_parts():
    torch.manual_seed(0)
    return nn.ModuleDict({"early": nn.Linear(3, 2), "late": nn.Linear(2, 1)})


def learning(steps, stages=None, start=0):
    """Stages after so many steps of a loss that has a gradient in both parts."""
    if stages is None:
        stages = Stages(two_parts(), Optimising(0.1), [Stage("early", FIRST), Stage("late", SECOND)])
    for step in range(start, steps):
        inputs = torch.randn((8, 3), generator=torch.Generator().manual_seed(step))
        loss = (stages.network["late"](stages.network["early"](inputs)) ** 2).mean()
        loss.backward()
        stages.update(step)
        for learner in stages.learners:
            learner.gradient.zero_()
    return stages


def weights(stages, part):
    return torch.cat([each.flatten() for each in stages.network[part].parameters()])


def test_each_part_learns_in_its_stage_alone_and_rests_on_its_average():
    begun, before, at, after = (learning(steps) for steps in (0, FIRST - 1, FIRST, FIRST + 3))
    assert torch.equal(weights(before, "late"), weights(begun, "late"))
    assert not torch.equal(weights(before, "early"), weights(begun, "early"))
    early = at.learners[0]
    assert torch.equal(early.weights, early.average)
    assert not torch.equal(before.learners[0].weights, before.learners[0].average)
    assert torch.equal(weights(after, "early"), weights(at, "early"))
    assert not torch.equal(weights(after, "late"), weights(at, "late"))


def test_each_stage_has_a_rate_that_rises_and_falls():
    stages = learning(0)
    whole = [Optimising(0.1).rate(step, FIRST) for step in range(FIRST)]
    whole += [Optimising(0.1).rate(step, SECOND) for step in range(SECOND)]
    assert [stages.rate(step) for step in range(FIRST + SECOND)] == whole
    assert [stages.number(step) for step in (0, FIRST - 1, FIRST, FIRST + SECOND)] == [0, 0, 1, 1]


@pytest.mark.parametrize("stop", [2, FIRST, FIRST + 2])
def test_what_is_remembered_goes_on_to_the_same_bits(stop):
    state = {key: each.clone() for key, each in learning(stop).state().items()}
    again = learning(0)
    again.restore(state, stop)
    found, straight = learning(FIRST + SECOND, again, stop).averaged(), learning(FIRST + SECOND).averaged()
    assert found.keys() == straight.keys() == set(two_parts().state_dict())
    assert all(torch.equal(found[name], straight[name]) for name in found)
    with pytest.raises(ValueError, match="the checkpoint is of another network"):
        learning(0).restore({key: each for key, each in state.items() if "late" not in key}, stop)
