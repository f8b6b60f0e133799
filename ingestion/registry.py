"""The registry: every source with its lake tables. Assets, base gates, contract files and parametrised tests derive
from it.

Belongs here: the list of sources. A source's tables (columns, kinds, keys, meaning) are declared in
`tables/<source>.py`; how they are pulled is `sources/<source>.py`. Every lake table also carries `_dlt_load_id`,
the load that wrote the row; every source also has `_windows` (what each load covered), `_quarantine` (rows
refused, with the reason) and `_received` (how many rows each load received).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ingestion.errors import SettingsError
from ingestion.tables import brevo, ga4, hubspot, klaviyo, mailchimp, matomo, pipedrive, salesforce, spreadsheets
from ingestion.tables.model import Column, Kind, Source, Table

__all__ = [
    "LOAD_ID",
    "SOURCES",
    "Column",
    "Kind",
    "Source",
    "Table",
    "apis",
    "bookkeeping",
    "source",
    "table",
    "tables",
]

LOAD_ID = Column("_dlt_load_id", "string", "Load that wrote the row; it counts only once _dlt_loads knows it.")

SOURCES: dict[str, Source] = {
    each.name: each
    for each in (
        hubspot.SOURCE, salesforce.SOURCE, pipedrive.SOURCE,
        ga4.SOURCE, matomo.SOURCE,
        mailchimp.SOURCE, brevo.SOURCE, klaviyo.SOURCE,
        spreadsheets.SOURCE,
    )
}  # fmt: skip


def source(name: str) -> Source:
    """The source of that name, or an error listing those known."""
    if name not in SOURCES:
        raise SettingsError(f"no source named {name!r} (KPILOTE_SOURCES): known are {', '.join(SOURCES)}")
    return SOURCES[name]


def apis(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the named sources that are vendors' APIs; the files people keep are none."""
    return tuple(name for name in names if source(name).is_api)


def table(full_name: str) -> Table:
    """The table named `source.table`."""
    source_name, _, name = full_name.partition(".")
    return source(source_name).tables[name]


def tables(names: tuple[str, ...] | None = None) -> Iterator[Table]:
    """Every declared table, of all sources or of those named."""
    for name in names if names is not None else tuple(SOURCES):
        yield from source(name).tables.values()


class Books(NamedTuple):
    """The bookkeeping tables of a source."""

    windows: Table
    quarantine: Table
    received: Table


def bookkeeping(source_name: str) -> Books:
    """What a source's loads say about themselves, written in the same package as the rows they speak of."""
    windows = Table(
        source=source_name,
        name="_windows",
        kind="record",
        key=("table_name", "window_start", "window_end", "pulled_at"),
        description="What each load covered: for window tables the whole days replaced, also where nothing was found.",
        columns=(
            Column("table_name", "string", "Lake table.", nullable=False),
            Column("window_start", "date", "First day covered.", nullable=False),
            Column("window_end", "date", "Day after the last one covered.", nullable=False),
            Column("pulled_at", "timestamp", "When the pull began.", nullable=False),
        ),
    )
    quarantine = Table(
        source=source_name,
        name="_quarantine",
        kind="record",
        key=("table_name", "row_number", "received_at"),
        description="Rows that could not be parsed, with the reason; no raw value where it may be personal.",
        columns=(
            Column("table_name", "string", "Lake table the row was meant for.", nullable=False),
            Column(
                "row_number",
                "integer",
                "Position of the row in what the pull received for the table, from 1.",
                nullable=False,
            ),
            Column("column_name", "string", "First column that could not be parsed."),
            Column("value_type", "string", "JSON type and length of the value, e.g. string(12)."),
            Column("reason", "string", "Why the row was refused and what to mend.", nullable=False),
            Column("received_at", "timestamp", "When the pull began.", nullable=False),
        ),
    )
    received = Table(
        source=source_name,
        name="_received",
        kind="record",
        key=("table_name", "stream", "received_at"),
        description="Rows each load received for a table, by stream: what the lake must hold of that load.",
        columns=(
            Column("table_name", "string", "Lake table.", nullable=False),
            Column("stream", "string", "Stream of the connector that read the rows.", nullable=False),
            Column("rows_received", "integer", "Rows as they came, counted before any was looked at.", nullable=False),
            Column("rows_accepted", "integer", "Of these, rows written to the table.", nullable=False),
            Column("rows_quarantined", "integer", "Of these, rows written to `_quarantine`.", nullable=False),
            Column("rows_suppressed", "integer", "Of these, rows of erased people, turned away.", nullable=False),
            Column("received_at", "timestamp", "When the pull began.", nullable=False),
        ),
    )
    return Books(windows, quarantine, received)
