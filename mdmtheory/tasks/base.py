"""What tasks have in common: a law of prompts, a law of right answers to each, a verifier, a way to write it down."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.given import Given
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_ANSWERS
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.protocols import Denoiser
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.base import LanguageBase
from mdmtheory.languages.presets import TASK
from mdmtheory.prompts.drawing import drawn_prompts
from mdmtheory.tasks.drawing import Draws, Row
from mdmtheory.tasks.listing import ListedOracle, Listing, Listings


class Task(LanguageBase):
    """Draw a prompt, then one of its right answers; all sequences have one length (docs/theory.md, section 14).

    A class says its `source`, and `_draw`, `follows_rule`, `right_answers`, `show` and `parse`; where they are known in
    closed form, `prompt_log_prob` and `entropy` besides. Its constructor calls `_settle`.
    """

    source: ClassVar[str]
    """The paper that the task is from, or `ours`."""
    family: ClassVar[str] = TASK
    fixed_length: ClassVar[bool] = True
    least_number: ClassVar[int] = 0
    oracle_name = "listed"
    length: int
    given: Bool[np.ndarray, "length"]
    """Which positions the prompt has."""
    pad: int | None = None
    """The token that fills answers which are shorter than the longest; it is drawn and scored as any other."""

    def _settle(self, vocab_size: int, given: Any, spec: Spec | None) -> None:
        token_dtype(vocab_size)
        self.vocab_size = vocab_size
        self.given = np.array(given, dtype=np.bool_)
        self.given.setflags(write=False)
        self.length = len(self.given)
        self._listings = Listings(self._listed, self)
        # What is made of arrays is known by its digest.
        typed = None if self.arrays else Spec.of(self.kind, **self.parameters())
        self._named(spec or typed)

    def __repr__(self) -> str:
        return self._made or f"as_language({str(self.spec)!r})"

    def parameters(self) -> dict[str, Any]:
        """Arrays and numbers from which `from_parameters` builds an equal task."""
        return {name: getattr(self, name) for name in (*self.arrays, *self.numbers)}

    @whole_numbers(length=1)
    def validate_length(self, length: int) -> None:
        """ValueError for another length than the task's."""
        super().validate_length(length)
        if length != self.length:
            raise MisfitError(
                f"length is {length}, and sequences of {self.spec} have {self.length} tokens; pass {self.length}, or "
                "leave the length out"
            )

    @whole_numbers(length=1)
    def prompt(self, length: int) -> Bool[np.ndarray, "length"] | None:
        """Which positions are given; the rest is the answer."""
        self.validate_length(length)
        return self.given.copy() if self.given.any() else None

    # ------------------------------------------------------------------------------------- what a class has to say

    @abstractmethod
    def _draw(self, draws: Draws) -> Row:
        """A prompt and one of its right answers, (length,), by their law."""

    @abstractmethod
    def follows_rule(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Whether whole sequences are a prompt of the task with a right answer, by the rule, and not by a list."""

    @abstractmethod
    def right_answers(self, prompt: Row) -> Tokens:
        """Every right answer to a prompt (given,), each once, (answers, answered), in an order that stays.

        None, or ValueError with what is wrong, for what is no prompt of the task. More than MOST_ANSWERS need not be
        listed to their end.
        """

    def answer_weights(self, prompt: Row, answers: Tokens) -> Float[np.ndarray, "answers"] | None:
        """How likely each right answer is, up to a factor; None: all alike."""
        return None

    @abstractmethod
    def show(self, tokens: TokensLike) -> str:
        """One sequence as a person would write it; a mask is shown as `_`."""

    @abstractmethod
    def parse(self, text: str) -> Row:
        """The sequence (length,) that `show` wrote; ValueError, one line, for what is none."""

    def prompt_log_prob(self, prompts: Tokens) -> Float[np.ndarray, "count"]:
        """log P(prompt) in nats of prompts (count, given), -inf for what is none; ValueError where it is not known."""
        raise ValueError(
            f"how likely a prompt of {self.spec} is is not known; ask for log P(answer | prompt), answer_log_prob"
        )

    def strata(self, tokens: TokensLike) -> list[str]:
        """Of each sequence how hard its prompt is, in words: here by the number of right answers, in powers of two."""
        return [_in_words(count) for count in self.counts(self._whole(tokens)[:, self.given])]

    def counts(self, prompts: Tokens) -> list[int]:
        """How many right answers each prompt (count, given) has, by listing them; ValueError as of `answers`.

        Where they can be counted otherwise, there may be more than can be listed (mdmtheory.tasks.counted).
        """
        return [len(self.answers(each)) for each in prompts]

    # --------------------------------------------------------------------------------------- what follows from that

    def answers(self, prompt: TokensLike) -> Listing:
        """All right answers to one prompt, its tokens (given,) or a sequence (length,); ValueError where there is none.

        Also, in one line, where there are more than MOST_ANSWERS (mdmtheory.core.limits).
        """
        tokens = as_tokens(prompt, self.vocab_size, masks=True)[0]
        tokens = tokens[self.given] if len(tokens) == self.length else tokens
        self.check_unmasked(tokens[None])
        return self._listings[tokens]

    def check_unmasked(self, prompts: Tokens) -> None:
        """ValueError, one line, unless prompts (count, given) have as many tokens as they should, and no masks."""
        masks = int((prompts == self.vocab_size).sum())
        if prompts.shape[1] != self.given.sum() or masks:
            raise ValueError(
                f"a prompt of {self.spec} has {self.given.sum()} tokens, and {prompts.shape[1]} are given with {masks} "
                "masks among them; pass task.prompts(1, seed=0), say"
            )

    def _listed(self, prompt: Row) -> Listing:
        found = self.right_answers(prompt).astype(token_dtype(self.vocab_size))
        return Listing(found, self.answer_weights(prompt, found))

    def whole_law(self) -> Listing:
        """All sequences, prompts and answers, with their probabilities: what is asked where a prompt is masked.

        ValueError for a task of which there is no such list.
        """
        raise ValueError(
            f"{self.spec} was asked about sequences whose prompt is masked, which is not listed; give the whole "
            "prompt: prompt=task.prompts(count, seed), or prompt own"
        )

    @whole_numbers(count=0, seed=0, first=0)
    def prompts(self, count: int, seed: int = 0, *, first: int = 0) -> Tokens:
        """Prompts drawn from the task, (count, length), the mask where the answer is: those of sweeps of a seed."""
        given = Given.of(self.given)
        if given is None:
            return np.full((count, self.length), self.vocab_size, dtype=token_dtype(self.vocab_size))
        return drawn_prompts(self, given, count, seed, first=first)

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Tokens:
        """Sequences first..first+count-1, (count, length), of the stream that (language, length, seed) names."""
        streams = self._streams(count, length, seed, first)
        out = np.empty((count, length), dtype=token_dtype(self.vocab_size))
        for row, state in enumerate(streams):
            out[row] = self._draw(Draws(state))
        return out

    def drawn_answer(self, prompt: Row, draws: Draws) -> Row:
        """One of the right answers to a prompt, by its weight: for `_draw` of a class that draws its prompt first."""
        found = self.answers(prompt)
        answer: Row = found.tokens[draws.one_of(found.all_weights)]
        return answer

    def joined(self, prompt: Any, answer: Any) -> Row:
        """The whole sequence of a prompt (given,) and an answer (answered,)."""
        out = np.empty(self.length, dtype=token_dtype(self.vocab_size))
        out[self.given], out[~self.given] = prompt, answer
        return out

    def in_support(self, tokens: TokensLike) -> Bool[np.ndarray, "count"]:
        """Whether the prompt is one of the task and the answer right; False for a row that holds a mask."""
        tokens = self._whole(tokens)
        found: Bool[np.ndarray, "count"] = np.asarray((tokens < self.vocab_size).all(axis=1))
        found[found] = self.follows_rule(tokens[found])
        return found

    def answer_log_prob(self, tokens: TokensLike) -> Float[np.ndarray, "count"]:
        """log P(answer | prompt) in nats, -inf outside the support."""
        tokens = as_tokens(tokens, self.vocab_size)
        found = np.full(len(tokens), -np.inf)
        inside = np.flatnonzero(self.in_support(tokens))
        prompts, which = np.unique(tokens[inside][:, self.given], axis=0, return_inverse=True)
        for number, prompt in enumerate(prompts):
            rows = inside[which.reshape(-1) == number]
            found[rows] = self.answers(prompt).log_prob(np.ascontiguousarray(tokens[rows][:, ~self.given]))
        return found

    @whole_numbers(threads=1)
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        """log P(prompt) + log P(answer | prompt) in nats, -inf outside the support."""
        tokens = as_tokens(tokens, self.vocab_size)
        found = self.answer_log_prob(tokens)
        inside = np.flatnonzero(found > -np.inf)
        if len(inside):
            found[inside] += self.prompt_log_prob(tokens[inside][:, self.given])
        return found

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(prompt) + H(answer | prompt) in nats."""
        self.validate_length(length)
        return self._sampled_entropy(length, count, seed)

    def entropy_rate(self) -> Estimate | None:
        """None: sequences have one length."""
        return None

    def padding(self, tokens: TokensLike) -> Int[np.ndarray, "count"]:
        """How many tokens of each answer are padding."""
        answers = self._whole(tokens)[:, ~self.given]
        padded: Int[np.ndarray, "count"] = (answers == (-1 if self.pad is None else self.pad)).sum(axis=1)
        return padded

    def oracle(self, trust: float = 1.0) -> Denoiser:
        """The exact posterior of the answer given the prompt and what is revealed of it."""
        return ListedOracle(self, trust)

    def _whole(self, tokens: TokensLike) -> Tokens:
        found = as_tokens(tokens, self.vocab_size, masks=True)
        self.validate_length(found.shape[1])
        return found


def _in_words(count: int) -> str:
    """Between which powers of two a number of answers is."""
    power = count.bit_length() - 1
    if not power:
        return "1 answer"
    return f"{1 << power}..{(2 << power) - 1} answers" if count <= MOST_ANSWERS else f"2^{power}..2^{power + 1} answers"
