"""What languages, denoisers and models that are plugged in have to keep to, whenever they are called."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np

from mdmtheory.core.answering import ANSWERS
from mdmtheory.core.defaults import DenoiserDefaults, LanguageDefaults, ModelDefaults
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.given import Given
from mdmtheory.core.guards import (
    MOST_OFF,
    Contract,
    always_guarded,
    floats,
    guarded,
    integers,
    is_tensor,
    laws,
    returned,
    unguarded,
)
from mdmtheory.core.integers import whole_number
from mdmtheory.core.plugins import conforming
from mdmtheory.core.protocols import (
    Answers,
    Canvas,
    Denoiser,
    LogProb,
    MarginalsCanvas,
    NoisyCanvas,
    PlanRun,
    Samples,
    Sees,
    SequenceModel,
)
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import canonical_json
from mdmtheory.core.tokens import token_dtype

MOST_LOG_PROB = 1e-9
"""Nats a token by which log q(x) may exceed 0: what rounding leaves in float64, less than any mistake."""

_COUNTABLE = np.iinfo(np.int64).max
_ANSWERS = ("open", "conditionals", "run_plan")


def spec_of(plug_in: Any, found: Any) -> Spec:
    """A name that can be typed."""
    if not isinstance(found, Spec):
        raise ValueError(f"is {found!r}; give a mdmtheory.Spec, as Spec.of('mine')")
    return found


def identity_of(plug_in: Any, found: Any) -> Any:
    """A JSON value."""
    try:
        canonical_json(found)
    except (TypeError, ValueError) as error:
        raise ValueError(f"is no JSON value ({error}); make it of lists, texts and numbers") from None
    return found


def _vocab_size(plug_in: Any, found: Any) -> int:
    size = whole_number(found, "the size of the vocabulary", 1)
    token_dtype(size)
    return size


# ----------------------------------------------------------------------------------------------------------- languages


def _drawn(
    language: Any, found: Any, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None
) -> np.ndarray:
    vocab_size = language.vocab_size
    return integers(found, (count, length), 0, vocab_size - 1, token_dtype(vocab_size))


def _support(language: Any, found: Any, tokens: Any) -> np.ndarray:
    return returned(found, "b", (_shape(tokens)[0],)).copy()


def _log_prob(language: Any, found: Any, tokens: Any, *, threads: int | None = None) -> np.ndarray:
    count, length = _shape(tokens)
    values = floats(found, (count,))
    if count and values.max() > MOST_LOG_PROB * max(length, 1):
        raise ValueError(f"returned {values.max():g}; return log q(x) in nats, 0 or less (in float64)")
    return values


def _entropy(language: Any, found: Any, *arguments: Any, **options: Any) -> Any:
    if not isinstance(found, Estimate):
        raise ValueError(f"returned a {type(found).__name__}; return a mdmtheory.Estimate")
    return found


def _entropy_rate(language: Any, found: Any) -> Any:
    return None if found is None else _entropy(language, found)


def _prompt(language: Any, found: Any, length: int) -> np.ndarray | None:
    given = None if found is None else Given.of(returned(found, "b", (length,)), length)
    return None if given is None else given.positions


def _oracle(language: Any, found: Any, trust: float = 1.0) -> Any:
    oracle = as_denoiser(found)
    if oracle.vocab_size != language.vocab_size:
        raise ValueError(f"returned a denoiser of {oracle.vocab_size} tokens for {language.vocab_size}")
    return oracle


def _shape(tokens: Any) -> tuple[int, int]:
    """Count and length of tokens as users may give them."""
    shape = np.shape(tokens)
    return (1, shape[0]) if len(shape) == 1 else (shape[0], shape[1])


LANGUAGE = Contract(
    "language",
    {
        "sample": _drawn,
        "in_support": _support,
        "log_prob": _log_prob,
        "entropy": _entropy,
        "entropy_rate": _entropy_rate,
        "oracle": _oracle,
        "prompt": _prompt,
    },
    {"vocab_size": _vocab_size, "spec": spec_of},
    refuse=frozenset(
        {
            "sample",
            "in_support",
            "log_prob",
            "entropy",
            "entropy_rate",
            "oracle",
            "validate_length",
            "parameters",
            "prompt",
            # Of tasks.
            "answer_log_prob",
            "answers",
            "parse",
            "prompt_log_prob",
            "prompts",
            "show",
            "strata",
            "whole_law",
        }
    ),
    defaults=LanguageDefaults,
)

# ----------------------------------------------------------------------------------------------------------- denoisers


def _opened(
    denoiser: Any,
    found: Any,
    count: int,
    length: int,
    *,
    noise: str = "masked",
    prompt: Any = None,
    threads: int | None = None,
) -> Any:
    conforming(found, "what it returned", *((Canvas, MarginalsCanvas) if noise == "masked" else (NoisyCanvas,)))
    # A canvas of ours asks the denoiser behind the guard, so it needs one of its own.
    name = denoiser.guarded_.name
    facts = {"vocab_size": denoiser.vocab_size, "tolerance": denoiser.tolerance}
    return always_guarded(found, CANVAS, name, count=count, length=length, **facts)


def _conditionals(denoiser: Any, found: Any, tokens: Any, *, threads: int | None = None) -> np.ndarray:
    return laws(found, (*_shape(tokens), denoiser.vocab_size), zeros=True, tolerance=denoiser.tolerance)


def _pairs(denoiser: Any, found: Any, tokens: Any, *, threads: int | None = None) -> np.ndarray:
    count, length = _shape(tokens)
    return floats(found, (count, length, length))


def _plan_run(denoiser: Any, found: Any, plan: Any, *arguments: Any, **options: Any) -> PlanRun:
    (count, length), mask = plan.shape, denoiser.vocab_size
    tokens = integers(found.tokens, (count, length), 0, mask, token_dtype(mask))
    log_probs = np.array(returned(found.log_probs, "f", (count, length)), dtype=np.float64)
    return PlanRun(tokens, log_probs, *_costs(found, count))


def _costs(found: Any, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Calls, rounds, and which sequences met an impossible context."""
    calls, rounds = (integers(each, (count,), 0, _COUNTABLE, np.int64) for each in (found.calls, found.rounds))
    return calls, rounds, returned(found.impossible, "b", (count,))


def _batch(denoiser: Any, found: Any, length: int) -> int | None:
    return None if found is None else whole_number(found, "the number of sequences at once", 1)


def _tolerance(denoiser: Any, found: Any) -> float:
    if not isinstance(found, float | int | np.number) or not 0 <= found < 1:
        raise ValueError(f"is {found!r}; give how far sums may be off 1, as {MOST_OFF}")
    return float(found)


def _device(denoiser: Any, found: Any) -> str:
    if not isinstance(found, str) or not found:
        raise ValueError(f"is {found!r}; name where it computes, as cpu or cuda:0")
    return found


def _computed(denoiser: Any, found: Any) -> Any:
    return None if found is None else identity_of(denoiser, found)


def _reveals(denoiser: Any, found: Any) -> int | None:
    return None if found is None else whole_number(found, "reveals", 1)


def _block(denoiser: Any, found: Any) -> int | None:
    return None if found is None else whole_number(found, "block", 1)


def _length(denoiser: Any, found: Any) -> int | None:
    return None if found is None else whole_number(found, "length", 1)


def _sees(denoiser: Any, found: Any) -> Any:
    if found not in get_args(Sees):
        raise ValueError(f"is {found!r}; known: {', '.join(get_args(Sees))}")
    return found


def _trusting(denoiser: Any, found: Any, trust: float) -> Any:
    return None if found is None else as_denoiser(found)


DENOISER = Contract(
    "denoiser",
    {
        "open": _opened,
        "conditionals": _conditionals,
        "pairs": _pairs,
        "run_plan": _plan_run,
        "batch": _batch,
        "trusting": _trusting,
    },
    {
        "vocab_size": _vocab_size,
        "spec": spec_of,
        "identity": identity_of,
        "tolerance": _tolerance,
        "sees": _sees,
        "block": _block,
        "length": _length,
        "reveals": _reveals,
        "device": _device,
        "computed": _computed,
    },
    refuse=frozenset(
        {"open", "conditionals", "pairs", "posterior", "run_plan", "batch", "validate_length", "trusting"}
    ),
    streams=frozenset({"run_plan"}),
    defaults=DenoiserDefaults,
)


def as_denoiser(denoiser: Any, name: str | None = None) -> Any:
    """A denoiser, behind a guard if it is a plug-in; ValueError for what is none. `name` is what it was typed as."""
    what = "the denoiser" if name is None else name
    return guarded(conforming(denoiser, what, Denoiser), DENOISER, name)


def exact_for(denoiser: Any) -> str | None:
    """The digest of the language whose exact posterior a denoiser says it is; None where it says no such thing.

    A class that changes what another one answers has to say it anew: what it inherits, or fetches from a denoiser
    inside, speaks of other answers than its own.
    """
    denoiser = unguarded(denoiser)
    places = (getattr(denoiser, "__dict__", {}), *map(vars, type(denoiser).__mro__))
    first = next((own for own in places if own.keys() & {"exact_for", *_ANSWERS}), {})
    return denoiser.exact_for if "exact_for" in first else None


def _counted(canvas: Any, found: Any) -> np.ndarray:
    return integers(found, (canvas.guarded_.facts["count"],), 0, _COUNTABLE, np.int64)


def _flags(canvas: Any, found: Any) -> np.ndarray:
    return returned(found, "b", (canvas.guarded_.facts["count"],))


def _asked(canvas: Any, found: Any, rows: Any, positions: Any, **options: Any) -> Any:
    vocab_size = canvas.guarded_.facts["vocab_size"]
    conforming(found, "what it answered", Answers)
    if len(found) != len(rows) or found.vocab_size != vocab_size:
        raise ValueError(
            f"gave {len(found)} answers of {found.vocab_size} tokens; give one of {vocab_size} tokens for each of "
            f"{len(rows)} positions"
        )
    return guarded(found, ANSWERS, canvas.guarded_.name)


def _marginals(canvas: Any, found: Any, rows: Any, positions: Any) -> Any:
    return _laws(canvas, found, (len(rows), canvas.guarded_.facts["vocab_size"]))


def _posterior(canvas: Any, found: Any, evidence: Any) -> Any:
    facts = canvas.guarded_.facts
    return _laws(canvas, found, (facts["count"], facts["length"], facts["vocab_size"]))


def _laws(canvas: Any, found: Any, shape: tuple[int, ...]) -> Any:
    """An array is copied and checked; a tensor stays where it is, and is checked there by what asks for it."""
    if not is_tensor(found):
        return laws(found, shape, zeros=True, tolerance=canvas.guarded_.facts["tolerance"])
    if tuple(found.shape) != shape:
        raise ValueError(f"returned a tensor of shape {tuple(found.shape)}; return probabilities of shape {shape}")
    return found


CANVAS = Contract(
    "canvas",
    {"ask": _asked, "marginals": _marginals, "posterior": _posterior},
    {"calls": _counted, "rounds": _counted, "impossible": _flags},
)

# -------------------------------------------------------------------------------------------------------------- models


def _samples(model: Any, found: Any, count: int, length: int, seed: int, **options: Any) -> Samples:
    mask = model.vocab_size
    tokens = integers(found.tokens, (count, length), 0, mask, token_dtype(mask))
    samples = Samples(tokens, *_costs(found, count), getattr(found, "trust", None))
    if options.get("prompt") is not None:
        prompt = np.asarray(options["prompt"])
        if ((tokens != prompt) & (prompt != mask)).any():
            raise ValueError("changed what the prompt gives; return whole sequences that keep it")
    left = (tokens == mask).any(axis=1) & ~samples.unfinished
    if left.any():
        raise ValueError(
            f"left masks in {left.sum()} of {count} sequences; fill them, or mark those sequences `impossible`, "
            "without a trust"
        )
    return samples


def _scores(model: Any, found: Any, tokens: Any, *arguments: Any, **options: Any) -> LogProb:
    count, length = _shape(tokens)
    if found.kind not in ("exact", "lower bound"):
        raise ValueError(f"returned the kind {found.kind!r}; known: exact, lower bound")
    values = floats(found.values, (count,))
    most = MOST_LOG_PROB * max(length, 1) if found.kind == "exact" else np.nextafter(np.inf, 0)
    if count and values.max() > most:
        raise ValueError(f"returned {values.max():g}; return log p(x) in nats, 0 or less, and a bound below infinity")
    return LogProb(values, found.kind)


def as_model(model: Any, name: str | None = None) -> Any:
    """A model, behind a guard if it is a plug-in; ValueError for what is none. `name` is what it was typed as."""
    what = "the model" if name is None else name
    return guarded(conforming(model, what, SequenceModel), MODEL, name)


MODEL = Contract(
    "model",
    {"sample": _samples, "log_prob": _scores},
    {"vocab_size": _vocab_size, "spec": spec_of, "identity": identity_of},
    refuse=frozenset(
        {
            "sample",
            "log_prob",
            "validate_length",
            "validate_whole",
            "replay",
            "draw_plans",
            "run",
            "elbo",
            "log_prob_terms",
        }
    ),
    streams=frozenset({"draw_plans", "run"}),
    defaults=ModelDefaults,
)


def check_vocabularies(model: Any, language: Any) -> None:
    """ValueError where a model, or a denoiser, has another number of tokens than the language that it is held to."""
    if model.vocab_size != language.vocab_size:
        raise ValueError(
            f"{model.spec} has {model.vocab_size} tokens and the language {language.spec} has {language.vocab_size}; "
            "pass a model of this language"
        )
