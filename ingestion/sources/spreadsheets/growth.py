"""Files that only grew: what was read of them before comes from the lake, and only what was added is understood.

Flow: what a load keeps of the files it read (`Read`) × the files now → the rows the lake holds + those added. A load is
whole all the same, as if every row had been read again; what that rests on:
- every file begins with the very bytes it had, whole rows, of which none was refused;
- columns, zone and Kpilote are those that understood them, and the newest load of the type still holds as many rows;
- every row added is accepted and of a later day than all before, and the day is part of the key: none comes twice.
Whatever is otherwise (a correction, a late row, a file more or less), the files are read whole.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, TypedDict

import duckdb
import pyarrow as pa

from ingestion.errors import KpiloteError
from ingestion.lake import committed_loads, let_read, quoted, table_glob
from ingestion.registry import Table, bookkeeping
from ingestion.rows import Refusal
from ingestion.settings import Settings
from ingestion.sources.spreadsheets.files import File
from ingestion.sources.spreadsheets.text import HEAD_CHARACTERS, UTF16
from ingestion.streams import Rows

if TYPE_CHECKING:
    from ingestion.sources.spreadsheets import Reader

STATE = "read"
# A file is read whole while its header and separator, looked for in so many characters, may still be found otherwise.
LEAST_BYTES = 4 * HEAD_CHARACTERS
# Added rows are held in memory until all are understood; more than that is read whole, in a stream.
MOST_ADDED_BYTES = 8 << 20
BATCH_ROWS = 10_000
Seals = Mapping[str, tuple[int, bytes]]


class Read(TypedDict):
    """What a load keeps of the files of a type. by: what understood them; rows: accepted ones; through: their last day;
    files: of each its bytes, their SHA-256 and its rows, those without anything in them too.
    """

    by: str
    rows: int
    through: str
    files: dict[str, tuple[int, str, int]]


def read(
    settings: Settings,
    table: Table,
    files: Sequence[File],
    seals: Seals,
    before: Read | None,
    reader: Callable[[], "Reader"],
) -> Generator[Rows, None, Read | None]:
    """All rows of a type's files, sealed as `seals` say; returns what a later load may rest on, if it may.

    before: what the newest load kept.
    """
    mine = reader()
    tails = _tails(files, seals, before) if before and before["by"] == _by(settings, table) else None
    added = _added(mine, tails, before) if before and tails is not None else None
    held = _held(settings, table, before["rows"]) if before and added is not None else None
    if before and added is not None and held is not None:
        yield from held
        yield from added
        counts = {name: rows for name, (_, _, rows) in before["files"].items()}
        counts |= {file.name: file.rows for file in tails or ()}
        accepted, through = before["rows"] + mine.accepted, mine.last or dt.date.fromisoformat(before["through"])
    else:
        mine = reader()
        yield from mine.read(files)
        counts = {file.name: file.rows for file in files}
        accepted, through = mine.accepted, mine.last or dt.date.min
    if mine.refused or not accepted or table.day_column not in table.key or table.identifiers:
        return None
    kept = {name: (size, content.hex(), counts[name]) for name, (size, content) in seals.items()}
    return Read(by=_by(settings, table), rows=accepted, through=through.isoformat(), files=kept)


def _by(settings: Settings, table: Table) -> str:
    said = f"{version('kpilote')} {table.arrow_schema()} {settings.timezone}"
    return hashlib.sha256(said.encode()).hexdigest()


def _tails(files: Sequence[File], seals: Seals, before: Read) -> list[File] | None:
    """What was added to the files, None where anything else was done to them."""
    if seals.keys() != before["files"].keys():
        return None
    tails = []
    for file in files:
        size, content = seals[file.name]
        bytes_then, content_then, rows_then = before["files"][file.name]
        if (size, content.hex()) == (bytes_then, content_then):
            continue
        if not _grew(file, size, bytes_then, content_then):
            return None
        tails.append(replace(file, skipped=(bytes_then, rows_then)))
    return tails


def _grew(file: File, size: int, bytes_then: int, content_then: str) -> bool:
    """Whether a CSV file holds whole rows behind those it had."""
    if not (file.name.lower().endswith(".csv") and LEAST_BYTES <= bytes_then < size <= bytes_then + MOST_ADDED_BYTES):
        return False
    with file.open() as content:
        if content.read(2).startswith(UTF16):
            return False
        content.seek(bytes_then - 1)
        ends_a_row = content.read(1) == b"\n"
    return ends_a_row and file.seal(bytes_then) == (bytes_then, bytes.fromhex(content_then))


def _added(reader: "Reader", tails: Sequence[File], before: Read) -> list[Rows] | None:
    """The rows added, None where one is refused or not of a later day."""
    try:
        added = list(reader.read(tails))
    except KpiloteError:  # what is wrong is said when the file is read whole
        return None
    is_later = reader.first is None or reader.first > dt.date.fromisoformat(before["through"])
    return added if is_later and not reader.refused else None


def _held(settings: Settings, table: Table, rows: int) -> Iterator[Rows] | None:
    """The rows of the newest load that read this type, None where they are not that many."""
    windows = bookkeeping(table.source).windows
    newest = (
        "select max_by(_dlt_load_id, _dlt_load_id::double)"  # noqa: S608 - names of the registry
        f" from read_parquet({quoted(table_glob(settings, windows))}, union_by_name = true)"
        f" where table_name = '{table.name}' and _dlt_load_id in ({committed_loads(settings, table.source)})"
    )
    columns = ", ".join(column.name for column in table.columns)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        let_read(connection, settings)
        ((load_id,),) = connection.execute(newest).fetchall()
        found: pa.Table = connection.sql(
            f"select {columns} from read_parquet($1, union_by_name = true) where _dlt_load_id = $2",  # noqa: S608
            params=[table_glob(settings, table), load_id],
        ).to_arrow_table()
    if found.num_rows != rows:
        return None
    held = found.cast(table.arrow_schema())
    nothing: tuple[Refusal, ...] = ()
    return (
        Rows(table.name, pa.Table.from_batches([batch]), nothing, batch.num_rows)
        for batch in held.to_batches(BATCH_ROWS)
    )
