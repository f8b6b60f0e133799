"""The marts as files: sorted Parquet files per table of the `marts` schema, cut into parts where a table grows.

Flow: warehouse.duckdb (read-only) → `<folder>/<table>[.<part>].parquet`. Rows are written in one fixed order, so equal
content gives equal bytes whatever machine, hour or number of threads wrote it; a part that says what it said in the
release before is that release's own file. When and whether such a folder becomes a release is decided in
`serving.release`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from serving import files, parts
from serving.parts import CUTS

if TYPE_CHECKING:
    from serving.folder import Release

SCHEMA = "marts"
# The cadences' own tables behind the view `kpi_values`: how it is refreshed, not part of what is promised to readers.
PART_PREFIX = "kpi_values_"
# What each period rests on now, by the step that computes KPIs.
PERIODS = "warehouse.intermediate.int_kpi__periods"
REQUIRED_TABLES = ("kpi_catalogue", "kpi_scorecard", "kpi_values")
# Columns that say when a row was computed, not what it says: they do not make a release new.
PROCESSING_COLUMNS = ("refreshed_at",)
MEMORY_LIMIT = "1GB"


class MartsError(RuntimeError):
    """The warehouse holds nothing that could be published; the message says what to do."""


@dataclass(frozen=True)
class Content:
    """What a mart says: its columns with their types, and per part its rows and a digest no order of them changes."""

    columns: Mapping[str, str]
    parts: Mapping[str | None, tuple[int, str]]

    @property
    def digest(self) -> str:
        return str(sum(int(digest) for _, digest in self.parts.values()))


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
    return {name: content(connection, _relation(name), name) for name in _names(connection)}


def write_tables(
    connection: duckdb.DuckDBPyConnection, said: Mapping[str, Content], staging: Path, before: Release | None
) -> dict[str, dict[str, Any]]:
    """Every mart of the attached warehouse as files; returns their manifest entries."""
    return {name: write_table(connection, _relation(name), name, staging, before, told) for name, told in said.items()}


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


def content(connection: duckdb.DuckDBPyConnection, relation: str, name: str) -> Content:
    """What a relation says that is the mart `name`."""
    columns = {column: kind for column, kind, *_ in connection.execute(f"describe from {relation}").fetchall()}
    told = {identifier(column): kind for column, kind in columns.items() if column not in PROCESSING_COLUMNS}
    # DuckDB hashes text by blocks of eight bytes, and two texts that differ in the last byte of two blocks only may
    # have one hash; with a character before them the blocks are others.
    telling = ", ".join([*told, *(f"'-' || {column}" for column, kind in told.items() if kind == "VARCHAR")])
    label = CUTS[name].label(relation) if name in CUTS else "null"
    found = connection.execute(
        f"select part::varchar, rows, digest::varchar from (select {label} as part, count(*) as rows,"  # noqa: S608 - our own marts
        f" sum(hash({telling})) as digest from {relation} group by part) order by part"
    ).fetchall()
    if name in CUTS and any(part is None for part, *_ in found):
        raise MartsError(f"{relation} has rows without {CUTS[name].column}, by which it is cut: mend its model")
    return Content(columns, {part: (rows, digest) for part, rows, digest in found} or {None: (0, "0")})


def write_table(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    name: str,
    staging: Path,
    before: Release | None = None,
    said: Content | None = None,
    *,
    is_sorted: bool = False,
) -> dict[str, Any]:
    """Write a relation as the sorted files of a mart; returns its manifest entry. Parts that say what they said in
    `before`, a sound release, become another name of its files. is_sorted: the relation's own order is the order.
    """
    said = said or content(connection, source, name)
    earlier = before.manifest["tables"].get(name) if before else None
    same = {}
    if earlier and parts.is_alike(earlier, parts.shape(name, said.columns)):
        same = {(each.part, each.rows, each.content): each for each in parts.parts(earlier)}
    written = []
    for label, (rows, digest) in said.parts.items():
        target = staging / (f"{name}.parquet" if label is None else f"{name}.{label}.parquet")
        known = same.get((label, rows, digest))
        if before and known:
            files.link(before.path / known.file, target)
            written.append(known)
        else:
            where = f" where {CUTS[name].holds(label)}" if label else ""
            _copy(connection, f"from {source}{where}{'' if is_sorted else ' order by all'}", target)
            files.sync(target)
            written.append(parts.Part(label, target.name, files.sha256(target), rows, digest))
    return parts.entry(name, said.columns, written)


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    connection.execute(f"copy ({query}) to {text(target)} (format parquet, compression zstd)")


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
        **_fingerprints(connection),
    }


def _fingerprints(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """A digest per cadence of all that its periods rest on: it moves when, and only when, cells were computed again.

    `up_to_date` names the cadences computed from the facts as they are now; the others wait for their own run.
    """
    found = connection.execute(
        "select table_name from duckdb_columns() where database_name = 'warehouse' and schema_name = ?"
        " and starts_with(table_name, ?) and column_name = 'period_fingerprint' order by 1",
        [SCHEMA, PART_PREFIX],
    ).fetchall()
    digests, up_to_date = {}, []
    for (name,) in found:
        cadence = name.removeprefix(PART_PREFIX)
        digest, stale = connection.execute(
            f"""
            with held as (select distinct period_start, period_fingerprint as told from {_relation(name)}),
            due as (select period_start, fingerprint from {PERIODS} where cadence = $1)
            select
                (select coalesce(sum(hash(period_start, told)), 0)::varchar from held),
                (select count(*) from due anti join held
                    on due.period_start = held.period_start and starts_with(held.told, due.fingerprint))
            """,  # noqa: S608 - our own marts
            [cadence],
        ).fetchall()[0]
        digests[cadence] = str(digest)
        if not stale:
            up_to_date.append(cadence)
    return {"fingerprints": digests, "up_to_date": up_to_date}


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


def show(connection: duckdb.DuckDBPyConnection, folder: Path, tables: Mapping[str, Any], schema: str = "main") -> None:
    """One view per mart over its files in a folder; `tables` are their manifest entries."""
    for name, entry in tables.items():
        connection.execute(f"create view {schema}.{identifier(name)} as from {union(parts.paths(folder, entry))}")


def union(paths: Sequence[Path]) -> str:
    """SQL of the rows of some files of one mart, in their order."""
    return f"read_parquet([{', '.join(map(text, paths))}])"


def text(value: Path | str) -> str:
    return "'" + str(value).replace("'", "''") + "'"
