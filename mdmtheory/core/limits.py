"""Limits on what a file or a line may ask for, by name, so that a message can say which one it was."""

from __future__ import annotations

MOST_TEXT_BYTES = 1 << 24
"""Bytes of a text file that a user names: a plan of a million positions has half of them."""

MOST_UNPACKED_BYTES = 1 << 28
"""Bytes that a compressed language file may unpack to; uncompressed, as it is saved, it takes its own size."""

MOST_HEADER_BYTES = 1 << 16
"""Bytes of the header of a language file."""

MOST_LENGTH = 1 << 20
"""Tokens of a sequence, as many as a plan has steps: some hundred bytes each are in use at once."""

MOST_SEQUENCES = 1 << 40
"""Sequences of a measurement: their number, and that of their tokens, fits the 64 bits of a store."""

MOST_VALUES = 10_000
"""Numbers of a list or a range, each of which makes cells."""

MOST_CELLS = 100_000
"""Cells of a sweep, each of which is built before anything is measured."""

MOST_TABLE_ENTRIES = 1 << 26
"""Probabilities of a random language: 512 MiB, of which there are several copies while it is drawn."""

MOST_EMISSIONS = 1 << 28
"""Probabilities of tokens in the states of a random HMM, which are drawn some states at a time: 2 GiB."""

MOST_STORED_ENTRIES = 1 << 26
"""Numbers of a language that a store holds, 512 MiB; a larger one is there by its name and digest alone."""

MOST_ENTRIES_AT_ONCE = 1 << 29
"""Tokens of a sequence times states or vocabulary: an oracle keeps a number for each, 4 GiB."""

MOST_SUPPORT_STATES = 1 << 13
"""States of the automaton that reads what a language has: 8 MiB of bits for what follows what."""

MOST_STATE_SETS = 1 << 12
"""Sets of its states that are told apart at one position while a step is drawn together (kernels/completable.py)."""

MOST_ANSWERS = 1 << 17
"""Right answers of one prompt that are listed: an oracle filters them at each call."""

MOST_SEARCHED = 1 << 24
"""Trials of a search for right answers: some seconds. A prompt with no answer may need as many as there are."""

MOST_LISTED_BYTES = 1 << 30
"""Bytes of the lists of answers that a canvas, or a task for later, keeps at once."""


def check_limit(value: int, most: int, limit: str, what: str, instead: str) -> None:
    """ValueError in one line, with the limit's name and what to do `instead`, for what is above it."""
    if value > most:
        raise ValueError(f"{what}, more than {limit} = {most:,} (mdmtheory.core.limits); {instead}")
