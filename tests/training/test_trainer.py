"""A training that is stopped, anyhow, and resumed ends as one that was not: to the bit, and with its history."""

import json
import os
import signal
import warnings
from contextlib import contextmanager

import pytest
import torch

import mdmtheory as mt
from mdmtheory.core.given import Given
from mdmtheory.core.notices import Notice
from mdmtheory.networks.runs import Run
from mdmtheory.networks.transformer import Transformer
from mdmtheory.training import running
from mdmtheory.training.checkpoints import last_checkpoint
from mdmtheory.training.errors import NotANumber, OutOfMemory
from mdmtheory.training.objectives.mdm import MaskedObjective

LANGUAGE = mt.as_language("ngram:order=1,vocab_size=4")
STEPS = 60
SMALL = {"lang": LANGUAGE, "length": 6, "size": "layers=1,width=8,heads=2", "batch": 4, "tokens": STEPS * 4 * 6}


class Killed(BaseException):
    """Nothing catches it, and nothing is written after it."""


def train(out, objective="mdm", **options):
    return mt.train(objective, **{**SMALL, "out": out, **options})


def history(path):
    """The lines without their seconds."""
    lines = (path / "history.csv").read_text().splitlines()
    return [line.rpartition(",")[0] for line in lines]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run that nothing stopped."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return train(tmp_path_factory.mktemp("straight") / "run")


def each_step(monkeypatch, do, at):
    """`do()` after so many steps are learnt."""
    import mdmtheory.training.training as module

    learn = module.Training._learn

    def learning(self, step, batch):
        learn(self, step, batch)
        if step + 1 == at:
            do()

    monkeypatch.setattr(module.Training, "_learn", learning)


def kill():
    raise Killed


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def assert_same(run, straight):
    assert run.finished
    assert run.digest == straight.digest
    assert history(run.path) == history(straight.path)
    assert run.record.results == straight.record.results


@pytest.mark.parametrize("at", [1, 39, 40, 47, 60])
def test_a_training_that_ctrl_c_stopped_and_that_is_resumed_is_the_same_to_the_bit(tmp_path, monkeypatch, straight, at):
    with monkeypatch.context() as patch:
        each_step(patch, interrupt, at)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "run")
    stopped = Run.open(tmp_path / "run")
    assert (stopped.finished, stopped.record.trained_steps) == (at == STEPS, at)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if at == STEPS else "error", Notice)
        assert_same(train(tmp_path / "run", resume=True), straight)


@pytest.mark.parametrize("at", [2, 45])
def test_a_training_that_was_killed_goes_on_from_its_last_checkpoint_to_the_same_bits(
    tmp_path, monkeypatch, straight, at
):
    with monkeypatch.context() as patch:
        each_step(patch, kill, at)
        with pytest.raises(Killed):
            train(tmp_path / "run", checkpoint_minutes=0)
    assert last_steps(tmp_path / "run") == [at - 2, at - 1]
    assert_same(train(tmp_path / "run", resume=True), straight)


def last_steps(path):
    return sorted(int(each.name.removeprefix("step-")) for each in (path / "checkpoint").iterdir())


def damaged(path, how):
    last = sorted((path / "checkpoint").iterdir())[-1]
    how(last)


def without_its_second_file(last):
    (last / "state.json").unlink()


def truncated(last):
    content = (last / "state.safetensors").read_bytes()
    (last / "state.safetensors").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("how", [without_its_second_file, truncated])
def test_where_the_last_checkpoint_is_no_good_the_one_before_is_said_and_used_to_the_same_bits(
    tmp_path, monkeypatch, straight, how
):
    with monkeypatch.context() as patch:
        each_step(patch, kill, 45)
        with pytest.raises(Killed):
            train(tmp_path / "run", checkpoint_minutes=0)
    damaged(tmp_path / "run", how)
    with pytest.warns(Notice, match="going on from the one before, of step 43"):
        run = train(tmp_path / "run", resume=True)
    assert_same(run, straight)


def test_another_seed_is_another_network(tmp_path, straight):
    assert train(tmp_path / "run", seed=1).digest != straight.digest


def test_by_minutes_there_are_as_many_steps_as_were_stored_and_the_run_is_that_of_its_tokens(tmp_path, monkeypatch):
    by_time = {"tokens": None, "minutes": 0.002}
    with monkeypatch.context() as patch:
        each_step(patch, kill, 1)
        with pytest.raises(Killed):  # in the steps that tell how fast it is: nothing is left of it
            train(tmp_path / "run", **by_time)
    assert not (tmp_path / "run").exists()
    run = train(tmp_path / "run", **by_time)
    assert run.record.minutes == 0.002
    assert run.record.tokens == run.record.steps * 4 * 6
    with pytest.warns(Notice, match="is finished already"):
        assert train(tmp_path / "run", resume=True, **by_time).digest == run.digest
    assert train(tmp_path / "again", tokens=run.record.tokens).digest == run.digest


def test_a_run_tells_what_made_it_and_what_came_of_it(straight):
    record = straight.record
    assert (record.objective, record.noise, record.targets, record.data) == ("mdm", "masked", "oracle", "fresh")
    assert (record.tokens, record.steps, record.batch, record.trained_steps) == (STEPS * 24, STEPS, 4, STEPS)
    assert (record.language_digest, record.length, record.seed) == (LANGUAGE.digest, 6, 0)
    assert record.results["learning_error"] == record.results["loss"] - record.results["floor"] > 0
    assert record.optimiser["learning_rate"] == 3e-3
    assert {"mdmtheory", "torch", "numpy", "safetensors", "python"} == set(record.versions)
    assert straight.language == LANGUAGE


def test_the_network_of_a_run_has_the_averaged_weights_of_its_last_checkpoint(straight):
    kept = last_checkpoint(straight.path / "checkpoint").tensors
    for name, weight in straight.weights().items():
        assert torch.equal(weight, kept[f"average/{name}"])
        assert not torch.equal(weight, kept[f"weights/{name}"])


def test_no_file_of_a_run_is_a_pickle(straight):
    kinds = {each.suffix for each in straight.path.rglob("*") if each.is_file()}
    assert kinds == {".json", ".safetensors", ".npz", ".csv"}


def test_the_history_has_the_losses_and_floors_of_the_very_steps(straight):
    header, *lines = (straight.path / "history.csv").read_text().splitlines()
    assert header == "step,tokens,loss,floor,learning_error,learning_rate,seconds"
    rows = [dict(zip(header.split(","), map(float, line.split(",")), strict=True)) for line in lines]
    assert [row["step"] for row in rows] == [40, 60]
    assert all(row["loss"] > row["floor"] > 0 and row["learning_error"] > 0 for row in rows)
    assert rows[0]["loss"] > rows[1]["loss"] - rows[1]["floor"] + rows[0]["floor"]


@pytest.mark.parametrize("objective", ["ar", "block:size=2"])
def test_other_objectives_learn_and_open(tmp_path, objective):
    run = train(tmp_path / "run", objective, tokens=24 * 42)
    assert run.record.objective.split(":")[0] == objective.split(":")[0]
    untrained = Transformer(run.architecture, seed=0).state_dict()
    assert untrained.keys() == run.weights().keys()
    assert not torch.equal(untrained["out.weight"], run.weights()["out.weight"])


@pytest.mark.parametrize("objective", ["mdm", "ar", "mgdm", "block:size=2"])
def test_a_network_learns_answers_to_prompts_and_its_run_says_what_was_given(tmp_path, objective):
    run = train(tmp_path / "run", objective, prompt="prefix:size=2")
    assert (run.record.given, run.given) == ("0-1", Given("0-1", 6))
    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert told["given"] == "0-1"
    assert run.architecture.places  # prompts and answers have places of their own
    found = mt.learning_error(mt.Network(run, device="cpu"), LANGUAGE, 6, count=64, prompt=run.given)
    assert found.mean.value > 0


def test_a_run_with_no_prompt_has_the_file_that_it_had_before_there_were_any(straight):
    assert straight.given is None
    assert not straight.architecture.places
    assert "given" not in json.loads((straight.path / "run.json").read_text())


@pytest.mark.parametrize("data", ["fresh", "fixed:samples=30,epochs=3"])
def test_tokens_as_targets_have_the_floor_of_the_exact_posterior_on_the_same_tokens(tmp_path, data):
    length_of = {"tokens": None} if data != "fresh" else {}
    run = train(tmp_path / "run", targets="tokens", data=data, **length_of)
    assert (run.record.targets, run.record.data) == ("tokens", data)
    assert run.record.steps == (STEPS if data == "fresh" else 22)
    assert run.record.results["learning_error"] > 0


def test_a_loss_that_is_no_number_stops_the_training_names_its_step_and_keeps_the_checkpoint_before(
    tmp_path, monkeypatch
):
    real = MaskedObjective.loss
    calls = []

    def loss(self, log_probs, noised, targets=None):
        calls.append(log_probs.requires_grad)
        spoilt = float("nan") if log_probs.requires_grad and sum(calls) == 44 else 1.0
        return real(self, log_probs, noised, targets) * spoilt

    monkeypatch.setattr(MaskedObjective, "loss", loss)
    with pytest.raises(NotANumber, match="the loss of step 44 is not a number; the checkpoint after step 43 is kept"):
        train(tmp_path / "run", checkpoint_minutes=0)
    assert last_steps(tmp_path / "run") == [42, 43]


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("DefaultCPUAllocator: no")]
)
def test_too_little_memory_names_the_batch_to_try_and_leaves_no_folder_in_the_way(tmp_path, monkeypatch, error):
    def logits(self, network, noised):
        raise error

    monkeypatch.setattr(MaskedObjective, "logits", logits)
    with pytest.raises(OutOfMemory) as stopped:
        train(tmp_path / "run")
    assert str(stopped.value) == "out of memory on cpu with 4 sequences a step (24 tokens); try --batch 2"
    assert not (tmp_path / "run").exists()


def test_what_is_left_out_when_resuming_is_as_it_was_begun(straight):
    with pytest.warns(Notice, match="is finished already"):
        train(straight.path, resume=True, tokens=None, batch=None)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 1}, "was begun with seed 0, and is to be resumed with 1; pass the same --seed"),
        ({"batch": 5}, "was begun with batch 4, and is to be resumed with 5; pass the same --batch"),
        ({"tokens": 2400}, "was begun with steps 60, and is to be resumed with 100; pass the same --tokens"),
        ({"tokens": None, "minutes": 1.0}, "was begun with minutes None, and is to be resumed with 1.0"),
        ({"lr": 0.1}, "was begun with learning_rate 0.003, and is to be resumed with 0.1; pass the same --lr"),
        ({"lang": "hmm"}, "was begun with language_digest .* pass the same --lang"),
        ({"size": "nano"}, "was begun with size layers=1,width=8,heads=2, and is to be resumed with layers=2"),
        ({"targets": "tokens"}, "was begun with targets oracle, and is to be resumed with tokens"),
        ({"objective": "ar"}, "was begun with objective mdm, and is to be resumed with ar"),
        (
            {"prompt": "prefix:size=2"},
            "was begun with given None, and is to be resumed with 0-1; pass the same --p",
        ),
    ],
)
def test_resuming_with_other_arguments_names_the_difference(straight, changed, message):
    with pytest.raises(ValueError, match=message):
        train(straight.path, resume=True, **changed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": None}, "how long the training is is not said; pass --tokens or --minutes"),
        ({"minutes": 1}, "how long the training is is said twice; pass --tokens or --minutes"),
        ({"tokens": -1}, "tokens is -1; pass a positive number, as 4M"),
        ({"tokens": "4X"}, "tokens is '4X'; pass a positive number, as 4M"),
        ({"tokens": None, "minutes": 0}, "--minutes is 0; pass a positive number"),
        (
            {"data": "fixed:samples=3,epochs=1"},
            "fixed:samples=3,epochs=1 says how long the training is; leave --tokens",
        ),
        ({"data": "fixed:samples=3,epochs=1", "targets": "oracle", "tokens": None}, "is learnt token by token"),
        ({"targets": "wishes"}, "unknown targets 'wishes'; known: oracle, tokens"),
        ({"objective": "gan"}, "unknown objective 'gan'"),
        ({"objective": "block:size=7"}, "blocks of 7 are longer than sequences of 6"),
        ({"size": "huge"}, "unknown size 'huge'"),
        ({"batch": 0}, "batch is 0; pass 1 or more"),
        ({"length": 0}, "length is 0; pass"),
        ({"lr": 0.0}, "the learning rate is 0.0; pass a positive number"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"precision": "bfloat16", "device": "cpu"}, "precision bfloat16 is for CUDA, not for cpu; pass float32"),
        ({"resume": True}, "there is no training in .* that could be resumed; leave --resume out"),
        ({"prompt": "prefix:size=6"}, "size 6 at length 6 is 6 tokens; pass from 1 to 5"),
        ({"prompt": "suffix:size=2", "objective": "ar"}, "networks of ar see .* to the right of the answer"),
        ({"prompt": "prefix:size=3", "objective": "block:size=2"}, "blocks of 2, .* gives 3 tokens.* inside a block"),
        ({"prompt": "prefix:size=3", "objective": "block:size=4"}, "blocks of 4 are longer than sequences of 3"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_a_folder_is_made(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_there_is_not_trained_into_unless_it_is_resumed_or_empty(tmp_path, straight):
    with pytest.raises(ValueError, match="is there already; go on with it by --resume, or pass another --out"):
        train(straight.path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="is there already"):
        train(tmp_path / "file")


def test_two_trainings_do_not_share_a_folder(tmp_path, monkeypatch):
    folder, refused = tmp_path / "runs" / "a", []

    def other():
        with pytest.raises(ValueError, match="is being written by another training .process") as refusal:
            train(folder, resume=True)
        refused.append(str(refusal.value))

    each_step(monkeypatch, other, 3)
    assert train(folder).finished
    assert len(refused) == 1
    assert [each.name for each in folder.parent.iterdir()] == ["a"]


def test_a_training_that_was_begun_while_another_one_waited_to_begin_is_not_written_over(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    take = running.alone_in

    @contextmanager
    def later(*held):
        with take(*held):
            (folder / "checkpoint").mkdir(parents=True)
            yield

    monkeypatch.setattr(running, "alone_in", later)
    with pytest.raises(ValueError, match="is there already"):
        train(folder)


def test_cuda_that_is_asked_for_and_absent_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="'cuda' was asked for, and torch finds no CUDA here; pass --device cpu"):
        train(tmp_path / "run", device="cuda")


def test_a_language_without_an_oracle_is_learnt_by_its_tokens_and_it_is_said(tmp_path, monkeypatch):
    def targets(self, oracle, noised, threads=None, *, first=0):
        raise ValueError("none is known")

    monkeypatch.setattr(MaskedObjective, "targets", targets)
    with pytest.warns(Notice, match="learning from the tokens that are drawn.*none is known"):
        run = train(tmp_path / "run", tokens=24 * 5)
    assert (run.record.targets, run.record.results["floor"]) == ("tokens", None)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["targets"] == "tokens"
    with pytest.raises(ValueError, match="the exact posterior cannot be the target: none is known"):
        train(tmp_path / "other", targets="oracle")
