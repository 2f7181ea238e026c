"""Tasks whose right answers are counted: exact where a prompt has more of them than anybody could list."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Denoiser
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.tasks.base import Task
from mdmtheory.tasks.listing import check_answered
from mdmtheory.tasks.messages import MessageOracle


class Counted(Task):
    """A task of which all pairs of a prompt and a right answer are alike, and which counts answers without a list.

    A class says `are_prompts`, `rule_of_prompts`, `counted`, `messages` and `log_pairs` besides what a task says. Only
    `answers`, the list, stops at MOST_ANSWERS. P(prompt) is its number of answers over that of all pairs.
    """

    @abstractmethod
    def are_prompts(self, prompts: Tokens) -> Bool[np.ndarray, "count"]:
        """Whether they are written as prompts are, whether they have a right answer or not."""

    @property
    @abstractmethod
    def rule_of_prompts(self) -> str:
        """How prompts are written, in words, after what they are called: `formula: each of its ...`."""

    @abstractmethod
    def counted(self, prompts: Tokens) -> list[int]:
        """How many right answers has each of what are written as prompts; 0: none."""

    @abstractmethod
    def messages(
        self, prompts: Tokens, evidence: Float[np.ndarray, "count answered vocab_size"]
    ) -> Float[np.ndarray, "count answered vocab_size"]:
        """The law of each token of the answer by all evidence but its own (mdmtheory.tasks.messages)."""

    @property
    @abstractmethod
    def log_pairs(self) -> float:
        """The logarithm of how many pairs of a prompt and a right answer there are."""

    def oracle(self, trust: float = 1.0) -> Denoiser:
        """The exact posterior of the answer given the prompt and what is revealed of it, by counting."""
        return MessageOracle(self, trust)

    def check_prompts(self, prompts: Tokens) -> None:
        """ValueError, one line, for what is not written as a prompt is."""
        self.check_unmasked(prompts)
        if not self.are_prompts(prompts).all():
            called, _, rule = self.rule_of_prompts.partition(": ")
            raise ValueError(f"what was given is no {called} of {self.spec}: {rule}; see task.parse")

    def counts(self, prompts: Tokens) -> list[int]:
        """How many right answers each prompt (count, given) has; ValueError for what is none, or has none."""
        self.check_prompts(prompts)
        found = self.counted(prompts)
        check_answered(found, str(self.spec))
        return found

    def prompt_log_prob(self, prompts: Tokens) -> Float[np.ndarray, "count"]:
        """The logarithm of its number of right answers over that of all pairs, in nats; -inf where it has none."""
        found = np.full(len(prompts), -np.inf)
        written = np.flatnonzero(self.are_prompts(prompts))
        counts = self.counted(prompts[written])
        found[written] = [math.log(count) - self.log_pairs if count else -np.inf for count in counts]
        return found

    def answer_log_prob(self, tokens: TokensLike) -> Float[np.ndarray, "count"]:
        """Minus the logarithm of the number of right answers in nats, -inf outside the support."""
        tokens = as_tokens(tokens, self.vocab_size)
        found = np.full(len(tokens), -np.inf)
        inside = np.flatnonzero(self.in_support(tokens))
        prompts, which = np.unique(tokens[inside][:, self.given], axis=0, return_inverse=True)
        found[inside] = np.array([-math.log(count) for count in self.counted(prompts)])[which.reshape(-1)]
        return found

    @whole_numbers(threads=1)
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        """Minus the logarithm of the number of pairs in nats, -inf outside the support."""
        return np.where(self.in_support(as_tokens(tokens, self.vocab_size)), -self.log_pairs, -np.inf)

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(prompt) + H(answer | prompt) in nats, exact: the logarithm of the number of pairs."""
        self.validate_length(length)
        return Estimate.exact(self.log_pairs)
