"""The same tokens on every processor: compiled for this one and for the plainest of its family."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import hashlib
import numpy as np
import mdmtheory as mt
from mdmtheory.core.streams import stream_states

plan = np.random.default_rng(0).integers(1, 60, (8, 120)).astype(np.int32)
for lang in ("hmm", "hmm:sticky=0.99", "ngram:order=2", "ngram:order=3", "ngram:order=4", "copy:distance=5"):
    q = mt.as_language(lang)
    x = q.sample(8, 120, seed=0)
    run = mt.Oracle(q).run_plan(plan, stream_states(lang, 0, 8))
    p = mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(q), epsilon=0.01), steps=20)
    drawn = p.sample(8, 120, seed=0)
    arrays = (x, run.tokens, drawn.tokens, run.calls)
    tokens = [hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() for array in arrays]
    print("tokens", lang, q.digest, *tokens)
    print("nats", lang, *(float(v).hex() for v in (q.log_prob(x).sum(), p.log_prob(x, 0).values.sum())))
"""


def lines(**environment):
    settings = {**os.environ, **environment}
    out = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=settings, capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in out.splitlines()]
    return [row for row in rows if row[0] == "tokens"], [row for row in rows if row[0] == "nats"]


def test_tokens_are_identical_and_nats_agree_on_a_generic_processor():
    tokens, nats = lines()
    generic_tokens, generic_nats = lines(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert len(tokens) == 6
    assert tokens == generic_tokens
    for here, there in zip(nats, generic_nats, strict=True):
        for a, b in zip(here[2:], there[2:], strict=True):
            a, b = float.fromhex(a), float.fromhex(b)
            assert abs(a - b) <= 1e-12 * abs(a)
