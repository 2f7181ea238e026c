"""Sequences to learn from: the same whoever asks, whenever; none of them is measured on."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.threads import started_pool
from mdmtheory.training import data as source
from mdmtheory.training.data import MadeAhead, as_data, noise_generator, stream_of

LANGUAGE = mt.as_language("ngram:order=1,vocab_size=4")


def fixed(samples, epochs):
    return as_data(f"fixed:samples={samples},epochs={epochs}", LANGUAGE, 6, 3)


def test_a_batch_of_fresh_sequences_depends_on_the_seed_and_the_step_alone():
    once, again = (as_data("fresh", LANGUAGE, 6, 3) for _ in range(2))
    in_order = [once.batch(step, 5) for step in range(4)]
    backwards = [again.batch(step, 5) for step in reversed(range(4))]
    np.testing.assert_array_equal(in_order, backwards[::-1])
    assert (as_data("fresh", LANGUAGE, 6, 4).batch(0, 5) != in_order[0]).any()


def test_no_sequence_of_a_fresh_stream_comes_twice_and_the_stream_is_the_languages():
    batches = [as_data("fresh", LANGUAGE, 6, 3).batch(step, 5) for step in range(4)]
    np.testing.assert_array_equal(np.concatenate(batches), LANGUAGE.sample(20, 6, stream_of("training", 3)))


def test_what_is_learnt_from_is_another_stream_than_what_is_validated_or_measured_on():
    streams = {stream_of("training", 0), stream_of("validation", 0), stream_of("training", 1), 0, 1}
    assert len(streams) == 5


def test_the_noise_of_a_step_depends_on_language_length_seed_step_and_purpose():
    def drawn(length=6, seed=3, step=0, purpose="training", language=LANGUAGE):
        return noise_generator(language, length, seed, step, purpose).random()

    other = mt.as_language("ngram:order=2,vocab_size=4")
    numbers = [
        drawn(),
        drawn(length=7),
        drawn(seed=4),
        drawn(step=1),
        drawn(purpose="validation"),
        drawn(language=other),
    ]
    assert drawn() == numbers[0]
    assert len(set(numbers)) == len(numbers)


def test_every_epoch_of_fixed_data_has_every_sequence_once_in_another_order():
    data = fixed(12, 3)
    assert data.steps(4) == 9
    seen = np.concatenate([data.batch(step, 4) for step in range(9)]).reshape(3, 12, 6)
    for epoch in seen:
        assert sorted(map(tuple, epoch)) == sorted(map(tuple, data.sequences))
    assert (seen[0] != seen[1]).any()


def test_fixed_data_of_another_seed_has_other_sequences():
    assert (fixed(12, 1).sequences != as_data("fixed:samples=12,epochs=1", LANGUAGE, 6, 4).sequences).any()


def test_a_batch_of_fixed_data_goes_over_the_end_of_an_epoch_and_may_be_asked_for_in_any_order():
    data, again = fixed(5, 4), fixed(5, 4)
    in_order = np.concatenate([data.batch(step, 2) for step in range(10)])
    anyhow = {step: again.batch(step, 2) for step in (7, 2, 9, 0, 1, 8, 3, 4, 6, 5)}
    np.testing.assert_array_equal(in_order, np.concatenate([anyhow[step] for step in range(10)]))
    for epoch in in_order.reshape(4, 5, 6):
        assert sorted(map(tuple, epoch)) == sorted(map(tuple, data.sequences))


def test_samples_may_be_written_as_a_power_of_ten():
    assert str(fixed("1e2", 2).spec) == "fixed:samples=100,epochs=2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stale", "unknown data 'stale'; known: fixed, fresh"),
        ("fixed:samples=10", "data 'fixed' needs epochs=...; write fixed:epochs=value"),
        ("fixed:samples=1.5,epochs=1", "samples is 1.5; pass a whole number 1 or more"),
        ("fixed:samples=0,epochs=1", "samples is 0; pass 1 or more"),
    ],
)
def test_data_that_is_none_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        as_data(text, LANGUAGE, 6, 0)


def test_batches_that_are_made_ahead_come_in_order_from_one_other_thread():
    with MadeAhead(lambda step: (step, threading.get_ident()), 3, 40) as made:
        found = list(made)
    assert [step for step, _ in found] == list(range(3, 40)) == [same for _, (same, _) in found]
    assert len({thread for _, (_, thread) in found} - {threading.get_ident()}) == 1


def test_several_makers_give_the_same_batches_in_the_same_order_also_across_epochs(monkeypatch):
    pools = []
    monkeypatch.setattr(source, "started_pool", lambda count, name: pools.append(count) or started_pool(count, name))
    once, again = fixed(samples=4, epochs=30), fixed(samples=4, epochs=30)
    with MadeAhead(lambda step: once.batch(step, 5), 0, 24, makers=3) as made:
        found = list(made)
    assert pools == [3]
    assert [step for step, _ in found] == list(range(24))
    np.testing.assert_array_equal([batch for _, batch in found], [again.batch(step, 5) for step in range(24)])


def test_what_is_being_made_is_not_waited_for_where_something_stops_the_steps(monkeypatch):
    let, end = threading.Event(), ThreadPoolExecutor.shutdown

    def shutdown(pool, wait=True, **how):
        if wait:
            let.set()  # broken code ends too
        end(pool, wait=wait, **how)

    def stopped():
        with MadeAhead(lambda step: step < 3 or let.wait(), 0, 20) as made:
            for step, _ in made:
                1 // (2 - step)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", shutdown)
    with pytest.raises(ZeroDivisionError):
        stopped()
    assert not let.is_set()
    let.set()


def test_what_fails_ahead_is_raised_where_its_step_is_asked_for():
    asked = []
    with pytest.raises(ZeroDivisionError), MadeAhead(lambda step: 1 // (12 - step), 0, 20) as made:
        asked.extend(step for step, _ in made)
    assert asked == list(range(12))
