"""What languages, denoisers and models are where they say nothing else.

What is built in inherits it; of a plug-in that lacks something the guard answers with it (core.contracts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, cast

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.canvases import laws_said
from mdmtheory.core.estimate import Kind
from mdmtheory.core.guards import MOST_OFF
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Sees
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import TokensLike, as_tokens


class LanguageDefaults:
    """What a language knows of itself besides core.protocols.Language."""

    vocab_size: int
    choices: ClassVar[Mapping[str, tuple[str, Sequence[str]]]] = MappingProxyType({})
    """The option and its words, by number, behind each of its parameters that is a choice."""

    @property
    def independent_tokens(self) -> bool:
        """Whether tokens are known to say nothing of one another, so that p_plan = q for every plan."""
        return False

    def typed(self, name: str, value: Any) -> tuple[str, Any]:
        """How a parameter that is a number is typed: its option, and the word or number there."""
        option, words = self.choices.get(name, (name, None))
        return option, value if words is None else words[value]

    @property
    def chain(self) -> Any:
        """This language as a chain of hidden states (languages.chain.Chain); None where it is none, or too large."""
        return None

    @property
    def width(self) -> int:
        """How many numbers stand at each position while it is computed with: tokens, states or contexts."""
        return self.vocab_size

    @whole_numbers(length=1)
    def prompt(self, length: int) -> Bool[np.ndarray, "length"] | None:
        """Which positions are given, the same in every sequence of a length; the rest is the answer. None: none."""
        return None

    @whole_numbers(length=1)
    def support(self, length: int) -> Any:
        """What says how steps of a length are completed (languages.completion.Completion); None where nothing does.

        An automaton (languages.support.Support), ValueError for one of too many states; or a closed form.
        """
        return None

    def answer_log_prob(self, tokens: TokensLike) -> Float[np.ndarray, "count"] | None:
        """log q(answer | what `prompt` gives) in nats, where it is known without the oracle's chain rule; None."""
        return None


class DenoiserDefaults:
    """What a denoiser can and says besides core.protocols.Denoiser."""

    fused: bool = False
    """Whether `run_plan` runs plans in a kernel of its own."""
    trust: float | None = None
    """How far it trusts revealed tokens: 1 holds them to be certain, None is unknown."""
    refusals: Mapping[str, str] = MappingProxyType({})
    """Why it does not take a noise, by noise."""
    language: Any = None
    """The language that it is a denoiser of, if that is known."""
    pairs: Any = None
    """pairs(tokens, threads=...) is the mutual information in nats of every two masked positions, where it is known."""
    device: str = "cpu"
    """Where it computes: "cpu", "cuda:0"."""
    tolerance: float = MOST_OFF
    """How far the sum of a law may be off 1 before it is scaled; more than that is refused."""
    sees: Sees = "all"
    """What it looks at: a causal network sees what is left of a position, a block network its own block and
    those before; masked models refuse both."""
    block: int | None = None
    """How many positions its blocks have, where it sees by blocks."""
    length: int | None = None
    """The only length that it takes; None: any that its language has."""
    noise_embedding: Any = None
    """The vectors of tokens (V, dim) whose Gaussian noise it knows; None: any."""
    noise_ends: Any = None
    """Between which levels, -log of the signal-to-noise ratio, it knows Gaussian noise; None: at any."""
    proper: bool = True
    """Whether what it was trained for has the exact posterior as its only optimum."""
    told_level: bool = False
    """Whether its canvases are told the share of each row that is masked."""
    computed: Mapping[str, Any] | None = None
    """What its numbers depend on besides its identity, such as precision; stands in the names of stored tasks."""
    reveals: int | None = None
    """At how many numbers of revealed positions, drawn for each sequence, it is asked where plans are averaged by
    single reveals; None: at all, as many calls a sequence as there are positions."""

    def trusting(self, trust: float) -> Any:
        """The same denoiser where what is revealed is evidence, trusted so far: then no context is impossible.

        None where it is nobody's posterior given what is revealed; a network, say, goes on everywhere by itself.
        """
        return None

    def batch(self, length: int) -> int | None:
        """How many sequences of a length it takes at once; None: any number, so threads share them out."""
        return None

    def validate_length(self, length: int) -> None:
        """ValueError where it is for sequences of another length."""

    @property
    def exact_for(self) -> str | None:
        """The digest of the language whose exact posterior it is; see `core.contracts.exact_for`."""
        return None

    @whole_numbers(threads=1)
    def conditionals(
        self: Any, tokens: TokensLike, *, threads: int | None = None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """Marginals at every position of partly masked rows: a canvas's at masks, one-hot at revealed tokens."""
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        found = np.zeros((*tokens.shape, self.vocab_size))
        rows, positions = np.nonzero(tokens < self.vocab_size)
        found[rows, positions, tokens[rows, positions]] = 1.0
        rows, positions = np.nonzero(tokens == self.vocab_size)
        if len(rows):
            canvas = self.open(*tokens.shape, prompt=tokens, threads=threads)
            found[rows, positions] = laws_said(canvas, rows, positions)
        return found

    @whole_numbers(block=1, first=0, threads=1)
    def block_laws(
        self: Any, clean: TokensLike, noisy: TokensLike, *, block: int, first: int = 0, threads: int | None = None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """As `conditionals`, given `clean` blocks before, `noisy` tokens of the own block and masks after it.

        Blocks have `block` positions, from position `first` on; the last is shorter where they do not divide the rest.
        What stands before `first` is given, and nothing is asked of it: zeros there.
        """
        clean, noisy = as_tokens(clean, self.vocab_size), as_tokens(noisy, self.vocab_size, masks=True)
        found = np.zeros((*clean.shape, self.vocab_size))
        for start in range(first, clean.shape[1], block):
            own = slice(start, start + block)
            shown = np.full_like(clean, self.vocab_size)
            shown[:, :start], shown[:, own] = clean[:, :start], noisy[:, own]
            found[:, own] = self.conditionals(shown, threads=threads)[:, own]
        return found

    @whole_numbers(first=0, threads=1)
    def next_laws(
        self: Any, tokens: TokensLike, *, first: int = 0, threads: int | None = None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """The law of the token at every position given those to the left of it; zeros where those are impossible.

        Nothing is asked of positions before `first`: zeros there.
        """
        tokens = as_tokens(tokens, self.vocab_size)
        masks = np.full_like(tokens, self.vocab_size)
        return cast(np.ndarray, self.block_laws(tokens, masks, block=1, first=first, threads=threads))


class ModelDefaults:
    """What a model says of itself besides core.protocols.SequenceModel; None where it has no such thing."""

    takes_prompts: bool = False
    """Whether `sample` and `log_prob` take a `prompt`."""
    finishes: bool = False
    """Whether `sample` takes `finish` and `trust`, and draws sequences to their end where they went wrong."""
    denoiser: Any = None
    sampler: Any = None
    schedule: Any = None
    plan_law: Any = None
    """Its sampler, where that is a law over plans."""
    language: Any = None
    """The language that it is a model of, if that is known other than by its denoiser."""
    constraint: Any = None
    """What holds its steps to the language (models/constraint.py)."""
    noise: ClassVar[str] = "masked"
    """What it takes back."""
    embedding: Any = None
    """The vectors of tokens that Gaussian noise is put on."""
    block: int | None = None
    """The length of its blocks, which come from left to right."""
    own_spec: Spec | None = None
    """What it is called without its denoiser, steps and schedule, where that is not as it was typed."""

    @property
    def device(self) -> str:
        """Where its denoiser computes."""
        return "cpu" if self.denoiser is None else self.denoiser.device

    @property
    def computed(self) -> Mapping[str, Any] | None:
        """What its numbers depend on besides its identity, such as its denoiser's precision; None: nothing."""
        return None if self.denoiser is None else self.denoiser.computed

    def batch(self, length: int) -> int | None:
        """How many sequences of a length its denoiser takes at once; None: any number."""
        return None if self.denoiser is None else self.denoiser.batch(length)

    @property
    def log_prob_kind(self) -> Kind:
        """The kind of `log_prob`; ValueError with the reason where there is none."""
        return "exact"

    def validate_length(self, length: int) -> None:
        """ValueError where its sampler or its schedule is for another length."""

    def validate_whole(self, length: int) -> None:
        """ValueError where it draws no sequences of this length, what is given of them included."""

    def check_walks(self) -> None:
        """ValueError with the reason where it has no `walk` that stays possible (models/conditioned_walk.py)."""
        raise ValueError(
            f"{self.spec} may change tokens, or does not say how it draws them, so it has no walk that stays "  # type: ignore[attr-defined]
            "possible; count errors (ser, method='draws'), or use masked or block diffusion or autoregression"
        )

    def check_step_walks(self: Any) -> None:
        """ValueError with the reason where it has no `walk_steps` (models/conditioned_steps.py)."""
        raise ValueError(
            f"{self.spec} has no walk by whole steps; use masked or block diffusion with a law over plans, or ser_walk "
            "or ser"
        )

    def check_shared_walks(self: Any) -> None:
        """ValueError with the reason where it has no `walk_shared` (models/shared_walks.py)."""
        raise ValueError(
            f"{self.spec} has no walk by shared steps; use masked diffusion with sampler ancestral, or ser_sharp or ser"
        )

    def check_tilted_walks(self: Any) -> None:
        """ValueError with the reason where it has no `walk_tilted` (models/tilted_walks.py)."""
        raise ValueError(
            f"{self.spec} has no tilted walk; use masked diffusion with a fixed plan, as stride, or ser_sharp or ser"
        )
