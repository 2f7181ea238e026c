"""Runs are certified by their folders, at their own length, by what they see and by the noise that they know."""

import pytest
import torch

import mdmtheory as mt
from mdmtheory.conformance.subjects import certified
from tests.networks.runs import written_run

LANGUAGE, LENGTH = "ngram:order=2,vocab_size=3", 6
GAUSSIAN = torch.tensor([[1.0, 0.5], [-1.0, 0.0], [0.25, -2.0]])


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(tmp_path, **options):
    return written_run(tmp_path / "runs/x", language=LANGUAGE, length=LENGTH, seed=1, **options)


@pytest.mark.parametrize("attention", ["bidirectional", "causal", "block"])
def test_a_run_passes_and_its_sight_is_tried_where_it_is_bounded(tmp_path, attention):
    run(tmp_path, attention=attention)
    subject = certified("runs/x")
    report = subject.report()
    assert (subject.kind, subject.name) == ("denoiser", "runs/x")
    assert report.passed, str(report)
    assert report["sight"].passed is (None if attention == "bidirectional" else True)
    assert {"normalised", "history", "prompt", "alone", "answers"} <= {
        each.name for each in report.checks if each.passed
    }


@pytest.mark.parametrize(
    "options", [{"noise": "uniform"}, {"noise": "gaussian", "embedding": GAUSSIAN}], ids=["uniform", "gaussian"]
)
def test_a_run_of_another_noise_is_asked_of_that_noise_alone(tmp_path, options):
    run(tmp_path, **options)
    report = certified("runs/x").report()
    assert report.passed, str(report)
    assert [each.name for each in report.checks if each.passed] == ["protocol", "noises"]


@pytest.mark.parametrize(("sees", "block"), [("left", None), ("block", 2)])
def test_who_sees_more_than_it_says_is_refuted(tmp_path, sees, block):
    network = mt.Network(run(tmp_path))  # all around
    network.sees, network.block = sees, block
    assert mt.check_denoiser(network)["sight"].passed is False


def test_a_denoiser_of_no_known_noise_is_refuted(tmp_path):
    network = mt.Network(run(tmp_path))
    network.noises = frozenset({"fog"})
    assert "none of masked" in mt.check_denoiser(network)["protocol"].seen


def test_a_run_is_certified_as_it_is_asked_for(tmp_path):
    run(tmp_path)
    subject = certified("runs/x:batch=3")
    assert subject.name == "runs/x:batch=3"
    assert subject.report().passed


def test_a_registered_name_wins_over_a_folder(tmp_path):
    written_run(tmp_path / "oracle", language=LANGUAGE, length=LENGTH)
    assert certified("oracle").name == "oracle"
    assert certified("network:run=oracle").name == "./oracle"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("runs/nowhere", "denoiser", "no run runs/nowhere"),
        ("network:run=runs/nowhere", None, "no run runs/nowhere"),
        ("network", None, "needs run="),
        ("runs/x:batch=0", None, "batch is 0"),
        ("network:run=runs/x,batch=0", None, "batch is 0"),
        ("runs/x:size=3", "denoiser", "no option 'size'"),
        ("runs/empty", None, "has no run.json"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line(tmp_path, text, kind, message):
    run(tmp_path)
    (tmp_path / "runs/empty").mkdir()
    with pytest.raises(ValueError, match=message) as error:
        certified(text, kind)
    assert "\n" not in str(error.value)
