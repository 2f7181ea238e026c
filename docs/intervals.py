"""Writes docs/intervals.md: how often every interval holds, how wide it is, and how often it is withheld.

make coverage-intervals      # 20 minutes on two cores; exit status 1 where a promise is not kept
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from interval_laws import LENGTH, STEPS, Form, calls_alone, forms, walk_forms
from scipy.special import ndtri
from scipy.stats import binom

from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.means import LEAST_TERMS, LEAST_WITHOUT_SKEWNESS
from mdmtheory.core.streams import digest
from mdmtheory.metrics.cross_entropy import LEAST_RIGHT
from mdmtheory.metrics.mixture import LEAST_LOW_NOISE
from mdmtheory.metrics.ser_scored import LEAST_EFFECTIVE_SHARE, LEAST_EFFECTIVE_SIZE, LEAST_SCORED
from mdmtheory.theory import instances

PAGE = Path(__file__).parent / "intervals.md"
RUNS = 10_000
PROMISES = {0.5: 0.48, 0.95: 0.94, 0.99: 0.985}
"""Levels, and how often they must hold at least."""
WIDEST, WIDE_AT = 1.2, 1000
"""How wide an interval of 95 % may be in the mean, in normal ones, at this count."""
COUNTS = (20, 50, 100, 200, 500, 1000)
LANGUAGES = ("full_support", "hmm2x3", "trigram2", "cycle3")
"""Four languages, from light to heavy tails."""
BEYOND = (("cycle3", 8), ("rare_break", STEPS), ("early_choice", STEPS))
"""Languages (with a number of steps) in which few sequences carry what is measured."""
BEYOND_RUNS = 2_000
CALLS_ALONE, COUNTS_ALONE = 2_000, (50, 200, 1000)
CALLS, CALLED_AT = 200, {"TER ratio, the mixture": 1000}
WALK_RUNS, WALK_COUNTS = 400, (50, 200, 1000)
WALK_LANGUAGES, WALK_STEPS, WALK_LENGTH = ("hmm2x3", "trigram2", "cycle3", "rare_break"), 3, 4
TOO_WIDE = 100
"""The normal interval of nearly equal terms is nothing to measure widths by."""
EQUAL = 1e-9
"""Terms that differ by less are equal."""
SHOWN = 0.02
"""A row says how often an interval held only where it was given in so many of the runs."""


@dataclass(frozen=True)
class Row:
    """What one form did on one language at one count: shares of the runs in which an interval was given."""

    language: str
    form: str
    made_by: str
    shape: tuple[float, float]
    count: int
    held: dict[float, float]
    normal: float
    width: float
    withheld: float

    @property
    def given(self) -> bool:
        """Whether an interval was given often enough for its row to tell something."""
        return 1 - self.withheld >= SHOWN

    @property
    def kept(self) -> bool:
        """Whether the promises are kept."""
        often = all(self.held[level] >= least for level, least in PROMISES.items())
        return often and not (self.count == WIDE_AT and self.width > WIDEST)


def rows_of(language: str, steps: int, runs: int, only: Sequence[str] = ()) -> list[Row]:
    """Every form at every count on one language, or those alone whose names begin so."""
    found = []
    for form in forms(getattr(instances, language)(), steps):
        if only and not form.name.startswith(tuple(only)):
            continue
        for count in COUNTS:
            generator = np.random.default_rng(int(digest([language, steps, form.name, count])[:12], 16))
            found.append(row_of(language, form, count, runs, generator))
    return found


def row_of(language: str, form: Form, count: int, runs: int, generator: np.random.Generator) -> Row:
    """So many samples of a count, drawn from the law of the terms, each with its intervals."""
    cumulative = np.cumsum(form.weights) / form.weights.sum()
    held, normal, widths, given = dict.fromkeys(PROMISES, 0), 0, [], 0
    quantile = float(ndtri(0.975))
    for _ in range(runs):
        drawn = np.searchsorted(cumulative, generator.random(count), side="right").clip(0, len(cumulative) - 1)
        try:
            intervals = {level: form.interval(drawn, level) for level in PROMISES}
        except WithheldError:
            continue
        given += 1
        for level, (_, low, high) in intervals.items():
            held[level] += low <= form.truth <= high
        if form.terms is not None:
            terms = form.terms[drawn]
            half = quantile * terms.std(ddof=1) / count**0.5
            normal += abs(intervals[0.95][0] - form.truth) <= half
            widths.append((intervals[0.95][2] - intervals[0.95][1], 2 * half))
    each = max(given, 1)
    own, theirs = np.sum(widths, axis=0) if widths else (np.nan, np.nan)
    spread = form.terms is not None and np.ptp(form.terms) > EQUAL and theirs > 0
    width = float(own / theirs) if spread else np.nan
    shares = {level: number / each for level, number in held.items()}
    shape = _shape(form)
    return Row(language, form.name, form.made_by, shape, count, shares, normal / each, width, 1 - given / runs)


def _shape(form: Form) -> tuple[float, float]:
    """Skewness and kurtosis of the terms."""
    if form.terms is None or np.ptp(form.terms) <= EQUAL:
        return np.nan, np.nan
    weights = form.weights / form.weights.sum()
    away = form.terms - weights @ form.terms
    spread = (weights @ away**2) ** 0.5
    return float(weights @ away**3 / spread**3), float(weights @ away**4 / spread**4)


def public_calls(language: str) -> list[str]:
    """Lines of a table: how often CALLS calls of the public functions held, and what the law of the terms says."""
    lines = []
    for form in forms(getattr(instances, language)()):
        if form.call is None:
            continue
        count = CALLED_AT.get(form.name, 100)
        found = [form.call(count, seed) for seed in range(CALLS)]
        held = sum(each is not None and each.low <= form.truth <= each.high for each in found)
        generator = np.random.default_rng(0)
        drawn = (generator.choice(len(form.weights), count, p=form.weights / form.weights.sum()) for _ in range(2000))
        expected = np.mean(
            [low <= form.truth <= high for _, low, high in (form.interval(each, 0.95) for each in drawn)]
        )
        low, high = (int(binom.ppf(tail, CALLS, expected)) for tail in (1e-3, 1 - 1e-3))
        verdict = "yes" if low <= held <= high else "NO"
        lines.append(f"| {form.name} | `{form.made_by}` | {count:,} | {held} | {low} to {high} | {verdict} |")
    return lines


def called_alone(language: str, runs: int) -> list[str]:
    """Lines of a table: how often numbers hold that only calls tell of."""
    lines = []
    for name, (call, truth) in calls_alone(getattr(instances, language)()).items():
        for count in COUNTS_ALONE:
            held, given = dict.fromkeys(PROMISES, 0), 0
            for seed in range(runs):
                try:
                    found = {level: call(count, seed, level) for level in PROMISES}
                except WithheldError:
                    continue
                given += 1
                for level, (_, low, high) in found.items():
                    held[level] += low - EQUAL <= truth <= high + EQUAL
            shares = " | ".join(f"{each / max(given, 1):.3f}" for each in held.values())
            lines.append(f"| {name} | {language} | {count:,} | {shares} | {1 - given / runs:.3f} |")
    return lines


def upper_ends(language: str, runs: int) -> list[str]:
    """Lines of a table: how often the upper ends of walks that make no error hold, half of 1 - level being allowed."""
    lines = []
    for form in walk_forms(getattr(instances, language)(), WALK_STEPS, WALK_LENGTH):
        cumulative = np.cumsum(form.weights) / form.weights.sum()
        for count in WALK_COUNTS:
            generator = np.random.default_rng(int(digest([language, form.name, count])[:12], 16))
            held, both, given, highest = dict.fromkeys(PROMISES, 0), 0, 0, 0.0
            for _ in range(runs):
                drawn = np.searchsorted(cumulative, generator.random(count), side="right").clip(0, len(cumulative) - 1)
                try:
                    found = {level: form.interval(drawn, level) for level in PROMISES}
                except WithheldError:
                    continue
                given += 1
                for level, (_, _, high) in found.items():
                    held[level] += form.truth <= high + EQUAL
                both += found[0.95][1] - EQUAL <= form.truth <= found[0.95][2] + EQUAL
                highest += found[0.95][2]
            each = max(given, 1)
            shares = " | ".join(f"{number / each:.3f}" for number in (*held.values(), both)) if given else " |  |  | "
            mean = f"{highest / each:.3g}" if given else ""
            name = f"{form.name} | {language} | {count:,}"
            lines.append(f"| {name} | {form.truth:.3g} | {mean} | {shares} | {1 - given / runs:.3f} |")
    return lines


ENDS = (
    *("number", "language", "walks", "SER", "mean upper end, 95 %"),
    *("upper end, 50 %", "95 %", "99 %", "both ends, 95 %", "withheld"),
)


def section_of_ends(lines: Iterable[str]) -> str:
    """What the page says of them."""
    return "\n".join(
        [
            "## Upper ends that hold for every law\n",
            "Of `ser_sharp`, an *estimate (tail unseen)*, the upper end alone is promised, (1 + level)/2 of the time:",
            f".75, .975 and .995. Of `ser_shared` both ends are. {WALK_RUNS:,} samples of each count;",
            f"{WALK_LENGTH} tokens in {WALK_STEPS} steps, with the exact denoiser.\n",
            *_table(ENDS, lines),
        ]
    )


HEAD = f"""# How often intervals hold

Made by `make coverage-intervals`: {RUNS:,} samples of every count, drawn from the exact law of what a sequence adds
(every sequence of {LENGTH} tokens, every plan and every order listed), each with its interval by the package's own
functions from the sums of its terms, and the exact value beside it. At every count at which a number is given, an
interval of 95 % is to hold at least 94 % of the time, one of 50 % 48 %, one of 99 % 98.5 %; and at {WIDE_AT:,}
sequences it is to be at most {WIDEST} times as wide in the mean as the normal one, or withholding and widening
everything would do. Derivations: [theory.md](theory.md), section 10.
"""

WHICH = (
    ("SER", "Clopper–Pearson; with `--max-errors` one that holds however drawing stopped (Ville)", "never"),
    (
        "TER, TER ratio, KL, entropies, and stride in `schedule --lang`",
        "Student's and Hall's together: skewness from third sums",
        f"below {LEAST_TERMS} sequences, and where two or fewer carry the mean (2.5 G1² > n); "
        f"below {LEAST_WITHOUT_SKEWNESS} in stores without third sums",
    ),
    (
        'the same with `method="mixture"`',
        f"from {LEAST_LOW_NOISE:,} sequences on of the low-noise terms, where weights are even; else of the plain",
        "as TER",
    ),
    ("`wrong`, −log(1 − SER)", "that of SER, end by end", "where no sequence is right"),
    (
        "`unfaithful`, KL + log(1 − SER)",
        "of the difference of KL and `wrong`, made of the distances of both to their own ends",
        "as TER, and where no sequence is right",
    ),
    ("cross-entropy", "as TER", f"below {LEAST_RIGHT} right sequences, and as TER"),
    (
        "SER by scoring",
        "as TER",
        f"below {LEAST_SCORED} sequences, an effective size of {LEAST_EFFECTIVE_SIZE:.0f} or "
        f"{LEAST_EFFECTIVE_SHARE:.0%} of them, and as TER",
    ),
    (
        "SER by whole steps (`ser_sharp`)",
        "below, as TER in parts of the mean; above, Hoeffding's, which holds for every law",
        "where the walks are worth fewer than 20 of equal size",
    ),
    (
        "SER by shared steps (`ser_shared`)",
        "empirical Bernstein, from 0 to the most that a term can be",
        "never",
    ),
    ("total variation, Hellinger²", "empirical Bernstein: their terms are bounded", "never"),
    ("points of an estimated information curve", "as TER; where that is withheld, Bernstein with log V", "never"),
    ("first-order constant", "as TER, over strata", "below 50 contexts, and where two or fewer carry it"),
    (
        "other prices of `schedule --lang` where the curve is an estimate",
        "mean ± normal quantile of the errors of its points, which are independent",
        "never",
    ),
    (
        "any mean of terms that are all equal",
        "at most 1 − ((1 − level)/2)^(1/n) of the sequences are unlike and unseen (Clopper–Pearson); how far off they "
        "are is assumed: as far as a sequence costs, E[−log p(x)], a nat at least",
        "as the mean",
    ),
)


def page(
    rows: Sequence[Row],
    beyond: Sequence[Row],
    calls: Iterable[str],
    alone: Iterable[str] = (),
    ends: Iterable[str] = (),
) -> str:
    """The whole page."""
    by_name = {name: [row for row in rows if row.form == name] for name in dict.fromkeys(row.form for row in rows)}
    counts = ", ".join(f"{each:,}" for each in COUNTS)
    hidden = sum(not row.given for row in beyond)
    parts = [
        HEAD,
        *_table(("number", "its interval", "withheld"), [f"| {' | '.join(each)} |" for each in WHICH], left=3),
        "\n## In short\n",
        *_table(SUMMARY, map(_summary, by_name.values())),
        f"\nThe worst over four languages, from light to heavy tails ({', '.join(LANGUAGES)}), and the counts {counts}",
        "at which it is given. *Normal* is what mean ± 1.96 standard errors would have done there. *Withheld* is the",
        f"largest share of samples without an interval at {LEAST_TERMS} and at {WIDE_AT:,} sequences.",
        "\n## The same function\n",
        f"{CALLS} calls of the public functions at 95 % on hmm2x3, beside what the law of the terms leads to expect",
        "(the middle 99.8 % of a binomial).\n",
        *_table(("number", "call", "sequences", "held", "expected", "agrees"), calls),
        "\n## By calls alone\n",
        f"Numbers whose terms have no table: {CALLS_ALONE:,} calls at each count, the truth by enumeration.\n",
        *_table(("number", "language", "sequences", *COLUMNS[4:7], "withheld"), alone),
        f"\n{section_of_ends(ends)}",
        "\n## Beyond\n",
        "No interval can know what its sample does not show. In early_choice one sequence in 500 carries everything,",
        "in rare_break a twentieth of the starts, and in cycle3 at 8 steps the one sequence in three that is not of",
        f"the commonest kind. What breaks a promise there, of {BEYOND_RUNS:,} samples each:\n",
        *_table(COLUMNS, [_line(row, row.form) for row in beyond if row.given and not row.kept]),
        f"\n{sum(row.given and row.kept for row in beyond)} other rows of these languages keep every promise, and "
        f"{hidden} are withheld in more than {1 - SHOWN:.0%} of the samples.",
        "\n## In full\n",
    ]
    for name, own in by_name.items():
        parts += [f"### {name}\n", *_table(COLUMNS, map(_line, own)), ""]
    return "\n".join(parts).rstrip() + "\n"


SUMMARY = ("number", "made by", "normal, 95 %", "50 %", "95 %", "99 %", "width at 1,000", "withheld at 50, 1,000")
COLUMNS = ("language", "skewness, kurtosis", "sequences", "normal, 95 %", "50 %", "95 %", "99 %", "width", "withheld")


def _table(heads: Sequence[str], lines: Iterable[str], left: int = 2) -> list[str]:
    return [f"| {' | '.join(heads)} |", f"|{' :-- |' * left}{' --: |' * (len(heads) - left)}", *lines]


def _summary(rows: Sequence[Row]) -> str:
    given = [row for row in rows if row.given]
    worst = {level: min(row.held[level] for row in given) for level in PROMISES}
    means = not np.isnan(given[-1].width)
    normal = f"{min(row.normal for row in given):.3f}" if means else ""
    widths = [row.width for row in given if row.count == WIDE_AT and means]
    withheld = [max(row.withheld for row in rows if row.count == count) for count in (LEAST_TERMS, WIDE_AT)]
    cells = (rows[0].form, f"`{rows[0].made_by}`", normal, *(f"{each:.3f}" for each in worst.values()))
    return f"| {' | '.join(cells)} | {f'{max(widths):.2f}' if widths else ''} | {withheld[0]:.3f}, {withheld[1]:.3f} |"


def _line(row: Row, form: str = "") -> str:
    shape = "" if np.isnan(row.shape[0]) else f"{row.shape[0]:.1f}, {row.shape[1]:.0f}"
    held = [f"{share:.3f}" if row.given else "" for share in row.held.values()]
    normal = f"{row.normal:.3f}" if row.given and not np.isnan(row.width) else ""
    width = f"{row.width:.2f}" if row.given and row.width < TOO_WIDE else ""
    cells = (
        f"{row.language}, {form}".rstrip(", "),
        shape,
        f"{row.count:,}",
        normal,
        *held,
        width,
        f"{row.withheld:.3f}",
    )
    return f"| {' | '.join(cells)} |"


def _parted(found: Sequence[list[Row]]) -> tuple[list[Row], list[Row]]:
    """Rows of the languages of which promises are made, and of those beyond."""
    return [row for own in found[: len(LANGUAGES)] for row in own], [
        row for own in found[len(LANGUAGES) :] for row in own
    ]


def main() -> int:
    """Measure, write the page, and say what promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--ends", action="store_true", help="print the section of upper ends alone, write nothing")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="print the rows of such numbers, write nothing")
    asked = parser.parse_args()
    if asked.ends:
        lines = [line for language in WALK_LANGUAGES for line in upper_ends(language, min(asked.runs, WALK_RUNS))]
        print(section_of_ends(lines))
        return 0
    jobs = [(language, STEPS, asked.runs) for language in LANGUAGES]
    jobs += [(language, steps, min(asked.runs, BEYOND_RUNS)) for language, steps in BEYOND]
    if asked.only:
        found = [rows_of(*job, asked.only) for job in jobs]
        rows, beyond = _parted(found)
        print(page(rows, beyond, []))
        return 1 if any(row.given and not row.kept for row in rows) else 0
    with ProcessPoolExecutor(asked.workers) as pool:
        calls = pool.submit(public_calls, "hmm2x3")
        alone = [pool.submit(called_alone, language, min(asked.runs, CALLS_ALONE)) for language in LANGUAGES]
        ends = [pool.submit(upper_ends, language, min(asked.runs, WALK_RUNS)) for language in WALK_LANGUAGES]
        found = list(pool.map(rows_of, *zip(*jobs, strict=True)))
    rows, beyond = _parted(found)
    lines = [[line for each in some for line in each.result()] for some in (alone, ends)]
    asked.page.write_text(page(rows, beyond, calls.result(), *lines), encoding="utf-8")
    broken = [row for row in rows if row.given and not row.kept]
    for row in broken:
        print(f"not kept: {row}", file=sys.stderr)
    return 1 if broken or any(line.endswith("NO |") for line in calls.result()) else 0


if __name__ == "__main__":
    sys.exit(main())
