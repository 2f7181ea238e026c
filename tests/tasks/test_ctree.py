"""Sentences of random hierarchy grammars against all strings, and their messages against lists and derivations."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.contracts import exact_for
from mdmtheory.kernels.tree import tree_laws
from mdmtheory.tasks.grammar import Grammar
from mdmtheory.tasks.listing import Listing

SHAPES = [
    {"depth": 1, "branching": 3, "vocab_size": 3, "synonyms": 4},
    {"depth": 2, "branching": 2, "vocab_size": 3, "synonyms": 2},
    {"depth": 2, "branching": 3, "vocab_size": 2, "synonyms": 2},
    {"depth": 3, "branching": 2, "vocab_size": 2, "synonyms": 1},
    {"depth": 2, "branching": 2, "vocab_size": 3, "synonyms": 3},
]


def typed(shape, **more):
    return mt.as_language(mt.Spec.of("ctree", **shape, **more))


def derived(grammar, symbol, level=0):
    """All sentences of a symbol, as tuples, by its rules alone."""
    if level == len(grammar.rules):
        return [(symbol,)]
    found = []
    for rule in grammar.rules[level, symbol].tolist():
        parts = [derived(grammar, each, level + 1) for each in rule]
        found += [sum(each, ()) for each in itertools.product(*parts)]
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_every_string_is_a_sentence_of_the_class_that_derives_it_or_of_none(shape):
    task = typed(shape, given="none", seed=3)
    strings = np.array(list(itertools.product(range(task.vocab_size), repeat=task.length)))
    by_class = [derived(task.grammar, symbol) for symbol in range(task.vocab_size)]
    expected = {sentence: symbol for symbol, sentences in enumerate(by_class) for sentence in sentences}
    assert len(expected) == sum(map(len, by_class))
    assert task.grammar.classes(strings).tolist() == [expected.get(tuple(each), -1) for each in strings.tolist()]
    assert task.in_support(strings).tolist() == [tuple(each) in expected for each in strings.tolist()]
    assert sorted(map(tuple, task.answers(np.zeros(0, dtype=int)).tokens.tolist())) == sorted(expected)
    assert np.exp(task.log_prob(strings)).sum() == pytest.approx(1.0)
    assert task.entropy(task.length).value == pytest.approx(np.log(len(expected)))
    assert task.has_every_sequence == (len(expected) == len(strings))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_sentences_of_a_class_are_those_that_are_derived_from_it(shape):
    task = typed(shape, seed=1)
    for symbol in range(task.vocab_size):
        found = sorted(map(tuple, task.answers([symbol]).tokens.tolist()))
        assert found == sorted(derived(task.grammar, symbol))
        assert not task.in_support([[(symbol + 1) % task.vocab_size, *found[0]]])[0]
    assert not task.has_every_sequence


def test_drawn_sentences_are_uniform():
    task = typed(SHAPES[1], given="none")
    listed = task.answers(np.zeros(0, dtype=int)).tokens
    counts = np.zeros(len(listed))
    for row in task.sample(4800, task.length, 0):
        counts[(listed == row).all(axis=1)] += 1
    assert counts.sum() == 4800
    # Chi-square of 23 degrees of freedom: 80 is p = 3e-8.
    assert ((counts - 200) ** 2 / 200).sum() < 80


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_messages_are_the_average_over_all_sentences_also_of_a_class_that_is_masked(data):
    rooted = data.draw(st.booleans())
    seed = data.draw(st.integers(0, 5))
    task = typed(data.draw(st.sampled_from(SHAPES)), given="root" if rooted else "none", seed=seed)
    roots = np.repeat(np.arange(task.vocab_size), task.synonyms**task.grammar.nodes)
    sentences = np.array([each for symbol in range(task.vocab_size) for each in derived(task.grammar, symbol)])
    whole = np.concatenate([roots[:, None], sentences], axis=1) if rooted else sentences
    context = whole[data.draw(st.integers(0, len(whole) - 1))].copy()
    for position in data.draw(st.sets(st.integers(0, task.length - 1), min_size=1)):
        context[position] = data.draw(st.sampled_from([task.vocab_size, int(context[position]), 0]))
    trust = data.draw(st.sampled_from([1.0, 0.9]))
    canvas = task.oracle(trust).open(1, task.length, prompt=context[None])
    asked = np.flatnonzero(~task.given | (context == task.vocab_size))
    found = dict(zip(asked, canvas.marginals(np.zeros_like(asked), asked), strict=True))
    said = np.where(whole == context, trust + (1 - trust) / task.vocab_size, (1 - trust) / task.vocab_size)
    said[:, task.given] = (whole == context)[:, task.given]
    said[:, context == task.vocab_size] = 1.0
    for position in asked:
        own = trust == 1 or task.given[position]
        weights = np.where(np.arange(task.length) == position, said if own else 1.0, said).prod(axis=1)
        expected = np.bincount(whole[:, position], weights, task.vocab_size)
        assert np.allclose(found[position], expected / max(expected.sum(), 1e-300), atol=1e-12)
    if trust == 1:
        assert canvas.impossible[0] == (said.prod(axis=1).sum() == 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_inside_pass_counts_derivations_which_is_one_of_each_sentence(shape):
    """What `log_prob` says in closed form, for every string of a grammar."""
    task = typed(shape, given="none", seed=2)
    strings = np.array(list(itertools.product(range(task.vocab_size), repeat=task.length)))
    leaves, roots = np.eye(task.vocab_size)[strings], np.ones((len(strings), task.vocab_size))
    scratch = np.empty((2, task.grammar.nodes + task.length, task.vocab_size))
    of_root, of_leaves = np.empty_like(roots), np.empty_like(leaves)
    rules = task.grammar.rules.copy()
    tree_laws(rules, roots, leaves, False, scratch[0], scratch[1], of_root, of_leaves)
    nats = np.log(task.vocab_size) + task.grammar.nodes * np.log(task.synonyms)
    with np.errstate(divide="ignore"):
        assert np.allclose(np.log(of_root.sum(axis=1)) - nats, task.log_prob(strings))
    tree_laws(rules, np.log(roots), np.log(leaves + 1e-300), True, scratch[0], scratch[1], of_root, of_leaves)
    inside = task.in_support(strings)
    assert np.allclose(of_root.max(axis=1)[inside], 0.0)


def test_grammars_that_no_list_holds_have_their_entropy_by_the_chain_rule():
    task = mt.as_language("ctree:depth=6,vocab_size=5,synonyms=3")
    model = mt.MaskedDiffusion(mt.Oracle(task), sampler="first_hitting")
    tokens = task.sample(2, task.length, 0)
    prompt = np.where(task.given, tokens, task.vocab_size)
    assert np.allclose(model.log_prob(tokens, 0, prompt=prompt).values, -63 * np.log(3))
    assert task.in_support(model.sample(4, task.length, 0, prompt=task.prompts(4)).tokens).all()
    assert exact_for(mt.Oracle(task)) == task.digest


def test_soft_evidence_below_the_range_of_floats_is_weighed_all_the_same():
    # One sentence a class, nowhere the same; the first half of what is shown speaks for one of them by 1e12 a token,
    # the second as much for the other, so that what is masked is as likely to be of either.
    task = mt.as_language("ctree:depth=7,vocab_size=2,synonyms=1,given=none,seed=77")
    sentences, where = task.answers(np.zeros(0, dtype=int)).tokens, np.arange(128)
    shown = np.where(where < 64, *sentences)
    shown[[3, 100]] = 2
    found = task.oracle(1 - 1e-12).open(1, 128, prompt=shown[None]).marginals(np.zeros_like(where), where)
    assert (sentences[0] != sentences[1]).all()
    assert np.allclose(found[[3, 100]], 0.5)
    assert np.allclose(np.delete(found, [3, 100], axis=0).min(axis=1), 5e-13, rtol=1e-3)
    # Its own evidence left out, each token is of the other sentence, for which one more speaks.
    assert (np.delete(found.argmax(axis=1) == shown, [3, 100]) == 0).all()


@pytest.mark.parametrize("trust", [1.0, 0.9])
def test_a_class_that_is_shown_beside_one_that_is_masked_is_certain(trust):
    task = typed(SHAPES[1])
    rows, positions = np.repeat([0, 1], 4), np.tile(np.arange(1, 5), 2)
    shown = np.array([[2, 3, 1, 3, 3], [3, 3, 1, 3, 3]])
    both = task.oracle(trust).open(2, 5, prompt=shown).marginals(rows, positions)
    for row in (0, 1):
        alone = (
            task.oracle(trust).open(1, 5, prompt=shown[row : row + 1]).marginals(np.zeros(4, dtype=int), positions[:4])
        )
        assert np.allclose(both[4 * row : 4 * row + 4], alone)


def test_rules_are_different_tuples_and_every_set_of_them_comes():
    seen = set()
    for seed in range(60):
        rules = Grammar.random(depth=1, branching=2, vocab_size=2, synonyms=1, seed=seed).rules
        one, other = map(tuple, rules[0, :, 0].tolist())
        assert one != other
        seen.add((one, other))
    assert len(seen) == 12


def test_levels_have_rules_of_their_own_and_a_deeper_grammar_begins_with_the_same():
    options = {"branching": 2, "vocab_size": 6, "synonyms": 3, "seed": 4}
    deep, flat = (Grammar.random(depth=depth, **options).rules for depth in (3, 2))
    assert (deep[:2] == flat).all()
    assert not (deep[0] == deep[1]).all()


def test_a_sentence_as_text():
    task = typed(SHAPES[1])
    assert task.show([[0, 1, 2, 3, 3]]) == "a: bc __"
    assert task.parse("a:bc__").tolist() == [0, 1, 2, 3, 3]
    assert typed(SHAPES[1], given="none").show([[1, 2, 0, 0]]) == "bc aa"
    assert task.strata([[0, 1, 2, 3, 3]]) == ["8..15 answers"]
    assert isinstance(task.answers([0]), Listing)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: mt.as_language("ctree:vocab_size=1"), "vocab_size is 1; pass from 2 to 26, letters"),
        (lambda: mt.as_language("ctree:vocab_size=27"), "vocab_size is 27; pass from 2 to 26, letters"),
        (lambda: mt.as_language("ctree:branching=1"), "branching is 1; pass from 2 to 8: 4 symbols have no more than"),
        (lambda: mt.as_language("ctree:branching=9"), "branching is 9; pass from 2 to 8"),
        (lambda: mt.as_language("ctree:synonyms=5"), "synonyms is 5, and 4 symbols share 4^2 tuples; pass from 1 to 4"),
        (lambda: mt.as_language("ctree:synonyms=0"), "synonyms is 0"),
        (
            lambda: mt.as_language("ctree:depth=13,synonyms=1"),
            "depth is 13; pass from 1 to 12: sentences have no more ",
        ),
        (lambda: mt.as_language("ctree:depth=10"), "has 2^1025 sentences, more than 2^MOST_BITS = 2^1000"),
        (lambda: mt.as_language("ctree:given=class"), "unknown given 'class' of ctree; pass none or root"),
        (lambda: mt.as_language("ctree:seed=-1"), "seed is -1"),
        (
            lambda: mt.as_language("ctree").parse("a: abcd"),
            "write a class, a colon and 8 letters from a to d, _ for a ",
        ),
        (lambda: mt.as_language("ctree:given=none").parse("a: abcdabcd"), "write 8 letters from a to d, _ for a mask"),
        (lambda: mt.as_language("ctree").answers([4]), "are given with 1 masks among them"),
        (lambda: mt.as_language("ctree:depth=6").answers([1]), "131,073 right answers or more, more than MOST_ANSWERS"),
    ],
)
def test_bad_input_is_one_line(act, said):
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        act()
    assert "\n" not in str(refused.value)
