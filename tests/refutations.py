"""Whether the tests that refute a fault do: they must fail on the package as it was, and pass on the one that is here.

`python tests/refutations.py BASE` takes the package of the commit BASE, puts today's tests beside it, and runs those
marked `refutes(point)` against it and against today's package. It prints, point by point, how many failed there and
how many fail here; its exit status is 1 where one passes there or fails here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
BESIDE_THE_PACKAGE = (
    "tests",
    "docs",
    "experiments",
    "figures",
    "benchmarks",
    "pyproject.toml",
    "README.md",
    "Makefile",
)


def main() -> int:
    """Run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="the commit before the work")
    parser.add_argument("--workers", default="2")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="refutations-") as folder:
        there = Path(folder) / "base"
        lay(arguments.base, there)
        before = outcomes(there, arguments.workers)
    here = outcomes(ROOT, arguments.workers)
    return report(before, here)


def lay(base: str, folder: Path) -> None:
    """The package of a commit, with today's tests and what they read beside it."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", base, "mdmtheory"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "x"], cwd=folder, input=archive, check=True)
    for name in BESIDE_THE_PACKAGE:
        source, target = ROOT / name, folder / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)


def outcomes(tree: Path, workers: str) -> dict[tuple[str, str], bool]:
    """Whether each refuting test passed, by point and name."""
    report = tree / ".refutations.xml"
    command = [sys.executable, "-m", "pytest", "tests", "-m", "refutes", "-n", workers, "--dist", "worksteal", "-q"]
    command += ["--junitxml", str(report), "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    try:
        subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.DEVNULL, check=False)
        cases = ElementTree.parse(report).getroot().iter("testcase")
        found: dict[tuple[str, str], bool] = {}
        for case in cases:
            points = [each.get("value", "") for each in case.iter("property") if each.get("name") == "refutes"]
            passed = case.find("failure") is None and case.find("error") is None
            name = f"{case.get('classname')}::{case.get('name')}"
            for point in points or ["not collected"]:
                found[point, name] = found.get((point, name), True) and passed
        return found
    finally:
        report.unlink(missing_ok=True)


def report(before: dict[tuple[str, str], bool], here: dict[tuple[str, str], bool]) -> int:
    """Print a line a point, and the tests that refute nothing or fail; the exit status."""
    points: dict[str, list[str]] = defaultdict(list)
    for point, name in here:
        points[point].append(name)
    print(f"{'point':12} {'tests':>6} {'fail there':>11} {'fail here':>10}")
    wrong = []
    for point in sorted(points, key=lambda text: [int(each) if each.isdigit() else 99 for each in text.split(".")]):
        names = points[point]
        failed_there = [name for name in names if not before.get((point, name), False)]
        failed_here = [name for name in names if not here[point, name]]
        wrong += [f"passes there: {name}" for name in names if name not in failed_there]
        wrong += [f"fails here: {name}" for name in failed_here]
        print(f"{point:12} {len(names):6} {len(failed_there):11} {len(failed_here):10}")
    passed_there, failed_here = (
        sum(before.get(each, False) for each in here),
        sum(not passed for passed in here.values()),
    )
    print(f"{'all':12} {len(here):6} {len(here) - passed_there:11} {failed_here:10}")
    print("\n".join(wrong))
    return 1 if wrong or not here else 0


if __name__ == "__main__":
    sys.exit(main())
