"""What is tried of every language, with a prompt or without: the protocol, lengths, tokens, digests and seeds."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from mdmtheory.conformance.drawing import check_seeds
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError, Trial, refuses
from mdmtheory.conformance.settings import allowed_by, enumerable_length
from mdmtheory.core.protocols import Language
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, as_tokens, token_dtype
from mdmtheory.exact.enumeration import Law, all_sequences

LONG = 48


@dataclass(frozen=True)
class LanguageCase:
    """A language, and what is known of its short sequences."""

    language: Language

    @cached_property
    def length(self) -> int:
        """The length of the sequences that are enumerated; DoesNotApplyError where there are too many."""
        found = enumerable_length(self.language.vocab_size, allowed_by(self.language))
        if found is None:
            raise DoesNotApplyError(f"{self.language.vocab_size} tokens are too many to enumerate sequences")
        return found

    @cached_property
    def sequences(self) -> Tokens:
        """All sequences of that length."""
        return all_sequences(self.language.vocab_size, self.length)

    @cached_property
    def law(self) -> Law:
        """q(x) of all of them, by `log_prob`."""
        values = np.asarray(self.language.log_prob(self.sequences))
        if values.shape != (len(self.sequences),) or np.isnan(values).any():
            raise RefutedError(f"log_prob gave shape {values.shape}, NaN {np.isnan(values).sum()} times")
        return np.exp(values).reshape((self.language.vocab_size,) * self.length)

    def longest(self, wanted: int) -> int:
        """A length as near to the wanted one as the language has."""
        allowed = allowed_by(self.language)
        return next(length for length in range(wanted, 0, -1) if allowed(length))


def _protocol(case: LanguageCase) -> str:
    language = case.language
    if not language.vocab_size >= 1:
        raise RefutedError(f"vocab_size is {language.vocab_size!r}")
    token_dtype(language.vocab_size)
    if Spec.parse(str(language.spec)).name != language.spec.name:
        raise RefutedError(f"spec is {language.spec!r}, which cannot be typed")
    if not isinstance(language.parameters(), dict):
        raise RefutedError(f"parameters gave a {type(language.parameters()).__name__}")
    return f"{language.vocab_size} tokens"


def _lengths(case: LanguageCase) -> str:
    language = case.language
    for length in (0, -1):
        refuses(f"length {length}", partial(language.validate_length, length))
        refuses(f"sampling at length {length}", partial(language.sample, 1, length, 0))
    allowed = allowed_by(language)
    refused = next((length for length in range(1, 65) if not allowed(length)), None)
    if refused is None:
        return "0 and -1 are refused"
    tokens = np.zeros((1, refused), dtype=token_dtype(language.vocab_size))
    for what, act in (
        ("sampling", lambda: language.sample(1, refused, 0)),
        ("log_prob", lambda: language.log_prob(tokens)),
        ("in_support", lambda: language.in_support(tokens)),
    ):
        refuses(f"{what} at length {refused}, which validate_length refuses,", act)
    return f"0, -1 and {refused} are refused"


def _tokens(case: LanguageCase) -> str:
    language, length = case.language, case.longest(5)
    tokens = language.sample(50, length, 0)
    if tokens.shape != (50, length) or tokens.dtype != token_dtype(language.vocab_size):
        raise RefutedError(f"sample gave shape {tokens.shape} and dtype {tokens.dtype} for 50 sequences of {length}")
    as_tokens(tokens, language.vocab_size)
    for what, bad in (("a mask", language.vocab_size), ("a negative token", -1)):
        given = tokens[:1].astype(np.int64)
        given[0, 0] = bad
        refuses(f"log_prob of {what}", partial(language.log_prob, given))
    masked = tokens.copy()
    masked[:, 0] = language.vocab_size
    if np.asarray(language.in_support(masked)).any():
        raise RefutedError("a row that holds a mask is said to be in the support")
    return f"dtype {tokens.dtype}; masks and tokens outside the vocabulary are refused"


def _digest(case: LanguageCase) -> str:
    language: Any = case.language
    before = language.digest
    language.in_support(language.sample(2, case.longest(3), 0))
    if not isinstance(before, str) or not before or language.digest != before:
        raise RefutedError(f"the digest was {before!r} and is {language.digest!r}")
    from mdmtheory.languages.files import load_language
    from mdmtheory.languages.kinds import built_in_kind

    if built_in_kind(language) is None:
        return f"{before[:12]}, and stays"
    with tempfile.TemporaryDirectory() as folder:
        language.save(Path(folder) / "language.npz")
        loaded = load_language(Path(folder) / "language.npz")
    ours, theirs = (each.sample(20, case.longest(5), 4) for each in (language, loaded))
    if loaded.digest != before or not np.array_equal(ours, theirs):
        raise RefutedError("the language is another one after saving and loading")
    return f"{before[:12]}, also when saved and loaded"


def _seeds(case: LanguageCase) -> str:
    length = case.longest(LONG)
    return check_seeds(lambda seed: case.language.sample(64, length, seed))


SHARED: dict[str, Trial[Any]] = {
    each.name: each
    for each in (
        Trial(
            "protocol",
            "vocab_size, a spec that can be typed, parameters",
            "compare with mdmtheory.core.protocols.Language",
            _protocol,
            gate=True,
        ),
        Trial(
            "lengths",
            "lengths below 1, and those that validate_length refuses, are refused everywhere in one line",
            "call validate_length wherever a length comes in",
            _lengths,
        ),
        Trial(
            "tokens",
            "tokens (count, length) of the smallest unsigned type; masks are in no support; others are refused",
            "read tokens through mdmtheory.core.tokens.as_tokens",
            _tokens,
        ),
        Trial(
            "digest",
            "the digest stays, and saving keeps the language",
            "compute the digest from the kind and the parameters; let `from_parameters` rebuild an equal language",
            _digest,
        ),
        Trial(
            "seeds",
            "one seed gives the same sequences again, another seed others",
            "key the streams by the seed",
            _seeds,
        ),
    )
}
"""By name."""
