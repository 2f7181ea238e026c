"""What a model promises: sequences and scores that speak of one law, each sequence by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mdmtheory.conformance.drawing import (
    Replaced,
    check_alone_or_together,
    check_refusals,
    check_samples,
    check_seeds,
)
from mdmtheory.conformance.goodness import LEAST_P, follows
from mdmtheory.conformance.prompts import OnePrompt, kinds_at, of_model
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError, Report, Trial, make, refuses
from mdmtheory.conformance.settings import LENGTH, enumerable_length
from mdmtheory.core.contracts import as_denoiser, as_model, check_vocabularies
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.core.plugins import conforms
from mdmtheory.core.protocols import Denoiser, Language, LogProb, Samples, SequenceModel
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import canonical_json
from mdmtheory.core.tokens import token_dtype
from mdmtheory.exact.enumeration import Law, all_sequences
from mdmtheory.exact.law import law
from mdmtheory.languages.presets import LanguageLike, as_language

_DRAWS = 6_000
_SEEDS = 40


def check_model(model: SequenceModel, language: LanguageLike | None = None) -> Report:
    """Try everything that a model promises; ValueError for what is no model.

    Its draws are held against the exact law where `mt.exact.law` knows it or `log_prob` is exact. `language`: what the
    model is a model of, where neither it nor its denoiser has a `language`.

    >>> from mdmtheory import Autoregressive, Parity
    >>> check_model(Autoregressive(Parity())).passed
    True
    """
    model = as_model(model)
    given = None if language is None else as_language(language)
    if given is not None:
        check_vocabularies(model, given)
    return make("model", str(model.spec), TRIALS, ModelCase(model, given))


@dataclass(frozen=True)
class ModelCase:
    """A model, and what is known of its short sequences."""

    model: Any
    given: Language | None

    @property
    def language(self) -> Language | None:
        """What it is a model of, if that is known."""
        asked = self.denoiser
        found: Language | None = self.given or self.model.language or (None if asked is None else asked.language)
        return found

    @property
    def denoiser(self) -> Any:
        """The denoiser that it asks, if it shows one."""
        found = self.model.denoiser
        return as_denoiser(found) if conforms(found, Denoiser) else None

    def allowed(self, length: int) -> bool:
        """Whether it has sequences of a length."""
        try:
            if self.language is not None:
                self.language.validate_length(length)
            self.model.sample(1, length, 0)
        except ValueError:
            return False
        return True

    @cached_property
    def length(self) -> int:
        """A length whose sequences can be enumerated, or a short one."""
        found = enumerable_length(self.model.vocab_size, self.allowed)
        return min(found or LENGTH, LENGTH)

    @cached_property
    def longer(self) -> int:
        """A length that is not too short, if the model takes it."""
        return next(length for length in (9, self.length) if self.allowed(length))

    @cached_property
    def law(self) -> Law:
        """p(x) of all sequences; DoesNotApplyError where it is not known."""
        vocab_size, length = self.model.vocab_size, self.length
        if enumerable_length(vocab_size, lambda each: each == length) is None:
            raise DoesNotApplyError(f"{vocab_size} tokens are too many to enumerate sequences")
        if self.language is not None:
            try:
                return law(self.model, self.language, length, prompt=None)
            except ValueError as reason:
                raise DoesNotApplyError(f"the exact law is not known: {reason}") from None
        scored = self.scores(all_sequences(vocab_size, length))
        if scored.kind != "exact":
            raise DoesNotApplyError(f"log_prob is a {scored.kind}, and no language is given")
        return np.exp(np.asarray(scored.values)).reshape((vocab_size,) * length)

    def law_given(self, prompt: OnePrompt) -> Law | None:
        """The law of all sequences given one prompt; None where it is not known."""
        if self.language is None:
            return None
        try:
            return law(self.model, self.language, len(prompt), prompt=prompt)
        except ValueError:
            return None

    def scores(self, tokens: np.ndarray, seed: int = 0, **options: Any) -> LogProb:
        """log p(x); DoesNotApplyError with the reason where the model refuses."""
        try:
            scored: LogProb = self.model.log_prob(tokens, seed, **options)
        except ValueError as reason:
            raise DoesNotApplyError(f"log_prob is refused: {reason}") from None
        return scored

    @cached_property
    def samples(self) -> Samples:
        """The sequences that are held against laws."""
        drawn: Samples = self.model.sample(_DRAWS, self.length, 7)
        return drawn


def _protocol(case: ModelCase) -> str:
    model = case.model
    if not isinstance(model.spec, Spec):
        raise RefutedError(f"spec is {model.spec!r}")
    if not isinstance(model.device, str):
        raise RefutedError(f"device is {model.device!r}; name one, as cpu or cuda:0")
    token_dtype(model.vocab_size)
    canonical_json(model.identity)
    if not case.allowed(case.length):
        raise RefutedError(f"sampling at length {case.length} is refused")
    refuses("sampling at length 0", lambda: model.sample(1, 0, 0))
    return f"{model.vocab_size} tokens"


def _samples(case: ModelCase) -> str:
    for length in {1, case.length, case.longer}:
        if case.allowed(length):
            check_samples(case.model.sample(40, length, 2), 40, length, case.model.vocab_size)
    check_samples(case.model.sample(0, case.length, 2), 0, case.length, case.model.vocab_size)
    cut = int(np.asarray(case.samples.impossible).sum())
    return f"whole but for {cut:,} of {_DRAWS:,} that met an impossible context"


def _tokens_alone(case: ModelCase) -> str:
    return check_alone_or_together(case.model, case.longer, ("tokens", "impossible"))


def _calls_alone(case: ModelCase) -> str:
    return check_alone_or_together(case.model, case.longer, ("calls", "rounds"))


def _seeds(case: ModelCase) -> str:
    return check_seeds(lambda seed: case.model.sample(64, case.longer, seed).tokens)


def _law(case: ModelCase) -> str:
    return follows(case.samples.tokens, case.law, case.samples.impossible)


def _prompt(case: ModelCase) -> str:
    if not case.model.takes_prompts:
        raise DoesNotApplyError("it takes no prompt")
    whole = case.samples.tokens[~np.asarray(case.samples.impossible)]
    seen = []
    denoiser = case.model.denoiser
    for number, given in enumerate(kinds_at(case.length, "all" if denoiser is None else denoiser.sees)):
        prompt = given.prompts_of(whole[number : number + 1], case.model.vocab_size)[0]
        seen.append(of_model(case.model, prompt, case.law_given(prompt), _DRAWS))
    return "; ".join(dict.fromkeys(seen))


def _log_prob(case: ModelCase) -> str:
    tokens = case.model.sample(12, case.length, 4).tokens
    tokens = np.where(tokens == case.model.vocab_size, 0, tokens).astype(tokens.dtype)
    together = case.scores(tokens, 3, threads=2)
    if together.kind not in ("exact", "lower bound"):
        raise RefutedError(f"log_prob is of kind {together.kind!r}; known: exact, lower bound")
    values = np.asarray(together.values)
    if values.shape != (12,) or np.isnan(values).any() or (together.kind == "exact" and (values > 1e-9).any()):
        raise RefutedError(f"log_prob of 12 sequences is {values.tolist()}")
    for first, count in ((0, 1), (1, 6), (7, 5)):
        alone = np.asarray(case.scores(tokens[first : first + count], 3, first=first, threads=1).values)
        if not np.allclose(alone, values[first : first + count], rtol=1e-12, atol=1e-12):
            raise RefutedError(
                f"log_prob of sequences {first}..{first + count - 1} differs where they are scored alone"
            )
    bad = tokens[:1].astype(np.int64)
    bad[0, 0] = case.model.vocab_size
    refuses("log_prob of a mask", lambda: case.model.log_prob(bad, 0))
    return f"{together.kind}, of each sequence by itself"


def _exact(case: ModelCase) -> str:
    scored = case.scores(all_sequences(case.model.vocab_size, case.length))
    if scored.kind != "exact":
        raise DoesNotApplyError(f"log_prob is a {scored.kind}")
    p = np.exp(np.asarray(scored.values))
    if not p.sum() <= 1 + 1e-9:
        raise RefutedError(f"the probabilities of all {len(p):,} sequences sum to {p.sum():.9g}")
    shape = (case.model.vocab_size,) * case.length
    return f"sums to {p.sum():.6g}; {follows(case.samples.tokens, p.reshape(shape), case.samples.impossible)}"


def _bound(case: ModelCase) -> str:
    """The mean of the bound over seeds, for every sequence, against its probability or how often it was drawn."""
    sequences = all_sequences(case.model.vocab_size, case.length)
    if case.scores(sequences[:1]).kind != "lower bound":
        raise DoesNotApplyError("log_prob is exact")
    values = np.array([np.asarray(case.scores(sequences, seed).values) for seed in range(_SEEDS)])
    always = np.isfinite(values).all(axis=0)
    highest = _most_probable(case, sequences)
    with np.errstate(divide="ignore"):
        room = np.log(highest[always])
    mean, spread = values[:, always].mean(axis=0), values[:, always].std(axis=0, ddof=1) / np.sqrt(_SEEDS)
    over = mean - 6 * spread - room
    if over.size and not over.max() <= 1e-9:
        x = sequences[always][over.argmax()].tolist()
        raise RefutedError(
            f"the bound of log p({x}) is {mean[over.argmax()]:.6g} nats on average, above {room[over.argmax()]:.6g}"
        )
    return f"below log p for {always.sum():,} sequences, averaged over {_SEEDS} seeds"


def _most_probable(case: ModelCase, sequences: np.ndarray) -> np.ndarray:
    try:
        return case.law.reshape(-1)
    except DoesNotApplyError:
        whole = np.asarray(case.samples.tokens)[~np.asarray(case.samples.impossible)].astype(np.int64)
        places = case.model.vocab_size ** np.arange(case.length)[::-1]
        counts = np.bincount(whole @ places, minlength=len(sequences))
        return np.array([clopper_pearson(int(each), _DRAWS, 1 - LEAST_P)[1] for each in counts])


def _bad_marginals(case: ModelCase) -> str:
    if case.denoiser is None:
        raise DoesNotApplyError("it has no `denoiser`")

    def draw(change: Callable[[np.ndarray], np.ndarray]) -> object:
        other = copy.copy(case.model)
        other.denoiser = Replaced(case.denoiser, change)
        return other.sample(4, case.length, 0)

    return check_refusals(draw)


TRIALS: tuple[Trial[ModelCase], ...] = (
    Trial(
        "protocol",
        "the members of mdmtheory.core.protocols.SequenceModel; length 0 is refused in one line",
        "compare with that protocol",
        _protocol,
        gate=True,
    ),
    Trial(
        "samples",
        "tokens without a mask unless marked impossible, calls, and rounds that are no more than calls",
        "return core.protocols.Samples with one number for each sequence",
        _samples,
    ),
    Trial(
        "tokens alone",
        "a sequence is the same drawn alone or among others, whatever the threads",
        "draw sequence i from stream i of core.streams.stream_states",
        _tokens_alone,
    ),
    Trial(
        "calls alone",
        "calls and rounds of a sequence are the same drawn alone or among others",
        "count for each sequence, never for the batch",
        _calls_alone,
    ),
    Trial("seeds", "one seed gives the same tokens again, another seed others", "key the streams by the seed", _seeds),
    Trial("law", "draws follow the enumerated law, at p > 1e-6 (G-test)", "draw from that law", _law),
    Trial(
        "prompt",
        "answers keep the prompt, each by itself, and follow the law given it, as an exact log_prob does, at p > 1e-6",
        "open the canvas at the prompt, and let plans and samplers see the positions of the answer alone",
        _prompt,
    ),
    Trial(
        "log_prob",
        "log_prob says its kind, is no NaN, scores each sequence by itself, and refuses masks in one line",
        "key what is drawn for a score by the sequence's number, first + i",
        _log_prob,
    ),
    Trial(
        "exact",
        "an exact log_prob sums to at most 1 and is the law of the draws, at p > 1e-6 (G-test)",
        "call a bound a lower bound",
        _exact,
    ),
    Trial(
        "bound",
        "a lower bound is on average not above log p(x)",
        "average logarithms of probabilities, and correct nothing upwards",
        _bound,
    ),
    Trial(
        "bad marginals",
        "marginals that are NaN, negative, not normalised or of the wrong shape are refused in one line",
        "ask canvases through mdmtheory.models.asking",
        _bad_marginals,
    ),
)
