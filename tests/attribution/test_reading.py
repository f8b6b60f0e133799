"""Files that people have: recognised by their columns, or refused with file, row, column and the mend in one line."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attribution.engine import attribute
from attribution.model import AttributionError, Settings, Unit

QUICK = Settings(bootstrap=0, minimum_conversions=0)


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "export.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


WRONG = [
    ("a,b\n1,2\n", r"its columns \(a, b\) are not those of counted paths .* rename them"),
    ("path,conversions\na > b,1\na,x\n", r"line 3, column conversions: 'x': write a whole number"),
    ("path,conversions\na,1.5\n", r"line 2, column conversions: '1.5': write a whole number"),
    ("path,conversions\na,\n", r"line 2, column conversions: is empty"),
    ("path,conversions,nulls\na,1,-1\nb,1,-2\n", r"line 2, column nulls \(and 1 more\): '-1'"),
    ('path,conversions,value\na,1,"1,5"\n', r"line 2, column value: '1,5': write an amount with a point"),
    ("path,conversions,value\na,0,4\n", r"line 2, column value: '4': a path without conversions has no value"),
    ("path,conversions\na > > b,1\n", r"line 2, column path: 'a > > b': a channel between two separators"),
    ("Person,Time,Channel,Converted\nx,yesterday,a,1\n", r"line 2, column Time: 'yesterday': write a date and time"),
    ("person,time,channel,converted\nx,2026-03-01,a,maybe\n", r"line 2, column converted: 'maybe': write 1 or 0"),
    ("person,time,channel,converted\nx,2026-03-01,,0\n", r"line 2, column channel: is empty: a touch needs a channel"),
    ("person,time,channel,converted,value\nx,2026-03-01,a,1,€5\n", r"line 2, column value: '€5': write an amount"),
    ("person,time,channel,converted\n", r"there are no rows"),
    (b"\xff\xfe\x00\x01", r"export.csv"),
    ("", r"export.csv"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_is_wrong_is_said_in_one_line_with_the_mend(tmp_path: Path, text: str | bytes, told: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(AttributionError, match=told) as error:
        attribute(file, QUICK)
    assert str(error.value).startswith(str(file)) and "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AttributionError, match=re.escape(f"{tmp_path / 'no.csv'}: there is no such file")):
        attribute(tmp_path / "no.csv", QUICK)


def test_names_of_other_tools_blanks_and_semicolons_are_read(tmp_path: Path) -> None:
    found = attribute(
        written(tmp_path, "Path;Total_Conversions;Total_Conversion_Value;Total_Null\n a>b ;2;3.5;1\n"), QUICK
    )
    assert (found.form, found.totals.conversions, found.totals.nulls) == ("paths", 2, 1)
    assert found.units == (Unit("a"), Unit("b"))


def test_the_same_log_as_csv_and_parquet_of_any_types(tmp_path: Path) -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    times = [dt.datetime(2026, 3, 1, 12, tzinfo=zone), dt.datetime(2026, 3, 2, tzinfo=zone)]
    columns = {
        "person": [7, 7],
        "time": times,
        "channel": ["a", None],
        "converted": [False, True],
        "value": [None, 9.99],
    }
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    text = (
        "person,time,channel,converted,value\n7,2026-03-01T12:00:00+02:00,a,false,\n7,2026-03-01 22:00:00,,TRUE,9.99\n"
    )
    parquet, csv = (attribute(file, QUICK) for file in (tmp_path / "log.parquet", written(tmp_path, text)))
    assert parquet == csv
    assert str(csv.credits["linear"][Unit("a")].value) == "9.99"


def test_a_wrong_cell_of_a_parquet_file_has_its_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": [["a"], ["b"]], "conversions": [1, -1]}), tmp_path / "paths.parquet")
    with pytest.raises(AttributionError, match="row 2, column conversions"):
        attribute(tmp_path / "paths.parquet", QUICK)


def test_no_touches_at_all(tmp_path: Path) -> None:
    found = attribute(written(tmp_path, "person,time,channel,converted\nx,2026-03-01,,1\n"), QUICK)
    assert found.credits["linear"] == {Unit("unattributed"): found.credits["linear"][Unit("unattributed")]}
    assert "0 conversions" in found.withheld["markov"]


def test_touches_of_nobody_are_named(tmp_path: Path) -> None:
    text = "person,time,channel,converted\n,2026-03-01,a,0\nx,2026-03-01,b,1\n"
    assert "1 touches name no person and lead nowhere" in attribute(written(tmp_path, text), QUICK).notes
