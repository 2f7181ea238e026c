"""Run the README's examples and write what they printed and drew into it: `make readme`.

`python docs/readme.py NAME` does one of them: `output` is the main job, `trained` the one with a network.
"""

from __future__ import annotations

import resource
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
README = DOCS.parent / "README.md"
FIGURE = DOCS / "ter_ser_vs_steps.png"
EXAMPLES = {
    "output": ["mdmtheory sweep --lang hmm --steps 64..2048"],
    "trained": [
        "mdmtheory train mdm --lang ngram:order=2 --length 64 --tokens 4M --out runs/bigram",
        "mdmtheory sweep --lang ngram:order=2 --length 64 --steps 8,64,256 --samples 500 --denoiser runs/bigram,oracle",
        "mdmtheory budget runs/bigram --steps 8,64,256 --samples 500",
    ],
}
"""Commands by the name of their place in the README."""

READING = {
    "output": f"""\
`calls` are a mean over the sequences drawn to their end: a sequence that has gone wrong is given up.

![TER and SER of the preset HMM against steps]({FIGURE.relative_to(DOCS.parent)})""",
    "trained": "All of it took {seconds:.0f} seconds of a processor; the column of seconds is left out here.",
}
FILES = ("store:", "figure:", "run:", "losses:")
"""How lines begin that only say where something was written."""


def main(names: list[str]) -> None:
    """Each example in a new folder, so that every number is measured now."""
    for name in names or EXAMPLES:
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryDirectory() as folder:
            shown = "\n\n".join(f"$ {command}\n{printed(command, folder)}" for command in EXAMPLES[name])
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime
        put(name, f"```\n{shown}\n```\n\n{READING[name].format(seconds=seconds)}")


def printed(command: str, folder: str) -> str:
    """What a command prints on stdout, but for where it wrote its files; the figure of the main job goes to docs/."""
    words = shlex.split(command)
    words += ["--figure", str(FIGURE)] if [command] == EXAMPLES["output"] else []
    words[0] = str(Path(sys.executable).with_name(words[0]))
    said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, cwd=folder).stdout
    lines = [line for line in said.splitlines() if not line.startswith(FILES)]
    return "\n".join(lines if [command] == EXAMPLES["output"] else without_seconds(lines))


def without_seconds(lines: list[str]) -> list[str]:
    """The lines of a table but for its last column, where that is what each row took."""
    at = next((line.index("seconds") for line in lines if line.endswith("  seconds")), None)
    return [line[:at].rstrip() for line in lines]


def put(name: str, text: str) -> None:
    """Into its place in the README."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = README.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{README} has no place for {name}; put {begin} and {end} on lines of their own")
    README.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
