"""`mdmtheory likelihood`: log p(x) of fresh sequences of a run's language under its network, kind by kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from mdmtheory.cli.terminal import Terminal, print_table, writable
from mdmtheory.core.integers import LAST_SEED

if TYPE_CHECKING:
    from mdmtheory.core.estimate import Estimate
    from mdmtheory.denoisers.network import Network

_ONE_BY_ONE, _LOOKING = "first_hitting", "confidence:ties=lowest"
_KINDS = {"all": ("elbo", "iw", "replay"), "block": ("elbo", "iw", "replay"), "left": ("exact",)}
"""What is quick, by what a network sees."""


class _Row(NamedTuple):
    """What was asked, and log p(x) and KL(q || p) in nats a token, or why there is none."""

    kind: str
    sampler: str
    log_prob: Estimate | str
    divergence: Estimate | str
    plans: int
    effective: float


def likelihood(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The folder of a run that is trained.")],
    kind: Annotated[
        str | None,
        typer.Option(help="exact, elbo, iw, replay (or duel), tube or several; by default those that are quick."),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(help=f"One or several (list samplers); by default {_ONE_BY_ONE}, for replay {_LOOKING}."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Of samplers that have some; by default 64.", min=1)] = None,
    schedule: Annotated[str, typer.Option(help="A family: linear, cosine, ...")] = "linear",
    samples: Annotated[int, typer.Option(help="Sequences drawn from the language.", min=1)] = 100,
    plans: Annotated[
        int | None, typer.Option(help="Of a sequence; by default 64 for elbo, 16 for iw, 512 for tube.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Names the random streams.", min=0, max=LAST_SEED)] = 0,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    format: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", "-f", help="How to print it.")
    ] = "table",
) -> None:
    """Score fresh sequences of the language under a trained network: exactly, or from below and from above.

    Every number is of the sampler beside it: elbo, iw and tube are for those that draw a plan, replay for those that
    look at the context alone, exact for autoregression and for one plan.
    """
    from mdmtheory.core.intervals import check_level
    from mdmtheory.core.means import LEAST_TERMS
    from mdmtheory.denoisers.network import Network, network_of

    terminal = Terminal.of(context)
    check_level(level)
    if samples < LEAST_TERMS:
        raise ValueError(f"samples is {samples}; give --samples {LEAST_TERMS} or more, below which no interval holds")
    net = network_of(run) or Network(run)  # which says that there is no such run
    named = _named(net, kind, sampler)
    language = net.run.language
    models = {each: _model(net, each, steps, schedule) for each in dict.fromkeys(name for _, name in named)}
    with terminal.announcing_compilation():
        tokens = language.sample(samples, net.run.record.length, seed)
        log_q = language.log_prob(tokens)
        rows, reasons = [_of_language(net, tokens, level)], []
        for each, name in named:
            options = {"plans": plans if each in ("elbo", "iw", "tube") else None, "seed": seed, "level": level}
            try:
                rows.append(_scored(models[name], tokens, log_q, each, name, options))
            except ValueError as reason:
                reasons.append(f"{each} of {name or net.spec} says nothing here: {reason}")
    if len(rows) == 1:
        raise ValueError(reasons[0])
    for each in reasons:
        terminal.say(each)
    said = f"{run}: {net.run.record.objective}, {language.spec}, length {net.length}, {samples} sequences of it"
    if format == "table":
        _print(rows, said)
    else:
        _print_data(rows, format, said, terminal)


def _named(net: Network, kind: str | None, sampler: str | None) -> list[tuple[str, str]]:
    """Kinds and samplers that are asked for; ValueError for names that are none, and for what has no say here."""
    from mdmtheory.core.printable import did_you_mean
    from mdmtheory.metrics.likelihood_kinds import ALIASES, KINDS
    from mdmtheory.sweeps.choices import known_spec
    from mdmtheory.sweeps.ranges import texts

    masked = "masked" in net.noises
    kinds = [*(_KINDS[net.sees] if masked else ("elbo", "iw"))] if kind is None else texts(kind, "kind")
    kinds = [ALIASES.get(each, each) for each in kinds]
    for each in kinds:
        if each not in KINDS:
            raise ValueError(f"unknown kind {each!r}{did_you_mean(each, KINDS)}; known: {', '.join(KINDS)}")
    if net.sees == "left" or not masked:
        if sampler is not None:
            raise ValueError(f"a network of objective {net.run.record.objective} takes no sampler; leave --sampler out")
        return [(each, "") for each in kinds]
    if sampler is not None:
        samplers = [known_spec("sampler", each) for each in texts(sampler, "sampler")]
        return [(each, name) for each in kinds for name in samplers]
    return [(each, _LOOKING if each == "replay" else _ONE_BY_ONE) for each in kinds]


def _model(net: Network, sampler: str, steps: int | None, schedule: str) -> Any:
    from mdmtheory.sweeps.choices import registries

    [noise] = net.noises
    name = {"left": "ar", "block": f"block:size={net.block}", "all": noise}[net.sees]
    model = registries()["model"].build(name, net.run.language, net, sampler or _ONE_BY_ONE, steps, schedule)
    model.validate_length(net.length)
    return model


def _scored(model: Any, tokens: Any, log_q: Any, kind: str, sampler: str, options: dict[str, Any]) -> _Row:
    import numpy as np

    from mdmtheory.metrics.likelihood import likelihood as scored

    found = scored(model, tokens, kind=kind, **options)
    worth = float(np.nan if np.isnan(found.effective).all() else np.nanmin(found.effective))
    return _Row(kind, sampler, _said(lambda: found.mean), _said(lambda: found.divergence(log_q)), found.plans, worth)


def _of_language(net: Network, tokens: Any, level: float) -> _Row:
    """log q(x): minus the entropy a token where that is known."""
    from mdmtheory.core.estimate import Estimate
    from mdmtheory.metrics.likelihood import likelihood as scored
    from mdmtheory.metrics.ter import exact_entropy
    from mdmtheory.models.autoregressive import Autoregressive

    language, length = net.run.language, net.run.record.length
    entropy = exact_entropy(language, length)
    if entropy is not None:
        return _Row("log q(x)", "", Estimate.exact(-entropy / length), "", 0, math.nan)
    own = scored(Autoregressive(language), tokens, kind="exact", level=level)
    return _Row("log q(x)", "", _said(lambda: own.mean), "", 0, math.nan)


def _said(number: Callable[[], Estimate]) -> Estimate | str:
    """The number, or why it is withheld."""
    from mdmtheory.core.estimate import WithheldError

    try:
        return number()
    except WithheldError as withheld:
        return withheld.kind


def _print(rows: list[_Row], said: str) -> None:
    from mdmtheory.core.estimate import decimals_of

    def text(number: Estimate | str) -> str:
        if isinstance(number, str):
            return number
        half = (number.high - number.low) / 2
        return f"{number:.{decimals_of(half) if 0 < half < math.inf else 6}f}"

    print(writable(said))
    print_table(
        ["kind", "sampler", "log p(x)\nnats a token", "KL(q || p)\nnats a token", "plans", "worth"],
        [
            (
                each.kind,
                each.sampler,
                text(each.log_prob),
                text(each.divergence),
                each.plans or "",
                "" if math.isnan(each.effective) else f"{each.effective:.0f}",
            )
            for each in rows
        ],
        right=[False, False, False, False, True, True],
    )


def _print_data(rows: list[_Row], format: str, said: str, terminal: Terminal) -> None:
    import pandas as pd

    from mdmtheory.cli.tables import print_data

    records = [
        {"kind": each.kind, "sampler": each.sampler, **dict(_fields("log_prob", each.log_prob))}
        | {**dict(_fields("divergence", each.divergence)), "plans": each.plans, "effective_size": each.effective}
        for each in rows
    ]
    print_data(pd.DataFrame(records), format, {"sequences": said, "unit": "nats a token"}, terminal.say)


def _fields(name: str, number: Estimate | str) -> Iterator[tuple[str, Any]]:
    ends: tuple[Any, ...] = (math.nan, math.nan, math.nan, number)
    if not isinstance(number, str):
        ends = (number.value, number.low, number.high, number.said_kind)
    yield from zip((name, f"{name}_low", f"{name}_high", f"{name}_kind"), ends, strict=True)
