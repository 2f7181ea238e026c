"""From an architecture to the network that it says."""

from __future__ import annotations

from mdmtheory.networks.architecture import Architecture
from mdmtheory.networks.encoder_decoder import EncoderDecoder
from mdmtheory.networks.transformer import Transformer

TokenNetwork = Transformer | EncoderDecoder
"""What says laws of tokens."""


def token_network(architecture: Architecture, *, seed: int) -> TokenNetwork:
    """The network, with the weights that the seed draws."""
    return (EncoderDecoder if architecture.encoded else Transformer)(architecture, seed=seed)
