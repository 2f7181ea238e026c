"""What a verb writes: nobody's file goes that was not named, and what is named is written whole or not at all."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

SWEEP = ["sweep", "--lang", "parity", "--length", "8", "--steps", "4,8", "--samples", "50"]
SCHEDULE = ["schedule", "--curve", "losses.csv", "--length", "16"]
LOSSES = "mask_ratio,loss\n0.5,1\n1,2\n"
BOARD = 'lang = "parity"\nlength = 8\nsamples = 50\nsteps = "4,8"\nsampler = ["ancestral", "stride"]\n'
PRECIOUS = "years of work\n"


def precious(name: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PRECIOUS)
    return path


def is_kept(path: Path) -> bool:
    return path.read_bytes() == PRECIOUS.encode()


@pytest.mark.refutes("4.1")
def test_a_users_picture_beside_the_store_stays_unless_it_is_named(run):
    picture = precious("s.png")
    said = run(*SWEEP, "--out", "s.sqlite")
    assert said.code == 0
    assert "no figure: s.png is there and was not made by mdmtheory; name it with --figure to replace it\n" in said.err
    assert is_kept(picture)
    assert run(*SWEEP, "--out", "s.sqlite", "--figure", "s.png").err.endswith("figure: s.png\n")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_figure_of_ours_is_drawn_anew(run):
    for _ in range(2):
        assert run(*SWEEP, "--out", "s.sqlite").err.endswith("figure: s.png\n")


@pytest.mark.refutes("4.1")
def test_a_picture_of_another_program_is_not_ours(run):
    from matplotlib.figure import Figure

    Figure().savefig("s.png")
    before = Path("s.png").read_bytes()
    assert "no figure" in run(*SWEEP, "--out", "s.sqlite").err
    assert Path("s.png").read_bytes() == before


@pytest.mark.refutes("4.1")
def test_a_store_is_never_replaced_by_a_figure(run, refused):
    run(*SWEEP, "--out", "s.sqlite", "--no-figure")
    store = Path("s.sqlite").read_bytes()
    Path("s.png").symlink_to("s.sqlite")
    assert "no figure: s.png" in run(*SWEEP, "--out", "s.sqlite").err
    same = "the store and the figure are the same file, s.png; name two"
    assert refused(*SWEEP, "--out", "s.sqlite", "--figure", "s.png") == same
    assert refused("plot", "s.png", "-o", "s.png") == same
    assert Path("s.png").read_bytes() == store


@pytest.mark.refutes("4.1")
def test_the_default_figure_of_a_schedule_takes_no_other_pictures_place(run):
    Path("losses.csv").write_text(LOSSES)
    picture = precious("results/schedule.png")
    assert "no figure: results/schedule.png is there and" in run(*SCHEDULE, "--steps", "4").err
    assert is_kept(picture)
    assert "figure: results/schedule.png" in run(*SCHEDULE, "--steps", "4", "--figure", "results/schedule.png").err
    assert not is_kept(picture)
    assert run(*SCHEDULE, "--steps", "4").err.endswith("figure: results/schedule.png\n")


@pytest.mark.refutes("4.1")
def test_sizes_of_several_numbers_of_steps_take_no_other_files_place(run, refused):
    """The user names sizes.txt; that there will be a sizes-8.txt is the program's own idea."""
    Path("losses.csv").write_text(LOSSES)
    notes = precious("sizes-8.txt")
    words = [*SCHEDULE, "--no-figure", "--sizes-out", "sizes.txt"]
    assert "sizes-8.txt is there and was not made by mdmtheory; choose another" in refused(*words, "--steps", "4,8")
    assert is_kept(notes)
    assert not Path("sizes-4.txt").exists()
    notes.unlink()
    for _ in range(2):
        assert run(*words, "--steps", "4,8").code == 0


@pytest.mark.refutes("4.1")
def test_what_is_read_is_not_written_over(refused):
    Path("losses.csv").write_text(LOSSES)
    words = [*SCHEDULE, "--steps", "4", "--no-figure", "--sizes-out", "losses.csv"]
    assert refused(*words) == "the curve and the sizes for 4 steps are the same file, losses.csv; name two"
    assert Path("losses.csv").read_text() == LOSSES


@pytest.mark.refutes("4.1")
@pytest.mark.parametrize(("name", "words"), [("docs/leaderboard.md", []), ("my.csv", ["--page", "my.md"])])
def test_a_leaderboard_takes_no_place_that_was_not_named(refused, name, words):
    Path("board.toml").write_text(BOARD)
    theirs = precious(name)
    reason = refused("leaderboard", "board.toml", "--no-laws", *words)
    assert reason == f"{name} is there and was not made by mdmtheory; move it away, or choose another --page"
    assert is_kept(theirs)
    assert not Path("results").exists()


@pytest.mark.refutes("4.1")
def test_a_page_that_is_named_is_replaced_and_figures_of_others_are_not(run):
    Path("board.toml").write_text(BOARD)
    page, picture = precious("my.md"), precious("my/cost.png")
    words = ["leaderboard", "board.toml", "--no-laws", "--page", "my.md"]
    said = run(*words)
    assert said.code == 0
    assert "no figure: my/cost.png is there and was not made by mdmtheory; move it away, or" in said.err
    assert is_kept(picture)
    assert not is_kept(page)
    assert "my/cost.png" not in page.read_text()
    assert run(*words).code == 0


@pytest.mark.refutes("4.1")
def test_a_leaderboard_whose_files_are_one_is_refused(refused):
    Path("board.toml").write_text(BOARD)
    reason = refused("leaderboard", "board.toml", "--page", "a.md", "--out", "a.csv")
    assert reason == "the store and the file of rows are the same file, a.csv; name two"


@pytest.mark.refutes("4.2")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.npz", ["language", "new", "hmm:states=4", "-o", "a.npz"]),
        ("a.txt", [*SCHEDULE, "--steps", "4", "--no-figure", "--sizes-out", "a.txt"]),
    ],
)
def test_on_a_full_disk_the_older_file_is_kept(run, name, words):
    Path("losses.csv").write_text(LOSSES)
    assert run(*words).code == 0
    before = Path(name).read_bytes()
    Path(name).write_bytes(before[:-1])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        said = run(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert said.code == 2
    assert said.err.endswith(f"cannot write {name} (File too large); the file that was there is unchanged\n")
    assert Path(name).read_bytes() == before[:-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            [*SWEEP, "-o", "s.png"],
            "--out s.png ends as a figure does, and takes a store; name another file, or --figure",
        ),
        ([*SWEEP, "--dry-run", "-o", "s.npz"], "--out s.npz ends as a language does, and takes a store"),
        (["leaderboard", "b.toml", "-o", "b.md"], "--out b.md ends as a page does, and takes a store"),
        (["merge", "a.sqlite", "-o", "b.CSV"], "--out b.CSV ends as a table does, and takes a store"),
        (
            [*SCHEDULE, "--steps", "4", "-o", "s.svg"],
            "takes a list of sizes; name another file, or --figure for a figure",
        ),
        ([*SCHEDULE, "--steps", "4", "-o", "s.sqlite"], "ends as a store does, and takes a list of sizes"),
        (["plot", "a.sqlite", "-o", "a.csv"], "a.csv"),
        (["language", "new", "parity", "-o", "a.png"], "a.png"),
    ],
)
def test_what_a_verb_makes_does_not_end_as_something_else(refused, words, said):
    Path("losses.csv").write_text(LOSSES)
    Path("b.toml").write_text(BOARD)
    before = set(Path().iterdir())
    assert said in refused(*words)
    assert set(Path().iterdir()) == before


def test_o_and_out_are_the_same_option_of_every_verb_and_stand_for_the_one_thing_it_makes():
    from typer.main import get_command

    from mdmtheory.cli.main import app

    def options(command, path=""):
        for name, inside in getattr(command, "commands", {}).items():
            yield from options(inside, f"{path} {name}")
        for each in command.params:
            if {"-o", "--out"} & set(each.opts):
                yield path, each

    found = dict(options(get_command(app)))
    verbs = (
        "sweep",
        "leaderboard",
        "merge",
        "plot",
        "schedule",
        "compare",
        "language new",
        "language fit",
        "train",
        "profile",
    )
    assert {*found} == {f" {verb}" for verb in verbs}
    for path, option in found.items():
        assert {"-o", "--out"} <= set(option.opts), path
        assert option.name in ("out", "sizes_out"), path


def test_o_of_a_schedule_is_the_file_of_its_sizes(run):
    Path("losses.csv").write_text(LOSSES)
    for option in ("-o", "--out", "--sizes-out"):
        assert run(*SCHEDULE, "--steps", "4", "--no-figure", option, "sizes.txt").code == 0
        assert Path("sizes.txt").read_bytes().startswith(b"# reveal sizes for ")
        Path("sizes.txt").unlink()
