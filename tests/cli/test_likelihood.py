"""`mdmtheory likelihood`: a line for each kind and sampler beside the entropy, and one line for what it refuses."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mdmtheory as mt
from tests.networks.runs import written_run
from tests.once import made_once

LENGTH = 8


@pytest.fixture(autouse=True)
def _runs(tmp_path_factory):
    """Networks that nobody trained, of each kind."""

    def make(folder):
        for attention in ("bidirectional", "causal", "block"):
            written_run(folder / attention, language="parity", length=LENGTH, attention=attention)
        written_run(folder / "uniform", language="parity", length=LENGTH, noise="uniform", level=True)

    for each in made_once(tmp_path_factory, "likelihood-runs", make).iterdir():
        shutil.copytree(each, Path(each.name))


def test_every_kind_has_a_line_beside_the_entropy(run):
    words = ["likelihood", "bidirectional", "--kind", "elbo,iw,replay,tube", "--samples", "60", "--steps", "4"]
    found = run(*words, "--plans", "8")
    assert (found.code, found.err) == (0, "")
    said, first, second, *lines = found.out.splitlines()
    assert said == f"bidirectional: mdm, parity, length {LENGTH}, 60 sequences of it"
    assert first.split() == ["log", "p(x)", "KL(q", "||", "p)"]
    assert second.split() == ["kind", "sampler", *["nats", "a", "token"] * 2, "plans", "worth"]
    assert [line.split()[0] for line in lines] == ["log", "elbo", "iw", "replay", "tube"]
    assert lines[0].split() == ["log", "q(x)", f"{-7 / 8 * np.log(2):.6f}"]
    assert all("≥ -" in line and "≤ " in line for line in lines[1:3])
    assert "confidence:ties=lowest  ≈ -" in lines[3]
    assert "withheld (effective size" in lines[4]


def test_a_run_is_typed_as_for_every_other_command(run):
    words = ["--samples", "50", "--kind", "elbo", "--plans", "2"]
    plain = run("likelihood", "bidirectional", *words).out.splitlines()[1:]
    assert run("likelihood", "./bidirectional:device=cpu,batch=2", *words).out.splitlines()[1:] == plain
    failed = run("likelihood", "bidirectional:colour=red", *words)
    assert failed.code == 2
    assert "has no option 'colour'" in failed.err


def test_numbers_are_those_of_the_function(run):
    words = ["likelihood", "bidirectional", "--kind", "iw,elbo", "--samples", "60", "--seed", "3", "--plans", "4"]
    frame = pd.read_csv(io.StringIO(run(*words, "--sampler", "ancestral", "--steps", "4", "-f", "csv").out))
    model = mt.MaskedDiffusion(mt.Network("bidirectional"), steps=4)
    tokens = mt.Parity().sample(60, LENGTH, 3)
    for kind, row in zip(("iw", "elbo"), frame.iloc[1:].itertuples(), strict=True):
        found = mt.likelihood(model, tokens, kind=kind, plans=4, seed=3)
        gap = found.divergence(mt.Parity().log_prob(tokens))
        assert (row.kind, row.sampler, row.log_prob_kind, row.plans) == (kind, "ancestral", "lower bound", 4)
        assert (row.log_prob, row.log_prob_low) == pytest.approx((found.mean.value, found.mean.low))
        assert (row.divergence, row.divergence_high) == pytest.approx((gap.value, gap.high))
    said = json.loads(run(*words, "--format", "json").out, parse_constant=pytest.fail)
    assert [row["kind"] for row in said["rows"]] == ["log q(x)", "iw", "elbo"]
    assert said["about"]["unit"] == "nats a token"


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("causal", ["exact"]),
        ("block", ["elbo", "iw", "replay"]),
        ("uniform", ["elbo", "iw"]),
    ],
)
def test_kinds_are_those_that_a_network_has(run, name, kinds):
    found = run("likelihood", name, "--samples", "50", "--steps", "2", "--plans", "3", "-f", "csv")
    assert (found.code, [*pd.read_csv(io.StringIO(found.out))["kind"]]) == (0, ["log q(x)", *kinds])


def test_what_a_sampler_has_no_number_of_is_said_and_the_others_are_shown(run):
    words = ["likelihood", "bidirectional", "--samples", "50", "--plans", "2", "--steps", "2"]
    found = run(*words, "--sampler", "first_hitting,margin:ties=lowest", "--kind", "iw,replay")
    assert [line.split()[0] for line in found.out.splitlines()[4:]] == ["iw", "replay"]
    lines = found.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("iw of margin:ties=lowest says nothing here: ")
    assert lines[1].startswith("replay of first_hitting says nothing here: ")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nothere"], "no run nothere"),
        (["bidirectional", "--kind", "elob"], "unknown kind 'elob' (did you mean 'elbo'?); known: exact, elbo, iw"),
        (["bidirectional", "--sampler", "strid"], "unknown sampler 'strid' (did you mean 'stride'?)"),
        (["bidirectional", "--schedule", "linea"], "unknown schedule 'linea'"),
        (["bidirectional", "--steps", "0"], "Invalid value for '--steps' '0': it must be 1 or more"),
        (["bidirectional", "--samples", "0"], "Invalid value for '--samples' '0': it must be 1 or more"),
        (
            ["bidirectional", "--samples", "49"],
            "samples is 49; give --samples 50 or more, below which no interval holds",
        ),
        (["bidirectional", "--level", "1"], "level is 1.0"),
        (["bidirectional", "--plans", "0"], "Invalid value for '--plans' '0': it must be 1 or more"),
        (["bidirectional", "--kind", "tube", "--plans", "1"], "plans is 1; kind tube needs 2 or more"),
        (["bidirectional", "--kind", "replay", "--sampler", "ancestral"], "so there is nothing to replay"),
        (["bidirectional", "--kind", "replay", "--sampler", "draw_confidence"], "chooses by tokens that it draws"),
        (["bidirectional", "--sampler", "redraw:tau=0.5"], "may change tokens, so one sequence has many histories"),
        (["causal", "--sampler", "stride"], "a network of objective ar takes no sampler; leave --sampler out"),
        (["causal", "--kind", "elbo"], "draws no plan"),
        (["uniform", "--kind", "replay"], "no sampler that looks at the sequence"),
    ],
)
def test_what_is_no_number_is_refused_in_one_line(refused, words, reason):
    assert reason in refused("likelihood", *words)
