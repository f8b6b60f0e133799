"""GA4's BigQuery export: `events_YYYYMMDD.{parquet,json}` files of any fsspec folder → `events`, flattened by
DuckDB.

Login ids are hashed and addresses cut out of URLs before a row leaves this module; DuckDB may not spill to disk.
Intraday files are ignored: they lack settled attribution and vanish. Days are processed some files at a time, so
memory does not grow with the window.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import duckdb
import fsspec
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.arrivals import click_id, host
from ingestion.errors import SourceError, TypeChangedError
from ingestion.filesystems import address, is_local, located
from ingestion.privacy import ADDRESS, REMOVED, Hasher, without_secrets
from ingestion.rows import Refusal
from ingestion.streams import Context, Rows, Stream, Window
from ingestion.tables.ga4 import EVENTS

# `events_20260301.parquet`, shards `events_20260301_000000000001.parquet`, JSON lines, also compressed; not intraday.
_FILE = re.compile(r"events_(\d{8})(?:[_.-][^/]*)?\.(parquet|json|jsonl|ndjson)(?:\.gz)?$")
BATCH_BYTES = 60_000_000
BATCH_DAYS = 60
MEMORY_LIMIT = "600MB"

_VALUE = "struct(string_value varchar, int_value bigint, float_value double, double_value double)"
# The columns read, as DuckDB types; an export may lack those with a null fallback.
COLUMNS = {
    "event_date": "varchar",
    "event_timestamp": "bigint",
    "event_name": "varchar",
    "user_pseudo_id": "varchar",
    "user_id": "varchar",
    "event_params": f"struct(key varchar, value {_VALUE})[]",
    "collected_traffic_source": (
        "struct(manual_source varchar, manual_medium varchar, manual_campaign_name varchar, manual_content varchar)"
    ),
    "session_traffic_source_last_click": (
        "struct(manual_campaign struct(source varchar, medium varchar, campaign_name varchar, content varchar))"
    ),
    "geo": "struct(country varchar)",
    "device": "struct(category varchar)",
    "ecommerce": "struct(transaction_id varchar)",
}
_REQUIRED = ("event_date", "event_timestamp", "event_name", "user_pseudo_id", "event_params")


def events(context: Context, url: str, start: dt.date) -> Stream:
    """The events of every day of the window; it begins with the oldest file and ends with the newest, since a day
    without its file is not known.
    """
    filesystem, files = _files(url)
    wanted = {day: paths for day, paths in files.items() if start <= day < context.end}
    connection = duckdb.connect(config={"temp_directory": "", "memory_limit": MEMORY_LIMIT})
    connection.execute("set timezone = 'UTC'")
    if not is_local(filesystem):
        connection.register_filesystem(filesystem)
    for paths in _batches(filesystem, wanted):
        yield _flatten(connection, paths, context.hasher)
    if files:
        first, end = max(start, min(files)), min(context.end, max(files) + dt.timedelta(days=1))
        if first < end:
            yield Window("events", first, end)


def days(url: str) -> list[dt.date]:
    """Days that have an export file."""
    return sorted(_files(url)[1])


def _files(url: str) -> tuple[fsspec.AbstractFileSystem, dict[dt.date, list[str]]]:
    """Every daily export file under the folder, by day."""
    filesystem, root = located(url)
    try:
        paths = filesystem.find(root)
    except (OSError, ValueError) as error:
        where = without_secrets(url)
        raise SourceError(
            "ga4", f"SOURCES__GA4__EXPORT_URL cannot be listed ({type(error).__name__}): {where}"
        ) from None
    if not paths and not filesystem.exists(root):
        raise SourceError("ga4", f"SOURCES__GA4__EXPORT_URL does not exist: {without_secrets(url)}")
    found: dict[dt.date, list[str]] = {}
    for path in sorted(paths):
        if match := _FILE.search(path):
            day = dt.datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=dt.UTC).date()
            found.setdefault(day, []).append(path)
    return filesystem, found


def _batches(
    filesystem: fsspec.AbstractFileSystem, files: Mapping[dt.date, list[str]]
) -> Iterator[list[tuple[dt.date, str]]]:
    """Files of whole days, in batches of bounded size."""
    batch: list[tuple[dt.date, str]] = []
    size = days = 0
    for day in sorted(files):
        bytes_of_day = sum(filesystem.size(path) or 0 for path in files[day])
        if batch and (size + bytes_of_day > BATCH_BYTES or days >= BATCH_DAYS):
            yield batch
            batch, size, days = [], 0, 0
        batch += [(day, address(filesystem, path)) for path in files[day]]
        size, days = size + bytes_of_day, days + 1
    if batch:
        yield batch


def _flatten(connection: duckdb.DuckDBPyConnection, files: list[tuple[dt.date, str]], hasher: Hasher) -> Rows:
    """One batch of files as an Arrow table of the declared columns, with the rows that could not be placed refused."""
    try:
        scan = " union all by name ".join(_scans(connection, [path for _, path in files]))
        raw = connection.sql(_query(scan)).to_arrow_table()
    except duckdb.Error as error:
        first, last = files[0][0], files[-1][0]
        # DuckDB's own words repeat the value, which may hold an address.
        line = re.search(r"\bline:? (\d+)", str(error))
        where = f", line {line[1]} of a file" if line else ""
        raise SourceError(
            "ga4",
            f"the export of {first} to {last} cannot be read ({type(error).__name__}{where}): nothing was loaded; have"
            " Google export these days again",
        ) from None
    referrer, page = (_of_each(raw.column(name), host) for name in ("page_referrer", "page_location"))
    # Within a site one page leads to the next.
    is_within = pc.fill_null(pc.equal(referrer, page), pa.scalar(False))
    arrived = pc.if_else(is_within, pa.scalar(None, pa.string()), referrer)
    raw = (
        raw.append_column("user_id_hash", _of_each(raw.column("user_id"), hasher.identifier))
        .append_column("referrer_host", arrived)
        .append_column("click_id", _of_each(raw.column("page_location"), click_id))
    )
    faults = raw.column("fault")
    refused = [
        Refusal(index, column, "unknown", f"{column} is empty or not of its form")
        for index, column in enumerate(faults.to_pylist() if faults.null_count < len(faults) else [])
        if column is not None
    ]
    accepted = raw.filter(pc.is_null(faults)) if refused else raw
    built = accepted.select(EVENTS.arrow_schema().names).cast(EVENTS.arrow_schema())
    return Rows("events", built, refused, received=raw.num_rows)


def _scans(connection: duckdb.DuckDBPyConnection, paths: list[str]) -> Iterator[str]:
    """A query per file format that yields COLUMNS; a column of another type than declared fails the load."""
    parquet = [path for path in paths if path.endswith(".parquet")]
    lines = [path for path in paths if not path.endswith(".parquet")]
    if parquet:
        scan = f"read_parquet({_list(parquet)}, union_by_name = true)"
        found = {name: kind for name, kind, *_ in connection.sql(f"describe from {scan}").fetchall()}
        for name in COLUMNS:
            _check_column(name, found.get(name))
        columns = ", ".join(name if name in found else f"null::{kind} as {name}" for name, kind in COLUMNS.items())
        yield f"select {columns} from {scan}"  # noqa: S608 - quoted paths and constants
    if lines:
        declared = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
        yield f"from read_json({_list(lines)}, format = 'newline_delimited', columns = {{{declared}}})"


def _list(paths: list[str]) -> str:
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in paths) + "]"


def _check_column(name: str, found: Any) -> None:
    if found is None:
        if name in _REQUIRED:
            raise SourceError("ga4", f"the export has no column {name}: is it GA4's BigQuery export?")
        return
    declared = COLUMNS[name]
    family = str(found).split("(")[0].lower()
    if family != declared.split("(")[0]:
        raise TypeChangedError(
            "ga4",
            f"the type of the export's {name} changed: declared {declared.split('(')[0]}, received {family};"
            " nothing was loaded",
        )


def _parameter(key: str, *kinds: str) -> str:
    """SQL for an event parameter, in the first of the value kinds that holds it."""
    value = f"list_extract(list_filter(event_params, lambda p: p.key = '{key}'), 1).value"
    return f"coalesce({', '.join(f'{value}.{kind}' for kind in kinds)})"


def _traffic(part: str, campaign_part: str) -> str:
    """SQL for the session's last click, else what this event collected."""
    return (
        f"{_clean(f'session_traffic_source_last_click.manual_campaign.{part}')},"
        f" {_clean(f'collected_traffic_source.{campaign_part}')}"
    )


def _clean(text: str) -> str:
    """SQL for a text without addresses."""
    return f"regexp_replace({text}, '{ADDRESS}', '{REMOVED}', 'g')"


def _query(scan: str) -> str:
    number = _parameter("engagement_time_msec", "int_value")
    amount = _parameter("value", "double_value", "float_value", "int_value")
    engaged = "list_extract(list_filter(event_params, lambda p: p.key = 'session_engaged'), 1).value"
    return f"""
        with flat as (
            select
                try_strptime(event_date, '%Y%m%d')::date as event_date,
                make_timestamp(event_timestamp) as event_timestamp,
                event_name,
                user_pseudo_id as client_id,
                user_id,
                {_parameter("ga_session_id", "int_value")} as session_id,
                coalesce({engaged}.string_value, {engaged}.int_value::varchar) = '1' as session_engaged,
                {number} as engagement_ms,
                {_clean(_parameter("page_location", "string_value"))} as page_location,
                {_parameter("page_referrer", "string_value")} as page_referrer,
                coalesce({_traffic("source", "manual_source")}) as source,
                coalesce({_traffic("medium", "manual_medium")}) as medium,
                coalesce({_traffic("campaign_name", "manual_campaign_name")}) as campaign,
                coalesce({_traffic("content", "manual_content")}) as content,
                geo.country as country,
                device.category as device,
                coalesce({_parameter("transaction_id", "string_value")}, ecommerce.transaction_id) as transaction_id,
                try_cast({amount} as decimal(18, 2)) as value,
                {_parameter("currency", "string_value")} as currency
            from ({scan})
        )

        select
            *,
            row_number() over (
                partition by event_date, client_id, event_timestamp, event_name
                order by
                    session_id, page_location, source, medium, campaign, transaction_id, value, engagement_ms, content
            ) - 1 as event_ordinal,
            case
                when event_date is null then 'event_date'
                when event_timestamp is null then 'event_timestamp'
                when event_name is null then 'event_name'
            end as fault
        from flat
    """  # noqa: S608 - the texts spliced in are constants of this module


def _of_each(column: "pa.ChunkedArray[Any]", make: Callable[[str], str | None]) -> "pa.Array[Any]":
    """What is made of a column's texts, of each distinct one once: a day's events stand on few pages."""
    encoded = column.combine_chunks().dictionary_encode()
    made = [None if text is None else make(text) for text in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(made, pa.string())).cast(pa.string())
