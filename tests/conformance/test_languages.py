"""Each check of a language refuses the bug that is planted for it; what is built in is certified in tests/cli."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory import HMM, NGram, Parity, Permutation
from mdmtheory.conformance import languages
from mdmtheory.conformance.languages import check_language
from mdmtheory.core.estimate import Estimate
from mdmtheory.languages.base import LanguageBase
from mdmtheory.oracles.canvas import ConditionalsCanvas

PARAMETERS = {
    "initial": [0.6, 0.4],
    "transition": [[0.7, 0.3], [0, 1]],
    "emission": [[0.55, 0.45, 0], [0, 0.2, 0.8]],
}


@pytest.mark.parametrize(
    "lang",
    [
        "ngram:order=3,vocab_size=2",
        "equal_pairs:vocab_size=2",
        HMM(**PARAMETERS),
    ],
)
def test_languages_pass_every_check(lang):
    report = check_language(lang)
    assert report.passed, str(report)
    assert [each.name for each in report.checks] == [each.name for each in languages.TRIALS]


def tried(language, check):
    """One check of the suite alone."""
    found = next(trial for trial in languages.TRIALS if trial.name == check).made(languages.LanguageCase(language))
    # Neither a slip of the bug nor the checks of shapes that run in tests alone are what refuses it.
    assert "raised" not in found.seen or "RuntimeError" in found.seen, found
    return found


class Any3(HMM):
    """Sound; the bugs below are planted in it."""

    def __init__(self):
        super().__init__(**PARAMETERS)


class Nameless(Any3):
    def parameters(self):
        return super().parameters() if not getattr(self, "_frozen", False) else list(super().parameters())


class TakesAnyLength(Any3):
    def validate_length(self, length):
        pass

    def sample(self, count, length, seed, *, first=0, threads=None):
        return super().sample(count, max(length, 1), seed, first=first, threads=threads)[:, : max(length, 0)]


class ForgetsItsLengths(Permutation):
    """Scores sequences that are longer than it says there are."""

    def in_support(self, tokens):
        return np.zeros(len(tokens), dtype=bool)


class Wide(Any3):
    def sample(self, count, length, seed, *, first=0, threads=None):
        return super().sample(count, length, seed, first=first, threads=threads).astype(np.int64)


class SupportsMasks(Any3):
    def in_support(self, tokens):
        tokens = np.where(np.asarray(tokens) == self.vocab_size, 2, tokens)
        return super().in_support(tokens.astype(np.uint8))


class Unnormalised(Any3):
    def log_prob(self, tokens, *, threads=None):
        return super().log_prob(tokens, threads=threads) + 1e-6


class Uniform(Any3):
    """Scores by another law than it draws from."""

    def log_prob(self, tokens, *, threads=None):
        mixed = np.exp(super().log_prob(tokens, threads=threads)) * 0.9
        return np.log(mixed + 0.1 / self.vocab_size ** np.asarray(tokens).shape[1])


class Floors(Any3):
    """The published way: impossible events have probability 1e-30."""

    def log_prob(self, tokens, *, threads=None):
        return np.maximum(super().log_prob(tokens, threads=threads), np.log(1e-30))


class ByThreshold(Any3):
    def in_support(self, tokens):
        return np.exp(self.log_prob(np.asarray(tokens))) > 1e-300


class Underflows(Any3):
    def log_prob(self, tokens, *, threads=None):
        with np.errstate(divide="ignore"):
            return np.log(np.exp(super().log_prob(tokens, threads=threads)))


class Short(Any3):
    """Scores the first 32 tokens only."""

    def log_prob(self, tokens, *, threads=None):
        return super().log_prob(np.ascontiguousarray(np.asarray(tokens)[:, :32]), threads=threads)


class Smooths(Any3):
    """Its oracle gives every token a chance, so no context is impossible."""

    def oracle(self, trust=1.0):
        oracle = super().oracle(trust)
        exact = oracle.conditionals
        oracle.conditionals = lambda tokens, threads=None: exact(tokens) * (1 - 1e-6) + 1e-6 / self.vocab_size
        oracle.open = lambda count, length, *, noise="masked", prompt=None, threads=None: ConditionalsCanvas(
            oracle, count, length, prompt, threads
        )
        return oracle


class Trusts(Any3):
    """Its oracle takes half of the distrust that it is told to have."""

    def oracle(self, trust=1.0):
        return super().oracle((1 + trust) / 2)


class CallsItExact(Any3):
    def entropy(self, length, count=10_000, seed=0):
        return Estimate.exact(super().entropy(length, count, seed).value)


class CallsItUpper(Any3):
    def entropy(self, length, count=10_000, seed=0):
        value = super().entropy(length, count, seed).value - 0.2
        return Estimate(value, value, value, level=0.95, kind="upper bound", count=count)


class Drifts(Any3):
    turns = [0]  # noqa: RUF012  # what changes between calls is the bug

    @property
    def digest(self):
        self.turns[0] += 1
        return f"{LanguageBase.digest.func(self)}{self.turns[0]}"


class OfTheBatch(Any3):
    def sample(self, count, length, seed, *, first=0, threads=None):
        return super().sample(count + first, length, seed, threads=threads)[::-1][:count].copy()


class Seedless(Any3):
    def sample(self, count, length, seed, *, first=0, threads=None):
        return super().sample(count, length, 0, first=first, threads=threads)


class OwnChance(Any3):
    def sample(self, count, length, seed, *, first=0, threads=None):
        return super().sample(count, length, int(np.random.default_rng().integers(1 << 30)), first=first)


class OtherOracle(Any3):
    def oracle(self, trust=1.0):
        return mt.Oracle(mt.NGram.random(order=1, vocab_size=3, seed=5), trust=trust)


class GivesAll(Any3):
    def prompt(self, length):
        return np.ones(length, dtype=bool)


class ChangesItsPrompt(Any3):
    turns = [0]  # noqa: RUF012  # what changes between calls is the bug

    def prompt(self, length):
        self.turns[0] += 1
        return np.arange(length) < self.turns[0] % 2


BUGS = {
    "protocol": [Nameless],
    "lengths": [TakesAnyLength, lambda: ForgetsItsLengths(items=4)],
    "tokens": [Wide, SupportsMasks],
    "sums to 1": [Unnormalised],
    "samples": [Uniform],
    "support": [Floors],
    "long": [ByThreshold, Underflows],
    "chain rule": [Short, Floors],
    "conditionals": [Smooths],
    "prompt": [OtherOracle, GivesAll, ChangesItsPrompt],
    "trust": [Trusts],
    "entropy": [CallsItExact, CallsItUpper],
    "digest": [Drifts],
    "alone": [OfTheBatch],
    "seeds": [Seedless, OwnChance],
}


@pytest.mark.parametrize(("check", "bug"), [(check, bug) for check, bugs in BUGS.items() for bug in bugs])
def test_each_check_refuses_its_bug(check, bug):
    found = tried(bug(), check)
    assert found.passed is False, found
    assert "\n" not in str(found)


def test_each_check_has_its_bug():
    assert {each.name for each in languages.TRIALS} == BUGS.keys()


def test_where_a_language_cannot_be_enumerated_it_is_said_so():
    rows = np.full((200, 200), 1 / 200)
    report = check_language(NGram(rows[0], rows))
    assert report.passed
    assert report["chain rule"].passed is True


def test_what_every_sequence_shares_is_no_seed():
    assert tried(NGram(1.0, [1.0, 0.0]), "seeds").passed is None
    assert tried(Parity(), "seeds").passed is True
