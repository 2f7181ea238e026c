"""Prompts: positions that are given, and the answer that is the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Integer

from mdmtheory.core.tokens import Tokens, as_tokens

Answered = Integer[np.ndarray, "count answered"]
"""The tokens of answers alone."""


@dataclass(frozen=True, eq=False)
class Prompt:
    """What is given of each sequence: `tokens` (count, length), the mask wherever nothing is.

    The same positions are given in every row, and at least one is not. Plans, samplers and schedules are of the answer
    alone: its positions, `answer`, from left to right.
    """

    tokens: Tokens
    mask: int

    @cached_property
    def given(self) -> Bool[np.ndarray, "length"]:
        """Which positions are given."""
        return self.tokens[0] != self.mask if len(self.tokens) else np.zeros(self.tokens.shape[1], dtype=np.bool_)

    @cached_property
    def answer(self) -> Int[np.ndarray, "answered"]:
        """The positions that are not given."""
        return np.flatnonzero(~self.given)

    def take(self, rows: Any) -> Prompt:
        """The prompts of some sequences, by number, slice or mask."""
        return Prompt(self.tokens[rows], self.mask)

    def answers_of(self, tokens: Tokens) -> Answered:
        """The answer's part of whole sequences."""
        return np.ascontiguousarray(tokens[:, self.answer])

    def joined(self, answers: Answered) -> Tokens:
        """Whole sequences: the prompts with these answers."""
        whole = self.tokens.copy()
        whole[:, self.answer] = answers
        return whole


def whole_length(prompt: Prompt | None, answered: int) -> int:
    """The length of sequences whose answers have so many tokens."""
    return answered if prompt is None else prompt.tokens.shape[1]


def answer_length(prompt: Prompt | None, length: int) -> int:
    """How many tokens the answers of sequences of a length have."""
    return length if prompt is None else len(prompt.answer)


def answers_in(prompt: Prompt | None, tokens: Tokens) -> Answered:
    """The answers in whole sequences."""
    return tokens if prompt is None else prompt.answers_of(tokens)


def with_answers(prompt: Prompt | None, answers: Answered) -> Tokens:
    """Whole sequences with these answers."""
    return answers if prompt is None else prompt.joined(answers)


def as_prompt(prompt: Any, count: int, length: int | None, vocab_size: int) -> Prompt | None:
    """The prompts of `count` sequences: (count, length) tokens and masks, or one row for all; None where none is given.

    Of any length where that is None. ValueError for another shape, where rows are given different positions, and where
    nothing is left to answer. A Prompt is taken as it is.
    """
    if prompt is None or isinstance(prompt, Prompt):
        return prompt
    tokens = as_tokens(prompt, vocab_size, masks=True)
    length = tokens.shape[1] if length is None else length
    if tokens.shape not in ((count, length), (1, length)):
        raise ValueError(
            f"the prompt has shape {np.shape(prompt)}; pass {(count, length)}, or {(length,)} for all sequences, with "
            f"the mask {vocab_size} where nothing is given"
        )
    tokens = np.repeat(tokens, count, axis=0) if len(tokens) == 1 and count != 1 else tokens
    found = Prompt(tokens, vocab_size)
    if ((tokens != vocab_size) != found.given).any():
        raise ValueError("the prompts give different positions; pass those that give the same ones together")
    if not found.given.any():
        return None
    if not len(found.answer):
        raise ValueError("the prompt gives every position, so nothing is left to answer; leave a mask")
    return found


def prompt_of(prompt: Any, tokens: Tokens, vocab_size: int) -> Prompt | None:
    """The prompts of given sequences; ValueError where these are none, or do not agree with the sequences."""
    asked = as_prompt(prompt, tokens.shape[0], tokens.shape[1], vocab_size)
    if asked is not None and (asked.joined(asked.answers_of(tokens)) != tokens).any():
        raise ValueError("the tokens are not what the prompt gives; pass the sequences with their own prompts")
    return asked
