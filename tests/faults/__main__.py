"""Every fault in full, and the table of what came of them in docs/reliability.md: `python -m tests.faults`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.faults.groups import ALL, tried_alone
from tests.faults.host import ROOT
from tests.faults.judging import Tally
from tests.faults.shim import built_shim

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- make faults -->", "<!-- end of what make faults writes -->"


def main() -> int:
    """Try all, print and write the table; 1 where anything is lost, wrong, unclear or hung."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=list(ALL), action="append", help="a group; the table is printed alone then")
    arguments = parser.parse_args()
    names = arguments.only or list(ALL)
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(arguments.workers) as pool:
        shim = built_shim(Path(folder))
        waiting = [pool.submit(tried_alone, name, shim) for name in names]
        for each in as_completed(waiting):
            print(f"{each.result().tried} cases: {each.result().group}", *each.result().troubles, sep="\n", flush=True)
        tallies = [each.result() for each in waiting]
    text = table(tallies, arguments.workers)
    print(text)
    if not arguments.only:
        write(text)
    return 1 if any(tally.troubles for tally in tallies) else 0


def table(tallies: list[Tally], workers: int) -> str:
    lines = ["| faults | tried | lost | wrong | unclear | hung |", "|---|---:|---:|---:|---:|---:|"]
    counts = [[tally.tried, *map(len, (tally.lost, tally.wrong, tally.unclear, tally.hung))] for tally in tallies]
    named = [(tally.group, row) for tally, row in zip(tallies, counts, strict=True)]
    named.append(("**all**", [sum(column) for column in zip(*counts, strict=True)]))
    lines += [f"| {name} | {' | '.join(f'{each:,}' for each in row)} |" for name, row in named]
    system = os.uname()
    machine = f"{os.cpu_count()} cores, {system.sysname} {system.machine}, Python {sys.version.split()[0]}"
    return "\n".join([*lines, "", f"`make faults` (`python -m tests.faults --workers {workers}`) on {machine}."])


def write(text: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
