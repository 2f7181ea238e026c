"""The jobs that must be fast, each against something that does the same job, measured turn by turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import mdmtheory as mt
from benchmarks.ancestral import LENGTH, PLANS, STATES, THREADS, VOCAB_SIZE, plan_runner
from benchmarks.peers import Dynamax, Hmmlearn, run_batches, run_batches_shared
from benchmarks.timing import Row, Side, compare
from mdmtheory.oracles.canvas import ConditionalsCanvas


def rows(rounds: int) -> Iterator[Row]:
    """Every row of the table, each as soon as it is measured."""
    language = mt.HMM.random(states=STATES, vocab_size=VOCAB_SIZE, seed=0)
    hmmlearn, dynamax = Hmmlearn(language), Dynamax(language, LENGTH)
    with ThreadPoolExecutor(THREADS) as pool:
        yield from _sampling(language, hmmlearn, dynamax, pool, rounds)
        yield from _scoring(language, hmmlearn, dynamax, pool, rounds)
        yield from _smoothing(language, dynamax, pool, rounds)
    yield from _oracles(language, rounds)
    yield from _samplers(language, rounds)


def _sampling(language: Any, hmmlearn: Hmmlearn, dynamax: Dynamax, pool: Any, rounds: int) -> Iterator[Row]:
    job = "sample 10,000 sequences"
    ours = Side("mdmtheory", lambda count: language.sample(count, LENGTH, seed=0, threads=THREADS), count=10_000)
    _agree_on_frequencies(language, hmmlearn, dynamax)
    peer = Side("hmmlearn", lambda count: hmmlearn.sample(count, LENGTH))
    yield Row(job, "hmmlearn `sample`", compare(ours, peer, rounds=rounds), at_least=1000)
    yield from _dynamax_rows(job, "`sample`", ours, dynamax.sampling(), pool, rounds, at_least=100)


def _scoring(language: Any, hmmlearn: Hmmlearn, dynamax: Dynamax, pool: Any, rounds: int) -> Iterator[Row]:
    job = "`log_prob` of 1,000"
    tokens = language.sample(1024, LENGTH, seed=1)
    values = language.log_prob(tokens[:64], threads=THREADS)
    function, batches = dynamax.filtering(tokens)
    size = len(batches[0])
    _agree("hmmlearn's log_prob", hmmlearn.log_prob(tokens[:64]), values)
    _agree("dynamax's log_prob", function(batches[0]), language.log_prob(tokens[:size]))
    ours = Side("mdmtheory", lambda count: language.log_prob(tokens[:count], threads=THREADS), count=1000)
    peer = Side("hmmlearn", lambda count: hmmlearn.log_prob_sum(tokens[:count]), unit=16, most=1024)
    yield Row(job, "hmmlearn's filter, `score`", compare(ours, peer, rounds=rounds), at_least=12)
    peer = Side("hmmlearn", lambda count: hmmlearn.log_prob_sum_shared(tokens[:count], pool), unit=16, most=1024)
    yield Row(job, "the same, shared over two Python threads by hand", compare(ours, peer, rounds=rounds))
    yield from _dynamax_rows(job, "`hmm_filter`", ours, (function, batches), pool, rounds, at_least=5)


def _smoothing(language: Any, dynamax: Dynamax, pool: Any, rounds: int) -> Iterator[Row]:
    job = "`conditionals`, half masked, 256 sequences"
    tokens = language.sample(256, LENGTH, seed=2)
    tokens[np.random.default_rng(0).random(tokens.shape) < 0.5] = VOCAB_SIZE
    oracle = mt.Oracle(language)
    function, batches = dynamax.smoothing(tokens)
    size = len(batches[0])
    masked = tokens[:size] == VOCAB_SIZE
    _agree("dynamax's marginals", np.asarray(function(batches[0]))[masked], oracle.conditionals(tokens[:size])[masked])
    ours = Side("mdmtheory", lambda count: oracle.conditionals(tokens[:count], threads=THREADS), count=256)
    yield from _dynamax_rows(job, "`hmm_smoother`", ours, (function, batches), pool, rounds, at_least=5)


def _dynamax_rows(
    job: str, called: str, ours: Side, compiled: Any, pool: Any, rounds: int, at_least: float
) -> Iterator[Row]:
    function, batches = compiled
    size = len(batches[0])
    peer = Side("dynamax", lambda count: run_batches(function, batches, count), unit=size)
    name = f"dynamax {called}, `jit(vmap)`, batches of {size}"
    yield Row(job, name, compare(ours, peer, rounds=rounds), at_least=at_least)
    peer = Side("dynamax", lambda count: run_batches_shared(function, batches, count, pool), unit=2 * size)
    yield Row(job, "the same, batches shared over two Python threads by hand", compare(ours, peer, rounds=rounds))


def _oracles(hmm: Any, rounds: int) -> Iterator[Row]:
    job = "HMM oracle sampling"
    run = plan_runner(hmm)
    yield Row(
        f"{job}, N=512",
        "recomputing every message at each step that reveals",
        compare(_side("incremental", run(512)), _side("recomputed", run(512, recompute=True)), rounds=rounds),
        at_least=10,
    )
    yield Row(
        f"{job}, N=64",
        "N=2048",
        compare(_side("N=64", run(64)), _side("N=2048", run(2048)), rounds=rounds),
        at_most=1.6,
    )
    chains = {order: mt.NGram.random(order=order, vocab_size=VOCAB_SIZE, seed=0) for order in (2, 3, 4)}
    names = {2: "bigram", 3: "3-gram", 4: "4-gram"}
    for order, at_least in ((2, 200), (3, 150), (4, 30)):
        run = plan_runner(chains[order])
        sides = _side("incremental", run(512)), _side("recomputed", run(512, recompute=True))
        yield Row(
            f"{names[order]} oracle sampling, N=512",
            "full recomputation on the same chain",
            compare(*sides, rounds=rounds),
            at_least=at_least,
        )
    for name, language in (("HMM", hmm), *((names[order], chain) for order, chain in chains.items())):
        run = plan_runner(language)
        sides = _side("sampling", run(512)), _side("scoring", run(512, score=True))
        yield Row(f"sampling from the {name} oracle, N=512", "scoring", compare(*sides, rounds=rounds), at_most=1.3)


def _samplers(hmm: Any, rounds: int) -> Iterator[Row]:
    """Samplers that look, on canvases that keep what did not change and on others, with the same tokens."""
    trigram = mt.NGram.random(order=3, vocab_size=VOCAB_SIZE, seed=0)
    settings = [
        ("HMM", hmm, 1.0, "confidence"),
        ("HMM", hmm, 1.0, "verify:k=8"),
        ("HMM", hmm, 0.999, "remdm-cap"),
        ("3-gram", trigram, 1.0, "confidence"),
    ]
    for name, language, trust, sampler in settings:
        oracle = mt.Oracle(language, trust=trust)
        keeps, afresh = (mt.MaskedDiffusion(each, sampler=sampler, steps=64) for each in (oracle, _Afresh(oracle)))
        same = keeps.sample(2, LENGTH, seed=0).tokens == afresh.sample(2, LENGTH, seed=0).tokens
        _agree("tokens drawn afresh", same, np.ones_like(same))
        sides = (
            Side(side, lambda count, model=model: model.sample(count, LENGTH, seed=0, threads=THREADS), count=128)
            for side, model in (("kept", keeps), ("afresh", afresh))
        )
        yield Row(
            f"`{sampler}` with the {name} oracle, N=64",
            "computing all marginals afresh at every call",
            compare(*sides, rounds=rounds),
        )


class _Afresh:
    """An oracle whose canvas keeps nothing."""

    def __init__(self, oracle: Any) -> None:
        self._oracle = oracle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._oracle, name)

    def open(self, count: int, length: int, *, threads: int | None = None, **options: Any) -> ConditionalsCanvas:
        return ConditionalsCanvas(self._oracle, count, length, threads=threads)


def _side(name: str, work: Callable[[int], object]) -> Side:
    return Side(name, work, unit=2 * THREADS, most=PLANS)


def _agree(name: str, theirs: Any, ours: Any) -> None:
    if not np.allclose(np.asarray(theirs), ours, rtol=1e-9, atol=1e-12):
        raise SystemExit(f"{name} differs from ours by {np.abs(np.asarray(theirs) - ours).max()}; nothing was timed")


def _agree_on_frequencies(language: Any, hmmlearn: Hmmlearn, dynamax: Dynamax) -> None:
    """All three draw from one law: token frequencies within 0.02 of each other (some 30,000 tokens each)."""
    function, batches = dynamax.sampling()
    drawn = [language.sample(64, LENGTH, seed=0), hmmlearn.sample(64, LENGTH), function(batches[0])]
    seen = [np.bincount(np.asarray(tokens, dtype=np.int64).ravel(), minlength=VOCAB_SIZE) for tokens in drawn]
    laws = [counts / counts.sum() for counts in seen]
    if max(np.abs(law - laws[0]).max() for law in laws) > 0.02:
        raise SystemExit(f"token frequencies differ: {[law.round(3).tolist() for law in laws]}; nothing was timed")
