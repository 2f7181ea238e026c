"""A masked language model in the form of Hugging Face, in the oracle's place."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike, fspath

from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.integers import WholeNumber, whole_numbers
from mdmtheory.core.protocols import Canvas, Denoiser, Identity, Language
from mdmtheory.core.register import registered
from mdmtheory.core.sources import SOFTWARE
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.denoisers.of_run import TOKENS_AT_ONCE
from mdmtheory.networks.checkpoint import Checkpoint, read_checkpoint
from mdmtheory.networks.devices import as_precision
from mdmtheory.oracles.tensors.devices import as_device

LOGITS_AT_ONCE = {"cpu": 1 << 26, "cuda": 1 << 32}
"""Logits that one forward pass makes at most; they are numbers of the network's precision, on its device."""


class HuggingFace(DenoiserDefaults):
    """What a masked or diffusion language model of somebody else says, from its folder, or its name on the hub.

    Token j is the j-th, in rising order, of the numbers that its tokenizer can give to text, without special tokens;
    the mask is the token after them, as everywhere. `device`, `precision` and `batch` as for `Network`. `shift`: its
    logits at a position are of the token after it (Dream). `mask` is its number of the mask where it names none;
    without `frame` the special tokens that its tokenizer puts around a text are left out.

    A checkpoint that was read already is taken with its conventions. A model of the hub is taken from what is kept of
    it on this machine, or downloaded where `download` says so; code that a checkpoint brings along runs where
    `trust_remote_code` says so. Its identity is the digest of weights, configuration and conventions. ValueError in one
    line for what is no masked language model or does not load whole.
    """

    noises = frozenset({"masked"})
    tolerance = 1e-4

    @whole_numbers(batch=1, mask=0)
    def __init__(
        self,
        path: str | PathLike[str] | Checkpoint,
        *,
        device: str = "auto",
        batch: int | None = None,
        precision: str | None = None,
        shift: bool = False,
        mask: WholeNumber | None = None,
        frame: bool = True,
        trust_remote_code: bool = False,
        download: bool = False,
    ) -> None:
        self.checkpoint = (
            path
            if isinstance(path, Checkpoint)
            else read_checkpoint(
                fspath(path),
                trust_remote_code=trust_remote_code,
                download=download,
                mask=mask,
                frame=frame,
                shift=shift,
            )
        )
        self.vocab_size = self.checkpoint.vocab_size
        self.device = as_device(device)
        self.precision = as_precision(precision, self.device)
        self._batch = batch
        typed = {
            "device": None if device == "auto" else device,
            "batch": batch,
            "precision": precision,
            "shift": shift or None,
            "mask": mask,
            "frame": None if frame else False,
            "trust_remote_code": trust_remote_code or None,
        }
        self._typed = {key: value for key, value in typed.items() if value is not None}
        self.spec = Spec.of("hf", path=self.checkpoint.path, **self._typed)
        self.computed = {"precision": self.precision, "batch": f"{self._at_once} tokens" if batch is None else batch}
        self._place()

    def _place(self) -> None:
        """Move the model to its device, in its precision there."""
        import torch

        self.checkpoint.model.to(self.device, torch.bfloat16 if self.precision == "bfloat16" else torch.float32)

    @property
    def identity(self) -> Identity:
        """The digest of weights, configuration and conventions."""
        return Identity("hf", 1, self.checkpoint.digest)

    @property
    def recorded(self) -> Spec:
        """What stored results call it, wherever its folder lies."""
        return Spec.of("hf", digest=self.checkpoint.digest)

    def read_with(self, *, shift: bool) -> HuggingFace:
        """The same model, its logits read at the positions that `shift` says."""
        other = replace(self.checkpoint, shift=shift)
        return HuggingFace(other, device=self.device, precision=self.precision, batch=self._batch)

    def __repr__(self) -> str:
        said = "".join(f", {key}={value!r}" for key, value in self._typed.items())
        return f"HuggingFace({self.checkpoint.path!r}{said})"

    def batch(self, length: int) -> int:
        """How many sequences it takes at once: as was asked, or so many that their logits fit into memory."""
        if self._batch is not None:
            return self._batch
        return max(1, self._at_once // max(1, self._framed(length)))

    @property
    def _at_once(self) -> int:
        """Tokens that it takes at once, where it was not said how many sequences."""
        kind = "cpu" if self.device == "cpu" else "cuda"
        return min(TOKENS_AT_ONCE[kind], LOGITS_AT_ONCE[kind] // int(self.checkpoint.ids[-1] + 1))

    @property
    def longest(self) -> int | None:
        """How many tokens a sequence can have; None where the model does not say."""
        positions = self.checkpoint.longest
        return None if positions is None else positions - self._framed(0)

    def _framed(self, length: int) -> int:
        """Positions of a sequence and what stands around it."""
        return length + len(self.checkpoint.before) + len(self.checkpoint.after)

    def validate_length(self, length: int) -> None:
        """ValueError for more positions than the model has."""
        if self.longest is not None and length > self.longest:
            raise ValueError(
                f"{self.checkpoint.path} has {self.checkpoint.longest} positions, and {length} tokens take "
                f"{self._framed(length)} with the special ones around them; use --length {self.longest} or less"
            )

    @whole_numbers(count=0, length=1, threads=1)
    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> Canvas:
        """A canvas of the model; ValueError for another noise, or too long a sequence."""
        if noise not in self.noises:
            raise ValueError(f"{self.checkpoint.path} takes no {noise!r} noise; known: masked")
        self.validate_length(length)
        from mdmtheory.networks.checkpoint_canvas import CheckpointCanvas

        return CheckpointCanvas(self.checkpoint, count, length, self.device, prompt)


@registered("denoiser", "hf", version=1, place=6, examples=(), learned=True, sources=(SOFTWARE,))
def named(
    language: Language,
    *,
    path: str,
    device: str = "auto",
    batch: int | None = None,
    precision: str | None = None,
    shift: bool = False,
    mask: int | None = None,
    frame: bool = True,
    trust_remote_code: bool = False,
    download: bool = False,
) -> Denoiser:
    """A masked language model in the form of Hugging Face, typed as hf:FOLDER or hf:NAME:batch=64."""
    found = HuggingFace(
        path,
        device=device,
        batch=batch,
        precision=precision,
        shift=shift,
        mask=mask,
        frame=frame,
        trust_remote_code=trust_remote_code,
        download=download,
    )
    if found.vocab_size != language.vocab_size:
        raise ValueError(
            f"{path} says laws of {found.vocab_size} tokens and the language {language.spec} has "
            f"{language.vocab_size}; name the language that it was trained on"
        )
    return found
