"""Each check of a model refuses the bug that is planted for it; what is built in is certified in tests/cli."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance import models
from mdmtheory.conformance.models import check_model
from mdmtheory.conformance.settings import untied
from mdmtheory.core.defaults import ModelDefaults
from mdmtheory.core.protocols import LogProb, Samples
from mdmtheory.core.spec import Spec

BIGRAM, HMM, TRIGRAM = untied()


@pytest.mark.parametrize(
    "model",
    [
        mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(TRIGRAM), epsilon=0.1), sampler="entropy", steps=2),
        mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="draw_confidence", steps=3),
    ],
)
def test_models_of_other_samplers_pass_every_check(model):
    report = check_model(model)
    assert report.passed, str(report)
    assert [each.name for each in report.checks] == [each.name for each in models.TRIALS]


def tried(model, check):
    """One check of the suite alone."""
    found = next(trial for trial in models.TRIALS if trial.name == check).made(models.ModelCase(model, None))
    # Neither a slip of the bug nor the checks of shapes that run in tests alone are what refuses it.
    assert "raised" not in found.seen or found.seen.startswith("a denoiser that gives"), found
    return found


class Plain:
    """Sound: a model as somebody else may write it."""

    vocab_size, spec = 3, Spec.of("mine")
    identity = ("mine",)
    language = BIGRAM

    def __init__(self):
        self.inside = mt.Autoregressive(BIGRAM)

    def sample(self, count, length, seed, *, first=0, threads=None):
        return self.inside.sample(count, length, seed, first=first, threads=threads)

    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        return self.inside.log_prob(tokens, threads=threads)


def test_a_model_of_ones_own_passes():
    report = check_model(Plain())
    assert report.passed, str(report)
    assert report["law"].passed is True
    assert report["bad marginals"].passed is None


class Mine(Plain, ModelDefaults):
    """With what its guard would add; bugs are planted below."""


class TakesNoLength(Mine):
    def sample(self, count, length, seed, *, first=0, threads=None):
        return super().sample(count, max(length, 1), seed, first=first)


class LeavesMasks(Mine):
    def sample(self, count, length, seed, *, first=0, threads=None):
        found = super().sample(count, length, seed, first=first)
        return replace(found, tokens=np.where(found.tokens == 2, 3, found.tokens).astype(np.uint8))


class CountsOnce(Mine):
    """More rounds than calls."""

    def sample(self, count, length, seed, *, first=0, threads=None):
        found = super().sample(count, length, seed, first=first)
        return replace(found, calls=np.ones(count, dtype=np.int64))


class OfTheBatch(Mine):
    def sample(self, count, length, seed, *, first=0, threads=None):
        found = super().sample(count, length, seed + count, first=first)
        return replace(found, calls=found.calls + count, impossible=found.impossible)


class CostOfTheBatch(Mine):
    """Every sequence is charged what the longest takes."""

    def sample(self, count, length, seed, *, first=0, threads=None):
        found = super().sample(count, length, seed, first=first)
        calls = np.full(count, 1 + (found.tokens != 0).sum(axis=1).max(initial=0))
        return Samples(found.tokens, calls, calls.copy(), found.impossible)


class Seedless(Mine):
    def sample(self, count, length, seed, *, first=0, threads=None):
        return super().sample(count, length, 0, first=first)


class OwnChance(Mine):
    def sample(self, count, length, seed, *, first=0, threads=None):
        return super().sample(count, length, int(np.random.default_rng().integers(1 << 30)), first=first)


class Rare(Mine):
    """Draws a token anew where it is the last of the vocabulary."""

    def sample(self, count, length, seed, *, first=0, threads=None):
        found = super().sample(count, length, seed, first=first)
        return replace(found, tokens=np.where(found.tokens == 2, 1, found.tokens).astype(np.uint8))


class ScoresTheBatch(Mine):
    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        found = super().log_prob(tokens)
        return replace(found, values=found.values - 1e-6 * len(found.values))


class NotANumber(Mine):
    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        found = super().log_prob(tokens)
        return replace(found, values=found.values * np.where(np.asarray(tokens)[:, 0] == 0, np.nan, 1.0))


class TakesMasks(Mine):
    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        return super().log_prob(np.minimum(np.asarray(tokens), 2))


class Estimates(Mine):
    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        return LogProb(super().log_prob(tokens).values, "estimate")


class Tempered(Mine):
    """Scores by the square root of what it draws from."""

    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        return LogProb(super().log_prob(tokens).values / 2, "exact")


class SumsToLess(Mine):
    """Scores a sound law that is another one."""

    language = None

    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        return mt.Autoregressive(mt.NGram([0.4, 0.3, 0.3], BIGRAM.conditional)).log_prob(tokens)


class AboveTheTruth(Mine):
    """Calls a bound what is a fifth of a nat above the law."""

    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        return LogProb(super().log_prob(tokens).values + 0.2, "lower bound")


class AboveWhatIsDrawn(AboveTheTruth):
    """The same, of a model whose law is not known."""

    language = None

    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        return LogProb(self.inside.log_prob(tokens).values + 1.0, "lower bound")


class Clamps(mt.MaskedDiffusion):
    """Makes a law of whatever it is given."""

    def run(self, plan, states=None, tokens=None, *, threads=None):
        given = self.denoiser
        if hasattr(given, "run_plan"):
            return given.run_plan(plan, states, tokens, threads=threads)
        mended = type("Mended", (), {})()
        mended.vocab_size = given.vocab_size
        mended.open = lambda *arguments, **options: Mended(given.open(*arguments, **options), given.vocab_size)
        return super_run(mended, plan, states, tokens, threads)


def super_run(denoiser, plan, states, tokens, threads):
    from mdmtheory.models.canvas_loop import run_on_canvas

    return run_on_canvas(denoiser, plan, states, tokens, threads)


class Mended:
    def __init__(self, base, vocab_size):
        self.base, self.vocab_size = base, vocab_size

    def __getattr__(self, name):
        return getattr(self.base, name)

    def marginals(self, rows, positions):
        found = np.nan_to_num(np.abs(np.asarray(self.base.marginals(rows, positions))))[:, : self.vocab_size] + 1e-30
        return found / found.sum(axis=1, keepdims=True)


class Prompted(mt.Autoregressive):
    """Sound: conditioned on what is given."""

    def __init__(self):
        super().__init__(BIGRAM)


class ForgetsThePrompt(Prompted):
    def sample(self, count, length, seed, *, first=0, prompt=None, threads=None):
        return super().sample(count, length, seed, first=first, threads=threads)


class WritesThePromptOver(Prompted):
    """Draws as ever, and puts the prompt in place at the end."""

    def sample(self, count, length, seed, *, first=0, prompt=None, threads=None):
        drawn = super().sample(count, length, seed, first=first, threads=threads)
        tokens = drawn.tokens if prompt is None else np.where(prompt < 3, prompt, drawn.tokens)
        return replace(drawn, tokens=tokens.astype(np.uint8))


class ScoresThePromptToo(Prompted):
    def log_prob(self, tokens, seed=0, *, first=0, plans=1, prompt=None, threads=None):
        return super().log_prob(tokens, threads=threads)


class AnswersTheBatch(Prompted):
    """Every prompt is given the answer to the last."""

    def sample(self, count, length, seed, *, first=0, prompt=None, threads=None):
        drawn = super().sample(count, length, seed, first=first, prompt=prompt, threads=threads)
        return drawn if prompt is None else replace(drawn, tokens=np.roll(drawn.tokens, 1, axis=0))


BUGS = {
    "protocol": [TakesNoLength],
    "samples": [LeavesMasks, CountsOnce],
    "tokens alone": [OfTheBatch],
    "calls alone": [CostOfTheBatch],
    "seeds": [Seedless, OwnChance],
    "law": [Rare],
    "prompt": [ForgetsThePrompt, WritesThePromptOver, ScoresThePromptToo, AnswersTheBatch],
    "log_prob": [ScoresTheBatch, NotANumber, TakesMasks, Estimates],
    "exact": [Tempered, SumsToLess],
    "bound": [AboveTheTruth, AboveWhatIsDrawn],
    "bad marginals": [lambda: Clamps(mt.Oracle(BIGRAM), sampler="ancestral", steps=3)],
}


@pytest.mark.parametrize(("check", "bug"), [(check, bug) for check, bugs in BUGS.items() for bug in bugs])
def test_each_check_refuses_its_bug(check, bug):
    found = tried(bug(), check)
    assert found.passed is False, found
    assert "\n" not in str(found)


def test_each_check_has_its_bug():
    assert {each.name for each in models.TRIALS} == BUGS.keys()
