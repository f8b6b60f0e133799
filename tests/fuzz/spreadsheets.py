"""Files as nobody would save them: arbitrary bytes, valid files damaged, tables of random cells."""

import csv
import io
import random
import zipfile
from collections.abc import Callable
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl

from ingestion.sources.spreadsheets import Reader
from ingestion.sources.spreadsheets.files import EXCEL_EPOCH, File, columns, header
from ingestion.tables.model import Table
from ingestion.tables.spreadsheets import SOURCE, TOUCH_TYPES
from tests.fuzz.feeding import ADDRESS, Outcome, context, feed

TABLES = tuple(SOURCE.tables.values())
CELLS: dict[str, tuple[Any, ...]] = {
    "date": ("2026-03-31", "31/03/2026", "3.4.2026", "20260331", "46112", "2026-03-31T10:00:00"),
    "timestamp": ("2026-03-31", "31/03/2026 9:30", "2026-03-31T10:00:00+02:00", "46112,5", "2026-03-31 14:30"),
    "string": ("EUR", "google_ads", "été", "a, b; c", "=1+1", "month", "007", "ligne"),
    "decimal": ("1234.5", "1 234,56", "1.234,56", "12 %", "0", "-5", "12 €"),
    "double": ("0.5", "1,5", "1e3", "12 %"),
    "integer": ("1", "1 000", "2026", "0"),
}
ODD: tuple[Any, ...] = (
    "", " ", None, "#N/A", "#REF!", "NaN", "inf", "1e999999999", "9" * 400, "1.2.3", "31/02/2026", "00/00/0000", "\x00",
    "\ufffd", "\u202e", "\u2028", "a\nb", "'", '"', ";;;", ADDRESS, "٣", "²", "½", "∞", "𝟘", "-", "+", ".", ",", "%",
    "€", "0" * 50, "1,234", "TRUE", "9999-12-31", "0000-00-00", "1e-999", "\ud7ff", "\U0001f4a9" * 30, "99999",
    "1900-02-29",
)  # fmt: skip
TYPED: tuple[Any, ...] = (True, 0, -1, 1.5, 1e308, 46112, 46112.5, 10**15, EXCEL_EPOCH, EXCEL_EPOCH.time())


class Memory:
    """A folder of one file, for `File`."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def open(self, _path: str, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._content)


def arbitrary(rng: random.Random) -> Outcome:
    """Bytes without any meaning, or with a workbook's first ones."""
    start = rng.choice(
        [b"", b"", b"PK\x03\x04", b"\xff\xfe", b"\xef\xbb\xbf", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"sep=;\n"]
    )
    return read(
        rng.choice(TABLES), rng.choice([".csv", ".xlsx"]), start + rng.randbytes(rng.choice([0, 1, 8, 200, 3000]))
    )


def damaged_csv(rng: random.Random) -> Outcome:
    """A CSV file with bytes flipped, cut, inserted, doubled or encoded otherwise."""
    table = rng.choice(TABLES)
    text = _csv(rng, _grid(rng, table, odd=0.05))
    content = text.encode(
        rng.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"] * 3 + ["utf-16-le", "utf-32"]), "replace"
    )
    # Damage to the header is soon said: most of it goes below.
    below = rng.choice([0, *[min(len(content), 2 * len(text.partition("\n")[0]))] * 4])
    return read(table, ".csv", content[:below] + damage(rng, content[below:]))


def table_csv(rng: random.Random) -> Outcome:
    """A well-formed CSV file of cells that may hold anything: every row of it must be accounted for."""
    table = rng.choice(TABLES)
    grid = _grid(rng, table, odd=0.04)
    return read(table, ".csv", _csv(rng, grid).encode(), expected=_filled(table, grid))


def table_xlsx(rng: random.Random) -> Outcome:
    """The same as a workbook, with typed cells."""
    table = rng.choice(TABLES)
    grid = [[_storable(cell) for cell in row] for row in _grid(rng, table, odd=0.04, typed=True)]
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(rng.choice(["Sheet1", table.name, "é"]))
    for row in grid:
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return read(table, ".xlsx", content.getvalue(), expected=_filled(table, grid))


def damaged_xlsx(rng: random.Random) -> Outcome:
    """A workbook with a part of it damaged, and its checksums right again; or its bytes as they lie."""
    table = rng.choice(TABLES)
    content = _workbook(table)
    if rng.random() < 0.2:
        return read(table, ".xlsx", damage(rng, content))
    parts = dict(_parts(content))
    name = rng.choice(sorted(parts))
    change: Callable[[random.Random, bytes], bytes] = rng.choice([damage, _edit_xml, _edit_xml])
    parts[name] = change(rng, parts[name])
    if rng.random() < 0.1:
        del parts[rng.choice(sorted(parts))]
    damaged = io.BytesIO()
    with zipfile.ZipFile(damaged, "w") as archive:
        for each, held in parts.items():
            archive.writestr(each, held)
    return read(table, ".xlsx", damaged.getvalue())


def read(table: Table, suffix: str, content: bytes, expected: int | None = None) -> Outcome:
    """A file of that type, ending and content; `expected` rows, where that is known."""
    file = File(f"{table.name}{suffix}", Memory(content), "")  # type: ignore[arg-type]
    within = context("spreadsheets")
    reader = Reader(table, within.hasher, ZoneInfo("Europe/Paris"))
    return feed(within, partial(reader.read, [file]), expected=expected)  # type: ignore[arg-type]


def _grid(rng: random.Random, table: Table, *, odd: float, typed: bool = False) -> list[list[Any]]:
    """A header and rows of mostly sensible cells."""
    names = header(table)
    grid: list[list[Any]] = [list(names)]
    for number in range(rng.randrange(12)):
        row = [rng.choice(CELLS[column.type]) for column in columns(table)]
        for name, fixed in (("currency", "EUR"), ("email", ADDRESS), ("touch_type", rng.choice(TOUCH_TYPES))):
            if name in names:
                row[names.index(name)] = fixed
        row[1] = f"{row[1]}{number}" if columns(table)[1].type == "string" else row[1]
        for index in range(len(row)):
            if rng.random() < odd:
                row[index] = rng.choice((*ODD, *TYPED) if typed else ODD)
        grid.append(row)
    return grid


def _filled(table: Table, grid: list[list[Any]]) -> int:
    return sum(any(cell is not None and str(cell).strip() for cell in row) for row in grid[1:])


def _csv(rng: random.Random, grid: list[list[Any]]) -> str:
    text = io.StringIO(newline="")
    ending = rng.choice(["\n", "\r\n"])
    quoting = rng.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
    csv.writer(text, delimiter=rng.choice(",;\t|"), lineterminator=ending, quoting=quoting).writerows(grid)
    return text.getvalue()


def _storable(cell: Any) -> Any:
    """openpyxl refuses to write control characters and long texts, and makes a formula of a leading =."""
    return "".join(each for each in cell if each >= " ").lstrip("=") if isinstance(cell, str) else cell


@cache
def _workbook(table: Table) -> bytes:
    rng = random.Random(1)
    book = openpyxl.Workbook()
    book.active.title = "Sheet1"
    for row in (*_grid(rng, table, odd=0.05), *_grid(rng, table, odd=0, typed=True)[1:]):
        book.active.append([_storable(cell) for cell in row])
    book.active["A30"] = "=1+1"
    book.active.merge_cells("B31:C32")
    book.create_sheet("hidden").sheet_state = "hidden"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _parts(content: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def damage(rng: random.Random, content: bytes) -> bytes:
    """Bytes flipped, inserted, deleted, doubled or cut off."""
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0:
                changed[at : at + 1] = rng.randbytes(1)
            case 1:
                changed[at:at] = rng.choice([b'"', b"\n", b"\x00", b";", b"\xff", b"<", b"\r", rng.randbytes(4)])
            case 2:
                del changed[at : at + rng.randrange(1, 50)]
            case 3:
                changed[at:at] = changed[max(0, at - 60) : at]
            case 4:
                del changed[at:]
    return bytes(changed)


def _edit_xml(rng: random.Random, content: bytes) -> bytes:
    """Change one attribute's or element's text, or drop a tag."""
    pieces = content.split(b'"') if rng.random() < 0.6 else content.split(b">")
    join = b'"' if b'"'.join(pieces) == content else b">"
    at = rng.randrange(len(pieces))
    odd = [
        b"",
        b"-1",
        b"99999999999",
        b"A0",
        b"ZZZZZ9",
        b"A1:",
        b"1e999",
        b"n",
        b"e",
        b"f",
        b"b",
        b"d",
        b"inlineStr",
        b"str",
    ]
    odd += [b"99999", b"hidden", b"#N/A", b"NaN", b"_xD800_", b"&#0;", b"x" * 3000, b"A1:XFD1048576", b"1048577"]
    pieces[at] = rng.choice(odd)
    return join.join(pieces)
