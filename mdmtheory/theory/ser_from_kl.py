"""A small divergence makes errors rare, but only a divergence of the whole sequence.

Setting. Any law p over sequences: here masked diffusion with any denoiser and any sampler.
Measured. SER(p), by enumeration of the whole law.
Guarantee. At most 1 - exp(-KL(q || p)), because KL(q || p) >= -log p(support). Equal exactly when p is a constant times
q on the support of q: so on every language that is uniform over a support on which symmetries of the sampler act
transitively, as on EqualPairs. A gap per token that does not depend on the length makes the bound tend to 1.
Constants. None.
Source. The data-processing inequality (Polyanskiy and Wu 2025); docs/theory.md 7.
"""

from __future__ import annotations

import math
from dataclasses import replace

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.protocols import Denoiser
from mdmtheory.core.spec import Spec
from mdmtheory.denoisers import DENOISERS
from mdmtheory.exact.enumeration import entropy_nats, error_rate, expected_nll, joint
from mdmtheory.exact.law import law
from mdmtheory.languages.closed import ClosedLanguage
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.permutation import Permutation
from mdmtheory.languages.repetition import Repetition
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, small_languages
from mdmtheory.theory.statement import Setting, Sides, Statement, probability


def _sides(setting: Setting) -> Sides:
    denoiser: Denoiser = DENOISERS.build(setting.options["denoiser"], setting.language)
    model = MaskedDiffusion(
        denoiser, sampler=setting.options["sampler"], steps=setting.steps, schedule=setting.schedule
    )
    p, q = law(model, setting.language, setting.length), joint(setting.language, setting.length)
    divergence = expected_nll(p, q) - entropy_nats(q)
    measured, bound = error_rate(p, q), -math.expm1(-divergence)
    note = f"KL {divergence:.6g}"
    return Sides(Estimate.exact(measured), Estimate.exact(bound), note)


def _tight(setting: Setting) -> bool:
    # A window can break the symmetry of no token, but that of positions; perturbed rows break neither.
    return isinstance(setting.language, ClosedLanguage) and not setting.options["denoiser"].startswith("window")


def hardest() -> Setting:
    """The nearest to equality that the search found among n-grams and HMMs."""
    conditional = [[[1, 0], [1, 0]], [[1, 0], [2 / 7, 5 / 7]]]
    language = NGram([[1 / 3, 0], [1 / 3, 1 / 3]], conditional, spec=Spec.of("nearly_uniform_trigram"))
    return replace(STATEMENT.setting(language, 4, 2, "cosine", sampler="fixed"), name="hardest found")


def _settings() -> list[Setting]:
    uniform = [
        EqualPairs(vocab_size=2),
        EqualPairs(vocab_size=3),
        Parity(),
        Repetition(vocab_size=3),
        Permutation(items=4),
    ]
    return [
        *(STATEMENT.setting(language, 5, steps) for language in small_languages() for steps in (1, 3)),
        *(STATEMENT.setting(bigram3(), 5, 3, sampler=each) for each in ("blocks", "stride", "entropy", "confidence")),
        STATEMENT.setting(bigram3(), 5, 3, denoiser="perturbed:epsilon=0.1"),
        *(STATEMENT.setting(language, 4, 2, "cosine") for language in uniform),
        *(STATEMENT.setting(language, 4, 2, denoiser="perturbed:epsilon=0.1") for language in uniform),
        hardest(),
    ]


def _of_pairs(it: Statement) -> Setting:
    return it.setting(EqualPairs(vocab_size=2), 4, 2)


STATEMENT = Statement(
    id="ser_from_kl",
    number=10,
    says="SER <= 1 - exp(-KL(q||p))",
    source="the data-processing inequality; docs/theory.md 7",
    sources=("polyanskiy2025",),
    direction="<=",
    known=probability,
    sides=_sides,
    settings=_settings,
    hypotheses="any language, denoiser and sampler; small enough to enumerate",
    tight=_tight,
    options={"denoiser": "oracle", "sampler": "ancestral"},
    twins=(
        twins.scaled(0.999, _of_pairs, "on pairs the divergence is nothing but what is wrong"),
        twins.turned(lambda it: it.setting(bigram3(), 5, 3), "a law that is right can still be unfaithful"),
        twins.equality(lambda it: it.setting(bigram3(), 5, 3), "a law that is right can still be unfaithful"),
        twins.bounded(
            "half the divergence in the exponent",
            lambda setting, bound: 1 - math.sqrt(1 - bound),
            _of_pairs,
            "Pinsker's inequality halves it for the square of a distance, not for the errors",
        ),
        twins.bounded(
            "the divergence of one token",
            lambda setting, bound: 1 - (1 - bound) ** (1 / setting.length),
            _of_pairs,
            "a small loss per token says nothing of whole sequences",
        ),
    ),
)
