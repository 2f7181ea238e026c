"""What a model pays for held-out sequences: the bound that papers quote, and what is closer to its own price.

The ELBO of masked diffusion from 128 contexts a sequence is what lm-eval-harness and papers call its likelihood. It is
a lower bound of log p(x) of drawing one token at a time in random order, and of nothing else: the importance-weighted
bound of the same is closer, and the replay of a rule that looks is exact, for that rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mdmtheory.core.estimate import Estimate, Kind, WithheldError
from mdmtheory.core.integers import whole_numbers
from mdmtheory.metrics.held_out import HeldOut
from mdmtheory.metrics.likelihood import Likelihood, likelihood
from mdmtheory.models.masked import MaskedDiffusion

CONTEXTS = 128
"""Monte Carlo samples of the ELBO: as many as are usual."""
_RULES = ("confidence:ties=lowest", "entropy:ties=lowest")
_OTHER_SIDE: dict[Kind, Kind] = {"lower bound": "upper bound", "estimate": "estimate"}


@dataclass(frozen=True)
class Bound:
    """What the sequences cost under a sampler: an upper bound of its price, or the price; or why there is none.

    Nats a token, and bits a byte of text where that is known. `calls` are what finding it took a sequence.
    """

    kind: str
    sampler: str
    calls: int
    nats_a_token: Estimate | str
    bits_a_byte: Estimate | str


@whole_numbers(plans=1, seed=0)
def bounds_of_text(held: HeldOut, *, plans: int = 16, seed: int = 0, level: float = 0.95) -> list[Bound]:
    """The prices of held-out sequences, one position at a time: ELBO, importance-weighted bound, exact replays."""
    length = held.tokens.shape[1]
    asked = [("elbo", "first_hitting", CONTEXTS, CONTEXTS), ("iw", "first_hitting", plans, plans * length)]
    found = []
    for kind, sampler, drawn, calls in [*asked, *(("replay", each, None, length) for each in _RULES)]:
        model = MaskedDiffusion(held.denoiser, sampler=sampler, steps=length)
        scored = likelihood(model, held.tokens, kind=kind, plans=drawn, seed=seed, level=level)
        nats = _price(scored)
        found.append(Bound(kind, sampler, calls, nats, _bits(nats, held.bytes_a_token)))
    return found


def _price(scored: Likelihood) -> Estimate | str:
    """-log p(x), nats a token."""
    try:
        mean = scored.mean
    except WithheldError as withheld:
        return withheld.kind
    return Estimate(-mean.value, -mean.high, -mean.low, mean.level, _OTHER_SIDE[mean.kind], mean.count)


def _bits(nats: Estimate | str, bytes_a_token: float | None) -> Estimate | str:
    if isinstance(nats, str) or bytes_a_token is None:
        return ""
    scale = 1 / (math.log(2) * bytes_a_token)
    return Estimate(nats.value * scale, nats.low * scale, nats.high * scale, nats.level, nats.kind, nats.count)
