"""Kill one training with SIGKILL at random moments, resume it each time, and compare it with an undisturbed one.

    python experiments/kills.py --kills 20 --out results/kills

Writes kills.csv, what each kill cost; experiments/kills.csv is such a file. Exits with 1 where the digests, or the
histories but for seconds, differ.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from mdmtheory.networks.runs import Run

LEG = """
import sys
import mdmtheory as mt

out, tokens, resume = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "resume"
mt.train("mdm", lang="ngram:order=2", length=64, size="nano", tokens=tokens, out=out, resume=resume,
         device="cpu", checkpoint_minutes=0.3 / 60, report=lambda progress: print(progress.step, flush=True))
"""


def started(out: Path, tokens: float) -> subprocess.Popen[str]:
    """A training in a process of its own, begun or resumed."""
    how = "resume" if out.exists() else "begin"
    words = [sys.executable, "-W", "ignore", "-c", LEG, str(out), str(tokens), how]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def killed(out: Path, tokens: float, seconds: float) -> int | None:
    """Kill a leg so many seconds after it is under way; the last step that it told of, None where it had finished."""
    leg = started(out, tokens)
    assert leg.stdout is not None
    said = leg.stdout.readline()
    time.sleep(seconds)
    leg.send_signal(signal.SIGKILL)
    said += leg.communicate()[0]
    return int(said.split()[-1]) if leg.returncode == -signal.SIGKILL else None


def unfinished(out: Path) -> bool:
    """Whether the kill fell into the writing of a checkpoint."""
    folders = [each for each in (out / "checkpoint").iterdir() if each.is_dir()]
    return any(not (each / "state.json").exists() or list(each.glob(".mdmtheory-*")) for each in folders)


def newest(out: Path) -> int:
    """The step of the newest finished checkpoint."""
    folders = [each for each in (out / "checkpoint").glob("step-*") if (each / "state.json").exists()]
    return max(int(each.name.removeprefix("step-")) for each in folders)


def history(out: Path) -> list[str]:
    """The lines of a history but for their seconds."""
    return [line.rpartition(",")[0] for line in (out / "history.csv").read_text(encoding="utf-8").splitlines()]


def main() -> int:
    """Run the experiment; 0 where killed and undisturbed training are the same to the bit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--tokens", type=float, default=1e6)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, default=Path("results/kills"))
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    undisturbed, disturbed = options.out / "undisturbed", options.out / "disturbed"
    leg = started(undisturbed, options.tokens)
    leg.communicate()
    if leg.returncode:
        return leg.returncode
    chance, rows = random.Random(options.seed), ["kill,seconds,last_step_told,step_gone_on_from,while_writing"]
    for kill in range(1, options.kills + 1):
        seconds = chance.uniform(0.0, 1.0)
        step = killed(disturbed, options.tokens, seconds)
        if step is None:
            print(f"finished before kill {kill}; pass more --tokens")
            break
        rows.append(f"{kill},{seconds:.3f},{step},{newest(disturbed)},{unfinished(disturbed)}")
        print(rows[-1], flush=True)
    started(disturbed, options.tokens).communicate()
    (options.out / "kills.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    one, other = Run.open(undisturbed), Run.open(disturbed)
    same = one.digest == other.digest and history(undisturbed) == history(disturbed)
    print(f"undisturbed  {one.digest}\ndisturbed    {other.digest}")
    print(f"{len(rows) - 1} kills; " + ("the same to the bit, and the same history" if same else "NOT THE SAME"))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
