"""What a prompt promises: to give it is to condition on it, for languages, denoisers and models alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Integer

from mdmtheory.conformance.bayes import Conditionals, bayes, masked_marginals, possible, said_at_masks
from mdmtheory.conformance.goodness import follows
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError
from mdmtheory.core.given import Given
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.protocols import Sees
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.enumeration import Law, all_sequences
from mdmtheory.exact.prompts import prompt_log_prob
from mdmtheory.prompts.drawing import drawn_prompts
from mdmtheory.prompts.registry import given_positions

OnePrompt = Integer[np.ndarray, "length"]

_KINDS = ("prefix:size=L/2", "suffix:size=1", "every:stride=2,first=1", "random:size=L/2")
_DRAWS = 20_000


def kinds_at(length: int, sees: Sees = "all") -> list[Given]:
    """Some choices of given positions, each once; first ones alone for who sees the left.

    DoesNotApplyError at a length that has none.
    """
    if length < 2:
        raise DoesNotApplyError(f"sequences of {length} token have no part that could be given")
    # The language matters to none of these.
    found = [given_positions(kind, "parity", length) for kind in (_KINDS if sees == "all" else _KINDS[:1])]
    return list(dict.fromkeys(each for each in found if each is not None))


def conditioned(law: Law, prompt: OnePrompt) -> Law:
    """q(x | prompt), of a law over all sequences and one prompt with masks; zeros where no sequence has it."""
    rest = tuple(slice(None) if token == law.shape[0] else slice(token, token + 1) for token in prompt.tolist())
    inside = np.zeros_like(law)
    inside[rest] = law[rest]
    total = inside.sum()
    return inside / total if total > 0 else inside


def own_prompt(language: Any, lengths: Iterator[int]) -> str:
    """What a language says is given, at some lengths: truth values, not all of them, and the same when asked again.

    It may refuse a length.
    """
    said: list[Given | None] = []
    for length in lengths:
        try:
            found = language.prompt(length)
        except ValueError:
            continue
        except ProtocolError as error:
            raise RefutedError(f"prompt({length}): {error}") from None
        try:
            given = None if found is None else Given.of(found, length)
        except ValueError as error:
            raise RefutedError(f"prompt({length}): {error}") from None
        if given_positions("own", language, length) != given:
            raise RefutedError(f"prompt({length}) is not the same when it is asked again")
        said.append(given)
    known = [each for each in said if each is not None]
    return f"{len(known)} of {len(said)} lengths have a prompt" if known else "it gives none"


def of_language(language: Any, law: Law) -> str:
    """log q of what is given, by the oracle's chain rule, and drawn prompts, against the enumerated law."""
    length = law.ndim
    sequences = sequences_of(law)
    worst, told = 0.0, []
    for given in kinds_at(length):
        hidden = tuple(np.flatnonzero(~given.positions))
        of_prompt = law.sum(axis=hidden)
        expected = np.broadcast_to(law.sum(axis=hidden, keepdims=True), law.shape).reshape(-1)
        off = np.abs(np.exp(prompt_log_prob(language, sequences, given)) - expected)
        worst = max(worst, float(off.max()))
        if not off.max() <= 1e-9:
            x = sequences[off.argmax()].tolist()
            raise RefutedError(f"the chain rule over positions {given.text} of {x} is off by {off.max():.2g}")
        prompts = drawn_prompts(language, given, _DRAWS, 3)
        told.append(follows(prompts[:, given.positions], of_prompt).partition(" in ")[0])
    return f"log q of prompts within {worst:.0e}; drawn ones {', '.join(told)}"


def prompted_marginals(
    denoiser: Any, contexts: Tokens, given: Given
) -> tuple[Conditionals, Bool[np.ndarray, "contexts"]]:
    """What a canvas says at the masks of contexts that it was opened at the given part of, the rest being written."""
    vocab_size = denoiser.vocab_size
    canvas = denoiser.open(*contexts.shape, prompt=given.prompts_of(contexts, vocab_size))
    rows, positions = np.nonzero((contexts < vocab_size) & ~given.positions)
    canvas.write(rows, positions, contexts[rows, positions].astype(np.int64))
    return said_at_masks(canvas, contexts, vocab_size)


def bayes_given(law: Law, contexts: Tokens, given: Given) -> Conditionals:
    """Bayes' rule at the masks of contexts on the law given each one's prompt; zeros in impossible contexts."""
    vocab_size = law.shape[0]
    out = np.zeros((*contexts.shape, vocab_size))
    prompts = given.prompts_of(contexts, vocab_size)
    for prompt in np.unique(prompts, axis=0):
        rows = np.flatnonzero((prompts == prompt).all(axis=1))
        own, answers = conditioned(law, prompt), contexts[rows]
        # The prompt is in the law already; what is left to see is of the answer.
        seen = np.where(given.positions, np.asarray(vocab_size, dtype=contexts.dtype), answers)
        out[rows] = bayes(own, seen) * possible(own, answers)[:, None, None]
    out[contexts != vocab_size] = 0.0
    return out


def shown_prompts(contexts: Tokens, vocab_size: int) -> Iterator[tuple[Given, Tokens]]:
    """Choices of given positions, each with the contexts in which these are revealed and some other position is not."""
    for given in kinds_at(contexts.shape[1]):
        whole = (contexts[:, given.positions] < vocab_size).all(axis=1)
        some = contexts[whole & (contexts == vocab_size).any(axis=1)]
        if len(some):
            yield given, some


def of_denoiser(denoiser: Any, contexts: Tokens, law: Law | None, tolerance: float) -> str:
    """Canvases opened at a prompt against those that it was written to, and against a law given it, if one is known."""
    compared, worst = 0, 0.0
    for given, shown in shown_prompts(contexts, denoiser.vocab_size):
        found, marked = prompted_marginals(denoiser, shown, given)
        written, marked_too = masked_marginals(denoiser, shown)
        against = {"writing it": written}
        if law is not None:
            against["Bayes' rule on the law given it"] = bayes_given(law, shown, given)
        for what, expected in against.items():
            off = np.abs(found - expected).max(axis=(1, 2))
            worst = max(worst, float(off.max()))
            if not off.max() <= tolerance:
                x = shown[off.argmax()].tolist()
                raise RefutedError(f"given {given.text} the marginals of {x} are off {what} by {off.max():.2g}")
        if (marked != marked_too).any():
            x = shown[(marked != marked_too).argmax()].tolist()
            raise RefutedError(f"whether {x} is marked impossible depends on whether its prompt was given or written")
        compared += len(shown)
    whom = "writing it" if law is None else "Bayes' rule on the law given it"
    return f"within {worst:.0e} of {whom} in {compared:,} contexts"


def of_model(model: Any, prompt: OnePrompt, law_given: Law | None, draws: int) -> str:
    """Draws and exact scores given one prompt, tokens with masks, against the law given it where that is known."""
    given, length = prompt < model.vocab_size, len(prompt)
    drawn = model.sample(12 if law_given is None else draws, length, 7, prompt=prompt)
    kept = (drawn.tokens[:, given] == prompt[given]).all(axis=1)
    if not kept.all():
        raise RefutedError(f"{drawn.tokens[kept.argmin()].tolist()} was drawn to the prompt {prompt.tolist()}")
    alone = model.sample(3, length, 7, first=4, prompt=np.tile(prompt, (3, 1)), threads=1)
    if not np.array_equal(alone.tokens, drawn.tokens[4:7]):
        raise RefutedError(f"answers to {prompt.tolist()} differ where they are drawn alone")
    if law_given is None:
        return "the law given a prompt is not known"
    seen = follows(drawn.tokens, law_given, drawn.impossible)
    whole = sequences_of(law_given)
    whole = whole[(whole[:, given] == prompt[given]).all(axis=1)]
    try:
        scored = model.log_prob(whole, 0, prompt=np.tile(prompt, (len(whole), 1)))
    except ValueError:
        return seen
    if scored.kind == "exact":
        off = np.abs(np.exp(np.asarray(scored.values)) - law_given[tuple(whole.T.astype(np.int64))])
        if not off.max() <= 1e-9:
            x = whole[off.argmax()].tolist()
            raise RefutedError(f"the exact log_prob of {x} given {prompt.tolist()} is off the law by {off.max():.2g}")
    return seen


def sequences_of(law: Law) -> Tokens:
    """Every sequence, in the order in which the law flattens."""
    return all_sequences(law.shape[0], law.ndim)
