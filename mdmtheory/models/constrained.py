"""Masked diffusion that is held to a language: the tokens of a step are drawn together, so that none goes wrong."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.protocols import Denoiser
from mdmtheory.core.spec import Spec
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import PlanLaw
from mdmtheory.samplers.planned import constrained
from mdmtheory.samplers.registry import as_sampler


def ConstrainedDiffusion(
    denoiser: Denoiser,
    *,
    language: LanguageLike | None = None,
    sampler: str | Spec | PlanLaw = "ancestral",
    steps: Any = None,
    schedule: Any = "linear",
) -> MaskedDiffusion:
    """Masked diffusion in which each step is drawn from its product of laws, given that the language can complete it.

    Another name of `MaskedDiffusion` with `constrained=true` among the options of its sampler, a law over plans.
    `language` says what can be completed (`Language.support`), and is that of the denoiser unless said. At temperature
    0 (with `ties=lowest`) a step takes the most probable tokens that can be completed together. What is drawn is in the
    language, SER is 0; its law is another than that of the language all the same (docs/constrained.md; theory.md 5.2).
    A step none of whose tokens can be completed is an impossible context: it needs a denoiser that excludes what the
    language has, or options that do. ValueError for a sampler that looks, and a language that does not.

    >>> import mdmtheory as mt
    >>> q = mt.EqualPairs(vocab_size=2)
    >>> p = ConstrainedDiffusion(mt.Oracle(q), sampler="blocks", steps=2)
    >>> bool(q.in_support(p.sample(100, 4, seed=0).tokens).all())
    True
    """
    law = as_sampler(sampler)
    if not law.oblivious:
        raise ValueError(
            f"sampler {law.spec} looks at the sequence, and steps that are drawn together are of laws over plans; use "
            "ancestral, stride or another of these"
        )
    return MaskedDiffusion(denoiser, sampler=constrained(law), steps=steps, schedule=schedule, language=language)
