"""XLSX files: `bytes → rows of cell values`, streamed, formulas by the value they were saved with.

Read are the visible sheet named like the type or, where there is none, every visible sheet whose header fits: a year a
tab is common. Belongs here: what openpyxl does not say by itself, namely formulas saved without a value and cells
that are part of a merged one.
"""

import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from itertools import islice, repeat
from typing import IO, Any

from openpyxl import load_workbook
from openpyxl.utils.cell import range_boundaries

from ingestion.errors import KpiloteError
from ingestion.sources.spreadsheets.files import (
    CHUNK_BYTES,
    HEADER_ROWS,
    File,
    Line,
    Unreadable,
    find_header,
    fitting,
    lines,
    shown,
)
from ingestion.tables.model import Table

# The container of .xls files and of workbooks under a password.
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
MAX_ROWS = 1_048_576
MAX_UNPACKED_BYTES = 8 << 30
NO_VALUE = Unreadable("is a formula without a saved value; open the file, save it again, or type the value")
MERGED = Unreadable("is part of merged cells; unmerge them and fill in every row")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})[\"']")
Area = tuple[int, int, int, int]

# It warns of missing styles and the like, which no value depends on.
warnings.filterwarnings("ignore", module="openpyxl")


def read(table: Table, file: File) -> Iterator[Line]:
    """The rows of a workbook."""
    try:
        with file.open() as content:
            yield from _read(table, file, content)
    except KpiloteError:
        raise
    # A damaged workbook fails anywhere in zipfile, the XML parser and openpyxl, each with errors of its own.
    except Exception as error:
        raise file.refusal(f"is not a readable .xlsx file ({type(error).__name__}): save it again") from None


def _read(table: Table, file: File, content: IO[bytes]) -> Iterator[Line]:
    with zipfile.ZipFile(content) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED_BYTES:
            raise file.refusal(f"unpacks to more than {MAX_UNPACKED_BYTES >> 30} GB: save it as .csv")
        with closing(load_workbook(content, read_only=True, data_only=True)) as book:
            file.epoch = book.epoch
            visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            named = [sheet for sheet in visible if sheet.title.strip().lower() == table.name]
            headers = {sheet.title: find_header(table, _head(sheet)) for sheet in named or visible}
            chosen = {title: each for title, each in headers.items() if each.fits}
            if not headers:
                raise file.refusal("has no visible sheet: show the one to read")
            if not chosen:
                fitting(table, file, min(headers.values(), key=lambda each: len(each.missing)))
            for title, found in chosen.items():
                place = file.name if len(chosen) == 1 else f"{file.name} [{shown(title)}]"
                rows = _rows(file, content, archive, book[title], len(found.names))
                yield from lines(found, place, islice(rows, found.number, None), exact=False)


def _head(sheet: Any) -> list[Sequence[Any]]:
    # What a file says of its own size is often wrong, and would cut rows and columns off.
    sheet.reset_dimensions()
    return list(islice(sheet.iter_rows(values_only=True), HEADER_ROWS))


def _rows(file: File, content: IO[bytes], archive: zipfile.ZipFile, sheet: Any, width: int) -> Iterator[list[Any]]:
    """Every row of a sheet, cells without a value of their own marked."""
    formulas, merged = _scan(archive, sheet._worksheet_path)
    values = sheet.iter_rows(values_only=True)
    with closing(load_workbook(content, read_only=True)) if formulas else nullcontext() as typed:
        kinds: Iterator[Sequence[Any]] = repeat(())
        if typed is not None:
            typed[sheet.title].reset_dimensions()
            kinds = typed[sheet.title].iter_rows()
        for number, (row, kind) in enumerate(zip(values, kinds, strict=False), start=1):
            if number > MAX_ROWS:
                raise file.refusal(f"has more than {MAX_ROWS:,} rows: save it as .csv")
            cells = list(row)
            for index, cell in enumerate(kind):
                if index < len(cells) and cells[index] is None and getattr(cell, "data_type", "") == "f":
                    cells[index] = NO_VALUE
            for left, top, right, bottom in merged:
                if top <= number <= bottom:
                    cells += [None] * (width - len(cells))
                    for column in range(left, min(right, width) + 1):
                        if (column, number) != (left, top):
                            cells[column - 1] = MERGED
            yield cells


def _scan(archive: zipfile.ZipFile, path: str) -> tuple[bool, list[Area]]:
    """Whether a sheet holds formulas, and its merged areas: openpyxl streams values without either."""
    formulas, merged, rest = False, [], b""
    with archive.open(path) as sheet:
        while chunk := sheet.read(CHUNK_BYTES):
            text = rest + chunk
            formulas = formulas or _FORMULA.search(text) is not None
            # A tag cut by the end of a chunk is seen with the next one.
            cut = text.rfind(b"<")
            rest = text[cut:][:1000]
            merged += [_area(each) for each in _MERGED.findall(text[:cut])]
    merged += [_area(each) for each in _MERGED.findall(rest)]
    return formulas, merged


def _area(text: bytes) -> Area:
    left, top, right, bottom = range_boundaries(text.decode())
    return int(left or 1), int(top or 1), int(right or 1), int(bottom or 1)
