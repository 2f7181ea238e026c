"""Answers that are counted: against lists where there are some, and other counts where there are none."""

import itertools
import re
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

import mdmtheory as mt
from mdmtheory.core.contracts import exact_for
from mdmtheory.tasks.listing import ListedOracle

SMALL = [
    "sat:variables=3,clauses=2",
    "sat:variables=7,clauses=9",
    "sat:variables=9",
    "paths",
    "paths:layers=3,width=2,degree=1",
    "paths:layers=5,width=3,degree=3",
]


def answered(task):
    return np.flatnonzero(~task.given)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("spec", SMALL)
def test_counts_are_the_average_over_the_list(spec, data):
    task = mt.as_language(spec)
    context = task.sample(1, task.length, data.draw(st.integers(0, 50)))
    for position in data.draw(st.sets(st.sampled_from(answered(task).tolist()))):
        tokens = [task.vocab_size, int(context[0, position]), 0, 1, task.vocab_size - 1]
        context[0, position] = data.draw(st.sampled_from(tokens))
    trust = data.draw(st.sampled_from([1.0, 0.9, 1 - 1e-15]))
    where = answered(task)
    own, listed = (
        oracle.open(1, task.length, prompt=context) for oracle in (task.oracle(trust), ListedOracle(task, trust))
    )
    laws = [canvas.marginals(np.zeros_like(where), where) for canvas in (own, listed)]
    assert np.allclose(*laws, rtol=1e-9, atol=1e-12)
    assert trust < 1 or np.array_equal(*laws)
    assert own.impossible.tolist() == listed.impossible.tolist()


@pytest.mark.parametrize("spec", SMALL)
def test_what_follows_from_the_counts_is_what_follows_from_the_list(spec):
    task = mt.as_language(spec)
    tokens = task.sample(30, task.length, 1)
    listings = [task.answers(row) for row in tokens]
    assert task.counts(tokens[:, task.given]) == [len(each) for each in listings]
    assert np.allclose(task.answer_log_prob(tokens), [-each.entropy for each in listings], atol=1e-13)
    assert np.allclose(
        task.log_prob(tokens), task.prompt_log_prob(tokens[:, task.given]) + task.answer_log_prob(tokens)
    )
    tokens[:, -1] = (tokens[:, -1] + 1) % 2
    wrong = ~task.in_support(tokens)
    assert (task.answer_log_prob(tokens)[wrong] == -np.inf).all()
    assert (task.log_prob(tokens)[wrong] == -np.inf).all()


# ----------------------------------------------------------------------------------- more answers than can be listed


def satisfying(task, prompt):
    """All 2^n truth values as columns, those that satisfy a formula."""
    values = np.arange(1 << task.variables)[:, None] >> np.arange(task.variables) & 1
    found = np.ones(len(values), dtype=bool)
    for clause in prompt.reshape(-1, 3).astype(int) - 2:
        found &= ((values[:, clause // 2] ^ (clause % 2)) == 1).any(axis=1)
    return values[found]


def test_formulas_with_few_clauses_are_exact_though_nobody_lists_their_assignments():
    task = mt.as_language("sat:variables=19,clauses=6")
    [row] = task.sample(1, task.length, 2)
    every = satisfying(task, row[task.given])
    assert task.counts(row[None, task.given]) == [len(every)]
    with pytest.raises(ValueError, match="131,073 right answers or more, more than MOST_ANSWERS"):
        task.answers(row)
    where, context = answered(task), np.where(task.given, row, task.vocab_size).astype(row.dtype)
    shown = where[[1, 5, 6, 18]]
    for positions in (where[:0], shown):
        context[positions] = row[positions]
        agree = (every[:, positions - where[0]] == row[positions]).all(axis=1)
        found = mt.Oracle(task).conditionals(context)[0, where]
        hidden = np.isin(where, positions, invert=True)
        assert np.array_equal(found[hidden, 1], every[agree].mean(axis=0)[hidden])
        weights = np.prod(np.where(every[:, positions - where[0]] == row[positions], 0.8 + 0.2 / 40, 0.2 / 40), axis=1)
        found = mt.Oracle(task, trust=0.8).conditionals(context)[0, where]
        assert np.allclose(found[hidden, 1], np.average(every, axis=0, weights=weights)[hidden], atol=1e-12)


def test_as_many_full_words_as_can_be_listed_are_not_taken_for_all():
    # All but the last eighth of the assignments, in order: 2,048 words of 64 are MOST_ANSWERS.
    task = mt.as_language("sat:variables=20,clauses=1")
    prompt = task.parse("!x18|!x19|!x20 : " + "_" * 20)
    assert task.counts(prompt[None, task.given]) == [7 << 17]
    with pytest.raises(ValueError, match="131,073 right answers or more"):
        task.answers(prompt)


def paths_through(task, prompt, allowed):
    """The number of paths by layer and node, as whole numbers: those from the start to it, times those to the goal."""
    ends = prompt[:-2].reshape(task.edges, task.width, task.degree).tolist()
    start, goal = prompt[-2:].tolist()

    @cache
    def onward(layer, node):
        if node not in allowed[layer]:
            return 0
        return int(node == goal) if layer == task.edges else sum(onward(layer + 1, end) for end in ends[layer][node])

    reached = [{start: 1}]
    for layer in range(task.edges):
        reached.append({})
        for node, count in reached[layer].items():
            for end in ends[layer][node]:
                reached[-1][end] = reached[-1].get(end, 0) + count * (end in allowed[layer + 1])
    return [[reached[k].get(v, 0) * onward(k, v) for v in range(task.width)] for k in range(1, task.layers)]


def test_graphs_with_many_paths_are_exact_though_nobody_lists_them():
    task = mt.as_language("paths:layers=40,width=5,degree=3")
    [row] = task.sample(1, task.length, 0)
    where, context = answered(task), np.where(task.given, row, task.vocab_size).astype(row.dtype)
    everywhere = [set(range(task.width))] * task.layers
    counts = paths_through(task, row[task.given].astype(int), everywhere)
    [total] = task.counts(row[None, task.given])
    assert [sum(each) for each in counts] == [total] * task.edges
    assert total > 1 << 53
    assert task.answer_log_prob(row)[0] == pytest.approx(-float(np.log(float(total))), rel=1e-14)
    with pytest.raises(ValueError, match="131,073 right answers or more, more than MOST_ANSWERS"):
        task.answers(row)
    power = total.bit_length() - 1
    assert task.strata(row) == [f"2^{power}..2^{power + 1} answers"]
    for positions in (where[:0], where[[0, 7, 20, 21]]):
        context[positions] = row[positions]
        allowed = [
            {int(row[where[k - 1]])} if k and where[k - 1] in positions else everywhere[k] for k in range(task.layers)
        ]
        counts = paths_through(task, row[task.given].astype(int), allowed)
        expected = [[float(Fraction(count, sum(each))) for count in each] for each in counts]
        assert np.allclose(mt.Oracle(task).conditionals(context)[0, where], expected, rtol=1e-13, atol=0)


def test_answers_drawn_by_counting_are_uniform_and_have_the_nats_of_the_count():
    task = mt.as_language("paths:layers=40,width=3,degree=2")
    model = mt.MaskedDiffusion(mt.Oracle(task), sampler="left_to_right")
    prompts = task.prompts(20, 0)
    drawn = model.sample(20, task.length, 0, prompt=prompts).tokens
    assert task.in_support(drawn).all()
    assert np.allclose(mt.exact.prompt_log_prob(task, drawn, "own"), task.prompt_log_prob(drawn[:, task.given]))
    few = mt.as_language("paths:layers=5,width=3,degree=2")
    prompt = few.prompts(1, 3)
    answers = few.answers(prompt[0]).tokens
    model = mt.MaskedDiffusion(mt.Oracle(few), sampler="left_to_right")
    drawn = model.sample(3000, few.length, 1, prompt=np.repeat(prompt, 3000, axis=0)).tokens[:, ~few.given]
    counts = [(drawn == each).all(axis=1).sum() for each in answers]
    assert len(answers) > 4
    assert sum(counts) == 3000
    assert chisquare(counts).pvalue > 1e-6


def test_counts_are_whole_numbers_of_any_size():
    task = mt.as_language("paths:layers=64,width=4,degree=4")
    [row] = task.sample(1, task.length, 0)
    assert task.counts(row[None, task.given]) == [4**62]
    assert task.answer_log_prob(row)[0] == pytest.approx(-62 * np.log(4), rel=1e-15)
    assert np.allclose(mt.Oracle(task).conditionals(task.prompts(1))[0, answered(task)[:-1]], 0.25, rtol=1e-15)


def test_a_node_whose_ends_are_one_or_fall_is_of_no_graph():
    task = mt.as_language("paths:layers=3,width=2")
    row = task.parse("0>0,1 1>0,1 | 0>0,1 1>0,1 from 0 to 0: 0 0")
    assert task.in_support(row)[0]
    for ends in ((0, 0), (1, 0)):
        row[:2] = ends
        assert not task.in_support(row)[0]
        assert task.prompt_log_prob(row[None, task.given])[0] == -np.inf


def test_the_only_path_is_found_though_all_that_is_seen_speaks_for_a_dead_end():
    task = mt.as_language("paths:layers=64,width=3,degree=2")
    first, later = "0>0,1 1>1,2 2>0,2", "0>0,1 1>0,1 2>0,2"
    # From 1 nothing leads to 2; from the start, 1, there is one way to 2 then, and all else is a dead end.
    row = task.parse(f"{first} | {' | '.join([later] * 62)} from 1 to 2: {' '.join('1' * 63)}")
    assert task.counts(row[None, task.given]) == [1]
    where = answered(task)
    canvas = task.oracle(1 - 1e-15).open(1, task.length, prompt=row[None])
    assert np.allclose(canvas.marginals(np.zeros_like(where), where), [[0, 0, 1]] * 63)


def test_the_only_assignment_is_found_though_all_that_is_seen_speaks_against_it():
    task = mt.as_language("sat:variables=24,clauses=200")
    [row] = task.sample(1, task.length, 0)
    assert task.counts(row[None, task.given]) == [1]
    where = answered(task)
    seen = np.where(task.given, row, 1 - row)[None]
    found = task.oracle(1 - 1e-15).open(1, task.length, prompt=seen).marginals(np.zeros_like(where), where)
    assert np.allclose(found, np.eye(task.vocab_size)[row[where]])


# ------------------------------------------------------------------------------------------------ the law of graphs


def test_graphs_are_drawn_by_their_law_and_the_law_sums_to_1():
    task = mt.as_language("paths:layers=3,width=3,degree=2")
    ends = list(itertools.combinations(range(3), 2))
    nodes = np.array(list(itertools.product(range(3), repeat=6)))
    graphs = np.array(ends)[nodes].reshape(len(nodes), 12)
    prompts = np.concatenate(
        [np.insert(graphs, [12, 12], pair, axis=1) for pair in itertools.product(range(3), repeat=2)]
    )
    law = np.exp(task.prompt_log_prob(prompts.astype(np.uint8)))
    assert law.sum() == pytest.approx(1.0)
    assert (law == 0).any()
    # A graph is as likely as it has paths.
    paths = np.round(law * np.exp(task.log_pairs)).astype(int)
    drawn = np.array(task.counts(task.sample(4000, task.length, 0)[:, task.given]))
    numbers = np.flatnonzero(np.bincount(paths, law))
    expected = np.bincount(paths, law)[numbers]
    assert chisquare(np.bincount(drawn, minlength=numbers.max() + 1)[numbers], 4000 * expected).pvalue > 1e-6
    # And the ends of a node that is not on the path are uniform, whatever the others are.
    key = task.sample(4000, task.length, 1)
    off = key[key[:, 12] != 0][:, :2]
    counts = [(off == pair).all(axis=1).sum() for pair in ends]
    assert chisquare(counts).pvalue > 1e-6


def test_every_pair_of_a_graph_and_a_path_is_as_likely():
    task = mt.as_language("paths:layers=3,width=2,degree=1")
    drawn, counts = np.unique(task.sample(3200, task.length, 4), axis=0, return_counts=True)
    assert len(drawn) == round(np.exp(task.entropy(task.length).value)) == 32
    assert chisquare(counts).pvalue > 1e-6


@pytest.mark.parametrize("spec", ["sat:variables=5", "paths"])
def test_the_oracle_that_counts_says_whose_exact_posterior_it_is_and_needs_the_prompt(spec):
    task = mt.as_language(spec)
    assert exact_for(mt.Oracle(task)) == task.digest
    assert exact_for(mt.Oracle(task, trust=0.9)) is None
    with pytest.raises(ValueError, match=re.escape("was asked about sequences whose prompt is masked")):
        mt.Oracle(task).conditionals(np.full((1, task.length), task.vocab_size))
    with pytest.raises(ValueError, match="position 0 is given by the prompt; ask about positions of the answer"):
        task.oracle().open(1, task.length, prompt=task.prompts(1)).marginals(np.array([0]), np.array([0]))
    with pytest.raises(ValueError, match="masks among them; pass task.prompts"):
        task.counts(np.full((1, task.given.sum()), task.vocab_size))


def test_observers_of_formulas_go_where_no_list_goes():
    task = mt.as_language("sat:variables=20,clauses=3")
    found = mt.Propagate(task, depth=1).conditionals(task.prompts(2, 0))
    assert (found[:, answered(task), :2] == 0.5).all()
