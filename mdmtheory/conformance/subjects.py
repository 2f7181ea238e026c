"""What can be certified by name: everything registered, saved languages, and objects of one's own modules."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from mdmtheory.conformance.denoisers import TRIALS, check_denoiser
from mdmtheory.conformance.languages import check_language
from mdmtheory.conformance.metrics import check_metric
from mdmtheory.conformance.models import check_model
from mdmtheory.conformance.prompted import AnswersCase, OfAnswers
from mdmtheory.conformance.report import Report, make, merged, one_line
from mdmtheory.conformance.samplers import check_sampler
from mdmtheory.conformance.settings import small_languages
from mdmtheory.core.contracts import as_denoiser, as_model, exact_for
from mdmtheory.core.plugins import load_object, nonconforming
from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.protocols import Denoiser, Language, SequenceModel
from mdmtheory.core.register import Register, check_options
from mdmtheory.core.spec import Spec
from mdmtheory.denoisers import DENOISERS
from mdmtheory.denoisers.huggingface import HuggingFace
from mdmtheory.denoisers.names import is_checkpoint
from mdmtheory.denoisers.network import Network
from mdmtheory.languages.presets import FILE_ENDINGS, LANGUAGES, as_language, check_no_file_meant
from mdmtheory.metrics.registry import METRICS, MetricLike
from mdmtheory.models import MODELS
from mdmtheory.networks.runs import run_folder
from mdmtheory.oracles.oracle import Oracle
from mdmtheory.plans import PlanLaw
from mdmtheory.samplers.protocol import Sampler
from mdmtheory.samplers.registry import SAMPLERS, as_sampler

Kind = Literal["language", "denoiser", "sampler", "model", "metric"]

REGISTRIES: dict[Kind, Register] = {
    "language": LANGUAGES,
    "denoiser": DENOISERS,
    "sampler": SAMPLERS,
    "model": MODELS,
    "metric": METRICS,
}

_SUITES: dict[Kind, Callable[[Any], Report]] = {
    "language": check_language,
    "denoiser": check_denoiser,
    "sampler": check_sampler,
    "model": check_model,
    "metric": check_metric,
}
_STEPS = 3


@dataclass(frozen=True)
class Certified:
    """Something that has a suite, under the name it was asked for; `report` runs the suite."""

    kind: Kind
    name: str
    report: Callable[[], Report]


def everything_built_in() -> Iterator[Certified]:
    """All registered names that do not come from installed packages, with the examples that they give."""
    for kind, register in REGISTRIES.items():
        for name in register.built_in:
            for example in register.about(name).examples:
                if isinstance(example, str):
                    yield _registered(kind, Spec.parse(f"{name}:{example}" if example else name))
                else:
                    yield Certified(kind, name, partial(_SUITES[kind], example))


def certified(text: str, kind: Kind | None = None) -> Certified:
    """What a name, a spec, a saved language, the folder of a run or `module:name` stands for.

    `module:name` may be an object, or a class or function that makes one, with options: from nothing, from a language,
    or, as a model where it is typed, from language, denoiser, sampler, steps and schedule. ValueError in one line for
    what is not known, does not import, is of another kind, or is neither language, denoiser, sampler, model nor metric.
    """
    found = _certified(text, kind)
    if kind not in (None, found.kind):
        raise ValueError(f"{text} is a {found.kind}; leave --kind out")
    return found


def _certified(text: str, kind: Kind | None) -> Certified:
    if text.endswith(FILE_ENDINGS):
        return Certified("language", text, partial(check_language, text))
    if kind in (None, "denoiser") and (run := _run_of(text, asked=kind == "denoiser")) is not None:
        return _of_network(run)
    name, _, rest = text.partition(":")
    kinds = [each for each in REGISTRIES if name in REGISTRIES[each] and kind in (None, each)]
    if not kinds and "/" in text:
        check_no_file_meant(text)
    if len(kinds) > 1:
        raise ValueError(f"{name!r} is a {' and a '.join(kinds)}; say which with --kind {kinds[0]}")
    if kinds:
        return _registered(kinds[0], REGISTRIES[kinds[0]].read(text))
    if rest and (own := Spec.parse(text)).name != name:
        return _of_object(text, load_object(own.name), own)
    known = sorted({each for own in REGISTRIES for each in REGISTRIES[own] if kind in (None, own)})
    hint = did_you_mean(name, known)
    raise ValueError(f"nothing named {name!r}{hint}; pass module:name for your own, or one of: {', '.join(known)}")


def _run_of(text: str, asked: bool) -> Spec | None:
    """The network that a text means, where it can only be the folder of a run; a registered name is no folder.

    Where a denoiser is asked for the folder need not be there.
    """
    if any(text.partition(":")[0] in each for each in ([DENOISERS] if asked else REGISTRIES.values())):
        return None
    try:
        spec = DENOISERS.typed(text)
    except ValueError:
        if asked:
            raise
        return None
    learned = spec.name in DENOISERS and DENOISERS.about(spec.name).learned
    there = os.path.isdir(run_folder(str(dict(spec.options).get("run"))))  # noqa: PTH112  # which no odd name upsets
    return spec if learned and (asked or there) else None


def _of_network(spec: Spec) -> Certified:
    """A network over the vocabulary that it was trained on, whatever its language."""
    check_options("denoiser", spec, DENOISERS.builder(spec.name))
    options: dict[str, Any] = dict(spec.options)
    kind, place = (HuggingFace, "path") if is_checkpoint(spec) else (Network, "run")
    return Certified("denoiser", DENOISERS.written(spec), partial(check_denoiser, kind(options.pop(place), **options)))


def _registered(kind: Kind, spec: Spec) -> Certified:
    """ValueError for unknown or missing options, before any suite runs."""
    build = partial(REGISTRIES[kind].build, spec)
    if kind == "sampler":
        return Certified(kind, str(spec), partial(check_sampler, as_sampler(spec)))
    if kind in ("language", "metric"):
        return Certified(kind, str(spec), partial(_SUITES[kind], spec if kind == "language" else str(spec)))
    if kind == "denoiser" and DENOISERS.about(spec.name).learned:
        return _of_network(spec)
    if kind == "denoiser" and DENOISERS.about(spec.name).of is not None:
        return _of_tasks(spec, build)
    if kind == "denoiser":
        return _from_languages(kind, str(spec), build)
    return _from_languages(kind, str(spec), lambda language: build(*_of_model(language)))


def _of_tasks(spec: Spec, build: Callable[[Language], Any]) -> Certified:
    """A denoiser for tasks of some kinds, on answers to two prompts of the first example of each."""
    built = []
    for kind in DENOISERS.about(spec.name).of or ():
        task = as_language(f"{kind}:{LANGUAGES.about(kind).examples[0]}")
        denoiser = as_denoiser(build(task), f"denoiser {spec}")
        built += [(f"{task.spec}, prompt {number}", OfAnswers(denoiser, number)) for number in range(2)]

    def report() -> Report:
        return merged(str(spec), [make("denoiser", name, TRIALS, AnswersCase(each, None)) for name, each in built])

    return Certified("denoiser", str(spec), report)


def _of_model(language: Language) -> tuple[Any, ...]:
    """What models are built from, as where their names are typed."""
    return language, Oracle(language), "ancestral", _STEPS, "linear"


def _from_languages(kind: Kind, name: str, build: Callable[[Language], Any]) -> Certified:
    """A denoiser or a model of each small language that it takes; ValueError where it takes none."""
    built, refusal = [], None
    for language in small_languages():
        try:
            built.append((language, build(language)))
        except ValueError as error:
            refusal = error
    if not built:
        raise ValueError(str(refusal)) from refusal
    as_kind = as_denoiser if kind == "denoiser" else as_model
    built = [(language, as_kind(value, f"{kind} {name}")) for language, value in built]

    def report() -> Report:
        found = []
        for language, value in built:
            claimed = language if kind == "denoiser" and exact_for(value) == language.digest else None
            made = check_denoiser(value, claimed) if kind == "denoiser" else check_model(value, language)
            found.append(Report(kind, str(language.spec), made.checks))
        return merged(name, found)

    return Certified(kind, name, report)


def _of_object(text: str, value: Any, spec: Spec) -> Certified:
    if inspect.isclass(value) or inspect.isfunction(value):
        needed = _required(text, value)
        check_options("plug-in", spec, value)
        value = partial(value, **dict(spec.options))
        if needed == len(_of_model(small_languages()[0])):
            return _from_languages("model", text, lambda language: _made(text, value, *_of_model(language)))
        if needed > 1:
            raise ValueError(f"{text} needs {needed} arguments; name an object, or what needs a language at most")
        if needed == 1:
            kind = _kind_of(text, _made(text, value, small_languages()[0]))
            if kind in ("language", "sampler"):
                raise ValueError(f"{text} makes a {kind} from a language; name what makes it from nothing")
            return _from_languages(kind, text, partial(_made, text, value))
        value = _made(text, value)
    elif spec.options:
        raise ValueError(f"{text} has options, and names an object; name a class or a function that takes them")
    kind = _kind_of(text, value)
    return Certified(kind, text, partial(_SUITES[kind], value))


def _required(text: str, factory: Any) -> int:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        raise ValueError(f"{text} does not tell its arguments; name an object instead") from None
    asked = [each for each in parameters if each.default is each.empty]
    return sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in asked)


def _made(text: str, factory: Any, *arguments: Any) -> Any:
    try:
        return factory(*arguments)
    except ValueError:
        raise
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"{text} raised {type(error).__name__} when called: {one_line(error)}; mend it first"
        ) from error


def _kind_of(text: str, value: Any) -> Kind:
    kinds: dict[type, Kind] = {
        Language: "language",
        Denoiser: "denoiser",
        PlanLaw: "sampler",
        Sampler: "sampler",
        SequenceModel: "model",
        MetricLike: "metric",
    }
    for protocol, kind in kinds.items():
        if isinstance(value, protocol):
            return kind
    raise nonconforming(value, text, *kinds)
