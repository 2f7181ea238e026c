"""Whatever of the processor the built-in languages, models and numbers can ask, asked once, so that it is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

LENGTH, STEPS = 4, 3

SIZES = {8: 4, 16: 300, 32: 70_000}
"""A vocabulary for each size of a token in bits: kernels are compiled for each."""

FAINT = 1e-200
"""The product of two such probabilities is too small for float64: what meets them is done again in logarithms."""


def rehearsals() -> Iterator[tuple[str, Callable[[], object]]]:
    """Each with what it is for."""
    for bits, vocab_size in SIZES.items():
        for name, make in _languages(bits, vocab_size).items():
            yield f"{name}, tokens of {bits} bits", partial(_run, make, bits)
    yield "probabilities that float64 loses", _faint
    yield "exact laws and rates", _exact
    yield "schedules and plans", _schedules
    yield "tasks", _tasks


def _languages(bits: int, vocab_size: int) -> dict[str, Callable[[], Any]]:
    import mdmtheory as mt

    found: dict[str, Callable[[], Any]] = {
        "HMMs": lambda: mt.HMM.random(states=3, vocab_size=vocab_size),
        "pairs": lambda: mt.EqualPairs(vocab_size=vocab_size),
        "repetition": lambda: mt.Repetition(vocab_size=vocab_size),
    }
    if bits < 32:
        found["bigrams"] = lambda: mt.NGram.random(order=2, vocab_size=vocab_size)
    if bits == 8:
        found["n-grams of many contexts"] = lambda: mt.NGram.random(order=6, vocab_size=vocab_size)
        found["automata of many states"] = lambda: _cycle(vocab_size)
        found["parity"] = mt.Parity
        found["permutations"] = mt.Permutation
    return found


def _cycle(vocab_size: int) -> Any:
    """An automaton of too many states to run as a chain."""
    import mdmtheory as mt
    from mdmtheory.languages.pdfa import CHAIN_STATES

    states = np.arange(CHAIN_STATES + 1)
    return mt.PDFA(states, 0 * states, np.roll(states, -1), np.ones(len(states)), vocab_size=vocab_size)


def _run(make: Callable[[], Any], bits: int) -> None:
    """Draw, score and look, as all kinds of models do."""
    import mdmtheory as mt

    language = make()
    length = language.vocab_size if isinstance(language, mt.Permutation) else LENGTH
    tokens = language.sample(2, length, seed=0)
    language.log_prob(tokens)
    # Many rows go side by side.
    many = np.repeat(tokens, 4, axis=0)
    language.log_prob(many, threads=1)
    hidden = tokens.copy()
    hidden[:, ::2] = language.vocab_size
    # Where a table has an entry for each pair of tokens of each position, nobody asks for it.
    looks = bits < 32
    for trust in (1.0, 0.9):
        oracle: Any = mt.Oracle(language, trust=trust)
        for sampler in ("ancestral", *(["confidence"] if looks else [])):
            model = mt.MaskedDiffusion(oracle, sampler=sampler, steps=STEPS)
            model.sample(2, length, seed=0)
            model.log_prob(tokens, 0)
        if looks:
            oracle.conditionals(hidden)
            oracle.conditionals(np.repeat(hidden, 4, axis=0), threads=1)
            oracle.pairs(hidden)
            oracle.next_laws(tokens)
            oracle.block_laws(tokens, hidden, block=2)
    if looks:
        oracle = mt.Oracle(language)
        mt.MaskedDiffusion(mt.Perturbed(oracle, epsilon=0.01), sampler="confidence", steps=STEPS).sample(2, length, 0)
        for noised in (
            mt.UniformDiffusion(oracle, steps=STEPS),
            mt.UniformDiffusion(oracle, steps=STEPS, update="tweedie"),
            mt.GaussianDiffusion(oracle, steps=STEPS),
        ):
            noised.sample(2, length, seed=0)
            noised.log_prob(tokens, 0)
    if isinstance(language, mt.HMM):
        language.in_support(tokens)
        mt.MaskedDiffusion(mt.Window(language, width=1), sampler="confidence", steps=STEPS).sample(2, length, seed=0)
        if looks:
            mt.MaskedDiffusion(mt.Oracle(language), steps=STEPS).walk_steps(language, 2, length, seed=0)
            mt.MaskedDiffusion(mt.Oracle(language), sampler="independent:mu=0.1").sample(2, length, seed=0)
            mt.MaskedDiffusion(mt.Oracle(language), sampler="verify:k=2").sample(2, length, seed=0)


def _faint() -> None:
    """Sequences that need the square of a faint probability."""
    import mdmtheory as mt

    law = np.array([1 - FAINT, FAINT])
    languages: list[Any] = [mt.HMM([1.0, 0.0], [[0.5, 0.5], [0.5, 0.5]], np.array([law, law[::-1]]))]
    for order in (2, 6):
        start = np.zeros((2,) * (order - 1))
        start[(0,) * (order - 1)] = 1.0
        languages.append(mt.NGram(start, np.broadcast_to(law, (2,) * order)))
    tokens = np.ones((2, LENGTH), dtype=np.int64)
    tokens[:, :-2] = 0
    for language in languages:
        language.log_prob(tokens)
        oracle: Any = mt.Oracle(language)
        oracle.run_plan(np.ones(tokens.shape, dtype=np.int64), tokens=tokens)
        oracle.posterior(np.log(np.broadcast_to(law[::-1], (2, LENGTH, 2))))
    mt.exact.log_prob(languages[1], tokens, steps=STEPS)


def _exact() -> None:
    import mdmtheory as mt

    bigram = mt.NGram.random(order=2, vocab_size=4, seed=0, prune=1.0)
    mt.exact.log_prob(bigram, bigram.sample(2, LENGTH, seed=0), steps=STEPS)
    mt.exact.ser(bigram, LENGTH, steps=STEPS)
    # One forbidden pair is an array that is contiguous in every way; several show which way.
    mt.exact.kappa(mt.NGram.random(order=2, vocab_size=8, seed=0, prune=1.0))
    hmm = mt.HMM.random(states=3, vocab_size=4, seed=0, prune_transition=1.0)
    mt.exact.first_order(hmm, 16, count=64)
    preset = mt.as_language("hmm")
    mt.MaskedDiffusion(mt.Oracle(preset), sampler="stride", steps=2).walk_tilted(preset, 8, LENGTH, seed=0)
    for order, vocab_size in ((3, 26), (2, 700)):  # tokens of 8 and of 16 bits, more contexts than a chain has states
        mt.exact.first_order(mt.NGram.random(order=order, vocab_size=vocab_size, prune=1.0), 8, count=64)
    mt.exact.law(mt.MaskedDiffusion(mt.Oracle(bigram), sampler="ancestral", steps=STEPS), bigram, LENGTH)


def _schedules() -> None:
    import mdmtheory as mt
    from mdmtheory.languages.hmm import JOINT_COLUMNS

    mt.schedules.optimal(np.linspace(1.0, 0.5, LENGTH), STEPS)
    parity = mt.Parity()
    for sampler in ("fixed", "margin", "entropy", "ancestral:precision=float32"):
        mt.MaskedDiffusion(mt.Oracle(parity), sampler=sampler, steps=STEPS).sample(2, LENGTH, seed=0)
    tokens = JOINT_COLUMNS // 2
    # More joint draws than a table has room for.
    mt.HMM(np.full(4, 0.25), np.full((4, 4), 0.25), np.full((4, tokens), 1 / tokens)).sample(2, LENGTH, seed=0)


def _tasks() -> None:
    """Answers that are listed, written token by token, and what each task has of its own, its list among it."""
    import mdmtheory as mt
    from mdmtheory.languages.presets import LANGUAGES, TASK

    rows = [[0, 1, 2], [0, 2, 1], [1, 0, 0]]
    for vocab_size in SIZES.values():
        task = mt.Finite(rows, given=[True, False, False], vocab_size=vocab_size)
        for trust in (1.0, 0.9):
            model = mt.MaskedDiffusion(mt.Oracle(task, trust=trust), sampler="left_to_right")
            model.sample(2, task.length, seed=0, prompt=task.prompts(2))
    for name in LANGUAGES.built_in:
        if LANGUAGES.about(name).family == TASK:
            for options in LANGUAGES.about(name).examples:
                own: Any = mt.as_language(f"{name}:{options}" if options else name)
                drawn = own.sample(1, own.length, seed=0)
                own.answers(drawn[0])
                own.answer_log_prob(drawn)
                drawn[0, -1] = own.vocab_size
                for trust in (1.0, 0.9):
                    own.oracle(trust).conditionals(drawn)
