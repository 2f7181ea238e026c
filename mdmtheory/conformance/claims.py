"""What a denoiser says of its marginals: exact, seen through a window, or so many nats away."""

from __future__ import annotations

import numpy as np

from mdmtheory.conformance.bayes import (
    Conditionals,
    bayes,
    masked_marginals,
    possible,
)
from mdmtheory.conformance.denoiser_case import DenoiserCase
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError
from mdmtheory.core.contracts import exact_for
from mdmtheory.core.tokens import Tokens
from mdmtheory.denoisers.perturbed import Perturbed
from mdmtheory.denoisers.window import Window
from mdmtheory.exact.enumeration import joint
from mdmtheory.oracles.base import OracleBase


def check_claim(case: DenoiserCase) -> str:
    """Hold the marginals against those that a denoiser says they are; RefutedError in words, else what was seen."""
    denoiser, language = case.denoiser, case.language
    if isinstance(denoiser, Perturbed):
        return _perturbed_by(case, denoiser)
    said = exact_for(denoiser)
    if said is not None and language is None:
        raise DoesNotApplyError(f"it says that it is exact for the language {said[:12]}; pass that one as `language`")
    if said is not None and language is not None and said != language.digest:
        raise RefutedError(f"exact_for is {said[:12]}, and the digest of {language.spec} is {language.digest[:12]}")
    if language is None or not (case.exact_for or isinstance(denoiser, OracleBase | Window)):
        raise DoesNotApplyError("it does not say of which language it is the exact denoiser")
    law = joint(language, case.length)
    if isinstance(denoiser, Window):
        expected = _seen_through_window(law, case.contexts, denoiser.width)
    else:
        expected = bayes(law, case.contexts, denoiser.trust or 1.0)
        if denoiser.trust in (None, 1.0):
            expected[~possible(law, case.contexts)] = 0.0
    expected[case.contexts != denoiser.vocab_size] = 0.0
    off = np.abs(case.marginals[0] - expected).max(axis=(1, 2))
    if not off.max() <= case.tolerance:
        raise RefutedError(f"the marginals of {case.contexts[off.argmax()].tolist()} are off by {off.max():.2g}")
    return f"within {off.max():.0e} of Bayes' rule in {len(off):,} contexts"


def _seen_through_window(law: np.ndarray, contexts: Tokens, width: int) -> Conditionals:
    expected = np.zeros((*contexts.shape, law.shape[0]))
    near = np.arange(contexts.shape[1])
    for i in near:
        seen = np.where(np.abs(near - i) <= width, contexts, law.shape[0]).astype(contexts.dtype)
        expected[:, i] = bayes(law, seen)[:, i] * possible(law, seen)[:, None]
    return expected


def _perturbed_by(case: DenoiserCase, denoiser: Perturbed) -> str:
    base, _ = masked_marginals(denoiser.base, case.contexts)
    mine, _ = case.marginals
    asked = base.sum(axis=2) > 0
    base, mine = base[asked], mine[asked]
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = np.where(base > 0, base * np.log(base / mine), 0.0).sum(axis=1)
    uniform = np.abs(mine - 1 / mine.shape[1]).max(axis=1) <= 1e-9
    off = np.where(uniform & (nats <= denoiser.epsilon), 0.0, np.abs(nats - denoiser.epsilon))
    if not off.max() <= 1e-9:
        raise RefutedError(f"KL(exact || perturbed) is {nats[off.argmax()]:.9g} nats for epsilon {denoiser.epsilon:g}")
    return f"KL = {denoiser.epsilon:g} nats, or uniform, within {off.max():.0e} in {len(off):,} marginals"
