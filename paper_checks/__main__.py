"""Run every check, or those named: `python -m paper_checks [feng2025 tang2026 ...]`.

All of them write README.md, results.json and their figures into this folder; some of them print their part of the page.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

from paper_checks.claims import PaperCheck, plain
from paper_checks.page import page

PAPERS = ("feng2025", "chen2025", "licai2025", "tang2026", "ye2025", "latent2025")
HERE = Path(__file__).parent


def main() -> None:
    """Say on stderr how long each takes; what is written does not depend on that."""
    parser = argparse.ArgumentParser(prog="python -m paper_checks", description=__doc__.splitlines()[0])
    parser.add_argument("papers", nargs="*", metavar="|".join(PAPERS))
    chosen = parser.parse_args().papers
    if unknown := set(chosen) - set(PAPERS):
        parser.error(f"unknown paper {', '.join(sorted(unknown))}; known: {', '.join(PAPERS)}")
    if chosen:
        with tempfile.TemporaryDirectory() as folder:
            print(page([run(name, Path(folder)) for name in chosen]), end="")
        return
    checks = [run(name, HERE) for name in PAPERS]
    (HERE / "README.md").write_text(page(checks), encoding="utf-8")
    text = json.dumps([plain(each) for each in checks], indent=1, ensure_ascii=False)
    (HERE / "results.json").write_text(text + "\n", encoding="utf-8")


def run(name: str, folder: Path) -> PaperCheck:
    """One paper's check, timed."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    begun = time.monotonic()
    check: PaperCheck = import_module(f"paper_checks.{name}").check(folder)
    counted = Counter(claim.verdict for claim in check.claims)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in counted.items())
    print(f"{name}: {time.monotonic() - begun:.0f} s; {counts}", file=sys.stderr, flush=True)
    return check


if __name__ == "__main__":
    main()
