"""Each check of a denoiser refuses the bug that is planted for it; what is built in is certified in tests/cli."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance import denoisers
from mdmtheory.conformance.denoiser_case import DenoiserCase
from mdmtheory.conformance.denoisers import check_denoiser
from mdmtheory.conformance.settings import untied
from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.spec import Spec
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.oracles.answers import LawAnswers
from mdmtheory.oracles.canvas import ConditionalsCanvas

BIGRAM, HMM, TRIGRAM = untied()


def test_a_denoiser_that_is_almost_uniform_is_tried_by_every_check():
    report = check_denoiser(mt.Perturbed(mt.Oracle(BIGRAM), epsilon=5.0))
    assert report.passed, str(report)
    assert [each.name for each in report.checks] == [each.name for each in denoisers.TRIALS]


def tried(denoiser, check, language=None):
    """One check of the suite alone."""
    case = DenoiserCase(denoiser, language)
    found = next(trial for trial in denoisers.TRIALS if trial.name == check).made(case)
    # Neither a slip of the bug nor the checks of shapes that run in tests alone are what refuses it.
    assert "raised" not in found.seen or "RuntimeError" in found.seen, found
    return found


class Plain:
    """Sound: a denoiser as somebody else may write it, from the exact conditionals."""

    spec, identity = Spec.of("mine"), ["mine"]
    noises = frozenset({"masked"})

    def __init__(self, language=BIGRAM):
        self.inside = mt.Oracle(language)
        self.vocab_size = language.vocab_size

    def conditionals(self, tokens, *, threads=None):
        return self.inside.conditionals(tokens, threads=threads)

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        if noise not in self.noises:
            raise ValueError(f"no {noise} noise; known: masked")
        return self.canvas(self, count, length, prompt, threads)

    canvas = ConditionalsCanvas


def test_a_denoiser_of_ones_own_passes():
    report = check_denoiser(Plain(), BIGRAM)
    assert report.passed, str(report)
    assert report["claim"].passed is True
    assert check_denoiser(Plain())["claim"].passed is None


@pytest.mark.parametrize("sampler", ["ancestral", "entropy"])
def test_a_denoiser_of_ones_own_is_sampled_and_scored_like_the_oracle_it_asks(sampler):
    mine, oracle = (mt.MaskedDiffusion(each, sampler=sampler, steps=2) for each in (Plain(), mt.Oracle(BIGRAM)))
    np.testing.assert_allclose(mt.exact.law(mine, BIGRAM, 3), mt.exact.law(oracle, BIGRAM, 3), rtol=1e-12)
    assert (mine.sample(200, 4, 0).tokens <= 3).all()
    assert np.isfinite(mt.ter(mine, BIGRAM, 4, count=60, seed=0).value)


class CanvasAlone:
    """Sound, and no more than the protocol."""

    vocab_size, spec, identity = 3, Spec.of("canvas_alone"), ["canvas_alone"]
    noises = frozenset({"masked"})

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        return mt.Oracle(BIGRAM).open(count, length, noise=noise, prompt=prompt, threads=threads)


def test_a_canvas_is_enough_to_be_enumerated_perturbed_and_replayed():
    """What a denoiser leaves out is said once, in core.defaults: its conditionals are what its canvas answers."""
    report = check_denoiser(CanvasAlone(), BIGRAM)
    assert report.passed, str(report)
    for sampler in ("ancestral", "entropy", "entropy:ties=lowest"):
        alone, oracle = (
            mt.MaskedDiffusion(each, sampler=sampler, steps=2) for each in (CanvasAlone(), mt.Oracle(BIGRAM))
        )
        np.testing.assert_allclose(mt.exact.law(alone, BIGRAM, 3), mt.exact.law(oracle, BIGRAM, 3), rtol=1e-12)
        assert alone.log_prob_kind == ("exact" if "lowest" in sampler else "lower bound")
    contexts = DenoiserCase(as_denoiser(CanvasAlone()), BIGRAM).contexts
    moved = (mt.Perturbed(each, epsilon=0.05).conditionals(contexts) for each in (CanvasAlone(), mt.Oracle(BIGRAM)))
    np.testing.assert_allclose(*moved, atol=1e-12)
    given = {"plan": np.tile([1, 2, 2], (5, 1)).astype(np.int32), "tokens": BIGRAM.sample(5, 3, 0)}
    run, same = (
        run_on_canvas(mt.Perturbed(each, epsilon=0.05), **given) for each in (CanvasAlone(), mt.Oracle(BIGRAM))
    )
    np.testing.assert_allclose(run.log_probs, same.log_probs, rtol=1e-12)
    assert run.calls.tolist() == same.calls.tolist() == [2] * 5  # though a guard hands out copies of what is counted
    with pytest.raises(ValueError, match="which denoiser canvas_alone does not know; use the oracle"):
        mt.MaskedDiffusion(CanvasAlone(), sampler="independent:mu=0.1", steps=2).sample(1, 3, 0)


class Mine(Plain, DenoiserDefaults):
    """With what its guard would add; bugs are planted below."""


class TakesAnyNoise(Mine):
    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        return ConditionalsCanvas(self, count, length, prompt, threads)


class Unscaled(Mine):
    def conditionals(self, tokens, *, threads=None):
        return 0.5 * super().conditionals(tokens)


class Unmarked(Mine):
    class canvas(ConditionalsCanvas):
        def marginals(self, rows, positions):
            found = super().marginals(rows, positions)
            self.impossible[:] = False
            return found


class MarksAll(Mine):
    class canvas(ConditionalsCanvas):
        def marginals(self, rows, positions):
            found = super().marginals(rows, positions)
            self.impossible[rows] = True
            return found


class Blind(Mine):
    """Does not see the right half; finds contexts possible that are not."""

    def conditionals(self, tokens, *, threads=None):
        tokens = np.array(tokens)
        hidden = tokens.copy()
        hidden[:, tokens.shape[1] // 2 :] = self.vocab_size
        found = super().conditionals(hidden)
        rows, positions = np.nonzero(tokens < self.vocab_size)
        found[rows, positions] = np.eye(self.vocab_size)[tokens[rows, positions]]
        return found


class NeverErases(Mine):
    class canvas(ConditionalsCanvas):
        def write(self, rows, positions, tokens):
            kept = tokens != self.denoiser.vocab_size
            super().write(rows[kept], positions[kept], tokens[kept])


class IgnoresPrompts(Mine):
    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        return super().open(count, length, noise=noise, threads=threads)


class AnswersLate(Mine):
    """Asked twice about a row, gives the old answer: what was written in between is not seen."""

    class canvas(ConditionalsCanvas):
        def marginals(self, rows, positions):
            if not hasattr(self, "kept"):
                self.kept = self.denoiser.conditionals(self.tokens)
            super().marginals(rows, positions)
            return self.kept[rows, positions]


class TwoWays(Mine):
    class canvas(ConditionalsCanvas):
        def marginals(self, rows, positions):
            found = super().marginals(rows, positions)
            return found if len(found) == 0 else (found + found.mean(axis=0) * 1e-6) / (1 + 1e-6)


class NotOneHot(Mine):
    def conditionals(self, tokens, *, threads=None):
        found = super().conditionals(tokens)
        shown = np.asarray(tokens) < self.vocab_size
        found[shown] = found[shown] * 0.9 + 0.1 / self.vocab_size
        return found


class OfTheBatch(Mine):
    def conditionals(self, tokens, *, threads=None):
        found = super().conditionals(tokens)
        return found + 1e-7 * (found.mean(axis=0) - found) if len(found) > 3 else found


class CountsPositions(Mine):
    class canvas(ConditionalsCanvas):
        def marginals(self, rows, positions):
            np.add.at(self.calls, rows, 1)
            before = self.calls.copy()
            found = super().marginals(rows, positions)
            self.calls[:] = before
            return found


class CountsTheBatch(Mine):
    class canvas(ConditionalsCanvas):
        def marginals(self, rows, positions):
            found = super().marginals(rows, positions)
            self.calls[:] = self.calls.max()
            return found


class OtherOrder(Mine):
    """Its kernel takes one uniform a position from left to right, not in the order of the plan."""

    fused = True

    def run_plan(self, plan, states=None, tokens=None, **options):
        from mdmtheory.models.canvas_loop import run_on_canvas

        if tokens is not None:
            return run_on_canvas(self, plan, None, tokens)
        run = run_on_canvas(self, plan[:, ::-1].copy(), states)
        return type(run)(*(each[:, ::-1] if each.ndim == 2 else each for each in vars(run).values()))


class OffBySome(mt.Perturbed):
    """Mixes by a share, and calls it nats."""

    def open(self, count, length, **options):
        return mt.Perturbed(self.base, epsilon=1.1 * self.epsilon).open(count, length, **options)


class NoisyByMasks(Mine):
    """Takes uniform noise, and trusts what it sees."""

    noises = frozenset({"masked", "uniform"})

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        canvas = ConditionalsCanvas(self, count, length, prompt, threads)
        if noise == "uniform":
            canvas.posterior = lambda evidence: self._posterior(canvas, evidence)
        return canvas

    def _posterior(self, canvas, evidence):
        canvas.calls += 1
        canvas.rounds += 1
        return np.eye(self.vocab_size)[evidence.tokens]


class LessSure(LawAnswers):
    def confidence(self):
        return super().confidence() / 2


class AnsweringCanvas(ConditionalsCanvas):
    def ask(self, rows, positions, *, level=None):
        return LessSure.of(self.marginals(rows, positions))

    def settle_before(self, position):
        pass


class LessSureThanItsLaws(Plain):
    canvas = AnsweringCanvas
    language = length = None


class SeesAllAround(Plain, DenoiserDefaults):
    sees = "left"


class SeesOtherBlocks(Plain, DenoiserDefaults):
    sees, block = "block", 2


BUGS = {
    "protocol": [lambda: (TakesAnyNoise(), None)],
    "normalised": [lambda: (Unscaled(), None), lambda: (Unmarked(), None)],
    "impossible": [lambda: (MarksAll(), None)],
    "claim": [
        lambda: (Blind(), BIGRAM),
        lambda: (OffBySome(mt.Oracle(BIGRAM), epsilon=0.05), None),
        lambda: (Mine(), HMM),
    ],
    "sight": [lambda: (SeesAllAround(), None), lambda: (SeesOtherBlocks(), None)],
    "history": [lambda: (NeverErases(), None), lambda: (IgnoresPrompts(), None), lambda: (AnswersLate(), None)],
    "prompt": [lambda: (IgnoresPrompts(), None), lambda: (Blind(), BIGRAM)],
    "conditionals": [lambda: (TwoWays(), None), lambda: (NotOneHot(), None)],
    "alone": [lambda: (OfTheBatch(), None)],
    "answers": [lambda: (LessSureThanItsLaws(), None)],
    "calls": [lambda: (CountsPositions(), None), lambda: (CountsTheBatch(), None)],
    "noises": [lambda: (NoisyByMasks(), BIGRAM)],
    "fused": [lambda: (OtherOrder(), None)],
}


@pytest.mark.parametrize(("check", "bug"), [(check, bug) for check, bugs in BUGS.items() for bug in bugs])
def test_each_check_refuses_its_bug(check, bug):
    denoiser, language = bug()
    found = tried(denoiser, check, language)
    assert found.passed is False, found
    assert "\n" not in str(found)


def test_each_check_has_its_bug():
    assert {each.name for each in denoisers.TRIALS} == BUGS.keys()


def test_a_large_vocabulary_is_shown_some_contexts():
    rows = np.full((60, 60), 1 / 60)
    report = check_denoiser(Plain(mt.NGram(rows[0], rows)))
    assert report.passed, str(report)
