"""Limits on what a file or a line may ask for, by name, so that a message can say which one it was."""

from __future__ import annotations

MOST_TEXT_BYTES = 1 << 24
"""Bytes of a text file that a user names: a plan of a million positions has half of them."""

MOST_UNPACKED_BYTES = 1 << 28
"""Bytes that a compressed language file may unpack to; uncompressed, as it is saved, it takes its own size."""

MOST_HEADER_BYTES = 1 << 16
"""Bytes of the header of a language file."""
