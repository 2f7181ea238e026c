"""To add noise and take it back exactly brings any law nearer to the language.

Setting. Any law p over sequences, here that of masked diffusion with the exact denoiser. One churn: every token is kept
with probability `kept` and else drawn anew from all V; then the whole sequence is drawn from its exact posterior.
Measured. (a) The total variation distance of p after the churn from q. (b) The same of q itself, where the posterior is
replaced by the product of its marginals, as a sampler has it in one step.
Guarantee. (a) At most 1 - (1 - kept)^L times that of p: q stays as it is, and with that probability all tokens of two
sequences are drawn anew, the same ones. Equal where nothing is kept. (b) At
most TV(posterior, product of its marginals) in the mean over noisy sequences, and above 0 unless these are alike: only
where the posterior is drawn whole does a churn contract, and one step of a sampler errs as it mends.
Constants. None.
Source. 2605.26582 (only its abstract was at hand), which says that transitions that exchange mass symmetrically
contract sampling errors; the coefficient is ours, after Dobrushin; docs/theory.md 8.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.exact.enumeration import all_sequences, check_feasible, joint
from mdmtheory.exact.law import law
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, full_support, independent, small_languages
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin, probability

Kernel = Float[np.ndarray, "before after"]
Law = Float[np.ndarray, "sequences"]

_SEARCH = Ours(
    "Dobrushin contraction coefficient forward noise then exact posterior uniform discrete diffusion", "2026-11-29"
)


def _requires(setting: Setting) -> None:
    if not 0 <= setting.options["kept"] < 1:
        raise HypothesisError(f"kept is {setting.options['kept']}; it is about 0 or more and less than 1")


def noise(vocab_size: int, length: int, kept: float) -> Kernel:
    """The probability of each noisy sequence given each clean one."""
    size = vocab_size**length
    check_feasible(length * float(size) ** 2, 64 * float(size) ** 2, f"a kernel of {size:,} sequences")
    sequences = all_sequences(vocab_size, length)
    same = (sequences[:, None] == sequences[None]).sum(axis=2)
    redrawn = (1 - kept) / vocab_size
    found: Kernel = (kept + redrawn) ** same * redrawn ** (length - same)
    return found


def whole_posterior(q: Law, noisy: Kernel) -> Kernel:
    """The probability of each clean sequence given each noisy one."""
    joint_law = (q[:, None] * noisy).T
    found: Kernel = joint_law / joint_law.sum(axis=1, keepdims=True)
    return found


def product_posterior(posterior: Kernel, vocab_size: int, length: int) -> Kernel:
    """The product of its marginals, position by position."""
    sequences = all_sequences(vocab_size, length)
    found = np.ones_like(posterior)
    for position in range(length):
        own = sequences[:, position]
        single = np.stack([posterior[:, own == token].sum(axis=1) for token in range(vocab_size)], axis=1)
        found *= single[:, own]
    return found


def _distance(p: Law, q: Law) -> float:
    return float(np.abs(p - q).sum() + abs(1 - p.sum())) / 2


def _contracted(setting: Setting) -> Sides:
    language, length, kept = setting.language, setting.length, setting.options["kept"]
    model = MaskedDiffusion(
        language.oracle(), sampler=setting.options["sampler"], steps=setting.steps, schedule=setting.schedule
    )
    q, p = joint(language, length).reshape(-1), law(model, language, length).reshape(-1)
    noisy = noise(language.vocab_size, length, kept)
    after = p @ noisy @ whole_posterior(q, noisy)
    before = _distance(p, q)
    coefficient = 1 - (1 - kept) ** length
    bound = Estimate.exact(coefficient * before)
    return Sides(Estimate.exact(_distance(after, q)), bound, f"{before:.6g} before, coefficient {coefficient:.6g}")


def _moved(setting: Setting) -> Sides:
    language, length = setting.language, setting.length
    q = joint(language, length).reshape(-1)
    noisy = noise(language.vocab_size, length, setting.options["kept"])
    posterior = whole_posterior(q, noisy)
    product = product_posterior(posterior, language.vocab_size, length)
    apart = float((q @ noisy) @ np.abs(posterior - product).sum(axis=1)) / 2
    return Sides(Estimate.exact(_distance(q @ noisy @ product, q)), Estimate.exact(apart))


def _settings(statement: Statement) -> list[Setting]:
    several = [
        statement.setting(language, 3, 1, kept=kept) for language in small_languages() for kept in (0.0, 0.5, 0.9)
    ]
    return [
        *several,
        statement.setting(independent(), 3, 1, kept=0.5),
        statement.setting(independent(), 1, 1, kept=0.5),
    ]


def _coefficient(broken: str, change: Callable[[float, int], float], witness: twins.Witness, teaches: str) -> Twin:
    """Another coefficient."""

    def bound(setting: Setting, bound: float) -> float:
        kept, length = setting.options["kept"], setting.length
        return change(kept, length) * bound / (1 - (1 - kept) ** length) if kept else 0.0

    return twins.bounded(f"{broken} in place of 1 - (1 - kept)^L", bound, witness, teaches)


CHURN: Statement = Statement(
    id="churn",
    number=32,
    says="TV(p after a churn, q) <= (1 - (1 - kept)^L) TV(p, q)",
    source="after 2605.26582, the coefficient ours; docs/theory.md 8",
    sources=("yuan2026", _SEARCH),
    direction="<=",
    known=probability,
    sides=_contracted,
    settings=lambda: _settings(CHURN),
    hypotheses="any language, exact posterior of whole sequences under uniform noise; small enough to enumerate",
    requires=_requires,
    tight=lambda setting: setting.options["kept"] == 0,
    options={"kept": 0.5, "sampler": "ancestral"},
    twins=(
        _coefficient(
            "kept^L",
            lambda kept, length: kept**length,
            lambda it: it.setting(full_support(), 5, 1, kept=0.5),
            "one token that is drawn anew does not make a sequence new",
        ),
        _coefficient(
            "kept/4",
            lambda kept, length: kept / 4,
            lambda it: it.setting(full_support(), 3, 1, kept=0.9),
            "what is hardly noised is hardly mended",
        ),
        _coefficient(
            "0",
            lambda kept, length: 0.0,
            lambda it: it.setting(bigram3(), 2, 1, kept=0.5),
            "a churn that keeps some tokens keeps some of their error",
        ),
    ),
)

CHURN_OF_PRODUCTS: Statement = Statement(
    id="churn_of_products",
    number=32,
    says="TV(q after a churn by products of marginals, q) <= E TV(posterior, product of its marginals)",
    source="ours; docs/theory.md 8",
    sources=(_SEARCH,),
    direction="<=",
    known=probability,
    sides=_moved,
    settings=lambda: _settings(CHURN_OF_PRODUCTS),
    hypotheses="any language, exact marginals under uniform noise; small enough to enumerate",
    requires=_requires,
    tight=lambda setting: setting.length == 1,
    options={"kept": 0.5},
    twins=(
        twins.turned(lambda it: it.setting(bigram3(), 3, 1, kept=0.5), "errors of noisy sequences partly cancel"),
        twins.bounded(
            "0",
            lambda setting, bound: 0.0,
            lambda it: it.setting(bigram3(), 3, 1, kept=0.5),
            "products do not contract: they move the language itself",
        ),
    ),
)
