"""Generating token by token with kept keys and values, counted in calls of a masked network of the same architecture.

A masked call is one pass over all positions and a draw at each; a step of autoregression is one pass over one position,
which looks at what is kept of those before, and a draw there. Weights are untrained: no time depends on them. Steps are
measured in the middle of each quarter of the sequence, 16 in a row (at L = 64 that is all of it), and stand for the
rest: what a step takes grows with the positions that it looks at, which is what quarters follow. Both sides take turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from statistics import median

import torch
from torch import Tensor

from benchmarks import page
from benchmarks.timing import Measured, Ratio
from mdmtheory.networks.architecture import Architecture, as_size
from mdmtheory.networks.cache import Cache
from mdmtheory.networks.transformer import Transformer
from paper_checks.published import AR_SECONDS, MDM_SECONDS, TIME_LENGTHS, working_steps

LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096, 8192)
SIZES = ("nano", "small")
VOCAB_SIZE = 8
QUARTERS, IN_A_ROW = 4, 16
ROUNDS = 7
FEWEST_ROUNDS = 3
PAPER_STEPS = 512
_GAIN = 0.9
"""A batch twice as large must bring a sequence below this share of its time, or it is no better."""


@dataclass(frozen=True)
class Place:
    """Where and how far: `tokens` and `bytes_kept` bound the batches, `seconds` what one comparison takes."""

    device: str = "cpu"
    precision: str = "float32"
    tokens: int = 1 << 14
    bytes_kept: int = 1 << 29
    seconds: float = 20.0

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and of what is kept."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32

    def clock(self) -> float:
        """Seconds of the processor, which neighbours on it do not lengthen; on a device those of the wall."""
        if self.device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def seconds_of(self, work: Callable[[], object]) -> float:
        """What some work takes."""
        begun = self.clock()
        work()
        return self.clock() - begun


@dataclass(frozen=True)
class Generation:
    """One line: a size and length, each side at its batch; medians of seconds a sequence, and of their ratio.

    That is how many masked calls autoregression with kept keys and values costs; `least` and `greatest` of the rounds.
    """

    size: str
    length: int
    batching: str
    ar_batch: int
    masked_batch: int
    ar_seconds: float
    masked_call_seconds: float
    ar_in_masked_calls: float
    least: float
    greatest: float
    rounds: int

    @classmethod
    def of(cls, size: str, length: int, batching: str, ratio: Ratio) -> Generation:
        """What was measured, a masked call being ours and autoregression the other."""
        call, ar, ratios = ratio.ours, ratio.other, ratio.ratios
        times = ar.typical, call.typical, ratio.median, min(ratios), max(ratios)
        return cls(size, length, batching, ar.count, call.count, *times, len(ratios))

    def row(self) -> list[str]:
        """As in the file."""
        return [f"{each:.6g}" if isinstance(each, float) else str(each) for each in astuple(self)]


HEADS = tuple(each.name for each in fields(Generation))


def stored(text: str) -> list[Generation]:
    """The lines of a file that `csv` made."""
    kinds = {"str": str, "int": int, "float": float}
    heads, *lines = (line.split(",") for line in text.split())
    if tuple(heads) != HEADS:
        raise SystemExit(f"the file has the columns {', '.join(heads)}; measure again, it is of another version")
    types = [kinds[str(each.type)] for each in fields(Generation)]
    return [Generation(*(kind(cell) for kind, cell in zip(types, line, strict=True))) for line in lines]


def measured(place: Place, *, sizes: Sequence[str] = SIZES, lengths: Sequence[int] = LENGTHS, rounds: int = ROUNDS,
             ) -> Iterator[Generation]:  # fmt: skip
    """Every line as soon as it is measured, with one sequence and with the batches beyond which nothing is gained."""
    with torch.inference_mode():
        for size in sizes:
            for length in lengths:
                yield from _at(place, size, length, rounds)


def whole_over_quarters(place: Place, size: str, length: int, rounds: int = 3) -> float:
    """All steps of one sequence, one after the other, over what the four quarters say of them."""
    causal = network(place, size, length, "causal")
    with torch.inference_mode():
        found = []
        for _ in range(rounds):
            whole = place.seconds_of(lambda: steps(causal, Cache(causal.architecture.layers), 1, length))
            found.append(whole / (length * _step_seconds(place, causal, 1)))
    return median(found)


def network(place: Place, size: str, length: int, attention: str) -> Transformer:
    """An untrained one."""
    architecture = Architecture(VOCAB_SIZE, length, **asdict(as_size(size)), attention=attention)
    return Transformer(architecture, seed=0).to(place.device, place.dtype).eval().requires_grad_(False)


def steps(causal: Transformer, cache: Cache, batch: int, count: int) -> Tensor:
    """So many tokens of each sequence, drawn one after the other behind what is kept; the last of them."""
    tokens = torch.full((batch, 1), VOCAB_SIZE, device=causal.blocks.device)
    for _ in range(count):
        tokens = drawn(causal(tokens, cache=cache))
    return tokens


def masked_call(masked: Transformer, tokens: Tensor, revealed: Tensor) -> Tensor:
    """Tokens drawn at the positions that are revealed, from one pass."""
    return torch.where(revealed, drawn(masked(tokens)), tokens)


def drawn(logits: Tensor) -> Tensor:
    """A token at each position, on the device."""
    laws = logits.softmax(dim=-1)
    return torch.multinomial(laws.flatten(0, -2), 1).view(laws.shape[:-1])


def _at(place: Place, size: str, length: int, rounds: int) -> Iterator[Generation]:
    causal, masked = (network(place, size, length, each) for each in ("causal", "bidirectional"))

    def call_seconds(batch: int) -> float:
        tokens = torch.full((batch, length), VOCAB_SIZE, device=place.device)
        revealed = torch.rand((batch, length), device=place.device) < 1 / QUARTERS
        return place.seconds_of(lambda: masked_call(masked, tokens, revealed))

    def ar_seconds(batch: int) -> float:
        return length * _step_seconds(place, causal, batch)

    architecture = causal.architecture
    kept = 2 * architecture.layers * architecture.width * length * place.dtype.itemsize
    batches = {"one": (1, 1)}
    batches["saturating"] = (
        saturating(ar_seconds, max(1, place.bytes_kept // kept)),
        saturating(call_seconds, max(1, place.tokens // length)),
    )
    for batching, (ar_batch, call_batch) in batches.items():
        ours, other = [], []
        begun = time.perf_counter()
        for done in range(rounds):
            if done >= FEWEST_ROUNDS and time.perf_counter() - begun > place.seconds:
                break
            ours.append(call_seconds(call_batch) / call_batch)
            other.append(ar_seconds(ar_batch) / ar_batch)
        sides = Measured("masked call", call_batch, 1, ours), Measured("autoregression", ar_batch, 1, other)
        yield Generation.of(size, length, batching, Ratio(*sides))


def saturating(seconds: Callable[[int], float], most: int) -> int:
    """The least batch within a tenth of the best time a sequence; doubled until two doublings bring nothing."""
    best: dict[int, float] = {}
    batch, without_gain = 1, 0
    seconds(1)
    while batch <= most and without_gain < 2:
        best[batch] = min(seconds(batch) for _ in range(2)) / batch
        earlier = min((each for size, each in best.items() if size < batch), default=float("inf"))
        without_gain = 0 if best[batch] < _GAIN * earlier else without_gain + 1
        batch *= 2
    return min(size for size, each in best.items() if each * _GAIN <= min(best.values()))


def _step_seconds(place: Place, causal: Transformer, batch: int) -> float:
    """Seconds of a step, in the mean over the middles of the quarters."""
    architecture = causal.architecture
    length, heads, layers = architecture.length, architecture.heads, architecture.layers
    count = min(IN_A_ROW, length // QUARTERS)
    shape = (batch, heads, length, architecture.width // heads)
    held = torch.randn(shape, device=place.device, dtype=place.dtype)
    total = 0.0
    for quarter in range(QUARTERS):
        start = (2 * quarter + 1) * length // (2 * QUARTERS) - count // 2
        cache = Cache(layers)
        for layer in range(layers):
            # Room for the steps as well, so that none of them has to make any.
            cache.joined(layer, held[:, :, : start + count], held[:, :, : start + count])
        cache.keep(start)
        total += place.seconds_of(lambda cache=cache: steps(causal, cache, batch, count))
    return total / (QUARTERS * count)


def csv(lines: Sequence[Generation]) -> str:
    """All lines as a file."""
    return "\n".join(",".join(each) for each in (HEADS, *(line.row() for line in lines))) + "\n"


def tables(lines: Sequence[Generation]) -> str:
    """One sequence and a saturating batch, each in a table; and what the paper has, beside the same of ours."""
    sizes = list(dict.fromkeys(line.size for line in lines))
    parts = []
    for batching, said in (
        ("one", "One sequence at a time"),
        ("saturating", "As many sequences together as gain anything"),
    ):
        heads = ["length"]
        for size in sizes:
            heads += [f"`{size}`: AR, s", "a masked call, s", "AR in masked calls"]
            heads += ["batches"] if batching == "saturating" else []
        found = {(line.size, line.length): line for line in lines if line.batching == batching}
        rows = [
            [str(length), *(cell for size in sizes for cell in _cells(found.get((size, length)), batching))]
            for length in dict.fromkeys(line.length for line in lines)
        ]
        parts.append(f"{said}:\n\n{page.table(heads, rows)}")
    return "\n\n".join([*parts, _beside_the_paper(lines, sizes)])


def _cells(line: Generation | None, batching: str) -> list[str]:
    if line is None:
        return [""] * (4 if batching == "saturating" else 3)
    ratios = f"{page.number(line.ar_in_masked_calls)} ({page.number(line.least)}, {page.number(line.greatest)})"
    cells = [page.number(line.ar_seconds), page.number(line.masked_call_seconds), ratios]
    return [*cells, f"{line.ar_batch} and {line.masked_batch}"] if batching == "saturating" else cells


def _beside_the_paper(lines: Sequence[Generation], sizes: Sequence[str]) -> str:
    """What 512 masked steps cost over autoregression; a call is a step that reveals something."""
    calls = {(line.size, line.batching, line.length): line.ar_in_masked_calls for line in lines}
    heads = ["length", f"MDM, {PAPER_STEPS} steps, s", "AR, s", "AR in calls", "MDM over AR"]
    batchings = {"one": "one", "saturating": "batch"}
    heads += [f"`{size}`, {said}" for size in sizes for said in batchings.values()]
    rows = []
    for length, mdm, ar in zip(TIME_LENGTHS, MDM_SECONDS, AR_SECONDS, strict=True):
        working = working_steps(length, PAPER_STEPS)
        ours = [
            page.number(working / calls[size, batching, length]) if (size, batching, length) in calls else ""
            for size in sizes
            for batching in batchings
        ]
        published = f"{mdm:g}", f"{ar:g}", page.number(ar * working / mdm), page.number(mdm / ar)
        rows.append([str(length), *published, *ours])
    note = (
        "As published (2502.09622; hardware, batch and network not given): AR in calls of the MDM, which are its steps "
        "that reveal something; and 512 such steps over AR, there and by the tables above:"
    )
    return f"{note}\n\n{page.table(heads, rows)}"
