"""A lake with a history, for the checks that learn: one load a day for `HISTORY` days, then as many as brought nothing.

Rows are those of `lake.py`, but with words that repeat, so that columns of words are vocabularies.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from expectations import profile
from ingestion.registry import LOAD_ID, Table, bookkeeping, source, tables
from tests.expectations.lake import FILE_WINDOW, Row, TinyLake, valid_row

HISTORY = 64
END = dt.date(2026, 3, 31)  # the last day with rows, a Tuesday
DAYS = [END - dt.timedelta(days=ago) for ago in reversed(range(HISTORY))]
PULLED_AT = dt.datetime(2026, 4, 20, 6, tzinfo=dt.UTC)
# Called with a table, a day, how many days before the last one that is, and the day's rows; gives the rows it has.
Spoil = Callable[[Table, int, list[Row]], list[Row]]


def unspoilt(_: Table, __: int, rows: list[Row]) -> list[Row]:
    return rows


def usual_row(table: Table, day: dt.date, number: int) -> Row:
    """A row whose words are those of every day."""
    row = valid_row(table, day, number)
    for column in profile.wordy(table):
        if column.type == "string" and str(row[column.name]).startswith(column.name):
            if column.name not in table.key:
                row[column.name] = f"{column.name}0"
            elif table.kind == "window":
                row[column.name] = f"{column.name}{number % 5}"
    return row


def load_id(number: int) -> str:
    return f"{1_780_000_000 + 1000 * number}.25"


class History:
    """The lake of the named tables (default: all of the sources), judged whole by the gate."""

    def __init__(self, home: Path, *names: str, per_day: int = 20, empty: int = 0, spoil: Spoil = unspoilt) -> None:
        chosen = [each for each in tables() if not names or each.full_name in names]
        self.empty = empty
        self.lake = TinyLake(home, *dict.fromkeys(each.source for each in chosen))
        self.settings = self.lake.settings
        for table in chosen:
            self._write(table, per_day, spoil)
        for name in self.settings.sources:
            self._cover(name)

    def _write(self, table: Table, per_day: int, spoil: Spoil) -> None:
        """All loads of a table in one file; files people edit are one load, which is read whole."""
        rows, loads = [], []
        for number, day in enumerate(DAYS):
            usual = [usual_row(table, day, each) for each in range(per_day)]
            found = spoil(table, HISTORY - 1 - number, usual)
            rows += found
            loads += [load_id(number if source(table.source).is_api else 0)] * len(found)
        built = pa.Table.from_pylist(rows, schema=table.arrow_schema()).append_column(LOAD_ID.name, pa.array(loads))
        pq.write_table(built, Path(self.settings.lake_url) / table.source / table.name / f"{load_id(0)}.0.parquet")

    def _cover(self, name: str) -> None:
        windows = bookkeeping(name)[0]
        entries, loads = [], []
        for number in range(HISTORY + self.empty if source(name).is_api else 1):
            day = DAYS[0] + dt.timedelta(days=number)
            start, end = (day, day + dt.timedelta(days=1)) if source(name).is_api else FILE_WINDOW
            for table in source(name).tables:
                entries.append({"table_name": table, "window_start": start, "window_end": end, "pulled_at": PULLED_AT})
                loads.append(load_id(number))
            self.commit(name, number)
        built = pa.Table.from_pylist(entries, schema=windows.arrow_schema())
        built = built.append_column(LOAD_ID.name, pa.array(loads))
        pq.write_table(built, Path(self.settings.lake_url) / name / windows.name / f"{load_id(0)}.0.parquet")

    def _record(self, name: str, number: int) -> Path:
        return Path(self.settings.lake_url) / name / "_dlt_loads" / f"{name}__{load_id(number)}.jsonl"

    def commit(self, name: str, number: int) -> None:
        """Make a load count."""
        self._record(name, number).write_text(json.dumps({"load_id": load_id(number), "status": 0}) + "\n")

    def forget(self, loads: int) -> None:
        """As it was so many pulls earlier."""
        for name in self.settings.sources:
            for number in range(HISTORY + self.empty - loads, HISTORY + self.empty):
                self._record(name, number).unlink(missing_ok=True)


def changed(column: str, change: Callable[[object], object], share: float = 1.0) -> Callable[[list[Row]], list[Row]]:
    """The rows with another value of a column, in that share of them."""

    def rows(before: list[Row]) -> list[Row]:
        hit = round(share * len(before))
        return [
            {**row, column: change(row[column])} if at < hit and column in row else row for at, row in enumerate(before)
        ]

    return rows


def on(days: Mapping[int, Callable[[list[Row]], list[Row]]]) -> Spoil:
    """Other rows on the days that lie so many days back."""
    return lambda _, ago, rows: days[ago](rows) if ago in days else rows


def thousandfold(value: object) -> object:
    if isinstance(value, Decimal):
        return value * 1000
    return value * 1000 if isinstance(value, int | float) else value
