"""Checkpoints of others: their laws are those of transformers, under the conventions that they were made with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.denoisers import DENOISERS
from tests.networks import checkpoints
from tests.once import made_once

TEXT = "[MASK] b [MASK] d a [MASK] c f"
Q = "ngram:order=2,vocab_size=3,seed=2"


@pytest.fixture
def folder(tmp_path_factory):
    """Folders of models that nobody trained, of an oracle and of what is none; not to be written to."""

    def make(at: Path) -> None:
        checkpoints.write_bert(at / "bert")
        checkpoints.write_modernbert(at / "modernbert")
        checkpoints.write_gpt(at / "gpt")
        checkpoints.write_oracle(at / "oracle", Q, 3)
        checkpoints.write_oracle(at / "shifted", Q, 3, shifted=True)
        checkpoints.write_oracle(at / "causal", Q, 3, causal=True)

    return made_once(tmp_path_factory, "checkpoints", make)


def said_by_transformers(folder: Path, text: str) -> np.ndarray:
    """Laws over a..f at the masks of a text, by transformers alone."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    numbers = tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = AutoModelForMaskedLM.from_pretrained(folder)(input_ids=numbers).logits
    letters = tokenizer.convert_tokens_to_ids(list(checkpoints.LETTERS))
    return logits[numbers == tokenizer.mask_token_id][:, letters].double().softmax(dim=1).numpy()


def ours(text: str, letters: str = checkpoints.LETTERS) -> np.ndarray:
    """A text of letters and [MASK] in tokens of ours."""
    return np.array([[letters.index(word) if word in letters else len(letters) for word in text.split()]])


@pytest.mark.parametrize("name", ["bert", "modernbert"])
def test_laws_are_those_of_transformers_and_other_conventions_have_others(folder, name):
    expected, tokens = said_by_transformers(folder / name, TEXT), ours(TEXT)
    masked = tokens == 6
    found = mt.HuggingFace(folder / name, device="cpu").conditionals(tokens)
    np.testing.assert_allclose(found[masked], expected, atol=1e-6)
    assert (found[~masked].argmax(axis=1) == tokens[~masked]).all()
    for broken in ({"frame": False}, {"shift": True}, {"mask": 1}):
        off = mt.HuggingFace(folder / name, device="cpu", **broken)
        assert np.abs(off.conditionals(tokens)[masked] - expected).max() > 0.01, broken
        assert off.identity != mt.HuggingFace(folder / name, device="cpu").identity


def test_numbers_of_tokens_are_those_that_text_can_hold(folder):
    checkpoint = mt.HuggingFace(folder / "bert", device="cpu").checkpoint
    assert checkpoint.ids.tolist() == [5, 6, 7, 8, 9, 10]
    assert (checkpoint.mask, checkpoint.before, checkpoint.after) == (4, (2,), (3,))


@pytest.mark.parametrize(("name", "shift"), [("oracle", False), ("shifted", True)])
def test_a_model_with_code_of_its_own_is_the_oracle_where_it_is_read_as_it_was_made(folder, name, shift):
    q = mt.as_language(Q)
    tokens = np.where(np.random.default_rng(0).random((20, 7)) < 0.5, 3, q.sample(20, 7, seed=0))
    with pytest.raises(ValueError, match="code of its own .*OracleModel.* give trust_remote_code=true if you trust it"):
        mt.HuggingFace(folder / name, device="cpu")
    right, wrong = (
        mt.HuggingFace(folder / name, device="cpu", trust_remote_code=True, shift=each) for each in (shift, not shift)
    )
    exact = mt.Oracle(q).conditionals(tokens)
    np.testing.assert_allclose(right.conditionals(tokens), exact, atol=1e-6)
    assert np.abs(wrong.conditionals(tokens) - exact).max() > 0.1


def test_what_is_drawn_depends_neither_on_the_batch_nor_on_the_folder(folder, tmp_path):
    shutil.copytree(folder / "bert", tmp_path / "elsewhere")
    by_two = mt.HuggingFace(folder / "bert", device="cpu", batch=2)
    there = mt.HuggingFace(tmp_path / "elsewhere", device="cpu")
    drawn = [mt.MaskedDiffusion(each, steps=3).sample(5, 8, seed=0).tokens for each in (by_two, there)]
    assert (drawn[0] == drawn[1]).all()
    assert by_two.identity == there.identity
    assert there.batch(8) == (1 << 13) // 10


def test_a_replay_is_the_sum_of_what_the_model_says_in_each_context(folder):
    net, length = mt.HuggingFace(folder / "bert", device="cpu"), 6
    p = mt.MaskedDiffusion(net, sampler="confidence:ties=lowest", steps=length)
    tokens = np.random.default_rng(1).integers(0, 6, (3, length))
    found = p.log_prob(tokens).values
    for row, value in zip(tokens, found, strict=True):
        shown, total = np.full((1, length), 6), 0.0
        for _ in range(length):
            laws = net.conditionals(shown)[0]
            place = int(np.argmax(np.where(shown[0] == 6, laws.max(axis=1), -1)))
            total += np.log(laws[place, row[place]])
            shown[0, place] = row[place]
        assert value == pytest.approx(total, abs=1e-5)


def emptied(folder: Path, name: str) -> Path:
    (folder / name).unlink()
    return folder


def said(folder: Path, name: str, **changed) -> Path:
    told = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({key: each for key, each in {**told, **changed}.items() if each is not ...}))
    return folder


def lacking(folder: Path, tensor: str) -> Path:
    from safetensors.torch import load_file, save_file

    weights = {name: each for name, each in load_file(folder / "model.safetensors").items() if name != tensor}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("name", "broken", "reason"),
    [
        ("bert", lambda at: emptied(at, "config.json"), "has no config.json, so no model in the form of Hugging Face"),
        ("bert", lambda at: emptied(at, "model.safetensors"), "does not load: .*no file named"),
        ("bert", lambda at: said(at, "config.json", hidden_size=32), "does not load"),
        ("bert", lambda at: said(at, "config.json", is_decoder=True), "is a causal language model"),
        (
            "bert",
            lambda at: lacking(at, "bert.encoder.layer.0.output.dense.weight"),
            "weights of .* do not load whole: 1 tensors of BertForM",
        ),
        ("bert", lambda at: (at / "model.safetensors").write_bytes(b"1") and at, "does not load"),
        ("bert", lambda at: (at / "config.json").write_text("{") and at, "does not load"),
        (
            "bert",
            lambda at: emptied(emptied(at, "tokenizer.json"), "tokenizer_config.json"),
            "the tokenizer of .* is m",
        ),
        ("bert", lambda at: said(at, "tokenizer_config.json", mask_token=...), "has no mask token: .* as mask=103"),
        ("bert", lambda at: said(at, "config.json", mask_token_id=1), "name two masks, 1 and 4"),
        ("gpt", lambda at: at, r"\(GPT2LMHeadModel\) is a causal language model, which sees the left alone"),
        ("gpt", lambda at: at / "not" / "there", "there is no folder .*download=true to have it downloaded"),
    ],
)
def test_what_is_no_masked_language_model_is_refused_in_a_line(folder, tmp_path, name, broken, reason):
    shutil.copytree(folder / name, tmp_path / name)
    with pytest.raises(ValueError, match=reason) as refused:
        mt.HuggingFace(broken(tmp_path / name), device="cpu")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"mask": 11}, "mask 11 of .* is none of its 11 tokens"),
        ({"batch": 0}, "batch is 0"),
        ({"device": "tpu"}, "unknown device"),
    ],
)
def test_options_that_do_not_fit_are_refused(folder, options, reason):
    with pytest.raises(ValueError, match=reason):
        mt.HuggingFace(folder / "bert", **{"device": "cpu", **options})


def test_who_sees_the_left_alone_is_found_by_a_look_at_what_it_says(folder):
    with pytest.raises(ValueError, match="sees the left alone: what it says of a position does not depend"):
        mt.HuggingFace(folder / "causal", device="cpu", trust_remote_code=True)


def test_a_sequence_has_to_fit_into_the_positions_of_the_model(folder):
    net = mt.HuggingFace(folder / "bert", device="cpu")
    net.validate_length(32)
    with pytest.raises(ValueError, match="has 34 positions, and 33 tokens take 35 .* use --length 32 or less"):
        net.open(1, 33)
    with pytest.raises(ValueError, match="takes no 'uniform' noise"):
        net.open(1, 8, noise="uniform")


def test_too_little_memory_is_one_line_that_names_a_batch(folder, monkeypatch):
    net = mt.HuggingFace(folder / "bert", device="cpu")

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory\nmany lines")

    monkeypatch.setattr(net.checkpoint.model, "forward", full)
    with pytest.raises(MemoryError, match="does not fit with 4 sequences of 8 tokens at once; give batch=2$"):
        mt.MaskedDiffusion(net, steps=2).sample(4, 8, seed=0)


def test_a_language_has_as_many_tokens_as_the_model(folder):
    build = DENOISERS.build
    typed = f"hf:{folder / 'bert'}:device=cpu"
    assert build(typed, mt.as_language("ngram:order=1,vocab_size=6")).vocab_size == 6
    with pytest.raises(ValueError, match="says laws of 6 tokens and the language .* has 5"):
        build(typed, mt.as_language("ngram:order=1,vocab_size=5"))
