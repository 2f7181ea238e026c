"""What a prompt says of a language, exactly: the probability of what is given, and the law given it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.given import Given
from mdmtheory.core.guards import unguarded
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import within_its_threads
from mdmtheory.core.tokens import TokensLike, as_tokens
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.prompts.registry import given_positions


@whole_numbers(threads=1)
@shows_progress
@within_its_threads
def prompt_log_prob(
    language: LanguageLike, tokens: TokensLike, prompt: Any, *, threads: int | None = None, progress: bool | None = None
) -> Float[np.ndarray, "count"]:
    """log q(x_S) in nats of what stands at the given positions S, -inf where no sequence has it; exact.

    `prompt` says which positions are given (`given_positions`). The chain rule over these from left to right, with
    the exact oracle, in one scoring run that reveals them one by one and all else at its end (docs/theory.md, 1; ours).

    >>> import mdmtheory as mt
    >>> prompt_log_prob(mt.Parity(), [[0, 1, 1, 0]], "prefix:size=3").round(6)
    array([-2.079442])
    """
    language = as_language(language)
    tokens = as_tokens(tokens, language.vocab_size)
    count, length = tokens.shape
    given = given_positions(prompt, language, length)
    if given is None:
        return np.zeros(count)
    if (answers := _own_answer_log_prob(language, tokens, given)) is not None:
        whole = language.log_prob(tokens, threads=threads)
        if (whole > -np.inf).all():
            return whole - answers
    # Whatever comes after the last given position, also where it fits nothing, says nothing of those before.
    plan = np.full(length, given.length - given.answer_length + 1)
    plan[given.positions] = np.arange(1, plan.max())
    run = _exactly(_Itself(language)).run(np.tile(plan, (count, 1)), tokens=tokens, threads=threads)
    found: Float[np.ndarray, "count"] = run.log_probs[:, given.positions].sum(axis=1)
    return found


class _Itself:
    """A language known by the very object: another may go by the same name, and a plug-in need have no hash."""

    def __init__(self, language: Any) -> None:
        self.language = language

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and unguarded(self.language) is unguarded(other.language)

    def __hash__(self) -> int:
        return id(unguarded(self.language))


@lru_cache(maxsize=4)
def _exactly(itself: _Itself) -> MaskedDiffusion:
    """Masked diffusion with the exact oracle, which keeps its tables from one chunk of a sweep to the next."""
    return MaskedDiffusion(itself.language.oracle(), sampler="left_to_right")


def answer_log_prob(
    language: Language, tokens: TokensLike, given: Given | None, *, threads: int | None = None
) -> Float[np.ndarray, "count"]:
    """log q(answer | prompt) = log q(x) - log q(prompt) in nats, -inf outside the support; log q(x) without a prompt.

    A prompt that no sequence has makes it -inf too.
    """
    if given is not None and (own := _own_answer_log_prob(language, tokens, given)) is not None:
        return own
    whole = language.log_prob(tokens, threads=threads)
    return whole if given is None else given_the_prompt(whole, language, tokens, given, threads=threads)


def _own_answer_log_prob(language: Any, tokens: TokensLike, given: Given) -> Float[np.ndarray, "count"] | None:
    """What a language that gives a prompt itself knows of its answers; None for other prompts, and of most languages.

    Of a task log q of the prompt need not be known, nor what its oracle says where the prompt is masked.
    """
    prompt = language.prompt(given.length)
    if prompt is None or (prompt != given.positions).any():
        return None
    found: Float[np.ndarray, "count"] | None = language.answer_log_prob(tokens)
    return found


def given_the_prompt(
    whole: Float[np.ndarray, "count"],
    language: Language,
    tokens: TokensLike,
    given: Given,
    *,
    threads: int | None = None,
) -> Float[np.ndarray, "count"]:
    """Log probabilities of whole sequences less log q of their prompts in nats; -inf stays."""
    inside, found = np.isfinite(whole), whole.copy()
    found[inside] -= prompt_log_prob(language, np.asarray(tokens)[inside], given, threads=threads)
    return found
