"""A divergence is two: how much is wrong, and how unfaithful the rest is.

Setting. Any law p over sequences: masked diffusion with any denoiser and any sampler.
Measured. KL(q || p), by enumeration of the whole law.
Guarantee. Equal to -log(1 - SER) + KL(q || p given the support): on the support p is (1 - SER) times p given it. The
first part is the least divergence that so many errors allow (`ser_from_kl`); the second is what is left where nothing
is wrong, and 0 on languages that a symmetry of the sampler makes uniform.
Constants. None.
Source. Ours as a statement: the split is elementary, and stands in a note to a study of trained posteriors;
docs/theory.md 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.special import rel_entr

from mdmtheory.core.estimate import Estimate
from mdmtheory.denoisers import DENOISERS
from mdmtheory.exact.enumeration import Law, entropy_nats, expected_nll, joint
from mdmtheory.exact.kl_parts import KLParts, kl_parts
from mdmtheory.exact.law import law
from mdmtheory.metrics.kl_parts import PARTS_SEARCH
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, small_languages
from mdmtheory.theory.ser_from_kl import STATEMENT as SER_FROM_KL
from mdmtheory.theory.statement import Setting, Sides, Statement, Twin, non_negative


def _laws(setting: Setting) -> tuple[Law, Law]:
    denoiser = DENOISERS.build(setting.options["denoiser"], setting.language)
    model = MaskedDiffusion(
        denoiser, sampler=setting.options["sampler"], steps=setting.steps, schedule=setting.schedule
    )
    return law(model, setting.language, setting.length), joint(setting.language, setting.length)


def _sides(setting: Setting) -> Sides:
    p, q = _laws(setting)
    wrong, unfaithful = kl_parts(p, q)
    note = f"wrong {wrong:.6g}, unfaithful {unfaithful:.6g}"
    return Sides(Estimate.exact(expected_nll(p, q) - entropy_nats(q)), Estimate.exact(wrong + unfaithful), note)


def _settings() -> list[Setting]:
    several = [STATEMENT.setting(language, 4, steps) for language in small_languages() for steps in (1, 3)]
    longer = [each for each in SER_FROM_KL.settings() if each.length > 3]
    return [*several, *(STATEMENT.setting(each.language, 4, 2, **each.options) for each in longer)]


def _backwards(p: Law, q: Law) -> float:
    """KL(p given the support || q) in nats."""
    inside = q > 0
    return float(rel_entr(p[inside] / p[inside].sum(), q[inside]).sum())


def _of_parts(broken: str, value: Callable[[KLParts, Law, Law], float], teaches: str) -> Twin:
    def bound(setting: Setting, bound: float) -> float:
        p, q = _laws(setting)
        return value(kl_parts(p, q), p, q)

    return twins.bounded(broken, bound, lambda it: it.setting(bigram3(), 4, 2), teaches)


STATEMENT: Statement = Statement(
    id="kl_parts",
    number=33,
    says="KL(q||p) = -log(1 - SER) + KL(q||p given the support)",
    source="elementary; as a statement ours, docs/theory.md 7",
    sources=(PARTS_SEARCH,),
    direction="=",
    known=non_negative,
    sides=_sides,
    settings=_settings,
    hypotheses="any language, denoiser and sampler; small enough to enumerate",
    options={"denoiser": "oracle", "sampler": "ancestral"},
    twins=(
        _of_parts("what is wrong alone", lambda parts, p, q: parts.wrong, "nothing wrong is not yet faithful"),
        _of_parts("what is unfaithful alone", lambda parts, p, q: parts.unfaithful, "errors cost divergence as well"),
        _of_parts(
            "SER in place of -log(1 - SER)",
            lambda parts, p, q: -math.expm1(-parts.wrong) + parts.unfaithful,
            "they agree to first order only",
        ),
        _of_parts(
            "the divergence on the support the other way round",
            lambda parts, p, q: parts.wrong + _backwards(p, q),
            "KL(q||p) and KL(p||q) differ in second order",
        ),
    ),
)
