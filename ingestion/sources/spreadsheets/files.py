"""Opening spreadsheets: `bytes of a CSV or XLSX file → (row number, cells by column)`, after checking the header.

CSV files come in any common encoding and separator, as Excel of a French or English system saves them.
"""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from ingestion.errors import SourceError
from ingestion.tables.model import Table
from ingestion.tables.spreadsheets import ADDED

SUFFIXES = (".csv", ".xlsx")
SEPARATORS = (",", ";", "\t", "|")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass
class File:
    """A file's name and bytes; `semicolons` is found while a CSV is read: its writer uses decimal commas."""

    name: str
    content: bytes
    semicolons: bool = False


def header(table: Table) -> tuple[str, ...]:
    """The columns a file of this type has, in the order of its template."""
    return tuple(column.name for column in table.columns if column.name not in ADDED)


def read_file(table: Table, file: File) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows with anything in them, numbered as a spreadsheet shows them (the header is row 1)."""
    lines = _xlsx(table, file) if file.name.lower().endswith(".xlsx") else _csv(table, file)
    names = _checked_header(table, file, next(lines, []))
    for number, line in enumerate(lines, start=2):
        cells = {name: value for name, value in zip(names, line, strict=False) if name}
        if any(value is not None and str(value).strip() for value in cells.values()):
            yield number, cells


def _checked_header(table: Table, file: File, line: Sequence[Any]) -> list[str]:
    """The declared column each cell of the header stands for, "" where it stands for none."""
    wanted = header(table)
    found = ["_".join(str(cell or "").strip().lower().split()) for cell in line]
    missing = [name for name in wanted if name not in found]
    repeated = sorted({name for name in wanted if found.count(name) > 1})
    if missing or repeated:
        fault = f"lacks the column {', '.join(missing)}" if missing else f"has the column {', '.join(repeated)} twice"
        raise SourceError(
            "spreadsheets",
            f"{file.name}: the header (row 1) {fault}; it must hold {', '.join(wanted)}"
            f" (template: ingestion/templates/{table.name}.csv)",
        )
    return [name if name in wanted else "" for name in found]


def _csv(table: Table, file: File) -> Iterator[list[Any]]:
    text = _decoded(file)
    first = text.split("\n", 1)[0]
    wanted = set(header(table))
    separator = max(
        SEPARATORS, key=lambda each: len(wanted & {cell.strip(' "\r').lower() for cell in first.split(each)})
    )
    file.semicolons = separator == ";"
    return iter(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def _decoded(file: File) -> str:
    if file.content.startswith(_UTF16_MARKS):
        return file.content.decode("utf-16")
    try:
        return file.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What Excel writes on a Western European Windows; it decodes any byte that matters here.
        return file.content.decode("cp1252", errors="replace")


def _xlsx(table: Table, file: File) -> Iterator[list[Any]]:
    """The sheet named like the type, else the first; formulas give the values they were saved with."""
    try:
        book = load_workbook(io.BytesIO(file.content), read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError) as error:
        reason = type(error).__name__
        raise SourceError(
            "spreadsheets", f"{file.name} is not a readable .xlsx file ({reason}): save it again"
        ) from None
    sheet = book[table.name] if table.name in book.sheetnames else book.worksheets[0]
    return (list(line) for line in sheet.iter_rows(values_only=True))
