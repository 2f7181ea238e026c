"""What a denoiser and the exact posterior say in the contexts that a model visits where its draws turn out to be x ~ q.

The choices are the model's own: its plans, or what its rule does with what its denoiser says. Its scoring is run once,
and a witness asks the exact posterior at every context in which a token is set: no answer of a network is asked for
twice, as it depends in its last digits on what else is in a batch (docs/theory.md, 2.6; ours).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.given import Given
from mdmtheory.core.prompts import Prompt, answers_in
from mdmtheory.core.protocols import Answers, Language
from mdmtheory.core.tokens import Tokens
from mdmtheory.metrics.learning_error import ENTRIES, compared_laws
from mdmtheory.models.adaptive_loop import AdaptiveRun
from mdmtheory.models.masked import MaskedDiffusion

PerToken = Float[np.ndarray, "count length"]
PerSequence = Float[np.ndarray, "count"]
Laws = Float[np.ndarray, "contexts length vocab_size"]


@dataclass(frozen=True, eq=False)
class Visited:
    """Answers of a language under a model, and in nats what two denoisers say where it sets each of their tokens.

    `tokens` are all of each sequence where no `prompt` is given.
    `run` is the model's own scoring, with the plan that it followed. In the context in which a token is set `exact` is
    log q(token | context), `said` what the denoiser makes of it, `error` KL(exact || denoiser), and `impossible` the
    mass that it puts on tokens that cannot be: 1 in a context that it holds to be impossible itself.
    """

    tokens: Tokens
    run: AdaptiveRun
    exact: PerToken
    said: PerToken
    error: PerToken
    impossible: PerToken
    prompt: Prompt | None
    _oracle: Any

    @property
    def log_p(self) -> PerSequence:
        """log p(x) given the plan, or the shuffle by which a rule breaks ties: what the model's scoring summed."""
        total: PerSequence = self.run.log_probs.sum(axis=1)
        return total

    @property
    def learning(self) -> PerSequence:
        """log q_plan(x) - log p_plan(x), from what both denoisers said in every context."""
        total: PerSequence = (self.exact - self.said).sum(axis=1)
        return total

    @property
    def hidden(self) -> Int[np.ndarray, "count length"]:
        """How many positions are masked when each is set, itself among them."""
        before = [np.searchsorted(np.sort(row), row) for row in self.run.plan]
        return self.run.plan.shape[1] - np.stack(before)

    def log_q_plan(self, threads: int | None = None) -> PerSequence:
        """log p(x) of the exact denoiser under the plan that was followed: a run of its own, in its own kernel."""
        exactly = MaskedDiffusion(self._oracle)
        run = exactly.run(self.run.plan, tokens=self.tokens, prompt=self.prompt, threads=threads)
        total: PerSequence = run.log_probs.sum(axis=1)
        return total


def visited(
    model: Any,
    language: Language,
    tokens: Tokens,
    seed: int,
    threads: int | None = None,
    given: Given | None = None,
) -> Visited:
    """Score whole sequences as `model.log_prob(tokens, seed)` does, with one plan, beside the exact posterior."""
    mask = language.vocab_size
    prompt = None if given is None else Prompt(given.prompts_of(tokens, mask), mask)
    answers = answers_in(prompt, tokens)
    witness = _Witness(language, model, answers, prompt, threads)
    run: AdaptiveRun = model.scored(tokens, seed, prompt=prompt and prompt.tokens, witness=witness, threads=threads)
    exact, said, error, impossible = witness.found
    unseen = np.isnan(said)  # in contexts that the denoiser holds to be impossible nothing is set
    for values, there in ((exact, 0.0), (said, -np.inf), (error, np.inf), (impossible, 1.0)):
        values[unseen] = there
    return Visited(answers, run, exact, said, error, impossible, prompt, witness.oracle)


class _Witness:
    """Asks the exact posterior wherever a model sets a token; `found` has a number a token, NaN where none was set."""

    def __init__(
        self, language: Language, model: Any, answers: Tokens, prompt: Prompt | None, threads: int | None
    ) -> None:
        self.oracle: Any = language.oracle()
        self.found: Float[np.ndarray, "4 count answered"] = np.full((4, *answers.shape), np.nan)
        self._answers, self._prompt, self._threads = answers, prompt, threads
        self._where = np.arange(answers.shape[1]) if prompt is None else prompt.answer
        # A model that asks such a denoiser shows whole answers.
        self._from_left = model.denoiser is not None and model.denoiser.sees == "left"

    def __call__(
        self,
        sequences: Int[np.ndarray, "contexts"],
        shown: Tokens,
        at: Int[np.ndarray, "n"],
        positions: Int[np.ndarray, "n"],
        answers: Answers,
    ) -> None:
        """Compare what is said of (at, position) pairs, rows of answers `shown`, with the exact laws."""
        asked, at = np.unique(at, return_inverse=True)
        whole = shown if self._prompt is None else self._prompt.take(sequences).joined(shown)
        size = max(1, ENTRIES // (whole.shape[1] * answers.vocab_size))
        for a in range(0, len(asked), size):
            contexts = asked[a : a + size]
            some = np.flatnonzero((at >= a) & (at < a + size))
            here, places, told = at[some] - a, positions[some], answers.take(some)
            laws = self._laws(whole[contexts])[here, self._where[places]]
            where = sequences[contexts[here]], places
            tokens = self._answers[where].astype(np.int64)
            error, _, impossible = compared_laws(laws, told)
            exact = np.log(laws[np.arange(len(tokens)), tokens])
            self.found[:, where[0], where[1]] = exact, told.log_prob_of(tokens), error, impossible

    def _laws(self, whole: Tokens) -> Laws:
        if self._from_left:  # of the first positions all that is not answered is given
            laws: Laws = self.oracle.next_laws(whole, first=int(self._where[0]), threads=self._threads)
            return laws
        around: Laws = self.oracle.conditionals(whole, threads=self._threads)
        return around
