"""What is typed for a denoiser: a registered name wins, then the folder of a run, then what is one's own."""

import pytest

from mdmtheory.denoisers.names import as_denoiser_spec


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with records of runs under odd names; what they say is not read for a name."""
    for name in ("mine", "oracle", "lr=3", "my:run"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("oracle", "oracle"),
        ("oracle:trust=0.9", "oracle:trust=0.9"),
        ("mine", "network:run=mine"),
        ("mine/", "network:run=mine"),
        ("./oracle", "network:run=oracle"),
        ("lr=3", "network:run=lr=3"),
        ("my:run", "network:run=my:run"),
        ("not/there", "network:run=not/there"),
        ("/far/away", "network:run=/far/away"),
        ("empty", "empty"),
        ("my_module:Mine", "my_module:Mine"),
        ("my_module:Mine:weights=a/b", "my_module:Mine:weights=a/b"),
    ],
)
def test_a_registered_name_wins_then_a_slash_or_a_record_means_a_run(folder, typed, means):
    assert str(as_denoiser_spec(typed)) == means
    assert as_denoiser_spec(means) == as_denoiser_spec(typed)


@pytest.mark.parametrize("typed", ["hf:gpt2", "hf:somebody/a-model", "hf:model=gpt2"])
def test_models_of_others_are_refused_in_a_line(typed):
    with pytest.raises(ValueError, match="are not taken yet; name the folder of a run") as error:
        as_denoiser_spec(typed)
    assert "\n" not in str(error.value)
