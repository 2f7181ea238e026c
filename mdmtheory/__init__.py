"""How efficient masked diffusion language models can be, by exact computation and simulation."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "HMM": "mdmtheory.languages.hmm",
    "NGram": "mdmtheory.languages.ngram",
    "PDFA": "mdmtheory.languages.pdfa",
    "EqualPairs": "mdmtheory.languages.paired",
    "Copy": "mdmtheory.languages.paired",
    "Permutation": "mdmtheory.languages.permutation",
    "Parity": "mdmtheory.languages.parity",
    "Repetition": "mdmtheory.languages.repetition",
    "Affine": "mdmtheory.languages.affine",
    "Balanced": "mdmtheory.languages.balanced",
    "Forest": "mdmtheory.languages.forest",
    "Finite": "mdmtheory.tasks.finite",
    "cite": "mdmtheory.citations.citing",
    "as_language": "mdmtheory.languages.presets",
    "load_language": "mdmtheory.languages.files",
    "Schedule": "mdmtheory.schedules",
    "Oracle": "mdmtheory.oracles.oracle",
    "Perturbed": "mdmtheory.denoisers.perturbed",
    "Window": "mdmtheory.denoisers.window",
    "Hops": "mdmtheory.denoisers.hops",
    "Singles": "mdmtheory.denoisers.singles",
    "Propagate": "mdmtheory.denoisers.propagate",
    "Carry": "mdmtheory.denoisers.carry",
    "LatentNetwork": "mdmtheory.denoisers.latent",
    "Network": "mdmtheory.denoisers.network",
    "HuggingFace": "mdmtheory.denoisers.huggingface",
    "Run": "mdmtheory.networks.runs",
    "MaskedDiffusion": "mdmtheory.models.masked",
    "Autoregressive": "mdmtheory.models.autoregressive",
    "Jacobi": "mdmtheory.models.jacobi",
    "BlockDiffusion": "mdmtheory.models.block",
    "ConstrainedDiffusion": "mdmtheory.models.constrained",
    "UniformDiffusion": "mdmtheory.models.uniform",
    "GaussianDiffusion": "mdmtheory.models.gaussian",
    "VariationalDiffusion": "mdmtheory.models.variational",
    "SimplexDiffusion": "mdmtheory.models.simplex",
    "LatentDiffusion": "mdmtheory.models.latent",
    "UniformEvidence": "mdmtheory.oracles.evidence",
    "GaussianEvidence": "mdmtheory.oracles.evidence",
    "Estimate": "mdmtheory.core.estimate",
    "Spec": "mdmtheory.core.spec",
    "ter": "mdmtheory.metrics.ter",
    "ter_ratio": "mdmtheory.metrics.ter",
    "ser": "mdmtheory.metrics.ser",
    "ser_from_z": "mdmtheory.metrics.ser_from_z",
    "SerFromZ": "mdmtheory.metrics.ser_from_z",
    "truncation": "mdmtheory.metrics.truncation",
    "Truncation": "mdmtheory.metrics.truncation",
    "cross_entropy": "mdmtheory.metrics.cross_entropy",
    "distances": "mdmtheory.metrics.distances",
    "Distances": "mdmtheory.metrics.distances",
    "budget": "mdmtheory.metrics.budget",
    "Budget": "mdmtheory.metrics.budget",
    "learning_error": "mdmtheory.metrics.learning_error",
    "LearningError": "mdmtheory.metrics.learning_error",
    "likelihood": "mdmtheory.metrics.likelihood",
    "Likelihood": "mdmtheory.metrics.likelihood",
    "compare_schedules": "mdmtheory.metrics.compare_schedules",
    "Comparison": "mdmtheory.metrics.compare_schedules",
    "check_language": "mdmtheory.conformance.languages",
    "check_denoiser": "mdmtheory.conformance.denoisers",
    "check_sampler": "mdmtheory.conformance.samplers",
    "check_model": "mdmtheory.conformance.models",
    "check_metric": "mdmtheory.conformance.metrics",
    "Check": "mdmtheory.conformance.report",
    "Report": "mdmtheory.conformance.report",
    "cells": "mdmtheory.sweeps.cells",
    "Cell": "mdmtheory.sweeps.cell",
    "collect": "mdmtheory.sweeps.collect",
    "read": "mdmtheory.sweeps.results",
    "kept_samples": "mdmtheory.sweeps.kept_samples",
    "merge": "mdmtheory.sweeps.merging",
    "compare": "mdmtheory.analysis.compare",
    "Differences": "mdmtheory.analysis.differences",
    "steps_for": "mdmtheory.analysis.steps",
    "StepsNeeded": "mdmtheory.analysis.steps_needed",
    "fit": "mdmtheory.analysis.fit",
    "Fit": "mdmtheory.analysis.fit",
    "train": "mdmtheory.training.trainer",
}
_MODULES = ("exact", "plans", "plots", "samplers", "schedules", "theory")

__all__ = [*_HOMES, *_MODULES, "__version__"]  # noqa: PLE0604  # names, all of them strings


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"mdmtheory.{name}")
    else:
        raise AttributeError(f"module 'mdmtheory' has no attribute {name!r}; see dir(mdmtheory)")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
