"""Lines that may be typed, in the help of every verb: those that a newcomer needs first."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "sweep": (
        "mdmtheory sweep --lang hmm --steps 64..2048",
        "mdmtheory sweep --lang hmm,ngram:order=3 --steps 16,64,256 --sampler ancestral,stride",
        "mdmtheory sweep --lang hmm --length 64..512 --steps L/4 --metrics ser -o results/length.sqlite",
        "mdmtheory sweep --example order",
    ),
    "show": ("mdmtheory show results/sweep.sqlite", "mdmtheory show results/sweep.sqlite --format csv"),
    "plot": ("mdmtheory plot results/sweep.sqlite --x steps --y ser -o ser.pdf",),
    "merge": ("mdmtheory merge A.sqlite B.sqlite -o both.sqlite",),
    "compare": ("mdmtheory compare results/sweep.sqlite --between sampler",),
    "steps": ("mdmtheory steps --lang hmm --length 64 --ser 0.01",),
    "train": ("mdmtheory train mdm --lang ngram:order=2 --length 64 --tokens 4M -o runs/bigram",),
    "budget": (
        "mdmtheory budget runs/bigram --steps 8..64 --sampler ancestral,stride,entropy,blocks --check",
        "mdmtheory budget window:width=2 --lang hmm --steps 16 --shares",
    ),
    "likelihood": (
        "mdmtheory likelihood runs/bigram",
        "mdmtheory likelihood runs/bigram --kind tube --samples 50 --plans 512",
    ),
    "profile": (
        "mdmtheory profile hf:models/bert --text held-out.txt --length 128 -o losses.csv",
        "mdmtheory profile runs/bigram --elbo",
    ),
    "audit": (
        "mdmtheory audit hf:models/bert --text held-out.txt --length 128 --steps 16,64 --page audit.html",
        "mdmtheory audit runs/bigram --check",
    ),
    "bounds": ("mdmtheory bounds", "mdmtheory bounds jensen --lang mine.npz --length 4 --format latex"),
    "certify": ("mdmtheory certify confidence", "mdmtheory certify my_module:MySampler"),
    "cite": ("mdmtheory cite confidence stride jensen", "mdmtheory cite > mdmtheory.bib"),
    "leaderboard": ("mdmtheory leaderboard", "mdmtheory leaderboard mine.toml --page mine.md"),
    "schedule": (
        "mdmtheory schedule --lang ngram:order=2 --steps 16,64,256",
        "mdmtheory schedule --curve losses.csv --length 1024 --steps 64 --sizes-out sizes.txt",
    ),
    "language new": (
        "mdmtheory language new hmm:sticky=0.99 -o sticky.npz",
        "mdmtheory language new hmm --initial i.csv --transition t.csv --emission e.csv -o mine.npz",
    ),
    "language fit": (
        "mdmtheory language fit book.txt --order 4 --smoothing kneser_ney -o book.npz",
        "mdmtheory language fit book.txt --states 16 -o hidden.npz",
        "mdmtheory language fit model.arpa -o model.npz",
    ),
    "language show": ("mdmtheory language show hmm:sticky=0.99", "mdmtheory language show mine.npz"),
    "language sample": ("mdmtheory language sample ngram:order=2 --count 5 --length 16",),
    "language": ("mdmtheory language show hmm", "mdmtheory language new hmm -o hmm.npz"),
    "list": ("mdmtheory list", "mdmtheory list samplers"),
    "info": ("mdmtheory info", "mdmtheory info --warm"),
    "help": ("mdmtheory help sweep", "mdmtheory help language new"),
}


def examples_of(verb: str) -> str | None:
    """What stands at the end of a verb's help; None where there are no examples of it."""
    lines = EXAMPLES.get(verb)
    return None if lines is None else "\n\n".join(["Examples:", *lines])
