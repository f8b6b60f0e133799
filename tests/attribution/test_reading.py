"""Files that people have: recognised by their columns, or refused with file, row, column and the mend in one line."""

from __future__ import annotations

import datetime as dt
import gzip
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
    ("person,time,channel,converted\nx,2026-03-01,a,0.5\n", r"line 2, column converted: '0.5': write 1 or 0"),
    ("path,conversions\na > b,3\na,2,7\nc\n", r"line 3: has 3 cells, the header 2: .* holds ',' in quotation marks"),
    ("path\tconversions\na\t3\nc\n", r"line 3: has 1 cells, the header 2: .* holds a tab in quotation marks"),
    ("path,conversions\n" + "a,1\n" * 30_000 + "a,2,7\n", r"line 30002: has 3 cells, the header 2"),
    ("path,conversions\n\na > b,3\n\nb,x\n", r"line 5, column conversions: 'x'"),
    ('# "Paths\n\n# of May\r\npath,conversions\r\na,3\r\nb,z\r\n', r"line 6, column conversions: 'z'"),
    ('path,conversions\n"a\nb",3\nc,x\n', r"line 4, column conversions: 'x'"),
    ('path,conversions\na,1\n"b,2\nc,3\n', r"line 3: a quotation mark has no partner: close it"),
    ("path,conversions\na,99999999999999999999\n", r"line 2, column conversions: .* write at most 1,000,000,000,000"),
    ("path,conversions,nulls\na,1,99999999999999999999\n", r"line 2, column nulls: .* write at most 1,000,000,000,000"),
    ("path,conversions,value\na,1,1000000000000000\n", r"line 2, column value: .* of at most 15 digits"),
    ("person,time,channel,converted,value\nx,2026-03-01,a,1,1e15\n", r"line 2, column value: .* of at most 15 digits"),
    (b"PK\x03\x04\x14\x00\x06\x00", r"is an Excel workbook or an archive: save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"is an old Excel workbook: save the sheet as CSV"),
    ("path,conversions\na,1\n".encode("utf-16-le"), r"is no text: save it as CSV in UTF-8"),
    ("My report\n\nSource;Sales;Cost\na;1;2\n", r"its columns \(Source, Sales, Cost\) are not those of"),
    (b"\xff\xfe\x00\x01", r"its columns \(.\) are not those of"),
    ("", r"is empty"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_is_wrong_is_said_in_one_line_with_the_mend(tmp_path: Path, text: str | bytes, told: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(AttributionError, match=told) as error:
        attribute(file, QUICK)
    assert str(error.value).startswith(str(file)) and "\n" not in str(error.value)


PLAIN = "path,conversions,value\nRéseau – «été» > b,3,1.50\nb,2,\n"
SAVED = {
    "UTF-8 with its mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "Windows-1252": PLAIN.encode("cp1252"),
    "one byte that is no UTF-8": PLAIN.encode().replace("–".encode(), b"\x96"),
    "semicolons, announced": ("sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n")).encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "a title above": f"My report,,\n\n{PLAIN}".encode(),
    "lines that end in two ways": PLAIN.replace("\n", "\r\n", 2).encode(),
    "a title's line that ends in another way": f"# it's \"mine\n{PLAIN}".encode().replace(b"\n", b"\r\n", 1),
    "rows of nothing": PLAIN.replace("\n", "\n\n").encode() + b"  \n",
    "empty cells behind": PLAIN.replace("\n", ",,\n").encode(),
    "more behind than the header has": PLAIN.encode().replace(b"2,\n", b"2,,,,\n"),
}


@pytest.mark.parametrize("saved", SAVED)
def test_a_csv_reads_the_same_however_it_was_saved(tmp_path: Path, saved: str) -> None:
    (tmp_path / "plain").mkdir()
    assert attribute(written(tmp_path, SAVED[saved]), QUICK) == attribute(written(tmp_path / "plain", PLAIN), QUICK)


def test_compressed_texts_and_late_quotation_marks(tmp_path: Path) -> None:
    text = "path,conversions\n" + "a,1\n" * 30_000 + '"b, c",7\n'
    zipped = tmp_path / "export.csv.gz"
    zipped.write_bytes(gzip.compress(text.encode()))
    found = attribute(zipped, QUICK)
    assert {unit: int(each.conversions) for unit, each in found.credits["linear"].items()} == {
        Unit("a"): 30_000,
        Unit("b, c"): 7,
    }
    zipped.write_bytes(zipped.read_bytes()[:40])
    with pytest.raises(AttributionError, match="cannot be read"):
        attribute(zipped, QUICK)


def test_columns_of_one_name_and_one_that_duckdb_has(tmp_path: Path) -> None:
    found = attribute(written(tmp_path, "path,conversions,Conversions,rowid,,\na,3,4,x,y,z\n"), QUICK)
    assert found.totals.conversions == 3


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


def test_ids_channels_and_flags_of_a_parquet_file_may_be_numbers(tmp_path: Path) -> None:
    """Ids are in the order of their size, in a CSV too; a pandas column with gaps has floats for flags."""
    day = dt.datetime(2026, 3, 1)
    columns = {
        "person": [7, 7, 7],
        "time": [day, day, day + dt.timedelta(days=1)],
        "channel": [2, 1, None],
        "converted": [0.0, None, 1.0],
        "touch_id": [9, 10, None],
    }
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    text = "person,time,channel,converted,touch_id\n7,2026-03-01,2,0.0,9\n7,2026-03-01,1,,10\n7,2026-03-02,,1.0,\n"
    parquet, csv = (attribute(file, QUICK) for file in (tmp_path / "log.parquet", written(tmp_path, text)))
    assert parquet == csv
    assert csv.credits["first_touch"][Unit("2")].conversions == 1
    assert csv.credits["last_touch"][Unit("1")].conversions == 1


def test_an_empty_person_is_nobody_in_parquet_too(tmp_path: Path) -> None:
    day = dt.datetime(2026, 3, 1)
    columns = {
        "person": ["", "", "x"],
        "time": [day] * 3,
        "channel": ["a", None, "b"],
        "converted": [False, True, True],
    }
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    text = "person,time,channel,converted\n,2026-03-01,a,0\n,2026-03-01,,1\nx,2026-03-01,b,1\n"
    parquet, csv = (attribute(file, QUICK) for file in (tmp_path / "log.parquet", written(tmp_path, text)))
    assert parquet == csv
    assert parquet.credits["linear"][Unit("unattributed")].conversions == 1
    assert "1 touches name no person and lead nowhere" in parquet.notes


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
