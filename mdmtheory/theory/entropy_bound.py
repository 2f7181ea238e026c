"""The entropy bound keeps the divergence below its parameter times the calls.

Setting. The exact denoiser with the sampler `entropy_bound:gamma`: each step opens positions of lowest entropy while
the sum of their entropies less the largest is at most gamma nats.
Measured. KL(q || p), by enumeration of all that the sampler may draw.
Guarantee. At most gamma E_q[calls], the calls made along sequences of the *language*: replaying x ~ q opens U_k(x) in
the context x_<k, KL(q || p) = E_q sum_k TC(X_U | x_<k), and each term is at most the entropies less their largest,
because the joint entropy of U is at least the largest of them. With ties broken by a random order of the positions
(the option `ties`) it holds given each order, and by convexity for the mixture, calls being the mean. Tight at
gamma = 0 and, with ties that go to the lowest position, for EqualPairs(m) at gamma = log m and for Repetition(m) at
gamma = (L-1) log m; with random ties pairs are torn apart. With calls along sequences of the *model* it is false: on
EqualPairs(2) at L = 6 and gamma = log 2 half of them die after the first step, and KL = 3 gamma against 2.5 gamma.
Constants. None; the note says which gamma would do.
Source. 2505.24857 for the sampler; the bound ours, docs/theory.md 6.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.draws import law_by_draws
from mdmtheory.exact.enumeration import all_sequences, entropy_nats, expected_nll, joint
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.repetition import Repetition
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.samplers.ties import all_orders
from mdmtheory.samplers.unbudgeted import EntropyBound
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, small_languages
from mdmtheory.theory.statement import Setting, Sides, Statement

_SEARCH = Ours(
    "entropy bounded unmasking KL at most gamma times expected number of calls along sequences of the "
    "data, joint dependence error bound",
    "2026-11-29",
)


def entropy_bound_model(setting: Setting) -> MaskedDiffusion:
    """The exact denoiser with the sampler at the setting's gamma and ties."""
    sampler = EntropyBound(gamma=setting.options["gamma"], ties=setting.options["ties"])
    return MaskedDiffusion(setting.language.oracle(), sampler=sampler)


def _mean_calls(model: MaskedDiffusion, sequences: Tokens) -> Float[np.ndarray, "count"]:
    """Calls along each sequence, the mean over orders where ties are broken by one."""
    if not model.sampler.sees_order:
        return model.replay(sequences).calls.astype(np.float64)
    orders = all_orders(sequences.shape[1])
    every = model.replay(np.repeat(sequences, len(orders), axis=0), order=np.tile(orders, (len(sequences), 1)))
    mean: Float[np.ndarray, "count"] = every.calls.reshape(len(sequences), -1).mean(axis=1)
    return mean


def _sides(setting: Setting) -> Sides:
    model, gamma = entropy_bound_model(setting), setting.options["gamma"]
    q = joint(setting.language, setting.length)
    divergence = expected_nll(law_by_draws(model, setting.length), q) - entropy_nats(q)
    inside = q.reshape(-1) > 0
    sequences = all_sequences(setting.language.vocab_size, setting.length)[inside]
    calls = float(q.reshape(-1)[inside] @ _mean_calls(model, sequences))
    note = f"{calls:.6g} calls; gamma {max(divergence, 0.0) / calls:.6g} would do"
    return Sides(Estimate.exact(divergence), Estimate.exact(gamma * calls), note)


def _tight(setting: Setting) -> bool:
    language, length, gamma = setting.language, setting.length, setting.options["gamma"]
    if setting.options["ties"] != "lowest":
        return bool(gamma == 0)
    log_size = math.log(language.vocab_size)
    if isinstance(language, EqualPairs) and length % 2 == 0:
        return gamma == 0 or bool(np.isclose(gamma, log_size, rtol=0, atol=1e-12))
    if isinstance(language, Repetition):
        return gamma == 0 or bool(np.isclose(gamma, (length - 1) * log_size, rtol=0, atol=1e-12))
    return bool(gamma == 0)


def hardest() -> Setting:
    """The nearest to equality that the search found among n-grams and HMMs."""
    conditional = [[[0.5, 0.5], [0, 1]], [[0, 1], [1, 0]]]
    language = NGram([[0, 1 / 7], [5 / 7, 1 / 7]], conditional, spec=Spec.of("nearly_periodic_trigram"))
    return replace(STATEMENT.setting(language, 4, gamma=1.2346979, ties="lowest"), name="hardest found")


_GAMMAS = (0.0, 0.1, 1.0)


def _settings() -> list[Setting]:
    languages = small_languages()
    return [
        *(STATEMENT.setting(language, 5, gamma=gamma, ties="lowest") for language in languages for gamma in _GAMMAS),
        *(STATEMENT.setting(language, 4, gamma=gamma) for language in languages for gamma in _GAMMAS),
        *(
            STATEMENT.setting(EqualPairs(vocab_size=2), 4, gamma=math.log(2), ties=ties)
            for ties in ("random", "lowest")
        ),
        *(STATEMENT.setting(EqualPairs(vocab_size=m), 6, gamma=math.log(m), ties="lowest") for m in (2, 3)),
        STATEMENT.setting(EqualPairs(vocab_size=2), 5, gamma=math.log(2), ties="lowest"),
        STATEMENT.setting(Repetition(vocab_size=3), 5, gamma=4 * math.log(3), ties="lowest"),
        STATEMENT.setting(Repetition(vocab_size=3), 5, gamma=2 * math.log(3), ties="lowest"),
        hardest(),
    ]


_LEVEL = 0.999999


def _of_pairs(it: Statement) -> Setting:
    return it.setting(EqualPairs(vocab_size=2), 4, gamma=math.log(2), ties="lowest")


def _calls_of_model(setting: Setting) -> Sides:
    """The bound with E_p[calls], from drawn sequences, in place of E_q[calls]."""
    calls = entropy_bound_model(setting).sample(4000, setting.length, seed=0).calls
    ends = mean_interval(Moments.of(setting.options["gamma"] * calls), _LEVEL)
    return Sides(_sides(setting).measured, Estimate(*ends, _LEVEL, "estimate", len(calls)))


STATEMENT = Statement(
    id="entropy_bound",
    number=18,
    says="KL(q||p) <= gamma E_q[calls]",
    source="2505.24857 for the sampler, the bound ours; docs/theory.md 6",
    sources=("benhamu2025", _SEARCH),
    direction="<=",
    sides=_sides,
    settings=_settings,
    hypotheses="any language, exact denoiser, temperature 1; small enough to enumerate",
    tight=_tight,
    options={"gamma": 0.1, "ties": "random"},
    twins=(
        twins.scaled(0.999, _of_pairs, "pairs in one call lose gamma, all of it"),
        twins.bounded(
            "a call less",
            lambda setting, bound: bound - setting.options["gamma"],
            _of_pairs,
            "each call may lose gamma, the last one too",
        ),
        twins.claiming(
            "calls along the model's own sequences",
            _calls_of_model,
            lambda it: it.setting(EqualPairs(vocab_size=2), 6, gamma=math.log(2), ties="lowest"),
            "half of them meet an impossible context at the second call: where a model dies early it makes fewer calls",
        ),
        twins.turned(
            lambda it: it.setting(bigram3(), 4, gamma=1.0, ties="lowest"), "entropies are more than what is lost"
        ),
    ),
)
