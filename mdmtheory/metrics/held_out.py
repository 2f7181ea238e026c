"""A denoiser as it is typed, and the sequences on which it is priced: held-out text, or draws of a known language."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.notices import notice
from mdmtheory.core.protocols import Language
from mdmtheory.core.register import check_options
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens
from mdmtheory.denoisers import DENOISERS
from mdmtheory.denoisers.huggingface import HuggingFace
from mdmtheory.denoisers.names import is_checkpoint
from mdmtheory.denoisers.network import network_of
from mdmtheory.languages.presets import as_language, own_length
from mdmtheory.models.contexts import score_contexts
from mdmtheory.models.noise import uniforms_of
from mdmtheory.networks.texts import read_sequences

LENGTH = 256
"""Tokens in a sequence of text, unless said; of a run and of a task its own."""
READ_ON = 64
"""Sequences on which the two ways to read logits are compared, at most."""
_MASKED = 0.15
_EXCLUDED = 100.0
"""Nats that a token is taken to cost that is said to be impossible."""
_STANDARD_ERRORS = 5.0
"""By how many a way to read logits has to be better to be taken."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A denoiser and sequences (count, length) to price it on; `said` tells of these.

    `language` is the law that they were drawn from, where it is known; `bytes_a_token` is of text, else None.
    """

    denoiser: Any
    tokens: Tokens
    said: str
    language: Language | None = None
    bytes_a_token: float | None = None

    def model(self, typed: str) -> str:
        """The denoiser as it was typed and as it calls itself, and its tokens, in words."""
        return f"{typed} ({self.denoiser.spec}), {self.denoiser.vocab_size:,} tokens"

    @property
    def novelty(self) -> str:
        """Whether a model can have been trained on the sequences, in words."""
        if self.language is not None:
            return "fresh draws of the language"
        return "whether the model was trained on it is not known here"


@whole_numbers(length=1, samples=2, seed=0)
def held_out(
    typed: str,
    *,
    text: str | PathLike[str] | None = None,
    lines: bool = False,
    lang: str | None = None,
    length: int | None = None,
    samples: int = 256,
    seed: int = 0,
) -> HeldOut:
    """The denoiser that is typed, and the first `samples` sequences of a text, or of a language.

    Text is for hf:PATH, whose tokenizer reads it; a run has a language of its own, and any denoiser takes `lang`. How
    the logits of a checkpoint are read, where `shift` was not typed, is seen on the sequences (`reading`). ValueError
    in one line for what does not go together.
    """
    spec = DENOISERS.typed(typed)
    check_options("denoiser", spec, DENOISERS.builder(spec.name))
    options: dict[str, Any] = dict(spec.options)
    checkpoint = is_checkpoint(spec)
    if (text is None) == (lang is None) and (text is not None or checkpoint):
        both = "text and lang are both given; give one of them" if text else f"no text for {typed}; give --text FILE"
        raise ValueError(both)
    if text is not None:
        if not checkpoint:
            raise ValueError(f"{typed} reads no text, only checkpoints do, hf:PATH; leave --text out, or give --lang")
        net = HuggingFace(options.pop("path"), **options)
        length = min(LENGTH, net.longest or LENGTH) if length is None else length
        net.validate_length(length)
        read = read_sequences(net.checkpoint, text, length, lines=lines, most=samples)
        net = read_as_made(net, read.tokens, said="shift" in options, seed=seed)
        return HeldOut(net, read.tokens, read.said, None, read.bytes_a_token)
    own = network_of(typed)
    if lang is not None:
        language: Any = as_language(lang)
    elif own is not None:
        language = own.run.language
    else:
        raise ValueError(f"{typed} is no run, which has a language of its own; give --lang, as --lang hmm")
    if length is None:
        length = own_length(language) or LENGTH if own is None else own.run.record.length
    denoiser = DENOISERS.build(spec, language)
    tokens = language.sample(samples, length, seed)
    if checkpoint:
        denoiser = read_as_made(denoiser, tokens, said="shift" in options, seed=seed)
    return HeldOut(denoiser, tokens, f"{samples:,} sequences of {length} tokens drawn from {language.spec}", language)


def reading(net: HuggingFace, tokens: Tokens, *, seed: int = 0) -> tuple[float, float]:
    """By how many nats a masked token `net` is better than with its logits read one position off, and standard errors.

    15 % of the tokens of up to 64 sequences are masked. A model that was read as it was made is better by nats; one
    that nobody trained by nothing.
    """
    some = tokens[:READ_ON]
    other = net.read_with(shift=not net.checkpoint.shift)
    states = stream_states(["reading", some.shape[1], seed], 0, len(some))
    uniforms = uniforms_of(states, np.arange(len(some)), some.shape[1])
    hidden = uniforms < np.maximum(_MASKED, uniforms.min(axis=1, keepdims=True) + 1e-12)
    plan = np.where(hidden, 2, 1).astype(np.int32)
    own, shifted = (
        np.maximum(score_contexts(each, plan, some, only=hidden).log_probs, -_EXCLUDED) for each in (net, other)
    )
    gains = np.where(hidden, own - shifted, 0.0).sum(axis=1) / hidden.sum(axis=1)
    return float(gains.mean()), float(gains.std(ddof=1) / math.sqrt(len(some))) if len(some) > 1 else math.inf


def read_as_made(net: HuggingFace, tokens: Tokens, *, said: bool, seed: int = 0) -> HuggingFace:
    """The checkpoint with its logits read where it puts them, which `tokens` tell; a notice where that is not as told.

    With `said` it is left as it is, whatever is found.
    """
    gain, error = reading(net, tokens, seed=seed)
    if gain > -_STANDARD_ERRORS * error:
        return net
    shift = not net.checkpoint.shift
    found = f"{-gain:.2g} nats a masked token are gained by reading its logits with shift={str(shift).lower()}"
    if said:
        notice(f"{net.checkpoint.path}: {found}; they are read as was asked")
        return net
    notice(f"{net.checkpoint.path}: {found}, and so they are read")
    return net.read_with(shift=shift)
