"""Posteriors under the noises other than masking that models here know."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdmtheory.conformance.bayes import bayes_by_likelihood
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError
from mdmtheory.conformance.settings import uniforms
from mdmtheory.core.tokens import token_dtype
from mdmtheory.exact.enumeration import Law
from mdmtheory.models.asking import posteriors_of
from mdmtheory.oracles.evidence import GaussianEvidence, UniformEvidence


def check_noises(denoiser: Any, length: int, law: Law | None, tolerance: float) -> str:
    """RefutedError unless posteriors are laws, of each sequence by itself, by Bayes' rule on `law` if there is one."""
    count = 12
    shape = (count, length)
    tokens = (uniforms("noisy", *shape) * denoiser.vocab_size).astype(token_dtype(denoiser.vocab_size))
    embedding = (
        np.eye(denoiser.vocab_size) if denoiser.noise_embedding is None else np.asarray(denoiser.noise_embedding)
    )
    values = 3 * uniforms("values", count, length * embedding.shape[1]).reshape(*shape, -1) - 1
    evidence: dict[str, Any] = {
        "uniform": lambda rows: UniformEvidence(tokens[rows], 0.4, denoiser.vocab_size),
        "gaussian": lambda rows: GaussianEvidence(values[rows], 0.4, embedding),
    }
    known = sorted(evidence.keys() & denoiser.noises)
    if not known:
        raise DoesNotApplyError("it takes no noise but masking")
    everyone = np.arange(count)
    for noise in known:
        canvas = denoiser.open(count, length, noise=noise)
        said = posteriors_of(canvas, evidence[noise](everyone), (*shape, denoiser.vocab_size), denoiser)
        together = said.numpy().reshape(*shape, denoiser.vocab_size)
        if (canvas.calls != 1).any() or (canvas.rounds != 1).any():
            raise RefutedError(f"a posterior under {noise} noise was charged {canvas.calls.tolist()} calls")
        single = denoiser.open(1, length, noise=noise)
        alone = posteriors_of(single, evidence[noise](everyone[5:6]), (1, *together.shape[1:]), denoiser).numpy()
        if not np.abs(alone - together[5]).max() <= tolerance:
            raise RefutedError(f"the posterior of a sequence under {noise} noise differs when it is alone")
        if law is not None:
            likelihood = np.exp(evidence[noise](everyone).log_likelihood())
            expected = bayes_by_likelihood(law, likelihood)
            off = float(np.abs(together - expected).max())
            if not off <= tolerance:
                raise RefutedError(f"posteriors under {noise} noise are off by {off:.2g}")
    return f"{' and '.join(known)}: {count} sequences, a call each"
