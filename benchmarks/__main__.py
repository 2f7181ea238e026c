"""All of the benchmark: `python -m benchmarks`, or some of it: `python -m benchmarks ratios --quick`.

Prints what it measures and writes it into benchmarks/README.md; `--quick` measures two rounds and writes nothing.
`python -m benchmarks --base COMMIT` prints this package's speed against that commit's, and nothing else;
`python -m benchmarks cold --since COMMIT` has that commit's cold start beside this one's.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

# Two processors for everybody, before any library counts them.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])

from benchmarks import before, cold_start, growth, page, sweep
from benchmarks.timing import Row

SECTIONS = ("ratios", "asked", "large", "sharp", "networks", "generation", "sweep", "cold", "growth", "exact")
PACKAGES = ("mdmtheory", "numpy", "numba", "hmmlearn", "dynamax", "jax")


def main() -> None:
    """Measure the sections that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="|".join(SECTIONS), default=SECTIONS)
    parser.add_argument("--quick", action="store_true", help="two rounds, nothing written")
    parser.add_argument("--base", metavar="COMMIT", help="against that commit's package, nothing written")
    parser.add_argument("--only", default="", help="with --base: the jobs whose names have this in them")
    parser.add_argument("--draw", action="store_true", help="the figure of growth from README.md, nothing measured")
    parser.add_argument("--since", metavar="COMMIT", help="with cold: that commit's package beside this one")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"unknown section {', '.join(unknown)}; known: {', '.join(SECTIONS)}")
    if options.draw:
        growth.figure(growth.stored(growth.FIGURE.with_name("README.md").read_text(encoding="utf-8")))
        return
    if options.base:
        print(page.table(before.HEADS, []))
        for line in before.lines(options.base, 3 if options.quick else 9, options.only):
            print(page.table(line, []).splitlines()[0], flush=True)
        return
    for section in options.sections:
        if section == "cold":
            text = cold_section(options.quick, options.since)
        else:
            sections = {
                "ratios": ratio_section,
                "asked": asked_section,
                "large": large_section,
                "sharp": sharp_section,
                "networks": network_section,
                "generation": generation_section,
                "sweep": sweep_section,
                "growth": growth_section,
                "exact": exact_section,
            }
            text = sections[section](options.quick)
        if not options.quick:
            page.write(section, text)


def ratio_section(quick: bool) -> str:
    """Ratios against the peers and against ourselves without the tricks."""
    from benchmarks import ratios  # which needs the peers

    return f"{stamp()}\n\n{_ratios(ratios.rows(rounds=2 if quick else 7))}"


def asked_section(quick: bool) -> str:
    """Speeds that were asked for, beside what they were."""
    from benchmarks import asked

    table = _told(asked.HEADS, asked.lines(rounds=2 if quick else 7))
    return f"{stamp(('mdmtheory', 'numpy', 'numba'))} {page.vector_width()}\n\n{table}"


def large_section(quick: bool) -> str:
    """The oracle of large HMMs in torch against its kernels and against dynamax."""
    from benchmarks import on_device  # which needs torch and the peers

    packages = ("mdmtheory", "numpy", "numba", "torch", "dynamax", "jax")
    return f"{stamp(packages)}\n\n{_ratios(on_device.rows(rounds=2 if quick else 5))}"


def sharp_section(quick: bool) -> str:
    """Time to an SER of a given relative error, by walks that make no error against drawing."""
    from benchmarks import sharp

    table = _told(sharp.HEADS, sharp.lines(rounds=2 if quick else 5))
    return f"{stamp(('mdmtheory', 'numpy', 'numba'))}\n\n{table}"


def network_section(quick: bool) -> str:
    """Networks that keep keys and values against those that do not."""
    from benchmarks import networks  # which needs torch

    return f"{stamp(('mdmtheory', 'numpy', 'torch'))}\n\n{_ratios(networks.rows(rounds=2 if quick else 7))}"


def generation_section(quick: bool) -> str:
    """Autoregression with kept keys and values, counted in masked calls; writes generation.csv."""
    import torch

    from benchmarks import generation

    torch.set_num_threads(1)
    lengths = generation.LENGTHS[::3] if quick else generation.LENGTHS
    lines = []
    for line in generation.measured(generation.Place(), lengths=lengths, rounds=2 if quick else generation.ROUNDS):
        lines.append(line)
        print(",".join(line.row()), flush=True)
    if not quick:
        page.PAGE.with_name("generation.csv").write_text(generation.csv(lines), encoding="utf-8")
    whole = generation.whole_over_quarters(generation.Place(), "nano", 1024)
    check = f"All 1,024 steps of one sequence of `nano`, over what its quarters say: {page.number(whole)}."
    return f"{stamp(('mdmtheory', 'torch'))} {check}\n\n{generation.tables(lines)}"


def _told(heads: Sequence[str], measured: Iterable[Sequence[str]]) -> str:
    """The table of lines, each printed as soon as it is measured."""
    lines = []
    for line in measured:
        lines.append(line)
        print(page.table(heads, [line]).splitlines()[-1], flush=True)
    return page.table(heads, lines)


def _ratios(measured: Iterable[Row]) -> str:
    rows = []
    for row in measured:
        rows.append(row)
        print(page.ratio_table([row]).splitlines()[-1], flush=True)
    return page.ratio_table(rows)


def sweep_section(quick: bool) -> str:
    """The main job, compiled."""
    run = sweep.measure()
    required = [(run.seconds, sweep.REQUIRED_SECONDS, "s"), (run.megabytes, sweep.REQUIRED_MEGABYTES, "MB")]
    lines = [
        [name, f"{page.number(value)} {unit}", f"≤ {most:,} {unit}", "yes" if value <= most else "NO"]
        for name, (value, most, unit) in zip(("wall time", "peak memory"), required, strict=True)
    ]
    text = page.table([f"`mdmtheory {' '.join(sweep.COMMAND)}`", "measured", "required", "met"], lines)
    print(text, flush=True)
    return text


def cold_section(quick: bool, since: str | None) -> str:
    """From an empty folder of compiled kernels."""
    with tempfile.TemporaryDirectory() as text:
        base = None
        if since is not None:
            base = Path(text) / "base"
            before.unpack(since, base)
        parts = []
        for heads, lines in (
            (cold_start.HEADS, cold_start.lines(base, 1 if quick else 3)),
            (cold_start.KERNEL_HEADS, cold_start.kernel_lines(base)),
        ):
            parts.append(_told(heads, lines))
    told = "" if since is None else f" That commit is {since}."
    return f"{stamp(('mdmtheory', 'numba', 'llvmlite'))}{told}\n\n{parts[0]}\n\n{parts[1]}"


def growth_section(quick: bool) -> str:
    """Seconds and memory against L, N, S and V."""
    for vocab_size in (8, 512):  # compiles for both token types, whose memory is no part of any point
        growth.measure(growth.Point(length=64, vocab_size=vocab_size))
    results: dict[str, dict[int, dict[str, float]]] = {axis: {} for axis in growth.AXES}
    for axis, point in growth.points():
        value = getattr(point, axis)
        if quick and value not in growth.AXES[axis][:: len(growth.AXES[axis]) - 1]:
            continue
        results[axis][value] = growth.measure(point, cold=axis in growth.COLD)
        print(axis, value, results[axis][value], flush=True)
    if not quick:
        growth.figure(results)
    return _grown(results)


def _grown(results: dict[str, dict[int, dict[str, float]]]) -> str:
    heads = ["", *growth.JOBS.values(), "memory, MB"]
    lines = [
        [str(name), *("" if cell is None else page.number(cell) for cell in cells)]
        for name, *cells in growth.lines(results)
    ]
    picture = f"![Seconds a sequence against length, steps, states and vocabulary]({growth.FIGURE.name})"
    return f"{page.table(heads, lines)}\n\n{picture}"


def exact_section(quick: bool) -> str:
    """Seconds of a processor of the exact routines against L, N and V."""
    from benchmarks import exact_growth

    tables: dict[tuple[str, tuple[int, ...]], list[list[str]]] = {}
    for of, line in exact_growth.lines(quick):
        tables.setdefault(of, []).append(line)
        print(of[0], *line, sep=" | ", flush=True)
    parts = [
        page.table(
            exact_growth.heads(*of), [line[:-1] + [""] * (len(of[1]) + 2 - len(line)) + line[-1:] for line in rows]
        )
        for of, rows in tables.items()
    ]
    return f"{stamp(('mdmtheory', 'numpy', 'numba'))}\n\n" + "\n\n".join(parts)


def stamp(packages: tuple[str, ...] = PACKAGES) -> str:
    """When, on what, with which versions."""
    return f"{datetime.now(UTC):%Y-%m-%d}. {page.machine(packages)}"


if __name__ == "__main__":
    main()
