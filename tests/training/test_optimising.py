"""One flat vector learns what torch's own optimiser learns weight by weight, and remembers it to the bit."""

import copy

import pytest
import torch
from torch import nn

from mdmtheory.training.optimising import Learner, Optimising

OPTIMISING = Optimising(0.05, weight_decay=0.3, clip=0.1, warm_up=0.25)
STEPS = 12


def network():
    generator = torch.Generator().manual_seed(0)
    found = nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 2)).double()
    with torch.no_grad():
        for weight in found.parameters():
            weight.normal_(generator=generator)
    return found


def loss(net, step):
    generator = torch.Generator().manual_seed(step)
    return net(torch.randn(4, 3, generator=generator, dtype=torch.float64)).square().mean()


def learnt(learner, first, last):
    for step in range(first, last):
        loss(learner.network, step).backward()
        learner.update(step)
    return learner


def test_the_flat_vector_learns_what_adamw_learns_weight_by_weight_and_averages_it():
    plain = network()
    average = copy.deepcopy(plain)
    matrices = [each for each in plain.parameters() if each.ndim == 2]
    others = [each for each in plain.parameters() if each.ndim < 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}], betas=(0.9, 0.98)
    )
    for step in range(STEPS):
        optimiser.zero_grad()
        loss(plain, step).backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 0.1)
        for group in optimiser.param_groups:
            group["lr"] = 0.05 * min((step + 1) / 3, (STEPS - step) / 9)
        optimiser.step()
        kept = min(0.999, (step + 1) / (step + 10))
        with torch.no_grad():
            for mean, weight in zip(average.parameters(), plain.parameters(), strict=True):
                mean.copy_(kept * mean + (1 - kept) * weight)
    learner = learnt(Learner(network(), OPTIMISING, STEPS), 0, STEPS)
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(learner.network.state_dict()[name], weight, rtol=1e-12, atol=1e-14)
    for name, mean in average.state_dict().items():
        torch.testing.assert_close(learner.averages()[name], mean, rtol=1e-12, atol=1e-14)


def test_a_learner_that_is_restored_goes_on_to_the_bit():
    straight = learnt(Learner(network(), OPTIMISING, STEPS), 0, STEPS)
    stopped = learnt(Learner(network(), OPTIMISING, STEPS), 0, 5)
    state = {key: each.clone() for key, each in stopped.state().items()}
    resumed = Learner(network(), OPTIMISING, STEPS)
    resumed.restore(state, 5)
    learnt(resumed, 5, STEPS)
    assert all(torch.equal(each, resumed.state()[key]) for key, each in straight.state().items())


@pytest.mark.parametrize("forgotten", ["weights", "average", "mean", "square", "step"])
def test_each_part_of_what_is_remembered_matters(forgotten):
    straight = learnt(Learner(network(), OPTIMISING, STEPS), 0, STEPS)
    stopped = learnt(Learner(network(), OPTIMISING, STEPS), 0, 5)
    state = {key: each.clone() for key, each in stopped.state().items()}
    fresh = Learner(network(), OPTIMISING, STEPS).state()
    resumed = Learner(network(), OPTIMISING, STEPS)
    resumed.restore({key: fresh[key] if key.startswith(forgotten) else each for key, each in state.items()}, 5)
    if forgotten == "step":
        resumed._remember(0)
    learnt(resumed, 5, STEPS)
    assert not all(torch.equal(each, resumed.state()[key]) for key, each in straight.state().items())


def test_the_averaged_weights_are_the_networks_inside_the_block_alone():
    learner = learnt(Learner(network(), OPTIMISING, STEPS), 0, 3)
    before = {name: each.clone() for name, each in learner.network.state_dict().items()}
    with learner.averaged_weights():
        inside = {name: each.clone() for name, each in learner.network.state_dict().items()}
    assert all(torch.equal(inside[name], each) for name, each in learner.averages().items())
    assert all(torch.equal(before[name], each) for name, each in learner.network.state_dict().items())
    assert not torch.equal(inside["0.weight"], before["0.weight"])


def test_the_rate_rises_to_its_height_and_falls_to_nothing():
    rates = [Optimising(2.0, warm_up=0.1).rate(step, 100) for step in range(101)]
    assert max(rates) == rates[9] == rates[10] == 2.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == 0.0


def test_the_state_of_another_network_is_refused():
    state = Learner(nn.Linear(3, 4), OPTIMISING, STEPS).state()
    with pytest.raises(ValueError, match="of another network"):
        Learner(nn.Linear(3, 5), OPTIMISING, STEPS).restore(state, 1)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_learning_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="pass a positive number"):
        Optimising(rate)
