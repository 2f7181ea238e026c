"""An encoder-decoder is trained by name, and autoregression then draws from and scores the law that it says."""

import itertools

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.core.misfits import MisfitError
from mdmtheory.networks.architecture import Architecture
from mdmtheory.networks.cached_canvas import CachedCanvas
from mdmtheory.networks.encoder_decoder import EncoderDecoder

V, PROMPT, LENGTH = 4, 3, 6
LANGUAGE = mt.as_language(f"ngram:order=1,vocab_size={V}")
SMALL = {"length": LENGTH, "size": "layers=2,width=16,heads=2", "batch": 8, "tokens": 30 * 8 * LENGTH}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("encdec") / "run"
    return mt.train("encdec", lang=LANGUAGE, prompt=f"prefix:size={PROMPT}", out=out, device="cpu", **SMALL)


@pytest.fixture(scope="module")
def model(run):
    return mt.Autoregressive(mt.Network(run, device="cpu"))


def prompts(count):
    tokens = LANGUAGE.sample(count, LENGTH, seed=1)
    tokens[:, PROMPT:] = V
    return tokens


def all_answers(prompt):
    """Every sequence with a prompt (length,)."""
    answers = np.array(list(itertools.product(range(V), repeat=LENGTH - PROMPT)))
    return np.concatenate([np.tile(prompt[:PROMPT], (len(answers), 1)), answers], axis=1)


def test_its_run_says_what_it_reads_and_learns_toward_the_exact_law(run):
    assert (run.record.targets, run.record.given, run.architecture.encoded) == ("oracle", "0-2", PROMPT)
    untrained = EncoderDecoder(run.architecture, seed=0)
    assert untrained.state_dict().keys() == run.weights().keys()
    found = mt.learning_error(mt.Network(run, device="cpu"), LANGUAGE, LENGTH, count=64, prompt=run.given)
    uniform = np.log(V) - run.record.results["floor"]
    assert 0 < found.mean.value < uniform


def test_a_sequence_is_scored_in_one_pass_as_its_steps_one_after_the_other_say(model):
    tokens = LANGUAGE.sample(3, LENGTH, seed=2)
    given = np.where(np.arange(LENGTH) < PROMPT, tokens, V)
    steps = np.zeros(3)
    for position in range(PROMPT, LENGTH):
        shown = np.where(np.arange(LENGTH) < position, tokens, V)
        laws = model.denoiser.conditionals(shown)
        steps += np.log(laws[np.arange(3), position, tokens[:, position]])
    assert model.log_prob(tokens, prompt=given).kind == "exact"
    np.testing.assert_allclose(model.log_prob(tokens, prompt=given).values, steps, atol=1e-5)


def test_the_law_of_answers_to_a_prompt_sums_to_one(model):
    for prompt in prompts(2):
        whole = all_answers(prompt)
        assert np.exp(model.log_prob(whole, prompt=prompt).values).sum() == pytest.approx(1, abs=1e-5)


def test_answers_that_are_drawn_follow_the_law_that_is_scored(model):
    prompt, count = prompts(1)[0], 4000
    law = np.exp(model.log_prob(all_answers(prompt), prompt=prompt).values)
    drawn = model.sample(count, LENGTH, seed=0, prompt=prompt)
    assert (drawn.calls == LENGTH - PROMPT).all()
    seen = np.bincount(drawn.tokens[:, PROMPT:] @ V ** np.arange(LENGTH - PROMPT)[::-1], minlength=len(law))
    assert ((seen - count * law) ** 2 / (count * law)).sum() < len(law) + 5 * np.sqrt(2 * len(law))


def test_the_prompt_is_read_all_around_and_the_answer_from_the_left():
    network = told_apart()
    tokens = torch.randint(V, (1, LENGTH), generator=torch.Generator().manual_seed(0))
    for changed in range(LENGTH):
        other = tokens.clone()
        other[0, changed] = (tokens[0, changed] + 1) % V
        with torch.no_grad():
            differs = (network(other) != network(tokens)).any(dim=2)[0].tolist()
        first = PROMPT if changed < PROMPT else changed + 1
        assert differs == [position >= first for position in range(LENGTH)]


def test_what_is_kept_of_the_prompt_and_of_settled_tokens_changes_nothing():
    network, generator = told_apart(), np.random.default_rng(0)
    kept = CachedCanvas(network, 3, LENGTH, "cpu", prompts(3))
    anew = CachedCanvas(network, 3, LENGTH, "cpu", prompts(3), cached=False)
    everyone = np.arange(3)
    for position in range(PROMPT, LENGTH):
        for rows in (everyone, everyone[:2], everyone):
            where = np.full(len(rows), position)
            assert np.abs(kept.ask(rows, where).numpy() - anew.ask(rows, where).numpy()).max() < 1e-5
        assert (kept._cache.length > 0) is (position > PROMPT)
        tokens = generator.integers(V, size=3)
        for canvas in (kept, anew):
            canvas.write(everyone, np.full(3, position), tokens)
            canvas.settle_before(position + 1)
    for canvas in (kept, anew):  # part of a prompt is not kept
        canvas.write(everyone, np.full(3, 1), tokens)
    where = np.full(3, LENGTH - 1)
    assert np.abs(kept.ask(everyone, where).numpy() - anew.ask(everyone, where).numpy()).max() < 1e-5


def test_a_prompt_that_its_encoder_does_not_get_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="reads a prompt of 3 tokens, and not all of them are given; pass prompt"):
        model.sample(2, LENGTH, seed=0)
    with pytest.raises(MisfitError, match="its encoder reads a prompt, and none is given; pass --prompt prefix"):
        mt.train("encdec", lang=LANGUAGE, out=tmp_path / "run", **SMALL)
    right = Architecture(V, LENGTH, 1, 16, 2, attention="causal", places=True, encoded=PROMPT)
    assert Architecture.from_json(right.to_json()) == right
    with pytest.raises(ValueError, match="an encoder of 3 positions goes with a causal decoder that has places"):
        Architecture(V, LENGTH, 1, 16, 2, places=True, encoded=PROMPT)
    with pytest.raises(ValueError, match="an encoder of 6 positions leaves nothing of 6 to write; encode fewer"):
        Architecture(V, LENGTH, 1, 16, 2, attention="causal", places=True, encoded=LENGTH)


def told_apart():
    """An encoder-decoder whose answers depend on what goes in."""
    architecture = Architecture(V, LENGTH, 2, 16, 2, attention="causal", places=True, encoded=PROMPT)
    network = EncoderDecoder(architecture, seed=0)
    with torch.no_grad():
        network.out.weight.normal_(generator=torch.Generator().manual_seed(0))
    return network
