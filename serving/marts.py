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


def write_tables(warehouse: Path, staging: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every mart as a sorted Parquet file; returns their manifest entries and what the marts say of themselves."""
    if not warehouse.exists():
        raise MartsError(f"{warehouse} does not exist: build the marts first (`kpilote refresh`)")
    with memory() as connection:
        try:
            connection.execute(f"attach {text(warehouse)} as warehouse (read_only)")
        except duckdb.Error as error:
            raise MartsError(
                f"{warehouse} cannot be opened for reading ({error}): is a run still writing it?"
            ) from error
        # One transaction: every file shows the same state of the warehouse.
        connection.execute("begin transaction read only")
        names = _names(connection)
        missing = [name for name in REQUIRED_TABLES if name not in names]
        if missing:
            raise MartsError(f"{warehouse} has no {SCHEMA}.{missing[0]}: build the marts first (`kpilote refresh`)")
        tables = {
            name: write_table(connection, f"warehouse.{SCHEMA}.{identifier(name)}", name, staging) for name in names
        }
        return tables, _facts(connection)


def _names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables and views of the schema, without parts of others and what an interrupted dbt run leaves (`…__dbt_tmp`)."""
    found = connection.execute(
        "select table_name from information_schema.tables"
        " where table_catalog = 'warehouse' and table_schema = ? and not contains(table_name, '__dbt_')"
        " and not starts_with(table_name, ?) order by 1",
        [SCHEMA, PART_PREFIX],
    ).fetchall()
    return [name for (name,) in found]


def describe_file(path: Path, content: str | None = None) -> dict[str, Any]:
    """Manifest entry of a Parquet file: rows, hashes and columns. `content`: hash of what it says, where it differs."""
    with memory() as connection:
        columns = connection.execute(f"describe from {text(path)}").fetchall()
        rows = connection.execute(f"select count(*) from {text(path)}").fetchone()  # noqa: S608
    digest = files.sha256(path)
    return {
        "rows": rows[0] if rows else 0,
        "file": path.name,
        "sha256": digest,
        "content_sha256": content or digest,
        "columns": {name: kind for name, kind, *_ in columns},
    }


def write_table(connection: duckdb.DuckDBPyConnection, source: str, name: str, staging: Path) -> dict[str, Any]:
    """Write a relation as the sorted Parquet file of a mart; returns its manifest entry."""
    columns = connection.execute(f"describe {source}").fetchall()
    target = staging / f"{name}.parquet"
    rows = _copy_sorted(connection, f"from {source}", target)
    digest = files.sha256(target)
    kinds = {column: kind for column, kind, *_ in columns}
    content = digest
    ignored = [column for column in kinds if column in PROCESSING_COLUMNS]
    if ignored:
        bare = staging / f".{name}.content"
        _copy_sorted(connection, f"from {source} select * exclude ({', '.join(ignored)})", bare)
        content = files.sha256(bare)
        bare.unlink()
    files.sync(target)
    return {"rows": rows, "file": target.name, "sha256": digest, "content_sha256": content, "columns": kinds}


def _copy_sorted(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> int:
    done = connection.execute(
        f"copy ({query} order by all) to {text(target)} (format parquet, compression zstd)"
    ).fetchone()
    return int(done[0]) if done else 0


def _facts(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    values = f"warehouse.{SCHEMA}.kpi_values"
    through = connection.execute(f"from {values} select max(data_through)::date").fetchone()
    versions = connection.execute(
        f"from {values} select kpi, arg_max(definition_version, period_start)::varchar group by all order by all"
    ).fetchall()
    return {
        "data_through": through[0].isoformat() if through and through[0] else None,
        "definition_versions": dict(versions),
        "lake": _position(connection),
    }


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
