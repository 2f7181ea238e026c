"""Sweeps as TOML files: the command line's options as keys, and tables of them where one product is not enough."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.reading import toml_in
from mdmtheory.sweeps.cell import Cell
from mdmtheory.sweeps.cells import cells

OF_THE_RUN = ("level", "workers", "out", "figure", "tag", "keep_samples", "finish")
"""What says how to measure and where to, not what."""

GROUPS = "sweep"
"""The name of the tables in a file, `[[sweep]]`: each is a sweep of its own."""

_SINGLE: dict[str, tuple[tuple[type, ...], str, str]] = {
    "samples": ((int,), "a whole number", "2000"),
    "max_errors": ((int,), "a whole number", "100"),
    "check": ((bool,), "true or false", "true"),
    "level": ((float,), "a probability", "0.95"),
    "workers": ((int, str), "a number or auto", '"auto"'),
    "out": ((str,), "a text", '"results/sweep.sqlite"'),
    "figure": ((str,), "a text", '"results/sweep.png"'),
    "keep_samples": ((bool,), "true or false", "true"),
    "finish": ((bool,), "true or false", "true"),
}
KEYS = (
    *("lang", "length", "steps", "model", "denoiser", "sampler", "schedule", "prompt", "metrics", "seed", "tag"),
    *_SINGLE,
)
"""The keys of a sweep, in a file as on the command line; those of _SINGLE take one value, the others lists too."""


def examples() -> dict[str, Path]:
    """The sweeps that come with the project, by name: files of the package, in a clone those of `experiments/`."""
    package = Path(__file__).parents[1]
    folders = (package / "experiments", package.parent / "experiments")
    folder = next((each for each in folders if each.is_dir()), folders[0])
    found = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return {name: path for name, path in found.items() if "objective" not in toml_in(path)}


def example(name: str) -> Path:
    """The file of a sweep that comes with the project; ValueError lists them."""
    known = examples()
    if name not in known:
        raise ValueError(
            f"there is no example {name!r}{did_you_mean(name, known)}; "
            f"known: {', '.join(known)} (mdmtheory list examples)"
        )
    return known[name]


def read_toml(path: str | Path) -> dict[str, Any]:
    """The keys of a sweep from a TOML file; `sweep` holds its `[[sweep]]` tables. ValueError names an unknown key."""
    content = toml_in(path)
    groups = content.pop(GROUPS, None)
    found = _checked(content, f"{path}", KEYS)
    if groups is None:
        return found
    if not isinstance(groups, list) or not groups or not all(isinstance(group, dict) for group in groups):
        raise ValueError(f"{path}: {GROUPS} is no list of tables; head each of them [[{GROUPS}]]")
    own = tuple(key for key in KEYS if key not in OF_THE_RUN)
    found[GROUPS] = [
        _checked(group, f"{path}, [[{GROUPS}]] number {number}", own) for number, group in enumerate(groups, 1)
    ]
    return found


def cells_of(keys: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> list[Cell]:
    """The cells of what `read_toml` found: of each of its tables, or of the keys themselves where there is none.

    A table inherits the keys that stand above all tables; `given` wins over both. Cells that two tables share appear
    once. ValueError as of `cells`.
    """
    shared = {key: value for key, value in keys.items() if key not in (*OF_THE_RUN, GROUPS)}
    over = {key: value for key, value in (given or {}).items() if key not in OF_THE_RUN}
    found: dict[Cell, Cell] = {}
    for number, group in enumerate(keys.get(GROUPS, [{}]), 1):
        wanted = {**shared, **group, **over}
        if wanted.get("lang") is None:
            where = f"[[{GROUPS}]] number {number} has" if GROUPS in keys else "there is"
            raise ValueError(
                f"{where} no language; give --lang NAME (mdmtheory list languages prints them) or lang in a TOML file"
            )
        for cell in cells(**wanted):
            found[cell] = found.setdefault(cell, cell).also(cell)
    return list(found.values())


def _checked(table: Mapping[str, Any], where: str, known: tuple[str, ...]) -> dict[str, Any]:
    found = {key.replace("-", "_"): value for key, value in table.items()}
    for key, value in found.items():
        if key not in known:
            above = f" in a [[{GROUPS}]] table; write it above them" if key in KEYS else did_you_mean(key, known)
            raise ValueError(f"{where} has an unknown key {key!r}{above}; known: {', '.join(known)}")
        if isinstance(value, dict):
            raise ValueError(f"{where}: {key} is a table; write {key} = one value, a text or a list")
        kinds, expected, example = _SINGLE.get(key, ((type(value),), "", ""))
        if type(value) not in kinds:
            raise ValueError(f"{where}: {key} = {value!r} is not {expected}; write {key} = {example}")
    return found
