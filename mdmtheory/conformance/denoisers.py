"""What a denoiser promises: laws at masked positions that depend on what is revealed, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mdmtheory.conformance.answers import check_answers
from mdmtheory.conformance.bayes import (
    masked_marginals,
    opened_at,
    possible,
)
from mdmtheory.conformance.claims import check_claim
from mdmtheory.conformance.denoiser_case import DenoiserCase
from mdmtheory.conformance.noises import check_noises
from mdmtheory.conformance.prompts import of_denoiser
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError, Report, Trial, make, refuses
from mdmtheory.conformance.settings import uniforms
from mdmtheory.conformance.sight import check_sight
from mdmtheory.core.canvases import laws_said
from mdmtheory.core.contracts import as_denoiser, check_vocabularies
from mdmtheory.core.protocols import Denoiser
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import canonical_json, stream_states
from mdmtheory.core.tokens import token_dtype
from mdmtheory.exact.enumeration import joint
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.oracles.base import OracleBase

_WALK = 40


def check_denoiser(denoiser: Denoiser, language: LanguageLike | None = None) -> Report:
    """Try everything that a denoiser promises; ValueError for what is no denoiser.

    `language`: what it is to be the exact denoiser of, for denoisers that claim to be one. That of the built-in
    denoisers, and how far theirs is from exact, is known.

    >>> from mdmtheory import Oracle, Parity
    >>> check_denoiser(Oracle(Parity())).passed
    True
    """
    denoiser = as_denoiser(denoiser)
    given = None if language is None else as_language(language)
    if given is not None:
        check_vocabularies(denoiser, given)
    return make("denoiser", str(denoiser.spec), TRIALS, DenoiserCase(denoiser, given))


def _protocol(case: DenoiserCase) -> str:
    denoiser = case.denoiser
    if not isinstance(denoiser.spec, Spec):
        raise RefutedError(f"spec is {denoiser.spec!r}")
    if not isinstance(denoiser.device, str):
        raise RefutedError(f"device is {denoiser.device!r}; name one, as cpu or cuda:0")
    noise = case.noise
    canonical_json(denoiser.identity)
    refuses("an unknown noise", lambda: denoiser.open(1, case.length, noise="fog"))
    canvas = denoiser.open(3, case.length, noise=noise)
    for name in ("calls", "rounds", "impossible"):
        if np.asarray(getattr(canvas, name)).shape != (3,):
            raise RefutedError(f"{name} of a canvas of 3 sequences has shape {np.asarray(getattr(canvas, name)).shape}")
    return f"noises {', '.join(sorted(denoiser.noises))}"


def _normalised(case: DenoiserCase) -> str:
    found, marked = case.marginals
    asked = case.contexts == case.denoiser.vocab_size
    laws, of_marked = found[asked], np.repeat(marked, asked.sum(axis=1))
    if not (np.isfinite(laws).all() and (laws >= 0).all()):
        raise RefutedError("a marginal is negative or not finite")
    totals = laws.sum(axis=1)
    off = np.where(totals == 0, 0.0, np.abs(totals - 1))
    room = 1e-9 if case.any_split else case.denoiser.tolerance
    if not off.max() <= room:
        raise RefutedError(f"a marginal sums to {totals[off.argmax()]:.9g}")
    unmarked = (totals == 0) & ~of_marked
    if unmarked.any():
        row = np.repeat(np.arange(len(asked)), asked.sum(axis=1))[unmarked][0]
        raise RefutedError(
            f"the marginal of {case.contexts[row].tolist()} is all zeros, and it is not marked impossible"
        )
    return f"{len(laws):,} marginals in {len(asked):,} contexts"


def _impossible(case: DenoiserCase) -> str:
    found, marked = case.marginals
    zeros = (found.sum(axis=2) == 0) & (case.contexts == case.denoiser.vocab_size)
    if (marked & ~zeros.any(axis=1)).any():
        x = case.contexts[(marked & ~zeros.any(axis=1)).argmax()].tolist()
        raise RefutedError(f"{x} is marked impossible though no marginal is all zeros")
    if case.language is None:
        return f"{marked.sum()} of {len(marked)} contexts are marked"
    can_be = possible(joint(case.language, case.length), case.contexts)
    if (marked & can_be).any():
        x = case.contexts[(marked & can_be).argmax()].tolist()
        raise RefutedError(f"{x} is marked impossible, and the language has a sequence that agrees with it")
    return f"{marked.sum()} of {len(marked)} contexts are marked, {(~can_be).sum()} are impossible"


def _history(case: DenoiserCase) -> str:
    """Writing and erasing at random, and asking now and then, against canvases that see the result at once."""
    denoiser, vocab_size = case.denoiser, case.denoiser.vocab_size
    count = 8
    canvas = denoiser.open(count, case.length)
    shown = np.full((count, case.length), vocab_size, dtype=token_dtype(vocab_size))
    compared = 0
    for turn in range(_WALK):
        where, which, erase, token = uniforms(f"walk {turn}", 4, count)
        rows = np.flatnonzero(where < 0.5)
        positions = (which[rows] * case.length).astype(np.int64)
        tokens = np.where(erase < 0.4, vocab_size, (token * vocab_size).astype(np.int64))[rows]
        canvas.write(rows, positions, tokens)
        shown[rows, positions] = tokens
        rows, positions = np.nonzero((shown == vocab_size) & (uniforms(f"ask {turn}", *shown.shape) < 0.6))
        if not len(rows):
            continue
        ours = laws_said(canvas, rows, positions)
        theirs = laws_said(opened_at(denoiser, shown), rows, positions)
        off = np.abs(ours - theirs).max(axis=1)
        compared += len(off)
        if not off.max() <= case.tolerance:
            raise RefutedError(
                f"after writes and erasures {shown[rows[off.argmax()]].tolist()} is off by {off.max():.2g}"
            )
    prompted = denoiser.open(count, case.length, prompt=shown)
    rows, positions = np.nonzero(shown == vocab_size)
    off = np.abs(laws_said(prompted, rows, positions) - laws_said(opened_at(denoiser, shown), rows, positions))
    if off.size and not off.max() <= case.tolerance:
        raise RefutedError(f"a prompt gives other marginals than writing it, by {off.max():.2g}")
    return f"{compared:,} marginals on the way, and those after a prompt"


def _prompt(case: DenoiserCase) -> str:
    denoiser, language, law = case.denoiser, case.language, None
    exact = isinstance(denoiser, OracleBase) or bool(case.exact_for)
    if language is not None and exact and denoiser.trust in (None, 1.0):
        law = joint(language, case.length)
    return of_denoiser(denoiser, case.contexts, law, case.tolerance)


def _conditionals(case: DenoiserCase) -> str:
    found = np.asarray(case.denoiser.conditionals(case.contexts), dtype=np.float64)
    masked = case.contexts == case.denoiser.vocab_size
    off = np.abs(found - case.marginals[0])[masked]
    if not off.max() <= case.tolerance:
        raise RefutedError(f"`conditionals` and canvas differ by {off.max():.2g}")
    shown = case.contexts[~masked].astype(np.int64)
    if case.denoiser.trust in (None, 1.0):
        one_hot = np.eye(case.denoiser.vocab_size)[shown]
        if not np.array_equal(found[~masked], one_hot):
            raise RefutedError("the row of a revealed token is not one-hot")
    return f"{len(off):,} marginals, and one-hot rows at revealed tokens"


def _alone(case: DenoiserCase) -> str:
    vocab_size = case.denoiser.vocab_size
    some = case.contexts[:: max(1, len(case.contexts) // 60)]
    together, _ = masked_marginals(case.denoiser, some)
    room = 0.0 if case.any_split else case.tolerance
    for number in range(0, len(some), 7):
        rows, positions = np.nonzero(some[number : number + 1] == vocab_size)
        for threads in (1, 2):
            canvas = opened_at(case.denoiser, some[number : number + 1], threads)
            alone = laws_said(canvas, rows, positions)
            off = float(np.abs(alone - together[number, positions]).max())
            if not off <= room:
                raise RefutedError(f"the marginals of {some[number].tolist()} differ by {off:.2g} when it is alone")
    return f"{len(range(0, len(some), 7))} contexts alone and among {len(some)}"


def _calls(case: DenoiserCase) -> str:
    canvas = case.denoiser.open(3, case.length)
    canvas.write(np.array([0, 2]), np.array([0, 0]), np.array([0, 0]))
    expected = np.zeros(3, dtype=np.int64)
    last = case.length - 1
    for rows in ([0, 0, 2], [1], [2, 2], []):
        laws_said(canvas, np.array(rows, dtype=np.int64), np.full(len(rows), last))
        expected[np.unique(np.array(rows, dtype=np.int64))] += 1
        calls, rounds = np.asarray(canvas.calls).tolist(), np.asarray(canvas.rounds).tolist()
        if calls != expected.tolist() or rounds != expected.tolist():
            raise RefutedError(f"3 sequences were charged {calls} calls and {rounds} rounds for {expected.tolist()}")
    return "one for each row asked about, none for writing or for others"


def _noises(case: DenoiserCase) -> str:
    law = None
    if case.language is not None and (case.exact_for or isinstance(case.denoiser, OracleBase)):
        law = joint(case.language, case.length)
    return check_noises(case.denoiser, case.length, law, case.tolerance)


def _fused(case: DenoiserCase) -> str:
    """`run_plan` against the loop over a canvas, on shared uniforms and on given tokens."""
    denoiser = case.denoiser
    if not denoiser.fused:
        raise DoesNotApplyError("it has no kernel of its own")
    plan = (1 + 3 * uniforms("plan", 200, case.length)).astype(np.int32)
    given = (uniforms("given", *plan.shape) * denoiser.vocab_size).astype(token_dtype(denoiser.vocab_size))
    for what, tokens in (("draws", None), ("scores", given)):
        one, other = (None if tokens is not None else stream_states("conformance", 0, len(plan)) for _ in range(2))
        ours, theirs = denoiser.run_plan(plan, one, tokens), run_on_canvas(denoiser, plan, other, tokens)
        for name in ("tokens", "calls", "rounds", "impossible"):
            if not np.array_equal(getattr(ours, name), getattr(theirs, name)):
                raise RefutedError(f"run_plan {what} other {name} than the loop over a canvas")
        # What says the same of sequences in any batch is computed in float64.
        most = 1e-12 if case.any_split else case.tolerance
        same = np.isclose(ours.log_probs, theirs.log_probs, rtol=most, atol=most, equal_nan=True)
        if not same.all():
            raise RefutedError(f"run_plan {what} with other log_probs than the loop over a canvas")
    return "200 plans drawn and scored, equal to the loop over a canvas"


def _of_masks(look: Callable[[DenoiserCase], str]) -> Callable[[DenoiserCase], str]:
    """A trial that shows masks, for denoisers that take them."""

    def looked(case: DenoiserCase) -> str:
        if "masked" not in case.denoiser.noises:
            raise DoesNotApplyError(f"it knows {' and '.join(sorted(case.denoiser.noises))} noise, and no masks")
        return look(case)

    return looked


TRIALS: tuple[Trial[DenoiserCase], ...] = (
    Trial(
        "protocol",
        "the members of mdmtheory.core.protocols.Denoiser and Canvas; an unknown noise is refused in one line",
        "compare with those protocols",
        _protocol,
        gate=True,
    ),
    Trial(
        "normalised",
        "marginals are laws; a row of zeros says that the context is impossible, and the canvas marks it",
        "divide by the sum, and mark sequences whose sum is 0 in `impossible`",
        _of_masks(_normalised),
    ),
    Trial(
        "impossible",
        "what is marked impossible has a row of zeros, and the language no sequence that agrees with it",
        "mark nothing else",
        _of_masks(_impossible),
    ),
    Trial(
        "claim",
        "the marginals are those that it says: exact, seen through its window, or epsilon nats away",
        "compare with Bayes' rule on the enumerated law, as conformance.bayes does",
        _of_masks(check_claim),
    ),
    Trial(
        "sight",
        "marginals of one that sees the left, or blocks, do not change with what comes later",
        "mask what comes later inside the network, or say that `sees` is all",
        _of_masks(lambda case: check_sight(case.denoiser, case.contexts, case.tolerance)),
    ),
    Trial(
        "history",
        "marginals depend on what is revealed now, not on how it came: the mask erases, a prompt is written",
        "renew all that a write or an erasure changes",
        _of_masks(_history),
    ),
    Trial(
        "prompt",
        "a canvas opened at a prompt says what one says that it was written to; of exact ones, Bayes' rule given it",
        "write the prompt's tokens when the canvas is opened, and leave masks masked",
        _of_masks(_prompt),
    ),
    Trial(
        "conditionals",
        "`conditionals` of whole rows agree with the canvas, and are one-hot at revealed tokens",
        "let both take one way",
        _of_masks(_conditionals),
    ),
    Trial(
        "alone",
        "the marginals of a sequence are the same alone and among others",
        "let no row see another; pad nothing by what the batch happens to hold",
        _of_masks(_alone),
    ),
    Trial(
        "answers",
        "answers that stay where they were computed draw and score as the laws that they bring home",
        "work all of them out from one law in float64, after the options; draw by its running sum",
        _of_masks(lambda case: check_answers(case.denoiser, case.contexts)),
    ),
    Trial(
        "calls",
        "each row asked about is charged one call and one round, however many of its positions",
        "charge np.unique(rows) in `marginals`, and nothing in `write`",
        _of_masks(_calls),
    ),
    Trial(
        "noises",
        "posteriors under uniform and Gaussian noise are laws, exact if it says so, a call and a round each",
        "take noises that are not supported out of `noises`",
        _noises,
    ),
    Trial(
        "fused",
        "`run_plan` equals the loop over a canvas on the same uniforms",
        "draw with one uniform a token, in order of step and position",
        _of_masks(_fused),
    ),
)
