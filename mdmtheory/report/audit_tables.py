"""The tables of an audit, the card that says what its numbers hold for, and both as a page."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.html_tables import html_table
from mdmtheory.metrics.audit import Audit
from mdmtheory.metrics.collapse import NGRAM
from mdmtheory.metrics.held_out import HeldOut
from mdmtheory.metrics.order_consistency import circulation, gains, mean_spread, safe_stride
from mdmtheory.metrics.rule_prices import cheapest, over_cheapest
from mdmtheory.metrics.step_divergence import VACUOUS


@dataclass(frozen=True)
class Table:
    """Headings and rows of text, and what the table is of."""

    name: str
    headings: list[str]
    rows: list[list[str]]


def tables(found: Audit, level: float, threshold: float) -> list[Table]:
    """Prices of rules, divergences along the chain, dependence by distance, and what was checked."""
    shown = [_prices(found, level), _chains(found, level), _distances(found, level)]
    return [*shown, _predictions(found)] if found.predictions else shown


def _number(each: Any, digits: int = 4) -> str:
    return f"{each:.{digits}f}"


def _prices(found: Audit, level: float) -> Table:
    rows = []
    for each, over in zip(found.prices, over_cheapest(found.prices, level), strict=True):
        dearer = "cheapest" if each is cheapest(found.prices, each.steps) else _number(over)
        rows.append([each.rule, str(each.steps), _number(each.mean(level)), dearer, f"{each.calls:.4g}"])
    return Table("prices", ["rule", "steps", "nats a token", "over the cheapest, in pairs", "calls"], rows)


def _uncut(each: Estimate) -> str:
    """Of what cannot be below 0 it goes without saying that noise was cut there."""
    return _number(replace(each, cut_from=None))


def _said_bound(bound: float) -> str:
    """A bound on a difference of accuracies, and whether it says anything."""
    return f"{bound:.3f}{' (vacuous)' if bound >= VACUOUS or math.isnan(bound) else ''}"


def _chains(found: Audit, level: float) -> Table:
    rows = []
    for each in found.chains:
        reverse, forward = map(_uncut, each.divergence.kl(level))
        bound = _said_bound(each.divergence.accuracy_bound(level))
        kinds = each.variety
        drawn = [_number(kinds.entropy, 3), _number(kinds.repeated, 3), _number(kinds.distinct, 3)]
        rows.append([each.rule, str(each.steps), f"{each.divergence.steps:.4g}", reverse, forward, bound, *drawn])
    text = found.text
    of_text = [_number(text.entropy, 3), _number(text.repeated, 3), _number(text.distinct, 3)]
    rows.append(["the text", "", "", "", "", "", *of_text])
    headings = ["rule", "steps", "taken", "KL(together || one by one)", "KL(one by one || together)"]
    headings += ["accuracies differ by ≤", "entropy of tokens", f"repeated {NGRAM}-grams", "distinct"]
    return Table("chain", headings, rows)


def _distances(found: Audit, level: float) -> Table:
    rows = [
        [str(each.distance), _number(gain)] for each, gain in zip(found.pairs, gains(found.pairs, level), strict=True)
    ]
    return Table("dependence", ["distance", "nats that one token says of the other"], rows)


def _predictions(found: Audit) -> Table:
    rows = []
    for each in found.predictions:
        inside = {True: "inside", False: "OUT", None: "nothing predicted"}[each.inside]
        between = "" if math.isnan(each.low) else f"{each.low:.4f} to {each.high:.4f}"
        rows.append([each.what, between, _number(each.measured), inside])
    return Table("check", ["what", "predicted", "measured", ""], rows)


def card(model: str, held: HeldOut, found: Audit, level: float, threshold: float) -> dict[str, str]:
    """What every number holds for, in words."""
    stride = safe_stride(found.pairs, threshold, level)
    farthest = found.pairs[-1].distance if found.pairs else 0
    safe = f"none up to {farthest}" if stride is None else f"{stride}, of distances measured up to {farthest}"
    return {
        "model": held.model(model),
        "text": f"{held.said}; no prompt; {held.novelty}",
        "prices": "-log p(x) by exact replay where ≈; of one random plan a sequence, an upper bound in the mean, where "
        "≤; temperature 1, all of the vocabulary; linear schedule; ties broken by the lowest position",
        "intervals": f"{level:.0%}, of independent sequences; differences and distances all together (Bonferroni)",
        "order": f"log p(x) one token at a time varies over random orders by {_spread(found, level)} nats a token "
        f"(standard deviation), and around a square of two tokens by {_circulation(found, level)} nats: 0 of one law; "
        "an error of the model beside every price of one order, which more text does not make smaller",
        "chain": "nats a sequence, of what the model itself draws: in each step the same positions, together, or one "
        "by one from the left; accuracies of the two by any checker differ by at most the bound, which says nothing "
        f"from {VACUOUS:g} on (vacuous)",
        "safe stride": f"{safe}: from there on one token says less than {threshold:g} nats of the other, on this text, "
        "in contexts of which any number of the other tokens is revealed",
        "variety": "of what is drawn together; entropy of the frequencies seen, in nats",
    }


def _spread(found: Audit, level: float) -> str:
    return _uncut(mean_spread(found.orders, level))


def _circulation(found: Audit, level: float) -> str:
    return _uncut(circulation(found.pairs, level)) if found.pairs else "no"


def audit_page(model: str, shown: list[Table], about: dict[str, str]) -> str:
    """A page of HTML that needs nothing else."""
    captions = {
        "prices": "What each decoding rule costs, nats a token",
        "chain": "Along the model's own chain, nats a sequence",
        "dependence": "What one token says of another at a distance",
        "check": "Predicted and measured",
    }
    style = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;"
    style += "margin:1em 0}td,th{border:1px solid #bbb;padding:.2em .6em;text-align:left}caption{text-align:left}"
    body = [html_table(each.headings, each.rows, captions[each.name]) for each in shown]
    said = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in about.items())
    title = escape(f"Audit of {model}")
    head = f'<meta charset="utf-8"><title>{title}</title><style>{style}</style>'
    card = f"<h2>What the numbers hold for</h2><dl>{said}</dl>"
    whole = f"<h1>{title}</h1>\n{chr(10).join(body)}\n{card}"
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{whole}</body></html>\n'
