"""Erasing a person from what was built: marts in the warehouse and in every release that is kept.

Flow: `{identifier: surrogate}` → a new warehouse file of the marts, then every release written anew under its own id.
Staging and intermediate are left out of the new warehouse: the next run builds them from the lake, which was rewritten
before. A file is always written whole beside the old one and takes its place in one step, since DuckDB leaves changed
rows readable in its free blocks. Aggregates hold nobody and stay as they are, and so do all numbers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from serving import database, files, folder, marts, parts
from serving.folder import Release
from serving.release import ReleaseSettings, amend

# Layers that follow from the lake alone.
DERIVED = ("staging", "intermediate")
# Kinds long enough to be found inside the ids that models put together (touch_id, event_id, session_key …).
LONG = ("hash", "client")
# Columns whose whole value is an identifier, be it as short as a number: of which kinds, and what may stand before it.
WHOLE: Mapping[str, tuple[Sequence[str], str]] = {
    "person_id": (("contact", "client"), "(?:browser:)?"),
    "told_by": (("contact",), ""),
    "identifier": (("contact", *LONG), ""),
    "conversion_id": (("contact", "order"), "(?:lead|mql|order:ga4|order:matomo):"),
    "order_id": (("order",), "(?:ga4|matomo):"),
}
BATCH_ROWS = 100_000
RENAMED = "memory.main.renamed"


@dataclass(frozen=True)
class Renaming:
    """Which identifiers of a person become which surrogates, in columns of any mart."""

    surrogates: Mapping[str, Mapping[str, str]]

    def pattern(self, column: str) -> "re.Pattern[str] | None":
        """What to look for in a column."""
        if column in WHOLE:
            kinds, before = WHOLE[column]
            return self._anywhere(f"^{before}", kinds, "$")
        return self._within

    @cached_property
    def _within(self) -> "re.Pattern[str] | None":
        return self._anywhere("(?:^|[^0-9A-Za-z])", LONG, "(?:[^0-9A-Za-z]|$)")

    def _anywhere(self, before: str, kinds: Any, after: str) -> "re.Pattern[str] | None":
        known = sorted(value for kind in kinds for value in self.surrogates.get(kind, {}))
        return re.compile(f"({before})({'|'.join(map(re.escape, known))})(?={after})") if known else None

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows with surrogates; the very same object where nothing had to change."""
        for index, field in enumerate(batch.schema):
            pattern = self.pattern(field.name)
            if pattern is None or not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
                continue
            column: Any = batch.column(index)
            # RE2 knows no look-ahead; it only says which values are worth a closer look.
            hits: Any = pc.fill_null(
                pc.match_substring_regex(column, pattern.pattern.replace("(?=", "(?:")), pa.scalar(False)
            )
            if pc.any(hits).as_py():
                values = column.to_pylist()
                rows: Any = pc.indices_nonzero(hits)
                for row in rows.to_pylist():
                    values[row] = pattern.sub(self._renamed, values[row])
                batch = batch.set_column(index, field, pa.array(values, field.type))
        return batch

    def _renamed(self, found: "re.Match[str]") -> str:
        return found[1] + next(known[found[2]] for known in self.surrogates.values() if found[2] in known)


def erase(settings: ReleaseSettings, surrogates: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Take a person out of warehouse and releases; returns the ids of the releases that were written anew."""
    renaming = Renaming(surrogates)
    rewrite_warehouse(settings.warehouse_path, renaming)
    return amend(settings, lambda release, target: _rewrite_release(release, target, renaming))


def rewrite_warehouse(path: Path, renaming: Renaming) -> None:
    """Put a new file in the warehouse's place: its marts and seeds, with surrogates."""
    if not path.exists():
        return
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with marts.memory() as connection:
        connection.execute(f"attach {marts.text(path)} as old (read_only)")
        connection.execute(f"attach {marts.text(draft)} as new")
        connection.execute("use new")
        for schema, table, create in _tables(connection):
            name = f"{marts.identifier(schema)}.{marts.identifier(table)}"
            connection.execute(f"create schema if not exists {marts.identifier(schema)}")
            connection.execute(create)
            source = RENAMED if _rename(connection, f"old.{name}", renaming) else f"old.{name}"
            connection.execute(f"insert into new.{name} from {source}")
        for create in _views(connection):
            connection.execute(create)
        connection.execute("use memory")
        connection.execute("detach new")
    draft.with_name(f"{draft.name}.wal").unlink(missing_ok=True)
    files.sync(draft)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    draft.replace(path)
    files.sync(path.parent)


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    return connection.execute(
        "select schema_name, table_name, sql from duckdb_tables() where database_name = 'old'"
        " and not list_contains($1, schema_name) order by all",
        [list(DERIVED)],
    ).fetchall()


def _views(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute(
        "select sql from duckdb_views() where database_name = 'old' and not internal"
        " and not list_contains($1, schema_name) order by view_oid",
        [list(DERIVED)],
    ).fetchall()
    return [create for (create,) in found]


def _rename(connection: duckdb.DuckDBPyConnection, source: str, renaming: Renaming) -> bool:
    """Make RENAMED the rows of a relation with surrogates; False where nothing of the person is in them."""
    texts = [name for name, kind, *_ in connection.execute(f"describe from {source}").fetchall() if kind == "VARCHAR"]
    if not texts:
        return False
    columns = ", ".join(map(marts.identifier, texts))
    # Cursors of their own: a result is read while another query takes it in.
    with connection.cursor() as looking:
        batches = looking.sql(f"select {columns} from {source}").to_arrow_reader(BATCH_ROWS)  # noqa: S608
        if not any(renaming.batch(batch) is not batch for batch in batches):
            return False
    with connection.cursor() as reading:
        rows = reading.sql(f"from {source}").to_arrow_reader(BATCH_ROWS)
        connection.register("incoming", pa.RecordBatchReader.from_batches(rows.schema, map(renaming.batch, rows)))
        connection.execute(f"create or replace table {RENAMED} as from incoming")
        connection.unregister("incoming")
    return True


def _rewrite_release(release: Release, target: Path, renaming: Renaming) -> bool:
    """Write a release anew into `target`; False where it does not hold the person."""
    tables: dict[str, Any] = {}
    changed = False
    with marts.memory() as connection:
        for name, entry in release.manifest["tables"].items():
            if _rename(connection, marts.union(parts.paths(release.path, entry)), renaming):
                tables[name], changed = marts.write_table(connection, RENAMED, name, target, release), True
            else:
                tables[name] = entry
    # A DuckDB file that goes on from an older one may hold in its free blocks what no row says any more.
    if not changed and release.manifest["database"]["is_whole"]:
        return False
    kept = {each.file for entry in tables.values() for each in parts.parts(entry)}
    kept |= {path.name for path in release.path.iterdir() if path.suffix not in {".parquet", ".duckdb", ".json"}}
    for name in sorted(kept):
        if not (target / name).exists():
            files.link(release.path / name, target / name)
    manifest = {**release.manifest, "tables": tables}
    manifest["database"] = database.write(target, manifest)
    folder.write_manifest(target, manifest)
    return True
