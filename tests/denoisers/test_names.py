"""What is typed for a denoiser: a registered name wins, then the folder of a run, then what is one's own."""

import re

import pytest

from mdmtheory.denoisers import DENOISERS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with records of runs under odd names; what they say is not read for a name."""
    for name in ("mine", "oracle", "lr=3", "my:run", "x:lr=3", "a,b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("typed", "means", "shown"),
    [
        ("oracle", "oracle", "oracle"),
        ("oracle:trust=0.9", "oracle:trust=0.9", "oracle:trust=0.9"),
        ("mine", "network:run=mine", "./mine"),
        ("mine/", "network:run=mine", "./mine"),
        ("mine:batch=3", "network:run=mine,batch=3", "./mine:batch=3"),
        ("./oracle", "network:run=oracle", "./oracle"),
        ("lr=3", "network:run=lr=3", "./lr=3"),
        ("my:run", "network:run=my:run", "./my:run"),
        ("my:run:batch=3", "network:run=my:run,batch=3", "./my:run:batch=3"),
        ("x:lr=3", "network:run=x:lr=3", "network:run=x:lr=3"),
        ("./x:lr=3", "network:run=x:lr=3", "network:run=x:lr=3"),
        ("network:run=x:lr=3,batch=2", "network:run=x:lr=3,batch=2", "network:run=x:lr=3,batch=2"),
        ("a,b", 'network:run="a,b"', "./a,b"),
        ("./a,b:batch=3", 'network:run="a,b",batch=3', "./a,b:batch=3"),
        ('network:batch=3,run="c/a,b"', 'network:batch=3,run="c/a,b"', "c/a,b:batch=3"),
        ("./3", 'network:run="3"', "./3"),
        ("not/there", "network:run=not/there", "not/there"),
        (" not/there ", "network:run=not/there", "not/there"),
        ("./not//there/", "network:run=not/there", "not/there"),
        ("not/there my run:batch=3", "network:run=not/there my run,batch=3", "not/there my run:batch=3"),
        ("runs/x:batch=64, precision=float32,device=cuda:0", None, "runs/x:batch=64,precision=float32,device=cuda:0"),
        ("network:run=runs/x,batch=64", "network:run=runs/x,batch=64", "runs/x:batch=64"),
        ("runs/lr=3:batch=4", "network:run=runs/lr=3,batch=4", "runs/lr=3:batch=4"),
        ("/far/away", "network:run=/far/away", "/far/away"),
        ("~/away", "network:run=~/away", "~/away"),
        ("../x:y/z", "network:run=../x:y/z", "../x:y/z"),
        ("x:y/z", "network:run=x:y/z", "./x:y/z"),
        ("hf:gpt2", "hf:path=gpt2", "hf:gpt2"),
        ("hf:mine", "hf:path=mine", "hf:mine"),
        ("hf:a/b:batch=3", "hf:path=a/b,batch=3", "hf:a/b:batch=3"),
        ("hf:path=a/b,batch=3", "hf:path=a/b,batch=3", "hf:a/b:batch=3"),
        ("hf:x:y", "hf:path=x:y", "hf:x:y"),
        ("hf:x=1/y", "hf:x=1/y", "hf:x=1/y"),
        ("empty", "empty", "empty"),
        ("my_module:Mine", "my_module:Mine", "my_module:Mine"),
        ("my_module:Mine:weights=a/b", "my_module:Mine:weights=a/b", "my_module:Mine:weights=a/b"),
    ],
)
def test_a_registered_name_wins_then_a_slash_or_a_record_means_a_run(folder, typed, means, shown):
    spec = DENOISERS.typed(typed)
    if means is not None:
        assert str(spec) == means
        assert DENOISERS.typed(means) == spec
    assert DENOISERS.written(spec) == shown
    # What is shown says the same wherever it is read, and to whom types it here.
    assert DENOISERS.written(DENOISERS.read(shown)) == DENOISERS.written(DENOISERS.typed(shown)) == shown
    assert sorted(DENOISERS.read(shown).options) == sorted(spec.options)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("runs/x:batch=", "'batch=' in 'runs/x:batch=' is not key=value; write runs/x:key=value"),
        ("runs/x:batch=1,,device=cpu", "'' in 'runs/x:batch=1,,device=cpu' is not key=value"),
        ("runs/x:batch=1,batch=2", "'batch' appears twice"),
        ("runs/x:run=runs/y", "'run' appears twice"),
    ],
)
def test_options_of_a_run_that_are_none_are_refused_in_a_line(typed, reason):
    with pytest.raises(ValueError, match=re.escape(reason)) as error:
        DENOISERS.typed(typed)
    assert "\n" not in str(error.value)


def test_a_run_is_called_by_its_folder_in_legends():
    assert DENOISERS.reader_name("runs/x:batch=64") == "runs/x:batch=64"
    assert DENOISERS.reader_name("oracle:trust=0.9") == "oracle (trust 0.9)"
