"""An encoder-decoder: every next token of an answer from the prompt and the answer's tokens before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from mdmtheory.core.given import Given
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.register import registered
from mdmtheory.networks.architecture import Architecture, Size
from mdmtheory.training.objectives.ar import NextTokens


@registered("objective", place=4, sources=("vaswani2017",))
@dataclass(frozen=True)
class EncoderDecoderTokens(NextTokens):
    """The next token of an answer, of a decoder that looks at a prompt which an encoder read all around (1706.03762).

    -log p(answer | prompt) itself, as `ar` has it; its floor is H(answer | prompt). Prompts are first positions.
    """

    name: ClassVar[str] = "encdec"

    def check_given(self, given: Given | None) -> None:
        """MisfitError where nothing is given, or anything but the first positions."""
        if given is None:
            raise MisfitError(
                "objective encdec: its encoder reads a prompt, and none is given; pass --prompt prefix:size=8, take a "
                "task, or use ar"
            )
        super().check_given(given)

    def architecture(self, length: int, size: Size, *, level: bool, given: Given | None = None) -> Architecture:
        """A network of a size for it: so many layers to read, and so many to write."""
        self.check_given(given)
        assert given is not None
        network = super().architecture(length, size, level=level, given=given)
        return replace(network, encoded=length - given.answer_length)
