"""A checkpoint is whole or it is not used, and then the one before is, and it is said."""

import json
import warnings

import pytest
import torch

from mdmtheory.core.notices import Notice
from mdmtheory.training.checkpoints import Checkpoint, last_checkpoint, remove_later, write_checkpoint


def checkpoint(step):
    tensors = {"weights/a": torch.full((3,), 0.1 * step), "average/a": torch.arange(3) / 3}
    return Checkpoint(step, tensors, {"lines": [[step, 0.1, None]], "seed": 7})


def written(folder, *steps):
    for step in steps:
        write_checkpoint(folder, checkpoint(step))
    return folder


def newest(folder):
    return sorted(folder.glob("step-*"))[-1]


def test_what_was_written_is_read_to_the_bit_without_a_word(tmp_path):
    found = last_checkpoint(written(tmp_path, 10))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = last_checkpoint(tmp_path)
    assert (found.step, found.about) == (10, checkpoint(10).about)
    assert all(torch.equal(each, found.tensors[name]) for name, each in checkpoint(10).tensors.items())


def test_the_newest_two_are_kept_and_steps_are_ordered_as_numbers(tmp_path):
    written(tmp_path, 9, 10, 100, 1000)
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["step-000000000100", "step-000000001000"]
    assert last_checkpoint(tmp_path).step == 1000


def test_nothing_in_it_is_a_pickle(tmp_path):
    files = sorted(each for each in written(tmp_path, 1).rglob("*") if each.is_file())
    assert [each.name for each in files] == ["state.json", "state.safetensors"]
    json.loads(files[0].read_bytes())
    header = files[1].read_bytes()
    assert json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")]).keys() == checkpoint(1).tensors.keys()


def killed_between_the_files(last):
    (last / "state.json").unlink()


def killed_before_the_files(last):
    for each in last.iterdir():
        each.unlink()


def truncated(last):
    content = (last / "state.safetensors").read_bytes()
    (last / "state.safetensors").write_bytes(content[:-3])


def of_another_byte(last):
    content = bytearray((last / "state.safetensors").read_bytes())
    content[-1] ^= 1
    (last / "state.safetensors").write_bytes(content)


def with_another_number(last):
    text = (last / "state.json").read_text()
    (last / "state.json").write_text(text.replace('"seed": 7', '"seed": 8'))


def of_another_step(last):
    last.rename(last.parent / "step-000000000099")


def without_tensors(last):
    (last / "state.safetensors").unlink()


DAMAGES = [
    (killed_between_the_files, "was not finished"),
    (killed_before_the_files, "was not finished"),
    (truncated, "is truncated or damaged"),
    (of_another_byte, "is truncated or damaged"),
    (with_another_number, "is damaged"),
    (of_another_step, "is damaged"),
    (without_tensors, "is damaged"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES])
def test_a_damaged_last_checkpoint_is_named_and_the_one_before_is_used(tmp_path, damage, said):
    damage(newest(written(tmp_path, 10, 20)))
    with pytest.warns(Notice, match=f"{said}; going on from the one before, of step 10$"):
        assert last_checkpoint(tmp_path).step == 10


def test_a_damaged_only_checkpoint_is_none_and_it_is_said(tmp_path):
    truncated(newest(written(tmp_path, 10)))
    with pytest.warns(Notice, match="there is none before it"):
        assert last_checkpoint(tmp_path) is None


def test_a_folder_without_checkpoints_has_none(tmp_path):
    assert last_checkpoint(tmp_path) is None


def test_a_checkpoint_of_another_version_is_not_read(tmp_path):
    last = newest(written(tmp_path, 10))
    about = json.loads((last / "state.json").read_text())
    about["version"] = 2
    from mdmtheory.core.streams import digest

    about["digest"] = digest({key: value for key, value in about.items() if key != "digest"})
    (last / "state.json").write_text(json.dumps(about))
    with pytest.warns(Notice, match="has format version 2, and this version of mdmtheory reads 1"):
        assert last_checkpoint(tmp_path) is None


@pytest.mark.parametrize("damage", [killed_between_the_files, truncated])
def test_two_good_ones_are_there_again_after_a_damaged_one(tmp_path, damage):
    damage(newest(written(tmp_path, 10, 20)))
    remove_later(tmp_path, 10)
    assert last_checkpoint(written(tmp_path, 30)).step == 30
    truncated(newest(tmp_path))
    with pytest.warns(Notice, match="going on from the one before, of step 10$"):
        assert last_checkpoint(tmp_path).step == 10


def test_what_was_not_finished_never_counts_as_the_one_before(tmp_path):
    killed_between_the_files(newest(written(tmp_path, 10, 20)))
    written(tmp_path, 30)
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["step-000000000010", "step-000000000030"]


def test_a_damaged_one_is_written_over_where_a_training_comes_there_again(tmp_path):
    truncated(newest(written(tmp_path, 10, 20)))
    written(tmp_path, 20)
    assert last_checkpoint(tmp_path).step == 20
