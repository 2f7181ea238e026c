"""What says how likely each token is, by name."""

from mdmtheory.core.register import Register

DENOISERS = Register("denoiser")
