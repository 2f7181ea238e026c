from __future__ import annotations

import subprocess
import sys

import pytest

from mdmtheory.sweeps import Cell, cells, collect, read, read_toml
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.schema import Contents
from mdmtheory.sweeps.work import Work
from tests.sweeps.small import one_line


def test_defaults_are_those_of_the_command_line():
    [cell] = cells("hmm", steps=64)
    assert cell == Cell("hmm", 512, "masked", "oracle", "ancestral", "linear", 64, 0, ("ser", "ter"), 2000, None, False)
    assert eval(repr(cell)) == cell


def test_lists_multiply_out():
    found = cells("hmm,ngram:order=2,seed=1", steps="16,64", length="64..256", schedule="linear,cosine", seed="0,1")
    assert len(found) == 2 * 2 * 3 * 2 * 2
    assert len(set(found)) == len(found)
    assert {cell.language for cell in found} == {"hmm", "ngram:order=2,seed=1"}


def test_steps_follow_each_length():
    found = cells("hmm", length="64..1024", steps="L/4")
    assert [(cell.length, cell.steps) for cell in found] == [(64, 16), (128, 32), (256, 64), (512, 128), (1024, 256)]


@pytest.mark.parametrize(
    "sampler", ["first_hitting", "left_to_right", "bisection", "entropy_bound:gamma=0.5", "threshold:tau=0.9"]
)
def test_what_has_no_choice_of_steps_is_one_cell(sampler):
    [cell] = cells("hmm", steps="64..2048", schedule="linear,cosine", sampler=sampler)
    assert (cell.steps, cell.schedule, cell.sampler) == (None, None, sampler)


def test_autoregression_has_no_choice_of_anything_and_steps_may_then_be_left_out():
    assert cells("hmm", model="ar") == cells(
        "hmm", model="ar", steps="64..2048", denoiser="oracle,window:width=4", sampler="ancestral,stride", check=True
    )
    [cell] = cells("hmm", model="ar")
    assert (cell.denoiser, cell.sampler, cell.schedule, cell.steps, cell.check) == (None, None, None, None, False)


def test_uniform_and_gaussian_noise_have_no_choice_of_a_sampler():
    found = cells(
        "hmm", model="uniform,gaussian:update=ddim", steps="4,8", sampler="ancestral,stride", schedule="linear,cosine"
    )
    assert len(found) == 2 * 2 * 2
    assert {(cell.sampler, cell.denoiser) for cell in found} == {(None, "oracle")}


def test_blocks_of_each_size_and_steps_for_each_of_them():
    found = cells("hmm", model="block:size=16,block:size=600,masked", steps="4,8", sampler="entropy,stride")
    assert len(found) == 3 * 2 * 2
    # Blocks of one token leave plans nothing to choose, and a rule its temperature.
    [cell] = cells("hmm", model="block:size=1", steps="4,8", schedule="linear,cosine")
    assert (cell.sampler, cell.schedule, cell.steps) == ("ancestral", None, None)
    assert len(cells("hmm", model="block:size=1", steps="4,8", sampler="entropy")) == 2
    _, model = Builder().build(cells("hmm", model="block:size=16", steps=4, sampler="entropy")[0])
    assert (model.block, model.steps) == (16, 4)


def test_blocks_are_measured_like_any_other_model(tmp_path):
    given = {"length": 10, "samples": 3000, "metrics": "ser,ter"}
    found = cells("parity", model="block:size=4,block:size=1,masked", steps=2, **given)
    collect(found, out=tmp_path / "store.sqlite", workers=1)
    frame = read(tmp_path / "store.sqlite")
    ser = frame[frame["metric"] == "ser"].set_index("model")
    # Blocks before the last are of fair coins; the last one, of two tokens, errs like masked diffusion of as many.
    assert ser["low"]["block:size=4"] < 0.25 < ser["high"]["block:size=4"]
    assert ser["value"]["block:size=1"] == 0
    kinds = frame[frame["metric"] == "ter"].set_index("model")["kind"]
    assert kinds.to_dict() == {"block:size=4": "upper bound", "block:size=1": "estimate", "masked": "upper bound"}
    # One pass prices all numbers of steps of a size, and other sizes have another curve.
    works = Work.of(cells("parity", model="block:size=4,masked", steps="2,3,4", **{**given, "metrics": "ter"}))
    works.resume(Contents())
    assert [len(each.work.tasks) for each in works.passes] == [3, 3]


def test_a_sampler_that_looks_at_no_schedule_is_not_repeated_for_each():
    assert [cell.steps for cell in cells("hmm", steps="4,8", sampler="stride", schedule="linear,cosine")] == [4, 8]


def test_a_sampler_with_a_budget_has_a_cell_for_each_and_one_without_sweeps_its_own_parameter():
    assert len(cells("hmm", steps="4,8", sampler="entropy", schedule="linear,cosine")) == 4
    assert len(cells("hmm", sampler=["entropy_sum:h=1", "entropy_sum:h=2"])) == 2


def test_samplers_that_may_change_tokens_get_an_oracle_that_trusts_less():
    found = cells(
        "hmm", steps=4, sampler="ancestral,remdm-cap,redraw", denoiser="oracle,oracle:trust=0.9", metrics="ser"
    )
    assert [(cell.sampler, cell.denoiser) for cell in found] == [
        ("ancestral", "oracle"),
        ("remdm-cap", "oracle:trust=0.999"),
        ("redraw", "oracle:trust=0.999"),
        ("ancestral", "oracle:trust=0.9"),
        ("remdm-cap", "oracle:trust=0.9"),
        ("redraw", "oracle:trust=0.9"),
    ]
    [cell] = cells("hmm", sampler="verify:k=4")
    assert (cell.steps, cell.schedule, cell.denoiser) == (None, None, "oracle")
    [cell] = cells("hmm", model="ar", sampler="redraw")
    assert cell.denoiser is None
    with pytest.raises(ValueError, match="what is revealed is certain; use an oracle that trusts less"):
        Builder().build(cells("hmm", steps=4, sampler="redraw", denoiser="oracle:trust=1")[0])


def test_a_sampler_without_log_p_is_measured_by_ser_alone(tmp_path):
    given = {"length": 8, "steps": 2, "sampler": "draw_confidence", "samples": 10}
    for refused in ({}, {"metrics": "ser", "check": True}):
        with pytest.raises(ValueError, match="draw_confidence chooses by tokens .*; measure ser, or") as caught:
            collect(cells("parity", **given, **refused), out=tmp_path / "no.sqlite")
        one_line(caught.value)
    collect(cells("parity", **given, metrics="ser"), out=tmp_path / "yes.sqlite")


def test_an_explicit_schedule_has_its_own_number_of_steps(tmp_path):
    path = tmp_path / "sizes.txt"
    path.write_text("1 2 4 8 1")
    [cell] = cells("hmm", length=16, schedule=f"file:path={path}", sampler="fixed")
    assert cell.steps == 5
    assert len(cells("hmm", length=16, steps="4,8", schedule=f"linear,file:path={path}")) == 3


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"lang": "hmn"}, "unknown language 'hmn' .*did you mean 'hmm'.*known: .*ngram"),
        (
            {"model": "gausian"},
            "unknown model 'gausian' .did you mean 'gaussian'.*known: ar, block, gaussian, .*masked, .*uniform",
        ),
        ({"model": "block:size=0"}, "size is 0; pass 1 or more"),
        ({"denoiser": "orakle"}, "unknown denoiser 'orakle'.*known: carry, hf, hops, network, oracle"),
        ({"sampler": "ancestrel"}, "unknown sampler 'ancestrel'.*known: ancestral"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'.*known: cosine"),
        ({"metrics": "ser,mauve"}, "unknown metric 'mauve'; known: cross_entropy"),
        ({"steps": None}, "steps is missing"),
        ({"steps": "0"}, "steps is 0; it must be 1 or more"),
        ({"length": 0}, "length is 0; it must be 1 or more"),
        ({"samples": 0}, "samples is 0"),
        ({"samples": "10,20"}, "samples '10,20' is a list"),
        ({"max_errors": 0}, "max_errors is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"length": 2, "steps": "L/4"}, "below 1"),
        ({"sampler": "stride:width=3"}, "sampler 'stride' has no option 'width'"),
        ({"schedule": "polynomial"}, "needs power="),
        ({"lang": "hmm:"}, "is not key=value"),
    ],
)
def test_bad_cells_are_refused_in_one_line(given, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        cells(**{"lang": "hmm", "steps": "64", **given})
    one_line(caught.value)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"lang": "permutation:items=8"}, "512"),
        ({"lang": "hmm:stats=8"}, "language 'hmm' has no option 'stats'; known: states"),
        ({"lang": "hmm:states=0"}, "states is 0"),
        ({"lang": "nowhere.npz"}, "no language file nowhere.npz"),
        ({"denoiser": "window:size=3"}, "denoiser 'window' has no option 'size'"),
        ({"denoiser": "window"}, "needs width="),
        ({"denoiser": "perturbed:epsilon=0"}, "epsilon"),
        ({"model": "uniform:update=euler"}, "unknown update 'euler'.*known: ancestral, tweedie"),
        ({"model": "uniform", "denoiser": "window:width=4"}, "takes no uniform noise; it takes masked"),
        ({"model": "gaussian:dim=4"}, "embedding 'onehot' has no option 'dim'"),
        ({"model": "gaussian:embedding=glove"}, "unknown embedding 'glove'; known: onehot, random"),
        ({"model": "gaussian", "lang": "permutation:items=512"}, "takes no gaussian noise: its posterior is a perman"),
    ],
)
def test_what_does_not_fit_together_is_found_before_a_store_is_made(given, reason, tmp_path):
    out = tmp_path / "folder" / "store.sqlite"
    # The first cell would do, but none is measured.
    good = cells("parity", length=4, steps=2)
    with pytest.raises(ValueError, match=reason) as caught:
        collect([*good, *cells(**{"lang": "hmm", "steps": "64", **given})], out=out)
    one_line(caught.value)
    assert not out.parent.exists()


def test_a_plan_for_another_length_is_found_before_a_store_is_made(tmp_path):
    path = tmp_path / "plan.txt"
    path.write_text("1 2 1")
    out = tmp_path / "folder" / "store.sqlite"
    with pytest.raises(ValueError, match="use length 3"):
        collect(cells("hmm", length=8, sampler=f"plan:file={path}"), out=out)
    path.write_text("4 4")
    with pytest.raises(ValueError, match="use length 8"):
        collect(cells("hmm", length=6, sampler="fixed", schedule=f"file:path={path}"), out=out)
    assert not out.parent.exists()


def test_a_toml_file_says_the_same(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(
        'lang = ["hmm", "parity"]\nsteps = "64..128"\nlength = 128\nmax-errors = 50\nseed = [0, 1]\nlevel = 0.9\n'
    )
    keys = read_toml(path)
    assert keys["level"] == 0.9
    del keys["level"]
    assert cells(**keys) == cells("hmm,parity", steps="64..128", length=128, max_errors=50, seed="0,1")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lang = ", "not a TOML file"),
        ('lnag = "hmm"', "unknown key 'lnag' .did you mean 'lang'.*; known: lang, length"),
        ("[lang]\nname = 'hmm'", "lang is a table"),
        ("samples = true", "samples = True is not a whole number; write samples = 2000"),
        ("check = 1", "check = 1 is not true or false"),
        ("out = 3", "out = 3 is not a text"),
    ],
)
def test_a_bad_toml_file_is_refused_in_one_line(text, reason, tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason) as caught:
        read_toml(path)
    assert str(path) in one_line(caught.value)


def test_a_toml_file_that_is_not_there_or_is_no_text(tmp_path):
    with pytest.raises(ValueError, match="cannot read"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a text file"):
        read_toml(tmp_path / "binary.toml")


def test_importing_sweeps_loads_nothing_heavy():
    heavy = "('numba', 'scipy', 'pandas', 'matplotlib', 'torch')"
    code = f"import sys, mdmtheory.sweeps; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
