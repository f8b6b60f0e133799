"""The marts as files: one sorted Parquet file per table of the `marts` schema, and one DuckDB file of them all.

Flow: warehouse.duckdb (read-only) → `<folder>/<table>.parquet` → `<folder>/kpilote.duckdb`. Rows are written in one
fixed order, so equal content gives equal bytes whatever machine, hour or number of threads wrote it. When and whether
such a folder becomes a release is decided in `serving.release`.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from serving import files

SCHEMA = "marts"
DATABASE = "kpilote.duckdb"
# The cadences' own tables behind the view `kpi_values`: how it is refreshed, not part of what is promised to readers.
PART_PREFIX = "kpi_values_"
REQUIRED_TABLES = ("kpi_catalogue", "kpi_scorecard", "kpi_values")
# Columns that say when a row was computed, not what it says: they do not make a release new.
PROCESSING_COLUMNS = ("refreshed_at",)
# The oldest DuckDB whose clients must be able to open the BI file.
STORAGE_VERSION = "v1.4.0"
MEMORY_LIMIT = "1GB"


class MartsError(RuntimeError):
    """The warehouse holds nothing that could be published; the message says what to do."""


@dataclass(frozen=True)
class Content:
    """What a mart says: its columns with their types, its rows, and a digest of them that no order changes."""

    columns: Mapping[str, str]
    rows: int
    digest: str


@contextlib.contextmanager
def opened(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the warehouse attached for reading; nobody can write it meanwhile."""
    if not warehouse.exists():
        raise MartsError(f"{warehouse} does not exist: build the marts first (`kpilote refresh`)")
    with memory() as connection:
        try:
            connection.execute(f"attach {text(warehouse)} as warehouse (read_only)")
        except duckdb.Error as error:
            raise MartsError(
                f"{warehouse} cannot be opened for reading ({error}): is a run still writing it?"
            ) from error
        names = _names(connection)
        missing = [name for name in REQUIRED_TABLES if name not in names]
        if missing:
            raise MartsError(f"{warehouse} has no {SCHEMA}.{missing[0]}: build the marts first (`kpilote refresh`)")
        # One transaction: whatever is read from here on is of one state of the warehouse.
        connection.execute("begin transaction read only")
        yield connection


def contents(connection: duckdb.DuckDBPyConnection) -> dict[str, Content]:
    """What every mart of the attached warehouse says, by name: one scan each, and nothing is written."""
    return {name: content(connection, _relation(name)) for name in _names(connection)}


def write_tables(
    connection: duckdb.DuckDBPyConnection, said: Mapping[str, Content], staging: Path
) -> dict[str, dict[str, Any]]:
    """Every mart of the attached warehouse as a sorted Parquet file; returns their manifest entries."""
    return {name: write_table(connection, _relation(name), name, staging, told) for name, told in said.items()}


def _relation(name: str) -> str:
    return f"warehouse.{SCHEMA}.{identifier(name)}"


def _names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables and views of the schema, without parts of others and what an interrupted dbt run leaves (`…__dbt_tmp`)."""
    found = connection.execute(
        "select table_name from information_schema.tables"
        " where table_catalog = 'warehouse' and table_schema = ? and not contains(table_name, '__dbt_')"
        " and not starts_with(table_name, ?) order by 1",
        [SCHEMA, PART_PREFIX],
    ).fetchall()
    return [name for (name,) in found]


def content(connection: duckdb.DuckDBPyConnection, relation: str) -> Content:
    """What a relation says, when it was computed aside."""
    columns = {name: kind for name, kind, *_ in connection.execute(f"describe {relation}").fetchall()}
    telling = ", ".join(identifier(name) for name in columns if name not in PROCESSING_COLUMNS)
    counted = connection.execute(
        f"select count(*), coalesce(sum(hash({telling})), 0)::varchar from {relation}"  # noqa: S608 - our own marts
    ).fetchone()
    assert counted is not None  # noqa: S101 - an aggregate has one row
    return Content(columns, *counted)


def describe_file(path: Path) -> dict[str, Any]:
    """Manifest entry of a Parquet file."""
    with memory() as connection:
        return _entry(path, content(connection, text(path)))


def write_table(
    connection: duckdb.DuckDBPyConnection, source: str, name: str, staging: Path, said: Content | None = None
) -> dict[str, Any]:
    """Write a relation as the sorted Parquet file of a mart; returns its manifest entry."""
    target = staging / f"{name}.parquet"
    _copy_sorted(connection, f"from {source}", target)
    files.sync(target)
    return _entry(target, said or content(connection, source))


def _entry(path: Path, said: Content) -> dict[str, Any]:
    return {
        "rows": said.rows,
        "file": path.name,
        "sha256": files.sha256(path),
        "content": said.digest,
        "columns": dict(said.columns),
    }


def _copy_sorted(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    connection.execute(f"copy ({query} order by all) to {text(target)} (format parquet, compression zstd)")


def facts(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What the marts of the attached warehouse say of themselves: how far they reach, KPI definitions, loads seen."""
    values = f"warehouse.{SCHEMA}.kpi_values"
    through = connection.execute(f"from {values} select max(data_through)::date").fetchone()
    versions = connection.execute(
        f"from {values} select kpi, arg_max(definition_version, period_start)::varchar group by all order by all"
    ).fetchall()
    return {
        "data_through": through[0].isoformat() if through and through[0] else None,
        "definition_versions": dict(versions),
        "lake": _position(connection),
        "fingerprints": _fingerprints(connection),
    }


def _fingerprints(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """A digest per cadence of all that its periods rest on: it moves when, and only when, cells were computed again."""
    found = connection.execute(
        "select table_name from duckdb_columns() where database_name = 'warehouse' and schema_name = ?"
        " and starts_with(table_name, ?) and column_name = 'period_fingerprint' order by 1",
        [SCHEMA, PART_PREFIX],
    ).fetchall()
    digests = {}
    for (name,) in found:
        told = connection.execute(
            "select coalesce(sum(hash(period_start, period_fingerprint)), 0)::varchar"  # noqa: S608 - our own marts
            f" from (select distinct period_start, period_fingerprint from {_relation(name)})"
        ).fetchone()
        assert told is not None  # noqa: S101 - an aggregate has one row
        digests[name.removeprefix(PART_PREFIX)] = str(told[0])
    return digests


def _position(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The newest load of each source the warehouse has seen: what a later publication calls new is newer."""
    found = connection.execute(
        "select distinct table_name from duckdb_columns() where database_name = 'warehouse'"
        " and schema_name = 'staging' and regexp_matches(table_name, '^stg_[a-z0-9]+__windows$') order by 1"
    ).fetchall()
    position = {}
    for (name,) in found:
        newest = connection.execute(
            f"select max_by(load_id, load_id::double) from warehouse.staging.{identifier(name)}"  # noqa: S608
        ).fetchone()
        if newest and newest[0]:
            position[name.removeprefix("stg_").removesuffix("__windows")] = str(newest[0])
    return position


def write_database(staging: Path, manifest: Mapping[str, Any]) -> None:
    """The same tables as one DuckDB file, made from the files just written so that the two cannot differ."""
    target = staging / DATABASE
    with memory() as connection:
        connection.execute(f"attach {text(target)} as bi (storage_version '{STORAGE_VERSION}')")
        connection.execute(f"create schema bi.{SCHEMA}")
        for name, entry in manifest["tables"].items():
            connection.execute(f"create table bi.{SCHEMA}.{identifier(name)} as from {text(staging / entry['file'])}")
        connection.execute("create schema bi.release")
        # What a BI page needs to say which release it shows.
        connection.execute(
            "create table bi.release.info as select $1 as release_id, $2::timestamp as created_at_utc,"
            " $3::date as data_through, $4 as kpilote_version, $5 as gates",
            [
                manifest["release_id"],
                datetime.fromisoformat(manifest["created_at"]).replace(tzinfo=None),
                manifest["data_through"],
                manifest["kpilote_version"],
                json.dumps(manifest["gates"], default=str),
            ],
        )
        connection.execute("detach bi")
    target.with_name(f"{DATABASE}.wal").unlink(missing_ok=True)
    files.sync(target)


@contextlib.contextmanager
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB of bounded memory that spills outside the working folder and fetches nothing."""
    spill = Path(tempfile.gettempdir()) / f"kpilote-{os.getpid()}"
    connection = duckdb.connect(
        config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(spill), "autoinstall_known_extensions": "false"}
    )
    try:
        # Values must not depend on the machine's time zone, nor bytes on how many threads wrote them.
        connection.execute("set timezone = 'UTC'")
        connection.execute("set preserve_insertion_order = true")
        yield connection
    finally:
        connection.close()


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def text(value: Path | str) -> str:
    return "'" + str(value).replace("'", "''") + "'"
