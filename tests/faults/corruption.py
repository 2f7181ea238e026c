"""Stores that were damaged or forged, kind by kind: right rows, rows left out by name, or one line; never a wrong row.

A checksum is no signature: whoever recomputes all of them has written another store, and no program can tell. So what
is changed here is changed by accident, or mended in part. Names of plug-ins that lie beside the store must not be run.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from tests.faults.host import KILL_BEFORE, UNLINK, Fault, Host, Line
from tests.faults.judging import Row, Tally, Whole, is_of, judge_shown, show, shown_rows, stored_rows, sweep
from tests.sweeps.older import aged, without_cubes

PAGE = 4096

Damage = Callable[[Path, random.Random], None]
KINDS: dict[str, Damage] = {}

CANARY = "import pathlib\npathlib.Path(__file__).with_name('executed').touch()\n"


def kind(damage: Damage) -> Damage:
    KINDS[damage.__name__.strip("_").replace("_", " ")] = damage
    return damage


def changed(store: Path, change: Callable[[bytearray], None]) -> None:
    data = bytearray(store.read_bytes())
    change(data)
    store.write_bytes(data)


def sql(store: Path, *statements: str | tuple[str, tuple[object, ...]]) -> None:
    connection = sqlite3.connect(store)
    connection.create_function("crc", 1, lambda text: zlib.crc32(text.encode()))
    for statement in statements:
        connection.execute(*([statement] if isinstance(statement, str) else statement))
    connection.commit()
    connection.close()


def pages(data: bytearray) -> int:
    return len(data) // PAGE


# --------------------------------------------------------------------------------------------------------- the bytes


@kind
def a_bit(store: Path, chance: random.Random) -> None:
    def change(data: bytearray) -> None:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)

    changed(store, change)


@kind
def sixteen_bytes(store: Path, chance: random.Random) -> None:
    def change(data: bytearray) -> None:
        for _ in range(16):
            data[chance.randrange(len(data))] = chance.randrange(256)

    changed(store, change)


@kind
def a_block_of_512(store: Path, chance: random.Random) -> None:
    def change(data: bytearray) -> None:
        start = chance.randrange(len(data) // 512) * 512
        data[start : start + 512] = chance.randbytes(512)

    changed(store, change)


def header(first: int, last: int) -> Damage:
    def damage(store: Path, chance: random.Random) -> None:
        changed(store, lambda data: data.__setitem__(slice(first, last), chance.randbytes(last - first)))

    return damage


KINDS |= {
    "any byte of the header": lambda store, chance: header(at := chance.randrange(100), at + 1)(store, chance),
    "the size of a page": header(16, 18),
    "the bytes of a write-ahead log": lambda store, chance: changed(
        store, lambda data: data.__setitem__(slice(18, 20), chance.choice([b"\2\2", b"\2\1", b"\1\2"]))
    ),
    "the number of pages": header(28, 32),
    "the list of free pages": header(32, 40),
    "format, encoding, vacuum": header(44, 68),
    "application id": header(68, 72),
}


@kind
def version_of_the_store(store: Path, chance: random.Random) -> None:
    sql(store, f"PRAGMA user_version = {chance.choice([-1, 0, 9, 2**30])}")


@kind
def the_page_of_the_schema(store: Path, chance: random.Random) -> None:
    def change(data: bytearray) -> None:
        for _ in range(4):
            data[chance.randrange(100, PAGE)] = chance.randrange(256)

    changed(store, change)


@kind
def the_head_of_a_page(store: Path, chance: random.Random) -> None:
    def change(data: bytearray) -> None:
        start = chance.randrange(1, pages(data)) * PAGE
        data[start + chance.randrange(8)] = chance.randrange(256)

    changed(store, change)


@kind
def pointers_to_cells(store: Path, chance: random.Random) -> None:
    def change(data: bytearray) -> None:
        start = chance.randrange(1, pages(data)) * PAGE
        cells = struct.unpack_from(">H", data, start + 3)[0]
        for _ in range(2):
            at = start + 8 + 2 * chance.randrange(max(1, cells))
            other = start + 8 + 2 * chance.randrange(max(1, cells))
            data[at : at + 2] = chance.choice([bytes(data[other : other + 2]), chance.randbytes(2)])

    changed(store, change)


@kind
def a_page_of_zeros(store: Path, chance: random.Random) -> None:
    def change(data: bytearray) -> None:
        start = chance.randrange(pages(data)) * PAGE
        data[start : start + PAGE] = bytes(PAGE)

    changed(store, change)


@kind
def two_pages_swapped(store: Path, chance: random.Random) -> None:
    def change(data: bytearray) -> None:
        one, other = (number * PAGE for number in chance.sample(range(1, pages(data)), 2))
        data[one : one + PAGE], data[other : other + PAGE] = data[other : other + PAGE], data[one : one + PAGE]

    changed(store, change)


@kind
def a_page_twice(store: Path, chance: random.Random) -> None:
    def change(data: bytearray) -> None:
        one, other = (number * PAGE for number in chance.sample(range(1, pages(data)), 2))
        data[one : one + PAGE] = data[other : other + PAGE]

    changed(store, change)


@kind
def cut_off_anywhere(store: Path, chance: random.Random) -> None:
    changed(store, lambda data: data.__delitem__(slice(chance.randrange(len(data)), None)))


@kind
def cut_off_after_a_page(store: Path, chance: random.Random) -> None:
    changed(store, lambda data: data.__delitem__(slice(chance.randrange(1, pages(data)) * PAGE, None)))


@kind
def garbage_behind(store: Path, chance: random.Random) -> None:
    changed(store, lambda data: data.extend(chance.randbytes(chance.choice([1, 512, PAGE, 3 * PAGE]))))


@kind
def a_terabyte_of_nothing_behind(store: Path, chance: random.Random) -> None:
    with store.open("r+b") as file:
        file.truncate(chance.choice([1 << 31, 1 << 40]))


# ---------------------------------------------------------------------------------------------------------- the rows


def is_old(store: Path) -> bool:
    """Whether the store is of version 1, with a column for each sum."""
    connection = sqlite3.connect(store)
    columns = {each[1] for each in connection.execute("PRAGMA table_info(chunk)")}
    connection.close()
    return "nats" in columns


def change_sum(store: Path, name: str, expression: str, chance: random.Random) -> None:
    """Give a sum of a chunk another value; `{}` stands for the one that it has."""
    where = a_chunk(chance)
    if is_old(store):
        sql(store, f"UPDATE chunk SET {name} = {expression.format(name)} WHERE {where}")
        return
    value = expression.format(f"json_extract(sums, '$.{name}')")
    sql(store, f"UPDATE chunk SET sums = json_set(sums, '$.{name}', {value}) WHERE {where}")


def a_chunk(chance: random.Random) -> str:
    return f"[index] = {chance.randrange(3)}"


@kind
def a_count_of_a_chunk(store: Path, chance: random.Random) -> None:
    name = chance.choice(["sequences", "errors", "impossible", "tokens", "calls", "rounds"])
    change_sum(store, name, f"{{}} + {chance.choice([1, -1, 1 << 40])}", chance)


@kind
def a_sum_of_a_chunk(store: Path, chance: random.Random) -> None:
    name = chance.choice(["nats", "nats_squared", "gap", "gap_squared", "ratio", "ratio_squared"])
    change_sum(store, name, chance.choice(["{} * 2 + 1", "9e999", "-9e999", "-1.5", "5e-324"]), chance)


@kind
def what_vouches_for_a_chunk(store: Path, chance: random.Random) -> None:
    dated = [] if is_old(store) else ["date = '2001-01-01T00:00:00Z'"]
    change = chance.choice(["seconds = seconds + 1", "seconds = 9e999", "code = code || '0'", "host = ''", *dated])
    sql(store, f"UPDATE chunk SET {change} WHERE {a_chunk(chance)}")


@kind
def a_digit_of_a_sum(store: Path, chance: random.Random) -> None:
    old, new = chance.choice([("1", "2"), (".", ".0"), ("e", "E"), ('"', "'"), (",", ", "), ("nats", "gap")])
    if is_old(store):
        sql(store, f"UPDATE chunk SET nats = nats * (1 + 1e-15) + 1e-9 WHERE {a_chunk(chance)}")
    else:
        sql(store, (f"UPDATE chunk SET sums = replace(sums, ?, ?) WHERE {a_chunk(chance)}", (old, new)))


@kind
def a_checksum(store: Path, chance: random.Random) -> None:
    table, where = chance.choice([("chunk", a_chunk(chance)), ("task", "1"), ("language", "1")])
    sql(store, f"UPDATE {table} SET crc = {chance.choice(['crc + 1', '0', '-1', str(1 << 62)])} WHERE {where}")


@kind
def a_row_that_is_gone(store: Path, chance: random.Random) -> None:
    table, where = chance.choice([("chunk", a_chunk(chance)), ("task", "chunks = 3"), ("language", "name = 'parity'")])
    sql(store, f"DELETE FROM {table} WHERE {where}")


@kind
def a_chunk_twice(store: Path, chance: random.Random) -> None:
    index = chance.choice(["3", "7", "-1", "99999999999"])
    sql(
        store,
        f"CREATE TEMP TABLE copies AS SELECT * FROM chunk WHERE [index] = {chance.randrange(3)}",
        f"UPDATE copies SET [index] = {index}",
        "INSERT INTO chunk SELECT * FROM copies",
        "UPDATE task SET chunks = (SELECT count(*) FROM chunk WHERE task = sha)",
    )


@kind
def a_chunk_of_another_task(store: Path, chance: random.Random) -> None:
    sql(
        store,
        "CREATE TEMP TABLE copies AS SELECT * FROM chunk WHERE task = (SELECT min(sha) FROM task)",
        "DELETE FROM chunk WHERE task = (SELECT max(sha) FROM task)",
        "UPDATE copies SET task = (SELECT max(sha) FROM task)",
        "INSERT INTO chunk SELECT * FROM copies",
    )


@kind
def text_where_numbers_are(store: Path, chance: random.Random) -> None:
    old = ["sequences", "nats", "calls", "errors"] if is_old(store) else ["sums"]
    column = chance.choice([*old, "crc", "host"])
    value = chance.choice(["'many'", "x'00ff'", "'12'", "12.5", "'1e3'", "x''"])
    sql(store, f"UPDATE chunk SET {column} = {value} WHERE {a_chunk(chance)}")


@kind
def a_task_without_its_name(store: Path, chance: random.Random) -> None:
    old, new = chance.choice(
        [('"length":16', '"length":32'), ('"seed":0', '"seed":1'), ("linear", "cosine"), ("{", "[")]
    )
    sql(store, ("UPDATE task SET json = replace(json, ?, ?) WHERE sha = (SELECT min(sha) FROM task)", (old, new)))


@kind
def a_task_under_its_right_name(store: Path, chance: random.Random) -> None:
    """Its SHA is mended, and its chunks are said to be of it: their checksums say that they are not."""
    import hashlib

    connection = sqlite3.connect(store)
    sha, text, label = connection.execute("SELECT sha, json, label FROM task ORDER BY sha LIMIT 1").fetchone()
    connection.close()
    forged = chance.choice(
        [
            text.replace('"length":16', '"length":32'),
            text.replace('"steps":4', '"steps":8'),
            text.replace('"language":"', '"language":"0'),
            text.replace('"measure":"', '"measure":"no '),
            "{}",
            "[" * 5000 + "]" * 5000,
            "null",
            '"' + "x" * 100_000 + '"',
        ]
    )
    new = hashlib.sha256(forged.encode()).hexdigest()
    crc = zlib.crc32("\0".join([new, label]).encode())
    sql(
        store,
        ("UPDATE task SET sha = ?, json = ?, crc = ? WHERE sha = ?", (new, forged, crc, sha)),
        ("UPDATE chunk SET task = ? WHERE task = ?", (new, sha)),
    )


@kind
def the_names_of_a_task(store: Path, chance: random.Random) -> None:
    new = chance.choice(["stride", "\\n", "", "\\u001b[31m", "' OR 1"])
    sql(store, ("UPDATE task SET label = replace(label, 'ancestral', ?)", (new,)))


@kind
def parameters_of_a_language(store: Path, chance: random.Random) -> None:
    """With a checksum that is right; the digest is not."""
    old, new = chance.choice([("A", "B"), ("float64", "float32"), ("shape", "shape "), ("[", "{"), ('":', '":-')])
    sql(
        store,
        ("UPDATE language SET parameters = replace(parameters, ?, ?) WHERE name LIKE 'hmm%'", (old, new)),
        MENDED,
    )


MENDED = "UPDATE language SET crc = crc(digest || char(0) || name || char(0) || kind || char(0) || parameters)"


@kind
def code_as_the_kind_of_a_language(store: Path, chance: random.Random) -> None:
    name = chance.choice(["canary:Language", "canary", "os:system", "hmm", "mdmtheory.cli.main:main", "", "../canary"])
    sql(store, ("UPDATE language SET kind = ? WHERE name LIKE 'hmm%' OR name = 'parity'", (name,)), MENDED)


@kind
def parameters_without_end(store: Path, chance: random.Random) -> None:
    text = chance.choice(
        [
            "[" * 20_000 + "]" * 20_000,
            json.dumps({"transition": {"shape": [1 << 40, 1 << 40], "float64": ""}}),
            json.dumps({"transition": {"shape": [-1], "float64": "A" * 40_000_000}}),
            json.dumps({"states": 10**300}),
            '{"a":' * 900 + "1" + "}" * 900,
            "9" * 100_000,
        ]
    )
    sql(store, ("UPDATE language SET parameters = ? WHERE name LIKE 'hmm%'", (text,)), MENDED)


@kind
def other_tables(store: Path, chance: random.Random) -> None:
    sql(
        store,
        chance.choice(
            [
                "CREATE TABLE more (a)",
                "CREATE VIEW more AS SELECT * FROM chunk",
                "CREATE INDEX more ON chunk (seconds)",
                "CREATE TRIGGER more AFTER INSERT ON chunk BEGIN UPDATE chunk SET seconds = 0; END",
                "CREATE TRIGGER more AFTER UPDATE ON task BEGIN DELETE FROM chunk; END",
                "ALTER TABLE chunk ADD COLUMN more",
                "DROP TABLE language",
                "CREATE TABLE more (a INTEGER PRIMARY KEY AUTOINCREMENT)",
            ]
        ),
    )


@kind
def a_view_in_place_of_the_chunks(store: Path, chance: random.Random) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) SELECT i AS task FROM n"
    views = [
        "SELECT * FROM chunks",
        endless,
        "SELECT load_extension('canary') AS task",
        "SELECT writefile('executed', 'x') AS task",
    ]
    sql(store, "ALTER TABLE chunk RENAME TO chunks", f"CREATE VIEW chunk AS {chance.choice(views)}")


# ------------------------------------------------------------------------------------------------------- the journal


@kind
def a_journal_of_garbage(store: Path, chance: random.Random) -> None:
    magic = bytes.fromhex("d9d505f920a163d7")
    data = chance.choice([b"", magic, magic + chance.randbytes(2000), chance.randbytes(3000), bytes(4096)])
    store.with_name(store.name + "-journal").write_bytes(data)


@kind
def the_journal_of_another_sweep(store: Path, chance: random.Random) -> None:
    """A true one, of a store killed in a commit: SQLite rolls it back into this one, and the checks must see it."""
    number = chance.randrange(1, JOURNALS + 1)
    shutil.copy(store.parent.parent / f"journal-{number}", store.with_name(store.name + "-journal"))


@kind
def a_log_beside(store: Path, chance: random.Random) -> None:
    changed(store, lambda data: data.__setitem__(slice(18, 20), b"\2\2"))
    magic = struct.pack(">II", 0x377F0682, 3007000)
    store.with_name(store.name + "-wal").write_bytes(magic + chance.randbytes(chance.choice([0, 24, 5000])))


JOURNALS = 8


def make_journals(host: Host, folder: Path) -> None:
    """Journals of the same sweep, killed when it is about to remove them."""
    for number in range(1, JOURNALS + 1):
        under = folder / f"killed-{number}"
        under.mkdir()
        store = under / "store.sqlite"
        host.run(sweep(store), under=under, fault=Fault(UNLINK, number, KILL_BEFORE))
        journal = store.with_name(store.name + "-journal")
        (folder / f"journal-{number}").write_bytes(journal.read_bytes() if journal.exists() else b"")
        shutil.rmtree(under)


# --------------------------------------------------------------------------------------------------------- the cases


def corrupted(host: Host, folder: Path, whole: Whole, seeds: range, *, every: int = 1, old: bool = False) -> Tally:
    """Each `every`-th kind with each seed: shown, merged, and swept; `old`: of a store of version 1."""
    tally = Tally(f"{len(KINDS)} kinds of corruption of a store{' of version 1' if old else ''}")
    make_journals(host, folder)
    for name, damage in islice(KINDS.items(), 0, None, every):
        for seed in seeds:
            under = folder / "case"
            under.mkdir()
            (under / "canary.py").write_text(CANARY)
            store = Path(shutil.copy(whole.path, under / "store.sqlite"))
            if old:
                aged(store)
            damage(store, random.Random(f"{name} {seed}"))
            case = f"{name}, seed {seed}"
            tally.tried += 1
            _judge(tally, host, case, store, whole, old)
            if (under / "executed").exists():
                tally.wrong.append(f"{case}: code was executed")
            shutil.rmtree(under)
    return tally


def _judge(tally: Tally, host: Host, case: str, store: Path, whole: Whole, old: bool) -> None:
    # What a sweep measures anew of an old store has the third sums that the rest lacks.
    genuine = [*whole.shown, *whole.aged] if old else list(whole.shown)
    prefixes = [*whole.prefixes, *whole.aged_prefixes] if old else list(whole.prefixes)
    merged = store.with_name("merged.sqlite")
    lines = [show(store), ["merge", str(store), "-o", str(merged)], sweep(store), show(store)]
    ended = host.run(*lines, folder=store.parent, limits={"RLIMIT_AS": 1 << 30})
    if not tally.judge_end(case, ended, len(lines)):
        return
    judge_shown(tally, case, ended.lines[0], prefixes)  # what a journal brings back is right too
    swept = ended.lines[2].code == 0
    judge_shown(tally, f"{case}, swept", ended.lines[3], genuine if swept else prefixes)
    if ended.lines[1].code == 0:
        _judge_stored(tally, f"{case}, merged", merged, whole)
    if swept:
        # Rows of tasks that nobody knows may stay, as long as they are not shown.
        missing = comparable(whole.rows) - comparable(stored_rows(store, store.parent / "copy") or [])
        forms = zip(whole.shown, whole.aged if old else whole.shown, strict=True)
        if missing or not all(any(_is_shown(row, ended.lines[3]) for row in each) for each in forms):
            tally.lost.append(f"{case}: a sweep ended well, and rows are missing")


def _judge_stored(tally: Tally, case: str, store: Path, whole: Whole) -> None:
    rows = stored_rows(store, store.parent / "copy")
    if not comparable(rows or []) <= comparable(whole.rows):
        tally.wrong.append(f"{case}: {sorted(comparable(rows or []) - comparable(whole.rows))[:2]}")


def comparable(rows: Iterable[Row]) -> set[Row]:
    """Rows of chunks, each sum by itself but for third ones, which chunks of version 1 lack."""
    return {(task, index, str(sorted(sums.items()))) for task, index, sums in without_cubes(list(rows))}


def _is_shown(row: dict[str, str], line: Line) -> bool:
    return any(is_of(shown, row) for shown in shown_rows(line))
