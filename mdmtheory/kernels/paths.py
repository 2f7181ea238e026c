"""Paths through layers of nodes, counted forward and back; or, where evidence is soft, their weights in logarithms."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.logs import add_logs


@part
def _more(total, message, said, in_logs):
    """What is there, and a message besides with what is said where it comes from."""
    return add_logs(total, message + said) if in_logs else total + message * said


@kernel
def path_laws(after, starts, goals, said, in_logs, ahead, behind, out):
    """`out` (rows, edges, nodes): each node as the k-th after the start, by all that is said but of the k-th itself.

    Node s of layer k leads to the nodes after[r, k, s] of the next; `said` (rows, edges, nodes) weighs the k-th node
    after the start, by its logarithm, as is `out` then, where it is `in_logs`; paths lead from starts[r] to goals[r].
    `ahead` and `behind` (edges + 1, nodes) are scratch. Without logarithms and with `said` 0 or 1 all are whole
    numbers, at most nodes^(edges - 1). Cost: rows x edges x nodes x ends of a node.
    """
    rows, edges, nodes, ends = after.shape
    none = -np.inf if in_logs else 0.0
    one = 0.0 if in_logs else 1.0
    for row in range(rows):
        for s in range(nodes):
            ahead[edges, s], behind[0, s] = none, none
        ahead[edges, goals[row]], behind[0, starts[row]] = one, one
        for k in range(edges - 1, -1, -1):
            for s in range(nodes):
                total = none
                for end in range(ends):
                    v = after[row, k, s, end]
                    total = _more(total, ahead[k + 1, v], said[row, k, v], in_logs)
                ahead[k, s] = total
        for k in range(edges):
            for v in range(nodes):
                behind[k + 1, v] = none
            for s in range(nodes):
                # What is said of the start is nothing.
                own = one if k == 0 else said[row, k - 1, s]
                for end in range(ends):
                    v = after[row, k, s, end]
                    behind[k + 1, v] = _more(behind[k + 1, v], behind[k, s], own, in_logs)
            for v in range(nodes):
                out[row, k, v] = _more(none, behind[k + 1, v], ahead[k + 1, v], in_logs)
