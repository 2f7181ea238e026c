"""Run folders of networks that nobody trained: their weights are drawn, so that they say something."""

from __future__ import annotations

from pathlib import Path

import torch

import mdmtheory as mt
from mdmtheory.networks.architecture import Architecture
from mdmtheory.networks.runs import RunRecord, extras_of, network_digest, write_run
from mdmtheory.networks.transformer import Transformer


def written_run(
    folder: Path,
    *,
    language: str = "ngram:order=2",
    length: int = 8,
    attention: str = "bidirectional",
    noise: str = "masked",
    seed: int = 0,
    embedding: torch.Tensor | None = None,
    **more,
) -> mt.Run:
    """A run of a small network in a folder."""
    q = mt.as_language(language)
    if attention == "block":
        more.setdefault("block", 4)
    dim = None if embedding is None else embedding.shape[1]
    architecture = Architecture(q.vocab_size, length, 2, 16, 2, attention=attention, dim=dim, **more)
    network = Transformer(architecture, seed=seed)
    with torch.no_grad():
        network.out.weight.normal_(generator=torch.Generator().manual_seed(seed))
    state = dict(network.state_dict())
    if embedding is not None:
        state["embedding"] = embedding
    objective = {"bidirectional": "mdm", "causal": "ar", "block": "block:size=4"}[attention]
    digest = network_digest(architecture, noise, extras_of(noise, objective), state)
    record = RunRecord(
        objective=objective,
        noise=noise,
        proper=True,
        architecture=architecture.to_json(),
        language=language,
        language_digest=q.digest,
        length=length,
        targets="oracle",
        data="fresh",
        tokens=length,
        steps=1,
        batch=1,
        minutes=None,
        seed=seed,
        optimiser={},
        threads=1,
        device="cpu",
        precision="float32",
        versions={},
        trained_tokens=0,
        trained_steps=0,
        seconds=0.0,
        finished=True,
        results={},
        digest=digest,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_run(folder, record, state, q)
    return mt.Run.open(folder)
