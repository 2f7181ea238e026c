"""What a step learns from is its own; what is validated on is learnt from in none."""

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.exact.enumeration import entropy_nats
from mdmtheory.oracles.on_device import DeviceOracle, LawsOnDevice
from mdmtheory.prompts.registry import given_positions
from mdmtheory.theory.instances import bigram3
from mdmtheory.training import batches as module
from mdmtheory.training.batches import Batches, first_answered, noised_answers
from mdmtheory.training.data import as_data
from mdmtheory.training.objectives.registry import as_objective
from tests import brute_force

LANGUAGE = mt.as_language("ngram:order=1,vocab_size=4")
LENGTH, ROWS, STEPS = 40, 4, 5


def batches(targets="oracle", seed=3):
    objective, data = as_objective("mdm", LANGUAGE.vocab_size), as_data("fresh", LANGUAGE, LENGTH, seed)
    return Batches(objective, LANGUAGE, data, targets=targets, known=True, rows=ROWS, device="cpu")


def rows_of(found):
    return set(map(tuple, found.noised.clean.tolist()))


def masks_of(found):
    return tuple((found.noised.seen == LANGUAGE.vocab_size).reshape(-1).tolist())


def test_every_step_masks_other_positions():
    made = batches()
    masks = [masks_of(made.training(step)) for step in range(STEPS)] + [masks_of(made.validation(0, ROWS))]
    assert len(set(masks)) == len(masks)


def test_no_validation_sequence_is_learnt_from_and_no_validation_is_another():
    made = batches()
    learnt = set.union(*(rows_of(made.training(step)) for step in range(STEPS)))
    validated = [rows_of(made.validation(number, ROWS)) for number in range(3)]
    assert len(learnt) == STEPS * ROWS
    assert len(set.union(*validated)) == 3 * ROWS
    assert not learnt & set.union(*validated)


def test_targets_are_given_where_the_exact_posterior_teaches_and_both_kinds_see_the_same():
    exact, tokens = batches().training(1), batches("tokens").training(1)
    assert exact.targets.shape == (ROWS, LENGTH, LANGUAGE.vocab_size)
    assert tokens.targets is None
    np.testing.assert_array_equal(exact.noised.seen, tokens.noised.seen)
    assert exact.floor != tokens.floor


def test_another_seed_has_other_sequences_and_other_masks_in_training_and_validation():
    seeds = [batches(seed=seed) for seed in (3, 4)]
    for one, other in (
        [made.training(0) for made in seeds],
        [made.validation(0, ROWS) for made in seeds],
    ):
        assert not rows_of(one) & rows_of(other)
        assert masks_of(one) != masks_of(other)


OBJECTIVES = ("mdm", "mgdm", "ar", "block:size=2")


def of_answers(objective, prompt, *, length=8, rows=6, language=LANGUAGE):
    objective, data = as_objective(objective, language.vocab_size), as_data("fresh", language, length, 3)
    given = given_positions(prompt, language, length)
    made = Batches(objective, language, data, targets="oracle", known=True, rows=rows, device="cpu", given=given)
    return made, given


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_prompt_is_seen_and_answers_alone_are_asked_for(objective):
    made, given = of_answers(objective, "prefix:size=4")
    clean, seen, weights = (getattr(made.training(0).noised, name).numpy() for name in ("clean", "seen", "weights"))
    np.testing.assert_array_equal(seen[:, given.positions], clean[:, given.positions])
    assert not weights[:, given.positions].any()
    assert (weights[:, ~given.positions] > 0).any(axis=1).all()


def test_a_level_is_the_share_of_masks_of_the_whole_sequence():
    made, _ = of_answers("mdm", "prefix:size=4")
    noised = made.training(0).noised
    np.testing.assert_allclose(noised.level, (noised.seen == LANGUAGE.vocab_size).sum(dim=1) / 8)


@pytest.mark.parametrize(
    ("objective", "prompt"), [("mdm", "infill:size=3"), ("ar", "prefix:size=3"), ("block:size=3", "prefix:size=3")]
)
def test_the_floor_is_the_entropy_of_an_answer_given_its_prompt_a_token(objective, prompt):
    """In the mean over batches; that of the objective is this entropy in every order."""
    language = bigram3()
    made, given = of_answers(objective, prompt, length=6, rows=64, language=language)
    floors = [made.training(step).floor for step in range(40)]
    joint = np.exp(language.log_prob(brute_force.sequences(3, 6))).reshape([3] * 6)
    prompts = joint.sum(axis=tuple(np.flatnonzero(~given.positions)))
    nats = entropy_nats(joint) - entropy_nats(prompts)
    error = np.std(floors) / math.sqrt(len(floors))
    assert abs(np.mean(floors) - nats / given.answer_length) < 4 * error
    assert error < 0.02


def test_targets_of_a_task_are_the_right_answers():
    task = mt.as_language("path:nodes=4,distance=1")
    made, given = of_answers("ar", "own", length=task.length, language=task)
    batch = made.training(0)
    laws, clean = batch.targets.numpy(), batch.noised.clean.numpy()
    np.testing.assert_array_equal(laws.argmax(axis=2)[:, ~given.positions], clean[:, ~given.positions])
    assert batch.floor == 0


def test_answers_between_given_positions_are_noised_where_they_stand():
    given, clean = given_positions("every:stride=3", LANGUAGE, 8), LANGUAGE.sample(2, 8, 0)
    assert [first_answered(each) for each in (given, None)] == [1, 0]
    noised = noised_answers(as_objective("mdm", 4), clean, given, np.random.default_rng(0))
    np.testing.assert_array_equal(noised.clean, clean)
    shown = noised.seen != LANGUAGE.vocab_size
    np.testing.assert_array_equal(noised.seen[shown], clean[shown])
    np.testing.assert_array_equal(noised.weights > 0, ~shown)
    assert shown[:, given.positions].all()


@pytest.mark.parametrize("name", ["mdm", "d3pm:kind=absorbing,steps=5", "mgdm"])
@pytest.mark.parametrize("targets", ["oracle", "tokens"])
def test_an_oracle_that_computes_beside_the_network_teaches_and_judges_as_kernels_do(monkeypatch, name, targets):
    language = mt.HMM.random(states=5, vocab_size=3, seed=0)
    objective, data = as_objective(name, 3), as_data("fresh", language, 12, 4)
    asked = []

    def supplier(objective, language, device):
        asked.append(objective.of_conditionals)
        return LawsOnDevice(DeviceOracle(language, device=device))

    sides = [Batches(objective, language, data, targets=targets, known=True, rows=4, device="cpu")]
    monkeypatch.setattr(module, "_supplier", supplier)
    sides.append(Batches(objective, language, data, targets=targets, known=True, rows=4, device="cpu"))
    assert asked == [True]
    kernels, products = (each.training(2) for each in sides)
    assert (kernels.floor is None) == (not objective.proper)
    assert products.floor == (kernels.floor if kernels.floor is None else pytest.approx(kernels.floor, abs=1e-12))
    assert (products.targets is None) == (kernels.targets is None) == (targets == "tokens")
    if kernels.targets is not None:
        np.testing.assert_allclose(products.targets, kernels.targets, atol=1e-7)
    kernels, products = (each.validation(1, 4) for each in sides)
    assert products.floor == (kernels.floor if kernels.floor is None else pytest.approx(kernels.floor, abs=1e-12))
    np.testing.assert_allclose(products.exact[1], kernels.exact[1], atol=1e-12)


def test_only_objectives_that_ask_for_conditionals_are_taught_on_the_device(monkeypatch):
    language = mt.HMM.random(states=5, vocab_size=3, seed=0)
    monkeypatch.setattr(module, "has_many_states", lambda language: True)
    monkeypatch.setattr(module, "DeviceOracle", lambda language, device: DeviceOracle(language))
    found = {
        (name, device): isinstance(module._supplier(as_objective(name, 3), language, device), LawsOnDevice)
        for name in ("mdm", "ar")
        for device in ("cpu", "cuda")
    }
    assert [key for key, there in found.items() if there] == [("mdm", "cuda")]
