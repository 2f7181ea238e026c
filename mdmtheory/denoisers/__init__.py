"""What says how likely each token is, by name."""

from mdmtheory.denoisers.names import Denoisers

DENOISERS = Denoisers("denoiser")
