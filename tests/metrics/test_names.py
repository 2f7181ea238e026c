"""What a thing is called decides nothing: no kind of a number, not how it is computed, not where it is kept."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.denoisers import check_denoiser
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.exact.reveals import all_plans
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.pricing import curve_priced, curve_weights
from mdmtheory.metrics.score import Score
from mdmtheory.plans import Ancestral, FixedSizes
from mdmtheory.sweeps import cells, collect, read
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.tasks import tasks_of

BIGRAM = mt.NGram.random(order=2, vocab_size=3, seed=1)


class BlurredCanvas:
    def __init__(self, inside: Any) -> None:
        self.inside = inside

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inside, name)

    def marginals(self, rows: Any, positions: Any) -> Any:
        marginals = self.inside.marginals(rows, positions)
        return 0.9 * marginals + 0.1 * marginals.sum(axis=1, keepdims=True) / marginals.shape[1]


class Blurred:
    """Calls itself the oracle, and has a tenth of the uniform law mixed in."""

    trust = 1.0
    noises = frozenset({"masked"})

    def __init__(self, language: Any) -> None:
        self.inside = mt.Oracle(language)
        self.vocab_size, self.spec, self.identity = language.vocab_size, self.inside.spec, self.inside.identity

    def open(self, count: int, length: int, **options: Any) -> Any:
        return BlurredCanvas(self.inside.open(count, length, **options))


class Wrapped(Blurred):
    """All but `open` is the oracle's own."""

    fused = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inside, name)


def inheriting(language: Any) -> Any:
    oracle = mt.Oracle(language)

    class Inheriting(type(oracle)):  # type: ignore[misc]
        fused = False

        def open(self, *arguments: Any, **options: Any) -> Any:
            return BlurredCanvas(super().open(*arguments, **options))

    inherited = copy(oracle)
    inherited.__class__ = Inheriting
    return inherited


class Honest(Blurred):
    """The oracle itself, under a name of its own."""

    def __init__(self, language: Any) -> None:
        super().__init__(language)
        self.spec, self.identity = mt.Spec.of("honest"), ["honest"]
        self.exact_for = language.digest

    def open(self, count: int, length: int, **options: Any) -> Any:
        return self.inside.open(count, length, **options)


@pytest.mark.refutes("1.4")
@pytest.mark.parametrize("make", [Blurred, Wrapped, inheriting])
def test_a_denoiser_called_oracle_gets_neither_its_kind_nor_its_mixture(make):
    blurred = make(BIGRAM)
    one_by_one = mt.MaskedDiffusion(blurred, sampler="first_hitting")
    assert one_by_one.log_prob_kind == one_by_one.log_prob(BIGRAM.sample(3, 8, 0)).kind == "lower bound"
    for measure in (mt.ter, mt.ter_ratio):
        assert measure(one_by_one, BIGRAM, 8, count=50).kind == "upper bound"
    ancestral = mt.MaskedDiffusion(blurred, sampler="ancestral", steps=4)
    for measure in (mt.ter, mt.ter_ratio, mt.distances):
        with pytest.raises(ValueError, match="has no exact log p"):
            measure(ancestral, BIGRAM, 32, count=50, method="mixture")


@pytest.mark.refutes("1.4")
def test_a_denoiser_is_exact_for_the_language_that_it_says():
    honest = Honest(BIGRAM)
    assert mt.MaskedDiffusion(honest, sampler="first_hitting").log_prob_kind == "exact"
    ancestral, oracles = (
        mt.MaskedDiffusion(each, sampler="ancestral", steps=4) for each in (honest, mt.Oracle(BIGRAM))
    )
    found, expected = (mt.ter_ratio(each, BIGRAM, 16, count=200, method="mixture") for each in (ancestral, oracles))
    assert found == expected
    other = mt.NGram.random(order=2, vocab_size=3, seed=2)
    with pytest.raises(ValueError, match="has no exact log p"):
        mt.ter_ratio(ancestral, other, 16, count=50, method="mixture")


def test_who_says_that_it_is_exact_is_tried_by_bayes_rule():
    def claim(report: Any) -> str:
        [check] = [each for each in report.checks if each.name == "claim"]
        return {True: "passed", False: "failed", None: "does not apply"}[check.passed]

    assert claim(check_denoiser(Honest(BIGRAM), BIGRAM)) == "passed"
    assert claim(check_denoiser(Honest(BIGRAM), mt.NGram.random(order=2, vocab_size=3, seed=2))) == "failed"
    liar = Blurred(BIGRAM)
    liar.exact_for = BIGRAM.digest
    assert claim(check_denoiser(liar, BIGRAM)) == "failed"


@dataclass(frozen=True)
class AllAtOnce:
    """A law over plans that goes by another's name."""

    called: str

    uses_steps = True
    uses_schedule = False
    fixed = False
    one_at_a_time = False

    @property
    def spec(self) -> mt.Spec:
        return mt.Spec.of(self.called)

    @property
    def identity(self) -> Any:
        return [self.called]

    def draw(self, states: Any, length: int, steps: int, schedule: Any) -> Any:
        return np.ones((len(states), length), dtype=np.int32)

    def steps_taken(self, length: int, steps: int) -> int:
        return 1


@pytest.mark.refutes("1.4")
@pytest.mark.parametrize("name", ["ancestral", "fixed", "first_hitting"])
def test_a_law_over_plans_is_priced_and_listed_by_what_it_is(name):
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=AllAtOnce(name), steps=4)
    assert not curve_priced(model)
    # All at once is one step, whatever it is called.
    at_once = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="blocks", steps=1)
    assert mt.ter_ratio(model, BIGRAM, 8, count=50).value == pytest.approx(
        mt.ter_ratio(at_once, BIGRAM, 8, count=50).value
    )
    with pytest.raises(ValueError, match="ancestral"):
        curve_weights(model, 8)
    with pytest.raises(ValueError, match="cannot be listed"):
        all_plans(model, 4)


@pytest.mark.refutes("1.4")
def test_a_class_that_extends_a_built_in_one_is_not_priced_as_that():
    class Twice(Ancestral):
        def draw(self, states: Any, length: int, steps: int, schedule: Any) -> Any:
            return np.minimum(super().draw(states, length, steps, schedule), 1)

    class Worse(mt.MaskedDiffusion):
        def log_prob(self, *arguments: Any, **options: Any) -> Any:
            found = super().log_prob(*arguments, **options)
            return type(found)(found.values - 1.0, found.kind)

    class Slow(mt.Autoregressive):
        def log_prob(self, *arguments: Any, **options: Any) -> Any:
            found = super().log_prob(*arguments, **options)
            return type(found)(found.values - 1.0, found.kind)

    at_once = mt.ter_ratio(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="blocks", steps=1), BIGRAM, 8, count=50)
    assert mt.ter_ratio(
        mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=Twice(), steps=4), BIGRAM, 8, count=50
    ).value == pytest.approx(at_once.value)
    plain, worse = (kind(mt.Oracle(BIGRAM), sampler="ancestral", steps=4) for kind in (mt.MaskedDiffusion, Worse))
    [priced] = Score().count([worse], Sequences(BIGRAM, 8, 0, 0, 50))
    assert priced["nats"] == pytest.approx(50 - plain.log_prob(BIGRAM.sample(50, 8, 0)).values.sum())
    assert mt.ter(Slow(BIGRAM), BIGRAM, 8, count=50).kind == "estimate"
    worse_in_order = Worse(mt.Oracle(BIGRAM), sampler="left_to_right")
    np.testing.assert_allclose(mt.exact.law(worse_in_order, BIGRAM, 3).sum(), np.exp(-1))
    assert mt.ter(mt.Autoregressive(BIGRAM), BIGRAM, 8, count=50).kind == "exact"


@pytest.mark.refutes("1.4")
def test_two_denoisers_of_one_name_share_no_pass():
    models = [mt.MaskedDiffusion(each, sampler="ancestral", steps=4) for each in (mt.Oracle(BIGRAM), Blurred(BIGRAM))]
    some = Sequences(BIGRAM, 8, 0, 0, 200)
    together = Score().count(models, some)
    assert together == [Score().count([each], some)[0] for each in models]
    assert together[0] != together[1]


@pytest.mark.refutes("1.4")
def test_what_is_perturbed_is_the_denoiser_and_not_what_it_is_called():
    assert mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.1).spec == mt.Spec.of("perturbed", epsilon=0.1)
    assert dict(mt.Perturbed(Blurred(BIGRAM), epsilon=0.1).spec.options)["of"] == "oracle"
    blurred = mt.Perturbed(inheriting(BIGRAM), epsilon=0.1)
    assert not blurred.fused


@pytest.mark.refutes("1.4")
def test_a_model_whose_log_prob_is_a_bound_says_so_beforehand():
    class Bound(mt.Autoregressive):
        def log_prob(self, *arguments: Any, **options: Any) -> Any:
            return type(super().log_prob(*arguments, **options))(super().log_prob(*arguments).values, "lower bound")

    with pytest.raises(ProtocolError, match="log_prob_kind"):
        mt.ter_ratio(Bound(BIGRAM), BIGRAM, 8, count=50)


PLUG_INS = """
import numpy as np
import mdmtheory as mt
from tests.metrics.test_names import AllAtOnce, Blurred

def blurred(language):
    return Blurred(language)

class Fixed(AllAtOnce):
    def __init__(self, *, pace: int = 1):
        super().__init__("fixed")
"""


@pytest.fixture
def plug_ins(tmp_path, monkeypatch):
    (tmp_path / "borrowed_names.py").write_text(PLUG_INS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.refutes("1.4")
def test_what_goes_by_a_built_in_name_is_kept_apart_from_it(plug_ins):
    given = {"lang": "ngram:order=2,vocab_size=3", "length": 16, "steps": 4, "samples": 100}
    both = cells(**given, denoiser="oracle,borrowed_names:blurred")
    shas = [{task.sha for task in tasks_of(cell, *Builder().build(cell))} for cell in both]
    assert not shas[0] & shas[1]
    alone = collect(both[:1], out=plug_ins / "alone.sqlite")
    frame = collect(both, out=plug_ins / "both.sqlite")
    ser = frame[frame["metric"] == "ser"].set_index("denoiser")["value"]
    assert ser["oracle"] == alone["value"][0] < ser["borrowed_names:blurred"]
    assert set(read(plug_ins / "both.sqlite")["denoiser"]) == set(frame["denoiser"]) == set(ser.index)


@pytest.mark.refutes("1.4")
def test_a_plug_in_law_called_fixed_is_neither_checked_nor_kept_as_fixed(plug_ins):
    (plug_ins / "sizes.txt").write_text("1 2 5\n")
    [cell] = cells(
        "ngram:order=2,vocab_size=3", length=16, sampler="borrowed_names:Fixed", schedule="file:path=sizes.txt", steps=3
    )
    Builder().build(cell)
    paces = [
        cells("ngram:order=2,vocab_size=3", length=16, sampler=f"borrowed_names:Fixed:pace={pace}", steps=3)[0]
        for pace in (1, 2)
    ]
    one, two = ({task.sha for task in tasks_of(each, *Builder().build(each))} for each in paces)
    assert not one & two


@pytest.mark.refutes("1.6")
def test_a_law_over_plans_that_was_changed_is_kept_apart_from_what_it_was(plug_ins, monkeypatch):
    [cell] = cells("ngram:order=2,vocab_size=3", length=16, sampler="borrowed_names:Fixed", steps=3)
    before = {task.sha for task in tasks_of(cell, *Builder().build(cell))}
    assert before == {task.sha for task in tasks_of(cell, *Builder().build(cell))}
    monkeypatch.setattr(
        AllAtOnce, "draw", lambda self, states, length, *_: np.tile(1 + np.arange(length) % 2, (len(states), 1))
    )
    assert not before & {task.sha for task in tasks_of(cell, *Builder().build(cell))}


@pytest.mark.refutes("1.4")
def test_closed_forms_are_not_claimed_for_what_borrows_a_name():
    from mdmtheory.report.answers import answers

    q = mt.Parity()
    assert answers(q, mt.MaskedDiffusion(mt.Oracle(q), sampler="stride", steps=2), 8)
    assert not answers(q, mt.MaskedDiffusion(Blurred(q), sampler="stride", steps=2), 8)
    assert not answers(q, mt.MaskedDiffusion(mt.Oracle(mt.Repetition(vocab_size=2)), sampler="stride", steps=2), 8)


def test_the_laws_that_are_built_in_are_still_priced_by_the_curve():
    for law in (Ancestral(), mt.samplers.registry.as_sampler("ancestral")):
        assert curve_priced(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=law, steps=4))
    assert curve_weights(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=FixedSizes(), steps=2), 8).tolist() == [
        4,
        0,
        0,
        0,
        4,
        0,
        0,
        0,
    ]
