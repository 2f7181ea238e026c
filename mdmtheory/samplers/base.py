"""What every sampler that looks has, whether or not it says so: what it may do besides, with nothing as the default."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.protocols import Answers
from mdmtheory.core.tokens import Tokens
from mdmtheory.oracles.answers import as_answers
from mdmtheory.plans import Chooser
from mdmtheory.samplers.protocol import Marginals, Outcomes, Positions, Said, Sampler, State
from mdmtheory.schedules import Schedule


class SamplerBase(Chooser, Sampler):
    """A sampler that looks, with all that it may leave unsaid.

    `sees_pairs`: it is shown, as `state.pairs`, the mutual information of masked positions given what is set (nats);
    the denoiser must have `pairs(tokens)`, as the exact oracles do. It is not counted as a call: no network has it.
    `sees_order`: it is shown, as `state.order`, a shuffle of each sequence's positions, by which it ranks those that
    tie; only how masked positions compare there may matter, unless it `remasks`. Its law is the mean over shuffles.
    `sees_laws`: its `step` is shown the marginals as an array, V numbers a position; else the denoiser's answers
    (core.protocols.Answers), which stay where they were computed. `makes_laws`: tokens are drawn from its `law_in`;
    else from the marginals at its temperature, from its nucleus and above its min_p.
    `leaves_masked`: it may draw the mask, and `law_in` has one column more than the marginals. Where `drawn` is the
    vocabulary's size the position stays masked; a step in which a row draws nothing else sets nothing there.
    `keeps_fractions`: each position is set with the probability that `fractions` says after every step.
    """

    facts = (
        "uses_steps",
        "uses_schedule",
        "context_only",
        "remasks",
        "sees_pairs",
        "sees_order",
        "sees_laws",
        "makes_laws",
        "leaves_masked",
        "keeps_fractions",
    )
    oblivious: ClassVar[Literal[False]] = False
    uses_steps: bool = False
    uses_schedule: bool = False
    context_only: bool = True
    remasks: bool = False
    sees_pairs: bool = False
    sees_order: bool = False
    sees_laws: bool = True
    makes_laws: bool = True
    leaves_masked: bool = False
    keeps_fractions: bool = True

    @property
    def scored_as(self) -> SamplerBase | None:
        """The sampler whose replay gives log p(x): itself where it looks at the context only and sets tokens once.

        Given a shuffle, where it is shown one.
        """
        return self if self.context_only and not self.remasks else None

    def chances(self, state: State, tokens: Tokens) -> Float[np.ndarray, "rows length"] | None:
        """The probability that each position's coin falls, tossed before `wants` and shown as `state.coins`.

        None for a sampler whose choice of positions is not random.
        """
        return None

    def charges(self, state: State, tokens: Tokens) -> tuple[Int[np.ndarray, "rows"], Int[np.ndarray, "rows"]] | None:
        """The calls and the rounds that the coming step costs each sequence; None where it is one of each."""
        return None

    def law_in(self, state: State, tokens: Tokens, wanted: Positions, marginals: Marginals) -> Outcomes:
        """The laws from which the n positions `wanted` are drawn, where they depend on more than the marginals."""
        return self.law(marginals)

    def answers(self, said: Said) -> Answers:
        """What tokens are drawn from, where it does not make laws, and what scores look at: what was said, by default.

        Answers stay where they are, an array becomes some.
        """
        return as_answers(said)

    def settled(self, state: State) -> int:
        """How many positions from the left on never change again in any row, where set tokens may change otherwise."""
        return 0

    def fractions(self, steps: int, schedule: Schedule) -> Float[np.ndarray, "edges"] | None:
        """The fraction set before the first step and after each, for samplers that take steps of a schedule."""
        return None


def check_whole(sampler: SamplerBase, tokens: Tokens, mask: int) -> None:
    """ProtocolError where sequences that a sampler has finished keep a mask."""
    if (tokens == mask).any():
        raise ProtocolError(
            f"sampler {sampler.spec} finished a sequence that keeps a mask; let `finished` be true of sequences "
            "without masks only"
        )
