"""What was searched for, and found nowhere, by statements of several files: one text a theme."""

from __future__ import annotations

from mdmtheory.core.sources import Ours

FEW_STEPS = Ours(
    "masked diffusion parallel unmasking KL per token bounded by entropy minus conditional entropy "
    "given rest over number of steps, independent of length",
    "2026-11-29",
)
"""Of what steps cost, whatever the length."""

ACCURACY = Ours(
    "masked diffusion sequence error rate at most 1 - exp(-KL), learning error L epsilon plus "
    "factorization error, number of steps for accuracy delta explicit constants",
    "2026-11-29",
)
"""Of how many sequences are right, with constants."""

FIRST_ORDER = Ours(
    "masked diffusion sequence error rate first-order constant N times SER and N times KL same limit "
    "two tokens drawn in one step off the support",
    "2026-11-29",
)
"""Of what SER and KL are for many steps."""

CLOSED_FORMS = Ours(
    "closed form sequence error rate of masked diffusion on parity, repetition and equal pairs of "
    "tokens, exact posterior",
    "2026-11-29",
)
"""Of languages so regular that a formula gives what they cost."""

FEW_ROUNDS = Ours(
    "parallel unmasking steps lower bound KL harmonic number random balanced bit strings exchangeable two colours "
    "batches without replacement one-hot blocks masked diffusion",
    "2026-11-30",
)
"""Of what few rounds cost on languages of bits."""

LOOKING = Ours(
    "adaptive batches revealing random balanced binary string lower bound expected rounds KL dynamic programming "
    "exchangeable total correlation; random walk bridge parallel sampling adaptive rounds lower bound log2 n minus "
    "sqrt KL, binary search tree potential, hypergeometric mutual information",
    "2026-11-30",
)
"""Of how many rounds rules take that look at what is revealed."""

UNMASKING_GAP = Ours(
    "unmasking gap certificate masked diffusion sampling schedule geometric odds entropies empirical Bernstein",
    "2026-11-29",
)
"""Of what an information curve certifies."""
