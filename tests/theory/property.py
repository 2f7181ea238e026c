"""One property test for every statement: it must stand on whatever hypothesis finds, and its twins must not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings, target
from hypothesis import strategies as st

from mdmtheory import EqualPairs, Parity, Repetition
from mdmtheory.exact.enumeration import joint
from mdmtheory.schedules import as_schedule
from mdmtheory.theory.statement import HypothesisError, Setting, Sides
from tests.languages.small import hmms, ngrams


def stands(statement, instances, *, max_examples=None):
    """AssertionError with the instance where the statement is refuted, or is called tight and is not an equality.

    The search is steered towards small slack; instances that the hypotheses exclude are passed over.
    """
    _search(statement, instances, max_examples, tuple(Phase))


def refuted(twin, instances, *, max_examples=200):
    """The same search must refute the twin."""
    with pytest.raises(AssertionError, match="refuted|equality"):
        _search(twin, instances, max_examples, (Phase.generate, Phase.target))


def twins_refuted(statement, instances, *, max_examples=200):
    """The same search must refute each twin of the statement."""
    assert statement.twins
    for each in statement.twins:
        refuted(each.breaks(statement), instances, max_examples=max_examples)


def _search(statement, instances, max_examples, phases):
    # The profile's budget, unless a statement asks for fewer or a twin needs more.
    chosen = settings() if max_examples is None else settings(max_examples=max_examples)

    @settings(chosen, phases=phases, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
    @given(instances)
    def inner(setting):
        try:
            check = statement.check_setting(setting)
        except HypothesisError:
            assume(False)
        if statement.direction != "=":
            target(-min(max(check.slack, 0.0), 1e6), label="slack")
        assert_stands(check)

    inner()


def assert_stands(check):
    """The statement is not refuted here, and is an equality where it is called one."""
    setting = check.setting
    where = (
        f"{check.statement.id} at {setting.language.parameters()}, length {setting.length}, steps {setting.steps}, "
        f"schedule {setting.schedule}, {dict(setting.options)}: "
        f"{check.measured} {check.statement.direction} {check.bound}"
    )
    assert check.holds, f"refuted: {where}"
    if check.tight and check.measured.kind == check.bound.kind == "exact":
        room = check.statement.rounding * max(1.0, abs(check.bound.value))
        assert abs(check.slack) <= room, f"no equality: {where}"


def twin(statement, broken):
    """The statement with `broken(setting, sides)` in place of its sides."""

    def sides(setting: Setting) -> Sides:
        return broken(setting, statement.sides(setting))

    return replace(statement, sides=sides)


def any_language():
    """n-grams and HMMs with zeros, nearly deterministic, periodic; languages with structure that no window sees."""
    structured = [Parity(), Repetition(vocab_size=2), EqualPairs(vocab_size=2), EqualPairs(vocab_size=3)]
    return st.one_of(ngrams(), hmms(), st.sampled_from(structured))


@st.composite
def schedules(draw):
    """Families, and uneven revealed fractions; with the steps of the explicit ones."""
    name = draw(st.sampled_from(["linear", "cosine", "polynomial:power=2", "geometric", "given"]))
    if name != "given":
        return as_schedule(name), draw(st.integers(1, 5))
    weights = draw(st.lists(st.sampled_from([1, 2, 5, 20]), min_size=1, max_size=5))
    fractions = [0.0, *(sum(weights[: k + 1]) / sum(weights) for k in range(len(weights)))]
    return as_schedule(fractions), len(weights)


@st.composite
def enumerable(draw, statement, *, languages=None, most_length=5, most_sequences=250, stepped=True, **options):
    """Settings small enough to enumerate: n-grams and HMMs with zeros, nearly deterministic, periodic; all schedules.

    `options` are strategies for the statement's own options.
    """
    language = draw(languages if languages is not None else st.one_of(ngrams(), hmms()))
    longest = max(n for n in range(1, most_length + 1) if language.vocab_size**n <= most_sequences or n == 1)
    length = draw(st.integers(1, longest))
    schedule, steps = draw(schedules()) if stepped else (as_schedule("linear"), None)
    chosen = {name: draw(strategy) for name, strategy in options.items()}
    # A language whose law is lost to rounding is no instance.
    assume(abs(joint(language, length).sum() - 1) < 1e-9)
    return statement.setting(language, length, steps, schedule, **chosen)


__all__ = [
    "any_language",
    "assert_stands",
    "enumerable",
    "refuted",
    "schedules",
    "stands",
    "twin",
    "twins_refuted",
]
