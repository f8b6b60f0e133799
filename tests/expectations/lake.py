"""A tiny lake for the raw gate: rows made from the registry's declarations, written as loads would be.

Every table gets valid rows on every day of `DAYS`, so that each expectation has something to hold on to; tests then
spoil what they want to see caught.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from expectations.raw import OPEN_VOCABULARIES, ORDINALS, REPORTS, VOCABULARIES
from ingestion.lake import prepare
from ingestion.registry import LOAD_ID, SOURCES, Table, bookkeeping, source
from ingestion.settings import Settings

FIRST, LAST = dt.date(2026, 1, 5), dt.date(2026, 3, 1)  # a Monday to a Sunday
DAYS = [FIRST + dt.timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
ROWS_A_DAY = 24
# Where email platforms count a campaign's recipients: valid rows of recipients are one per campaign.
RECIPIENTS = {(reports, sent) for reports, sent, _ in REPORTS.values()}
API_WINDOW = (FIRST, LAST + dt.timedelta(days=1))
FILE_WINDOW = (dt.date(1900, 1, 1), dt.date(9999, 12, 31))
Row = dict[str, Any]


def settings_in(home: Path, *sources: str) -> Settings:
    """Settings of a home of its own; every source is on unless some are named."""
    return Settings(home=home, _env_file=None, sources=",".join(sources or SOURCES))


def valid_rows(table: Table, days: Sequence[dt.date] = DAYS, per_day: int = ROWS_A_DAY) -> list[Row]:
    """`per_day` rows for each day, every key different; one a day where the day is the key."""
    per_day = 1 if table.key == (table.day_column,) else per_day
    return [valid_row(table, day, number) for day in days for number in range(per_day)]


def valid_row(table: Table, day: dt.date, number: int = 0) -> Row:
    """One row that every expectation accepts; `number` tells it from the others of its day."""
    unique = f"{day:%y%m%d}{number:03d}"
    values: Mapping[str, Any] = {
        "integer": 2000 + number,
        "double": 0.5,
        "decimal": Decimal("12.34"),
        "boolean": False,
        "date": day,
        "timestamp": dt.datetime.combine(day, dt.time(12), dt.UTC) + dt.timedelta(seconds=number),
        "strings": [unique],
    }
    row = {name: values[kind] if kind in values else _text(table, name, unique) for name, kind in _free(table)}
    if table.full_name == "spreadsheets.fx_rates" and number > 0:
        row["currency"] = f"X{chr(65 + number)}X"
    return {**_fixed(table), **row, **({table.day_column: day} if table.day_column else {})}


def _text(table: Table, name: str, unique: str) -> str:
    text = f"{name}{unique}"
    return hashlib.sha256(text.encode()).hexdigest() if name in table.personal else text


@cache
def _fixed(table: Table) -> Row:
    """Columns that hold the same in every row of a table."""
    values = {"currency": "USD"} | dict.fromkeys(ORDINALS, 0)
    values |= {name: 1 for reports, name in RECIPIENTS if reports == table.name}
    for words in (OPEN_VOCABULARIES, VOCABULARIES):
        values |= {name: min(known) for name, known in words.get(table.full_name, {}).items()}
    return {column.name: values[column.name] for column in table.columns if column.name in values}


@cache
def _free(table: Table) -> tuple[tuple[str, str], ...]:
    """The others, each with its type."""
    return tuple((column.name, column.type) for column in table.columns if column.name not in _fixed(table))


class TinyLake:
    """Loads into a lake under `home`; load ids count up, so a later load is the newer one."""

    def __init__(self, home: Path, *sources: str) -> None:
        self.settings = settings_in(home, *sources)
        self._number = 0
        prepare(self.settings)

    def drop_contracts(self, table: Table) -> None:
        """Remove a table's contract files, so that only what its loads wrote says what its columns are."""
        for path in (Path(self.settings.lake_url) / table.source / table.name).glob("_contract_*"):
            path.unlink()

    def fill(
        self,
        spoil: Mapping[str, list[Row]] | None = None,
        *,
        days: Sequence[dt.date] = DAYS[-2:],
        per_day: int = 2,
    ) -> None:
        """One load per source with valid rows of every table, few unless told; `spoil` replaces a table's rows."""
        for name in self.settings.sources:
            rows = {
                each.name: (spoil or {}).get(each.full_name, valid_rows(each, days, per_day))
                for each in source(name).tables.values()
            }
            self.load(name, rows)

    def load(
        self,
        source_name: str,
        rows: Mapping[str, Sequence[Row]],
        *,
        windows: Mapping[str, tuple[dt.date, dt.date]] | None = None,
        quarantine: Sequence[Row] = (),
        lost: int = 0,
        commit: bool = True,
    ) -> str:
        """Write one load; a window per table it names unless `windows` says otherwise. Returns the load id.

        `lost` rows of each table were received, says the load, and are nowhere.
        """
        self._number += 1
        load_id = f"{1_772_000_000 + 1000 * self._number}.25"
        declared = source(source_name)
        covered = windows if windows is not None else {table: self.window(source_name) for table in rows}
        books = bookkeeping(source_name)
        pulled_at = dt.datetime.combine(LAST + dt.timedelta(days=1), dt.time(6), dt.UTC)
        entries = [
            {"table_name": table, "window_start": start, "window_end": end, "pulled_at": pulled_at}
            for table, (start, end) in covered.items()
        ]
        refused = [{"received_at": pulled_at, "value_type": "string(3)", **row} for row in quarantine]
        named = dict.fromkeys((*rows, *covered))
        accounts = [self._account(table, rows.get(table, ()), refused, lost) for table in named]
        written = [(declared.tables[table], each) for table, each in rows.items()]
        for table, each in (*written, *zip(books, (entries, refused, accounts), strict=True)):
            if each:
                self.write(table, each, load_id)
        if commit:
            folder = Path(self.settings.lake_url) / source_name / "_dlt_loads"
            (folder / f"{source_name}__{load_id}.jsonl").write_text(f'{{"load_id": "{load_id}", "status": 0}}\n')
        return load_id

    def write(self, table: Table, rows: Sequence[Row], load_id: str, schema: pa.Schema | None = None) -> None:
        """One Parquet file of a table, also with another schema than the declared one."""
        built = pa.Table.from_pylist(list(rows), schema=schema or table.arrow_schema())
        built = built.append_column(LOAD_ID.name, pa.array([load_id] * len(rows)))
        pq.write_table(built, Path(self.settings.lake_url) / table.source / table.name / f"{load_id}.0.parquet")

    @staticmethod
    def _account(table: str, rows: Sequence[Row], refused: Sequence[Row], lost: int) -> Row:
        quarantined = sum(each["table_name"] == table for each in refused)
        return {
            "table_name": table,
            "stream": "all",
            "rows_received": len(rows) + quarantined + lost,
            "rows_accepted": len(rows) + lost,
            "rows_quarantined": quarantined,
            "received_at": dt.datetime.combine(LAST, dt.time(6), dt.UTC),
        }

    @staticmethod
    def window(source_name: str) -> tuple[dt.date, dt.date]:
        return API_WINDOW if source(source_name).is_api else FILE_WINDOW
