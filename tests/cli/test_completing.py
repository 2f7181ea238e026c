"""What shells are offered: verbs, and names with their options from the registers."""

from __future__ import annotations

import pytest
import typer

from mdmtheory.cli.completing import KINDS, offered, rejoin
from mdmtheory.cli.main import app
from mdmtheory.core.register import Register


@pytest.fixture
def complete(run, monkeypatch):
    """What bash is told when Tab is pressed after these words, of which it took some apart."""

    def complete(*words: str) -> list[str]:
        with monkeypatch.context() as bash:
            bash.setenv("_MDMTHEORY_COMPLETE", "complete_bash")
            bash.setenv("COMP_WORDS", "\n".join(words))
            bash.setenv("COMP_CWORD", str(len(words) - 1))
            outcome = run()
        assert (outcome.code, outcome.err) == (0, "")
        return outcome.out.split()

    return complete


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("mdmtheory sw", ["sweep"]),
        ("mdmtheory sweep --lang h", ["hmm"]),
        ("mdmtheory sweep --lang=h", ["hmm"]),
        ("mdmtheory sweep --lang = h", ["hmm"]),
        ("mdmtheory sweep --lang hmm,ng", ["hmm,ngram"]),
        ("mdmtheory sweep --lang hmm : st", ["states=32", "sticky=0.0"]),
        ("mdmtheory sweep --lang hmm : states = 4,vo", ["4,vocab_size=8"]),
        ("mdmtheory sweep --denoiser perturbed :", ["epsilon="]),
        ("mdmtheory sweep --sampler remdm-c", ["remdm-cap", "remdm-conf"]),
        ("mdmtheory sweep --metrics ser,ter_", ["ser,ter_ratio"]),
        ("mdmtheory sweep --example or", ["order"]),
        ("mdmtheory sweep --prompt pre", ["prefix"]),
        ("mdmtheory sweep --model uni", ["uniform"]),
        ("mdmtheory sweep --schedule geo", ["geometric"]),
        ("mdmtheory schedule --schedule geo", ["geometric"]),
        ("mdmtheory steps --sampler margi", ["margin"]),
        ("mdmtheory language show dy", ["dyck"]),
        ("mdmtheory list samp", ["samplers", "sampler"]),
        ("mdmtheory help lead", ["leaderboard"]),
        ("mdmtheory likelihood run --kind elbo,t", ["elbo,tube"]),
        ("mdmtheory cite kl_pa", ["kl_parts"]),
        ("mdmtheory cite stride first_order_", ["first_order_kl"]),
        ("mdmtheory sweep --out any", []),
    ],
)
def test_bash_is_offered_what_may_stand_in_the_place_of_the_word_begun(complete, words, expected):
    assert complete(*words.split()) == expected


def test_other_shells_are_offered_whole_words(run, monkeypatch):
    monkeypatch.setenv("_MDMTHEORY_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "mdmtheory sweep --lang hmm:st")
    assert r"hmm\\:states=32" in run().out


def test_the_script_of_a_shell_is_printed(run, monkeypatch):
    monkeypatch.setenv("_MDMTHEORY_COMPLETE", "source_zsh")
    assert "#compdef mdmtheory" in run().out


def test_options_that_were_typed_are_not_offered_again_and_the_next_name_is():
    found = offered("language", "hmm:states=4,seed=1,")
    assert "hmm:states=4,seed=1,vocab_size=8" in found
    assert "hmm:states=4,seed=1,parity" in found
    assert not [each for each in found if each.endswith(("seed=0", "states=32"))]


def test_metrics_that_cannot_be_asked_for_are_not_offered():
    assert set(offered("metric", "")) == {name for name in Register("metric") if Register("metric").builder(name).asked}


def test_every_option_that_takes_names_is_completed():
    """Which parameters take names is known by their names alone, so a new one has to be told of."""

    def commands(command):
        yield command
        for each in getattr(command, "commands", {}).values():
            yield from commands(each)

    parameters = {each.name for command in commands(typer.main.get_command(app)) for each in command.params}
    assert set(KINDS) <= parameters
    kinds = {"lang", "denoiser", "model", "sampler", "schedule", "prompt", "metrics", "objective"}
    assert kinds <= set(KINDS)


def test_words_that_bash_leaves_whole_are_replaced_whole():
    asked = {"COMP_WORDS": "mdmtheory\nsweep\n--lang\nhmm:st", "COMP_CWORD": "3"}
    assert rejoin(asked) == len("hmm:st")
    assert asked["COMP_WORDS"].split()[-1] == "hmm:st"


def test_completing_names_loads_nothing_that_compiles_or_draws(spawn):
    code = """
import os, sys
os.environ |= {"_MDMTHEORY_COMPLETE": "complete_bash", "COMP_WORDS": "mdmtheory sweep --lang h", "COMP_CWORD": "3"}
from mdmtheory.cli.main import main
main([])
heavy = {"numba", "scipy", "pandas", "matplotlib", "seaborn", "torch"}
sys.exit(",".join(sorted(heavy & set(sys.modules))) or 0)
"""
    outcome = spawn(code)
    assert (outcome.code, outcome.out) == (0, "hmm\n"), outcome.err
