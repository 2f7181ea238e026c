"""`mdmtheory train`: what is typed, what a file says, what stands in the run in the end."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from mdmtheory.cli.main import main
from mdmtheory.core.quantities import as_quantity
from mdmtheory.schedules.loss_files import read_losses
from mdmtheory.training import trainer
from mdmtheory.training.training import Training
from tests.networks.runs import written_run

SMALL = ("--lang", "ngram:order=2", "--length", "8", "--size", "layers=1,width=16,heads=2", "--tokens", "2k")


def test_a_run_is_trained_and_its_losses_price_schedules(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", "mdm", *SMALL, "--out", str(run)]) == 0
    said = capsys.readouterr()
    assert "learning error, nats a token" in said.out
    assert "z, mass on what is impossible" in said.out
    assert "step" not in said.err  # no live line where nobody looks
    assert (run / "history.png").read_bytes().startswith(b"\x89PNG")
    losses = read_losses(run / "losses.csv")
    assert losses.ratios[-1] == 1
    assert (losses.losses > 0).all()
    assert main(["schedule", "--curve", str(run / "losses.csv"), "--length", "8", "--steps", "2", "--no-figure"]) == 0
    assert "optimal" in capsys.readouterr().out


def test_a_causal_run_has_no_losses_by_mask_ratio(tmp_path, capsys):
    assert main(["train", "ar", *SMALL, "--out", str(tmp_path / "run")]) == 0
    assert "learning error" in capsys.readouterr().out
    assert not (tmp_path / "run" / "losses.csv").exists()


def asked_for(monkeypatch, words):
    seen = {}

    def asked(**settings):
        seen.update(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "train", asked)
    return main(["train", *words]), seen


def test_what_is_typed_wins_over_the_file(tmp_path, monkeypatch):
    file = tmp_path / "a.toml"
    file.write_text(
        'objective = "ar"\nlang = "hmm"\nlength = 8\ntokens = "0.5M"\nout = "runs/a"\nlr = 0.01\nseed = 3\n'
    )
    _, seen = asked_for(monkeypatch, [str(file), "--minutes", "2", "--length", "4"])
    assert (seen["objective"], seen["lang"], seen["length"], seen["lr"], seen["seed"]) == ("ar", "hmm", 4, 0.01, 3)
    assert (seen["tokens"], seen["minutes"]) == (None, 2.0)
    assert asked_for(monkeypatch, [str(file)])[1]["tokens"] == "0.5M"


@pytest.mark.parametrize(("times", "kept"), [(1, [0, 3]), (2, [0])], ids=["once", "twice"])
def test_ctrl_c_says_how_to_go_on_and_a_second_one_waits_for_no_checkpoint(times, kept, monkeypatch, capsys):
    learn = Training._learn

    def learning(self, step, batch):
        learn(self, step, batch)
        for _ in range(times if step == 2 else 0):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Training, "_learn", learning)
    assert main(["train", "mdm", *SMALL, "--out", "runs/a"]) == 128 + signal.SIGINT
    assert capsys.readouterr().err == (
        "mdmtheory: interrupted; the checkpoint in runs/a is kept, go on with --resume\n"
    )
    assert sorted(Path("runs/a/checkpoint").iterdir()) == [Path(f"runs/a/checkpoint/step-{each:012}") for each in kept]
    assert Path("runs/a/run.json").is_file() == (times == 1)


def test_ctrl_c_before_there_is_a_checkpoint_speaks_of_none(monkeypatch, capsys):
    assert asked_for(monkeypatch, ["mdm", *SMALL, "--out", "runs/a"])[0] == 128 + signal.SIGINT
    assert capsys.readouterr().err == "mdmtheory: interrupted\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mdm", "--lang", "hmm"], "length, out, tokens are missing; give --length 64 --out runs/NAME --tokens 4M"),
        (
            ["--minutes", "1"],
            "objective, lang, length, out are missing; give mdm --lang hmm --length 64 --out runs/NAME",
        ),
        (["mdm", *SMALL, "--checkpoint-minutes", "-1", "--out", "OUT"], "checkpoint_minutes is -1.0; pass 0"),
        (["mdm", *SMALL, "--checkpoint-minutes", "nan", "--out", "OUT"], "checkpoint_minutes is nan; pass 0"),
        (["mdm", *SMALL, "--targets", "tokns", "--out", "OUT"], "unknown targets 'tokns' (did you mean 'tokens'"),
        (["mdm", *SMALL, "--size", "smal", "--out", "OUT"], "unknown size 'smal' (did you mean 'small'"),
        (["block:size=99", *SMALL, "--out", "OUT"], "write block:size="),
        (["mdm", "--length", "8", "--tokens", "1k", "--out", "OUT"], "lang is missing; give --lang hmm"),
        (["mdm", "--lang", "hmm", "--length", "8", "--tokens", "1k"], "out is missing; give --out runs/NAME"),
        (["mdn", *SMALL, "--out", "OUT"], "unknown objective 'mdn'"),
        (["mdm", *SMALL, "--tokens", "4X", "--out", "OUT"], "tokens is '4X'; pass a positive number, as 4M"),
        (["mdm", *SMALL, "--tokens", "-3", "--out", "OUT"], "tokens is '-3'"),
        (["mdm", *SMALL, "--size", "huge", "--out", "OUT"], "unknown size 'huge'"),
        (["mdm", *SMALL, "--targets", "x", "--out", "OUT"], "unknown targets 'x'"),
        (["mdm", *SMALL, "--device", "cuda:9", "--out", "OUT"], "device"),
        (["mdm", *SMALL, "--threads", "999999", "--out", "OUT"], "threads is 999999; pass"),
        (["mdm", *SMALL, "--resume", "--out", "OUT"], "there is no training in"),
        (["FILE"], "unknown key 'lenght' .did you mean 'length'?"),
    ],
)
def test_wrong_options_are_refused_in_a_line(words, message, tmp_path, capsys):
    file = tmp_path / "wrong.toml"
    file.write_text("lenght = 8\n")
    places = {"OUT": str(tmp_path / "run"), "FILE": str(file)}
    assert main(["train", *(places.get(word, word) for word in words)]) == 2
    said = capsys.readouterr().err
    assert message.replace("key 'lenght' .", "key 'lenght' (") in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["", "M", "nan", "inf", "0", "1e400"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="pass a positive number"):
        as_quantity(text, "tokens")


@pytest.mark.parametrize("missing", ["torch", "safetensors"])
@pytest.mark.parametrize(
    "words",
    [
        ("train", "mdm", *SMALL, "--out", "runs/a"),
        ("sweep", "--lang", "ngram:order=2", "--length", "8", "--steps", "2", "--denoiser", "runs/x"),
        ("certify", "runs/x"),
    ],
    ids=lambda words: words[0],
)
def test_where_torch_is_missing_the_extra_that_brings_it_is_named(words, missing, monkeypatch, capsys):
    written_run(Path("runs/x"))
    monkeypatch.setitem(sys.modules, missing, None)
    capsys.readouterr()
    assert main(list(words)) == 2
    assert capsys.readouterr().err == (
        f"mdmtheory: error: networks need {missing}, which is not installed; pip install 'mdmtheory[neural]'\n"
    )
