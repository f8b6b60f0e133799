"""The lake's doors: where a table's files are, contract files that make every table readable, and `pull`.

Flow: `{lake_url}/{source}/{table}/{load_id}.{file_id}.parquet`, a load counting once `{source}/_dlt_loads` knows
it. Belongs here: layout and the public calls of the lake. Does not: how a load is made (`pipeline.py`) or what a
vendor answers (`sources/`). This module stays light to import; dlt is loaded when something is pulled.
"""

import datetime as dt
import hashlib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.errors import SettingsError
from ingestion.filesystems import located, make_folder, register
from ingestion.registry import LOAD_ID, SOURCES, Table, bookkeeping, source
from ingestion.settings import Settings

register()
# Called with (source, table, rows received so far) while a pull runs.
Progress = Callable[[str, str, int], None]
# Called with what a person should know of a pull before it begins.
Notice = Callable[[str], None]

LOADS_TABLE = "_dlt_loads"


class LakePlace(Protocol):
    """Where the lake is: the one setting its readers need."""

    @property
    def lake_url(self) -> str: ...


@dataclass(frozen=True)
class Pull:
    """What a pull did: load ids committed (none when nothing was new), rows accepted, quarantined and suppressed per
    table, its window.
    """

    source: str
    window: tuple[dt.date, dt.date]
    load_ids: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    quarantined: Mapping[str, int] = field(default_factory=dict)
    suppressed: Mapping[str, int] = field(default_factory=dict)


def source_url(settings: LakePlace, source_name: str) -> str:
    """Folder of a source in the lake."""
    return f"{settings.lake_url}/{source_name}"


def table_glob(settings: LakePlace, table: Table) -> str:
    """Glob over every Parquet file of a table, committed or not: readers keep the loads that `loads_glob` lists."""
    return f"{source_url(settings, table.source)}/{table.name}/*.parquet"


def loads_glob(settings: LakePlace, source_name: str) -> str:
    """Glob over the JSON lines that list a source's committed loads (load_id, schema_name, status, inserted_at)."""
    return f"{source_url(settings, source_name)}/{LOADS_TABLE}/*.jsonl"


def committed_loads(settings: LakePlace, source_name: str) -> str:
    """SQL of the loads of a source that count, as `load_id`: dlt writes a load's record last, under a file name that
    ends in the load id, so no file has to be opened.
    """
    return (
        "select distinct regexp_extract(file, '__([0-9.]+)\\.jsonl$', 1) as load_id"  # noqa: S608 - our own folder
        f" from glob({quoted(loads_glob(settings, source_name))}) where load_id <> ''"
    )


def let_read(connection: Any, settings: LakePlace) -> None:
    """Let a DuckDB connection read the lake where it does not lie on a local disk."""
    if "://" in settings.lake_url:
        connection.register_filesystem(located(settings.lake_url)[0])


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def held_sources(settings: LakePlace) -> tuple[str, ...]:
    """Sources the lake has a folder of, whether they are on or not."""
    filesystem, root = located(settings.lake_url)
    folders = {path.rstrip("/").rpartition("/")[2] for path in filesystem.glob(f"{root}/*")}
    return tuple(name for name in SOURCES if name in folders)


def lake_tables(source_name: str) -> tuple[Table, ...]:
    """The tables of a source with its bookkeeping."""
    return (*source(source_name).tables.values(), *bookkeeping(source_name))


def prepare(settings: Settings, sources: tuple[str, ...] | None = None) -> None:
    """Write an empty contract file for every table whose present columns have none yet, and an empty list of loads.

    Of the sources that are on by default, and of the files people edit, on or off: models always read them. Contract
    files are never rewritten; a changed declaration adds one, so readers (by name) see the new columns at once. An
    exchange of files that was interrupted is completed first.
    """
    from ingestion.compaction import finish

    for name in sources if sources is not None else dict.fromkeys((*settings.sources, "spreadsheets")):
        finish(settings, name)
        folder = source_url(settings, name)
        filesystem, root = located(folder)
        for table in lake_tables(name):
            content, version = _contract(table)
            _write_once(filesystem, f"{root}/{table.name}/_contract_{version}.parquet", content)
        _write_once(filesystem, f"{root}/{LOADS_TABLE}/_contract.jsonl", b"")


def _contract(table: Table) -> tuple[bytes, str]:
    """An empty Parquet file with the table's columns and `_dlt_load_id`, and a short hash of them."""
    schema = table.arrow_schema().append(pa.field(LOAD_ID.name, LOAD_ID.arrow_type))
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    return sink.getvalue().to_pybytes(), hashlib.sha256(str(schema).encode()).hexdigest()[:12]


def _write_once(filesystem: fsspec.AbstractFileSystem, path: str, content: bytes) -> None:
    """Write a file that does not exist yet."""
    if not filesystem.exists(path):
        make_folder(filesystem, path.rpartition("/")[0])
        filesystem.pipe_file(path, content)


def pull(
    source_name: str,
    start: dt.date,
    end: dt.date,
    *,
    settings: Settings,
    progress: Progress | None = None,
    notice: Notice = lambda _: None,
) -> Pull:
    """Pull `[start, end)` of a source into the lake; record tables pull what changed since their cursor, tables of days
    also the days between what the lake holds of them and `start`, which a notice tells.

    Of a frozen source nothing. Raises SettingsError or SourceError with one line that names the mend; the lake then
    holds what it held.
    """
    if not start < end:
        raise SettingsError(f"the window [{start}, {end}) of {source_name} is empty: the end is exclusive")
    declared = source(source_name)
    if source_name in settings.frozen_sources:
        return Pull(source_name, (start, end))
    # Loaded here: dlt takes a second to import, and readers of the lake do not need it.
    from ingestion.pipeline import load

    connector = importlib.import_module(f"ingestion.sources.{source_name}")

    def report(table: str, rows: int) -> None:
        if progress is not None:
            progress(source_name, table, rows)

    prepare(settings, (source_name,))
    load_ids, tally = load(declared, connector.connect, settings, (start, end), report, notice)
    counts = (dict(count) for count in (tally.accepted, tally.quarantined, +tally.suppressed))
    return Pull(source_name, (start, end), load_ids, *counts)
