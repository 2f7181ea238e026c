"""Files of numbers: reveal sizes, revealed fractions, the steps of a plan."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

from mdmtheory.core.reading import read_text


def read_numbers(path: str | PathLike[str]) -> list[Any]:
    """The numbers of a text, CSV or JSON file in a row, integers as int; ValueError says what cannot be read.

    Outside JSON they stand between white space, commas or semicolons, and # starts a comment.
    """
    text = read_text(path, "pass a text, CSV or JSON file of numbers")
    if text.lstrip().startswith(("[", "{")):
        try:
            pieces = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not valid JSON: {error}; write a list of numbers") from error
        if not isinstance(pieces, list):
            raise ValueError(f"{path} holds a JSON object; write a list of numbers")
    else:
        lines = (line.partition("#")[0] for line in text.splitlines())
        pieces = [piece for line in lines for piece in line.replace(",", " ").replace(";", " ").split()]
    if not pieces:
        raise ValueError(f"{path} holds no numbers; write a list of numbers")
    return [_number(piece, path) for piece in pieces]


def _number(piece: Any, path: str | PathLike[str]) -> int | float:
    if isinstance(piece, str):
        for convert in (int, float):
            try:
                piece = convert(piece)
                break
            except ValueError:
                continue
    # The comparison refuses NaN too.
    if isinstance(piece, bool) or not isinstance(piece, int | float) or not abs(piece) < 2**63:
        raise ValueError(f"{path} holds {piece!r}, which is no number; write a list of numbers")
    return piece
