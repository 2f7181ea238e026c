"""The exact oracle of a chain of many hidden states, by batched matrix products in torch, on a processor or a GPU.

Kernels (oracles/chain.py) take one transition probability at a time and keep powers of the matrix, which serves up to
some hundred states. Beyond, matrix products of many sequences are faster, and powers would not fit.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import counted
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.protocols import Language, MarginalsCanvas, PlanRun
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.pdfa import PDFA
from mdmtheory.oracles.canvas import ConditionalsCanvas
from mdmtheory.oracles.chain import ChainOracle
from mdmtheory.oracles.tensors.devices import as_device, check_installed

if TYPE_CHECKING:
    from torch import Tensor

    from mdmtheory.oracles.tensors.messages import DeviceChain, Messages

MANY_STATES = 1024
"""From so many hidden states on, laws take less time in torch than in kernels, and drawing about as much
(benchmarks/on_device.py); kernels' powers of the matrix grow besides."""

DTYPES = ("float64", "float32")
TOKENS_AT_ONCE = 1 << 15
"""Tokens of a batch, as many as a chunk of a sweep has."""
MESSAGES_AT_ONCE = {"cpu": 1 << 25, "cuda": 1 << 30}
"""Numbers of a batch's messages: 256 MiB, and 8 GiB, in float64."""
LAWS_AT_ONCE = {"cpu": 1 << 26, "cuda": 1 << 30}
"""Numbers of the laws of all positions of a batch."""


class DeviceOracle(ChainOracle):
    """The exact posterior marginals of a chain, computed where `device` says: `auto`, `cpu`, `cuda` or `cuda:0`.

    In float64 as the kernels' to 1e-12. In float32 rows sum to 1 to 1e-4, a token of probability below 1e-18 may be
    lost, and it is nobody's exact posterior. `batch` is how many sequences it takes at once: what it holds of them is
    2 S numbers a position, and V of those that a canvas is asked about. Noises other than masks are left to the
    kernels. ValueError for a language without a chain, and for a device that is not there.
    """

    @whole_numbers(batch=1)
    def __init__(
        self,
        language: Language,
        trust: float = 1.0,
        *,
        device: str | None = None,
        dtype: str = "float64",
        batch: int | None = None,
    ) -> None:
        check_installed("oracles on a device", ("torch",))
        chained: Any = language
        if chained.chain is None:
            raise MisfitError(
                f"{language.spec} is no chain of hidden states; leave device, dtype and batch out",
                ("denoiser", "language"),
            )
        if dtype not in DTYPES:
            raise ValueError(f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}")
        super().__init__(chained, trust)
        self.device, self.dtype = as_device(device or "cpu"), dtype
        self._batch = batch
        asked: dict[str, Any] = {"device": device, "dtype": None if dtype == "float64" else dtype, "batch": batch}
        self._asked = {key: value for key, value in asked.items() if value is not None}
        self.spec = Spec.of("oracle", **dict(self.spec.options), **self._asked)
        if self.device != "cpu" or dtype != "float64":
            self.computed = {"device": self.device.partition(":")[0], "dtype": dtype}

    def __repr__(self) -> str:
        more = "".join(f", {key}={value!r}" for key, value in self._asked.items())
        return f"{super().__repr__().removesuffix(')')}{more})"

    @property
    def exact_for(self) -> str | None:
        """The language's digest; None where a revealed token is no more than evidence, and in float32."""
        return super().exact_for if self.dtype == "float64" else None

    def trusting(self, trust: float) -> DeviceOracle:
        """The oracle that trusts what is revealed so far, computed as this one."""
        return DeviceOracle(self.language, min(trust, self.trust), **self._asked)

    def batch(self, length: int) -> int:
        """How many sequences it takes at once: as was asked, or so many that memory stays small."""
        if self._batch is not None:
            return self._batch
        where = "cpu" if self.device == "cpu" else "cuda"
        states = len(self.chain.initial)
        most = (
            TOKENS_AT_ONCE // length,
            MESSAGES_AT_ONCE[where] // (2 * length * states),
            LAWS_AT_ONCE[where] // (length * self.vocab_size),
        )
        return max(1, min(most))

    def laws(self, tokens: TokensLike) -> Tensor:
        """As `conditionals`, in its own precision, where it computes: what a network is to learn there.

        (count, length, V) numbers, made a batch at a time.
        """
        import torch

        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        self.language.validate_length(tokens.shape[1])
        shape = (*tokens.shape, self.vocab_size)
        found = torch.zeros(shape, dtype=getattr(torch, self.dtype), device=self.device)
        for rows, messages in self._batches(tokens, self.trust):
            _fill(messages, self.trust < 1, found[rows])
            unsure = np.flatnonzero(messages.unsure.cpu().numpy()) + rows.start
            if len(unsure):
                mended = self._laws_in_logs(tokens[unsure], self.trust, None, as_logs=False)
                found[torch.from_numpy(unsure)] = torch.from_numpy(mended).to(found)
        if self.trust == 1:
            row, position = (torch.from_numpy(each) for each in np.nonzero(tokens < self.vocab_size))
            found[row, position] = 0.0
            found[row, position, torch.from_numpy(tokens[tokens < self.vocab_size].astype(np.int64))] = 1.0
        return found

    def _weights(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab_size"], Bool[np.ndarray, "count"]]:
        import torch

        found, sure = np.zeros((*tokens.shape, self.vocab_size)), np.empty(len(tokens), dtype=np.bool_)
        for rows, messages in self._batches(tokens, trust):
            _fill(messages, trust < 1, torch.from_numpy(found[rows]))
            sure[rows] = ~messages.unsure.cpu().numpy()
        return found, sure

    def _run(
        self,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None,
        tokens: Tokens | None,
        threads: int | None,
        recompute: bool,
        epsilon: float,
    ) -> tuple[PlanRun, Bool[np.ndarray, "count"]]:
        from mdmtheory.kernels.random import fill_uniforms
        from mdmtheory.oracles.tensors.plan_runs import run_on_messages

        count, length = plan.shape
        uniforms = None
        if tokens is None:
            if states is None:
                raise ValueError("run_plan was given neither tokens nor streams; pass tokens to score or states")
            tokens = np.full(plan.shape, self.vocab_size, dtype=token_dtype(self.vocab_size))
            in_turn, uniforms = np.empty(plan.shape), np.empty(plan.shape)
            fill_uniforms(states, in_turn)
            np.put_along_axis(uniforms, np.argsort(plan, axis=1, kind="stable"), in_turn, axis=1)
        run = PlanRun(
            tokens,
            np.empty(plan.shape),
            np.empty(count, dtype=np.int64),
            np.empty(count, dtype=np.int64),
            np.empty(count, dtype=np.bool_),
        )
        unsure = np.empty(count, dtype=np.bool_)
        size = self.batch(length)
        for first in counted(range(0, count, size), "batches"):
            here = slice(first, min(first + size, count))
            opened = partial(self._messages, here.stop - first, length, self.trust)
            drawing = None if uniforms is None else uniforms[here]
            found, unsure[here] = run_on_messages(
                opened, plan[here], tokens[here], drawing, self._agreeing, recompute, epsilon
            )
            run.put(here, found, tokens=False)  # which were filled where they are
        return run, unsure

    def _batches(self, tokens: Tokens, trust: float) -> Iterator[tuple[slice, Messages]]:
        """The messages of some rows after the other."""
        count, length = tokens.shape
        size = self.batch(length)
        for first in range(0, count, size):
            rows = slice(first, min(first + size, count))
            messages = self._messages(rows.stop - first, length, trust)
            messages.renew(tokens[rows], np.arange(rows.stop - first))
            yield rows, messages

    def _messages(self, count: int, length: int, trust: float) -> Messages:
        """Messages of so many sequences, of masks alone."""
        from mdmtheory.oracles.tensors.messages import Messages, masks_ahead

        ahead = self._kept("masks", length, lambda: masks_ahead(self._on_device, length))
        return Messages(self._trusting(self._on_device, trust), ahead, count)

    def _laws_in_logs(
        self, tokens: Tokens, trust: float, threads: int | None, *, as_logs: bool
    ) -> Float[np.ndarray, "count length vocab_size"]:
        import torch

        from mdmtheory.oracles.tensors.messages import log_laws

        out = np.full((*tokens.shape, self.vocab_size), -np.inf if as_logs else 0.0)
        certain = self._trusting(self._in_float64, trust)
        possible = np.ones(len(tokens), dtype=np.bool_) if trust < 1 else self._agreeing(tokens)
        for row in np.flatnonzero(possible):
            own = tokens[row].astype(np.int64)
            positions = np.flatnonzero((own == self.vocab_size) | (trust < 1))
            logs = log_laws(certain, torch.from_numpy(own).to(self.device), positions)
            out[row, positions] = (logs if as_logs else logs.exp()).cpu().numpy()
        return out

    def _agreeing(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        """Whether each partly masked row agrees with some sequence, as all do that are trusted in part."""
        return self._possible(tokens) if self.trust == 1 else np.ones(len(tokens), dtype=np.bool_)

    def _canvas(self, count: int, length: int, prompt: Tokens | None, threads: int | None) -> MarginalsCanvas:
        return DeviceCanvas(self, count, length, prompt, threads)

    def _trusting(self, chain: DeviceChain, trust: float) -> DeviceChain:
        return chain if trust == chain.trust else chain.trusting(self.chain, trust)

    @cached_property
    def _on_device(self) -> DeviceChain:
        from mdmtheory.oracles.tensors.messages import DeviceChain

        return DeviceChain.of(self.chain, self.trust, self.device, self.dtype)

    @cached_property
    def _in_float64(self) -> DeviceChain:
        from mdmtheory.oracles.tensors.messages import DeviceChain

        if self.dtype == "float64":
            return self._on_device
        return DeviceChain.of(self.chain, self.trust, self.device, "float64")


class LawsOnDevice:
    """A DeviceOracle for one who computes there too: its conditionals stay tensors where they were made."""

    def __init__(self, oracle: DeviceOracle) -> None:
        self.oracle = oracle

    def conditionals(self, tokens: TokensLike, *, threads: int | None = None) -> Tensor:
        """As `DeviceOracle.laws`; `threads` changes nothing."""
        return self.oracle.laws(tokens)


class DeviceCanvas(ConditionalsCanvas):
    """Marginals of a DeviceOracle as a tensor; messages stay, and are renewed as far as what is written is felt."""

    denoiser: DeviceOracle

    def __init__(
        self,
        denoiser: DeviceOracle,
        count: int,
        length: int,
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> None:
        super().__init__(denoiser, count, length, prompt, threads)
        self._messages = denoiser._messages(count, length, denoiser.trust)

    def marginals(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]) -> Any:
        """The posterior at each (row, position), (n, V); every row named is charged one call and one round."""
        import torch

        from mdmtheory.oracles.tensors.messages import token_laws

        asked = np.unique(rows)
        self.calls[asked] += 1
        self.rounds[asked] += 1
        messages, vocab_size = self._messages, self.denoiser.vocab_size
        messages.renew(self.tokens[asked], asked)
        found = torch.zeros((len(rows), vocab_size), dtype=messages.ahead.dtype, device=messages.ahead.device)
        for here, laws in token_laws(messages, rows, positions):
            found[here] = laws
        unsure = messages.unsure.cpu().numpy()
        shown = self.tokens[rows, positions].astype(np.int64)
        if self.denoiser.trust == 1:
            known = np.flatnonzero(shown < vocab_size)
            found[known] = 0.0
            found[known, shown[known]] = 1.0
        doubtful = np.flatnonzero(unsure[rows])
        if len(doubtful):
            again, number = np.unique(rows[doubtful], return_inverse=True)
            every = self.denoiser.conditionals(self.tokens[again], threads=self.threads)
            found[doubtful] = torch.from_numpy(every[number, positions[doubtful]]).to(found)
        self.impossible[rows[(found.sum(dim=1) <= 0).cpu().numpy()]] = True
        return found


def _fill(messages: Messages, shown_too: bool, out: Tensor) -> None:
    """Fill `out` (rows, length, V) with the laws of masked positions, or of all."""
    from mdmtheory.oracles.tensors.messages import token_laws

    tokens = messages.tokens.T.cpu().numpy()
    rows, positions = np.nonzero((tokens == messages.chain.vocab_size) | shown_too)
    for here, laws in token_laws(messages, rows, positions):
        out[rows[here], positions[here]] = laws.to(out)


def installed() -> bool:
    """Whether there is torch."""
    return importlib.util.find_spec("torch") is not None


def has_many_states(language: Any) -> bool:
    """Whether a language is a chain of so many hidden states that products in torch serve better than kernels."""
    chain = language.chain
    return chain is not None and len(chain.initial) >= MANY_STATES


@registered("oracle", "chain")
def by_size(language: HMM | NGram | PDFA, trust: float = 1.0) -> ChainOracle:
    """By kernels, or from MANY_STATES on by products in torch on the processor, where torch is installed."""
    by_products = has_many_states(language) and installed()
    return DeviceOracle(language, trust) if by_products else ChainOracle(language, trust)
