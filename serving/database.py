"""`kpilote.duckdb`: all marts of a release as one DuckDB file, made of the release's own Parquet files.

A new release's file is the one of the release before with the parts put in place that changed: copying bytes is cheaper
than loading rows. Such a file keeps holes where rows were; once it has grown by half it is written whole again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from serving import files, marts, parts
from serving.folder import DATABASE, Release
from serving.parts import CUTS

# The oldest DuckDB whose clients must be able to open the BI file.
STORAGE_VERSION = "v1.4.0"
MOST_GROWTH = 1.5


def write(staging: Path, manifest: Mapping[str, Any], before: Release | None = None) -> dict[str, Any]:
    """Write the file of the tables in `manifest`, whose files lie in `staging`; returns its manifest entry.

    before: a sound release to start from.
    """
    target = staging / DATABASE
    start = before if before and _is_useful(before) else None
    if start:
        shutil.copyfile(start.path / DATABASE, target)
    with marts.memory() as connection:
        connection.execute(f"attach {marts.text(target)} as bi (storage_version '{STORAGE_VERSION}')")
        connection.execute(f"create schema if not exists bi.{marts.SCHEMA}")
        connection.execute("begin transaction")
        tables = manifest["tables"]
        earlier: Mapping[str, Any] = start.manifest["tables"] if start else {}
        for name in earlier.keys() - tables.keys():
            connection.execute(f"drop table {_table(name)}")
        for name, entry in tables.items():
            _put(connection, name, staging, earlier.get(name), entry)
        _tell(connection, manifest)
        connection.execute("commit")
        connection.execute("detach bi")
    target.with_name(f"{DATABASE}.wal").unlink(missing_ok=True)
    files.sync(target)
    size = target.stat().st_size
    whole = start.manifest["database"]["bytes_when_whole"] if start else size
    return {"file": DATABASE, "sha256": files.sha256(target), "is_whole": start is None, "bytes_when_whole": whole}


def _is_useful(before: Release) -> bool:
    most = MOST_GROWTH * int(before.manifest["database"]["bytes_when_whole"])
    is_same_version: bool = before.manifest["duckdb_version"] == duckdb.__version__
    return is_same_version and (before.path / DATABASE).stat().st_size <= most


def _put(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    staging: Path,
    earlier: Mapping[str, Any] | None,
    entry: Mapping[str, Any],
) -> None:
    """Bring one table to what its files say."""
    table = _table(name)
    if earlier is not None and parts.is_alike(earlier, entry):
        gone, come = parts.differing(earlier, entry)
        if name in CUTS or not (gone or come):
            for part in gone:
                connection.execute(f"delete from {table} where {CUTS[name].holds(part.part)}")  # noqa: S608 - our names
            for part in come:
                connection.execute(f"insert into {table} by name from {marts.text(staging / part.file)}")
            return
    connection.execute(f"create or replace table {table} as from {marts.union(parts.paths(staging, entry))}")


def _tell(connection: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any]) -> None:
    """What a BI page needs to say which release it shows."""
    connection.execute("create schema if not exists bi.release")
    connection.execute(
        "create or replace table bi.release.info as select $1 as release_id, $2::timestamp as created_at_utc,"
        " $3::date as data_through, $4 as kpilote_version, $5 as gates",
        [
            manifest["release_id"],
            datetime.fromisoformat(manifest["created_at"]).replace(tzinfo=None),
            manifest["data_through"],
            manifest["kpilote_version"],
            json.dumps(manifest["gates"], default=str),
        ],
    )


def _table(name: str) -> str:
    return f"bi.{marts.SCHEMA}.{marts.identifier(name)}"
