"""Erasing a person from the lake: every identifier becomes a random one, in every file that holds it.

Flow: `{identifier: surrogate}` → `{lake}/{source}/{table}/*.parquet` rewritten one by one, each in one step → cursors
in dlt's state without the person → dlt's working folders gone. Rows, days and load ids stay, so that everything counted
stays counted; nothing leads from a surrogate to the person, because it was drawn and the drawing is forgotten. Belongs
here: the lake's files. Does not: who the person is (`identity.py`), nor what was built from the lake.
"""

import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion import identifiers, lake
from ingestion.compaction import finish
from ingestion.errors import KpiloteError
from ingestion.filesystems import clear_parts, located
from ingestion.people import TELLTALE, Node
from ingestion.registry import SOURCES, Table, tables
from ingestion.settings import Settings
from ingestion.tables.model import Identifier, IdentifierKind

# kind → identifier → surrogate, both as known outside the lake. A deal or a meeting is nobody's: it is its own.
Surrogates = Mapping[str, Mapping[str, str]]
# Called with (files looked at, files in all).
Progress = Callable[[int, int], None]
STATE_TABLE = "_dlt_pipeline_state"


class UnfinishedError(KpiloteError):
    """An erasure was interrupted: nothing may be read or built until it is finished."""


def refuse_while_unfinished(settings: Settings) -> None:
    """Fail while a person is half erased: a pull or a build would mix what is left of them with their surrogates."""
    if settings.erasure_journal.exists():
        raise UnfinishedError("an erasure was interrupted and must be finished first: `kpilote erase --resume`")


def surrogates(nodes: Iterable[Node]) -> dict[str, dict[str, str]]:
    """A new random surrogate for every identifier of a person."""
    drawn: dict[str, dict[str, str]] = {}
    for kind, value in sorted(nodes):
        source = value.partition(":")[0]
        surrogate = identifiers.known_as(source, kind, identifiers.SURROGATE + secrets.token_hex(16))
        drawn.setdefault(kind, {})[value] = value if kind in TELLTALE else surrogate
    return drawn


def rewrite(settings: Settings, drawn: Surrogates, progress: Progress) -> None:
    """Replace the identifiers in the lake. Done again after an interruption, it goes on with the files still to do.

    First of all what killed pulls and compactions left there is put right: no reader looks at it, whoever takes the
    disk may. The caller holds every source's lock.
    """
    for name in lake.held_sources(settings):
        finish(settings, name)
        clear_parts(*located(lake.source_url(settings, name)))
    todo = [(each, *file) for each in tables() if each.identifiers for file in _files(settings, each)]
    for number, (each, filesystem, path) in enumerate(todo, start=1):
        _rewrite_file(filesystem, path, each, drawn)
        progress(number, len(todo))
    for name in SOURCES:
        _rewrite_states(settings, name, drawn)
        # Made anew from the lake by the next pull; packages in it hold rows as they came.
        for folder in settings.dlt_dir.glob(f"kpilote_{name}*"):
            shutil.rmtree(folder)


def _files(settings: Settings, each: Table) -> Iterator[tuple[fsspec.AbstractFileSystem, str]]:
    filesystem, glob = located(lake.table_glob(settings, each))
    for path in sorted(filesystem.glob(glob)):
        yield filesystem, path


def _rewrite_file(filesystem: fsspec.AbstractFileSystem, path: str, table: Table, drawn: Surrogates) -> None:
    with filesystem.open(path, "rb") as source:
        file = pq.ParquetFile(source)
        present = set(file.schema_arrow.names)
        columns = [name for name in identifiers.needed(table) if name in present]
        known = tuple(each for each in table.identifiers if {each.column, *(each.where or ())[:1]} <= present)
        holds = partial(_holds, drawn)
        mask = identifiers.holding(file.read(columns), table, known, holds)
        if not pa.compute.any(mask).as_py():
            return
        rows = file.read()
        codec: Any = file.metadata.row_group(0).column(0).compression.lower()
    changed = _changed(rows, table, known, drawn)
    if not changed.equals(rows):
        sink = pa.BufferOutputStream()
        pq.write_table(changed, sink, compression="none" if codec == "uncompressed" else codec)
        filesystem.pipe_file(path, sink.getvalue().to_pybytes())


def _changed(rows: pa.Table, table: Table, known: tuple[Identifier, ...], drawn: Surrogates) -> pa.Table:
    holds = partial(_holds, drawn)
    own = identifiers.holding(rows, table, tuple(each for each in known if each.role == "subject"), holds)
    named = identifiers.holding(rows, table, tuple(each for each in known if each.role == "text"), holds)
    rows = identifiers.without_texts(rows, table, pa.compute.or_(own, named))
    for each in known:
        if each.role == "link" and not pa.types.is_list(rows.schema.field(each.column).type):
            # What a row of the person says of somebody else's browser.
            foreign = identifiers.replaced(rows, each, partial(_surrogate, drawn, table, each))
            column = pa.compute.if_else(own, foreign.column(each.column), rows.column(each.column))
            rows = rows.set_column(rows.schema.get_field_index(each.column), rows.schema.field(each.column), column)
        rows = identifiers.replaced(
            rows,
            each,
            lambda value, each=each: _surrogate(drawn, table, each, value) or value,  # type: ignore[misc]
        )
    return rows


def _holds(drawn: Surrogates, kind: IdentifierKind, value: str) -> bool:
    return value in drawn.get(kind, {})


def _surrogate(drawn: Surrogates, table: Table, each: Identifier, value: str) -> str | None:
    """What a value of a table becomes; None where it is nobody's who is erased."""
    found = drawn.get(each.kind, {}).get(identifiers.known_as(table.source, each.kind, value))
    return found.removeprefix(identifiers.known_as(table.source, each.kind, "")) if found else None


def _rewrite_states(settings: Settings, source: str, drawn: Surrogates) -> None:
    """Cursors remember the ids of the records they read last: without those of the person."""
    from dlt.common.versioned_state import compress_state, decompress_state
    from dlt.pipeline.state_sync import generate_pipeline_state_version_hash

    gone = {
        value.removeprefix(f"{source}:") for kind in ("contact", "recipient", "hash") for value in drawn.get(kind, {})
    }
    filesystem, root = located(f"{lake.source_url(settings, source)}/{STATE_TABLE}")
    for path in sorted(filesystem.glob(f"{root}/*.jsonl")):
        record = json.loads(filesystem.cat_file(path) or b"{}")
        if not record:
            continue
        state: Any = decompress_state(record["state"])
        kept = _without(state, gone)
        if kept != state:
            kept["_version_hash"] = record["version_hash"] = generate_pipeline_state_version_hash(kept)
            filesystem.pipe_file(path, json.dumps({**record, "state": compress_state(kept)}).encode())


def _without(state: Any, gone: set[str]) -> Any:
    if isinstance(state, dict):
        return {key: _without(value, gone) for key, value in state.items() if key not in gone}
    return state
