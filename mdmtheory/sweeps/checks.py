"""What a row of a store must be to be believed, and in words what it is not.

A store may come from anywhere, and from a newer mdmtheory. What is said of a row is one line of its own: the rest of
the store does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from mdmtheory.core.estimate import Kind
from mdmtheory.core.printable import shortened
from mdmtheory.metrics.registry import measures
from mdmtheory.sweeps.choices import registries

if TYPE_CHECKING:
    from mdmtheory.sweeps.chunks import Chunk
    from mdmtheory.sweeps.tasks import Task

LARGEST = (1 << 63) - 1
"""The largest whole number that a frame of results holds."""

ASKED = ("metrics", "rules", "tags")
"""What a label says of how its task was asked for."""
_NAMES = ("model", "denoiser", "sampler", "schedule")
_UNKNOWN = "which this version of mdmtheory does not know"


def fault_of_task(task: Task) -> str | None:
    """Why a task cannot be shown, in words; None where it can."""
    try:
        about, names, families, asked = task.description, task.names, task.families, task.asked
    except (ValueError, RecursionError):
        return "is no JSON object"
    facts = set(measures()[about["measure"]].facts) if _is_measure(about.get("measure")) else set()
    unknown = sorted(about.keys() - _PARTS.keys() - facts)
    if unknown:
        return f"has {shortened(', '.join(unknown))}, {_UNKNOWN}"
    missing = sorted((_PARTS.keys() - _OPTIONAL | facts) - about.keys())
    if missing:
        return f"has no {', '.join(missing)}"
    for name, known in _PARTS.items():
        if name in about and not known(about[name]):
            value = about[name]
            said = type(value).__name__ if isinstance(value, dict | list) else shortened(repr(value), 60)
            return f"has {name} {said}, {_UNKNOWN}"
    try:
        prompt = ["prompt"] if task.given is not None else []
    except ValueError:
        return f"has a prompt that is none of length {about['length']}"
    if f"measure {about['measure']}" not in about["versions"]:
        return "has no version of its measure"
    if set(names) != {*_NAMES, *prompt} or not all(_is_name(*each) for each in names.items()):
        return "has names that are none"
    if any(names[name] is None for name in ("model", *prompt)):
        return "has names that are none"
    if (
        not isinstance(families, dict)
        or not families.keys() <= set(_NAMES)
        or not all(map(_is_text, families.values()))
    ):
        return "has families that are none"
    if not isinstance(asked, dict) or not asked.keys() <= set(ASKED) or not all(map(_are_texts, asked.values())):
        return "was asked for what is none"
    return None


def fault_of_counts(name: str, chunks: Sequence[Chunk]) -> str | None:
    """Why chunks cannot be those of the measure of this name, in words; None where they can."""
    measure = measures()[name]
    kinds: dict[str, type] = {**dict.fromkeys(measure.whole, int), **dict.fromkeys(measure.real, float)}
    needed = kinds.keys() - set(measure.later)
    fine: set[tuple[tuple[str, ...], tuple[type, ...]]] = set()
    for chunk in chunks:
        sums = chunk.sums
        form = tuple(sums), tuple(map(type, sums.values()))
        if form not in fine:  # that of nearly all chunks is one
            if not needed <= sums.keys():
                return f"has no {', '.join(sorted(needed - sums.keys()))} in chunk {chunk.index}"
            if any(kinds.get(each, kind) is not kind for each, kind in zip(*form, strict=True)):
                return f"has counts in chunk {chunk.index} that cannot be"
            fine.add(form)
        counts = [sums[each] for each in measure.whole]
        in_order = "errors" not in kinds or sums["impossible"] <= sums["errors"] <= sums["sequences"]
        if min(counts) < 0 or max(counts) > LARGEST or not in_order:
            return f"has counts in chunk {chunk.index} that cannot be"
    if sum(chunk.sums["sequences"] for chunk in chunks) > LARGEST:
        return "has more sequences than can be counted"
    return None


def _is_whole(value: Any, least: int = 1) -> bool:
    return type(value) is int and least <= value <= LARGEST


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_name(kind: str, value: Any) -> bool:
    """Whether a text is a name with options, or nothing; the name is not looked up."""
    if value is None:
        return True
    try:
        return isinstance(value, str) and bool(registries()[kind].read(value))
    except ValueError:
        return False


def _are_versions(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_whole(each, 0) for each in value.values())


def _is_measure(value: Any) -> bool:
    return isinstance(value, str) and value in measures()


def _is_stop(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"max_errors"} and _is_whole(value["max_errors"])


def _is_prompt(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"given", "drawn"} and _is_text(value["given"])


def _are_plug_ins(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() - {"plans"} != {"classes", "words"}:
        return False
    classes, words = value["classes"], value["words"]
    if not _is_text(value.get("plans", "none")):
        return False
    known = isinstance(classes, list) and isinstance(words, dict) and words.keys() == set(_NAMES)
    return known and all(map(_is_text, classes)) and all(each is None or _is_text(each) for each in words.values())


_PARTS: Mapping[str, Callable[[Any], bool]] = {
    "measure": _is_measure,
    "language": _is_text,
    "length": _is_whole,
    "seed": lambda value: _is_whole(value, 0),
    "steps": lambda value: value is None or _is_whole(value),
    "model": _is_text,
    "denoiser": lambda value: value is None or _is_text(value),
    "sampler": lambda value: value is None or _is_text(value),
    "schedule": lambda value: value is None or _is_text(value),
    "identity": _is_text,
    "versions": _are_versions,
    "kind": lambda value: isinstance(value, str) and value in get_args(Kind),
    "chunk": _is_whole,
    "reveals": _is_whole,
    "computed": lambda value: isinstance(value, dict),
    "stop": _is_stop,
    "plug_ins": _are_plug_ins,
    "prompt": lambda value: _is_prompt(value) and value["drawn"] == "language",
}
"""What stands in a task (sweeps/tasks.py), each with what it may be."""
_OPTIONAL = {"kind", "chunk", "reveals", "computed", "stop", "plug_ins", "prompt"}
