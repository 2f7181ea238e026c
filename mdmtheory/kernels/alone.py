"""Filter and smoother of one sequence, its states side by side, to the last bit as kernels/lanes.py has them.

Where few sequences are asked for, most of eight lanes would stand idle. The two ways of a smoother are kernels of their
own, so that each can have a thread. Arrays of states are as in kernels/state_steps.py.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT
from mdmtheory.kernels.logs import multiply
from mdmtheory.kernels.state_steps import lowest, move_state
from mdmtheory.kernels.vectors import lesser_positive, load, spread, store

FEW = 4
"""So many sequences take no longer one by one than in eight lanes."""


@kernel
def filter_alone(initial, transition, likelihood, tokens, faintest, out, sure):
    """`lanes.filter_log_probs`, row by row; `transition` in eights."""
    width = transition.shape[1]
    message, moved, evidence = np.zeros(width), np.zeros(width), np.zeros(width)
    logs, products = np.empty(1), np.empty(1)
    for row in range(len(tokens)):
        least = _filter_row(initial, transition, likelihood, tokens[row], message, moved, evidence, logs, products)
        out[row] = logs[0]
        sure[row] = least * faintest >= LEAST_PRODUCT


@part
def _filter_row(initial, transition, likelihood, tokens, message, moved, evidence, logs, products):
    """Into logs[0]; returns the smallest positive entry of the messages."""
    size, lowest = len(initial), 1.0
    logs[0], products[0] = 0.0, 1.0
    for s in range(size):
        moved[s] = initial[s]
    for i in range(len(tokens)):
        total, least = take_in_alone(moved, likelihood, tokens[i], evidence, message)
        lowest = min(lowest, least)
        multiply(0, total, products, logs)
        if i + 1 < len(tokens):
            combine_alone(message, transition, size, size, moved)
    logs[0] += np.log(products[0])
    return lowest


@kernel
def messages_ahead(initial, transition, likelihood, tokens, out, least):
    """out[i] = the law of the state at i given the tokens (length,) before it; least[i] the smallest entry behind it.

    `transition` is in eights, and the rows of `out` are; `likelihood` (V + 1, S) as in `lanes.smooth`.
    """
    size = len(initial)
    message, evidence = np.zeros(out.shape[1]), np.zeros(out.shape[1])
    for s in range(out.shape[1]):
        out[0, s] = initial[s] if s < size else 0.0
    least[0] = 1.0
    for i in range(1, len(tokens)):
        _, least[i] = take_in_alone(out[i - 1], likelihood, tokens[i - 1], evidence, message)
        combine_alone(message, transition, size, size, out[i])


@kernel
def messages_behind(transposed, likelihood, tokens, out, least):
    """out[i] = how likely the tokens after i are by the state at i, up to scale; `least` and shapes as above."""
    size, last = likelihood.shape[1], len(tokens) - 1
    message, evidence = np.zeros(out.shape[1]), np.zeros(out.shape[1])
    for s in range(out.shape[1]):
        out[last, s] = 1.0 if s < size else 0.0
    least[last] = 1.0
    for i in range(last, 0, -1):
        _, least[i - 1] = take_in_alone(out[i], likelihood, tokens[i], evidence, message)
        combine_alone(message, transposed, size, size, out[i - 1])


@kernel
def weigh_onwards(transition, likelihood, emission, tokens, start, behind, out, least):
    """out[i, v] = the weight of v at i, from the message `start` before the first of `tokens` and all `behind` them.

    Sum over states s of ahead[i, s] * behind[i, s] * emission[s, v]; `emission` in eights. `least` as above.
    """
    size, width = likelihood.shape[1], len(start)
    message, evidence, weights = np.zeros(width), np.zeros(width), np.empty(emission.shape[1])
    ahead = start.copy()
    for i in range(len(tokens)):
        _weigh(ahead, behind[i], emission, size, message, weights, out[i])
        if i + 1 < len(tokens):
            _, least[i + 1] = take_in_alone(ahead, likelihood, tokens[i], evidence, message)
            combine_alone(message, transition, size, size, ahead)


@kernel
def weigh_backwards(transposed, likelihood, emission, tokens, start, ahead, out, least):
    """As `weigh_onwards` to the left of the last of `tokens`, of which `start` is the message from the right."""
    size, width = likelihood.shape[1], len(start)
    message, evidence, weights = np.zeros(width), np.zeros(width), np.empty(emission.shape[1])
    behind = start.copy()
    for i in range(len(tokens) - 2, -1, -1):
        _, least[i] = take_in_alone(behind, likelihood, tokens[i + 1], evidence, message)
        combine_alone(message, transposed, size, size, behind)
        _weigh(ahead[i], behind, emission, size, message, weights, out[i])


@part
def _weigh(ahead, behind, emission, size, mass, weights, out):
    for s in range(0, len(mass), 8):
        store(mass, s, load(ahead, s) * load(behind, s))
    combine_alone(mass, emission, size, len(out), weights)
    for v in range(len(out)):
        out[v] = weights[v]


@part
def take_in_alone(prior, likelihood, token, evidence, message):
    """`lane_steps.take_in`: message = prior times the token's evidence, scaled to sum 1.

    Returns the sum that it had and its smallest positive entry, or 1. `evidence` is scratch, 0 beyond the states.
    """
    size = likelihood.shape[1]
    own = likelihood[np.int64(token)]
    for s in range(size):
        evidence[s] = own[s]
    for s in range(0, len(message), 8):
        store(message, s, load(prior, s) * load(evidence, s))
    # One after the other, as a lane adds them.
    total = 0.0
    for s in range(size):
        total += message[s]
    scale, least = spread(1.0 / total if total > 0.0 else 0.0), spread(1.0)
    for s in range(0, len(message), 8):
        scaled = load(message, s) * scale
        store(message, s, scaled)
        least = lesser_positive(least, scaled)
    return total, lowest(least)


@part
def combine_alone(message, matrix, size, width, out):
    """`lane_steps.combine_lanes`: out[j] = sum over s < size of message[s] * matrix[s, j], j < width."""
    move_state(message, matrix, size, out)
    for j in range(width - width % 4, width):
        reached = 0.0
        for s in range(size):
            reached += matrix[s, j] * message[s]
        out[j] = reached
