"""Command lines made at random, mostly small and right, sometimes absurd, over every verb and option that there is."""

from __future__ import annotations

import inspect
import random
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import typer.main

from mdmtheory.cli.main import app
from mdmtheory.sweeps.choices import registries
from mdmtheory.sweeps.files import KEYS

ABSURD = (
    "",
    " ",
    "-1",
    "0",
    "nan",
    "inf",
    "1e400",
    "-0.5",
    "1.5",
    "0x10",
    "1_000",
    "٣",
    "①",
    "True",
    "null",
    "~",
    "*",
    "../..",
    "9" * 30,
    "9" * 5000,
    "x" * 3000,
    "a:b",
    "a:b=c",
    ":",
    "=",
    ",",
    ",,",
    "a=b",
    "[1]",
    "{}",
    "'",
    '"',
    "\\",
    "%s",
    "\n",
    "a\nb",
    "\udcff",
    "é",
    "🙂",
    "/dev/zero",
    "/dev/null",
    "/dev/full",
    "/proc/self/mem",
    "/",
    ".",
    "nothere",
    "nothere/deep/er",
    "os:system",
    "builtins:exec",
    "builtins:object",
    "json:loads",
    "numpy:random",
    "--",
    "-",
    "-h",
)
SIZES = ("1", "2", "3", "4", "5", "8", "12", "16")
ABSURD_SIZES = (
    "0",
    "-3",
    "1048577",
    "1000000000",
    "1000000000000",
    "9" * 30,
    "2**63",
    "9223372036854775808",
    "1e3",
    "3.0",
)
STEPS = (
    *SIZES,
    "1..8",
    "2..9:3",
    "L",
    "L/2",
    "L/4",
    "1,2,4",
    "2,L/2",
    "8..1",
    "1..3:9",
    "L/0",
    "1..10:2:3",
    "1..1000000000000:1000000",
)
FILES = (
    "good.npz",
    "cut.npz",
    "empty.npz",
    "text.npz",
    "good.sqlite",
    "cut.sqlite",
    "empty.sqlite",
    "text.sqlite",
    "folder",
    "plan.txt",
    "sizes.txt",
    "curve.csv",
    "sweep.toml",
    "text.txt",
    "run",
    "folder/new.png",
    "new.sqlite",
    "new.png",
    "new.npz",
    "new.md",
    "link.sqlite",
    "given.toml",
    "given.csv",
    "given.txt",
)
METRICS = (
    "ser",
    "ter",
    "ter_ratio",
    "cross_entropy",
    "ser,ter",
    "ter_excess",
    "calls",
    "rounds",
    "steps",
    "length",
    "ser,,ter",
)
KINDS_OF_OPTIONS = {
    "lang": "lang",
    "spec": "lang",
    "denoiser": "denoiser",
    "sampler": "sampler",
    "schedule": "schedule",
    "schedules": "schedule",
    "model": "model",
}
BY_NAME: dict[str, tuple[str, ...]] = {
    "steps": STEPS,
    "length": (*SIZES, "4,8", "4..16"),
    "budgets": STEPS,
    "metrics": METRICS,
    "x": METRICS,
    "y": METRICS,
    "between": ("sampler", "lang", "steps", "nope"),
    "metric": METRICS,
    "hue": ("lang", "sampler", "lang,sampler", "seed"),
    "seed": ("0", "1", "0,1", "9223372036854775807"),
    "samples": ("1", "5", "40"),
    "count": ("1", "5", "40"),
    "max_errors": ("1", "3"),
    "workers": ("1", "2", "auto", "0", "999999"),
    "level": ("0.5", "0.95", "0.999999", "1", "0", "2"),
    "ids": ("T1", "ter_upper_bound", "replay", "jensen", "1", "2"),
    "run": ("run", "run", "window:width=1", "perturbed:epsilon=0.1", "oracle", "folder", "good.npz"),
    "subjects": ("confidence", "parity", "oracle", "masked", "good.npz", "run"),
    "kind": ("elbo", "iw,replay", "tube", "exact", "elbo,iw", "nope"),
    "plans": ("1", "4", "60"),
    "objective": ("mdm", "ar", "block:size=2", "uniform:steps=2", "gaussian", "mgdm:focal=1", "train.toml", "gan"),
    "size": ("layers=1,width=8,heads=2", "layers=2,width=4,heads=1", "layers=1,width=6,heads=4", "huge", "layers=0"),
    "tokens": ("64", "0.1k", "1e2", "4X", "1e-300"),
    "minutes": ("0.0005", "0.001", "0", "nan"),
    "data": ("fresh", "fixed:samples=8,epochs=2", "fixed:samples=8", "fixed:samples=3,epochs=1e300"),
    "targets": ("oracle", "tokens", "both"),
    "device": ("auto", "cpu", "cpu", "cuda", "cuda:7", "tpu"),
    "precision": ("float32", "float32", "bfloat16", "float16"),
    "threads": ("1", "1", "2", "999", "0"),
    "batch": ("1", "2", "4", "0", "1000000000"),
    "lr": ("0.003", "0.1", "1e300", "0", "nan"),
    "checkpoint_minutes": ("0", "0.001", "5", "-1", "nan"),
}


class Lines:
    """Command lines, each determined by a seed and its number."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._verbs = dict(_verbs(typer.main.get_command(app), ()))

    def case(self, number: int) -> dict[str, Any]:
        """The words of a line, and the files that it may name."""
        chance = random.Random(f"{self._seed} {number}")
        verb = chance.choice(sorted(self._verbs))
        words = list(verb)
        for parameter in self._verbs[verb]:
            needed = parameter.required or parameter.name in ("lang", "steps")
            needed |= verb == ("train",) and parameter.name in ("objective", "size", "out")
            often = 0.95 if needed else 0.25
            if chance.random() < often:
                words += _words(parameter, chance)
        words += _small(self._verbs[verb], words, chance)
        if verb == ("bounds",):  # enumerates all sequences and plans
            words = [chance.choice(("1", "2", "3")) if word in SIZES else word for word in words]
        if chance.random() < 0.03:
            chance.shuffle(words)
        if chance.random() < 0.03:
            words.insert(chance.randrange(len(words) + 1), chance.choice(ABSURD))
        if chance.random() < 0.1:
            words.append(chance.choice(("-v", "-q", "--help", "--version")))
        files = {"given.toml": _toml(chance), "given.csv": _csv(chance), "given.txt": _numbers(chance)}
        return {"words": [word.replace("\0", "") for word in words], "files": files}


def verbs_and_options() -> dict[tuple[str, ...], list[list[str]]]:
    """The verbs of the program, each with the spellings of each of its options."""
    return {
        verb: [each.opts for each in parameters if each.param_type_name == "option"]
        for verb, parameters in _verbs(typer.main.get_command(app), ())
    }


def _verbs(command: Any, before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    # `certify --all` takes half a minute, `info --warm` one.
    own = [each for each in command.params if each.name not in ("help", "everything", "warm")]
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from _verbs(each, (*before, name))
    else:
        yield before, own


def _words(parameter: Any, chance: random.Random) -> list[str]:
    if getattr(parameter, "is_flag", False):
        return [parameter.opts[0]]
    values = [_value(parameter, chance) for _ in range(chance.choice((1, 1, 2)) if parameter.nargs == -1 else 1)]
    return values if parameter.param_type_name == "argument" else [chance.choice(parameter.opts), *values]


def _value(parameter: Any, chance: random.Random) -> str:
    name = parameter.name
    if chance.random() < 0.06:
        return chance.choice(ABSURD)
    annotation = parameter.type_descriptor.annotation
    if typing.get_origin(annotation) is Literal:
        return str(chance.choice(typing.get_args(annotation)))
    if name in KINDS_OF_OPTIONS:
        return _specs(KINDS_OF_OPTIONS[name], chance)
    if name in BY_NAME:
        return chance.choice(ABSURD_SIZES if chance.random() < 0.1 else BY_NAME[name])
    if annotation is Path or Path in typing.get_args(annotation):
        return _path(parameter, chance)
    return chance.choice(SIZES if chance.random() < 0.8 else ABSURD_SIZES)


def _path(parameter: Any, chance: random.Random) -> str:
    liked = {
        "curve": ("curve.csv", "given.csv"),
        "file": ("sweep.toml", "given.toml"),
        "figure": ("new.png", "new.svg"),
        "store": ("good.sqlite",),
        "stores": ("good.sqlite", "other.sqlite"),
        "page": ("new.md",),
        "figures": ("pictures",),
        "out": ("new.sqlite", "new.npz", "new.png", "run"),
        "sizes_out": ("new.txt",),
    }.get(parameter.name, FILES)
    return chance.choice(liked if chance.random() < 0.8 else FILES)


def _specs(kind: str, chance: random.Random) -> str:
    return ",".join(_spec(kind, chance) for _ in range(chance.choice((1, 1, 1, 2))))


@cache
def _known(kind: str) -> dict[str, dict[str, inspect.Parameter]]:
    """The names of a kind, each with its options."""
    registry = registries()[kind]
    return {name: registry.options(name) for name in registry}


def _spec(kind: str, chance: random.Random) -> str:
    if kind == "lang" and chance.random() < 0.1:
        return chance.choice(FILES)
    name = chance.choice(sorted(_known(kind)))
    options = []
    for key, parameter in _known(kind)[name].items():
        if parameter.default is inspect.Parameter.empty or chance.random() < 0.4:
            options.append(f"{key}={_option(key, parameter, chance)}")
    if chance.random() < 0.03:
        options.append(chance.choice(ABSURD))
    return f"{name}:{','.join(options)}" if options else name


def _option(key: str, parameter: Any, chance: random.Random) -> str:
    if chance.random() < 0.05:
        return chance.choice(ABSURD)
    if "int" in str(parameter.annotation):
        if key in ("kinds", "depth"):  # states of brackets grow as a power of them
            return chance.choice(("0", "1", "2", "100000"))
        return chance.choice(("1", "2", "3", "4", "6") if chance.random() < 0.85 else ABSURD_SIZES)
    if "float" in str(parameter.annotation):
        return chance.choice(("0", "0.001", "0.3", "0.9", "1", "1.0", "2.5", "20", "1e-300", "1e300", "-1", "nan"))
    if "str" in str(parameter.annotation):
        return chance.choice(("plan.txt", "sizes.txt", "given.txt", "nothere", "/dev/zero", "folder", "run"))
    return chance.choice(("true", "false", "maybe"))


def _small(parameters: list[Any], words: list[str], chance: random.Random) -> list[str]:
    """What keeps a line quick, unless it says something else."""
    small = {
        "--samples": "5",
        "--count": "5",
        "--length": chance.choice(("4", "8")),
        "--workers": "1",
        "--no-laws": None,
        "--no-figure": None,
        "--no-figures": None,
    }
    if not {"--minutes", "--data"} & set(words):
        small["--tokens"] = "64"
    known = {opt for each in parameters for opt in each.opts}
    added: list[str] = []
    for option, value in small.items():
        seldom_drawn = value is None and chance.random() < 0.15
        if option in known and option not in words and not seldom_drawn:
            added += [option] if value is None else [option, value]
    return added


def _toml(chance: random.Random) -> str:
    def value(key: str) -> str:
        roll = chance.random()
        if roll < 0.1:
            return chance.choice(
                (
                    "[]",
                    "{}",
                    "1",
                    "-1",
                    "nan",
                    "inf",
                    "true",
                    "1979-05-27",
                    '""',
                    "[[1]]",
                    "{a=1}",
                    '"\\u0000"',
                    "9" * 30,
                )
            )
        if key in KINDS_OF_OPTIONS:
            text = _specs(KINDS_OF_OPTIONS[key], chance).replace("\\", "").replace('"', "").replace("\n", "")
            return f'"{text}"' if roll < 0.7 else f'["{text}"]'
        if key in ("samples", "max_errors"):
            return chance.choice(("1", "5"))
        if key == "level":
            return "0.9"
        if key in ("check", "keep_samples", "finish"):
            return "true"
        if key in ("out", "figure"):
            return '"new.sqlite"' if key == "out" else '"new.png"'
        liked = chance.choice(BY_NAME.get(key, SIZES))
        return liked if liked.isdecimal() and roll < 0.5 else f'"{liked}"'

    def table() -> list[str]:
        keys = [each for each in KEYS if chance.random() < 0.4]
        return [f"{chance.choice((key, key.replace('_', '-')))} = {value(key)}" for key in keys]

    lines = ['lang = "parity"', "steps = 2", "length = 4", "samples = 5"] if chance.random() < 0.3 else table()
    for _ in range(chance.choice((0, 0, 1, 2))):
        lines += ["[[sweep]]", *table()]
    if chance.random() < 0.1:
        lines.append(
            chance.choice(
                ("[sweep]", "x = " + "[" * 5000, "a.b = 1", "= 1", "lang", "[[", "\ufefflang = 'hmm'", "[a]" * 3)
            )
        )
    return "\n".join(lines)


def _csv(chance: random.Random) -> str:
    if chance.random() < 0.15:
        return chance.choice(
            (
                "",
                "\n",
                "mask_ratio,loss",
                "mask_ratio,loss\n",
                "0,1;1,0",
                "\ufeffmask_ratio,loss\n0.5,1",
                "mask_ratio;loss\n0.5;1",
                ABSURD[30],
            )
        )
    columns = [
        "mask_ratio",
        "loss",
        *(["stderr"] if chance.random() < 0.4 else []),
        *(["other"] if chance.random() < 0.1 else []),
    ]
    rows = [columns] if chance.random() < 0.9 else []
    for _ in range(chance.choice((1, 2, 3, 6))):
        row = [f"{chance.random():.3g}", f"{3 * chance.random():.3g}", "0.01", "x"][: len(columns)]
        if chance.random() < 0.05:
            row[chance.randrange(len(row))] = chance.choice(
                ("", "nan", "inf", "-1", "2", "1e400", "x", "1e-320", "0", "9" * 400)
            )
        if chance.random() < 0.03:
            row.append("1")
        rows.append(row)
    return "\n".join(",".join(row) for row in rows) + "\n"


def _numbers(chance: random.Random) -> str:
    count = chance.choice((0, 1, 4, 8))
    values = [
        chance.choice(("1", "2", "3", "1", "1", "0", "-1", "0.5", "nan", "x", "1048577", "9" * 30))
        if chance.random() < 0.1
        else "1"
        for _ in range(count)
    ]
    return chance.choice((" ".join(values), ",".join(values), f"[{','.join(values)}]", "\n".join(values)))
