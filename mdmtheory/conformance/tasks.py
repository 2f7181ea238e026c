"""What a task promises: its oracle, its lists and its verifier speak of one law, held against the rule alone."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.conformance.goodness import follows
from mdmtheory.conformance.language_case import SHARED, LanguageCase
from mdmtheory.conformance.report import DoesNotApplyError, RefutedError, Trial, refuses
from mdmtheory.conformance.settings import DELTA, uniforms
from mdmtheory.core.canvases import laws_said
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.enumeration import all_sequences
from mdmtheory.tasks.drawing import Row

_MOST_CANDIDATES = 1 << 16
_PROMPTS, _CONTEXTS_A_PROMPT = 12, 4
_DRAWS, _BINS = 2_000, 8


class TaskCase(LanguageCase):
    """A task, some of its sequences, and contexts of which every completion can be enumerated."""

    language: Any

    def longest(self, wanted: int) -> int:
        """Its one length."""
        length: int = self.language.length
        return length

    @cached_property
    def drawn(self) -> Tokens:
        """Some sequences."""
        tokens: Tokens = self.language.sample(_PROMPTS, self.language.length, 11)
        return tokens

    @cached_property
    def positions(self) -> Int[np.ndarray, "answered"]:
        """Those of the answer."""
        return np.flatnonzero(~self.language.given)

    def listed(self, prompt: Row) -> Any:
        """The task's list; DoesNotApplyError where it is too long, which an oracle of another kind does without."""
        try:
            return self.language.answers(prompt)
        except ValueError as reason:
            if "MOST_ANSWERS" in str(reason):
                raise DoesNotApplyError(str(reason)) from None
            raise

    @cached_property
    def contexts(self) -> Tokens:
        """Prompts with as much of the answer masked as can be enumerated; in half of them one token may be wrong."""
        task, mask = self.language, self.language.vocab_size
        hidden = min(len(self.positions), int(np.log(_MOST_CANDIDATES) / np.log(max(mask, 2))))
        out = np.repeat(self.drawn, _CONTEXTS_A_PROMPT, axis=0)
        numbers = uniforms(f"contexts {task.digest}", len(out), len(self.positions) + 1)
        for row, (context, own) in enumerate(zip(out, numbers, strict=True)):
            order = self.positions[np.argsort(own[:-1])]
            if row % 2 and len(order) > 1:
                context[order[-1]] = int(own[-1] * mask)
            context[order[: max(1, min(hidden, len(order) - row % 2))]] = mask
        return out


def _rule(case: TaskCase) -> str:
    task, drawn = case.language, case.drawn
    if not task.in_support(drawn).all():
        raise RefutedError(f"{drawn[~task.in_support(drawn)][0].tolist()} was drawn and breaks the rule")
    listed = 0
    for row in drawn:
        answers = case.listed(row).tokens
        whole = np.repeat(row[None], len(answers), axis=0)
        whole[:, case.positions] = answers
        if not task.in_support(whole).all():
            raise RefutedError(f"{whole[~task.in_support(whole)][0].tolist()} is listed and breaks the rule")
        if len(np.unique(answers, axis=0)) < len(answers):
            raise RefutedError(f"an answer to {row[task.given].tolist()} is listed twice")
        if not (answers == row[case.positions]).all(axis=1).any():
            raise RefutedError(f"{row.tolist()} was drawn and is not listed")
        listed += len(answers)
    return f"{listed:,} listed answers to {len(drawn)} prompts keep the rule, drawn ones among them"


def _conditionals(case: TaskCase) -> str:
    """Each completion of each context by the verifier alone, weighed by its probability, averaged."""
    task, mask = case.language, case.language.vocab_size
    contexts, oracle = case.contexts, task.oracle()
    tried, impossible, worst = 0, 0, 0.0
    canvas = oracle.open(*contexts.shape, prompt=contexts)
    rows, positions = np.nonzero(contexts == mask)
    found = laws_said(canvas, rows, positions)
    for row, context in enumerate(contexts):
        where = np.flatnonzero(context == mask)
        candidates = np.repeat(context[None], mask ** len(where), axis=0)
        candidates[:, where] = all_sequences(mask, len(where))
        tried += len(candidates)
        right = candidates[task.in_support(candidates)]
        weights = np.exp(task.answer_log_prob(right))
        expected = np.stack([np.bincount(right[:, i], weights=weights, minlength=mask) for i in where])
        expected = expected / weights.sum() if len(right) else expected
        off = float(np.abs(found[rows == row] - expected).max())
        worst = max(worst, off)
        if not off <= 1e-9:
            raise RefutedError(f"the conditionals of {context.tolist()} are off by {off:.2g}")
        if bool(canvas.impossible[row]) != (len(right) == 0):
            raise RefutedError(f"{context.tolist()} is marked {'im' if len(right) else ''}possible")
        impossible += len(right) == 0
    return (
        f"within {worst:.0e} of the rule alone: {tried:,} sequences enumerated in {len(contexts)} contexts, "
        f"{impossible} of them impossible"
    )


def _in_steps(case: TaskCase) -> str:
    """A canvas that is written to, erased and written again says what one says that was opened there."""
    task, mask = case.language, case.language.vocab_size
    contexts, oracle = case.contexts, task.oracle()
    shown = np.where(task.given, contexts, np.asarray(mask, dtype=contexts.dtype))
    canvas = oracle.open(*contexts.shape, prompt=shown)
    rows, positions = np.nonzero((contexts < mask) & ~task.given)
    half = np.arange(len(rows)) % 2 == 0
    asked = np.nonzero(contexts == mask)
    right, wanted = (each.astype(np.int64) for each in (case.drawn[rows // _CONTEXTS_A_PROMPT, positions], contexts))
    for which in (half, ~half):
        canvas.write(rows[which], positions[which], right[which])
        laws_said(canvas, *asked)
    canvas.write(rows[half], positions[half], np.full(half.sum(), mask))
    for which in (half, ~half):
        canvas.write(rows[which], positions[which], wanted[rows[which], positions[which]])
    opened = oracle.open(*contexts.shape, prompt=contexts)
    off = np.abs(laws_said(canvas, *asked) - laws_said(opened, *asked)).max()
    if not off <= 1e-12:
        raise RefutedError(f"what a canvas says depends by {off:.2g} on how it was written to")
    return f"{len(contexts)} canvases written in two steps, erased in part and written again"


def _chain_rule(case: TaskCase) -> str:
    task, tokens = case.language, case.drawn
    total = np.zeros(len(tokens))
    shown = np.where(task.given, tokens, np.asarray(task.vocab_size, dtype=tokens.dtype))
    canvas = task.oracle().open(*tokens.shape, prompt=shown)
    rows = np.arange(len(tokens))
    for position in case.positions:
        law = laws_said(canvas, rows, np.full(len(rows), position))
        with np.errstate(divide="ignore"):
            total += np.log(law[rows, tokens[:, position]])
        canvas.write(rows, np.full(len(rows), position), tokens[:, position].astype(np.int64))
    values = task.answer_log_prob(tokens)
    off = np.abs(total - values).max()
    if not off <= 1e-9 * max(1.0, float(np.abs(values).max())):
        raise RefutedError(f"log P(answer | prompt) and the sum over positions are {off:.2g} nats apart")
    return f"{len(tokens)} answers, {-values.max():.2f} to {-values.min():.2f} nats, within {off:.0e}"


def _samples(case: TaskCase) -> str:
    """Where each drawn answer stands among the right ones to its prompt, in eighths of their law."""
    task = case.language
    tokens = task.sample(_DRAWS, task.length, 3)
    places, numbers = np.empty((len(tokens), 1), dtype=np.int64), uniforms(f"places {task.digest}", 1, len(tokens))[0]
    for row, (whole, number) in enumerate(zip(tokens, numbers, strict=True)):
        found = case.listed(whole)
        place = int((found.tokens == whole[case.positions]).all(axis=1).argmax())
        shares = found.all_weights / found.all_weights.sum()
        places[row, 0] = min(_BINS - 1, int(_BINS * (shares[:place].sum() + number * shares[place])))
    return follows(places, np.full(_BINS, 1 / _BINS))


def _trust(case: TaskCase) -> str:
    task, mask, worst = case.language, case.language.vocab_size, 0.0
    contexts = case.contexts[:: _CONTEXTS_A_PROMPT - 1]
    rows, columns = (each.reshape(-1) for each in np.indices((len(contexts), len(case.positions))))
    for trust in (1 - DELTA, 0.5):
        canvas = task.oracle(trust).open(*contexts.shape, prompt=contexts)
        found = laws_said(canvas, rows, case.positions[columns]).reshape(len(contexts), -1, mask)
        for row, context in enumerate(contexts):
            expected = _soft(case.listed(context[task.given]), context[case.positions], trust, mask)
            worst = max(worst, float(np.abs(found[row] - expected).max()))
        if not worst <= 1e-9:
            raise RefutedError(f"with trust {trust} the conditionals are off Bayes' rule by {worst:.2g}")
        if np.asarray(canvas.impossible).any():
            raise RefutedError(f"with trust {trust} a context is marked impossible")
    for bad in (0.0, 1.5):
        refuses(f"trust {bad}", partial(task.oracle, bad))
    return f"within {worst:.0e} of Bayes' rule with soft evidence on the lists, leave-one-out at revealed positions"


def _soft(listing: Any, shown: Row, trust: float, mask: int) -> Float[np.ndarray, "answered vocab"]:
    """Bayes' rule on a list, each position leaving its own evidence out."""
    seen = trust * (listing.tokens == shown) + (1 - trust) / mask
    logs = np.where(shown == mask, 0.0, np.log(seen))
    out = np.empty((len(shown), mask))
    for i in range(len(shown)):
        scores = np.log(listing.all_weights) + logs.sum(axis=1) - logs[:, i]
        out[i] = np.bincount(listing.tokens[:, i], weights=np.exp(scores - scores.max()), minlength=mask)
    return out / out.sum(axis=1, keepdims=True)


def _written(case: TaskCase) -> str:
    task = case.language
    for row in (*case.drawn, *task.prompts(_PROMPTS, 1)):
        text = task.show(row)
        if not np.array_equal(task.parse(text), row):
            raise RefutedError(f"{row.tolist()} is another sequence after show and parse: {text!r}")
    for text in ("", "no such thing", task.show(case.drawn[0])[:-1] + "?"):
        refuses(f"parsing {text[-20:]!r}", partial(task.parse, text))
    return f"{2 * _PROMPTS} sequences, with masks and without, are the same after show and parse"


def _prompts(case: TaskCase) -> str:
    task = case.language
    prompts = task.prompts(_PROMPTS, 2)
    if not ((prompts == task.vocab_size) == ~task.given).all():
        raise RefutedError("drawn prompts do not have masks where the answer is, and nowhere else")
    strata = task.strata(case.drawn)
    if len(strata) != len(case.drawn) or not all(isinstance(each, str) and each for each in strata):
        raise RefutedError(f"strata of {len(case.drawn)} sequences are {strata!r:.60}")
    try:
        values = np.asarray(task.log_prob(case.drawn))
    except ValueError as reason:
        return str(reason)
    whole = values - task.answer_log_prob(case.drawn)
    off = np.abs(whole - task.prompt_log_prob(case.drawn[:, task.given])).max()
    if not off <= 1e-9 * max(1.0, float(np.abs(values).max())) or not (whole <= 1e-9).all():
        raise RefutedError(f"log q(x) is not log P(prompt) + log P(answer | prompt), by {off:.2g} nats")
    return f"log P(prompt) of {len(values)}: {whole.min():.1f} to {whole.max():.1f} nats"


def _entropy(case: TaskCase) -> str:
    task = case.language
    try:
        found, values = task.entropy(task.length), -task.log_prob(task.sample(_DRAWS, task.length, 5))
    except ValueError as reason:
        raise DoesNotApplyError(str(reason)) from None
    room = 5 * values.std() / np.sqrt(len(values)) + 1e-9 * max(1.0, found.value) + (found.high - found.low)
    if not abs(values.mean() - found.value) <= room:
        raise RefutedError(f"entropy is {found}, and {values.mean():.6g} nats in {len(values):,} draws")
    return f"{found.value:.6g} nats, {found.kind}; {values.mean():.6g} in {len(values):,} draws"


def _alone(case: TaskCase) -> str:
    task = case.language
    together = task.sample(12, task.length, 5, threads=2)
    for first, count in ((0, 1), (1, 6), (7, 5)):
        if not np.array_equal(task.sample(count, task.length, 5, first=first), together[first : first + count]):
            raise RefutedError(f"sequences {first}..{first + count - 1} differ where they are drawn alone")
    return "12 sequences are the same alone and together"


TRIALS: tuple[Trial[TaskCase], ...] = (
    *SHARED.values(),
    Trial(
        "rule",
        "drawn sequences and all listed answers pass the verifier; each is listed once",
        "let `_draw`, `right_answers` and `follows_rule` speak of one set",
        _rule,
    ),
    Trial(
        "conditionals",
        "the oracle's marginals are averages over all completions that pass the verifier; impossible where none does",
        "filter all right answers by what is revealed",
        _conditionals,
    ),
    Trial(
        "in steps",
        "a canvas depends on what is written on it alone, not on how it came there",
        "start anew where a token is erased or changed",
        _in_steps,
    ),
    Trial(
        "chain rule",
        "log P(answer | prompt) is the sum of the oracle's log P(token | prompt and what is left of it)",
        "let `answer_log_prob` and the oracle speak of one law",
        _chain_rule,
    ),
    Trial(
        "samples", "answers are drawn by their weights (G-test)", "draw with `drawn_answer`, or by the law", _samples
    ),
    Trial(
        "trust",
        "with trust below 1 revealed tokens of the answer are soft evidence, and the prompt stays certain",
        "weigh a revealed token v by trust 1[v = x] + (1 - trust)/V",
        _trust,
    ),
    Trial(
        "written",
        "parse(show(x)) is x; what is none is refused in one line",
        "let parse read what show writes",
        _written,
    ),
    Trial(
        "prompts",
        "prompts have masks where the answer is; log q(x) = log P(prompt) + log P(answer | prompt), where it is known",
        "say `prompt_log_prob`, or leave it out where it is not known",
        _prompts,
    ),
    Trial("entropy", "entropy is the mean of -log q(x)", "call a number exact only where it is", _entropy),
    Trial(
        "alone", "a sequence is the same drawn alone or among others", "draw sequence i from its own `draws`", _alone
    ),
)
