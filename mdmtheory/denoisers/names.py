"""What stands for a denoiser where one is typed: a registered name, the folder of a run, or `module:name`."""

from __future__ import annotations

from pathlib import Path

from mdmtheory.core.spec import Spec
from mdmtheory.denoisers import DENOISERS
from mdmtheory.networks.runs import RUN


def as_denoiser_spec(text: str) -> Spec:
    """The spec of what was typed; ValueError for what is no spec, and for models of others, which are not taken yet.

    A registered name wins. Else a text with a slash in what would be its name, or a folder with a record of a run, is
    the network of that run.

    >>> str(as_denoiser_spec("runs/bigram-mdm"))
    'network:run=runs/bigram-mdm'
    """
    text = text.strip()
    head = text.partition("=")[0]  # paths in options are theirs
    name = head.partition(":")[0]
    if name in DENOISERS:
        return Spec.parse(text)
    if name == "hf":
        raise ValueError(f"{text}: models in the form of Hugging Face are not taken yet; name the folder of a run")
    if "/" in head or _has_record(text):
        return Spec.of("network", run=str(Path(text)))
    return Spec.parse(text)


def _has_record(text: str) -> bool:
    try:
        return bool(text) and (Path(text) / RUN).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
