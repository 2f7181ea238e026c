"""Every public parameter that is a whole number takes integers of any type, and nothing else."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mdmtheory as mt
from mdmtheory.core.register import Register
from tests.networks.runs import written_run

REFUTES = pytest.mark.refutes("1.7")


@lru_cache(maxsize=1)
def language() -> Any:
    return mt.NGram([0.5, 0.25, 0.25], [[0.5, 0.5, 0.0], [0.25, 0.25, 0.5], [0.5, 0.0, 0.5]])


@lru_cache(maxsize=1)
def hidden() -> Any:
    return mt.HMM([0.5, 0.5], [[0.5, 0.5], [0.25, 0.75]], [[1.0, 0.0], [0.25, 0.75]])


@lru_cache(maxsize=1)
def model() -> Any:
    return mt.MaskedDiffusion(mt.Oracle(language()), steps=2)


def masked(sampler: str) -> Any:
    return mt.MaskedDiffusion(mt.Oracle(language()), sampler=sampler, steps=2)


def canvas_marginals(denoiser: Any, **options: Any) -> Any:
    canvas = denoiser.open(**{"count": 2, "length": 3, **options})
    return canvas.marginals(np.array([0, 1]), np.array([0, 0]))


def profile() -> Any:
    return mt.schedules.from_losses([0.25, 0.5, 1.0], [0.5, 0.7, 1.0])


def power_law(**options: Any) -> Any:
    numbers = {"value": [0.5, 0.3, 0.1], "low": [0.4, 0.2, 0.05], "high": [0.6, 0.4, 0.2], "level": 0.95, "count": 100}
    frame = pd.DataFrame({"metric": "ser", "kind": "estimate", "steps": [8, 16, 32], "length": 4, **numbers})
    return mt.fit(frame, "ser", "steps", **{"resamples": 100, **options})


def checkpoint() -> Any:
    """Of a network that says nothing; transformers, which would read one, takes seconds to load."""
    from torch import nn

    from mdmtheory.networks.checkpoint import Checkpoint

    network = nn.Linear(1, 1)
    network.config = SimpleNamespace(to_dict=dict)
    return Checkpoint("nowhere", network, ValueError("none"), np.arange(3), 3, (), (), False, None, ())


def curve(_: Any = None) -> Any:
    return np.array([1.0, 0.9, 0.5, 0.1])


def stat(**options: Any) -> Any:
    [statement] = mt.theory.chosen_statements(["jensen"])
    setting = statement.setting(**{"language": language(), "length": 3, "steps": 2, **options})
    return setting.length, setting.steps


def cell(**options: Any) -> Any:
    [found] = mt.cells("hmm", **{"length": 8, "steps": 2, "samples": 10, **options})
    return found


def made(**options: Any) -> Any:
    return dataclasses.replace(cell(), **options)


def streams(*arguments: Any) -> Any:
    from mdmtheory.core.streams import stream_states

    return stream_states("key", *arguments)


def embedded(name: str, **options: Any) -> Any:
    from mdmtheory.core.spec import Spec
    from mdmtheory.models.embedding import as_embedding

    return as_embedding(Spec.of(name, **options), 3)


def counted(name: str, threads: Any, **numbers: Any) -> Any:
    from mdmtheory.metrics.measure import Sequences
    from mdmtheory.metrics.registry import measures

    return measures()[name].count([model()], Sequences(language(), **numbers), threads)


def interval(name: str, *arguments: Any) -> Any:
    return getattr(importlib.import_module("mdmtheory.core.intervals"), name)(*arguments, 0.95)


def contexts(**options: Any) -> Any:
    from mdmtheory.metrics.elbo import context_terms

    return context_terms(model(), np.array([[0, 0, 1]], np.uint8), **options)


def moments() -> Any:
    return importlib.import_module("mdmtheory.core.means").Moments


def unseen(count: Any) -> float:
    return importlib.import_module("mdmtheory.core.means").unseen_share(count, 0.95)


def least(number: Any) -> Any:
    return importlib.import_module("mdmtheory.core.means").mean_interval(
        moments()(9, 1.0, 2.0, 0.5), 0.95, least=number
    )


@lru_cache(maxsize=1)
def run_folder() -> Any:
    return written_run(Path(tempfile.mkdtemp()) / "run", length=4)


def trained(**options: Any) -> str:
    small = {"length": 2, "size": "layers=1,width=2,heads=1", "tokens": 8, "batch": 2, "device": "cpu"}
    with tempfile.TemporaryDirectory() as folder:
        return mt.train("mdm", lang=language(), out=Path(folder) / "run", **{**small, **options}).digest


@lru_cache(maxsize=1)
def latent_run() -> Any:
    small = {"length": 2, "size": "layers=1,width=2,heads=1", "tokens": 16, "batch": 2, "device": "cpu"}
    out = Path(tempfile.mkdtemp()) / "run"
    return mt.train("latent:latents=1,dim=2,levels=2", lang=language(), out=out, targets="tokens", **small)


def verified(k: Any) -> Any:
    from mdmtheory.samplers.verifying import Verify

    return Verify(k=k).spec


def swept(sweeps: Any) -> Any:
    from mdmtheory.samplers.correcting import Redraw

    return Redraw(sweeps=sweeps).spec


def by_block(block: Any) -> Any:
    from mdmtheory.samplers.by_block import by_block as inside

    return inside(masked("stride").sampler, block).spec


def workers(number: Any) -> Any:
    from mdmtheory.sweeps.executors import worker_count

    return worker_count(number)


def dyck(**options: Any) -> Any:
    from mdmtheory.languages.brackets import dyck as preset

    return preset(**options)


def samples(build: Callable[[], Any], name: str) -> Callable[[Any], Any]:
    return lambda n: build().sample(**{"count": 3, "length": 4, "seed": 1, "first": 2, "threads": 1, name: n})


def scores(build: Callable[[], Any], name: str, method: str = "log_prob") -> Callable[[Any], Any]:
    def call(n: Any) -> Any:
        options = {"seed": 1, "first": 2, "plans": 2, "threads": 1, name: n}
        return getattr(build(), method)([[0, 0, 1]], **options)

    return call


def gaussian() -> Any:
    return mt.GaussianDiffusion(mt.Oracle(language()), steps=2)


def uniform() -> Any:
    return mt.UniformDiffusion(mt.Oracle(language()), steps=2)


def block() -> Any:
    return mt.BlockDiffusion(mt.Oracle(language()), block=2, steps=2)


def constrained() -> Any:
    return mt.ConstrainedDiffusion(mt.Oracle(language()), steps=2)


def autoregressive() -> Any:
    return mt.Autoregressive(language())


def jacobi() -> Any:
    return mt.Jacobi(language())


MODELS = (model, block, constrained, uniform, gaussian, autoregressive, jacobi)
STREAMED = ("count", "length", "seed", "first", "threads")
CLOSED = {
    "EqualPairs": mt.EqualPairs,
    "Copy": lambda: mt.Copy(distance=1),
    "Permutation": mt.Permutation,
    "Parity": mt.Parity,
    "Repetition": mt.Repetition,
}

# What is called with a whole number, a number that it takes, and whether None is a value of its own.
DOORS: dict[str, tuple[Callable[[Any], Any], int, bool]] = {}


def door(name: str, call: Callable[[Any], Any], number: int = 2, *, none: bool = False) -> None:
    assert name not in DOORS
    DOORS[name] = (call, number, none)


for each in MODELS:
    for parameter in STREAMED:
        door(f"{each.__name__}.sample {parameter}", samples(each, parameter), none=parameter == "threads")
    for parameter in ("seed", "first", "plans", "threads"):
        door(f"{each.__name__}.log_prob {parameter}", scores(each, parameter), none=parameter == "threads")
        if each not in (autoregressive, jacobi):
            call = scores(each, parameter, "log_prob_terms")
            door(f"{each.__name__}.log_prob_terms {parameter}", call, none=parameter == "threads")
for each in (language, hidden, *CLOSED.values()):
    name = next((key for key, value in CLOSED.items() if value is each), getattr(each, "__name__", ""))
    for parameter in STREAMED:
        door(f"{name}.sample {parameter}", samples(each, parameter), none=parameter == "threads")
    door(f"{name}.log_prob threads", lambda n, each=each: each().log_prob([[0, 0]], threads=n), none=True)
    for parameter in ("length", "count", "seed"):
        door(
            f"{name}.entropy {parameter}",
            lambda n, each=each, p=parameter: each().entropy(**{"length": 3, "count": 60, "seed": 0, p: n}),
            60 if parameter == "count" else 2,
        )
    door(f"{name}.validate_length length", lambda n, each=each: each().validate_length(n))
    door(f"{name}.prompt length", lambda n, each=each: each().prompt(n))
    door(f"{name}.support length", lambda n, each=each: each().support(n))
for name, each in CLOSED.items():
    for method in ("information_curve", "log_support_size", "pair_clashes", "partners"):
        door(f"{name}.{method} length", lambda n, each=each, method=method: getattr(each(), method)(n))
for parameter in ("count", "seed"):
    door(
        f"HMM.entropy_rate {parameter}",
        lambda n, p=parameter: hidden().entropy_rate(**{"count": 60, "seed": 0, p: n}),
        60 if parameter == "count" else 2,
    )
for parameter in ("states", "vocab_size", "seed"):
    door(f"HMM.random {parameter}", lambda n, p=parameter: mt.HMM.random(**{"states": 3, "vocab_size": 2, p: n}))
    door(f"hmm {parameter}", lambda n, p=parameter: mt.as_language(mt.Spec.of("hmm", **{"states": 3, p: n})), 4)
for parameter in ("order", "vocab_size", "seed"):
    door(f"NGram.random {parameter}", lambda n, p=parameter: mt.NGram.random(**{"vocab_size": 2, p: n}))
    door(f"ngram {parameter}", lambda n, p=parameter: mt.as_language(mt.Spec.of("ngram", **{p: n})))
for kind in (mt.NGram, mt.PDFA):
    for parameter in ("order", "vocab_size"):
        door(
            f"{kind.__name__}.fit {parameter}",
            lambda n, k=kind, p=parameter: k.fit([0, 1, 0, 1, 1], **{"order": 2, p: n}),
            none=parameter == "vocab_size",
        )
for parameter in ("states", "vocab_size", "iterations", "seed"):
    door(
        f"HMM.fit {parameter}",
        lambda n, p=parameter: mt.HMM.fit([0, 1, 0, 1, 1], **{"states": 2, "iterations": 3, p: n}),
        none=parameter == "vocab_size",
    )
door("PDFA vocab_size", lambda n: mt.PDFA([0], [0], [0], [1.0], vocab_size=n))
door("Oracle batch", lambda n: mt.Oracle(language(), batch=n).batch(2), none=True)
door("LatentNetwork batch", lambda n: mt.LatentNetwork(latent_run(), batch=n).batch(2), none=True)
door("LatentDiffusion steps", lambda n: mt.LatentDiffusion(latent_run(), steps=n).steps, none=True)
door("Balanced.ones length", lambda n: mt.Balanced().ones(n))
door("book order", lambda n: mt.as_language(mt.Spec.of("book", order=n)))
for parameter in ("kinds", "depth"):
    door(f"dyck {parameter}", lambda n, p=parameter: dyck(**{p: n}))
    door(f"dyck by name {parameter}", lambda n, p=parameter: mt.as_language(mt.Spec.of("dyck", **{p: n})))
for parameter in ("columns", "rank", "two_rounds"):
    door(f"Affine.{parameter} length", lambda n, p=parameter: getattr(mt.Affine([[1, 0, 1]]), p)(n))
for parameter in ("shape", "by_centroids"):
    door(f"Forest.{parameter} length", lambda n, p=parameter: getattr(mt.Forest([1.0], [[1.0]], [-1, 0, 0]), p)(n))
door("Permutation items", lambda n: mt.Permutation(items=n))
door("EqualPairs vocab_size", lambda n: mt.EqualPairs(vocab_size=n))
door("Repetition vocab_size", lambda n: mt.Repetition(vocab_size=n))
door("Copy vocab_size", lambda n: mt.Copy(vocab_size=n))
door("Finite vocab_size", lambda n: mt.Finite([[0, 1]], given=[True, False], vocab_size=n), none=True)
for parameter in ("count", "seed", "first"):
    door(
        f"Finite.prompts {parameter}",
        lambda n, p=parameter: mt.as_language("finite").prompts(**{"count": 2, "seed": 0, p: n}),
    )
for options in ("size", "clues"):
    door(f"sudoku {options}", lambda n, p=options: mt.as_language(mt.Spec.of("sudoku", **{"size": 4, p: n})), 4)
for options in ("variables", "clauses"):
    door(f"sat {options}", lambda n, p=options: mt.as_language(mt.Spec.of("sat", **{p: n})), 5)
for options in ("numbers", "largest"):
    door(
        f"countdown {options}", lambda n, p=options: mt.as_language(mt.Spec.of("countdown", **{"numbers": 2, p: n})), 5
    )
for options in ("items", "letters"):
    door(f"lists {options}", lambda n, p=options: mt.as_language(mt.Spec.of("lists", **{"items": 3, p: n})), 5)
door("latin size", lambda n: mt.as_language(mt.Spec.of("latin", size=n)), 3)
for options in ("nodes", "distance"):
    door(
        f"path {options}",
        lambda n, p=options: mt.as_language(mt.Spec.of("path", **{"nodes": 9, "distance": 2, p: n})),
        5 if options == "nodes" else 2,
    )
for options in ("layers", "width", "degree"):
    door(f"paths {options}", lambda n, p=options: mt.as_language(mt.Spec.of("paths", **{p: n})), 3)
for options in ("digits", "addends"):
    door(f"addition {options}", lambda n, p=options: mt.as_language(mt.Spec.of("addition", **{p: n})))
door("arithmetic operations", lambda n: mt.as_language(mt.Spec.of("arithmetic", operations=n)))
door("rotation turns", lambda n: mt.as_language(mt.Spec.of("rotation", turns=n)))
for options in ("depth", "branching", "vocab_size", "synonyms", "seed"):
    door(f"ctree {options}", lambda n, p=options: mt.as_language(mt.Spec.of("ctree", **{p: n})), 2)
door("Copy distance", lambda n: mt.Copy(distance=n))
door("UniformEvidence vocab_size", lambda n: mt.UniformEvidence(np.array([[0, 1]], np.uint8), 0.5, n).likelihood())

for method in ("conditionals", "pairs"):
    door(
        f"Oracle.{method} threads",
        lambda n, m=method: getattr(mt.Oracle(language()), m)([[3, 3]], threads=n),
        none=True,
    )
door(
    "Oracle.run_plan threads",
    lambda n: mt.Oracle(language()).run_plan(np.array([[1, 2]], np.int32), tokens=[[0, 1]], threads=n),
    none=True,
)
door("Oracle.posterior threads", lambda n: mt.Oracle(language()).posterior(np.zeros((1, 2, 3)), threads=n), none=True)
for name, build in {
    "Oracle": lambda: mt.Oracle(language()),
    "Perturbed": lambda: mt.Perturbed(mt.Oracle(language()), epsilon=0.1),
    "Window": lambda: mt.Window(language(), width=1),
}.items():
    for parameter in ("count", "length", "threads"):
        door(
            f"{name}.open {parameter}",
            lambda n, build=build, p=parameter: canvas_marginals(build(), **{p: n}),
            none=parameter == "threads",
        )
for name, build in {
    "Perturbed": lambda: mt.Perturbed(mt.Oracle(language()), epsilon=0.1),
    "Window": lambda: mt.Window(language(), width=1),
}.items():
    door(f"{name}.conditionals threads", lambda n, b=build: b().conditionals([[3, 3]], threads=n), none=True)
    door(f"{name}.next_laws threads", lambda n, b=build: b().next_laws([[0, 1]], threads=n), none=True)
    door(f"{name}.next_laws first", lambda n, b=build: b().next_laws([[0, 1]], first=n), 1)
    door(f"{name}.block_laws first", lambda n, b=build: b().block_laws([[0, 1]], [[3, 3]], block=1, first=n), 1)
    for parameter in ("block", "threads"):
        door(
            f"{name}.block_laws {parameter}",
            lambda n, b=build, p=parameter: b().block_laws([[0, 1]], [[3, 3]], **{"block": 2, p: n}),
            none=parameter == "threads",
        )
door("Network batch", lambda n: mt.Network(run_folder(), device="cpu", batch=n).computed, none=True)
door("HuggingFace batch", lambda n: mt.HuggingFace(checkpoint(), device="cpu", batch=n).computed, none=True)
for parameter in ("length", "seed", "batch"):
    door(f"train {parameter}", lambda n, p=parameter: trained(**{p: n}), none=parameter == "batch")
door("train threads", lambda n: trained(threads=n), 1)  # no more than there are processors
for parameter in ("length", "count", "seed", "threads"):
    door(
        f"truncation {parameter}",
        lambda n, p=parameter: mt.truncation(model(), language(), **{"length": 2, "count": 5, p: n}).kept,
        none=parameter == "threads",
    )
for parameter in ("length", "count", "contexts", "seed", "threads"):
    door(
        f"ser_from_z {parameter}",
        lambda n, p=parameter: (
            mt.ser_from_z(model(), language(), **{"length": 2, "count": 5, "contexts": 5, p: n}).expected
        ),
        none=parameter == "threads",
    )
for parameter in ("length", "count", "seed", "threads"):
    door(
        f"learning_error {parameter}",
        lambda n, p=parameter: (
            mt.learning_error(
                mt.Perturbed(mt.Oracle(language()), epsilon=0.1), language(), **{"length": 2, "count": 60, p: n}
            ).mean
        ),
        60 if parameter == "count" else 2,
        none=parameter == "threads",
    )
for parameter in ("length", "count", "seed", "threads"):
    door(
        f"budget {parameter}",
        lambda n, p=parameter: (
            mt.budget(mt.Perturbed(mt.Oracle(language()), epsilon=0.1), language(), **{"length": 2, "count": 60, p: n})
            .rows[0]
            .sequence.total
        ),
        60 if parameter == "count" else 2,
        none=parameter == "threads",
    )
for parameter in ("plans", "seed", "first", "threads"):
    door(
        f"likelihood {parameter}",
        lambda n, p=parameter: mt.likelihood(model(), [[0, 0, 1]], kind="iw", **{"plans": 2, p: n}).values,
        none=parameter in ("plans", "threads"),
    )
    door(
        f"context_terms {parameter}",
        lambda n, p=parameter: contexts(**{"plans": 2, p: n}),
        none=parameter == "threads",
    )
door("Likelihood.of sequence", lambda n: mt.likelihood(model(), [[0, 0, 1]] * 3, kind="iw", plans=2).of(n))
door("Window width", lambda n: mt.Window(language(), width=n).spec)
door("Hops edges", lambda n: mt.Hops("path:nodes=5,distance=2", edges=n).spec)
door("Propagate depth", lambda n: mt.Propagate("sat:variables=5", depth=n).spec)
door("Carry columns", lambda n: mt.Carry("addition:addends=2", columns=n).spec)
door("Carry left", lambda n: mt.Carry("addition:addends=2", columns=0, left=n).spec)

door("MaskedDiffusion.draw_plans length", lambda n: masked("stride").draw_plans(streams(0, 1), n))
door("MaskedDiffusion.run threads", lambda n: model().run(np.array([[1, 2]]), streams(0, 1), threads=n), none=True)
for parameter in ("seed", "first", "threads"):
    door(
        f"MaskedDiffusion.replay {parameter}",
        lambda n, p=parameter: masked("entropy").replay([[0, 0]], **{p: n}),
        none=parameter == "threads",
    )
    for name, build in {
        "MaskedDiffusion": lambda: masked("stride"),
        "BlockDiffusion": lambda: mt.BlockDiffusion(mt.Oracle(language()), block=2, steps=2, sampler="stride"),
        "Autoregressive": lambda: mt.Autoregressive(mt.Oracle(language())),
    }.items():
        door(
            f"{name}.scored {parameter}",
            lambda n, p=parameter, b=build: b().scored([[0, 0]], **{p: n}).log_probs,
            none=parameter == "threads",
        )
    door(
        f"BlockDiffusion.replay {parameter}",
        lambda n, p=parameter: mt.BlockDiffusion(mt.Oracle(language()), block=2, steps=2, sampler="entropy").replay(
            [[0, 0]], **{p: n}
        ),
        none=parameter == "threads",
    )
for parameter in ("seed", "first", "threads"):
    door(
        f"UniformDiffusion.elbo {parameter}",
        lambda n, p=parameter: uniform().elbo([[0, 0]], **{"seed": 1, p: n}),
        none=parameter == "threads",
    )
door("embedding dim", lambda n: embedded("random", dim=n))
door("embedding seed", lambda n: embedded("random", seed=n))
for kind in (
    "MaskedDiffusion",
    "ConstrainedDiffusion",
    "UniformDiffusion",
    "GaussianDiffusion",
    "VariationalDiffusion",
):
    door(
        f"{kind} steps",
        lambda n, kind=kind: getattr(mt, kind)(mt.Oracle(language()), steps=n).identity,
        none=True,
    )
door("Jacobi window", lambda n: mt.Jacobi(language(), window=n).identity, none=True)
for parameter in ("block", "steps"):
    door(
        f"BlockDiffusion {parameter}",
        lambda n, p=parameter: mt.BlockDiffusion(mt.Oracle(language()), **{"block": 2, p: n}).identity,
        none=parameter == "steps",
    )
for law in Register("plan law", "mdmtheory.plans").built_in[:-1]:
    for parameter in ("length", "steps"):
        door(
            f"{law} plans {parameter}",
            lambda n, law=law, p=parameter: masked(law).plan_law.draw(
                streams(0, 2), **{"length": 4, "steps": 2, "schedule": mt.schedules.linear(), p: n}
            ),
        )
        door(
            f"{law} steps_taken {parameter}",
            lambda n, law=law, p=parameter: masked(law).plan_law.steps_taken(**{"length": 4, "steps": 2, p: n}),
        )
door(
    "schedules.from_losses vocab_size",
    lambda n: mt.schedules.from_losses([0.5, 1.0], [0.1, 0.2], vocab_size=n).doubts,
    none=True,
)
door("verify k", verified)
door("redraw sweeps", swept)
door("by_block block", by_block)

for name in ("ser", "ter", "ter_ratio", "cross_entropy", "distances"):
    extra = {"ser": ("max_errors",), "ter": ("plans",), "ter_ratio": ("plans",)}.get(name, ())
    for parameter in ("length", "count", "seed", "threads", *extra):
        door(
            f"{name} {parameter}",
            lambda n, name=name, p=parameter: getattr(mt, name)(
                model(), language(), **{"length": 4, "count": 90, "seed": 0, "threads": 1, p: n}
            ),
            number=90 if parameter == "count" else 2,
            none=parameter in ("threads", "max_errors"),
        )
for parameter in ("length", "count", "seed", "threads"):
    door(
        f"compare_schedules {parameter}",
        lambda n, p=parameter: mt.compare_schedules(
            language(), **{"length": 4, "steps": [2], "count": 60, "threads": 1, "schedules": ["linear"], p: n}
        ).frame.to_dict(),
        60 if parameter == "count" else 2,
        none=parameter == "threads",
    )
door("compare_schedules steps", lambda n: mt.compare_schedules(profile(), 8, [n]).frame.to_dict())
for parameter in ("length", "seed", "first", "count", "threads"):
    for name in ("draw", "score", "score_plans"):
        door(
            f"{name} {parameter}",
            lambda n, name=name, p=parameter: counted(
                name, **{"length": 4, "seed": 0, "first": 0, "count": 3, "threads": 1, p: n}
            ),
            none=parameter == "threads",
        )

for parameter in ("length", "steps", "block", "threads"):
    for name in ("ser", "ser_curve"):
        door(
            f"exact.{name} {parameter}",
            lambda n, name=name, p=parameter: getattr(mt.exact, name)(
                language(), **{"length": 4, "steps": 2, "block": 2, "threads": 1, p: n}
            ),
            none=parameter in ("block", "threads"),
        )
for parameter in ("steps", "block", "threads"):
    door(
        f"exact.log_prob {parameter}",
        lambda n, p=parameter: mt.exact.log_prob(language(), [[0, 1, 2]], **{"steps": 2, p: n}),
        none=parameter in ("block", "threads"),
    )
for parameter in ("before", "after"):
    door(
        f"schedules.cardinal_gap {parameter}",
        lambda n, p=parameter: mt.schedules.cardinal_gap([1.0, 0.5, 0.4, 0.2, 0.1], **{"before": 1, "after": 4, p: n}),
        number=2,
    )
door("exact.serial_depth length", lambda n: mt.exact.serial_depth(language(), n))
door("exact.adaptive_rounds length", lambda n: mt.exact.adaptive_rounds(language(), n))
for name in ("first_order", "information_curve"):
    for parameter in ("length", "count", "seed", "threads"):
        door(
            f"exact.{name} {parameter}",
            lambda n, name=name, p=parameter: getattr(mt.exact, name)(
                hidden(), **{"length": 3, "count": 30, "seed": 1, "threads": 1, p: n}
            ),
            number=4,
            none=parameter == "threads",
        )
for parameter in ("count", "seed", "threads"):
    door(
        f"steps_for {parameter}",
        lambda n, p=parameter: (
            mt.steps_for(language(), 4, **{"ser": 0.3, "sampler": "fixed", "count": 40, "threads": 1, p: n})
            .frame[["steps", "low", "high", "reached"]]
            .to_dict()
        ),
        number=60,
        none=parameter == "threads",
    )
for parameter in ("length", "count", "seed", "threads"):
    door(
        f"compare {parameter}",
        lambda n, p=parameter: (
            mt.compare(
                model(),
                masked("stride"),
                language(),
                **{"length": 4, "count": 60, "metrics": "ser", "threads": 1, p: n},
            )
            .frame["difference"]
            .tolist()
        ),
        none=parameter == "threads",
    )
for parameter in ("seed", "resamples"):
    door(f"fit {parameter}", lambda n, p=parameter: vars(power_law(**{p: n}).exponent), number=120)
door("exact.law length", lambda n: mt.exact.law(model(), language(), n))
door("exact.law threads", lambda n: mt.exact.law(model(), language(), 3, threads=n), none=True)
door(
    "exact.prompt_log_prob threads",
    lambda n: mt.exact.prompt_log_prob(language(), [[0, 1, 2]], "prefix:size=2", threads=n),
    none=True,
)
door("exact.elbo length", lambda n: mt.exact.elbo(uniform(), language(), n))
door("exact.elbo threads", lambda n: mt.exact.elbo(uniform(), language(), 2, threads=n), none=True)
door("exact.joint length", lambda n: mt.exact.joint(language(), n))
door("exact.all_sequences vocab_size", lambda n: mt.exact.all_sequences(n, 2))
door("exact.all_sequences length", lambda n: mt.exact.all_sequences(2, n))
door("exact.growth_rate steps", lambda n: mt.exact.growth_rate(language(), steps=n))
door(
    "exact.Curve count", lambda n: mt.exact.Curve(curve(), curve(), curve(), level=0.9, kind="estimate", count=n).count
)
door("Estimate count", lambda n: mt.Estimate(1.0, 0.0, 2.0, level=0.9, kind="estimate", count=n))

door("Schedule.revealed_fractions steps", lambda n: mt.schedules.cosine().revealed_fractions(n))
door("Schedule.revealed_shares steps", lambda n: mt.schedules.cosine().revealed_shares(n))
door("Schedule.sizes length", lambda n: mt.schedules.cosine().sizes(n, 2))
door("Schedule.sizes steps", lambda n: mt.schedules.cosine().sizes(8, n))
door("Schedule.from_sizes", lambda n: mt.Schedule.from_sizes([np.uint64(1), n]))
door("Schedule reveal_sizes", lambda n: mt.Schedule(mt.Spec("own"), reveal_sizes=(1, n)))
door("schedules.ancestral_weights length", lambda n: mt.schedules.ancestral_weights([0, 0.5, 1], n))
door("schedules.continuum_gap steps", lambda n: mt.schedules.continuum_gap(curve(), n))
door("schedules.optimal steps", lambda n: mt.schedules.optimal(curve(), n))
door("schedules.dtc_rule length", lambda n: mt.schedules.dtc_rule(0.5, n))
door("schedules.tc_rule length", lambda n: mt.schedules.tc_rule(0.5, n))
door("schedules.from_density steps", lambda n: mt.schedules.from_density(lambda a: 1 + a, n))
door(
    "schedules.prices steps",
    lambda n: list(
        mt.schedules.prices(mt.schedules.priced_curve(curve()), {"linear": mt.schedules.linear()}, curve(), n, 0.95)
    ),
)
for parameter in ("count", "window"):
    door(
        f"schedules.priced_curve {parameter}",
        lambda n, p=parameter: vars(mt.schedules.priced_curve(curve(), curve(), **{p: n})),
    )
for method in ("curve", "priced", "card", "falling_curves"):
    door(f"LossProfile.{method} length", lambda n, m=method: getattr(profile(), m)(n), 8)

for parameter in ("length", "steps"):
    door(f"Statement.setting {parameter}", lambda n, p=parameter: stat(**{p: n}), none=parameter == "steps")
for parameter in ("length", "steps", "seed", "samples", "max_errors"):
    none = parameter in ("steps", "max_errors")
    door(f"Cell {parameter}", lambda n, p=parameter: made(**{p: n}), none=none)
door("workers", workers)

door("stream_states first", lambda n: streams(n, 2))
door("stream_states count", lambda n: streams(0, n))
for name in ("clopper_pearson", "anytime_binomial"):
    door(f"{name} errors", lambda n, name=name: interval(name, n, 9))
    door(f"{name} count", lambda n, name=name: interval(name, 1, n))
door("Moments count", lambda n: vars(moments()(n, 1.0, 2.0, None)))
door("Moments.from_sums count", lambda n: vars(moments().from_sums(n, 1.0, 2.0)))
door("unseen_share count", lambda n: unseen(n))
door("mean_interval least", lambda n: least(n))
door("bounded_mean count", lambda n: interval("bounded_mean", n, 1.0, 1.0))

OTHERS = [True, np.True_, 1.0, np.float64(2), "1", None, -1, [1]]


def plain(value: Any) -> Any:
    """Numbers, texts and lists that compare by value; integers of numpy stand out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value) if each.compare}
    if isinstance(value, np.ndarray):
        return value.dtype.name, value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if callable(value):
        return "callable"
    return type(value).__name__, str(value) if isinstance(value, float) else value


@REFUTES
@pytest.mark.parametrize("name", DOORS)
def test_integers_of_numpy_are_integers(name):
    call, number, _ = DOORS[name]
    assert plain(call(np.int64(number))) == plain(call(number))
    assert plain(call(np.uint8(number))) == plain(call(number))


@REFUTES
@pytest.mark.parametrize("name", DOORS)
def test_everything_else_is_refused_by_name(name):
    call, _, none = DOORS[name]
    parameter = name.split()[-1].replace("reveal_sizes", "size").replace("Schedule.from_sizes", "size")
    for other in OTHERS:
        if (none and other is None) or (name == "workers" and isinstance(other, str)):
            continue
        with pytest.raises(ValueError, match=rf"{parameter}\b.*(pass|give|must be|write)|is missing") as caught:
            call(other)
        assert "\n" not in str(caught.value), other


INSIDE = (
    "possible",
    "identity_at",
    "tables",
    "seen_from",
    "exact_by_order",
    "reverse_laws",
    "step_gains",
    "batch",
    "posteriors",
    "walk",
    "walk_steps",
    "walk_shared",
    "walk_tilted",
    "validate_whole",
    "check_prompt",
)
"""Methods that kernels and the package's own rooms call."""


def public_parameters() -> Iterator[tuple[str, str]]:
    """The parameters of public functions and methods that are annotated as integers."""
    for room in ("", ".exact", ".schedules"):
        module = importlib.import_module(f"mdmtheory{room}")
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value):
                for key in dir(value):
                    if not key.startswith("_") and inspect.isfunction(getattr(value, key)):
                        yield from integers_of(getattr(value, key), f"{value.__name__}.{key}")
                if "__init__" in vars(value) and not dataclasses.is_dataclass(value):
                    yield from integers_of(value.__init__, value.__name__)
            elif inspect.isfunction(value):
                yield from integers_of(value, f"{room[1:]}.{name}".lstrip("."))


def integers_of(function: Any, name: str) -> Iterator[tuple[str, str]]:
    for each in inspect.signature(function).parameters.values():
        if re.fullmatch(r"int( \| None)?", str(each.annotation)):
            yield name, each.name


def test_no_public_door_is_forgotten():
    """A new parameter that is an integer comes through the one door, and stands in the table above."""
    forgotten = [
        f"{name} {parameter}"
        for name, parameter in public_parameters()
        if name.rpartition(".")[2] not in INSIDE
        and not any(key.endswith(f"{name.rpartition('.')[2]} {parameter}") for key in DOORS)
    ]
    assert forgotten == []


@REFUTES
@pytest.mark.parametrize("seed", [2**63, 2**64, 10**30])
def test_seeds_of_cells_fit_a_store_and_those_of_python_are_free(seed):
    assert mt.ser(model(), language(), 3, count=5, seed=seed) == mt.ser(model(), language(), 3, count=5, seed=seed)
    for call in (cell, made):
        with pytest.raises(ValueError, match=rf"seed is {seed}; pass from 0 to {2**63 - 1}"):
            call(seed=seed)
    assert cell(seed=2**63 - 1).seed == 2**63 - 1


@REFUTES
def test_arrays_of_numbers_are_lists_of_numbers():
    lengths = np.array([8, 16])
    assert [each.length for each in mt.cells("hmm", length=lengths, steps=np.array([2]))] == [8, 16]
    assert mt.compare_schedules(profile(), 16, np.array([4, 8])).frame["steps"].unique().tolist() == [4, 8]
    assert [mt.ser(model(), language(), n, count=5) for n in lengths] == [
        mt.ser(model(), language(), n, count=5) for n in (8, 16)
    ]


@REFUTES
def test_options_of_a_spec_are_pythons_own():
    spec = mt.Spec.of("own", a=np.int64(4), b=np.float64(0.5), c=np.True_, d=np.str_("text"))
    assert [type(value) for _, value in spec.options] == [int, float, bool, str]
    assert str(spec) == "own:a=4,b=0.5,c=true,d=text"
    with pytest.raises(ValueError, match="a of 'own' is \\[1\\]; pass a number, true or false, or a text"):
        mt.Spec.of("own", a=[1])
