"""Vendor rows to Arrow: what is parsed, what is refused, what fails the load."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import TypeChangedError
from ingestion.registry import Column, Table
from ingestion.rows import build

TABLE = Table(
    source="hubspot",
    name="things",
    kind="window",
    day_column="day",
    key=("thing_id",),
    description="For tests.",
    columns=(
        Column("thing_id", "string", "Id.", nullable=False),
        Column("day", "date", "Day.", nullable=False),
        Column("amount", "decimal", "Amount sent as text.", as_text=True),
        Column("count", "integer", "Count."),
        Column("ratio", "double", "Ratio."),
        Column("happened_at", "timestamp", "Moment."),
        Column("flag", "boolean", "Flag."),
        Column("ids", "strings", "Ids."),
    ),
)
ROW: dict[str, Any] = {
    "thing_id": "1",
    "day": "2026-03-01",
    "amount": "12.345",
    "count": 3,
    "ratio": 0.5,
    "happened_at": "2026-03-01T10:00:00.5+02:00",
    "flag": True,
    "ids": ["a", "b"],
}


def test_a_row_becomes_the_declared_types() -> None:
    table, refused = build(TABLE, [ROW])
    assert refused == []
    assert table.schema == TABLE.arrow_schema()
    assert table.to_pylist() == [
        {
            "thing_id": "1",
            "day": dt.date(2026, 3, 1),
            "amount": Decimal("12.34"),
            "count": 3,
            "ratio": 0.5,
            "happened_at": dt.datetime(2026, 3, 1, 8, 0, 0, 500_000, tzinfo=dt.UTC),
            "flag": True,
            "ids": ["a", "b"],
        }
    ]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("amount", "a lot", "amount: not a number"),
        ("amount", "1e20", "amount: too large for an amount (16 digits)"),
        ("amount", "NaN", "amount: not a finite number"),
        ("count", 1.5, "count: not a whole number"),
        ("ratio", 10**400, "ratio: too large a number"),
        ("ids", ["a", {"b": 1}], "ids: not only texts"),
        ("thing_id", "\ud800", "thing_id: not a text (half a character)"),
        ("happened_at", "9" * 30, "happened_at: not of its form"),
        ("happened_at", "yesterday", "happened_at: not a timestamp (ISO 8601)"),
        ("day", "31/12/2026", "day: not a date (ISO 8601)"),
        ("day", None, "day is empty"),
    ],
)
def test_what_cannot_be_parsed_is_refused_with_its_reason(column: str, value: Any, reason: str) -> None:
    table, refused = build(TABLE, [ROW, {**ROW, column: value}, ROW])
    assert [(refusal.index, refusal.column, refusal.reason) for refusal in refused] == [(1, column, reason)]
    assert table.num_rows == 2
    assert str(value) not in refused[0].value_type


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("amount", 12.5, "things.amount changed: declared string (decimal), received number"),
        ("thing_id", 7, "things.thing_id changed: declared string (string), received number"),
        ("count", "secret@example.com", "things.count changed: declared number (integer), received string(18)"),
        ("flag", "true", "things.flag changed: declared boolean (boolean), received string(4)"),
        ("ids", "a", "things.ids changed: declared array (strings), received string(1)"),
        (
            "happened_at",
            {"at": 1},
            "things.happened_at changed: declared datetime/string (timestamp), received object(1)",
        ),
    ],
)
def test_another_json_type_fails_the_load_without_showing_the_value(column: str, value: Any, message: str) -> None:
    with pytest.raises(TypeChangedError) as caught:
        build(TABLE, [ROW, {**ROW, column: value}])
    assert message in str(caught.value)
    assert "secret@example.com" not in str(caught.value)


def test_absent_and_empty_are_null_and_nulls_come_in() -> None:
    table, refused = build(TABLE, [{"thing_id": "", "day": "2026-03-01", "amount": ""}])
    assert refused == []
    assert table.to_pylist()[0] == {**dict.fromkeys(ROW), "day": dt.date(2026, 3, 1)}


def test_rows_given_by_column_are_judged_like_rows_given_one_by_one() -> None:
    rows = [ROW, {**ROW, "amount": "a lot"}, {**ROW, "thing_id": "", "ids": None}]
    columns = {column.name: [row[column.name] for row in rows] for column in TABLE.columns}
    (by_row, refused), (by_column, refused_too) = build(TABLE, rows), build(TABLE, columns)
    assert by_column.equals(by_row)
    assert [each.index for each in refused_too] == [1]
    assert refused_too == refused


def test_moments_without_a_zone_are_utc_and_milliseconds_are_read() -> None:
    rows = [{**ROW, "happened_at": value} for value in ("2026-03-01T10:00:00", "1772359200000")]
    table, _ = build(TABLE, rows)
    assert table.column("happened_at").to_pylist() == [dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)] * 2


VALUES = {
    "string": st.text(),
    "decimal": st.text() | st.decimals().map(str),
    "integer": st.integers() | st.floats(),
    "double": st.integers() | st.floats() | st.integers(min_value=10**307),
    "date": st.text() | st.dates().map(str),
    "timestamp": st.text() | st.datetimes().map(str) | st.integers().map(str),
    "boolean": st.booleans(),
    "strings": st.lists(st.text() | st.none()),
}
ROWS = st.lists(
    st.fixed_dictionaries({}, optional={c.name: st.none() | st.just("") | VALUES[c.type] for c in TABLE.columns})
)


@given(ROWS)
def test_rows_received_are_rows_accepted_and_rows_refused(rows: list[dict[str, Any]]) -> None:
    try:
        table, refused = build(TABLE, rows)
    except TypeChangedError:
        return
    assert table.num_rows + len(refused) == len(rows)
    indices = [refusal.index for refusal in refused]
    assert indices == sorted(set(indices) & set(range(len(rows))))
