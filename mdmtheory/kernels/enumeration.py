"""The law of a model by summing over every sequence and every way to reveal it.

A context is a partly masked row; its number writes it in base V + 1, the first position foremost, the mask being V.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part


@kernel
def exchangeable_law(marginals, subset_law, sequences, out):
    """out[n] = p(sequences[n]) when step k reveals a random subset, by recursion over the subsets revealed so far.

    `marginals` (contexts, L, V) are the denoiser's in every context; `subset_law` (L + 1, L + 1, N) is at [m, s, k] the
    probability that step k + 1 reveals just a given set of s positions, m being revealed. docs/theory.md,
    section 3 (ours). O(N 3^L) a sequence.
    """
    length = marginals.shape[1]
    steps = subset_law.shape[2]
    filled = np.empty((1 << length, steps + 1))
    joint = np.empty(1 << length)
    context = np.empty(1 << length, dtype=np.int64)
    sizes = np.empty(1 << length, dtype=np.int64)
    lowest = np.empty(1 << length, dtype=np.int64)
    sizes[0] = 0
    for subset in range(1, 1 << length):
        sizes[subset] = sizes[subset >> 1] + (subset & 1)
        lowest[subset] = 0 if subset & 1 else lowest[subset >> 1] + 1
    for n in range(len(sequences)):
        out[n] = _probability(marginals, subset_law, sequences[n], filled, joint, context, sizes, lowest)


@part
def _probability(marginals, subset_law, token, filled, joint, context, sizes, lowest):
    """One sequence of `exchangeable_law`.

    Invariant: for every T after the current subset, filled[T, k] = P(steps k + 1..N reveal the rest just as in the
    sequence | T revealed as in it). joint[U] is the product of the marginals of U's tokens in the current context.
    """
    length, vocab_size = marginals.shape[1:]
    steps = subset_law.shape[2]
    everything = (1 << length) - 1
    context[0] = (vocab_size + 1) ** length - 1
    for subset in range(1, everything + 1):
        i = lowest[subset]
        weight = (vocab_size + 1) ** (length - 1 - i)
        context[subset] = context[subset & (subset - 1)] - (vocab_size - token[i]) * weight
    for subset in range(everything, -1, -1):
        rest = everything ^ subset
        known = sizes[subset]
        for k in range(steps):
            filled[subset, k] = 0.0
        filled[subset, steps] = 1.0 if rest == 0 else 0.0
        joint[0] = 1.0
        here = marginals[context[subset]]
        # The subsets of `rest`, each after its own subsets.
        chosen = (0 - rest) & rest
        while chosen != 0:
            i = lowest[chosen]
            joint[chosen] = joint[chosen & (chosen - 1)] * here[i, token[i]]
            if joint[chosen] > 0.0:
                weights, after = subset_law[known, sizes[chosen]], filled[subset | chosen]
                for k in range(steps):
                    filled[subset, k] += weights[k] * joint[chosen] * after[k + 1]
            chosen = (chosen - rest) & rest
        for k in range(steps - 1, -1, -1):
            filled[subset, k] += subset_law[known, 0, k] * filled[subset, k + 1]
    return filled[0, 0]
