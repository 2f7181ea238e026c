"""What closes the masked HMM: the exact messages of the chain as a second target, half way up the network.

A masked network has to carry what the chain's forward and backward messages carry. Here it is told them: a linear
reading of one layer is held, by cross-entropy, to the exact law of the hidden state given what is revealed to its left,
and to the normalised likelihood of what is revealed to its right. Nothing else changes, and the reading is thrown away.

`python experiments/masked_hmm.py [--tokens 3e6] [--layers 6] [--at 3] [--weight 1]`; weight 0 is plain training.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from torch import nn

import mdmtheory as mt
from mdmtheory.networks.architecture import Size
from mdmtheory.networks.transformer import Transformer
from mdmtheory.training.objectives.registry import as_objective
from mdmtheory.training.optimising import Learner, Optimising

LENGTH, ROWS, STATES = 64, 8, 32


def messages(q: Any, seen: np.ndarray) -> np.ndarray:
    """Laws of the hidden state given what is left of a position, and likelihoods of what is right: 2 arrays."""
    told = q.parameters()
    transition, emission = told["transition"], told["emission"]
    likelihood = np.vstack([emission.T, np.ones(len(transition))])[seen]
    rows, length, states = likelihood.shape
    out = np.empty((2, rows, length, states))
    left, right = np.tile(told["initial"], (rows, 1)), np.ones((rows, states)) / states
    for i in range(length):
        out[0, :, i] = left
        left = left * likelihood[:, i]
        left = left / left.sum(axis=1, keepdims=True) @ transition
    for i in range(length - 1, -1, -1):
        out[1, :, i] = right
        right = (right * likelihood[:, i]) @ transition.T
        right = right / right.sum(axis=1, keepdims=True)
    return out


def trained(q: Any, *, layers: int, tokens: float, at: int, weight: float, seed: int = 0) -> Learner:
    """A masked network after so many tokens, told the messages in layer `at` with a weight."""
    torch.set_num_threads(1)
    objective, oracle = as_objective("mdm", q.vocab_size), q.oracle()
    size = Size(layers, 64, 4)
    network = Transformer(objective.architecture(LENGTH, size, level=False), seed=seed)
    network.read = nn.Linear(64, 2 * STATES)  # thrown away in the end
    steps = int(tokens) // (ROWS * LENGTH)
    learner = Learner(network, Optimising(3e-3), steps)
    carried: list[torch.Tensor] = []
    network.layers[at].register_forward_hook(lambda layer, given, found: carried.append(found))
    generator = np.random.default_rng(seed)
    for step in range(steps):
        noised = objective.noised(q.sample(ROWS, LENGTH, 1, first=step * ROWS), generator)
        targets = torch.from_numpy(objective.targets(oracle, noised, 1)).float()
        tensors = noised.tensors()
        carried.clear()
        log_probs = objective.logits(network, tensors).log_softmax(dim=2)
        loss = objective.loss(log_probs, tensors, targets).mean() / LENGTH
        if weight:
            exact = torch.from_numpy(messages(q, noised.seen)).float()
            read = torch.stack(network.read(carried[0]).chunk(2, dim=2)).log_softmax(dim=3)
            loss = loss - weight * (exact * read).sum(dim=3).mean(dim=(1, 2)).sum()
        loss.backward()
        learner.update(step)
    return learner


def measured(q: Any, learner: Learner, contexts: int = 2048) -> str:
    """KL to the exact posterior in nats a masked token, also by quarters of what is masked, and impossible mass z."""
    objective = as_objective("mdm", q.vocab_size)
    noised = objective.noised(q.sample(contexts, LENGTH, 999), np.random.default_rng(5))
    exact = torch.from_numpy(objective.targets(q.oracle(), noised, 1))
    with torch.no_grad(), learner.averaged_weights():
        said = [
            objective.logits(learner.network, noised.tensors()._replace(seen=some))
            for some in torch.from_numpy(noised.seen).split(128)
        ]
    logs = torch.cat(said).double().log_softmax(dim=2)
    weights = torch.from_numpy(noised.weights) / LENGTH
    kl = ((torch.special.xlogy(exact, exact) - exact * logs).sum(dim=2) * weights).sum(dim=1).numpy()
    z = float(((logs.exp() * (exact == 0)).sum(dim=2) * weights).sum(dim=1).mean())
    masked = (noised.seen == q.vocab_size).sum(axis=1)
    quarters = [kl[(masked > a) & (masked <= a + LENGTH // 4)].mean() for a in range(0, LENGTH, LENGTH // 4)]
    return f"{kl.mean():.4f} nats, by quarters {[round(float(each), 4) for each in quarters]}, z {z:.2e},"


def main() -> None:
    """Train one network and print how far it is from the exact posterior."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("tokens", 3e6), ("layers", 6), ("at", 3), ("weight", 1.0)):
        parser.add_argument(f"--{name}", type=type(default), default=default)
    asked = parser.parse_args()
    q = mt.as_language("hmm")
    began = time.process_time()
    print(measured(q, trained(q, **vars(asked))), f"{time.process_time() - began:.0f} CPU s", vars(asked))


if __name__ == "__main__":
    main()
