"""Rows of exact laws against sums over all sequences, closed forms and each other; a sampler with a bug is told."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

import mdmtheory as mt
from mdmtheory.report import exact_laws as module
from mdmtheory.report.answers import answers
from mdmtheory.report.exact_laws import (
    COLUMNS,
    CORRECTING,
    MEASURES,
    MODELS,
    SAMPLERS,
    correction_rows,
    entropy_on_support,
    every,
    exact_rows,
    small_cases,
)
from mdmtheory.samplers.registry import SAMPLERS as REGISTRY
from mdmtheory.theory.instances import bigram3
from tests import brute_force

PAIRS = (mt.EqualPairs(vocab_size=2), 4)
QUICK = ((bigram3(), 3), PAIRS, (mt.Parity(), 4), (mt.Permutation(items=4), 3))


@pytest.fixture(scope="module")
def quick():
    """Everything but what takes seconds on four tokens of three."""
    return exact_rows(QUICK)


def one(frame, **wanted):
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    [row] = frame.to_dict("records")
    return row


def test_every_sampler_and_model_has_its_rows(quick):
    assert tuple(quick.columns) == (*COLUMNS, *MEASURES, "reason")
    samplers = every("sampler", SAMPLERS)
    names = {each.partition(":")[0] for each in samplers}
    # `first_hitting` is `fixed` with sizes of one, and a plan from a file is somebody's own.
    assert names == set(REGISTRY.built_in) - {"first_hitting", "plan"}
    models = module.registries()["model"]
    with_examples = {name for name in models.built_in if models.about(name).examples}
    assert {each.partition(":")[0] for each in every("model", MODELS)} | {"masked"} == with_examples
    masked = quick[quick["model"] == "masked"]
    assert set(masked["sampler"]) == set(samplers)
    per_language = quick.groupby("language").size()
    assert set(per_language) == {per_language.iloc[0]}
    changing = quick["sampler"].isin(CORRECTING[1:])
    assert set(quick["denoiser"][changing]) == {"oracle:trust=0.999"}
    without = quick[quick["reason"] != ""]
    assert without["ser"].isna().all()
    # Noise on values has integrals for laws.
    assert without["reason"].str.contains("integral").all()
    assert {each.partition(":")[0] for each in without["model"]} == {"gaussian", "vdm", "ssd"}


def test_plans_against_sums_over_sequences():
    """Of plans by brute force on the joint law, of `stride` on a bigram with zeros."""
    language, length = bigram3(), 4
    q = brute_force.ngram_joint(language.initial, language.conditional, length)
    for sampler, plan in (("stride", (1, 2, 1, 2)), ("blocks", (1, 1, 2, 2)), ("left_to_right", (1, 2, 3, 4))):
        p = brute_force.plan_law(lambda row: brute_force.conditionals(q, 3, row), 3, plan)
        [row] = exact_rows([(language, length)], [sampler], [], [2]).to_dict("records")
        given = p[q > 0] / p[q > 0].sum()
        ser = 1 - p[q > 0].sum()
        # What the model gave up is an outcome of its own.
        total_variation = (np.abs(p - q).sum() + 1 - p.sum()) / 2
        assert row["ser"] == pytest.approx(ser, abs=1e-12)
        assert row["total_variation"] == pytest.approx(total_variation, abs=1e-12)
        inside = q > 0
        assert row["kl"] == pytest.approx((q[inside] * np.log(q[inside] / p[inside])).sum(), abs=1e-12)
        positive = given > 0
        reverse = (given[positive] * np.log(given[positive] / q[inside][positive])).sum()
        assert row["kl_on_support"] == pytest.approx(reverse, abs=1e-12)
        assert row["entropy"] == pytest.approx(-(given[positive] * np.log(given[positive])).sum(), rel=1e-12)
        assert row["entropy_of_language"] == pytest.approx(-(q[inside] * np.log(q[inside])).sum(), rel=1e-12)


def test_drawn_confidence_by_hand():
    """docs/theory.md, section 6: [[.4, .1], [.2, .3]] becomes [[.56, .04], [.28, .12]] at one token a step."""
    language = mt.NGram([0.5, 0.5], [[0.8, 0.2], [0.4, 0.6]])
    [row] = exact_rows([(language, 2)], ["draw_confidence"], [], [2]).to_dict("records")
    p = np.array([0.56, 0.04, 0.28, 0.12])
    assert row["total_variation"] == pytest.approx(0.24, rel=1e-9)
    assert row["entropy"] == pytest.approx(-(p * np.log(p)).sum(), rel=1e-9)
    assert row["ser"] == pytest.approx(0, abs=1e-12)


def test_rows_agree_with_closed_forms(quick):
    seen = 0
    registries = module.registries()
    for language, length in QUICK[1:]:
        rows = quick[(quick["language"] == str(language.spec)) & quick["ser"].notna()]
        for row in rows.to_dict("records"):
            names = {name: value for name, value in row.items() if not pd.isna(value)}
            denoiser = registries["denoiser"].build(names.get("denoiser", "oracle"), language)
            sampler, steps = names.get("sampler", "ancestral"), names.get("steps")
            model = registries["model"].build(row["model"], language, denoiser, sampler, steps, "linear")
            for answer in answers(language, model, length):
                if answer.metric in ("ser", "kl"):
                    assert row[answer.metric] == pytest.approx(answer.value, rel=1e-8, abs=1e-12), row
                    seen += 1
    assert seen > 150


def test_what_holds_of_every_law(quick):
    rows = quick[quick["ser"].notna()]
    assert (rows["total_variation"] >= rows["ser"] - 1e-12).all()
    assert (rows["ser"] <= -np.expm1(-rows["kl"]) + 1e-12).all()
    assert (rows["kl"] >= -1e-12).all()
    assert (rows["kl_on_support"] >= -1e-12).all()
    finite = rows[np.isfinite(rows["kl"])]
    np.testing.assert_allclose(finite["wrong"] + finite["unfaithful"], finite["kl"], atol=1e-12)
    np.testing.assert_allclose(finite["wrong"], -np.log1p(-finite["ser"]), atol=1e-12)
    # Languages that are uniform on their support have the most entropy there.
    uniform = rows["language"] != "bigram3"
    assert (rows["entropy"] <= rows["entropy_of_language"] + 1e-9)[uniform].all()
    exact = rows["model"].eq("ar") | rows["sampler"].isin(["left_to_right", "verify:k=2"])
    assert (rows["total_variation"][exact].abs() < 1e-12).all()
    assert (rows["entropy"] - rows["entropy_of_language"])[exact].abs().max() < 1e-12


def test_a_planted_bug_is_told(monkeypatch):
    """A law that is that of another number of steps, and one that lost a sequence."""
    arguments = (QUICK[:1], ["ancestral"], [], [3])
    honest = exact_rows(*arguments).iloc[0]
    law = module.law
    monkeypatch.setattr(module, "law", lambda model, *rest, **more: law(shorter(model), *rest, **more))
    assert exact_rows(*arguments)["ser"].iloc[0] > honest["ser"] + 0.01
    monkeypatch.setattr(module, "law", lambda *rest, **more: law(*rest, **more) * (np.indices((3, 3, 3)).sum(0) > 0))
    [lost] = exact_rows(*arguments).to_dict("records")
    assert math.isinf(lost["kl"])
    assert lost["ser"] > honest["ser"] + 0.01


def shorter(model):
    return mt.MaskedDiffusion(model.denoiser, sampler=model.sampler, steps=model.steps - 1, schedule=model.schedule)


def test_a_model_that_is_never_right_has_no_entropy():
    q = np.array([1.0, 0.0])
    assert math.isnan(entropy_on_support(np.array([0.0, 1.0]), q))
    assert entropy_on_support(np.array([0.5, 0.5]), q) == 0


def test_correction_against_the_doubt_of_the_oracle():
    frame = correction_rows([PAIRS], deltas=(1e-1, 1e-3), steps=2)
    assert len(frame) == 2 * len(CORRECTING)
    assert list(dict.fromkeys(frame["delta"])) == [1e-1, 1e-3]
    redrawn = one(frame, sampler="redraw", delta=1e-3)
    assert redrawn["denoiser"] == "oracle:trust=0.999"
    assert redrawn["ser"] < 1e-6 < 0.4 < one(frame, sampler="ancestral", delta=1e-3)["ser"]
    # The first of two partners that are ranked is drawn from its marginal, the second agrees but for the doubt.
    ranked = correction_rows([PAIRS], ["topk_remask"], deltas=(1e-1, 1e-3), steps=4)["ser"]
    assert ranked.iloc[0] == pytest.approx(100 * ranked.iloc[1], rel=0.01)


def test_the_default_table_is_small_enough():
    assert [length for _, length in small_cases()] == [4, 4, 4, 4, 4, 3]
    for language, length in small_cases():
        q = mt.exact.joint(language, length)
        forbidden = [x for x in itertools.product(range(language.vocab_size), repeat=length) if q[x] == 0]
        assert forbidden
