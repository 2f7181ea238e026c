"""What generates sequences, by name."""

from mdmtheory.core.register import Register

MODELS = Register("model")
