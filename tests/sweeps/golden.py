"""Small draws and scores of every component, written down.

When a test says that they changed and the change is meant, raise the version that what changed says of itself,
so that stores do not mix old and new numbers, and write the new ones down:

    python -m tests.sweeps.golden
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from mdmtheory.metrics.measure import Sequences
from mdmtheory.sweeps import cells
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.passes import passes_of
from mdmtheory.sweeps.tasks import tasks_of

FILE = Path(__file__).with_name("golden.json")
CUBES = FILE.with_name("golden_cubes.json")
COUNT = 60

_LANGUAGES = {
    "affine": "affine:checks=3,period=7",
    "balanced": "balanced",
    "book": "book:order=3,smoothing=kneser_ney",
    "copy": "copy:distance=3,vocab_size=4",
    "dyck": "dyck:kinds=2,depth=2",
    "equal_pairs": "equal_pairs:vocab_size=4",
    "hmm": "hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1",
    "ngram 1": "ngram:order=1,vocab_size=4",
    "ngram 2": "ngram:order=2,vocab_size=4",
    "ngram 3": "ngram:order=3,vocab_size=4",
    "one_hot": "one_hot:block=3",
    "parity": "parity",
    "permutation": "permutation:items=12",
    "repetition": "repetition:vocab_size=4",
    "tree": "tree:arity=2,nodes=7,vocab_size=3",
    "walk": "walk:vocab_size=5",
}
_TIED = {"lang": _LANGUAGES["ngram 2"], "length": 12, "steps": 3}
_ANCESTRAL = {"lang": _LANGUAGES["hmm"], "length": 12, "steps": 3}
CASES: dict[str, dict[str, Any]] = {
    **{f"language {name}": {**_ANCESTRAL, "lang": spec, "check": True} for name, spec in _LANGUAGES.items()},
    **{
        f"language {name.partition(':')[0]}": {"lang": name, "steps": 3, "check": True}
        for name in (
            *("finite", "sudoku:size=4", "sat:variables=5", "countdown:numbers=3", "lists:items=4", "latin"),
            *("path:nodes=7,distance=2", "paths:layers=4,width=3"),
            *("addition:chain=after", "arithmetic:chain=after", "rotation:chain=before", "ctree"),
        )
    },
    "language addition, joint": {"lang": "addition:given=joint", "steps": 3, "check": True},
    "language arithmetic, joint": {"lang": "arithmetic:operations=2,given=joint", "steps": 3, "check": True},
    "language rotation, joint": {"lang": "rotation:given=joint,chain=after", "steps": 3, "check": True},
    "language book, as arcs": {**_ANCESTRAL, "lang": "book:order=4", "check": True},
    "language ctree, of any class": {"lang": "ctree:given=none", "steps": 3, "check": True},
    "model ar": {**_ANCESTRAL, "model": "ar"},
    "model jacobi": {**_ANCESTRAL, "model": "jacobi:window=5"},
    "model uniform": {**_ANCESTRAL, "model": "uniform"},
    "model uniform tweedie": {**_ANCESTRAL, "model": "uniform:update=tweedie", "schedule": "cosine"},
    "model gaussian": {**_ANCESTRAL, "model": "gaussian"},
    "model ssd": {**_ANCESTRAL, "model": "ssd:size=5,nucleus=0.9", "metrics": "ser"},
    "model vdm": {**_ANCESTRAL, "model": "vdm"},
    "model gaussian ddim": {**_ANCESTRAL, "model": "gaussian:update=ddim,embedding=random,dim=3", "metrics": "ser"},
    "model block": {**_ANCESTRAL, "model": "block:size=5"},
    "model block entropy": {**_ANCESTRAL, "model": "block:size=5", "sampler": "entropy:ties=lowest"},
    "model block entropy, ties at random": {**_ANCESTRAL, "model": "block:size=5", "sampler": "entropy"},
    "denoiser perturbed": {**_ANCESTRAL, "denoiser": "perturbed:epsilon=0.05"},
    "denoiser window": {**_ANCESTRAL, "denoiser": "window:width=2"},
    "denoiser hops": {"lang": "path:nodes=7,distance=2", "steps": 3, "denoiser": "hops:edges=1"},
    "denoiser singles": {"lang": "sudoku:size=4", "steps": 3, "denoiser": "singles"},
    "denoiser propagate": {"lang": "sat:variables=5", "steps": 3, "denoiser": "propagate:depth=1"},
    "denoiser carry": {"lang": "addition", "steps": 3, "denoiser": "carry:columns=1"},
    **{
        f"sampler {name}": {**_ANCESTRAL, "sampler": name}
        for name in ("bisection", "bit_reversed", "blocks", "first_hitting", "fixed", "left_to_right", "stride")
    },
    "sampler bisection of blocks": {**_ANCESTRAL, "sampler": "bisection:block=2"},
    "sampler plan": {**_ANCESTRAL, "sampler": "plan:file=plan.txt"},
    "sampler ancestral tempered": {**_ANCESTRAL, "sampler": "ancestral:temperature=0.7", "check": True},
    "sampler stride with a nucleus": {**_ANCESTRAL, "sampler": "stride:nucleus=0.9,ties=lowest", "metrics": "ser"},
    "sampler stride above min_p": {**_ANCESTRAL, "sampler": "stride:min_p=0.3", "metrics": "ser"},
    "sampler fixed greedy": {**_ANCESTRAL, "sampler": "fixed:temperature=0,ties=lowest", "metrics": "ser"},
    "sampler fixed greedy, ties at random": {**_TIED, "sampler": "fixed:temperature=0", "metrics": "ser"},
    "sampler stride with a nucleus, ties at random": {**_TIED, "sampler": "stride:nucleus=0.6", "metrics": "ser"},
    "sampler ancestral in float32": {**_ANCESTRAL, "sampler": "ancestral:precision=float32", "metrics": "ser"},
    "model block tempered": {**_ANCESTRAL, "model": "block:size=5", "sampler": "ancestral:temperature=0.7"},
    **{
        f"sampler {name.partition(':')[0]}": {**_ANCESTRAL, "sampler": name}
        for name in (
            "confidence:ties=lowest",
            "entropy:ties=lowest",
            "entropy_bound:gamma=0.5,ties=lowest",
            "entropy_sum:h=1,ties=lowest",
            "independent:mu=0.05,ties=lowest",
            "margin:temperature=0.7,ties=lowest",
            "threshold:tau=0.6,ties=lowest",
            "verify:k=3",
        )
    },
    **{
        f"sampler {name.partition(':')[0]}, ties at random": {**_TIED, "sampler": name}
        for name in ("confidence", "entropy_bound:gamma=0.5", "independent:mu=0.05", "threshold:tau=0.6")
    },
    **{
        f"sampler {name.partition(':')[0]}": {**_ANCESTRAL, "steps": 4, "sampler": name, "metrics": "ser"}
        for name in (
            "redraw",
            "remdm-cap:eta=0.3",
            "remdm-conf",
            "remdm-loop:eta=0.3",
            "remdm-rescale:eta=0.5",
            "topk_remask:nucleus=0.9,ties=lowest",
        )
    },
    "sampler rdm": {**_TIED, "steps": 4, "sampler": "rdm", "metrics": "ser"},
    "sampler topk_remask, ties at random": {**_TIED, "steps": 4, "sampler": "topk_remask", "metrics": "ser"},
    "sampler in float32": {**_ANCESTRAL, "sampler": "confidence:precision=float32,ties=lowest", "metrics": "ser"},
    "sampler draw_confidence": {**_ANCESTRAL, "sampler": "draw_confidence:ties=lowest", "metrics": "ser"},
    "measures of z": {**_ANCESTRAL, "denoiser": "perturbed:epsilon=0.05", "metrics": "ser_walk,z"},
    "walks of a rule": {**_TIED, "denoiser": "window:width=2", "sampler": "confidence", "metrics": "ser_walk"},
    "walks of whole steps": {**_ANCESTRAL, "metrics": "ser_sharp"},
    "walks by shared steps": {**_ANCESTRAL, "steps": 40, "metrics": "ser_shared"},
    "walks through contexts where mass dies": {**_ANCESTRAL, "sampler": "stride", "metrics": "ser_tilted"},
    "prompt prefix": {**_ANCESTRAL, "prompt": "prefix:size=5", "check": True},
    "prompt random, ties at random": {**_TIED, "sampler": "confidence", "prompt": "random:size=5"},
    "prompt every, block by block": {**_ANCESTRAL, "model": "block:size=3", "prompt": "every:stride=3"},
    "prompt infill, in order": {**_ANCESTRAL, "model": "ar", "prompt": "infill:size=7"},
    **{
        f"schedule {name.partition(':')[0]}": {**_ANCESTRAL, "schedule": name}
        for name in ("cosine", "polynomial:power=2", "geometric", "odds:span=20", "file:path=sizes.txt")
    },
}


def measured(case: str) -> dict[str, Any]:
    """By measure: the versions that the task names, the counts of a few sequences, and a digest of their tokens."""
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        try:
            Path("plan.txt").write_text("1 2 3 1 2 3 4 4 4 1 2 3")
            Path("sizes.txt").write_text("6 3 2 1")
            [cell] = cells(**CASES[case])
            language, model = Builder().build(cell)
        finally:
            os.chdir(before)
    found = {}
    for task in tasks_of(cell, language, model):
        [work] = passes_of([(task, language, model)])
        [sums] = work.count(0, COUNT, (0,))
        if task.measure == "draw":
            prompts = Sequences(language, cell.length, cell.seed, 0, COUNT, task.given).to_draw(1)
            tokens = model.sample(COUNT, cell.length, cell.seed, threads=1, **prompts).tokens
        else:
            tokens = language.sample(COUNT, cell.length, cell.seed, threads=1)
        digest = hashlib.sha256(tokens.astype("<u2").tobytes()).hexdigest()[:16]
        nonzero = {name: value for name, value in sums.items() if value}
        found[task.measure] = {"versions": task.description["versions"], "counts": nonzero, "tokens": digest}
    return found


def without_cubes(counts: dict[str, Any]) -> dict[str, Any]:
    """What of the sums is written in FILE; third sums came later, and stand in CUBES."""
    return {name: value for name, value in counts.items() if not name.endswith("_cubed")}


def cubes(counts: dict[str, Any]) -> dict[str, Any]:
    """The third sums."""
    return {name: value for name, value in counts.items() if name.endswith("_cubed")}


if __name__ == "__main__":
    every = {case: measured(case) for case in CASES}
    third = {case: {measure: cubes(each["counts"]) for measure, each in found.items()} for case, found in every.items()}
    for found in every.values():
        for each in found.values():
            each["counts"] = without_cubes(each["counts"])
    FILE.write_text(json.dumps(every, indent=1, sort_keys=True) + "\n")
    CUBES.write_text(json.dumps(third, indent=1, sort_keys=True) + "\n")
