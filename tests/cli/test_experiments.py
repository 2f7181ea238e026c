"""The sweeps and figures that come with the project, made small."""

from __future__ import annotations

import itertools
import math
import runpy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mdmtheory as mt
from mdmtheory.cli.main import main
from mdmtheory.core.reading import toml_in
from mdmtheory.languages.presets import as_language
from mdmtheory.schedules import ancestral_gap
from mdmtheory.sweeps import cells_of, read_toml
from mdmtheory.training import running

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.toml"))
TRAININGS = [each for each in EXPERIMENTS if "objective" in toml_in(each)]
SWEEPS = [each for each in EXPERIMENTS if each not in TRAININGS]


def small(experiment: str) -> list[str]:
    """Options that make a sweep small without changing what it shows."""
    if experiment == "ser_vs_length":
        return ["--length", "16,32"]
    return ["--length", "32", "--steps", "4,16"]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_experiment_is_a_sweep_with_a_store_of_its_own(path):
    keys = read_toml(path)
    assert cells_of(keys)
    assert keys["out"] == f"results/{path.stem}.sqlite"


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_or_a_training_into_a_folder_of_its_own(path, run, monkeypatch):
    begun = []
    monkeypatch.setattr(running, "run", lambda asked, folder, place, **more: begun.append((asked, folder)) or stop())
    assert run("train", path).code == 130
    [(asked, folder)] = begun
    assert folder == Path(f"runs/{path.stem}")
    assert asked.settings(on_cuda=False).objective == path.stem.split("-")[1]


def stop():
    raise KeyboardInterrupt


def test_every_row_of_the_trained_networks_is_such_a_training():
    assert set(runpy.run_path(str(ROOT / "experiments" / "trained.py"))["WANTED"]) == {each.stem for each in TRAININGS}


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("noises", "noises"),
        *((name, "reasoning") for name in ("reasoning", "smoothing", "correction", "planning", "ye2025")),
    ],
)
def test_a_page_shows_what_the_files_of_its_experiment_hold(name, page):
    program = runpy.run_path(str(ROOT / "experiments" / f"{name}.py"))
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for name, made in program["TABLES"].items():
        assert f"<!-- {name} -->\n{made()}\n<!-- /{name} -->" in text


def test_random_order_costs_tasks_no_more_than_its_divergence():
    """The stored rows, measured and computed in two ways."""
    program = runpy.run_path(str(ROOT / "experiments" / "reasoning.py"))
    frame = pd.read_csv(program["ROWS"])
    keys = ["language", "sampler", "steps"]
    both = frame[frame["metric"] == "ser"].merge(frame[frame["metric"] == "kl"], on=keys, suffixes=("", "_bound"))
    assert len(both) >= 30
    assert (-np.log1p(-both["low"]) <= both["value_bound"] + 1e-9).all()


@pytest.mark.parametrize("place", range(4))
def test_what_each_token_of_an_answer_costs_in_an_order_is_the_chain_rule(place):
    losses = runpy.run_path(str(ROOT / "experiments" / "reasoning.py"))["token_losses"]
    answers = np.where(np.eye(4, dtype=bool), 1, 0)  # one of four items is replaced
    rng = np.random.default_rng(0)
    first = losses(answers, answers[place], "left to right", rng)
    not_yet = [math.log((4 - each) / (3 - each)) for each in range(place)]
    assert first == pytest.approx([*not_yet, math.log(4 - place), *[0] * (3 - place)])
    for order in ("random order", "easy first"):
        assert losses(answers, answers[place], order, rng).sum() == pytest.approx(math.log(4))
    graded = np.array([[0, 0], [1, 0], [2, 0], [3, 1]])
    assert losses(graded, graded[1], "easy first", rng) == pytest.approx([math.log(3), math.log(4 / 3)])


def test_what_the_choice_at_a_crossing_costs_is_the_mean_over_all_orders():
    program = runpy.run_path(str(ROOT / "experiments" / "reasoning.py"))
    costs = program["costs_of_sets"](4, 2)
    found = program["costs_in_orders"](costs)
    every = np.zeros(5)
    for order in itertools.permutations(range(5)):
        for place, token in enumerate(order):
            every[token] += costs[sum(1 << each for each in order[:place]), token] / math.factorial(5)
    assert found["random order"] == pytest.approx(every)
    # Out of sight, both ways look alike.
    assert found["left to right"] == pytest.approx([0, math.log(2), 0, 0, 0])
    stored = pd.read_csv(program["CROSSING"]).set_index(["distance", "edges", "order"]).sort_index()
    for order, values in found.items():
        assert stored.loc[(4, 2, order), "value"].to_numpy() == pytest.approx(values, abs=1e-5)


@pytest.mark.parametrize("name", ["lists:kind=replace,items=4", "finite:most=3"])
def test_what_both_sides_tell_is_counted_in_the_list_and_in_the_mean_what_all_of_the_left_tells(name):
    program = runpy.run_path(str(ROOT / "experiments" / "smoothing.py"))
    task = as_language(name)
    costs, curve = program["costs_of_lists"](task), np.asarray(mt.exact.answer_curve(task, task.prompts(1)))
    shown = (np.arange(len(costs))[:, None] >> np.arange(len(curve))) % 2 == 1
    for known in range(len(curve)):
        rows = shown.sum(axis=1) == known
        assert costs[rows][~shown[rows]].mean() == pytest.approx(curve[known])
    # A polynomial of low degree, so that few points integrate it exactly.
    points, weights = np.polynomial.legendre.leggauss(8)
    both = [program["by_share"](costs, (point + 1) / 2)[1] for point in points]
    assert weights @ both / 2 == pytest.approx(program["by_share"](costs, 1.0)[0])
    assert program["by_share"](costs, 1.0)[0] == pytest.approx(curve.mean())


@pytest.mark.parametrize("seed", range(3))
def test_what_is_drawn_of_both_sides_is_the_entropy_given_what_is_shown(seed):
    seen = runpy.run_path(str(ROOT / "experiments" / "smoothing.py"))["entropies_seen"]
    task = as_language("sudoku:size=4")
    [row], rng = task.sample(1, task.length, seed), np.random.default_rng(seed)
    answered, shown = np.flatnonzero(~task.given), rng.random(16) < 0.3
    expected = np.zeros((2, 16))
    for place in range(16):
        for side, told in enumerate((shown & (np.arange(16) < place), shown & (np.arange(16) != place))):
            context = row.copy()
            context[answered[~told]] = task.vocab_size
            law = mt.Oracle(task).conditionals(context[None])[0, answered[place]]
            expected[side, place] = -(law[law > 0] * np.log(law[law > 0])).sum()
    found = seen(task.answers(row[task.given]).tokens.astype(int), row[answered].astype(int), shown)
    assert found == pytest.approx(expected.mean(axis=1), abs=1e-12)


def test_one_who_doubts_is_asked_a_call_a_token_and_finds_the_wrong_one():
    program = runpy.run_path(str(ROOT / "experiments" / "correction.py"))
    task = as_language("sudoku:size=4,clues=3")
    sure, [row] = mt.Singles(task), task.sample(1, task.length, 1)
    answered, doubting = np.flatnonzero(~task.given), program["Doubting"](mt.Singles(task))

    def without(tokens, *places):
        masked = tokens.copy()
        masked[list(places)] = task.vocab_size
        return sure.conditionals(masked[None])[0]

    def without_answer(tokens):
        return np.where(task.given, tokens, task.vocab_size)

    # Of the prompt alone less is certain than of a cell given all others.
    assert (without(row, *answered)[answered].max(axis=1) < 1).sum() > 8
    assert doubting.conditionals(row[None])[0] == pytest.approx(np.eye(task.vocab_size)[row])
    wrong = row.copy()
    place = next(each for each in answered if without(row, *answered)[each].max() < 1)
    wrong[place] = 1 + row[place] % 4
    laws, calls = doubting.seen(wrong[None], np.zeros(16, dtype=int), answered)
    assert calls.tolist() == [16]
    assert laws[answered == place] == pytest.approx(np.eye(task.vocab_size)[[row[place]]])
    # Two cells of the first row with one digit: no answer agrees, and either may be the wrong one.
    for first, second in itertools.permutations(answered[:4], 2):
        twice = without_answer(row)
        twice[[first, second]] = row[second]
        said = [without(twice, each) for each in (first, second)]
        if all(each[answered].any(axis=1).all() for each in said):
            break
    hidden = answered[4:]
    laws, calls = doubting.seen(twice[None], np.zeros(12, dtype=int), hidden)
    assert laws == pytest.approx(np.mean(said, axis=0)[hidden])
    assert calls.tolist() == [1 + 2]


def test_a_wrong_token_is_right_with_no_answer_and_stays_where_tokens_are_set_once():
    program = runpy.run_path(str(ROOT / "experiments" / "correction.py"))
    answers, rng = np.array([[0, 1, 2], [1, 2, 0], [2, 0, 1]]), np.random.default_rng(0)
    for _ in range(9):
        tokens = np.array([0, 1, 3])
        assert program["plant"](tokens, answers, 3, rng)
        assert not (answers[:, :2] == tokens[:2]).all(axis=1).any()
        assert (tokens != [0, 1, 3]).sum() == 1
    assert not program["plant"](np.array([0, 0, 3]), np.array([[1, 1, 1], [2, 2, 2]]), 3, rng)
    task = as_language("lists:kind=shuffle,items=4")
    for sampler, always in (("confidence", False), ("redraw", True)):
        planted, right = program["ends_right"](task, mt.Oracle(task, trust=0.999), sampler, 4, 40)
        assert planted.sum() >= 35
        assert (right[planted] == always).all()


def test_what_observers_do_not_know_is_what_the_exact_sums_say():
    program = runpy.run_path(str(ROOT / "experiments" / "reasoning.py"))
    stored = pd.read_csv(program["OBSERVERS"]).set_index(["denoiser", "sampler", "part"]).sort_index()
    exact = pd.read_csv(program["CROSSING"]).groupby(["distance", "edges", "order"])["value"].sum()
    for edges, (sampler, order) in itertools.product(
        (1, 2, 3), {"left_to_right": "left to right", "first_hitting": "random order"}.items()
    ):
        row = stored.loc[(f"hops:edges={edges}", sampler, "learning")]
        assert row["low"] - 1e-6 <= exact[3, edges, order] <= row["high"] + 1e-6
    # With a column to the right the next digit is always certain.
    easy = stored.loc[("carry:columns=1", "confidence", "learning")].set_index("steps")["value"]
    assert easy[7] == 0 < easy[3]


def test_the_length_experiment_keeps_steps_in_proportion():
    path = ROOT / "experiments" / "ser_vs_length.toml"
    found = cells_of(read_toml(path))
    assert {cell.length for cell in found} == {64, 128, 256, 512, 1024}
    assert all(cell.steps == cell.length // 4 for cell in found)


FIGURES = sorted((ROOT / "figures").glob("*.py"))
COMPUTED = {
    "first_order_law": ("results/first_order_law.pdf", 2),
    "noises": ("results/noises.pdf", 2, 1000),
    "feng2025": ("results/feng2025.pdf",),
    "trained_noises": ("results/trained_noises.pdf",),
    "tasks": ("results/tasks.pdf",),
    "planning": ("results/planning.pdf",),
    "carries": ("results/carries.pdf", 60),
}
"""Figures that are computed or drawn from rows that are kept here, not from a store, with what makes them small."""

SEVERAL = "samplers"
"""The script that draws several figures into a folder."""

DRAWN_FROM = {"ter_law": "ter_ser_vs_steps"}
"""Stores that do not have the figure's name."""


FROM_ROWS = ("antibody", "correction", "learned_ranking", "planning_trained", "ye2025")
"""Figures that are drawn from rows in `experiments/`."""

STORED = [each for each in FIGURES if each.stem not in (*COMPUTED, *FROM_ROWS, SEVERAL)]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Stores of experiments made small, each measured when it is first asked for."""
    folder = tmp_path_factory.mktemp("stores")

    def stored(experiment):
        path = folder / f"{experiment}.sqlite"
        if not path.exists():
            words = [*small(experiment), "--samples", "20", "--no-figure", "-o", str(path)]
            assert main(["sweep", str(ROOT / "experiments" / f"{experiment}.toml"), *words]) == 0
        return path

    return stored


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_every_figure_is_drawn_from_a_stored_sweep(stores, path):
    experiment = DRAWN_FROM.get(path.stem, path.stem)
    Path("results").mkdir()
    shutil.copy(stores(experiment), "results")
    runpy.run_path(str(path))["main"]()
    assert Path(f"results/{path.stem}.pdf").read_bytes().startswith(b"%PDF")


def test_the_budget_of_a_network_is_what_it_was_perturbed_by_and_what_the_curve_says(monkeypatch):
    trained = runpy.run_path(str(ROOT / "experiments" / "trained.py"))
    monkeypatch.setitem(trained["split"].__globals__, "BUDGETED", 2000)
    q, length = as_language("ngram:order=2,vocab_size=3,seed=1"), 6
    net = mt.Perturbed(mt.Oracle(q), epsilon=0.003)
    found = {(metric, steps): ends for metric, steps, ends in trained["split"](net, q, length)}
    curve = mt.exact.information_curve(q, length)
    for steps in trained["STEPS"]:
        assert found["learning", steps][0] == pytest.approx(0.003, abs=1e-6)
        _, low, high = found["factorisation", steps]
        expected = ancestral_gap(curve, np.arange(steps + 1) / steps) / length
        assert low < expected < high
        _, low, high = found["ter_ratio", steps]
        assert low < np.exp(expected + 0.003) < high


@pytest.mark.parametrize("name", COMPUTED)
def test_every_computed_figure_is_drawn(run, name):
    runpy.run_path(str(ROOT / "figures" / f"{name}.py"))["main"](*COMPUTED[name])
    assert Path(f"results/{name}.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", FROM_ROWS)
def test_every_figure_of_rows_is_drawn(run, name):
    runpy.run_path(str(ROOT / "figures" / f"{name}.py"))["main"]()
    assert Path(f"results/{name}.pdf").read_bytes().startswith(b"%PDF")


def test_a_ranking_turns_where_intervals_leave_equality_out():
    figure = runpy.run_path(str(ROOT / "figures" / "learned_ranking.py"))
    ends, turn = figure["Ends"], figure["turn"]
    worse, open_, better = ends(0.5, 0.4, 0.6), ends(1.2, 0.9, 1.5), ends(2.0, 1.5, 3.0)
    assert turn([(0.0, worse), (0.1, open_), (0.2, better), (0.3, better)]) == (0.0, 0.2)
    assert turn([(0.0, open_), (0.1, open_)]) == (None, None)
    found = figure["ratio"](ends(0.2, 0.1, 0.4), ends(0.4, 0.4, 0.4))
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.25, 1.0))
    all_wrong = figure["ratio"](ends(0.2, 0.1, 0.4), ends(0.0, 0.0, 0.02))
    assert (all_wrong.value, all_wrong.low) == (math.inf, pytest.approx(5))
    none = figure["ratio"](ends(0.0, 0.0, 0.1), ends(0.4, 0.2, 0.6))
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(0.5)  # what 0.1 is of the least that the other may be


@pytest.mark.filterwarnings("ignore:figure left out")
def test_the_figures_of_the_leaderboard_are_drawn_from_its_sweep(run):
    """Of a part of it: one language, two samplers, metrics that all have."""
    words = ["--lang", "hmm", "--length", "16", "--steps", "4,8", "--sampler", "ancestral,stride"]
    words += ["--denoiser", "oracle", "--metrics", "ser,cross_entropy", "--samples", "20", "--no-figure"]
    assert run("sweep", ROOT / "experiments" / "samplers.toml", *words).code == 0
    runpy.run_path(str(ROOT / "figures" / f"{SEVERAL}.py"))["main"]("pictures")
    assert [each.stem for each in sorted(Path("pictures").glob("*.png"))] == ["cost"]


def test_neighbours_drawn_at_once_are_none_of_one_token_a_call_and_all_of_a_single_call():
    counted = runpy.run_path(str(ROOT / "docs" / "neighbours.py"))
    language = as_language("ngram:order=2,vocab_size=4")
    for ties in ("random", "lowest"):
        assert counted["at_once"](counted["Confidence"], ties, language, 64, 2) == 0
        assert counted["at_once"](counted["Confidence"], ties, language, 1, 2) == 63
