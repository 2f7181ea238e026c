from __future__ import annotations

import pytest
import torch

from mdmtheory.networks.architecture import SIZES, Architecture, as_size
from mdmtheory.networks.cache import Cache
from mdmtheory.networks.transformer import Transformer

LENGTH, V = 12, 5


def network(attention: str = "bidirectional", *, seed: int = 0, **options) -> Transformer:
    block = 4 if attention == "block" else None
    built = Transformer(Architecture(V, LENGTH, 2, 16, 2, attention=attention, block=block, **options), seed=seed)
    with torch.no_grad():  # what is untrained says nothing of its inputs
        built.out.weight.normal_(generator=torch.Generator().manual_seed(1))
    return built


def tokens(rows: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randint(V + 1, (rows, LENGTH), generator=torch.Generator().manual_seed(seed))


def changed(given: torch.Tensor, at: slice) -> torch.Tensor:
    other = given.clone()
    other[:, at] = (other[:, at] + 1) % (V + 1)
    return other


def alike(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a - b).abs().max() < 1e-5)


@pytest.mark.parametrize("attention", ["bidirectional", "causal", "block"])
def test_an_untrained_network_says_the_uniform_law_in_float32_from_its_seed_alone(attention):
    block = 4 if attention == "block" else None
    architecture = Architecture(V, LENGTH, 2, 16, 2, attention=attention, block=block)
    torch.manual_seed(5)
    one = Transformer(architecture, seed=3)
    torch.manual_seed(6)
    other = Transformer(architecture, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert not torch.equal(one.embed.weight, Transformer(architecture, seed=4).embed.weight)
    logits = one(tokens())
    assert logits.dtype == torch.float32
    assert (logits == 0).all()


def test_a_causal_network_sees_what_stands_to_the_left_alone():
    causal = network("causal")
    given = tokens()
    for i in range(LENGTH):
        other = causal(changed(given, slice(i, None)))
        assert alike(causal(given)[:, : i + 1], other[:, : i + 1])
        assert i + 1 == LENGTH or not alike(causal(given)[:, i + 1 :], other[:, i + 1 :])


def test_a_bidirectional_network_sees_every_position():
    around = network()
    given = tokens()
    for i in range(LENGTH):
        moved = (around(given) - around(changed(given, slice(i, i + 1)))).abs().amax(dim=(0, 2))
        assert (moved > 1e-6).all()


def test_a_block_network_sees_its_own_block_and_those_before():
    by_block = network("block")
    given = tokens()
    for b in range(3):
        own, later = slice(4 * b, 4 * b + 4), slice(4 * b, None)
        moved = (by_block(given) - by_block(changed(given, own))).abs().amax(dim=(0, 2))
        assert (moved[: 4 * b] < 1e-5).all()
        assert (moved[later] > 1e-6).all()


def test_noisy_blocks_see_themselves_and_clean_blocks_strictly_before():
    by_block = network("block")
    clean, noisy = tokens(seed=1), tokens(seed=2)
    for b in range(3):
        own = slice(4 * b, 4 * b + 4)
        moved = by_block.two_halves(clean, noisy) - by_block.two_halves(changed(clean, own), noisy)
        moved = moved.abs().amax(dim=(0, 2))
        assert (moved[: 4 * b + 4] < 1e-5).all(), "clean block b says something of noisy blocks up to b"
        assert (moved[4 * b + 4 :] > 1e-6).all()
        moved = by_block.two_halves(clean, noisy) - by_block.two_halves(clean, changed(noisy, own))
        moved = moved.abs().amax(dim=(0, 2))
        assert (moved[own] > 1e-6).all()
        moved[own] = 0
        assert (moved < 1e-5).all(), "noisy blocks see one another"


def test_both_halves_in_one_pass_are_what_generation_asks_block_by_block():
    by_block = network("block")
    clean, noisy = tokens(seed=1), tokens(seed=2)
    together = by_block.two_halves(clean, noisy)
    for b in range(3):
        own = slice(4 * b, 4 * b + 4)
        partly = torch.full_like(clean, V)
        partly[:, : 4 * b], partly[:, own] = clean[:, : 4 * b], noisy[:, own]
        assert alike(by_block(partly)[:, own], together[:, own])


def test_with_a_cache_a_causal_network_says_what_it_says_without():
    causal = network("causal")
    given = tokens()
    before = torch.cat([torch.full((3, 1), V), given[:, :-1]], dim=1)
    cache, said = Cache(2), []
    for start, stop in ((0, 1), (1, 5), (5, LENGTH)):
        said.append(causal(before[:, start:stop], cache=cache))
        assert cache.length == stop
    assert alike(torch.cat(said, dim=1), causal(given))
    cache.keep(4)
    other = changed(before, slice(4, None))
    assert alike(causal(other[:, 4:], cache=cache), causal(other, cache=Cache(2))[:, 4:])


def test_with_a_cache_a_block_network_says_what_it_says_without():
    by_block = network("block")
    given = tokens()
    cache = Cache(2)
    said = [by_block(given[:, 4 * b : 4 * b + 4], cache=cache) for b in range(3)]
    assert alike(torch.cat(said, dim=1), by_block(given))


def test_a_network_that_is_told_the_level_answers_by_it_and_refuses_without():
    told = network(level=True)
    with torch.no_grad():
        low, high = told(tokens(), torch.zeros(3)), told(tokens(), torch.ones(3))
    assert not alike(low, high)
    with pytest.raises(ValueError, match="told the level"):
        told(tokens())


def test_rotations_tell_no_position_from_another_and_places_do():
    same = torch.ones(1, LENGTH, dtype=torch.int64)
    without, placed = network()(same)[0], network(places=True)(same)[0]
    assert alike(without, without[:1].expand_as(without))
    assert all(not alike(placed[i], placed[j]) for i in range(LENGTH) for j in range(i))


@pytest.mark.parametrize("attention", ["causal", "block"])
def test_places_are_those_of_the_sequence_in_a_cache_and_in_both_halves(attention):
    built, given = network(attention, places=True), tokens()
    whole = built(given)
    cache = Cache(2)
    shifted = torch.cat([torch.full_like(given[:, :1], V), given[:, :-1]], dim=1) if attention == "causal" else given
    parts = [built(shifted[:, :4], cache=cache)]
    cache.keep(4)
    parts.append(built(shifted[:, 4:], cache=cache))
    assert alike(torch.cat(parts, dim=1), whole)
    if attention == "block":
        assert alike(built.two_halves(given, given), whole)


def test_values_go_in_where_the_noise_is_gaussian():
    values = torch.randn((3, LENGTH, 7), generator=torch.Generator().manual_seed(0))
    around = network(dim=7)
    assert not alike(around(values), around(-values))


def test_evidence_counts_up_to_a_factor_and_alone_where_it_leaves_one_token():
    by_evidence = network(evidence=True)
    logs = torch.randn((3, LENGTH, V), generator=torch.Generator().manual_seed(0))
    logs[:, 2, 4] = 200.0
    with torch.no_grad():
        laws = by_evidence(logs).softmax(dim=2)
        assert alike(laws, by_evidence(logs + torch.randn(3, LENGTH, 1)).softmax(dim=2))
        assert not alike(laws[:, 0], by_evidence(logs.roll(1, 1)).softmax(dim=2)[:, 0])
    assert (laws[:, 2, 4] > 1 - 1e-6).all()


@pytest.mark.parametrize("options", [{"dim": V}, {"evidence": True}, {"evidence": True, "level": True}, {}])
def test_in_bfloat16_a_network_says_about_the_same_whatever_goes_in(options):
    exact, rough = network(**options), network(**options).to(torch.bfloat16)
    inputs = torch.randn((3, LENGTH, V), generator=torch.Generator().manual_seed(0)) if options else tokens()
    level = torch.full((3,), 0.5) if "level" in options else None
    with torch.no_grad():
        said = rough(inputs, level)
        assert said.dtype == torch.float32
        assert (said.softmax(dim=2) - exact(inputs, level).softmax(dim=2)).abs().max() < 0.03
        assert (said - exact(inputs, level)).abs().max() > 1e-5  # it is another network


def test_sizes_are_named_or_written_out():
    assert as_size("layers=4,width=128,heads=4") == as_size(as_size("layers=4,width=128,heads=4"))
    for size in SIZES.values():
        assert as_size(str(size)) == size
    parameters = {
        name: sum(each.numel() for each in Transformer(Architecture(8, 64, *_numbers(size)), seed=0).parameters())
        for name, size in SIZES.items()
        if name != "base"
    }
    assert 2.5e6 < parameters["small"] < 3.5e6
    for bad in ("huge", "layers=4", "layers=4,width=128,heads=4,depth=3", "layers=4,width=130,heads=4", "layers=x"):
        with pytest.raises(ValueError, match="size|width"):
            as_size(bad)


def _numbers(size):
    return size.layers, size.width, size.heads


def test_an_architecture_is_what_was_written_of_it():
    written = Architecture(V, LENGTH, 2, 16, 2, attention="block", block=4)
    assert Architecture.from_json(written.to_json()) == written
    for later in ("evidence", "places"):  # the digests of runs from before stay what they were
        assert later not in written.to_json()
        with_it = Architecture(V, LENGTH, 2, 16, 2, **{later: True})
        assert Architecture.from_json(with_it.to_json()) == with_it
    for wrong in ({}, [], {**written.to_json(), "layers": "two"}, {**written.to_json(), "more": 1}):
        with pytest.raises(ValueError, match="architecture"):
            Architecture.from_json(wrong)
    causal = {"attention": "causal"}
    for wrong in (
        {"attention": "left"},
        {"block": 4},
        {"attention": "block"},
        {**causal, "dim": 3},
        {**causal, "evidence": True},
        {"dim": 3, "evidence": True},
    ):
        with pytest.raises(ValueError, match="attention|bidirectional"):
            Architecture(V, LENGTH, 2, 16, 2, **wrong)


def test_a_cache_that_grows_token_by_token_is_seldom_copied():
    cache, one = Cache(1), torch.ones((2, 4, 1, 8))
    kept = [cache.joined(0, number * one, -number * one) for number in range(64)]
    assert len({keys.data_ptr() for keys, _ in kept}) == 7  # rooms for 1, 2, 4, ..., 64
    keys, values = kept[-1]
    assert keys[1, 3, :, 7].tolist() == (-values)[0, 0, :, 0].tolist() == list(range(64))
