"""Many small files of old loads become one per table. Rows, load ids and so every past state stay as they are.

Flow: `{source}/{table}/{load_id}.*.parquet` of all but the newest loads → `{load_id}.compacted-{n}.parquet`.
Belongs here: the exchange of files, which must not lose or double a row whenever the process dies. Does not: when it
happens (orchestration), and who else may read meanwhile: the caller holds the warehouse, so nobody does.

A journal beside the tables says which files replace which. It stands before the first file is exchanged and goes when
the last one was; `finish` completes what it lists, and whoever opens the lake calls it first.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import duckdb
import fsspec

from ingestion.errors import KpiloteError
from ingestion.filesystems import address, clear_parts, located
from ingestion.lake import LakePlace, committed_loads, lake_tables, let_read, quoted, source_url
from ingestion.registry import SOURCES, Table
from ingestion.settings import Settings

JOURNAL = "_compaction.json"
KEPT_LOADS = 30  # newest loads whose files stay apart: they are re-read and superseded most
LEAST_FILES = 100  # fewer small files than this are not worth an exchange
MEMORY_LIMIT = "1GB"
_MARK = ".compacted-"
_FILE = re.compile(r"/(\d+\.\d+)\.[^/]+\.parquet$")


class CompactionError(KpiloteError):
    """The new file would not say what the old ones say; nothing was exchanged."""


@dataclass(frozen=True)
class Compacted:
    """What was done to one table."""

    table: str
    files: int
    rows: int


def compact(
    settings: LakePlace, source_name: str, *, kept_loads: int = KEPT_LOADS, least_files: int = LEAST_FILES
) -> list[Compacted]:
    """Compact every table of a source that has at least `least_files` files of loads older than the newest ones."""
    finish(settings, source_name)
    filesystem, root = located(source_url(settings, source_name))
    clear_parts(filesystem, root)
    done, exchanges = [], []
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as connection:
        connection.execute("set timezone = 'UTC'")
        let_read(connection, settings)
        committed = sorted(_committed(connection, settings, source_name), key=float)
        old = set(committed[: max(0, len(committed) - kept_loads)])
        for table in lake_tables(source_name):
            files = [path for path, load_id in _files(filesystem, root, table) if load_id in old]
            if len(files) >= least_files:
                exchange, rows = _written(connection, filesystem, f"{root}/{table.name}", files)
                exchanges.append(exchange)
                done.append(Compacted(table.full_name, len(files), rows))
    if exchanges:
        filesystem.pipe_file(f"{root}/{JOURNAL}", json.dumps(exchanges).encode())
        finish(settings, source_name)
    return done


def compact_all(settings: Settings, report: Callable[[Compacted], None] = lambda _: None) -> list[Compacted]:
    """Compact every source; a pull of a source that is running is waited for, and pulls wait in turn."""
    from ingestion.pipeline import alone

    done = []
    for name in SOURCES:
        with alone(settings, name):
            compacted = compact(settings, name)
        for each in compacted:
            report(each)
        done += compacted
    return done


def finish(settings: LakePlace, source_name: str) -> None:
    """Complete an exchange that was interrupted; without one there is nothing to do."""
    filesystem, root = located(source_url(settings, source_name))
    journal = f"{root}/{JOURNAL}"
    if not filesystem.exists(journal):
        return
    for exchange in json.loads(filesystem.cat_file(journal)):
        if filesystem.exists(exchange["draft"]):
            filesystem.mv(exchange["draft"], exchange["target"])
        for path in exchange["replaced"]:
            if filesystem.exists(path):
                filesystem.rm_file(path)
    filesystem.rm_file(journal)


def _committed(connection: duckdb.DuckDBPyConnection, settings: LakePlace, source_name: str) -> list[str]:
    return [load_id for (load_id,) in connection.execute(committed_loads(settings, source_name)).fetchall()]


def _files(filesystem: fsspec.AbstractFileSystem, root: str, table: Table) -> Iterator[tuple[str, str]]:
    """Data files of a table with the load each belongs to, in the order of the loads; contract files are none."""
    found = []
    for path in filesystem.glob(f"{root}/{table.name}/*.parquet"):
        match = _FILE.search(path)
        if match and _MARK not in path:
            found.append((path, match[1]))
    yield from sorted(found, key=lambda each: (float(each[1]), each[0]))


def _written(
    connection: duckdb.DuckDBPyConnection, filesystem: fsspec.AbstractFileSystem, folder: str, files: list[str]
) -> tuple[dict[str, object], int]:
    """Write the new file under a name no reader looks at, and compare it with the old ones."""
    before = sorted(filesystem.glob(f"{folder}/*{_MARK}*.parquet"))
    sources = [*before, *files]
    newest = files[-1].rpartition("/")[2].rsplit(".", 2)[0]
    target = f"{folder}/{newest}{_MARK}{len(before) + 1}.parquet"
    draft = f"{folder}/.{newest}{_MARK}part"
    query = "from read_parquet($1, union_by_name = true)"
    connection.execute("set preserve_insertion_order = true")
    old, new = [address(filesystem, path) for path in sources], address(filesystem, draft)
    connection.execute(f"copy ({query}) to {quoted(new)} (format parquet, compression zstd)", [old])
    # Every value of every row as text: order and files aside, both sides must come to the same.
    rows = f"select columns(*)::varchar {query}"
    check = f"select count(*), bit_xor(hash(rows)), sum(hash(rows)) from ({rows}) as rows"  # noqa: S608 - constants
    said, says = (connection.execute(check, [paths]).fetchone() for paths in (old, [new]))
    if said != says or says is None:
        filesystem.rm_file(draft)
        raise CompactionError(
            f"{target}: {says} is not what its {len(sources)} files say ({said}); they stay as they are"
        )
    return {"draft": draft, "target": target, "replaced": sources}, int(says[0])
