"""Spreadsheets from real life, read without a lake: what each form of file, header and cell becomes, or says."""

import datetime as dt
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from ingestion.errors import SourceError
from ingestion.privacy import Hasher
from ingestion.registry import table
from ingestion.sources import spreadsheets
from ingestion.sources.spreadsheets import Reader, find
from ingestion.sources.spreadsheets.files import File, columns
from ingestion.tables.spreadsheets import ADDED, ALIASES, SOURCE

HASHER, PARIS = Hasher("key"), ZoneInfo("Europe/Paris")
HEADER = ["date", "platform", "channel", "campaign", "spend", "currency", "impressions", "clicks"]
ROW = ["2026-03-31", "google_ads", "paid_search", "été", "1234.5", "EUR", "1000", "10"]
READ = {
    "date": dt.date(2026, 3, 31), "platform": "google_ads", "channel": "paid_search", "campaign": "été",
    "spend": Decimal("1234.50"), "currency": "EUR", "impressions": 1000, "clicks": 10,
}  # fmt: skip
Read = tuple[list[dict[str, Any]], list[str]]


def read(folder: Path, kind: str = "ad_spend") -> Read:
    """Rows accepted and reasons of those refused, of every file of a type."""
    batches = list(Reader(SOURCE.tables[kind], HASHER, PARIS).read(find(str(folder), SOURCE.tables)[kind]))
    assert all(each.received == each.rows.num_rows + len(each.refused) for each in batches)
    rows = [row for each in batches for row in each.rows.to_pylist()]
    return rows, [refusal.reason for each in batches for refusal in each.refused]


def csv_of(folder: Path, *rows: list[str], separator: str = ";", name: str = "ad_spend.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(separator.join(row) for row in rows), encoding="utf-8")
    return path


def workbook(folder: Path, *rows: list[Any], name: str = "ad_spend.xlsx") -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(folder / name)
    return book


def changed(**cells: Any) -> list[Any]:
    return [cells.get(name, value) for name, value in zip(HEADER, ROW, strict=True)]


def only(folder: Path, kind: str = "ad_spend") -> dict[str, Any]:
    (row,), refused = read(folder, kind)
    assert refused == []
    return {name: value for name, value in row.items() if name not in ADDED}


OTHER = changed(date="2026-03-30")  # a good row beside a wrong one
FRENCH = ["Jour", "Plateforme", "Canal", "Campagne", "Dépense", "Devise", "Impressions", "Clics"]


@pytest.mark.parametrize(
    "header",
    [HEADER, [name.upper() for name in HEADER], [f" {name} " for name in HEADER], FRENCH, [*HEADER, "", ""]],
    ids=["plain", "capitals", "blanks", "french", "empty-columns"],
)
@pytest.mark.parametrize("above", [[], [["Export of 1 April"], [""]]], ids=["first-row", "notes-above"])
def test_a_header_is_found(header: list[str], above: list[list[str]], tmp_path: Path) -> None:
    csv_of(tmp_path, *above, header, ROW, [""] * len(header), [""])
    assert only(tmp_path) == READ


def test_columns_may_stand_in_any_order_and_beside_others(tmp_path: Path) -> None:
    csv_of(tmp_path, ["note", *HEADER[::-1]], ["x", *ROW[::-1]], separator="|")
    assert only(tmp_path) == READ


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (["campain" if name == "campaign" else name for name in HEADER], "rename 'campain' to campaign"),
        (["Dépensé" if name == "spend" else name for name in HEADER[:-1]], "(row 1) lacks the column clicks;"),
        ([*HEADER, "Dépense", "depenses"], None),
        (["jour", "jour", *HEADER[1:]], "has the column date twice"),
    ],
)
def test_a_header_that_cannot_be_mapped_says_what_is_near(header: list[str], said: str | None, tmp_path: Path) -> None:
    csv_of(tmp_path, header, [*ROW, "", ""][: len(header)])
    if said is None:
        assert only(tmp_path) == READ
        return
    with pytest.raises(SourceError) as caught:
        read(tmp_path)
    assert said in str(caught.value)


def test_no_alias_is_another_column_or_means_two_of_one_file() -> None:
    names = {column.name for each in SOURCE.tables.values() for column in columns(each)}
    aliases = [alias for several in ALIASES.values() for alias in several]
    assert len(aliases) == len(set(aliases))
    assert set(ALIASES) <= names
    assert not names & set(aliases)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    text = ("\ufeff" if encoding == "utf-16-le" else "") + "\n".join(map(";".join, (HEADER, ROW)))
    (tmp_path / "ad_spend.csv").write_bytes(text.encode(encoding))
    assert only(tmp_path) == READ


def test_excels_own_first_line_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "ad_spend.csv").write_text("sep=|\r\n" + "\r\n".join(map("|".join, (HEADER, ROW))))
    (row,), _ = read(tmp_path)
    assert row["row_number"] == 2


NUMBERS = {
    "1234.5": 1234.5, "1 234,56": 1234.56, "1\u202f234,56": 1234.56, "1\u00a0234,56 €": 1234.56, "1.234,56": 1234.56,
    "1,234.56": 1234.56, "1'234.56": 1234.56, "1.234.567": 1234567, "12 %": 0.12, "12,5%": 0.125, "−3": -3,
    "1E+05": 100000, ",5": 0.5, "0,972": 0.972, "€ 12": 12, "1 234 567,1": 1234567.1,
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), NUMBERS.items())
def test_numbers(text: str, value: float, tmp_path: Path) -> None:
    csv_of(tmp_path, HEADER, changed(spend=text))
    assert float(only(tmp_path)["spend"]) == pytest.approx(value, abs=0.006)


@pytest.mark.parametrize(
    ("separator", "text", "value"),
    [(",", "1.234", 1.23), (",", '"1,234"', None), (";", "1,234", 1.23), (";", "1.234", None), ("\t", "1.234", None)],
)
def test_a_number_that_may_mean_two_is_refused_unless_the_file_shows_its_sign(
    separator: str, text: str, value: float | None, tmp_path: Path
) -> None:
    csv_of(tmp_path, HEADER, changed(spend=text), OTHER, separator=separator)
    rows, refused = read(tmp_path)
    assert [float(row["spend"]) for row in rows if row["row_number"] == 2] == ([] if value is None else [value])
    assert all("may mean two numbers; write 1234 or 1" in reason for reason in refused)


@pytest.mark.parametrize(
    "text", ["1.2.3", "1 2 3", "31.12.2026", "12,50,3", "NaN", "inf", "1e999999999", "--5", "12 USD", "٣", "1,00,000"]
)
def test_what_is_no_number_is_refused(text: str, tmp_path: Path) -> None:
    csv_of(tmp_path, HEADER, changed(spend=text), OTHER)
    _, (reason,) = read(tmp_path)
    assert reason.startswith("ad_spend.csv, row 2, column spend: ")


DATES = {
    "31/12/2026": dt.date(2026, 12, 31), "2026-12-31": dt.date(2026, 12, 31), "03/04/2026": dt.date(2026, 4, 3),
    "3.4.2026": dt.date(2026, 4, 3), "2026/4/3": dt.date(2026, 4, 3), "20260403": dt.date(2026, 4, 3),
    "2026-04-03T10:00:00Z": dt.date(2026, 4, 3), "03/04/2026 10:30": dt.date(2026, 4, 3), "46115": dt.date(2026, 4, 3),
}  # fmt: skip


@pytest.mark.parametrize(("text", "day"), DATES.items())
def test_dates(text: str, day: dt.date, tmp_path: Path) -> None:
    csv_of(tmp_path, HEADER, changed(date=text))
    assert only(tmp_path)["date"] == day


@pytest.mark.parametrize(
    "text",
    ["12/31/2026", "31/12/26", "2026-02-30", "2026-03-31x", "1 avril 2026", "0001-01-01", "9999-12-31", "12", "Total"],
)
def test_what_is_no_date_is_refused(text: str, tmp_path: Path) -> None:
    csv_of(tmp_path, HEADER, changed(date=text), OTHER)
    _, (reason,) = read(tmp_path)
    assert reason == f"ad_spend.csv, row 2, column date: '{text}' is not a date; write 2026-03-31 or 31/03/2026"


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("spend", "#N/A", "'#N/A' is an error of the spreadsheet"),
        ("campaign", "#REF!", "'#REF!' is an error of the spreadsheet"),
        ("campaign", "a\ufffdb", "holds a letter that cannot be read"),
        ("campaign", "a\x07b", "holds an invisible character"),
        ("currency", "$", "'$' is not a currency"),
        ("spend", "12 £", "is in £, but the currency is EUR"),
        ("clicks", "ann@example.com", "'(address)' is not a number"),
        ("clicks", "9" * 30, "is not a whole number"),
        ("spend", "9" * 30, "too large for an amount"),
    ],
)
def test_cells_that_hold_no_value(column: str, text: str, said: str, tmp_path: Path) -> None:
    csv_of(tmp_path, HEADER, changed(**{column: text}), OTHER)
    _, (reason,) = read(tmp_path)
    assert reason.startswith(f"ad_spend.csv, row 2, column {column}: ")
    assert said in reason


@pytest.mark.parametrize("cells", [["2026-03-31", "a", "b", "c", "12", "50", "EUR", "1", "1"], ROW[:5]])
def test_shifted_cells_are_noticed(cells: list[str], tmp_path: Path) -> None:
    csv_of(tmp_path, HEADER, cells, ROW, separator=",")
    _, (reason,) = read(tmp_path)
    assert f"row 2, column date: has {len(cells)} cells, the header 8; put values that hold the separator" in reason


def test_a_quotation_mark_without_its_partner_swallows_no_rows(tmp_path: Path) -> None:
    csv_of(tmp_path, HEADER, ROW, changed(campaign='"open'), ROW, ROW)
    with pytest.raises(SourceError, match=r"ad_spend.csv cannot be read after row 2 .* quotation mark"):
        read(tmp_path)


def test_a_key_that_comes_twice_names_both_rows(tmp_path: Path) -> None:
    other = changed(date="2026-03-30")
    csv_of(tmp_path, HEADER, ROW, other, changed(spend="7"))
    csv_of(tmp_path, HEADER, other, changed(date="2026-03-29"), name="ad_spend_again.csv")
    rows, refused = read(tmp_path)
    assert len(rows) == 3
    assert [reason.partition(":")[0] for reason in refused] == [
        "ad_spend.csv, row 4, column date", "ad_spend_again.csv, row 2, column date",
    ]  # fmt: skip
    assert "stands ad_spend.csv, row 3 already; keep one of them" in refused[1]


def test_a_file_more_than_half_wrong_is_refused_whole(tmp_path: Path) -> None:
    csv_of(tmp_path, HEADER, ROW, changed(spend="x"), changed(spend="y"))
    with pytest.raises(
        SourceError, match=r"ad_spend\.csv is refused: 2 of its 3 rows are wrong, first ad_spend.csv, row 3"
    ):
        read(tmp_path)


@pytest.mark.parametrize("name", ["ad_spend.xls", "Ad Spend 2026.ods", "targets.numbers"])
def test_other_spreadsheets_are_refused_with_the_mend(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SourceError, match=r"is not read; save it as \.xlsx or \.csv"):
        read(tmp_path)


def test_lock_files_hidden_files_and_others_are_left_alone(tmp_path: Path) -> None:
    for name in ("~$ad_spend.xlsx", ".ad_spend.csv.part", "notes.txt", "logo.png", "price list.ods"):
        (tmp_path / name).write_bytes(b"x")
    assert read(tmp_path) == ([], [])


# Workbooks


def test_a_workbook_gives_dates_numbers_and_texts(tmp_path: Path) -> None:
    day = dt.datetime(2026, 3, 31)
    book = workbook(tmp_path, HEADER, [day, *ROW[1:4], 1234.5, "EUR", 1000, 10.0], ["46113", *ROW[1:]], [None] * 8)
    book.active["A3"] = 46113
    book.save(tmp_path / "ad_spend.xlsx")
    rows, _ = read(tmp_path)
    assert [row["date"] for row in rows] == [dt.date(2026, 3, 31), dt.date(2026, 4, 1)]
    assert {name: value for name, value in rows[0].items() if name not in ADDED} == READ


def test_formulas_give_their_saved_value_or_say_that_there_is_none(tmp_path: Path) -> None:
    workbook(tmp_path, HEADER, changed(spend="=1+1"), changed(date="2026-03-01"))
    _, (reason,) = read(tmp_path)
    assert reason.startswith("ad_spend.xlsx, row 2, column spend: is a formula without a saved value;")
    _edit(tmp_path / "ad_spend.xlsx", lambda text: text.replace("<f>1+1</f><v></v>", "<f>1+1</f><v>2</v>")
          .replace("<f>1+1</f><v />", "<f>1+1</f><v>2</v>"))  # fmt: skip
    rows, refused = read(tmp_path)
    assert (float(rows[0]["spend"]), refused) == (2, [])


def _edit(path: Path, change: Callable[[str], str], member: str = "xl/worksheets/sheet1.xml") -> None:
    """Change a member of a workbook, as a program other than openpyxl would have written it."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    after = change(held[member].decode())
    assert after != held[member].decode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**held, member: after.encode()}.items():
            archive.writestr(name, content)


def test_a_workbook_that_lies_about_its_size_is_read_whole(tmp_path: Path) -> None:
    workbook(tmp_path, HEADER, ROW)
    _edit(tmp_path / "ad_spend.xlsx", lambda text: text.replace('ref="A1:H2"', 'ref="A1"'))
    assert only(tmp_path) == READ


def test_merged_cells_are_no_empty_cells(tmp_path: Path) -> None:
    book = workbook(tmp_path, HEADER, *(changed(date=f"2026-03-0{day}") for day in range(1, 6)))
    book.active.merge_cells("D3:D4")
    book.save(tmp_path / "ad_spend.xlsx")
    rows, (reason,) = read(tmp_path)
    assert [row["row_number"] for row in rows] == [2, 3, 5, 6]
    assert (
        reason == "ad_spend.xlsx, row 4, column campaign: is part of merged cells; unmerge them and fill in every row"
    )


def test_hidden_sheets_are_not_read_and_every_fitting_one_is(tmp_path: Path) -> None:
    book = workbook(tmp_path, ["Read me"])
    for title, day in (("2025", "2025-01-01"), ("2026", "2026-01-01"), ("old", "2024-01-01")):
        sheet = book.create_sheet(title)
        sheet.append(HEADER)
        sheet.append(changed(date=day))
    book["old"].sheet_state = "hidden"
    book.save(tmp_path / "ad_spend.xlsx")
    rows, _ = read(tmp_path)
    assert [(row["file_name"], row["row_number"]) for row in rows] == [
        ("ad_spend.xlsx [2025]", 2), ("ad_spend.xlsx [2026]", 2),
    ]  # fmt: skip
    book.create_sheet("ad_spend").append(HEADER)
    book.save(tmp_path / "ad_spend.xlsx")
    assert read(tmp_path) == ([], [])


@pytest.mark.parametrize("value", [True, dt.time(10, 30), dt.datetime(2026, 1, 1)])
def test_cells_of_another_kind_are_refused(value: Any, tmp_path: Path) -> None:
    workbook(tmp_path, HEADER, changed(campaign=value), OTHER)
    _, (reason,) = read(tmp_path)
    assert reason.startswith("ad_spend.xlsx, row 2, column campaign: '")


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    workbook(tmp_path, HEADER, changed(campaign="half"), ROW)
    _edit(tmp_path / "ad_spend.xlsx", lambda text: text.replace("half", "_xD800_"), _texts(tmp_path / "ad_spend.xlsx"))
    rows, refused = read(tmp_path)
    assert len(rows) + len(refused) == 2


def _texts(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return next(name for name in archive.namelist() if b"half" in archive.read(name))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "ad_spend.xlsx is empty"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 600, "is an old .xls or is protected by a password"),
        (b"PK\x03\x04" + b"x" * 100, r"is not a readable .xlsx file \(BadZipFile\): save it again"),
        (b"date;platform", "is no workbook: give it the ending of what it is"),
    ],
)
def test_files_that_are_no_workbook_say_what_they_are(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "ad_spend.xlsx").write_bytes(content)
    with pytest.raises(SourceError, match=said):
        read(tmp_path)


def test_a_workbook_called_csv_is_named(tmp_path: Path) -> None:
    workbook(tmp_path, HEADER, ROW, name="x.xlsx")
    (tmp_path / "x.xlsx").rename(tmp_path / "ad_spend.csv")
    with pytest.raises(SourceError, match=r"ad_spend.csv is a workbook: give it the ending"):
        read(tmp_path)


# Sizes, and what the doctor says


class _Endless:
    """A bucket with one file of a header and a row repeated: `size` bytes that nobody could hold."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def open(self, _path: str, _mode: str) -> Any:
        import io

        outer = self

        class Stream(io.RawIOBase):
            def __init__(self) -> None:
                self.position = 0
                self.largest = 0

            def readable(self) -> bool:
                return True

            def seekable(self) -> bool:
                return True

            def seek(self, offset: int, whence: int = 0) -> int:
                self.position = offset
                return offset

            def readinto(self, buffer: Any) -> int:
                start = ";".join(HEADER).encode() + b"\n"
                row = ";".join(ROW).encode() + b"\n"
                end = len(start) + outer.rows * len(row)
                size = min(len(buffer), end - self.position, 1 << 16)
                if size <= 0:
                    return 0
                if self.position < len(start):
                    text = (start + row * 2000)[self.position :][:size]
                else:
                    text = (row * (size // len(row) + 2))[(self.position - len(start)) % len(row) :][:size]
                buffer[: len(text)] = text
                self.position += len(text)
                return len(text)

        return io.BufferedReader(Stream())


def test_a_large_file_is_streamed() -> None:
    import tracemalloc

    file = File("ad_spend.csv", _Endless(20_000), "x")  # type: ignore[arg-type]
    tracemalloc.start()
    received = 0
    with pytest.raises(SourceError, match="19999 of its 20000 rows are wrong"):
        for batch in Reader(SOURCE.tables["ad_spend"], HASHER, PARIS).read([file]):
            received += batch.received
            del batch
    assert received == 20_000
    assert tracemalloc.get_traced_memory()[1] < 40_000_000
    tracemalloc.stop()


def test_the_doctor_shows_what_would_be_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SPREADSHEETS__URL", str(tmp_path))
    csv_of(tmp_path, HEADER, ROW, changed(date="2026-03-30"))
    assert spreadsheets.check().startswith("1 files; none of type marketing_costs")
    csv_of(tmp_path, HEADER, ROW, changed(date="2026-03-30", spend="x"))
    with pytest.raises(
        SourceError, match=r"a pull would quarantine ad_spend\.csv, row 3, column spend: 'x' is not a number"
    ):
        spreadsheets.check()


def test_years_of_benchmarks_are_years(tmp_path: Path) -> None:
    names = [column.name for column in table("spreadsheets.benchmarks").columns if column.name not in ADDED]
    csv_of(tmp_path, names, ["win_rate", "b2b", "0", "0.2", "x", ""], ["a", "b", "2025", "1", "x", ""],
           name="benchmarks.csv")  # fmt: skip
    rows, refused = read(tmp_path, "benchmarks")
    assert [row["year_start"] for row in rows] == [dt.date(2025, 1, 1)]
    assert refused == ["benchmarks.csv, row 2, column year: '0' is not a year; write it with four digits"]
