"""`mdmtheory profile`: a checkpoint's losses on held-out text, what `schedule --curve` makes of them, and refusals."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mdmtheory as mt
from mdmtheory.networks.texts import read_sequences
from tests.networks import checkpoints
from tests.networks.runs import written_run
from tests.once import made_once

Q, LENGTH = "ngram:order=2,vocab_size=3,seed=2", 8


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """An oracle in the form of Hugging Face, the same with its logits one position off, a BERT, and their texts."""

    def make(at: Path) -> None:
        checkpoints.write_oracle(at / "oracle", Q, 3)
        checkpoints.write_oracle(at / "shifted", Q, 3, shifted=True)
        checkpoints.write_bert(at / "bert")
        written_run(at / "run", language=Q, length=LENGTH)
        tokens = mt.as_language(Q).sample(120, LENGTH, 5)
        lines = [" ".join(checkpoints.LETTERS[token] for token in row) for row in tokens]
        (at / "lines.txt").write_text("\n".join(lines) + "\n")
        (at / "odd.txt").write_text("\n".join([*lines[:60], "a b", "a b c a b c a b c a", "a b c x a b c a"]) + "\n")
        (at / "whole.txt").write_text(" ".join(lines).replace("\n", " ") + " a b c")

    return made_once(tmp_path_factory, "profiles", make)


def trusted(folder: Path) -> str:
    return f"hf:{folder}:device=cpu,trust_remote_code=true"


def test_the_losses_of_a_checkpoint_that_is_the_oracle_are_its_losses(run, made):
    words = ["--text", str(made / "lines.txt"), "--lines", "--length", "8", "--ratios", "0.3,0.7", "-o", "losses.csv"]
    found = run("profile", trusted(made / "oracle"), *words)
    assert found.code == 0
    assert "losses: losses.csv" in found.err
    assert "120 lines of 8 tokens, none padded" in found.out
    assert "whether the model was trained on it is not known here" in found.out
    losses = mt.schedules.read_losses("losses.csv")
    assert losses.ratios.tolist() == [0.3, 0.7, 1.0]
    assert Path("losses.csv").read_text().startswith("# model: hf:")
    table = [line.split() for line in found.out.splitlines()[2:5]]
    np.testing.assert_allclose([float(row[1]) for row in table], losses.losses, atol=2e-3)
    priced = run("schedule", "--curve", "losses.csv", "--length", "8", "--steps", "4", "--no-figure", "-f", "csv")
    assert priced.code == 0


def test_what_the_losses_predict_is_what_is_measured_and_in_other_units_it_is_not(run, made):
    """Fixed sizes in random order: the interval that schedule makes of the profile holds the TER."""
    words = ["--lang", Q, "--length", "8", "--samples", "400", "-o", "losses.csv", "-q"]
    assert run("profile", trusted(made / "oracle"), *words).code == 0
    words = ["schedule", "--curve", "losses.csv", "--length", "8", "--steps", "2,4", "--no-figure", "-f", "csv"]
    for unit, inside in (("nats", True), ("bits", False)):
        found = run(*words, "--schedule", "linear", "--unit", unit)
        assert found.code == 0, found.err
        frame = pd.read_csv(io.StringIO(found.out)).query("schedule == 'linear' and sampler == 'fixed'")
        for row in frame[frame["metric"] == "ter"].itertuples():
            p = mt.MaskedDiffusion(mt.Oracle(mt.as_language(Q)), sampler="fixed", steps=row.steps)
            measured = mt.ter(p, mt.as_language(Q), 8, count=2000)
            assert (row.low <= measured.high and measured.low <= row.high) == inside, (row, measured)


def test_logits_that_are_one_position_off_are_found_by_their_losses(run, made):
    words = ["--text", str(made / "lines.txt"), "--lines", "--length", "8", "--ratios", "0.5", "-f", "csv"]
    plain = run("profile", trusted(made / "oracle"), *words)
    found = run("profile", trusted(made / "shifted"), *words)
    assert found.code == plain.code == 0
    assert "are gained by reading its logits with shift=true, and so they are read" in found.err
    assert "shift" not in plain.err
    np.testing.assert_allclose(*(pd.read_csv(io.StringIO(each.out)) for each in (found, plain)), atol=0.1)
    asked = run("profile", f"{trusted(made / 'shifted')},shift=false", *words)
    assert "they are read as was asked" in asked.err
    wrong, right = (pd.read_csv(io.StringIO(each.out))["loss"][0] for each in (asked, plain))
    assert wrong > right + 0.5


def test_windows_are_whole_and_what_is_left_out_is_said(made):
    checkpoint = mt.HuggingFace(made / "bert", device="cpu").checkpoint
    lines = read_sequences(checkpoint, made / "odd.txt", 8, lines=True)
    assert lines.tokens.shape == (61, 8)
    assert lines.tokens[-1].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert lines.said.endswith(
        "left out or cut: 1 of 63 lines shorter, 1 longer and cut, 1 with unknown or special tokens"
    )
    whole = read_sequences(checkpoint, made / "whole.txt", 8)
    assert (whole.tokens == mt.as_language(Q).sample(120, 8, 5)).all()
    assert whole.said.endswith("120 windows of 8 tokens, none padded; left out or cut: 3 tokens at the end")
    assert whole.bytes_a_token == 15 / 8
    assert len(read_sequences(checkpoint, made / "whole.txt", 8, most=7).tokens) == 7


def test_a_run_has_a_language_of_its_own_and_bounds_stand_beside_what_papers_quote(run, made):
    found = run("profile", str(made / "run"), "--samples", "60", "--ratios", "0.5", "--elbo", "--plans", "2")
    assert found.code == 0
    heading = next(i for i, line in enumerate(found.out.splitlines()) if line.startswith("log p(x)"))
    lines = [line.split() for line in found.out.splitlines()[heading + 1 :]]
    assert [line[:3] for line in lines] == [
        ["elbo", "first_hitting", "128"],
        ["iw", "first_hitting", "16"],
        ["replay", "confidence:ties=lowest", "8"],
        ["replay", "entropy:ties=lowest", "8"],
    ]
    net = mt.Network(made / "run", device="cpu")
    tokens = mt.as_language(Q).sample(60, LENGTH, 0)
    for line, (kind, sampler, plans) in zip(
        lines, [("elbo", "first_hitting", 128), ("iw", "first_hitting", 2), ("replay", "confidence:ties=lowest", None)],
        strict=False,
    ):  # fmt: skip
        model = mt.MaskedDiffusion(net, sampler=sampler, steps=LENGTH)
        mean = mt.likelihood(model, tokens, kind=kind, plans=plans).mean
        assert float(line[4]) == pytest.approx(-mean.value, abs=1e-4)
        assert line[3] == ("≈" if kind == "replay" else "≤")


def test_bits_a_byte_are_nats_a_token_over_the_bytes_of_one(run, made):
    words = ["--text", str(made / "lines.txt"), "--lines", "--length", "8", "--ratios", "0.5", "--elbo", "--plans", "1"]
    found = run("profile", f"hf:{made / 'bert'}:device=cpu", *words, "--samples", "50")
    [line] = [line.split() for line in found.out.splitlines() if line.startswith("elbo")]
    nats, bits = float(line[4]), float(line[line.index("≤", 4) + 1])
    assert bits == pytest.approx(nats / np.log(2) / (15 / 8), abs=2e-4)


def test_json_has_the_rows_and_what_they_hold_for(run, made):
    found = run("profile", str(made / "run"), "--samples", "50", "--ratios", "0.5", "-f", "json")
    said = json.loads(found.out)
    assert [row["mask_ratio"] for row in said["rows"]] == [0.5, 1.0]
    assert said["about"]["text"].startswith("50 sequences of 8 tokens drawn from ngram")


@pytest.mark.parametrize(
    ("model", "words", "reason"),
    [
        ("hf:{}/bert", [], "no text for hf:{}/bert; give --text FILE"),
        ("hf:{}/bert", ["--text", "{}/lines.txt", "--lang", "hmm"], "text and lang are both given"),
        ("hf:{}/bert", ["--text", "nowhere.txt"], "nowhere.txt"),
        ("hf:{}/bert", ["--text", "{}/lines.txt", "--length", "33"], "has 34 positions, and 33 tokens take 35"),
        ("hf:{}/bert", ["--text", "{}/lines.txt", "--lines", "--length", "9"], "its longest line has 8; give a longer"),
        ("hf:{}/bert", ["--text", "{}/whole.txt", "--length", "30"], "there are 32 sequences, and 50 are the fewest"),
        ("hf:{}/bert:size=3", ["--text", "{}/lines.txt"], "has no option 'size'"),
        ("hf:nowhere", ["--text", "{}/lines.txt"], "there is no folder nowhere"),
        ("hf:{}/oracle", ["--text", "{}/lines.txt"], "trust_remote_code=true if you trust it"),
        ("{}/run", ["--text", "{}/lines.txt"], "reads no text, only checkpoints do"),
        ("oracle", [], "oracle is no run, which has a language of its own; give --lang"),
        ("{}/run", ["--ratios", "half"], "ratios is 'half'; give mask ratios"),
        ("{}/run", ["--samples", "49"], "there are 49 sequences, and 50 are the fewest"),
        ("{}/run", ["-o", "losses.png"], "ends as a figure does"),
        ("nothing", ["--lang", "hmm"], "unknown denoiser 'nothing'"),
    ],
)
def test_what_cannot_be_profiled_is_refused_in_a_line(refused, made, model, words, reason):
    here = str(made)
    given = [each.replace("{}", here) for each in (model, *words)]
    assert reason.replace("{}", here) in refused("profile", *given)
