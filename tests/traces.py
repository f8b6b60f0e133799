"""Every byte of a home as text, and what of a person is in it.

Flow: file → texts (Parquet, DuckDB, SQLite, gzip and dlt's packed states decoded, and of every file that is not a
compressed one its raw bytes too) → needles found. Values that repeat are looked at once, so a whole home takes seconds.
Belongs here: reading and looking. Does not: who is looked for (`sandbox.world`, or one erased person).
"""

import base64
import datetime as dt
import gzip
import hashlib
import json
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.identity import Identity
from ingestion.people import TELLTALE
from sandbox.apis.klaviyo_records import Account
from sandbox.world import World

# The vendors' own files and the lists the company's people keep, put inside the home by the sandbox: the data as it is
# there. All else of a home is looked at.
OUTSIDE = ("sandbox",)


def texts(home: Path) -> Iterator[tuple[Path, str]]:
    """Every file under a home with what it says, lower case; a value that was told before is left out."""
    told: set[str] = set()
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home)
        if inside.parts[0] in OUTSIDE or path.is_symlink() or not path.is_file():
            continue
        values = set(_values(path)) - told
        told |= values
        if values:
            yield inside, "\n".join(values).lower()


def _values(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    if content[:4] == b"PAR1":
        yield from _parquet(path)
        return
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if content[8:12] == b"DUCK":
        yield from _duckdb(path)
    if content[:15] == b"SQLite format 3":
        yield from _sqlite(path)
    text = content.decode("latin-1")
    yield text
    # States of dlt: JSON, packed, as a value of JSON.
    for packed in re.findall(r'"(eN[\w+/=]{40,})"', text):
        yield zlib.decompress(base64.b64decode(packed)).decode()


def _parquet(path: Path) -> Iterator[str]:
    file = pq.ParquetFile(path)
    yield str(file.schema_arrow.metadata)
    for batch in file.iter_batches(200_000):
        for column in batch.columns:
            yield from _distinct(column)


def _distinct(column: "pa.Array") -> Iterator[str]:
    if pa.types.is_list(column.type):
        column = column.flatten()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        yield from (value for value in pc.unique(column).to_pylist() if value is not None)


def _duckdb(path: Path) -> Iterator[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        columns = connection.execute(
            "select schema_name, table_name, column_name from duckdb_columns() where not internal"
            " and data_type in ('VARCHAR', 'VARCHAR[]')"
            " and (schema_name, table_name) in (select (schema_name, table_name) from duckdb_tables())"
        ).fetchall()
        for schema, table, column in columns:
            rows = connection.sql(f'select distinct "{column}" as value from "{schema}"."{table}"').to_arrow_table()
            yield from _distinct(rows.column("value").combine_chunks())


def _sqlite(path: Path) -> Iterator[str]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in connection.execute(f'select * from "{table}"'):
                yield "\n".join(value for value in row if isinstance(value, str))
    connection.close()


@dataclass(frozen=True)
class People:
    """What must be found nowhere of the people of a world."""

    addresses: frozenset[str]
    md5s: frozenset[str]
    profiles: frozenset[str]  # Klaviyo's ids of them
    logins: frozenset[str]
    phones: frozenset[str]
    names: frozenset[tuple[str, str]]  # as they may be written, see `_spellings`

    @classmethod
    def of(cls, world: World, until: dt.date) -> "People":
        """Everybody whom vendors and lists know. A contact who bears a colleague's full name is not told from the
        colleague, whose name may stay.
        """
        now = world.snapshot(until)
        contacts, owners = now.contacts, now.owners
        colleagues = set(zip(owners["first_name"], owners["last_name"], strict=True))
        names = set(zip(contacts["first_name"], contacts["last_name"], strict=True)) - colleagues
        addresses = {address.lower() for address in (*contacts["email"].dropna(), *now.touches["email"])}
        return cls(
            frozenset(addresses),
            frozenset(hashlib.md5(address.encode()).hexdigest() for address in addresses),
            frozenset(profile["id"].lower() for profile in Account(now).profiles),
            frozenset(login.lower() for login in contacts["user_key"].dropna()),
            frozenset(contacts["phone"].dropna()),
            frozenset(pair for name in names for pair in zip(*map(_spellings, name), strict=True)),
        )

    def found(self, text: str) -> Iterator[str]:
        """What of these people is in a lower-case text."""
        yield from self._addresses(text)
        for pattern, length, wanted in (
            (r"[0-9a-f]{32,}", 32, self.md5s),
            (r"01[0-9a-z]{24,}", 26, self.profiles),
            (r"u[0-9a-f]{16,}", 17, self.logins),
            # Whatever stands for the plus sign, and where there is none.
            (r"336[0-9]{8,}", 11, {phone.removeprefix("+") for phone in self.phones}),
        ):
            for run in set(re.findall(pattern, text)):
                yield from {run[at : at + length] for at in range(len(run) - length + 1)} & wanted
        yield from self._full_names(text)

    def _addresses(self, text: str) -> Iterator[str]:
        """An address may be glued to what stands beside it in a file, so every cut around its @ is tried."""
        tried = set()
        for sign in re.finditer(r"(?<=[a-z0-9._%+\-])(?:@|%40|%2540)(?=[a-z0-9])", text):
            left = text[max(0, sign.start() - 64) : sign.start()].replace("%2b", "+")
            right = re.match(r"[a-z0-9.\-]{4,80}", text[sign.end() : sign.end() + 80])
            if right is None or (left, right[0]) in tried:
                continue
            tried.add((left, right[0]))
            local = {left[start:] for start in range(len(left))}
            for end in range(4, len(right[0]) + 1):
                yield from {f"{each}@{right[0][:end]}" for each in local} & self.addresses

    def _full_names(self, text: str) -> Iterator[str]:
        """Last names are few and found fast; before each, a first name and a blank."""
        for last, before in self._before.items():
            at = text.find(last)
            while at >= 0:
                if match := before.search(text[max(0, at - 40) : at]):
                    yield match[0] + last
                at = text.find(last, at + 1)

    @cached_property
    def _before(self) -> dict[str, re.Pattern[str]]:
        firsts: dict[str, list[str]] = {}
        for first, last in sorted(self.names):
            firsts.setdefault(last, []).append(re.escape(first))
        return {last: re.compile(rf"(?:{'|'.join(each)})(?:\s|\+|%20)$") for last, each in firsts.items()}


def _spellings(word: str) -> tuple[str, str, str]:
    """A word as text, as UTF-8 bytes read one by one, and as JSON writes it in ASCII."""
    return word.lower(), word.encode().decode("latin-1").lower(), json.dumps(word)[1:-1].lower()


def holding(home: Path, needles: Iterable[str]) -> dict[str, list[str]]:
    """Files under a home that hold one of a few needles, also percent-encoded, with the needles they hold."""
    wanted = {form.lower(): each for each in needles for form in (each, quote(each, safe=""))}
    found: dict[str, list[str]] = {}
    for path, text in texts(home):
        hits = sorted({each for form, each in wanted.items() if form in text})
        if hits:
            found.setdefault(str(path), []).extend(hits)
    return found


def people_in(home: Path, people: People) -> dict[str, str]:
    """Files under a home with something of these people in them, and one example each."""
    return {str(path): example for path, text in texts(home) for example in [next(people.found(text), None)] if example}


def spellings(person: Identity) -> list[str]:
    """Every identifier of a person, as it is known everywhere and as its source's own tables hold it."""
    known = {value for kind, value in person.nodes if kind not in TELLTALE}
    return sorted(known | {own for value in known if (own := value.partition(":")[2])})
