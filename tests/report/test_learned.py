"""Trained networks have a section of their own, ranked beside the oracle, and have no say in any other."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from mdmtheory.report.learned import ERROR, MASS, apart
from mdmtheory.report.page import page
from tests.report.frames import around, cell, frame_of, small_frame
from tests.report.test_page import contents_of, lines_of, section

NEAR, FAR = "runs/near", "runs/far"
TITLE = "Under a learned denoiser"


def distance(denoiser: str, error: float) -> list[dict[str, object]]:
    about = {"denoiser": denoiser, "schedule": None}
    numbers = {ERROR: around(error, error / 10), MASS: around(error / 2, error / 20)}
    return cell("parity", None, None, **about, **numbers)


def networks() -> pd.DataFrame:
    """Random order and confidence, which turn between the network that is near and the one that is far."""
    return frame_of(
        [
            cell("parity", "fixed", steps=16, ser=around(0.7)),
            cell("parity", "fixed", steps=16, denoiser=NEAR, ser=around(0.75)),
            cell("parity", "confidence", 16, denoiser=NEAR, ser=around(0.6), cross_entropy=around(0.5)),
            cell("parity", "fixed", steps=16, denoiser=FAR, ser=around(0.9)),
            cell("parity", "confidence", 16, denoiser=FAR, ser=around(0.95)),
            distance(FAR, 0.2),
            distance(NEAR, 0.003),
        ]
    )


def written() -> str:
    frame, learned = apart(pd.concat([small_frame(), networks()], ignore_index=True))
    return page(contents_of(frame, "mdmtheory leaderboard", learned=learned))


def test_samplers_are_ranked_under_each_network_by_how_far_it_is():
    text = section(written(), TITLE)
    heads = [line for line in text.splitlines() if line.startswith("| sampler")]
    assert heads[0] == "| sampler | oracle, 0 nats | 0.003 nats | 0.2 nats |"
    [confidence, *_] = lines_of(text, "confidence")
    assert confidence[1:] == [
        "1, 0.150 ± 0.020 (16), better",
        "1, 0.600 ± 0.020 (16), better",
        "2, 0.950 ± 0.020 (16), worse",
    ]
    assert "KL(q‖p)" not in text  # only the oracle has one
    [fixed] = lines_of(text, "fixed")
    assert fixed[1:] == ["2, 0.700 ± 0.020 (16)", "2, 0.750 ± 0.020 (16)", "1, 0.900 ± 0.020 (16)"]


def test_what_intervals_do_not_tell_apart_is_neither_better_nor_worse():
    near = [
        cell("parity", name, 16, denoiser=NEAR, ser=around(ser)) for name, ser in (("fixed", 0.7), ("margin", 0.71))
    ]
    frame, learned = apart(pd.concat([small_frame(), frame_of(near)], ignore_index=True))
    text = section(page(contents_of(frame, "x", learned=learned)), TITLE)
    assert lines_of(text, "margin") == [["`margin`", "1, 0.710 ± 0.020 (16)"]]
    assert "`runs/near` | — | —" in text
    assert "| sampler | `runs/near` |" in text


def test_every_network_says_how_far_it_is():
    rows = [line.strip("| ").split(" | ") for line in section(written(), TITLE).splitlines() if "`runs/" in line]
    assert rows == [
        ["parity", "`runs/near`", "0.003 [0.0027, 0.0033]", "0.0015 [0.0014, 0.0016]"],
        ["parity", "`runs/far`", "0.2 [0.18, 0.22]", "0.1 [0.09, 0.11]"],
    ]


def test_a_distance_that_nothing_bounds_says_so():
    endless = cell("parity", None, None, denoiser=NEAR, schedule=None, **{ERROR: (0.001, 0.0, math.inf)})
    near = cell("parity", "fixed", 16, denoiser=NEAR, ser=around(0.7))
    frame, learned = apart(pd.concat([small_frame(), frame_of([near, endless])], ignore_index=True))
    assert "| `runs/near` | 0.001 [0, ∞] | — |" in page(contents_of(frame, "x", learned=learned))


def test_networks_change_nothing_else_on_the_page():
    with_oracle = pd.concat([small_frame(), frame_of([cell("parity", "fixed", steps=16, ser=around(0.7))])])
    alone = page(contents_of(with_oracle.reset_index(drop=True), "mdmtheory leaderboard"))
    text = written()
    assert "runs/" not in text.partition(f"## {TITLE}")[0]
    for title in ("At most 16 calls", "Who stands on the frontier", "Worse or better than random order", "Rules"):
        assert section(text, title) == section(alone, title)
    assert TITLE not in alone
    assert "(#under-a-learned-denoiser)" in text
    assert "learned denoiser" not in alone


@pytest.mark.parametrize("empty", [None, networks().iloc[:0]])
def test_without_networks_there_is_no_such_section(empty):
    assert TITLE not in page(contents_of(small_frame(), "x", learned=empty))
