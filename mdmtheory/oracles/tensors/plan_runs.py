"""Running reveal plans on the messages of a batch: laws of V tokens are made of a few positions at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.core.protocols import PlanRun
from mdmtheory.core.reveal_plans import own_steps
from mdmtheory.core.tokens import Tokens
from mdmtheory.oracles.tensors.draws import chance, drawn
from mdmtheory.oracles.tensors.messages import LEAST_KEPT, Messages, token_laws


def run_on_messages(
    opened: Callable[[], Messages],
    plan: Int[np.ndarray, "count length"],
    tokens: Tokens,
    uniforms: Float[np.ndarray, "count length"] | None,
    possible: Callable[[Tokens], Bool[np.ndarray, "rows"]],
    recompute: bool,
    epsilon: float,
) -> tuple[PlanRun, Bool[np.ndarray, "count"]]:
    """As the kernels' runs, of one batch: `tokens` are filled by `uniforms`, one for each position, or else scored.

    Messages are `opened` once, or with `recompute` at every step. Also which rows may have lost something: in float32
    not those that are in no sequence, as `possible` finds.
    """
    messages = opened()
    vocab_size = messages.chain.vocab_size
    count, length = plan.shape
    shown = np.full_like(tokens, vocab_size)
    log_probs = np.full((count, length), np.nan)
    calls, impossible = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    unsure = np.zeros(count, dtype=np.bool_)
    steps = own_steps(plan, np.argsort(plan, axis=1, kind="stable"))
    for step in range(1, int(steps.max(initial=0)) + 1):
        rows, positions = np.nonzero((steps == step) & ~impossible[:, None])
        asked = np.unique(rows)
        calls[asked] += 1
        if recompute:
            messages = opened()
        messages.renew(shown[asked], asked)
        doubtful = asked[messages.unsure.cpu().numpy()[asked] & ~unsure[asked]]
        unsure[doubtful] = messages.exactly or possible(shown[doubtful])
        found, logs = tokens[rows, positions].astype(np.int64), np.empty(len(rows))
        for here, some in token_laws(messages, rows, positions):
            laws, left = _perturbed(some.double(), epsilon)
            impossible[rows[here][~left]] = True
            if uniforms is not None:
                given = torch.from_numpy(uniforms[rows[here], positions[here]]).to(laws.device)
                # Of zeros nothing can be drawn, and what is, is dropped.
                found[here] = drawn(laws, given).clamp(min=0).cpu().numpy()
            share = chance(laws, torch.from_numpy(found[here]).to(laws.device))
            logs[here] = share.log().cpu().numpy()
            if not messages.exactly:
                unsure[rows[here][((share > 0) & (share < LEAST_KEPT)).cpu().numpy()]] = True
        fits = ~impossible[rows]
        rows, positions, found = rows[fits], positions[fits], found[fits]
        log_probs[rows, positions] = logs[fits]
        shown[rows, positions] = found
        if uniforms is not None:
            tokens[rows, positions] = found
    if uniforms is None:
        log_probs[np.isnan(log_probs)] = -np.inf
    if messages.exactly:
        unsure |= messages.unsure.cpu().numpy()
    return PlanRun(tokens, log_probs, calls, calls.copy(), impossible), unsure


def _perturbed(
    laws: Float[Tensor, "n vocab"], epsilon: float
) -> tuple[Float[Tensor, "n vocab"], Bool[np.ndarray, "n"]]:
    """Laws that sum to 1, moved `epsilon` nats towards uniform, and which of them are no zeros."""
    from mdmtheory.kernels.marginals import perturb_rows

    total = laws.sum(dim=1, keepdim=True)
    possible = (total > 0)[:, 0].cpu().numpy()
    laws = laws / total.masked_fill(total == 0, 1.0)
    if epsilon > 0:
        home = np.require(laws.cpu().numpy(), requirements=["C", "W"])
        perturb_rows(home, epsilon)
        laws = torch.from_numpy(home).to(laws.device)
    return laws, possible
