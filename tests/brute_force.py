"""The truth on small languages, by summing over every sequence; shares no code with the package."""

from __future__ import annotations

import itertools

import numpy as np


def sequences(vocab_size, length):
    """All V^L sequences, (V^L, L)."""
    return np.array(list(itertools.product(range(vocab_size), repeat=length)), dtype=np.int64).reshape(-1, length)


def hmm_joint(initial, transition, emission, length):
    """q(x) of every sequence of an HMM, in the order of `sequences`, by summing over hidden paths."""
    states = len(initial)
    out = []
    for x in sequences(emission.shape[1], length):
        total = 0.0
        for path in itertools.product(range(states), repeat=length):
            p = initial[path[0]] * emission[path[0], x[0]]
            for i in range(1, length):
                p *= transition[path[i - 1], path[i]] * emission[path[i], x[i]]
            total += p
        out.append(total)
    return np.array(out)


def ngram_joint(initial, conditional, length):
    """q(x) of every sequence of an n-gram, in the order of `sequences`."""
    order, vocab_size = conditional.ndim, conditional.shape[0]
    out = []
    for x in sequences(vocab_size, length):
        head = min(order - 1, length)
        start = np.asarray(initial)
        while start.ndim > head:
            start = start.sum(axis=-1)
        p = float(start[tuple(x[:head])])
        for i in range(order - 1, length):
            p *= conditional[tuple(x[i - order + 1 : i + 1])]
        out.append(p)
    return np.array(out)


def conditionals(joint, vocab_size, tokens, trust=1.0):
    """Marginals (L, V) given a partly masked row by Bayes' rule on the joint; zeros where the context is impossible.

    With trust < 1 revealed tokens are soft evidence and the row of a revealed position leaves its own evidence out.
    """
    length = len(tokens)
    every = sequences(vocab_size, length)
    evidence = np.ones((length, len(every)))
    for i, token in enumerate(tokens):
        if token < vocab_size:
            evidence[i] = trust * (every[:, i] == token) + (1 - trust) / vocab_size
    out = np.zeros((length, vocab_size))
    for i, token in enumerate(tokens):
        if token < vocab_size and trust == 1:
            out[i, token] = 1.0
            continue
        others = np.prod(np.delete(evidence, i, axis=0), axis=0) * joint
        for v in range(vocab_size):
            out[i, v] = others[every[:, i] == v].sum()
        if out[i].sum() > 0:
            out[i] /= out[i].sum()
    return out


def contexts(vocab_size, length):
    """All (V+1)^L partly masked rows."""
    return sequences(vocab_size + 1, length)


def plan_law(conditional, vocab_size, plan):
    """p(x) of every sequence when positions are revealed by `plan`, tokens of a step independently.

    `conditional(row)` gives the (L, V) marginals of a partly masked row.
    """
    out = []
    for x in sequences(vocab_size, len(plan)):
        row = np.full(len(plan), vocab_size)
        p = 1.0
        for step in sorted(set(plan)):
            marginals = conditional(tuple(row))
            here = [i for i in range(len(plan)) if plan[i] == step]
            for i in here:
                p *= marginals[i, x[i]]
            for i in here:
                row[i] = x[i]
            if p == 0:
                break
        out.append(p)
    return np.array(out)


def g_test(counts, law, least=1e-4):
    """p-value of counts under a law (cells of expectation below 5 pooled); 0 where something impossible was drawn."""
    from scipy.stats import chi2

    counts, expected = np.asarray(counts, float), np.asarray(law, float) * np.sum(counts)
    if counts[expected <= 0].sum() > 0:
        return 0.0
    order = np.argsort(expected)
    small = order[np.cumsum(expected[order]) < 5 * 2]
    keep = np.setdiff1d(np.flatnonzero(expected > 0), small)
    observed = np.append(counts[keep], counts[small].sum())
    wanted = np.append(expected[keep], expected[small].sum())
    observed, wanted = observed[wanted > 0], wanted[wanted > 0]
    some = observed > 0
    statistic = 2 * (observed[some] * np.log(observed[some] / wanted[some])).sum()
    return float(chi2.sf(statistic, max(len(wanted) - 1, 1)))
