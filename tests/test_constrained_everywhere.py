"""Whatever takes a sampler gives the law of steps that are drawn together, or refuses them.

The table below is held to what is public: a function that comes to take a model or a sampler has to be put there.
"""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.analysis.calls import mean_calls
from mdmtheory.exact.enumeration import expected_nll, joint
from mdmtheory.exact.reveals import all_plans
from mdmtheory.metrics.distances import distances_of_laws
from mdmtheory.metrics.elbo import in_random_order
from mdmtheory.metrics.pricing import curve_priced
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.models.contexts import score_contexts
from mdmtheory.report.courses import course_of
from mdmtheory.theory.instances import bigram3

LENGTH, STEPS = 4, 2
Q = bigram3()
q = joint(Q, LENGTH)
NAMES = ("ancestral", "blocks")
MODELS = {name: mt.MaskedDiffusion(mt.Oracle(Q), sampler=f"{name}:constrained=true", steps=STEPS) for name in NAMES}
PLAIN = {name: mt.MaskedDiffusion(mt.Oracle(Q), sampler=name, steps=STEPS) for name in NAMES}
LAWS = {name: mt.exact.law(model, Q, LENGTH) for name, model in MODELS.items()}
TOKENS = Q.sample(60, LENGTH, seed=0)


def nats(law):
    """log p(x) of the tokens."""
    return np.log(law[tuple(TOKENS.T.astype(np.int64))])


def covers(estimate, value):
    return estimate.low <= value <= estimate.high


def holds_above(estimate, value):
    """A number that is exact of one plan, and an upper bound over several."""
    return covers(estimate, value) if estimate.kind == "estimate" else estimate.high >= value


def refused(call, said=r"constrained=(true|True)"):
    with pytest.raises(ValueError, match=said):
        call()
    return True


def its_law(name):
    plain = mt.exact.law(PLAIN[name], Q, LENGTH)
    return np.abs(LAWS[name] - plain).max() > 0.01 and not LAWS[name][q == 0].any()


def its_ser(name):
    p = MODELS[name]
    assert mt.ser(p, Q, LENGTH, count=200).value == 0
    for method in ("walk", "sharp", "shared"):
        refused(lambda m=method: mt.ser(p, Q, LENGTH, count=200, method=m))
    return True


def its_ter(name):
    expected = math.exp(expected_nll(LAWS[name], q) / LENGTH)
    assert holds_above(mt.ter(MODELS[name], Q, LENGTH, count=2000, seed=1), expected)
    if name == "ancestral":
        return refused(lambda: mt.ter(MODELS[name], Q, LENGTH, method="mixture"), "ancestral")
    return covers(mt.ter(MODELS[name], Q, LENGTH, count=2000, seed=1, method="mixture"), expected)


def its_ter_ratio(name):
    nothing = -(q[q > 0] * np.log(q[q > 0])).sum()
    expected = math.exp((expected_nll(LAWS[name], q) - nothing) / LENGTH)
    return holds_above(mt.ter_ratio(MODELS[name], Q, LENGTH, count=2000, seed=1), expected)


def its_cross_entropy(name):
    inside = q > 0
    expected = -(LAWS[name][inside] * np.log(q[inside])).sum() / LENGTH
    return covers(mt.cross_entropy(MODELS[name], Q, LENGTH, count=2000, seed=1), expected)


def its_likelihood(name):
    p = MODELS[name]
    np.testing.assert_allclose(mt.likelihood(p, TOKENS, kind="exact").values, nats(LAWS[name]), atol=1e-12)
    refused(lambda: mt.likelihood(p, TOKENS, kind="replay"), "nothing to replay")
    if name == "blocks":
        assert refused(lambda: mt.likelihood(p, TOKENS, kind="iw", plans=2), "use kind='exact'")
        return True
    elbo, iw = (mt.likelihood(p, TOKENS, kind=kind, plans=400) for kind in ("elbo", "iw"))
    assert (elbo.values < nats(LAWS[name])).mean() > 0.9
    np.testing.assert_allclose(iw.values, nats(LAWS[name]), atol=0.4)
    tube = mt.likelihood(p, TOKENS, kind="tube", plans=400)
    return (tube.low <= nats(LAWS[name])).mean() > 0.9


def its_distances(name):
    found, expected = mt.distances(MODELS[name], Q, LENGTH), distances_of_laws(LAWS[name], q)
    return found.total_variation == expected.total_variation and found.kl == expected.kl


def its_comparison(name):
    models = (MODELS[name], PLAIN[name], Q)
    refused(lambda: mt.compare(*models, length=LENGTH, count=100, common=True), "step together")
    shown = mt.compare(*models, length=LENGTH, count=1000, metrics="ser", at="calls").frame.iloc[0]
    expected = -mt.exact.error_rate(mt.exact.law(PLAIN[name], Q, LENGTH), q)
    return shown["low"] <= expected <= shown["high"]


def its_steps(name):
    options = {"sampler": f"{name}:constrained=true", "denoiser": "oracle", "count": 300}
    found = mt.steps_for(Q, length=LENGTH, gap=0.05, **options).frame.iloc[0]
    [at_one, there] = [
        distances_of_laws(mt.exact.law(mt.MaskedDiffusion(mt.Oracle(Q), sampler=options["sampler"], steps=n), Q, 4), q)
        for n in (1, int(found["steps"]))
    ]
    return at_one.kl.value > 0.05 > there.kl.value


def its_cells(name):
    [cell] = mt.cells(Q, sampler=f"{name}:constrained=true", length=LENGTH, steps=STEPS, samples=100)
    return cell.sampler == f"{name}:constrained=true"


def makes_it(name):
    return MODELS[name].constraint.language == Q and MODELS[name].log_prob_kind == (
        "exact" if name == "blocks" else "lower bound"
    )


ENTRIES = {
    "MaskedDiffusion": makes_it,
    "ConstrainedDiffusion": lambda name: (
        mt.ConstrainedDiffusion(mt.Oracle(Q), sampler=name, steps=STEPS).identity == MODELS[name].identity
    ),
    "BlockDiffusion": lambda name: (
        mt.BlockDiffusion(mt.Oracle(Q), block=LENGTH, sampler=f"{name}:constrained=true", steps=STEPS)
        .sample(99, LENGTH, seed=0)
        .tokens.shape
        == (99, LENGTH)
    ),
    "Cell": its_cells,
    "cells": its_cells,
    "ser": its_ser,
    "ter": its_ter,
    "ter_ratio": its_ter_ratio,
    "cross_entropy": its_cross_entropy,
    "distances": its_distances,
    "likelihood": its_likelihood,
    "budget": lambda name: (
        refused(lambda: mt.budget(MODELS[name], Q, length=LENGTH))
        and refused(lambda: mt.budget(mt.Oracle(Q), Q, length=LENGTH, sampler=f"{name}:constrained=true", steps=2))
    ),
    "truncation": lambda name: refused(lambda: mt.truncation(MODELS[name], Q, LENGTH, count=100, method="draws")),
    "ser_from_z": lambda name: mt.ser_from_z(MODELS[name], Q, LENGTH, count=99, method="draws").measured.value == 0,
    "compare": its_comparison,
    "steps_for": its_steps,
    "check_model": lambda name: name == "ancestral" or mt.check_model(MODELS[name], Q).passed,
    "check_sampler": lambda name: name == "blocks" or mt.check_sampler(f"{name}:constrained=true").passed,
    "exact.law": its_law,
    "exact.elbo": lambda name: refused(lambda: mt.exact.elbo(MODELS[name], Q, LENGTH), "UniformDiffusion"),
}
OF_RESULTS = {"Likelihood"}
"""What has a `model` among its fields, of which it is told the name."""


def test_the_table_has_everything_public_that_takes_a_model_or_a_sampler():
    found = set()
    for module, prefix in ((mt, ""), (mt.exact, "exact.")):
        for name in dir(module):
            thing = getattr(module, name)
            if name.startswith("_") or not callable(thing):
                continue
            if {"model", "models", "sampler", "models_and_language"} & set(inspect.signature(thing).parameters):
                found.add(prefix + name)
    assert found - OF_RESULTS == set(ENTRIES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("entry", ENTRIES)
def test_each_gives_the_law_of_steps_drawn_together_or_refuses(entry, name):
    assert ENTRIES[entry](name)


def test_what_works_on_plans_inside_does_not_take_them_for_plain_ones():
    model, plan = MODELS["ancestral"], np.array([[1, 1, 2, 2]])
    law, tokens = model.plan_law, TOKENS[:1]
    for call in (
        lambda: run_on_canvas(model.denoiser, plan, tokens=tokens, law=law),
        lambda: score_contexts(model.denoiser, plan, tokens, law=law),
        lambda: model.scored(tokens, witness=lambda *said: None),
        lambda: model.walk(Q, 3, LENGTH, 0),
        lambda: model.walk_steps(Q, 3, LENGTH, 0),
        lambda: all_plans(model, LENGTH),
    ):
        with pytest.raises(ValueError, match="together|own to look at|no error to be|draws no token from its marginal"):
            call()
    assert not curve_priced(model)
    assert not in_random_order(model)
    assert not model.exact_by_order(LENGTH)
    parity = mt.MaskedDiffusion(mt.Oracle("parity"), sampler="stride:constrained=true", steps=2)
    assert course_of(parity, mt.Parity(), LENGTH) is None
    assert mean_calls(model, LENGTH)[0] == mean_calls(PLAIN["ancestral"], LENGTH)[0]
