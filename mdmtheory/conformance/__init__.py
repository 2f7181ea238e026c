"""Suites that a language, a denoiser, a sampler or a model passes, built in or of one's own; see docs/plugins.md."""
