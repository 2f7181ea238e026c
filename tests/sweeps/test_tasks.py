from __future__ import annotations

import json

import pytest

from mdmtheory.languages.kinds import kinds
from mdmtheory.metrics.registry import measures
from mdmtheory.sweeps import Cell, cells
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.choices import registries
from mdmtheory.sweeps.tasks import Task, chunk_size, tasks_of
from tests.sweeps import golden
from tests.sweeps.small import LANGUAGE
from tests.sweeps.versions import raise_version

RECORDED = json.loads(golden.FILE.read_text())
CUBES = json.loads(golden.CUBES.read_text())


def tasks(cell: Cell) -> dict[str, Task]:
    return {task.measure: task for task in tasks_of(cell, *Builder().build(cell))}


def draw(**changed: object) -> Task:
    given = {"lang": LANGUAGE, "length": 16, "steps": 4, **changed}
    [cell] = cells(**given)
    return tasks(cell)["draw"]


def test_the_name_of_a_task_is_fixed():
    [cell] = cells("parity", length=8, steps=4, check=True)
    found = tasks(cell)
    assert found["draw"].json == (
        '{"denoiser":"oracle","identity":"d3797a21241c6dd7577163ef18043fea16df663b1a12c516497355db1cddd954",'
        '"language":"14f3c8427138fde98d9da39fd03cceb40f1891babdca7b4aa41b1c485e410250","length":8,"measure":"draw",'
        '"model":"masked","sampler":"ancestral","schedule":"linear","seed":0,"steps":4,'
        '"versions":{"denoiser oracle":1,"language parity":1,"measure draw":2,"model masked":1,"sampler ancestral":1,'
        '"schedule linear":1,"streams":1}}'
    )
    assert {measure: task.sha for measure, task in found.items()} == {
        "draw": "b64a1e13b0eae83890557415e20b60965068c12c06b8970ab8cc01f485333589",
        "score": "261c2924409ffccf2c4e592a8c540b555e20f04b5247d2cf7693f286ded8f552",
        "score_plans": "c549c1c859daa5c1097bc2d84ccad08eff708ec960a67307c8639aac0b4f6853",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"lang": "hmm:states=5"},
        {"length": 17},
        {"steps": 5},
        {"seed": 1},
        {"model": "ar"},
        {"model": "uniform"},
        {"model": "gaussian"},
        {"model": "gaussian:update=ddim", "metrics": "ser"},
        {"denoiser": "oracle:trust=0.999"},
        {"denoiser": "perturbed:epsilon=0.01"},
        {"sampler": "fixed"},
        {"sampler": "first_hitting"},
        {"schedule": "cosine"},
        {"max_errors": 10},
    ],
)
def test_whatever_changes_numbers_or_their_interval_changes_the_name(changed):
    assert draw(**changed).sha != draw().sha


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"samples": 10}, {"samples": 5000}),
        ({"metrics": "ser"}, {"metrics": "ser,ter", "check": True}),
        ({"schedule": "linear"}, {"schedule": "loglinear"}),
        ({"schedule": "geometric"}, {"schedule": "geometric:min=0.001,max=20"}),
        ({"lang": "hmm"}, {"lang": "hmm:seed=0,states=32"}),
        ({"denoiser": "perturbed:epsilon=1"}, {"denoiser": "perturbed:epsilon=1.0"}),
        ({"sampler": "stride", "schedule": "linear"}, {"sampler": "stride", "schedule": "cosine"}),
        ({"model": "uniform"}, {"model": "uniform:update=ancestral", "sampler": "stride"}),
        ({"model": "gaussian:embedding=random"}, {"model": "gaussian:seed=0,dim=16,embedding=random,decode=draw"}),
    ],
)
def test_two_spellings_of_one_thing_are_one_task(one, other):
    assert draw(**one).sha == draw(**other).sha


SMALL: dict[str, object] = {"lang": "hmm:states=6,vocab_size=4", "length": 12, "steps": 3, "metrics": "ser"}
OF_OLD = {
    "confidence": "823d1ca23a20ec7d7f50382f8f205662c3b5b9bb55829bf41138076f3cac002f",
    "entropy:temperature=0": "c48d29eb38c317ade92b3f2fb6f6448d5bd3d8b078257856cb7f3cb1f2c18d56",
    "independent:mu=0.1": "f626d2439dd03c84b000451c28711fad0fdaa12e459885881c7f78ed829f5f1c",
    "threshold:tau=0.5,nucleus=0.3": "a560200a411e9f6559c734d05cb2584982513394aac6ee5642c86bbeee1f4c29",
    "topk_remask": "f0ea5e6e0c1dfac1dedfa362a5a9e02b582e7235cc2006d05ccf5ac681616505",
    "verify:k=2,temperature=0": "8b1a763446b43b0a5b2c05737c756da1bd4ae2f8313086fcbf6a11f8f073c489",
    "stride:temperature=0": "df5cbad76e5ddedf9d9f2d66710ef5978776aac40423ea113e04f0d575160343",
    "ancestral:nucleus=0.5": "6b76b199520f794fdbfe519c2a327f0abafb132452f69bc5e7c2cd80b1d8c4d4",
    "ancestral:temperature=0,precision=float32": "1a00d8f0608442b97f094d3aa674053fc124fd132cc1f476c2bb661fb2045230",
}
"""What `draw` of samplers was called when ties had one way to go."""


@pytest.mark.parametrize("sampler", OF_OLD)
def test_ties_that_go_to_the_lowest_have_the_names_from_before_there_was_a_choice(sampler):
    lowest = draw(**SMALL, sampler=f"{sampler}{',' if ':' in sampler else ':'}ties=lowest")
    random = draw(**SMALL, sampler=sampler)
    assert lowest.sha == OF_OLD[sampler]
    assert lowest.description["versions"] == random.description["versions"]
    assert "ties" not in lowest.description["sampler"]
    assert "ties=random" in random.description["sampler"]
    assert draw(**SMALL, sampler=f"{sampler}{',' if ':' in sampler else ':'}ties=random").sha == random.sha


@pytest.mark.parametrize(
    "sampler", ["ancestral", "stride", "redraw", "verify:k=2", "remdm-cap", "fixed:temperature=0.5"]
)
def test_where_nothing_can_tie_ties_name_nothing(sampler):
    found = {
        draw(**SMALL, sampler=each).sha for each in (sampler, f"{sampler}{',' if ':' in sampler else ':'}ties=lowest")
    }
    assert len(found) == 1
    assert found == {"3cf04106ec534a66bb105503b898db7f0e807d7a73ab43100431f8f12401d95b"} or sampler != "redraw"


def test_a_score_of_ties_broken_at_random_is_an_upper_bound_and_of_others_an_estimate():
    kinds = {}
    for sampler in ("confidence", "confidence:ties=lowest", "stride:temperature=0", "verify:k=2"):
        [cell] = cells(LANGUAGE, length=8, steps=4, sampler=sampler)
        kinds[sampler] = tasks(cell)["score"].description["kind"]
    assert list(kinds.values()) == ["upper bound", "estimate", "estimate", "estimate"]


def test_the_number_of_errors_names_drawing_alone():
    [stopped] = cells("parity", length=8, steps=4, max_errors=10)
    [free] = cells("parity", length=8, steps=4)
    assert tasks(stopped)["score"] == tasks(free)["score"]
    assert tasks(stopped)["draw"].max_errors == 10
    assert tasks(free)["draw"].max_errors is None


def test_a_files_content_names_the_task_and_its_path_does_not(tmp_path):
    a, b = tmp_path / "a.txt", tmp_path / "b.txt"
    a.write_text("4 4 4 4")
    b.write_text("[4, 4, 4, 4]")
    given = {"sampler": "fixed", "steps": None}
    first = draw(**given, schedule=f"file:path={a}")
    assert draw(**given, schedule=f"file:path={b}").sha == first.sha
    a.write_text("4 4 8")
    assert draw(**given, schedule=f"file:path={a}").sha != first.sha


def test_only_versions_of_what_takes_part_stand_in_a_task(monkeypatch):
    before = draw().sha
    raise_version(monkeypatch, "language ngram", 2)
    raise_version(monkeypatch, "sampler stride", 2)
    assert draw().sha == before
    raise_version(monkeypatch, "sampler ancestral", 2)
    assert draw().sha != before


def test_a_scoring_task_knows_what_its_mean_is():
    found = {
        cell.sampler: tasks(cell)["score"] for cell in cells(LANGUAGE, length=8, steps=4, sampler="ancestral,stride")
    }
    assert found["ancestral"].description["kind"] == "upper bound"
    assert found["stride"].description["kind"] == "estimate"
    for cell in cells(LANGUAGE, length=8, steps=4, model="uniform,gaussian"):
        assert tasks(cell)["score"].description["kind"] == "upper bound"


def test_a_chunk_is_whole_sequences_of_about_32768_tokens():
    assert [chunk_size(length) for length in (1, 64, 512, 1000, 40_000)] == [32768, 512, 64, 32, 1]
    task = draw(length=512)
    assert (task.chunk_size, [task.chunks_for(samples) for samples in (1, 64, 65, 2000)]) == (64, [1, 1, 2, 32])


def test_a_batch_that_is_asked_for_is_the_chunk_and_stands_in_the_name():
    batched = draw(denoiser="tests.sweeps.slow:Slow", length=512)
    assert (batched.description["chunk"], batched.chunk_size, batched.chunks_for(9)) == (4, 4, 3)
    assert "chunk" not in draw(length=512).description


@pytest.mark.parametrize("case", golden.CASES)
def test_numbers_are_those_written_down_for_the_versions_of_their_components(case):
    found = golden.measured(case)
    assert found.keys() == RECORDED[case].keys()
    for measure, recorded in RECORDED[case].items():
        advice = f"{case}: {measure} changed; see tests/sweeps/golden.py"
        assert found[measure]["versions"] == recorded["versions"], advice
        assert found[measure]["tokens"] == recorded["tokens"], advice
        # Counts are exact everywhere; nats agree between processors to 1e-12.
        for made, written in (
            (golden.without_cubes(found[measure]["counts"]), recorded["counts"]),
            (golden.cubes(found[measure]["counts"]), CUBES[case][measure]),
        ):
            expected = {**dict.fromkeys(made, 0), **written}
            assert {**dict.fromkeys(expected, 0), **made} == pytest.approx(expected, rel=1e-9, abs=1e-9), advice


def test_every_component_has_a_number_written_down():
    used = {name for case in RECORDED.values() for each in case.values() for name in each["versions"]}
    assert used == {
        "streams",
        "prompts",
        *(f"measure {name}" for name in measures()),
        *(f"language {kind}" for kind in kinds()),
        *(
            f"{kind} {name}"
            for kind in ("model", "denoiser", "sampler", "schedule")
            for name in registries()[kind].built_in
            # What a network says, and what is decoded of its latents, its file decides: tests/networks, tests/models.
            if name not in ("network", "latent", "hf")
        ),
    }
