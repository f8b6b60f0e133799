"""The very same vendor pages in three ways: as Kpilote pulls them, at the least a pull can cost, and by plain dlt.

Flow: a pull by `ours` → what the imaginary vendors say they were asked → `floor` and `plain` ask it again, through the
HTTP client the connectors use, as many requests at once. Belongs here: the three ways. Does not: figures
(`ingestion.py`).

What each does:
- `ours`: `lake.pull` (of one stream where one is named): pages checked against each other and asked for again where
  they do not belong together, addresses hashed or cut out, declared types, quarantine, each row once, rows counted at
  the door, windows, cursors, and a load that counts as a whole or not at all. Waits for exports and jobs are its own.
- `floor`: each answer is decoded once, its rows become Arrow by pyarrow's own inference and one Parquet file per
  FILE_ROWS of them, of the codec ours has, with the settings that make ours quick (garbage collection, proxies looked
  up once). Nothing else: names, phones and addresses stand in the file.
- `plain`: the same dicts yielded to dlt, which infers the schema, puts nested lists into tables of their own and writes
  Parquet. Nothing is hashed either.
"""

from __future__ import annotations

import datetime as dt
import gc
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dlt
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from dlt.sources.helpers.requests import Client

from ingestion import lake, pipeline
from ingestion.http import surroundings
from ingestion.pacing import concurrently
from ingestion.registry import source as registered
from ingestion.settings import settings
from ingestion.streams import Connector, Context

# As many as the connectors have at work.
WORKERS = 4
FILE_ROWS = 50_000
CODEC = "snappy"
CSV = "text/csv"
FILE = "FILE"
# An id within a path: what tells two pages of one endpoint apart.
_ID = re.compile(r"/[^/]*\d[^/]*")


@dataclass(frozen=True)
class Page:
    """A request as a vendor received it, or a file (method FILE) that lies where the vendor exports it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


def ours(source: str, stream: str | None, first: dt.date, end: dt.date) -> int:
    """Pull a source, or one of its streams; rows are those the lake accepted."""
    connector = import_module(f"ingestion.sources.{source}")

    def connect(context: Context) -> Connector:
        whole: Connector = connector.connect(context)
        return whole if stream is None else replace(whole, streams={stream: whole.streams[stream]})

    lake.prepare(settings(), (source,))
    _, tally = pipeline.load(
        registered(source), connect, settings(), (first, end), report=lambda *_: None, notice=lambda _: None
    )
    return sum(tally.accepted.values())


def floor(pages: Sequence[Page], folder: str) -> int:
    """Read the pages, write their rows; returns how many."""
    gc.set_threshold(pipeline.COLLECT_AFTER)
    waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)
    written = 0

    def write(name: str, rows: pa.Table) -> int:
        pq.write_table(rows, Path(folder) / f"{name}.{written}.parquet", compression=CODEC)
        return rows.num_rows

    for name, rows in _answers(pages):
        if isinstance(rows, pa.Table):
            written += write(name, rows)
            continue
        waiting[name] += rows
        if len(waiting[name]) >= FILE_ROWS:
            written += write(name, _inferred(waiting.pop(name)))
    return written + sum(write(name, _inferred(rows)) for name, rows in waiting.items())


def plain(pages: Sequence[Page], folder: str) -> int:
    """The pages through dlt's own normaliser into Parquet; returns the rows yielded to it."""
    yielded = 0

    @dlt.resource(name="pages")
    def rows_of_pages() -> Iterator[Any]:
        nonlocal yielded
        for name, rows in _answers(pages):
            found = rows.to_pylist() if isinstance(rows, pa.Table) else rows
            yielded += len(found)
            yield dlt.mark.with_table_name(found, name)

    place = dlt.destinations.filesystem(bucket_url=f"file://{folder}/lake")
    dlt.pipeline("plain", pipelines_dir=folder, destination=place, dataset_name="plain").run(
        rows_of_pages(), loader_file_format="parquet"
    )
    return yielded


def _answers(pages: Sequence[Page]) -> Iterator[tuple[str, list[dict[str, Any]] | pa.Table]]:
    """Rows of every page by a name of their kind, in the order of the pages."""
    asked = [page for page in pages if page.method != FILE]
    client = Client(raise_for_status=False, session_attrs=surroundings(asked[0].url) if asked else None)

    def answer(page: Page) -> list[tuple[str, list[dict[str, Any]] | pa.Table]]:
        name = _ID.sub("", urlsplit(page.url).path).strip("/").replace("/", "_")
        if page.method == FILE:
            return [(name, pq.read_table(page.url))]
        found = client.request(page.method, page.url, headers=page.headers, data=page.body or None)
        if not found.ok:
            raise RuntimeError(f"{page.method} {page.url} answered {found.status_code}")
        if found.headers.get("Content-Type", "").startswith(CSV):
            return [(name, pyarrow.csv.read_csv(io.BytesIO(found.content)))] if found.content.strip() else []
        body = orjson.loads(found.content)
        lists = {"rows": body} if isinstance(body, list) else {k: v for k, v in body.items() if isinstance(v, list)}
        # Answers of several kinds come from one path where a query says what is asked for.
        return [(f"{name}_{member}_{len(rows[0])}", rows) for member, rows in lists.items() if rows and _are_rows(rows)]

    for found in concurrently(answer, pages, WORKERS):
        yield from found


def _are_rows(rows: list[Any]) -> bool:
    return isinstance(rows[0], dict)


def _inferred(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as pyarrow understands them, without objects that are always empty: Parquet knows no such type."""
    return pa.Table.from_struct_array(pa.array(rows, _without_empty(pa.infer_type(rows))))


def _without_empty(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_without_empty(kind.value_type))
    if pa.types.is_struct(kind):
        fields = [(each.name, _without_empty(each.type)) for each in kind]
        return pa.struct([(name, of) for name, of in fields if not (pa.types.is_struct(of) and not of.num_fields)])
    return kind
