"""`mdmtheory audit`: tables, a card and a page of a checkpoint, a check on a known language, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mdmtheory as mt
from tests.networks import checkpoints
from tests.once import made_once

WORDS = ["--lines", "--length", "8", "--steps", "2", "--samples", "60", "--draws", "50"]


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A BERT that nobody trained, and a text for it."""

    def make(at: Path) -> None:
        checkpoints.write_bert(at / "bert")
        tokens = np.random.default_rng(0).integers(0, 6, (60, 8))
        lines = [" ".join(checkpoints.LETTERS[token] for token in row) for row in tokens]
        (at / "text.txt").write_text("\n".join(lines) + "\n")

    return made_once(tmp_path_factory, "audits", make)


def test_prices_are_exact_replays_and_the_page_has_the_card(run, made):
    words = [*WORDS, "--text", str(made / "text.txt"), "--sampler", "stride,entropy:ties=lowest", "-f", "json"]
    found = run("audit", f"hf:{made / 'bert'}:device=cpu", *words, "--page", "audit.html")
    assert found.code == 0, found.err
    said = json.loads(found.out)
    net = mt.HuggingFace(made / "bert", device="cpu")
    tokens = np.array(
        [
            [checkpoints.LETTERS.index(each) for each in line.split()]
            for line in (made / "text.txt").read_text().splitlines()
        ]
    )
    for row in said["prices"]:
        model = mt.MaskedDiffusion(net, sampler=row["rule"], steps=2)
        assert row["nats a token"].startswith(f"≈ {-model.log_prob(tokens).values.mean() / 8:.4f} [")
    assert [row["over the cheapest, in pairs"] for row in said["prices"]].count("cheapest") == 1
    assert [row["rule"] for row in said["chain"]] == ["stride", "entropy:ties=lowest", "the text"]
    assert [row["distance"] for row in said["dependence"]] == ["1", "2", "3", "4", "6"]
    for name in ("text", "prices", "intervals", "order", "chain", "safe stride", "variety"):
        assert said["about"][name]
    assert "none padded" in said["about"]["text"]
    page = Path("audit.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert all(row["nats a token"] in page for row in said["prices"])
    assert "What the numbers hold for" in page
    assert "error of the model beside every price of one order" in page


def test_a_checkpoint_is_certified_by_the_name_that_is_typed(run, made):
    outcome = run("certify", f"hf:{made / 'bert'}:device=cpu")
    assert outcome.code == 0, outcome.out + outcome.err
    assert "normalised" in outcome.out


def test_a_check_on_a_language_that_is_known_says_inside(run):
    mt.NGram([0.5, 0.5], [[0.7, 0.3], [0.4, 0.6]]).save("known.npz")
    words = ["--lang", "known.npz", "--length", "8", "--steps", "2", "--sampler", "stride", "--samples", "200"]
    found = run("audit", "oracle", *words, "--draws", "50", "--check")
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("what "))
    assert [line.split()[-1] for line in lines[begin + 1 : begin + 3]] == ["inside", "inside"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["hf:{}/bert"], "no text for hf:{}/bert; give --text FILE"),
        (["hf:{}/bert", "--text", "{}/text.txt", *WORDS, "--page", "audit.md"], "is a page of HTML; name it FILE.html"),
        (["hf:{}/bert", "--text", "{}/text.txt", *WORDS, "--check"], "60 sequences and 50 draws; 100 and 50 are the"),
        (["hf:{}/bert", "--text", "{}/text.txt", *WORDS, "--steps", "9"], "steps is 9; pass numbers from 1 to the"),
        (["hf:{}/bert", "--text", "{}/text.txt", *WORDS, "--sampler", "remdm"], "sampler"),
        (["hf:{}/bert", "--text", "{}/text.txt", *WORDS, "--threshold", "-1"], "threshold is -1.0; pass nats above 0"),
        (["hf:{}/bert", "--text", "{}/text.txt", *WORDS, "--threshold", "nan"], "threshold is nan; pass nats above 0"),
        (
            ["oracle", "--lang", "ngram:order=2,vocab_size=4,seed=2", "--length", "16", "--steps", "4"],
            "meets contexts of probability 0",
        ),
    ],
)
def test_what_cannot_be_audited_is_refused_in_a_line(refused, made, words, reason):
    assert reason.replace("{}", str(made)) in refused("audit", *(each.replace("{}", str(made)) for each in words))
