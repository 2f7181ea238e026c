"""Tasks: what exactly a row of counts was measured of, so that equal work has one name wherever it is done.

A task's name is the SHA-256 of its canonical JSON. Whatever the numbers depend on stands in it: what is measured, the
language's digest, the model, the length, the seed, and a version of every component that draws or scores, which it says
of itself. When a change of code changes numbers, the golden values in tests/sweeps fail, and the component's version is
raised: old counts then belong to other tasks, and are never mixed with new ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mdmtheory.core.given import Given
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.origin import plug_ins_in
from mdmtheory.core.plugins import built_by_plug_in
from mdmtheory.core.printable import printable
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import canonical_json, digest, stream_states
from mdmtheory.languages.kinds import built_in_kind, kinds
from mdmtheory.metrics.registry import as_metric, measures
from mdmtheory.models.constraint import CONSTRAINED_VERSION
from mdmtheory.prompts.drawing import PROMPTS_VERSION
from mdmtheory.prompts.registry import given_positions
from mdmtheory.sweeps.choices import registries

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language, SequenceModel
    from mdmtheory.metrics.measure import Measure
    from mdmtheory.sweeps.cell import Cell

_PROBES = 16
"""Plans by which a law over plans from outside is known."""

CHUNK_TOKENS = 1 << 15
"""Tokens in a chunk: long enough that starting one costs nothing, short enough that losing one costs nothing."""

_OF_THE_MEASUREMENT = ("measure", "kind", "stop", "versions")
"""What of a task's description is not about its cell."""

STREAMS_VERSION = 1
"""Raise it when streams give other numbers; what takes them (languages, samplers, measures, ...) says its own."""


@whole_numbers(length=1)
def chunk_size(length: int) -> int:
    """Whole sequences in a chunk, where no denoiser asks for another batch."""
    return max(1, CHUNK_TOKENS // length)


@dataclass(frozen=True)
class Task:
    """One measurement of one cell. `json` is canonical.

    `label` holds the names as typed, the families that plug-ins say they belong to, and what was asked for when it was
    measured; these identify nothing. What is given stands in both, in the JSON as positions, and in neither where
    nothing is.
    """

    json: str
    label: str

    @cached_property
    def sha(self) -> str:
        """SHA-256 of the JSON, in hex."""
        return hashlib.sha256(self.json.encode()).hexdigest()

    @cached_property
    def description(self) -> dict[str, Any]:
        """What the JSON says; ValueError or RecursionError where it is no object."""
        return _object(self.json)

    @cached_property
    def names(self) -> dict[str, Any]:
        """Names as they were typed: model, denoiser, sampler, schedule, and a prompt if something is given.

        What cannot be printed is written out.
        """
        names = {name: text for name, text in _object(self.label).items() if name not in ("families", "asked")}
        return {name: printable(text) if isinstance(text, str) else text for name, text in names.items()}

    @cached_property
    def families(self) -> Any:
        """The families that plug-ins said they belong to, by `model` or `sampler`: how they are drawn."""
        return _object(self.label).get("families", {})

    @cached_property
    def asked(self) -> Any:
        """The `metrics` that were asked for, the `rules` that made its steps and its `tags`, each a list of texts.

        Stores of earlier versions did not write them down; without `metrics` nobody knows which were asked for.
        """
        return _object(self.label).get("asked", {})

    def joined(self, other: Task) -> Task:
        """The same task, with what was asked for of both."""
        mine, theirs = self.asked, other.asked
        asked = {name: [*dict.fromkeys([*mine.get(name, ()), *theirs.get(name, ())])] for name in {**mine, **theirs}}
        if not mine.keys() >= {"metrics"} <= theirs.keys():
            asked.pop("metrics", None)
        return Task(self.json, canonical_json({**_object(self.label), **({"asked": asked} if asked else {})}))

    @property
    def measure(self) -> str:
        """The name of the measure (metrics/measure.py)."""
        return str(self.description["measure"])

    @property
    def draws(self) -> bool:
        """Whether it draws sequences of the model, which may be kept."""
        return self.measure == "draw"

    @property
    def measure_version(self) -> int:
        """The version of the measure: what it summed."""
        return int(self.description["versions"][f"measure {self.measure}"])

    @property
    def max_errors(self) -> int | None:
        """Where drawing stops before its count is reached; the interval depends on it."""
        stop = self.description.get("stop")
        return None if stop is None else int(stop["max_errors"])

    @cached_property
    def given(self) -> Given | None:
        """The positions that are given; None where none is."""
        said = self.description.get("prompt")
        return None if said is None else Given(said["given"], self.description["length"])

    @property
    def answer_length(self) -> int:
        """Tokens in what is drawn and scored of a sequence."""
        return int(self.description["length"]) if self.given is None else self.given.answer_length

    @property
    def chunk_size(self) -> int:
        """Whole sequences in a chunk: the batch that was asked for, of which the numbers depend, or as many as fit."""
        asked = self.description.get("chunk")
        return chunk_size(self.description["length"]) if asked is None else int(asked)

    def chunks_for(self, samples: int) -> int:
        """How many chunks hold so many sequences."""
        return -(-samples // self.chunk_size)

    @cached_property
    def cell(self) -> str:
        """What makes two tasks measurements of one cell, by whatever versions and passes."""
        return self.cell_but("reveals")

    def cell_but(self, *but: str) -> str:
        """What tells the cell of one measurement from others, with some of it left out."""
        kept = self.description.keys() - {*_OF_THE_MEASUREMENT, *but}
        return canonical_json({key: self.description[key] for key in kept})

    @property
    def has_costs(self) -> bool:
        """Whether calls and rounds of a cell are its own to tell."""
        return measures()[self.measure].costs_since is not None

    @property
    def counts_costs(self) -> bool:
        """Whether it counted calls and rounds of the sequences drawn to their end, as earlier versions did not."""
        since = measures()[self.measure].costs_since
        return since is not None and self.measure_version >= since

    @property
    def versions(self) -> int:
        """Grows when a component's version does; says which of two descriptions of a cell is newer."""
        return sum(self.description["versions"].values())

    def __str__(self) -> str:
        about = self.description
        names = {**self.names, "prompt": f"prompt {self.names['prompt']}" if "prompt" in self.names else None}
        parts = [f"task {self.sha[:12]}: {self.measure}", *(name for name in names.values() if name)]
        parts += [
            f"{about['steps']} steps" if about["steps"] else "",
            f"length {about['length']}, seed {about['seed']}",
        ]
        return ", ".join(part for part in parts if part)


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__} stands where a JSON object should")
    return found


def tasks_of(cell: Cell, language: Language, model: SequenceModel, tags: Sequence[str] = ()) -> list[Task]:
    """What has to be measured for the metrics of a cell, given the language and the model that it builds.

    MisfitError where one of them cannot be measured of these.
    """
    tasks, misfits = fitting_tasks(cell, language, model, tags)
    for misfit in misfits.values():
        raise misfit
    return tasks


def fitting_tasks(
    cell: Cell, language: Language, model: SequenceModel, tags: Sequence[str] = ()
) -> tuple[list[Task], dict[str, MisfitError]]:
    """As `tasks_of`, and of the metrics that do not fit, by name as they were asked for, the reasons."""
    typed = {as_metric(each).name: each for each in cell.metrics}
    asked: dict[str, list[str]] = {}
    for metric in cell.shown():
        for needed in (metric.needs, *metric.besides):
            asked.setdefault(needed, []).append(typed.get(metric.name, metric.name))
    rules = cell.rule.split(",") if cell.rule else ()
    tasks, misfits = [], {}
    for name, measure in measures().items():
        if name not in asked:
            continue
        try:
            facts = measure.facts_of(model)
            measure.check_fits(model, language, cell.length)
        except ValueError as error:
            by_itself = [each for each in asked[name] if each in cell.metrics] or asked[name]
            misfits[by_itself[0]] = MisfitError(f"metric {by_itself[0]}: {error}", between=("metric", "cell"))
            continue
        labels = {"metrics": asked[name], "rules": rules, "tags": tags}
        tasks.append(_task(measure, facts, cell, language, model, labels))
    return tasks, misfits


def _task(
    measure: Measure,
    facts: Mapping[str, Any],
    cell: Cell,
    language: Language,
    model: Any,
    asked: Mapping[str, Sequence[str]],
) -> Task:
    label: dict[str, Any] = {name: getattr(cell, name) for name in ("model", "denoiser", "sampler", "schedule")}
    plug_ins = plug_ins_in(language, model)
    given = given_positions(cell.prompt, language, cell.length)
    specs = _canonical_specs(cell, model)
    description: dict[str, Any] = {
        "measure": measure.name,
        "language": language.digest,
        "length": cell.length,
        "seed": cell.seed,
        "steps": cell.steps,
        **specs,
        "identity": digest(model.identity),
        "versions": _versions(measure, model, cell, language, specs),
        **facts,
    }
    if plug_ins:
        # A plug-in may give itself any name and identity, also those of what is built in.
        description["plug_ins"] = {"classes": plug_ins, "words": dict(label), **_plans_of_plug_in(cell, model)}
    if given is not None:
        # The very positions: another name for them is the same task, and what a name gives may come to be other ones.
        description["prompt"] = {"given": given.text, "drawn": "language"}
        description["versions"]["prompts"] = PROMPTS_VERSION
        label = {**label, "prompt": cell.prompt}
    batch = model.batch(cell.length)
    if batch is not None:
        description["chunk"] = batch
    if measure.shares_pass(model, language) and model.denoiser.reveals is not None:
        description["reveals"] = model.denoiser.reveals
    if model.computed is not None:
        description["computed"] = dict(model.computed)
    if measure.stops and cell.max_errors is not None:
        description["stop"] = {"max_errors": cell.max_errors}
    label |= _families_of_plug_ins(cell) | {"asked": {name: list(texts) for name, texts in asked.items() if texts}}
    return Task(canonical_json(description), canonical_json(label))


def _families_of_plug_ins(cell: Cell) -> dict[str, dict[str, str]]:
    """What only plug-ins can say, so that figures need not ask them again; nothing where they say nothing."""
    found: dict[str, str] = {}
    for kind, text in (("model", cell.model), ("sampler", cell.sampler)):
        name = Spec.parse(text).name if text else None
        if name and registries()[kind].from_outside(name) and (family := registries()[kind].about(name).family):
            found[kind] = family
    return {"families": found} if found else {}


def _plans_of_plug_in(cell: Cell, model: Any) -> dict[str, str]:
    """A digest of some plans of a law over plans from outside: it may be changed, and called as before."""
    if model.plan_law is None or not plug_ins_in(model.plan_law):
        return {}
    plans = built_by_plug_in(
        f"sampler {cell.sampler}", model.draw_plans, stream_states("probe", 0, _PROBES), cell.length
    )
    return {"plans": digest(plans.tolist())}


def _canonical_specs(cell: Cell, model: Any) -> dict[str, str | None]:
    """Names as the objects themselves write them, so that two spellings of one thing are one task."""
    return {
        "model": str(model.own_spec or Spec.parse(cell.model)),
        "denoiser": _canonical(cell.denoiser, model, "denoiser"),
        "sampler": _canonical(cell.sampler, model, "sampler"),
        "schedule": _canonical(cell.schedule, model, "schedule"),
    }


def _canonical(text: str | None, model: Any, part: str) -> str | None:
    """The spec of a part of the model; as it was typed where a plug-in does not show that part."""
    if text is None:
        return None
    own = getattr(model, part)
    spec = getattr(own, "recorded", None) or getattr(own, "spec", None) or _as_recorded(text, part)
    return str(spec) if part == "denoiser" else _without_file(spec)


def _as_recorded(text: str, part: str) -> Spec:
    """What was typed, but for a sampler that is built in and is recorded under another name than it is typed by."""
    register = registries()[part]
    built = register.build(text) if part == "sampler" and register.is_plain(text) else None
    return built.recorded if built is not None and built.recorded != built.spec else register.read(text)


def _without_file(spec: Spec) -> str:
    """A file's path says nothing: its content stands in the model's identity, and may come to be another."""
    return str(Spec(spec.name, tuple(each for each in spec.options if each[0] not in ("file", "path"))))


def _versions(
    measure: Measure, model: Any, cell: Cell, language: Language, specs: dict[str, str | None]
) -> dict[str, int]:
    """The version of every component that takes part, by its kind and name."""
    versions = {"streams": STREAMS_VERSION, f"measure {measure.name}": measure.version_for(model, language)}
    # A language's is kept under its kind, or the name that a plug-in was asked for by.
    names = {"language": built_in_kind(language) or language.spec.name}
    names |= {kind: Spec.parse(text).name for kind, text in specs.items() if text is not None}
    if model.constraint is not None:
        versions["constrained steps"] = CONSTRAINED_VERSION
    return versions | {
        f"{kind} {name}": component_version(kind, name, str(getattr(cell, kind))) for kind, name in names.items()
    }


def component_version(kind: str, name: str, typed: str) -> int:
    """What is built in under a name says its version; else the plug-in that was typed, 0 where it says none."""
    if kind == "language" and name in kinds():
        return kinds()[name].version
    register = registries()["lang" if kind == "language" else kind]
    if name in register.built_in:
        return register.about(name).version
    typed = Spec.parse(typed).name
    return register.about(typed).version if register.from_outside(typed) else 0
