from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

import mdmtheory as mt
from mdmtheory.cli.progress import SweepProgress
from mdmtheory.cli.terminal import Terminal
from mdmtheory.sweeps import Progress
from tests.networks.runs import written_run

LANGUAGE = "hmm:states=8,vocab_size=4,prune_transition=1.5,prune_emission=1"
COLD = ["sweep", "--lang", "ngram:order=2", "--length", "8", "--steps", "2", "--samples", "2", "--no-figure"]
COLD += ["--metrics", "ser"]
BIGRAM = "ngram:order=2,vocab_size=5"
SMALL = ["--lang", LANGUAGE, "--steps", "2,8", "--length", "32", "--samples", "50"]


@pytest.fixture
def swept(run):
    """A small sweep in the folder of the test."""
    return run("sweep", *SMALL, "--out", "store.sqlite", "--no-figure")


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_sweep_prints_a_table_and_names_store_and_figure_on_stderr(run):
    outcome = run("sweep", *SMALL, "--out", "results/small.sqlite")
    assert outcome.code == 0
    assert Path("results/small.sqlite").exists()
    assert Path("results/small.png").read_bytes().startswith(b"\x89PNG")
    assert outcome.err.splitlines()[-2:] == ["store: results/small.sqlite", "figure: results/small.png"]
    lines = outcome.out.splitlines()
    assert lines[0].startswith(f"{LANGUAGE}, length 32, masked, oracle, ancestral, linear, seed 0")
    assert [line.split()[0] for line in lines[-2:]] == ["2", "8"]


def test_no_number_in_the_table_looks_exact_or_like_what_it_only_bounds(swept):
    head, kinds, *cells = swept.out.splitlines()[1:]
    assert head.split() == ["SER", "TER", "TER(p)/TER(q)"]
    assert kinds.split()[:6] == ["steps", "estimate", "upper", "bound", "upper", "bound"]
    for line in cells:
        assert line.count("[") == 3
        assert line.count("≤") == 2


def test_the_table_is_ascii_where_stdout_can_be_nothing_else(swept, spawn):
    code = "import sys; from mdmtheory.cli.main import main; sys.exit(main(['show', 'store.sqlite']))"
    outcome = spawn(code, PYTHONIOENCODING="ascii")
    assert outcome.code == 0
    assert "<= " in outcome.out


def test_sequences_are_kept_where_that_is_asked_for(swept, run, refused):
    words = ["sweep", *SMALL, "--out", "store.sqlite", "--no-figure"]
    before = Path("store.sqlite").read_bytes()
    assert run(*words, "--dry-run").out.count("nothing to do") == 2
    assert "nothing to do" not in run(*words, "--keep-samples", "--dry-run").out
    assert not Path("store.samples.sqlite").exists()
    outcome = run(*words, "--keep-samples", "--finish")
    assert outcome.out == swept.out
    assert outcome.err.splitlines()[-2:] == ["store: store.sqlite", f"sequences: {Path.cwd() / 'store.samples.sqlite'}"]
    assert Path("store.sqlite").read_bytes() == before
    assert run(*words, "--keep-samples", "--finish", "--dry-run").out.count("nothing to do") == 2
    for row, samples in mt.kept_samples("store.sqlite", where="steps == 8"):
        assert (row["steps"], len(samples.finished)) == (8, row["count"])
    assert "give --keep-samples as well" in refused(*words, "--finish")
    assert "add one that does, as ser" in refused(*words, "--keep-samples", "--metrics", "ter")
    Path("sweep.toml").write_text(f'lang = "{LANGUAGE}"\nsteps = 4\nlength = 32\nsamples = 50\nkeep_samples = true\n')
    assert run("sweep", "sweep.toml", "--out", "b.sqlite", "--no-figure").code == 0
    [(row, samples)] = mt.kept_samples("b.sqlite")
    assert (row["steps"], samples.trust) == (4, None)


def test_show_as_csv_has_the_columns_promised(swept, run):
    outcome = run("show", "store.sqlite", "--format", "csv")
    header = (
        "language,length,model,denoiser,sampler,schedule,steps,seed,metric,value,low,high,level,kind,count,calls,rounds"
    )
    assert outcome.out.splitlines()[0] == (
        header + ",seconds,form,task,prompt,rule,tag,date,code,host,"
        "language.prune_emission,language.prune_transition,language.states,language.vocab_size"
    )
    rows = csv_rows(outcome.out)
    assert [(row["steps"], row["metric"]) for row in rows] == [
        (steps, metric) for steps in ("2", "8") for metric in ("ser", "ter", "ter_ratio")
    ]
    assert {row["kind"] for row in rows} == {"estimate", "upper bound"}


def test_show_as_json_has_the_same_numbers(swept, run):
    rows = json.loads(run("show", "store.sqlite", "--format", "json").out)
    expected = csv_rows(run("show", "store.sqlite", "--format", "csv").out)
    assert [row["value"] for row in rows] == [float(row["value"]) for row in expected]
    assert all(isinstance(row["steps"], int) for row in rows)


def test_show_computes_intervals_anew_at_another_level(swept, run):
    [wide, narrow] = [
        csv_rows(run("show", "store.sqlite", "--format", "csv", "--level", level).out)[0] for level in ("0.99", "0.5")
    ]
    assert float(wide["low"]) < float(narrow["low"]) < float(narrow["high"]) < float(wide["high"])


def test_what_does_not_apply_is_empty(run):
    run("sweep", *SMALL, "--model", "ar", "--out", "store.sqlite", "--no-figure")
    rows = csv_rows(run("show", "store.sqlite", "--format", "csv").out)
    assert {row["metric"] for row in rows} == {"ser", "ter", "ter_ratio"}
    assert all(row[name] == "" for row in rows for name in ("denoiser", "sampler", "schedule", "steps"))


def test_the_table_leaves_empty_what_does_not_apply(run):
    outcome = run("sweep", *SMALL, "--sampler", "ancestral,bisection", "--out", "store.sqlite", "--no-figure")
    assert outcome.code == 0
    [bisection] = [line for line in outcome.out.splitlines() if line.startswith("bisection")]
    assert "[" in bisection.split()[2]  # the interval of SER stands where the others have it


def test_what_has_no_steps_and_no_figure_says_so(run):
    outcome = run("sweep", *SMALL, "--model", "ar", "--out", "store.sqlite")
    assert outcome.code == 0
    assert "no figure: nothing to draw against steps" in outcome.err


def test_check_withholds_what_cannot_be_trusted_in_words(run):
    outcome = run("sweep", *SMALL, "--check", "--out", "store.sqlite", "--no-figure")
    assert outcome.code == 0
    assert "withheld (effective size" in outcome.out
    assert run("show", "store.sqlite", "--format", "json").code == 0


def test_a_file_gives_the_options_and_the_line_overrides_them(run):
    Path("sweep.toml").write_text(
        f'lang = "{LANGUAGE}"\nsteps = [4, 8]\nlength = 32\nsamples = 50\nmax-errors = 3\n'
        'metrics = "ser"\nout = "from_file.sqlite"\nlevel = 0.9\n'
    )
    first = run("sweep", "sweep.toml", "--no-figure", "--steps", "16")
    assert first.code == 0
    assert "16 steps" in first.out
    assert "intervals of 90 %" in first.out
    assert Path("from_file.sqlite").exists()
    run("sweep", "sweep.toml", "--no-figure", "--out", "other.sqlite", "--metrics", "ter")
    assert {row["metric"] for row in csv_rows(run("show", "other.sqlite", "--format", "csv").out)} == {
        "ter",
        "ter_ratio",
    }


def test_a_second_run_measures_nothing_and_prints_the_same(swept, run):
    before = Path("store.sqlite").read_bytes()
    assert run("sweep", *SMALL, "--out", "store.sqlite", "--no-figure").out == swept.out
    assert Path("store.sqlite").read_bytes() == before


def test_the_table_holds_this_sweep_alone(swept, run):
    outcome = run("sweep", *SMALL, "--steps", "16", "--out", "store.sqlite", "--no-figure")
    assert "16 steps" in outcome.out
    assert len(run("show", "store.sqlite").out.splitlines()) == len(outcome.out.splitlines()) + 2


def test_a_dry_run_says_what_is_missing_and_writes_nothing(swept, run):
    before = sorted(Path().iterdir())
    outcome = run("sweep", *SMALL, "--steps", "8,16", "--out", "store.sqlite", "--dry-run")
    assert outcome.code == 0
    assert sorted(Path().iterdir()) == before
    *_, stored, missing, total = outcome.out.splitlines()
    assert stored.split()[-1] == "do"  # nothing to do
    assert missing.split()[-1] in ("stored", "measured")
    assert total.startswith("2 cells into store.sqlite; expected time with ")
    fresh = run("sweep", *SMALL, "--out", "fresh/store.sqlite", "--dry-run")
    assert fresh.code == 0
    assert not Path("fresh").exists()


def test_a_cold_sweep_tells_once_of_compiling_and_not_at_all_where_it_is_quiet(spawn, tmp_path):
    patient = "from mdmtheory.cli import terminal; terminal.FIRST_WORD_AFTER = 1e6"
    words = [*COLD, "--out", "store.sqlite"]
    code = f"import sys; from mdmtheory.cli.main import main; {patient}; sys.exit(main({words}))"
    cache = tmp_path / "cache"
    talk = spawn(code, MDMTHEORY_CACHE=str(cache)).err.splitlines()
    assert [line.partition(",")[0] for line in talk] == ["compiling kernels", "store: store.sqlite"]
    # One kernel is compiled again; two cold sweeps take twice as long.
    [gone] = cache.glob("kernels/*/*.random.fill_uniforms.*.nbc")
    gone.unlink()
    quiet = spawn(code.replace("'sweep'", "'-q', 'sweep'").replace("store.", "other."), MDMTHEORY_CACHE=str(cache))
    assert (quiet.code, quiet.err) == (0, "")
    assert gone.exists()


def test_quiet_leaves_only_results(run):
    outcome = run("-q", "sweep", *SMALL, "--out", "store.sqlite")
    assert outcome.err == ""
    assert outcome.out


def test_piped_output_has_no_progress_bar_and_no_colours(swept):
    assert "\x1b" not in swept.out + swept.err
    assert "%" not in swept.err


@pytest.mark.parametrize("ending", ["svg", "pdf"])
def test_the_figure_has_the_format_of_its_ending(run, ending):
    outcome = run("sweep", *SMALL, "--out", "store.sqlite", "--figure", f"pictures/a.{ending}")
    assert outcome.code == 0
    assert Path(f"pictures/a.{ending}").read_bytes().startswith({"svg": b"<?xml", "pdf": b"%PDF"}[ending])


def test_plot_draws_what_is_stored(swept, run):
    outcome = run("plot", "store.sqlite", "--x", "steps", "--y", "ser", "--hue", "lang", "-o", "a.svg")
    assert (outcome.code, outcome.out, outcome.err) == (
        0,
        "",
        "log axes chosen: steps; --no-logx and --no-logy draw linear ones\nfigure: a.svg\n",
    )
    for words in (
        ["--y", "ter,ser"],
        ["--x", "rounds"],
        ["--y", "ter_excess", "--hue", "sampler,steps", "--x", "calls"],
    ):
        assert run("plot", "store.sqlite", *words, "-o", "b.png").code == 0
        assert Path("b.png").exists()


def test_merge_unites_stores(swept, run):
    run("sweep", *SMALL, "--seed", "1", "--out", "other.sqlite", "--no-figure")
    outcome = run("merge", "store.sqlite", "other.sqlite", "-o", "both.sqlite")
    assert (outcome.code, outcome.out) == (0, "")
    rows = csv_rows(run("show", "both.sqlite", "--format", "csv").out)
    parts = [csv_rows(run("show", f"{name}.sqlite", "--format", "csv").out) for name in ("store", "other")]
    assert len(rows) == len(parts[0]) + len(parts[1])


def test_one_and_two_workers_print_the_same_csv_lines(run):
    shown = []
    for workers in ("1", "2"):
        run("sweep", *SMALL, "--seed", "1", "--workers", workers, "--out", f"{workers}.sqlite", "--no-figure")
        rows = csv_rows(run("show", f"{workers}.sqlite", "--format", "csv").out)
        shown.append([{**row, "seconds": "", "date": ""} for row in rows])
    assert shown[0] == shown[1]


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(spawn, run):
    words = ["sweep", "--lang", "parity", "--denoiser", "tests.sweeps.slow:Interrupted", "--sampler", "confidence"]
    words += ["--steps", "4", "--length", "16", "--samples", "1000", "--metrics", "ser", "--out", "store.sqlite"]
    stopped = spawn(f"import sys; sys.argv[1:] = {words}; from mdmtheory.__main__ import main; sys.exit(main())")
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err.splitlines()[-1] in {
        f"mdmtheory: stopped; {kept} of 250 chunks are kept in store.sqlite: run the same command to go on"
        for kept in range(2, 250)
    }
    assert "Traceback" not in stopped.err
    assert csv_rows(run("show", "store.sqlite", "--format", "csv").out)


class OnATerminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_bar_shows_cells_rate_time_left_and_the_widest_interval(monkeypatch):
    stream = OnATerminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "120")
    with SweepProgress(Terminal(0)) as progress:
        progress(Progress(2, 6, 30, 100, 4000, 1234.0, 65.0, 0.043))
    for words in ("2/6 cells", "1,234 sequences/s", "1:05 left", "widest interval 0.043"):
        assert words in stream.getvalue()
    assert progress.last is not None
    assert progress.last.cells_done == 2


def test_quiet_hides_the_bar(monkeypatch):
    stream = OnATerminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with SweepProgress(Terminal(-1)) as progress:
        progress(Progress(2, 6, 30, 100, 4000, 1234.0, 65.0, 0.043, compiling="compiling kernels ..."))
    assert stream.getvalue() == ""


def test_without_a_terminal_compiling_is_said_once(capsys):
    with SweepProgress(Terminal(0)) as progress:
        for _ in range(3):
            progress(Progress(0, 6, 0, 100, 0, 0.0, None, None, compiling="compiling kernels ..."))
    assert capsys.readouterr().err == "compiling kernels ...\n"


def test_a_file_of_several_sweeps_fills_one_store(run, tmp_path):
    path = tmp_path / "several.toml"
    path.write_text('length = 16\nsteps = 4\n[[sweep]]\nlang = "hmm"\n[[sweep]]\nlang = "parity"\nsteps = "2,8"\n')
    assert run("sweep", path, "--samples", "4", "--no-figure", "--out", "store.sqlite").code == 0
    rows = csv_rows(run("show", "store.sqlite", "--format", "csv").out)
    assert {(row["language"], row["steps"]) for row in rows} == {("hmm", "4"), ("parity", "2"), ("parity", "8")}


def test_rounds_are_shown_where_they_are_fewer_than_calls(run):
    words = ["sweep", *SMALL, "--no-figure", "--metrics", "ser"]
    plain = run(*words, "--out", "plain.sqlite").out
    assert "rounds" not in plain
    drafted = run(*words, "--sampler", "verify:k=4", "--out", "drafted.sqlite").out.splitlines()
    assert drafted[2].split() == ["estimate", "count", "calls", "rounds", "seconds"]
    calls, rounds = (float(each) for each in drafted[-1].split()[-3:-1])
    assert rounds < calls


OWN = """
from mdmtheory import Spec
from mdmtheory.samplers.budgeted import Entropy


class Stroll(Entropy):
    def __init__(self, *, pace: int = 1) -> None:
        super().__init__()
        self.pace = pace

    @property
    def spec(self) -> Spec:
        return Spec.of("stroll", pace=self.pace)
"""


def test_a_sampler_of_ones_own_module_is_swept_by_name(run, tmp_path):
    (tmp_path / "stroll.py").write_text(OWN)
    words = ["sweep", *SMALL, "--no-figure", "--metrics", "ser", "--out", "own.sqlite", "--sampler"]
    outcome = run(*words, "stroll:Stroll:pace=2,entropy")
    assert outcome.code == 0, outcome.err
    rows = [line.split() for line in outcome.out.splitlines()]
    own = [row[2:] for row in rows if row[0] == "stroll:Stroll:pace=2"]
    entropy = [row[2:] for row in rows if row[0] == "entropy"]
    assert len(own) == len(entropy) == 2
    for word, reason in {
        "stroll:Walk": "'stroll' has no 'Walk'",
        "nowhere:Walk": "module 'nowhere' does not import",
        "stroll:Stroll:speed=1": "sampler 'stroll:Stroll' has no option 'speed'; known: pace",
        "stroll:OWN": "'stroll' has no 'OWN'",
        "entropy:gamma": "'gamma' in 'entropy:gamma' is not key=value; write entropy:key=value",
    }.items():
        refused = run(*words, word)
        assert refused.code == 2
        assert reason in refused.err
        assert len(refused.err.splitlines()) == 1


def test_runs_are_swept_and_shown_by_their_folders_with_options_beside_the_oracle(run):
    written_run(Path("runs/a,b"), language=BIGRAM, length=6)
    written_run(Path("runs/y"), language=BIGRAM, length=6, attention="causal")
    words = ["--lang", BIGRAM, "--length", "6", "--steps", "2", "--samples", "50", "--no-figure", "--out", "s.sqlite"]
    typed = '"runs/a,b:batch=20,precision=float32",oracle'
    forecast = run("sweep", *words, "--dry-run", "--denoiser", typed)
    both = run("sweep", *words, "--denoiser", typed)
    causal = run("sweep", *words, "--model", "ar", "--denoiser", "./runs/y/:batch=7")
    shown = run("show", "s.sqlite", "--where", 'denoiser in ("runs/a,b:batch=20,precision=float32", "runs/y:batch=7")')
    for outcome in (forecast, both, shown):
        assert outcome.code == 0, outcome.err
        assert "runs/a,b:batch=20,precision=float32" in outcome.out
    for outcome in (causal, shown):
        assert outcome.code == 0, outcome.err
        assert "runs/y:batch=7" in outcome.out
    assert "network" not in forecast.out + both.out + causal.out + shown.out
    assert "oracle" in both.out
    assert "oracle" not in shown.out


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (["--denoiser", "runs/nowhere"], "no run runs/nowhere"),
        (["--denoiser", "runs/x", "--length", "7"], "was trained at length 6, not 7"),
        (["--denoiser", "runs/x", "--lang", "ngram:order=1,vocab_size=5"], "name that language"),
        (["--denoiser", "runs/x", "--lang", "ngram:order=2,vocab_size=4"], "over 5 tokens"),
        (["--denoiser", "runs/y"], "left"),
        (["--denoiser", "hf:gpt2"], "there is no folder gpt2, and no model of the hub of that name"),
        (["--denoiser", "hf:"], "'hf:' names no model; write hf:FOLDER"),
        (["--denoiser", "hf:gpt2:size=3"], "has no option 'size'"),
        (["--denoiser", "runs/x:batch=0"], "batch is 0"),
        (["--denoiser", "runs/x:batch=2.5"], "batch of denoiser 'network' is 2.5; pass a whole number"),
        (["--denoiser", "runs/x:size=3"], "has no option 'size'; known: run, device, batch, precision"),
        (["--denoiser", "runs/x:device=tpu"], "unknown device 'tpu'"),
        (["--denoiser", "runs/x:device=cuda:99"], "cuda:99"),
        (["--denoiser", "runs/x:precision=int8"], "unknown precision 'int8'; known: float32, bfloat16"),
        (["--denoiser", "runs/x:precision=bfloat16,device=cpu"], "bfloat16 is for CUDA, not for cpu"),
        (["--denoiser", "runs/x:batch"], "no run runs/x:batch"),
        (["--model", "ar", "--denoiser", "runs/y:batch=0"], "batch is 0"),
    ],
)
def test_a_run_that_does_not_fit_a_sweep_is_refused_in_a_line(run, changed, reason):
    written_run(Path("runs/x"), language=BIGRAM, length=6)
    written_run(Path("runs/y"), language=BIGRAM, length=6, attention="causal")
    given = {"--lang": BIGRAM, "--length": "6", **dict(zip(changed[::2], changed[1::2], strict=True))}
    words = [word for pair in given.items() for word in pair]
    outcome = run("sweep", *words, "--steps", "2", "--no-figure", "--out", "s.sqlite")
    assert outcome.code == 2
    assert reason in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not Path("s.sqlite").exists()
