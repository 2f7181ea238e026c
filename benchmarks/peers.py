"""The same jobs by hmmlearn and dynamax, each used as its authors mean it to be fast.

hmmlearn 0.3: `sample` draws one sequence a call. `score` with `implementation="scaling"` runs the compiled forward
filter and nothing else (`score_samples` would add the backward pass); one call with `lengths` scores many sequences
faster than a call for each, and is what is timed, although it returns only their sum.

dynamax: `CategoricalHMM.sample`, `hmm_filter` and `hmm_smoother` under `jit(vmap(...))` in float64. Log-likelihoods are
looked up in a table inside the compiled function, which is faster than the model's own `marginal_log_prob`; a masked
position has a row of zeros. Outputs that are not used, such as transition posteriors, are dropped by the compiler.
The batch is the fastest of a few sizes. Compiling, and moving tokens to jax, are not timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from dynamax.hidden_markov_model import CategoricalHMM as DynamaxHMM
from dynamax.hidden_markov_model import hmm_filter, hmm_smoother
from hmmlearn.hmm import CategoricalHMM as HmmlearnHMM

jax.config.update("jax_enable_x64", True)

BATCHES = (16, 32, 64, 128, 256, 512, 1024)


class Hmmlearn:
    """hmmlearn on the parameters of an HMM; what it runs uses one thread."""

    def __init__(self, language: Any) -> None:
        states, vocab_size = language.emission.shape
        self.model = HmmlearnHMM(n_components=states, n_features=vocab_size, implementation="scaling")
        self.model.startprob_ = np.array(language.initial)
        self.model.transmat_ = np.array(language.transition)
        self.model.emissionprob_ = np.array(language.emission)

    def sample(self, count: int, length: int) -> np.ndarray:
        """Draw sequences, one call each."""
        return np.stack([self.model.sample(length, random_state=seed)[0][:, 0] for seed in range(count)])

    def log_prob_sum(self, tokens: np.ndarray) -> float:
        """Sum over rows of log q(x), in one call."""
        count, length = tokens.shape
        return self.model.score(tokens.reshape(-1, 1).astype(np.int64), [length] * count)

    def log_prob(self, tokens: np.ndarray) -> np.ndarray:
        """log q(x) of each row; not timed, to compare values."""
        return np.array([self.model.score(row[:, None].astype(np.int64)) for row in tokens])

    def log_prob_sum_shared(self, tokens: np.ndarray, pool: ThreadPoolExecutor) -> float:
        """As `log_prob_sum`, the rows shared by hand over two Python threads."""
        half = len(tokens) // 2
        return sum(pool.map(self.log_prob_sum, [tokens[:half], tokens[half:]]))


class Dynamax:
    """dynamax on the parameters of an HMM, compiled once for each job and batch."""

    def __init__(self, language: Any, length: int) -> None:
        states, vocab_size = language.emission.shape
        self.length = length
        initial, transition = jnp.array(language.initial), jnp.array(language.transition)
        emission = jnp.array(language.emission)
        model = DynamaxHMM(num_states=states, emission_dim=1, num_classes=vocab_size)
        parameters, _ = model.initialize(
            initial_probs=initial, transition_matrix=transition, emission_probs=emission[:, None, :]
        )
        # Row v holds log P(token v | state); the last row, of the mask, holds zeros.
        rows = jnp.concatenate([jnp.log(emission.T), jnp.zeros((1, states))])
        self._draw = jax.jit(jax.vmap(lambda key: model.sample(parameters, key, length)[1][:, 0]))
        self._filter = jax.jit(jax.vmap(lambda x: hmm_filter(initial, transition, rows[x]).marginal_loglik))
        self._smooth = jax.jit(jax.vmap(lambda x: hmm_smoother(initial, transition, rows[x]).smoothed_probs @ emission))

    def sampling(self) -> tuple[Callable[[Any], Any], list[Any]]:
        """The compiled sampler and its batches of keys."""
        keys = jax.random.split(jax.random.PRNGKey(0), max(BATCHES))
        return self._draw, self._best_batches(self._draw, keys)

    def filtering(self, tokens: np.ndarray) -> tuple[Callable[[Any], Any], list[Any]]:
        """The compiled filter and batches of tokens."""
        return self._filter, self._best_batches(self._filter, jnp.array(tokens, dtype=jnp.int32))

    def smoothing(self, tokens: np.ndarray) -> tuple[Callable[[Any], Any], list[Any]]:
        """The compiled smoother, which returns token marginals, and batches of tokens with masks."""
        return self._smooth, self._best_batches(self._smooth, jnp.array(tokens, dtype=jnp.int32))

    def _best_batches(self, function: Callable[[Any], Any], rows: Any) -> list[Any]:
        """`rows` cut into batches of the size that took least time a row."""
        seconds = {}
        for size in [size for size in BATCHES if size <= len(rows)]:
            batch = rows[:size]
            function(batch).block_until_ready()
            repeats = max(1, 256 // size)
            start = time.perf_counter()
            for _ in range(repeats):
                function(batch).block_until_ready()
            seconds[size] = (time.perf_counter() - start) / (repeats * size)
        size = min(seconds, key=seconds.__getitem__)
        return [rows[start : start + size] for start in range(0, len(rows) - size + 1, size)]


def run_batches(function: Callable[[Any], Any], batches: list[Any], count: int) -> None:
    """As many batches as `count` rows need, one after the other; jax may use all processors allowed for each."""
    size = len(batches[0])
    for number in range(-(-count // size)):
        function(batches[number % len(batches)]).block_until_ready()


def run_batches_shared(
    function: Callable[[Any], Any], batches: list[Any], count: int, pool: ThreadPoolExecutor
) -> None:
    """As `run_batches`, the batches shared by hand over two Python threads."""
    size = len(batches[0])
    numbers = range(-(-count // size))
    list(pool.map(lambda number: function(batches[number % len(batches)]).block_until_ready(), numbers))
