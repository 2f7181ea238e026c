"""Every value of reference.json, from the package.

The file holds the brute-force numbers that were computed for this project before its first line of code, by programs
that share nothing with it: laws by summing over all plans, joints by summing over all hidden paths.
"""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.metrics.pricing import curve_weights

REFERENCE = json.loads((Path(__file__).parent / "reference.json").read_text())
CLOSE = {"rel": 1e-12, "abs": 1e-12}


def language_of(entry):
    parameters = {key: np.array(value) for key, value in entry["language"].items() if key != "kind"}
    return {"ngram": mt.NGram, "hmm": mt.HMM}[entry["language"]["kind"]](**parameters)


@pytest.fixture(params=REFERENCE, scope="module")
def entry(request):
    return REFERENCE[request.param]


@pytest.fixture(scope="module")
def model(entry):
    return mt.MaskedDiffusion(mt.Oracle(language_of(entry)), sampler="ancestral", schedule=entry["revealed_fractions"])


@pytest.fixture(scope="module")
def p(entry, model):
    return mt.exact.law(model, language_of(entry), entry["length"])


@pytest.fixture(scope="module")
def q(entry):
    return mt.exact.joint(language_of(entry), entry["length"])


def test_the_file_is_whole():
    assert list(REFERENCE) == [
        "bigram3/linear-1",
        "bigram3/linear-2",
        "bigram3/linear-3",
        "bigram3/uneven-3",
        "trigram2/linear-3",
        "hmm2x3/linear-3",
    ]
    read = {"language", "length", "revealed_fractions", "entropy_nats", "information_curve_nats", "sequence_error_rate"}
    read |= {"expected_nll_nats", "plan_averaged_nll_nats", "token_error_rate", "token_error_rate_of_q"}
    assert all(set(entry) == read for entry in REFERENCE.values())


def test_entropy(entry, q):
    assert mt.exact.entropy_nats(q) == pytest.approx(entry["entropy_nats"], **CLOSE)
    entropy = language_of(entry).entropy(entry["length"])
    if entropy.kind == "exact":
        assert float(entropy) == pytest.approx(entry["entropy_nats"], **CLOSE)


def test_information_curve(entry, q):
    curve = mt.exact.enumerated_information_curve(q)
    np.testing.assert_allclose(curve, entry["information_curve_nats"], rtol=1e-12)
    assert curve.sum() == pytest.approx(entry["entropy_nats"], **CLOSE)


def test_sequence_error_rate(entry, p, q):
    assert mt.exact.error_rate(p, q) == pytest.approx(entry["sequence_error_rate"], **CLOSE)


def test_expected_nll(entry, p, q):
    assert mt.exact.expected_nll(p, q) == pytest.approx(entry["expected_nll_nats"], **CLOSE)


def test_plan_averaged_nll(entry, model, q):
    """L * sum_k w_k E[curve(Bin(L - 1, a_{k-1}))]: docs/theory.md 2.1, written out here and as the metrics weigh it."""
    length, fractions = entry["length"], entry["revealed_fractions"]
    curve = mt.exact.enumerated_information_curve(q)
    total = 0.0
    for before, after in itertools.pairwise(fractions):
        for m in range(length):
            chance = math.comb(length - 1, m) * before**m * (1 - before) ** (length - 1 - m)
            total += length * (after - before) * chance * curve[m]
    assert total == pytest.approx(entry["plan_averaged_nll_nats"], **CLOSE)
    assert float(curve_weights(model, length) @ curve) == pytest.approx(entry["plan_averaged_nll_nats"], **CLOSE)


def test_token_error_rates(entry, p, q):
    length = entry["length"]
    assert math.exp(mt.exact.expected_nll(p, q) / length) == pytest.approx(entry["token_error_rate"], **CLOSE)
    assert math.exp(mt.exact.entropy_nats(q) / length) == pytest.approx(entry["token_error_rate_of_q"], **CLOSE)


def test_the_values_tell_schedules_apart():
    """The twin that must fail: a schedule that is off by a hair misses the value."""
    entry = REFERENCE["bigram3/uneven-3"]
    language = language_of(entry)
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", schedule=[0, 0.1, 0.4001, 1])
    p, q = (mt.exact.law(model, language, entry["length"]), mt.exact.joint(language, entry["length"]))
    assert mt.exact.error_rate(p, q) != pytest.approx(entry["sequence_error_rate"], abs=1e-6)
