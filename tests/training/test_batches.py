"""What a step learns from is its own; what is validated on is learnt from in none."""

import numpy as np

import mdmtheory as mt
from mdmtheory.training.batches import Batches
from mdmtheory.training.data import as_data
from mdmtheory.training.objectives.registry import as_objective

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
