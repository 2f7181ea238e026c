"""How long kernels take to compile, for a word beforehand, and which of them one piece of work needs together."""

from __future__ import annotations

from collections.abc import Container, Mapping

FIRST = 0.7
"""What numba takes, once a process, before it compiles anything."""

SECONDS: Mapping[str, float] = {
    "alone.filter_alone": 0.5,
    "bigram_plans.run_bigram_plans": 0.9,
    "chain.power_table": 0.6,
    "chain.window_weights": 0.4,
    "chain_canvas.renew_marginals": 0.8,
    "chain_plans.run_chain_plans": 4.1,
    "clashes.context_clashes": 1.1,
    "closed.run_closed_plans": 0.7,
    "closed.weigh_closed": 0.6,
    "closed_evidence.weigh_pairs": 0.7,
    "closed_evidence.weigh_permutation": 0.6,
    "completable.complete": 2.2,
    "completable.open_sets": 0.3,
    "enumeration.exchangeable_law": 0.4,
    "evidence.smooth_contexts": 0.9,
    "evidence.smooth_contexts_in_logs": 0.8,
    "evidence.smooth_evidence": 1.4,
    "evidence.smooth_evidence_in_logs": 0.7,
    "lanes.filter_log_probs": 0.5,
    "lanes.smooth": 0.8,
    "pairs.pair_information": 1.0,
    "reveal_sizes.cheapest_blocks": 0.4,
    "second_reader.draw_contexts": 0.7,
    "second_reader.fill_messages": 0.6,
    "second_reader.score_contexts": 1.0,
    "shift_plans.run_shift_plans": 4.1,
    "shift_renewal.renew_shift_plans": 3.3,
    "shift_smoothing.masked_messages": 2.4,
    "shift_smoothing.smooth_shift": 2.7,
    "span_scores.score_ancestral": 2.4,
    "span_scores_in_logs.score_ancestral_in_logs": 0.9,
    "spans.fill_closed": 2.4,
    "spans.fill_open": 0.5,
}
"""Processor seconds on the machine of benchmarks/README.md, for each set of types; of those that take longer."""

OTHERS = 0.2

_ALWAYS = ("alias.alias_table", "plans.draw_steps", "plans.shuffle_rows")
_RANDOM = (*_ALWAYS, "random.fill_uniforms", "sampling.sample_automaton")
_CHAIN = ("chain.power_table", "chain.head_laws", "chain.possible_rows")
_CLOSED = (*_ALWAYS, "closed.run_closed_plans", "closed.possible_closed")
_SHIFT = ("shift_smoothing.masked_messages", "shift_plans.run_shift_plans", "shift_smoothing.possible_contexts")

TOGETHER: Mapping[str, tuple[str, ...]] = {
    "hmm": (*_RANDOM, *_CHAIN, "chain_plans.run_chain_plans", "lanes.filter_log_probs"),
    "ngram:order=2": (*_RANDOM, *_CHAIN, "bigram_plans.run_bigram_plans"),
    "ngram:order=6": (*_RANDOM, *_SHIFT),
    "parity": (*_CLOSED, "closed_sampling.sample_parity"),
    "equal_pairs": (*_CLOSED, "closed_sampling.sample_pairs"),
    "repetition": (*_CLOSED, "closed_sampling.sample_repetitions"),
    "permutation": (*_CLOSED, "closed_sampling.sample_permutations"),
}
"""What drawing and scoring with the oracle of a language runs."""


def expected_seconds(kernel: str, there: Container[str]) -> tuple[float, float]:
    """The least and the most that work takes to compile which begins with this kernel, but for the kernels `there`.

    Which work it is shows only later, where several begin with it.
    """
    works = [names for names in TOGETHER.values() if kernel in names] or [(kernel,)]
    found = [FIRST + sum(SECONDS.get(name, OTHERS) for name in names if name not in there) for names in works]
    return min(found), max(found)


def in_words(least: float, most: float) -> str:
    """Whole seconds, both ends where they differ.

    >>> in_words(2.2, 6.6), in_words(0.3, 0.4)
    ('2 to 7 s', '1 s')
    """
    low, high = max(1, round(least)), max(1, round(most))
    return f"{low} s" if low == high else f"{low} to {high} s"
