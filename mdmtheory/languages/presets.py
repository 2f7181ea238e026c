"""Languages by name: what `--lang` takes."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from mdmtheory.core.contracts import LANGUAGE
from mdmtheory.core.guards import guarded
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.plugins import conforming
from mdmtheory.core.protocols import Language
from mdmtheory.core.spec import Registry, Spec

NGRAM_PRUNE = 1.0
"""Chosen so that at length 512 SER under ancestral sampling falls from above 0.9 at 64 steps to below 0.2 at 2048."""

MOST_STACKS = 4_000
"""Largest number of stacks of `dyck`: it has up to twice as many hidden states, and a dense transition matrix."""

_HERE = "mdmtheory.languages.presets"

LANGUAGES = Registry(
    "language",
    {
        "hmm": f"{_HERE}:hmm",
        "ngram": f"{_HERE}:ngram",
        "dyck": f"{_HERE}:dyck",
        "copy": f"{_HERE}:copy",
        "equal_pairs": f"{_HERE}:equal_pairs",
        "permutation": f"{_HERE}:permutation",
        "parity": f"{_HERE}:parity",
        "repetition": f"{_HERE}:repetition",
    },
)


def as_language(language: str | PathLike[str] | Spec | Language) -> Language:
    """A language from its spec, from a saved file (a path that ends in .npz), or as it is."""
    if isinstance(language, Spec):
        return _built(language)
    if isinstance(language, str | PathLike):
        if str(language).endswith(".npz"):
            from mdmtheory.languages.files import load_language

            return load_language(Path(language))
        check_no_file_meant(language)
        return _built(Spec.parse(str(language)))
    return guarded(conforming(language, f"the language {type(language).__name__}", Language), LANGUAGE)


def check_no_file_meant(language: str | PathLike[str]) -> None:
    """ValueError for a text that can only mean a file, by its folder or ending or since it is there, but not .npz."""
    text = str(language)
    head = text.partition("=")[0]  # paths of options are theirs
    name = head.partition(":")[0]
    if name in LANGUAGES and isinstance(language, str):
        return
    made = "`mdmtheory language new SPEC -o FILE.npz`"
    if ":" not in head and text.strip() and os.path.exists(text):  # noqa: PTH110  # which no odd name upsets
        raise ValueError(f"{text} is no language file, since those end in .npz; pass one that {made} wrote")
    if "/" in head or (name == text and Path(name).suffix) or not isinstance(language, str):
        raise ValueError(f"no language file {text}, and those end in .npz; make one with {made}, or name a language")


def language_named(name: str, digest: str | None = None) -> Language | None:
    """The built-in language that a name in results stands for; None for other names, or where its digest is another.

    Names in results are data, and may be those of saved files or plug-ins: none is imported or opened.
    """
    try:
        language = as_language(name) if LANGUAGES.is_plain(name) and not name.endswith(".npz") else None
    except ValueError:
        return None
    return language if language is None or digest in (None, language.digest) else None


def _built(spec: Spec) -> Language:
    name = f"language {spec}"
    language: Language = guarded(conforming(LANGUAGES.build(spec), name, Language), LANGUAGE, name)
    object.__setattr__(language, "spec", spec)
    return language


@whole_numbers(states=1, vocab_size=1, seed=0)
def hmm(
    *,
    states: int = 32,
    vocab_size: int = 8,
    seed: int = 0,
    prune_transition: float = 2.5,
    prune_emission: float = 2.0,
    sticky: float = 0.0,
) -> Language:
    """A random hidden Markov model with pruned Dirichlet(1) rows; sticky=s stays in a state with probability s."""
    from mdmtheory.languages.hmm import HMM

    return HMM.random(
        states=states,
        vocab_size=vocab_size,
        seed=seed,
        prune_transition=prune_transition,
        prune_emission=prune_emission,
        sticky=sticky,
    )


@whole_numbers(order=1, vocab_size=1, seed=0)
def ngram(*, order: int = 2, vocab_size: int = 8, seed: int = 0, prune: float = NGRAM_PRUNE) -> Language:
    """A random n-gram with pruned Dirichlet(1) rows, n = order from 1 to 6."""
    from mdmtheory.languages.ngram import NGram

    return NGram.random(order=order, vocab_size=vocab_size, seed=seed, prune=prune)


@whole_numbers(kinds=1, depth=1)
def dyck(*, kinds: int = 2, depth: int = 4) -> Language:
    """Nested brackets of some kinds and bounded depth; every allowed move equally likely, no end condition."""
    from mdmtheory.languages.hmm import HMM

    stacks_so_far, level_size = 0, 1
    for _ in range(depth + 1):
        stacks_so_far, level_size = stacks_so_far + level_size, level_size * kinds
        if stacks_so_far > MOST_STACKS:
            raise ValueError(
                f"kinds={kinds} and depth={depth} make more than {MOST_STACKS:,} stacks; use fewer of them"
            )
    levels: list[list[tuple[int, ...]]] = [[()]]
    for _ in range(depth):
        levels.append([(*stack, kind) for stack in levels[-1] for kind in range(kinds)])
    stacks = [stack for level in levels for stack in level]
    # A hidden state is the stack after a move and the token that the move wrote.
    states: dict[tuple[Any, int], int] = {}
    for stack in stacks:
        for move, _ in _bracket_moves(stack, kinds, depth):
            states.setdefault(move, len(states))
    transition = np.zeros((len(states), len(states)))
    emission = np.zeros((len(states), 2 * kinds))
    for (stack, token), state in states.items():
        emission[state, token] = 1.0
        for move, probability in _bracket_moves(stack, kinds, depth):
            transition[state, states[move]] = probability
    initial = np.zeros(len(states))
    for move, probability in _bracket_moves((), kinds, depth):
        initial[states[move]] = probability
    return HMM(initial, transition, emission)


def _bracket_moves(stack: tuple[int, ...], kinds: int, depth: int) -> list[tuple[tuple[tuple[int, ...], int], float]]:
    """((next stack, token), probability): tokens 0..kinds-1 open, kinds..2*kinds-1 close."""
    moves = [((*stack, kind), kind) for kind in range(kinds)] if len(stack) < depth else []
    if stack:
        moves.append((stack[:-1], kinds + stack[-1]))
    return [(move, 1 / len(moves)) for move in moves]


@whole_numbers(distance=1, vocab_size=1)
def copy(*, distance: int = 16, vocab_size: int = 8) -> Language:
    """In blocks of 2*distance tokens the second half repeats the uniform first half."""
    from mdmtheory.languages.paired import Copy

    return Copy(distance=distance, vocab_size=vocab_size)


@whole_numbers(vocab_size=1)
def equal_pairs(*, vocab_size: int = 16) -> Language:
    """Positions (1,2), (3,4), ... carry the same uniform symbol."""
    from mdmtheory.languages.paired import EqualPairs

    return EqualPairs(vocab_size=vocab_size)


@whole_numbers(items=1)
def permutation(*, items: int = 8) -> Language:
    """A uniformly random ordering of items, no item twice."""
    from mdmtheory.languages.permutation import Permutation

    return Permutation(items=items)


def parity() -> Language:
    """Bit strings with an even number of ones, all equally likely."""
    from mdmtheory.languages.parity import Parity

    return Parity()


@whole_numbers(vocab_size=1)
def repetition(*, vocab_size: int = 8) -> Language:
    """One uniform symbol, repeated."""
    from mdmtheory.languages.repetition import Repetition

    return Repetition(vocab_size=vocab_size)
