"""What all objectives share: noised batches, the exact posterior as their target, the loss and its floor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.given import Given, check_sees
from mdmtheory.core.prompts import Prompt
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.networks.architecture import Architecture, Size

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Noised:
    """Sequences as a network is to see them, and what its answers weigh.

    `seen` are tokens, the mask being vocab_size, or values (rows, length, dim). `level` is the noise of each row, 0 for
    none and 1 for nothing left, for networks that are told it; None where an objective has no level of the whole row.
    `weights` times the nats at each position sum to an unbiased estimate of the objective, in nats a sequence; they are
    0 where nothing is asked. `step` is the noise level as a number, where levels are numbered. Where positions are
    `shown` their clean tokens are known, and `seen` says nothing of them.
    """

    clean: Tokens
    seen: Int[np.ndarray, "rows length"] | Float[np.ndarray, "rows length dim"]
    level: Float[np.ndarray, "rows"] | None
    weights: Float[np.ndarray, "rows length"]
    step: Int[np.ndarray, "rows"] | None = None
    shown: Bool[np.ndarray, "rows length"] | None = None

    def given(self, prompt: Prompt) -> Noised:
        """These answers with their prompts before a network: prompts are seen, and nothing is asked of them.

        Of answers to prompts nothing but masks is known, so a level is a share of masks: here of whole sequences.
        """
        weights = np.zeros(prompt.tokens.shape)
        weights[:, prompt.answer] = self.weights
        share = len(prompt.answer) / prompt.tokens.shape[1]
        level = None if self.level is None else self.level * share
        return Noised(prompt.joined(self.clean), prompt.joined(self.seen).astype(np.int64), level, weights)

    def beside(self, prompt: Prompt) -> Noised:
        """The same where prompts are certain evidence beside that which a noise leaves of the answers.

        A level is that of the answers.
        """
        shape = prompt.tokens.shape
        seen = np.zeros((*shape, *self.seen.shape[2:]), dtype=self.seen.dtype)
        weights = np.zeros(shape)
        seen[:, prompt.answer], weights[:, prompt.answer] = self.seen, self.weights
        shown = np.tile(prompt.given, (len(seen), 1))
        return replace(self, clean=prompt.joined(self.clean), seen=seen, weights=weights, shown=shown)

    def noised_positions(self) -> Int[np.ndarray, "noised"]:
        """Those that are not shown, the same in every row."""
        return np.arange(self.clean.shape[1]) if self.shown is None else np.flatnonzero(~self.shown[0])

    def tensors(self, *, device: Any = "cpu", dtype: Any = None) -> NoisedTensors:
        """The same where the network computes; real numbers in `dtype`, float32 unless said."""
        import torch

        real = torch.float32 if dtype is None else dtype

        def there(numbers: np.ndarray | None) -> Tensor | None:
            if numbers is None:
                return None
            kept = {"i": torch.int64, "u": torch.int64, "b": torch.bool}.get(numbers.dtype.kind, real)
            return torch.as_tensor(numbers).to(device=device, dtype=kept)

        return NoisedTensors(*(there(getattr(self, each.name)) for each in fields(self)))


class NoisedTensors(NamedTuple):
    """The fields of `Noised`, as tensors."""

    clean: Any
    seen: Any
    level: Any
    weights: Any
    step: Any
    shown: Any = None
    vectors: Any = None
    """Of tokens, where a network's own go in."""
    kept: Any = None
    """What is left of the signal, where 1 - level is too coarse for it: float32 knows none below 6e-8."""
    prior: Any = None
    """Nats of each row that no answer changes."""
    normals: Any = None
    """Noise that is to be put on latents."""


class Stage(NamedTuple):
    """A part of a training: `part` is what the names of the weights that it learns begin with, "" of all.

    `said` is what its loss is called among results; the last stage's is the loss.
    """

    part: str
    steps: int
    said: str = "loss"


@dataclass(frozen=True)
class Objective(ABC):
    """What a network over `vocab_size` tokens is trained for; a subclass has its options as keyword-only fields.

    A class says the `noise` that its networks see through, the `attention` that they need, and whether it is `proper`:
    whether the exact posterior alone reaches its floor.
    """

    name: ClassVar[str]
    noise: ClassVar[Literal["masked", "uniform", "gaussian", "latent"]] = "masked"
    attention: ClassVar[Literal["bidirectional", "causal", "block"]] = "bidirectional"
    proper: ClassVar[bool] = True
    told_level: ClassVar[bool] = False
    """Whether its networks are told the level of noise, unless said otherwise."""
    evidence: ClassVar[bool] = False
    """Whether its networks are given evidence (networks.architecture), by its `log_likelihood`."""
    of_conditionals: ClassVar[bool] = False
    """Whether `targets` asks an oracle for its `conditionals` alone, which one on a device leaves there."""
    known_targets: ClassVar[bool] = True
    """Whether there are `targets`: not where what networks see depends on their weights. Its floor is then H(q)."""

    vocab_size: int

    @property
    def spec(self) -> Spec:
        """As it is typed, with all its options."""
        options = {each.name: getattr(self, each.name) for each in fields(self) if each.kw_only}
        return Spec.of(self.name, **{key: value for key, value in options.items() if value is not None})

    def validate_length(self, length: int) -> None:  # noqa: B027  # most fit all lengths
        """ValueError where its options do not fit sequences of this length."""

    def check_given(self, given: Given | None) -> None:
        """MisfitError where its networks do not see what is given."""
        if given is None:
            return
        around = self.attention == "bidirectional"
        check_sees(f"networks of {self.spec} see", given.positions, around=around, block=self.block)

    @property
    def block(self) -> int | None:
        """The length of the blocks by which its networks' attention goes, where it does."""
        return None

    def architecture(self, length: int, size: Size, *, level: bool, given: Given | None = None) -> Architecture:
        """A network of a size for it; `level`: told the level of noise.

        Where something is `given`, positions have vectors: those of prompts and answers have roles.
        """
        return Architecture(
            self.vocab_size,
            length,
            size.layers,
            size.width,
            size.heads,
            attention=self.attention,
            block=self.block,
            level=level,
            evidence=self.evidence,
            places=given is not None,
        )

    def network(self, architecture: Any, *, seed: int) -> Any:
        """The network of an architecture, with the weights that the seed draws."""
        from mdmtheory.networks.building import token_network

        return token_network(architecture, seed=seed)

    def stages(self, steps: int) -> tuple[Stage, ...]:
        """What is learnt one after the other in so many steps: all at once, unless said."""
        return (Stage("", steps),)

    def row_losses(self, network: Any, noised: NoisedTensors, stage: int) -> Tensor | None:
        """What each row loses in a stage, where that is not the `loss` of laws of tokens; None where it is."""
        return None

    def constants(self) -> dict[str, np.ndarray]:
        """What its networks depend on besides their weights, by the names that it has in a run."""
        return {}

    @abstractmethod
    def noised(self, clean: Tokens, generator: np.random.Generator) -> Noised:
        """Noise a batch of sequences; all chance comes from the generator."""

    def answering(self, noised: Noised, prompt: Prompt) -> Noised:
        """Noised answers with their prompts before a network."""
        return noised.beside(prompt) if self.evidence else noised.given(prompt)

    @abstractmethod
    def targets(self, oracle: Any, noised: Noised, threads: int | None = None, *, first: int = 0) -> Any:
        """The law of the clean token at every position given what the network sees there: what it should say, exactly.

        (rows, length, vocab_size), where the oracle computes. `oracle` is `language.oracle()`, made once: it keeps
        tables. Anything where weights are 0, which they are before position `first`.
        """

    def through(self, network: Any, noised: NoisedTensors) -> NoisedTensors:
        """What a network sees, where that depends on its weights; its answers and their loss are of this."""
        return noised

    def logits(self, network: Any, noised: NoisedTensors) -> Tensor:
        """The network's answers, (rows, length, vocab_size), from one forward pass."""
        seen = self.all_evidence(noised) if self.evidence else noised.seen
        answers: Tensor = network(seen, noised.level)
        return answers

    def all_evidence(self, noised: NoisedTensors) -> Tensor:
        """`log_likelihood`, and of what is shown 0 for the tokens that stand there and -inf for all others."""
        import torch

        found = self.log_likelihood(noised)
        if noised.shown is None:
            return found
        certain = torch.nn.functional.one_hot(noised.clean, self.vocab_size).to(found.dtype).log()
        return torch.where(noised.shown[:, :, None], certain, found)

    def log_likelihood(self, noised: NoisedTensors) -> Tensor:
        """Of each token at every position, (rows, length, vocab_size), up to what no token changes, as evidence has it.

        For objectives whose networks are given evidence.
        """
        raise NotImplementedError

    def costs(self, log_probs: Tensor, noised: NoisedTensors) -> Tensor:
        """Nats that an answer costs at each position if the clean token there is v, (rows, length, vocab_size)."""
        return -log_probs

    def loss(self, log_probs: Tensor, noised: NoisedTensors, targets: Tensor | None = None) -> Tensor:
        """Weighted nats of each row, (rows,): of the clean tokens, or their mean over the laws in `targets`.

        The two have one mean, and so have their gradients; the second has less variance (docs/theory.md, section 11).
        What has weight or probability 0 costs nothing, also where the network excludes it.
        """
        import torch

        if noised.shown is not None:
            # What is excluded there has no logarithm, and 0 times its gradient would be no number.
            log_probs = log_probs.masked_fill(noised.shown[:, :, None], 0.0)
        costs = self.costs(log_probs, noised)
        if targets is None:
            nats = costs.gather(2, noised.clean[:, :, None])[:, :, 0]
        else:
            nats = torch.where(targets > 0, targets * costs, 0.0).sum(dim=2)
        return torch.where(noised.weights > 0, noised.weights * nats, 0.0).sum(dim=1)

    def floor(self, noised: Noised, targets: Any) -> Float[np.ndarray, "rows"]:
        """What the exact posterior, `targets`, loses on this batch in nats a row, in float64.

        Nothing loses less where the objective is proper.
        """
        import torch

        exact = torch.as_tensor(targets, dtype=torch.float64)
        there = noised.tensors(device=exact.device, dtype=torch.float64)
        found: Float[np.ndarray, "rows"] = self.loss(exact.log(), there, exact).cpu().numpy()
        return found
