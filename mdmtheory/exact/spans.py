"""SER of ancestral sampling with the perfect denoiser, without sampling: what becomes of the spans of a bigram."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.given import Given
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import counted, shows_progress
from mdmtheory.core.protocols import Language
from mdmtheory.core.spec import Spec
from mdmtheory.core.threads import over_rows, within_its_threads
from mdmtheory.exact.bigrams import SIGHT, BigramHops, initial_and_transition, is_bigram
from mdmtheory.exact.enumeration import Law, error_rate, joint
from mdmtheory.exact.law import law
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.oracles.oracle import Oracle
from mdmtheory.prompts.registry import OWN, check_no_prompt, given_positions
from mdmtheory.samplers.by_block import block_lengths
from mdmtheory.schedules import Numbers, Schedule, as_schedule

ScheduleLike = str | Spec | Schedule | Numbers

MOST_OPERATIONS = 4e12
"""Multiplications beyond which a recursion is refused: some minutes' work on two cores."""

THREADED_OPERATIONS = 1e6
"""A step with fewer runs in one thread: starting others takes as long."""

LEFT_OUT = 1e-30
"""Spans that no step finds but with less probability, all of them together, are left out of a recursion..."""

UNFELT = 1e-16
"""...unless that is more than so much of an error rate."""

TINY_SHARE = 1e-12
"""Spans too improbable for float64 may move an error rate by so much; if more, it is refused."""


@whole_numbers(length=1, steps=1, block=1, threads=1)
@shows_progress
@within_its_threads
def ser(
    language: LanguageLike,
    length: int,
    *,
    steps: int | None = None,
    schedule: ScheduleLike = "linear",
    block: int | None = None,
    prompt: Any = OWN,
    threads: int | None = None,
    progress: bool | None = None,
) -> Estimate:
    """SER of ancestral sampling with the perfect denoiser, exact: `ser_curve` at one length.

    `prompt` says what is given (`given_positions`; by default as the language says, and most say none): then the SER of
    answers to prompts drawn from q, by enumeration.
    """
    language = as_language(language)
    language.validate_length(length)
    given = given_positions(prompt, language, length)
    if given is None and is_bigram(language):
        return Estimate.exact(
            float(ser_curve(language, length, steps=steps, schedule=schedule, block=block, threads=threads)[-1])
        )
    fractions = as_schedule(schedule).revealed_fractions(steps)
    drawn = ancestral_law(language, length, fractions, threads, block, given)
    return Estimate.exact(error_rate(drawn, joint(language, length)))


@whole_numbers(length=1, steps=1, block=1, threads=1)
@shows_progress
@within_its_threads
def ser_curve(
    language: LanguageLike,
    length: int,
    *,
    steps: int | None = None,
    schedule: ScheduleLike = "linear",
    block: int | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Float[np.ndarray, "length"]:
    """SER of ancestral sampling with the perfect denoiser at every length 1..`length`, exact.

    Bigrams (order 1 counts) with any initial law by recursion over spans (docs/theory.md, section 3; ours), in
    O(N (L^2 V^3 + n^3 V^4)) for chains that forget in n tokens and O(N L^3 V^4) for others, with relative
    precision, so that small error rates keep their digits; what steps find with less than 1e-30 is left out where that
    is below the last digit. Other languages by enumeration. An explicit schedule counts by its revealed fractions,
    whatever the length. With `block`, of block diffusion: blocks of so many tokens from left to right, each in `steps`
    steps, at about the cost of one of them. ValueError with the cost where that is not feasible; FloatingPointError
    where a possible stretch is too improbable for float64 and would matter.
    """
    language = as_language(language)
    language.validate_length(length)
    check_no_prompt(language, length, "ser_curve")
    size = block_lengths(length, length if block is None else block)[0]
    fractions = as_schedule(schedule).revealed_fractions(steps)
    if not is_bigram(language):
        # The longest first: where it is refused, nothing was computed in vain.
        laws = (ancestral_law(language, each, fractions, threads, block) for each in range(length, 0, -1))
        return np.array([error_rate(each, joint(language, each.ndim)) for each in laws])[::-1]
    initial, transition, _ = initial_and_transition(language)
    widths = found_widths(fractions, length, size)
    spans, doubtful = span_tables(initial, transition, size, widths, errors=True)
    rates = _rates(spans, fractions, widths, length, threads)
    # Shorter sequences have no such spans.
    felt = rates[widths.min() :]
    if UNFELT * felt[felt > 0].min(initial=1.0) < LEFT_OUT:
        widths = np.full_like(widths, size)
        _check_operations(_operations(spans, widths), len(initial), size, len(widths))
        rates = _rates(spans, fractions, widths, length, threads)
    if doubtful.any():
        # Spans too improbable for float64 count as wrong above; see whether it matters.
        spans.dead[doubtful] = 0.0
        shift = float(np.abs(rates - _rates(spans, fractions, widths, length, threads)).max())
        if not shift <= TINY_SHARE:
            raise FloatingPointError(
                f"stretches of {language.spec} that are possible, but less probable than float64 can tell from 0, are "
                f"worth {shift:.1e} of the error rate up to length {length}; raise its smallest positive probabilities"
            )
    return rates


def found_widths(fractions: Float[np.ndarray, "edges"], length: int, size: int) -> Int[np.ndarray, "steps"]:
    """The widest span that each step is computed for, `size` at most, in sequences of `length` positions.

    A span wider than w has w masked positions in a row, which step k finds somewhere with probability at most
    length (1 - a_(k-1))^w: over all steps less than LEFT_OUT (docs/theory.md, section 3; ours).
    """
    with np.errstate(divide="ignore"):
        needed = np.log(LEFT_OUT / (length * len(fractions))) / np.log1p(-fractions[:-1])
    return np.ceil(np.minimum(np.maximum(needed, 1), size)).astype(np.int64)


def _rates(
    spans: SpanTables,
    fractions: Float[np.ndarray, "edges"],
    widths: Int[np.ndarray, "steps"],
    length: int,
    threads: int | None,
) -> Float[np.ndarray, "length"]:
    """The error rate at lengths 1..`length`, block after block, a block being as long as the spans go."""
    size = spans.powers.shape[1] - 1
    if size == length:
        return open_values(spans, fractions, widths, threads=threads)[1:]
    wrong, right = _block_values(spans, fractions, widths, threads)
    out, done, lost = np.empty(length), np.zeros(len(wrong)), 0.0
    done[-1] = 1.0
    for begin in range(0, length, size):
        here = min(size, length - begin)
        # done[a] is the probability that all blocks so far are in order and the last of them ends with a.
        out[begin : begin + here] = lost + done @ wrong[:, 2 : here + 2]
        lost = out[begin + here - 1]
        done = np.append(done @ right, 0.0)
    return out


def _block_values(
    spans: SpanTables, fractions: Float[np.ndarray, "edges"], widths: Int[np.ndarray, "steps"], threads: int | None
) -> tuple[Float[np.ndarray, "starts widths"], Float[np.ndarray, "starts states"]]:
    """What becomes of a block after token a (the last: of the first block).

    At [a, n] the probability that n - 1 positions are filled wrongly; at [a, c] that a whole block is filled rightly
    and ends with c. The latter is the recursion of spans that nothing closes, begun with the token that ends them.
    """
    states, edges, starts = spans.powers.shape
    # After the last step nothing is left, and the left end is the last token.
    ends = np.zeros((starts, edges + 1, states))
    ends[np.arange(states), 1, np.arange(states)] = 1.0
    wrong = np.empty((starts, edges + 1))
    for step in _open_steps(spans, fractions, widths, 1.0, threads):
        kept = ends * step.stay ** np.maximum(np.arange(edges + 1) - 1.0, 0.0)[:, None]
        # Rests from the widest to the narrowest: the further the last reveal is, the less is left.
        rests = np.ascontiguousarray(kept[:states, ::-1].transpose(1, 0, 2))
        ends = kept
        for n in range(2, edges + 1):
            ends[:, n] += step.weights[:, 1:n].reshape(starts, -1) @ rests[edges + 1 - n : edges].reshape(-1, states)
        wrong = step.value
    return wrong, ends[:, edges]


def ancestral_law(
    language: Language,
    length: int,
    fractions: Float[np.ndarray, "edges"],
    threads: int | None,
    block: int | None = None,
    given: Given | None = None,
) -> Law:
    """The law of ancestral sampling with the perfect denoiser, by enumeration; ValueError where not feasible.

    Of one block, or of blocks of so many tokens from left to right. With positions `given`, of prompts drawn from q and
    the answers to them.
    """
    model = BlockDiffusion(Oracle(language), block=length if block is None else block, schedule=fractions)
    try:
        return law(model, language, length, prompt=given, threads=threads)
    except ValueError as error:
        if given is not None:
            raise ValueError(f"what is exact given a prompt is enumerated: {error}") from error
        raise ValueError(f"{language.spec} is no bigram, so that its law is enumerated: {error}") from error


class SpanTables(NamedTuple):
    """What kernels/spans.py runs on; shapes and meanings there."""

    powers: Float[np.ndarray, "states edges starts"]
    inverse: Float[np.ndarray, "states edges starts"]
    dead: Float[np.ndarray, "states edges starts"]
    tails: Int[np.ndarray, "states"]
    narrow: Int[np.ndarray, "states"]
    laws: Float[np.ndarray, "states edges states"]
    errors: bool


def span_tables(
    initial: Float[np.ndarray, "states"],
    transition: Float[np.ndarray, "states states"],
    length: int,
    widths: Int[np.ndarray, "steps"],
    *,
    errors: bool,
) -> tuple[SpanTables, Bool[np.ndarray, "states edges starts"]]:
    """The tables of a chain, for the chance of `errors` or of none, and which spans are possible but below float64.

    The latter count as wrong. ValueError with the cost where steps that fill spans up to `widths` would take too long.
    """
    from mdmtheory.kernels.spans import find_sight

    size = len(initial)
    _check_operations((len(widths) + 1) * _open_operations(size, length), size, length, len(widths))
    laws = BigramHops.of(initial, transition, length + 1)
    powers = np.zeros((size, length + 1, size + 1))
    distances = np.minimum(np.arange(length), len(laws.hops) - 1)
    powers[:, 1:, :size] = laws.hops[distances].transpose(2, 0, 1)
    powers[:, 1:, size] = laws.heads[np.minimum(np.arange(length), len(laws.heads) - 1)].T
    doubtful = np.isnan(powers)
    powers[doubtful] = 0.0
    inverse = np.divide(1.0, powers, out=np.zeros_like(powers), where=powers > 0)
    tails, narrow = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    near = np.zeros((size, length + 1, size))
    find_sight(powers, inverse, SIGHT, tails, narrow, near)
    dead = np.full(powers.shape, 1.0 if errors else 0.0)
    spans = SpanTables(powers, inverse, dead, tails, narrow, near, errors)
    _check_operations(_operations(spans, widths), size, length, len(widths))
    return spans, doubtful


def open_values(
    spans: SpanTables,
    fractions: Float[np.ndarray, "edges"],
    widths: Int[np.ndarray, "steps"],
    *,
    weight: float = 1.0,
    threads: int | None = None,
) -> Float[np.ndarray, "lengths"]:
    """The probability that all steps together fill 0, 1, ..., L positions wrongly (`spans.errors`), or rightly.

    What steps find in spans wider than `widths` is left out.
    `weight` multiplies the law of every token that is revealed while nothing is known: the chain is then the part of a
    language that begins with that probability, and the answer is for no errors only.
    """
    *_, last = _open_steps(spans, fractions, widths, weight, threads)
    return last.value[-1, 1:]


class OpenStep(NamedTuple):
    """Spans that nothing closes, when a step was taken back: kernels/spans.py, `fill_open`.

    `value` is at [a, n], `weights` at [a, m, c]; the step leaves a position masked with probability `stay`.
    """

    value: Float[np.ndarray, "starts widths"]
    weights: Float[np.ndarray, "starts edges states"]
    stay: float


def _open_steps(
    spans: SpanTables,
    fractions: Float[np.ndarray, "edges"],
    widths: Int[np.ndarray, "steps"],
    weight: float,
    threads: int | None,
) -> Iterator[OpenStep]:
    """From the last step to the first; the arrays are written over."""
    from mdmtheory.kernels.spans import fill_closed, fill_open

    states, edges, starts = spans.powers.shape
    wrong = 1.0 if spans.errors else 0.0
    # After the last step only spans of width 1 can be met: nothing is left in them.
    value, value_open = np.full(spans.powers.shape, wrong), np.full((starts, edges + 1), wrong)
    value[:, 1] = np.where(spans.inverse[:, 1] > 0, 1 - wrong, spans.dead[:, 1])
    value_open[:, 1] = 1 - wrong
    tokens, lost = np.empty((starts, edges, states)), np.empty((starts, edges))
    if _operations(spans, np.array([edges - 1])) < THREADED_OPERATIONS:
        threads = 1
    for step in counted(range(len(fractions) - 1, 0, -1), "steps"):
        before, after = fractions[step - 1 : step + 1]
        chances = (after - before) / (1 - before), (1 - after) / (1 - before)
        # Nothing is masked at width 0 and 1.
        nothing = chances[1] ** np.maximum(np.arange(edges + 1) - 1.0, 0.0)
        kept, kept_open = value * nothing[:edges, None], value_open * nothing
        spread = np.ascontiguousarray(kept.transpose(0, 2, 1))
        filled = tokens, lost, value_open
        over_rows(partial(fill_open, spans, spread, kept_open, *chances, *filled), starts, threads)
        if step > 1:
            widest = int(widths[step - 1])
            value[:, widest + 1 :] = 0.0
            closed = tokens, lost, widest, value
            over_rows(partial(fill_closed, spans, kept, spread, *chances, *closed), states, threads)
        if weight != 1.0:
            fill_open(spans, spread, kept_open, weight * chances[0], chances[1], *filled, states, starts)
        yield OpenStep(value_open, tokens, float(chances[1]))


def _open_operations(size: int, length: int) -> float:
    return 0.5 * length**2 * size**2 * (size + 1)


def _operations(spans: SpanTables, widths: Int[np.ndarray, "steps"]) -> float:
    """Multiplications of all steps."""
    states, edges, starts = spans.powers.shape
    widest = widths[:, None].astype(np.float64)
    closed = np.minimum(spans.narrow, widest) ** 3 / 6 * states**2 * starts
    wide = np.where(spans.narrow < widest, (spans.tails + widest / 2.0) * widest * states * starts, 0.0)
    return len(widths) * _open_operations(states, edges - 1) + float((closed + wide).sum())


def _check_operations(operations: float, size: int, length: int, steps: int) -> None:
    if operations > MOST_OPERATIONS:
        raise ValueError(
            f"the recursion for {size} tokens, length {length} and {steps} steps takes {operations:.1e} operations, "
            f"and at most {MOST_OPERATIONS:.0e} are allowed; use fewer steps, fewer tokens, a faster mixing chain or a "
            "shorter length"
        )
