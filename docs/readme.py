"""Run the main job and write what it printed and drew into the README: `make readme`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
README = DOCS.parent / "README.md"
FIGURE = DOCS / "ter_ser_vs_steps.png"
BEGIN, END = "<!-- output -->", "<!-- /output -->"
COMMAND = ["mdmtheory", "sweep", "--lang", "hmm", "--steps", "64..2048"]

CAPTION = "TER and SER of the preset HMM against steps"
READING = """\
`calls` are a mean over the sequences drawn to their end: a sequence that has gone wrong is given up."""


def main() -> None:
    """Into a new store, so that every number is measured now."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "sweep.sqlite"
        command = [
            str(Path(sys.executable).with_name(COMMAND[0])),
            *COMMAND[1:],
            "--out",
            str(store),
            "--figure",
            str(FIGURE),
        ]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    table = "\n".join(line for line in printed.splitlines() if not line.startswith(("store:", "figure:")))
    shown = f"```\n$ {' '.join(COMMAND)}\n{table}\n```\n\n{READING}\n\n![{CAPTION}]({FIGURE.relative_to(DOCS.parent)})"
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{README} has no place for the output; put {BEGIN} and {END} on lines of their own")
    README.write_text(f"{before}{BEGIN}\n{shown}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
